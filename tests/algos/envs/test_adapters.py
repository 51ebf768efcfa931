"""Tiny datasets of the adapted environments are prepared."""

from dataclasses import replace
from typing import Any

import pytest
from recheck.errors import DatasetError

from algos.datasets.prepare import prepare
from algos.datasets.transitions import load_transitions
from tests.algos.envs.tasks import TASKS

# --- Tiny synthetic datasets of the adapted environments ---


@pytest.mark.parametrize(
    "name", ["antmaze-umaze-v0", "kitchen-complete-v0", "pen-human-v1", "maze2d-umaze-v1"]
)
def test_tiny_datasets_of_adapted_tasks_are_prepared(
    make_rows: Any, write_rows: Any, tmp_path: Any, name: str
) -> None:
    task = TASKS[name]
    widths = (task.observation_dim, task.action_dim)
    path = write_rows(make_rows((30, 40), widths=widths))
    own = replace(task, path=str(path), urls=(), sha256=None, size_bytes=None)
    manifest = prepare(own, tmp_path / name)
    assert manifest["comparability"] == "unverified"
    assert manifest["environment_match"] == "adapted"
    assert load_transitions(tmp_path / name).observation_dim == task.observation_dim
    assert (manifest["maze_jumps"] is None) == (not name.startswith("antmaze"))
    with pytest.raises(DatasetError, match=r"ends after 200|no flat"):
        prepare(
            replace(own, adapter="none", horizon=100 if "pen" in name else task.horizon), tmp_path / "bare"
        )
