"""Layouts of the papers' tables, and the reported numbers that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from recheck.errors import TablesError
from recheck.former_names import read_with_former_names

from paper_tables import frames, literature

LAYOUT_FOLDER = Path(__file__).parents[1] / "layouts"
# Our rule that answers to a paper's; an unstated one is held against the layout's.
RULE_OF = {
    "last": ("last",),
    "average_last_k": ("average_last_k",),
    "best_online": ("best_online",),
    "offline": (
        "offline_described",
        "offline_described_early_stop",
        "offline_released",
        "offline_released_early_stop",
    ),
}


def layout_names() -> list[str]:
    """The layouts that come with the package."""
    return sorted(path.stem for path in LAYOUT_FOLDER.glob("*.yaml"))


def read_layout(name: str) -> dict[str, Any]:
    """Read a layout by name or path and check it.

    Raises:
        TablesError: there is no such layout, it is no YAML, breaks ``layout.schema.json``, or names a column,
            table or aggregate that the reported numbers do not have.
    """
    from jsonschema import Draft202012Validator

    path = Path(name) if name.endswith((".yaml", ".yml")) else LAYOUT_FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise TablesError(f"There is no layout '{name}'; known are {', '.join(layout_names())}.")
    try:
        layout: dict[str, Any] = read_with_former_names(
            yaml.safe_load(path.read_text(encoding="utf-8")), path.name
        )
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TablesError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}.") from error
    validator = Draft202012Validator(frames.load_schema("layout"))
    wrong = sorted(validator.iter_errors(layout), key=lambda item: [str(part) for part in item.path])
    if wrong:
        where = "/".join(map(str, wrong[0].path)) or "the top level"
        raise TablesError(f"{path}, {where}: {wrong[0].message}.")
    reported = reported_values(layout)
    for column in layout["columns"]:
        if column["reported"] not in set(reported["method"]):
            raise TablesError(
                f"{path}: {layout['document']} reports no column '{column['reported']}'; it has "
                f"{', '.join(sorted(set(reported['method'])))}."
            )
    return layout


def reported_values(layout: dict[str, Any]) -> pd.DataFrame:
    """The reported numbers of a layout's tables."""
    numbers = literature.read_document(layout["document"])
    unknown = sorted(set(layout["tables"]) - set(numbers["table"]))
    if unknown:
        raise TablesError(
            f"Layout {layout['name']}: {layout['document']} has no table {', '.join(unknown)}; it has "
            f"{', '.join(sorted(set(numbers['table'])))}."
        )
    return numbers[numbers["table"].isin(layout["tables"])]


def reported_value(numbers: pd.DataFrame, method: str, suite: str, task: str) -> dict[str, Any] | None:
    found = numbers[(numbers["method"] == method) & (numbers["task"] == task) & (numbers["suite"] == suite)]
    if len(found) > 1:
        raise TablesError(f"{method} on {task} is reported {len(found)} times in one table.")
    return None if found.empty else {str(key): value for key, value in found.iloc[0].items()}
