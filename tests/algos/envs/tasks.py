"""Environments of tasks.csv."""

from typing import Any

import gymnasium
from recheck.tasks import load_tasks

from algos.envs import make as make_module

TASKS = load_tasks()


def make(name: str, **options: Any) -> gymnasium.Env:
    task = TASKS[name]
    assert task.environment_id is not None
    return make_module.make(task.environment_id, task.adapter, task.horizon, **options)
