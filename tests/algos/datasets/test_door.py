"""Real human demonstrations all the way: prepared, trained on with IQL, evaluated on AdroitHandDoor."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
from recheck import hyperparameters
from recheck import tasks as planned_tasks
from recheck.tasks import load_tasks

from algos.datasets.prepare import prepare
from algos.evaluate import Request, evaluate_block
from algos.train import train_block
from algos.training.execution import Execution

ROOT = Path(__file__).resolve().parents[3]
NAME = "door-human-demos-v0"


def test_iql_learns_from_demonstrations_and_is_evaluated(
    shared_file: Callable[[str], Path], tmp_path: Path
) -> None:
    """With the hyperparameters that tasks.csv names, cut to few updates: a path, not a result."""
    task = replace(load_tasks()[NAME], path=str(shared_file(f"{NAME}.hdf5")))
    manifest = prepare(task, tmp_path / NAME)
    assert manifest["num_transitions"] == 6704
    likes = planned_tasks.likes(planned_tasks.read(ROOT))
    method = hyperparameters.read(ROOT, "iql")
    resolved = hyperparameters.resolve(ROOT, method, "paper", NAME, likes)
    config = {
        "format": 1,
        "method": "iql",
        "method_format": method.format_version,
        "task": NAME,
        "variant": "paper",
        "diffusion_steps": 0,
        "num_updates": 120,
        "checkpoints": [120],
        "hyperparameters": resolved.values,
        "transforms": resolved.transforms,
        "train_fraction": 1.0,
        "digest": "00000000",
        "seeds": [0],
    }
    train_block(config, tmp_path / NAME, tmp_path / "run", tmp_path / "state", Execution("cpu", 1))
    losses = pyarrow.parquet.read_table(tmp_path / "run" / "train.parquet").to_pydict()
    assert np.isfinite(losses["critic_loss"]).all()
    output = tmp_path / "episodes" / "seeds0-0.parquet"
    evaluation = {"episodes": 2, "episodes_last": 2, "episodes_reevaluated": 0}
    evaluate_block(tmp_path / "run", tmp_path / NAME, Request({"name": "default"}, evaluation), output)
    rows = pyarrow.parquet.read_table(output).to_pylist()
    assert [row["length"] for row in rows] == [200, 200]  # the task's horizon, not the demonstrations'
    assert all(row["environment_id"] == "AdroitHandDoor-v1" for row in rows)
    # A hand that does nothing gets about -60: D4RL's minimum is -56.5.
    assert all(-120 < row["raw_return"] < 3000 for row in rows)
