"""What the user says about a file of scores: columns, unit, selection, names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from recheck import schema
from recheck.errors import ConfigError, TablesError

from paper_tables import frames, task_table

ROLES = ("method", "task", "seed", "step", "score", "return", "selection", "run", "episodes")
DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "space": " "}
UNITS = ("percent", "fraction", "return")
_MEAN_OF_LAST = re.compile(r"^(?:mean|average)[_ :-]*(?:of[_ -]*)?(?:the[_ -]*)?last[_ :-]*(\d+)$")


@dataclass(frozen=True)
class ScoreOptions:
    """What is stated about a file; everything else is guessed and said.

    Attributes:
        columns: role (`ROLES`) -> column of the file.
        unit: `percent`, `fraction` (0.665) or `return` (raw returns); None where it is not stated.
        select: `last`, `mean_last_K` or `best`: which of a run's steps is its score; None where not stated.
        version: version of the tasks whose names have none, `v2` or `2`.
        method: name of the method where the file has none.
        task: task of all rows where the file has none.
        tasks: names of the tasks along an array's second axis.
        delimiter: of a CSV file.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None
    select: str | None = None
    version: str | None = None
    method: str | None = None
    task: str | None = None
    tasks: tuple[str, ...] = ()
    delimiter: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is not allowed.

        Raises:
            TablesError: an unknown role, unit, selection, version or delimiter.
        """
        unknown = sorted(set(self.columns) - set(ROLES))
        if unknown:
            raise TablesError(f"columns: '{unknown[0]}' is not a role; allowed are {', '.join(ROLES)}.")
        if self.unit is not None and self.unit not in UNITS:
            raise TablesError(f"unit is '{self.unit}'; allowed are {', '.join(UNITS)}.")
        selection_of(self.select or "last")
        task_table.check_version(self.version)
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise TablesError(
                f"delimiter is '{self.delimiter}'; allowed is one sign, or one of {', '.join(DELIMITERS)}."
            )

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ScoreOptions:
        """From texts, as a command line or a configuration gives them.

        Args:
            given: the names of the attributes; `columns` as `score:eval/return,task:env` or the path of a
                YAML file, which may hold the other attributes too. What is given here goes before the file.

        Raises:
            TablesError: something is not allowed.
        """
        names = {item.name for item in fields(cls)}
        values = {key: value for key, value in given.items() if key in names and value not in (None, "", ())}
        columns = values.get("columns")
        if isinstance(columns, str):
            if columns.endswith((".yaml", ".yml")):
                values = {**_from_yaml(Path(columns)), **{k: v for k, v in values.items() if k != "columns"}}
            else:
                values["columns"] = _pairs(columns)
        tasks = values.get("tasks")
        if isinstance(tasks, str):
            values["tasks"] = tuple(name.strip() for name in tasks.split(",") if name.strip())
        elif tasks is not None:
            values["tasks"] = tuple(map(str, tasks))
        for key in ("unit", "select", "version", "method", "task", "delimiter"):
            if key in values:
                values[key] = str(values[key])
        if "delimiter" in values:
            values["delimiter"] = DELIMITERS.get(values["delimiter"].lower(), values["delimiter"])
        return cls(**values)


def _pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(","):
        role, sign, column = part.partition(":")
        if not sign or not column.strip():
            raise TablesError(
                f"columns: '{part.strip()}' is not ROLE:COLUMN; write for example "
                "columns=score:eval/normalized_score,task:env."
            )
        found[role.strip()] = column.strip()
    return found


def _from_yaml(path: Path) -> dict[str, Any]:
    try:
        content = schema.read_yaml(path)
    except ConfigError as error:
        raise TablesError(str(error)) from error
    schema.check(content, frames.load_schema("score_columns"), str(path), error=TablesError)
    return dict(content)


def selection_of(text: str) -> tuple[str, int]:
    """The selection rule of the schema ``scores`` and its number of checkpoints.

    Raises:
        TablesError: it is none.
    """
    plain = text.strip().lower()
    if plain in ("last", "final"):
        return "last", 1
    if plain in ("best", "max", "best_online"):
        return "best_online", 1
    match = _MEAN_OF_LAST.match(plain)
    if match and int(match[1]) >= 1:
        return "average_last_k", int(match[1])
    raise TablesError(f"select is '{text}'; allowed are last, mean_last_K (mean_last_10) and best.")
