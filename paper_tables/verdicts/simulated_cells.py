"""Cells of the simulation, each computed once: an interrupted simulation resumes.

A cell is a few rows of ``simulation.csv``. Its file in the folder ``cells`` is named by a hash of the cell's
parameters, of the modules that decide its figures, and of the real runs that it draws from. So another number
of studies, a changed rule or changed runs are other cells.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from paper_tables import frames, literature
from paper_tables.verdicts.implementations import bands_of_reruns, rerun_differences
from paper_tables.verdicts.laws import public_groups, real_laws

MODULES = (
    "decision_rule",
    "implementations",
    "laws",
    "multiplicity",
    "reported_error",
    "sequential",
    "simulated_families",
    "simulated_studies",
    "simulated_typical",
    "simulation",
    "typical",
)
"""Modules of this package that decide the figures of a cell."""

Row = dict[str, object]


@dataclass(frozen=True)
class Cell:
    """Some rows of the simulation, and how they are computed.

    Attributes:
        family: what it belongs to, for the reader who waits.
        parameters: all that sets it apart from the other cells, ready for JSON.
        rows: computes the rows.
    """

    family: str
    parameters: Mapping[str, Any]
    rows: Callable[[], list[Row]]

    @property
    def name(self) -> str:
        """Name of its file: a hash of the parameters, the program and the real runs."""
        content = {"family": self.family, "program": program_digest(), **self.parameters}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24] + ".json"


@cache
def program_digest() -> str:
    """Hash of the modules in `MODULES` and of the real runs."""
    digest = hashlib.sha256()
    for name in MODULES:
        module = importlib.import_module(f"paper_tables.verdicts.{name}")
        digest.update(Path(str(module.__file__)).read_bytes())
    for law, residuals in real_laws().items():
        digest.update(law.encode() + np.asarray(residuals.residuals_percent).tobytes())
    for group, scores in public_groups().items():
        digest.update(group.encode() + scores.tobytes())
    numbers = literature.read_all()
    digest.update(repr((rerun_differences(numbers), bands_of_reruns(numbers))).encode())
    return digest.hexdigest()


def rows_of(cells: Sequence[Cell], folder: Path | None, say: Callable[[str], None]) -> list[Row]:
    """The rows of all cells in their order; those with a file are read, the others computed and written.

    Args:
        cells: what to compute.
        folder: of the cells' files; None keeps none.
        say: called with each family when it begins, and how many of its cells are already there.
    """
    rows: list[Row] = []
    family = ""
    for cell in cells:
        if cell.family != family:
            family = cell.family
            of_family = [other for other in cells if other.family == family]
            ready = sum(_read(other, folder) is not None for other in of_family)
            say(f"{family}: {len(of_family)} cells" + (f", {ready} already there" if ready else ""))
        found = _read(cell, folder)
        if found is None:
            # Through JSON in either case, so that a resumed simulation has the same bytes.
            text = json.dumps(cell.rows())
            if folder is not None:
                frames.write_text(text + "\n", folder / cell.name)
            found = json.loads(text)
        rows += found
    return rows


def _read(cell: Cell, folder: Path | None) -> list[Row] | None:
    """The rows of a finished cell; None where there is no file, or none that can be read."""
    if folder is None:
        return None
    try:
        rows = json.loads((folder / cell.name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else None
