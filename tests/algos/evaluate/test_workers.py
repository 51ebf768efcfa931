"""Processes that play blocks of episodes."""

import os

import pytest
from recheck.errors import EvaluationError

from algos.evaluate import Request, evaluate_block
from algos.training.execution import Execution

SAMPLING = {"name": "default"}


EVALUATION = {"episodes": 10, "episodes_last": 30, "episodes_reevaluated": 10}


def test_a_process_that_dies_is_said(untrained, dataset, tmp_path, monkeypatch):
    """With what is finished kept."""
    from algos.evaluate import workers

    monkeypatch.setattr(workers, "_serve", dies)
    with pytest.raises(EvaluationError, match=r"has died \(exit status 9\); what is finished is kept"):
        evaluate_block(
            untrained(("iql", "paper"), [0]),
            dataset,
            Request(SAMPLING, EVALUATION),
            tmp_path / "rows.parquet",
            Execution(device="cpu", workers=2),
        )


def dies(*_):
    os._exit(9)
