"""Names in scores that are likely slips: a task that nobody knows, one method in two spellings."""

from __future__ import annotations

import pandas as pd

from paper_tables import task_table


def near_name(task: str) -> str:
    """A known task that a name is a likely slip of, or empty."""
    close = task_table.nearest(task, most=1)[0]
    return close if task_table.similarity(task, close) >= task_table.SLIP else ""


def slips(runs: pd.DataFrame, what_follows: str) -> list[str]:
    """Messages about names that are likely slips: an unknown task, one method in two spellings.

    Args:
        runs: the columns `task` and `method`.
        what_follows: a sentence about an unknown task: what is done with its rows.
    """
    known = task_table.tasks()
    messages = []
    for task in sorted(set(map(str, runs["task"])) - set(known)):
        if close := near_name(task):
            count = int((runs["task"] == task).sum())
            messages.append(f"There is no task '{task}' ({count} rows); is it {close}? {what_follows}")
    spellings: dict[str, list[str]] = {}
    for method in sorted(set(map(str, runs["method"]))):
        spellings.setdefault(task_table.normal_form(method), []).append(method)
    messages += [
        f"The methods {' and '.join(repr(name) for name in names)} differ only in their spelling; they are "
        "taken for two."
        for names in spellings.values()
        if len(names) > 1
    ]
    return messages
