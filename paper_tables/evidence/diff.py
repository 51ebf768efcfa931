"""Which verdicts moved between two tables of evidence, and why.

    python -m paper_tables.evidence.diff OLD NEW

OLD and NEW are folders with ``evidence.csv``, or such files. Numbers are matched by their stable id.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from recheck.cli import run
from recheck.errors import TablesError
from recheck.words import ended, named

from paper_tables.evidence.direct import CLASSES

FILE = "evidence.csv"
COMPARED = ("verdict", "basis", "flags")
REASONS = {
    "score_percent": "the reported number was corrected",
    "spread_percent": "its spread was corrected",
    "spread_kind": "the meaning of its spread was corrected",
    "num_seeds": "its number of seeds was corrected",
    "selection": "its selection rule was corrected",
    "confidence": "it was looked up",
    "origin": "its origin was corrected",
    "judged_at": "it is judged at another place",
    "margin_percent": "the margin changed",
    **{f"{kind}_sources": f"other sources of {kind.replace('_', ' ')} runs" for kind in CLASSES},
    **{f"{kind}_seeds": f"another number of {kind.replace('_', ' ')} seeds" for kind in CLASSES},
    "reports": "other documents report it",
    "arithmetic": "the arithmetic says otherwise",
}
"""Column -> what its change means; the first that apply are named."""
RULE_CHANGED = "the rule, or what all documents say together, changed"


@dataclass(frozen=True)
class Moved:
    """One number whose verdict, basis or flags are others.

    Attributes:
        id: stable name of the number.
        before: verdict, basis and flags in words; empty for a new number.
        after: the same; empty for a number that is gone.
        why: what changed.
    """

    id: str
    before: str
    after: str
    why: str


def read_evidence(path: Path) -> pd.DataFrame:
    """A table of evidence, indexed by id; all values are text.

    Args:
        path: the file or its folder.

    Raises:
        TablesError: the file is absent, is not a table, lacks a column or has an id twice.
    """
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise TablesError(
            f"There is no table of evidence {file}; make one with `snakemake evidence --cores 1`."
        )
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise TablesError(f"{file} cannot be read as a CSV table: {ended(error)}") from error
    missing = [name for name in ("id", *COMPARED) if name not in table.columns]
    if missing:
        raise TablesError(f"{file} lacks the {named('column', missing)} of a table of evidence.")
    if table["id"].duplicated().any():
        raise TablesError(f"{file} has the number {table.loc[table['id'].duplicated(), 'id'].iloc[0]} twice.")
    return table.set_index("id")


def moved(old: pd.DataFrame, new: pd.DataFrame) -> list[Moved]:
    """The numbers whose verdict, basis or flags differ, in the order of the new table, lost ones last.

    Args:
        old: as `read_evidence` gives it.
        new: likewise.
    """
    found = []
    earlier, later = (table.to_dict("index") for table in (old, new))
    for name, row in later.items():
        before = earlier.get(name)
        if before is None:
            found.append(Moved(str(name), "", _words(row), "the number is new"))
        elif any(row[column] != before[column] for column in COMPARED):
            found.append(Moved(str(name), _words(before), _words(row), _why(before, row)))
    gone = {name: row for name, row in earlier.items() if name not in later}
    return found + [Moved(str(name), _words(row), "", "the number is gone") for name, row in gone.items()]


def _words(row: Any) -> str:
    flags = f", {row['flags']}" if row["flags"] else ""
    return f"{row['verdict']} ({row['basis']}{flags})"


def _why(before: Any, after: Any) -> str:
    reasons = [
        f"{words} ({before[column] or 'none'} -> {after[column] or 'none'})"
        for column, words in REASONS.items()
        if column in before and column in after and before[column] != after[column]
    ]
    return "; ".join(reasons) or RULE_CHANGED


def report(old: Path, new: Path) -> str:
    """The verdicts that moved, a line each, and how many.

    Args:
        old: folder with ``evidence.csv``, or such a file.
        new: likewise.

    Raises:
        TablesError: as `read_evidence`.
    """
    earlier, later = read_evidence(old), read_evidence(new)
    found = moved(earlier, later)
    lines = [f"{one.id}: {one.before or 'absent'} -> {one.after or 'absent'}: {one.why}." for one in found]
    same = " The tables are equal." if earlier.equals(later) else ""
    return "\n".join([*lines, f"{len(found)} of {len(later)} numbers moved.{same}"])


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.evidence.diff", description="Which verdicts moved, and why."
    )
    parser.add_argument("old", type=Path, metavar="OLD", help="folder with evidence.csv, or the file")
    parser.add_argument("new", type=Path, metavar="NEW", help="likewise")
    options = parser.parse_args(arguments)

    return run(lambda: print(report(options.old, options.new)))


if __name__ == "__main__":
    sys.exit(main())
