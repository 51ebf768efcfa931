"""The reported numbers with stable names, and what each is judged as."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

Number = dict[str, Any]


def slug(text: object) -> str:
    """Lower-case letters, digits, and single hyphens or dots; `+` is kept as `plus`."""
    plain = str(text).lower().replace("+", " plus ").replace("%", " percent ")
    return re.sub(r"[^a-z0-9.]+", "-", plain).strip("-")


def stable_ids(numbers: pd.DataFrame) -> list[str]:
    """A stable name of each reported number, in the order of the rows.

    `document/table/method/task`. A mean or total has its suite before the task. A table that prints one
    place twice has the second as `...~2`. The score, its source and its selection rule are not part of the
    name: correcting them keeps it.

    Args:
        numbers: rows of the schema ``reported``.
    """
    seen: Counter[str] = Counter()
    names = []
    for row in numbers.to_dict("records"):
        parts = [row["document"], row["table"], row["method"]]
        if row["aggregate"] != "cell":
            parts += [row["suite"], row["aggregate"]]
        name = "/".join(map(slug, [*parts, row["task"]]))
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}~{seen[name]}")
    return names


def with_ids(numbers: pd.DataFrame) -> list[Number]:
    """The rows as dictionaries with `id`; an absent value is None."""
    names = stable_ids(numbers)
    rows = numbers.astype("object").where(numbers.notna(), None).to_dict("records")
    return [{"id": name, **{str(key): value for key, value in row.items()}} for name, row in zip(names, rows)]


def by_place(numbers: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str, str, str], list[Any]]:
    """Numbers by document, table, method, suite and task."""
    found: dict[tuple[str, str, str, str, str], list[Any]] = {}
    for number in numbers:
        found.setdefault(place_of(number), []).append(number)
    return found


def place_of(number: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """Where a number is printed."""
    document, table, method, suite, task = (
        str(number[key]) for key in ("document", "table", "method", "suite", "task")
    )
    return document, table, method, suite, task
