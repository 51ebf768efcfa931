"""Captured and indexed updates give the numbers of plain ones."""

import numpy as np
import torch

from algos.datasets.transitions import load_transitions
from algos.training.checkpoints import RunState
from algos.training.config import RunConfig
from algos.training.execution import Execution
from algos.training.trainer import Trainer


def test_the_indexed_program_gives_the_same_numbers(dataset, run_config, tmp_path):
    """What a GPU captures, run without capture."""
    transitions = load_transitions(dataset)
    config = RunConfig.from_document(run_config([0, 1]))
    results = []
    for indexed in (False, True):
        state = RunState(tmp_path / f"state-{indexed}", {})
        trainer = Trainer(config, transitions, state, Execution("cpu", indexed=indexed))
        trainer.train()
        results.append((trainer.method.policy(), np.asarray(trainer.log_losses)))
    for name, tensor in results[0][0].items():
        assert torch.equal(tensor, results[1][0][name]), name
    assert np.array_equal(results[0][1], results[1][1])
