"""The layouts of the papers' tables: files of ``layouts/`` or a user's, found by name or path, checked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from recheck import schema
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.tables.column_layout import reported_of_column

LAYOUT_FOLDER = Path(__file__).parents[1] / "layouts"
COMBINED_FOLDER = LAYOUT_FOLDER / "combined"
# Our rule for a paper's; an unstated one is compared by the layout's.
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


def combined_layout_names() -> list[str]:
    """The layouts that put columns of several documents into one table."""
    return sorted(path.stem for path in COMBINED_FOLDER.glob("*.yaml"))


def _layout_path(name: str) -> Path:
    """The file of a layout by name, in any spelling, or by path."""
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if path.is_file():
            return path
    known = {
        re.sub(r"[^a-z0-9]", "", path.stem.lower()): path
        for folder in (LAYOUT_FOLDER, COMBINED_FOLDER)
        for path in sorted(folder.glob("*.yaml"))
    }
    found = known.get(re.sub(r"[^a-z0-9]", "", name.lower().removesuffix(".yaml")))
    if found is None:
        names = [*layout_names(), *combined_layout_names()]
        raise TablesError(f"There is no layout '{name}'; known are {', '.join(names)}.")
    return found


def read_layout(name: str) -> dict[str, Any]:
    """Read a layout by name or path and check it.

    Raises:
        TablesError: there is no such layout, it is not YAML, holds a key twice, breaks
            ``layout.schema.json``, or names a column, table or aggregate that the reported numbers do not
            have.
    """
    path = _layout_path(name)
    layout: dict[str, Any] = schema.read_yaml(path, TablesError)
    schema.check(layout, frames.load_schema("layout"), str(path), error=TablesError)
    for column in layout["columns"]:
        if "reported" not in column:
            continue
        reported = reported_of_column(layout, column)
        if column["reported"] not in set(reported["method"]):
            raise TablesError(
                f"{path}: {column.get('document', layout.get('document'))} reports no column "
                f"'{column['reported']}'; it has {', '.join(sorted(set(reported['method'])))}."
            )
    return layout
