"""The tasks, under the name that `algos` imports them by: `recheck.tasks` is the one reader."""

from recheck.tasks import TASKS_FILE, Task, load_tasks, task_from_json, task_from_mapping

__all__ = ["TASKS_FILE", "Task", "load_tasks", "task_from_json", "task_from_mapping"]
