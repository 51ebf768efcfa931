"""What the literature reports, as tables: one CSV file per document under ``reported/``.

A number is a claim of the document that prints it. Papers, a repository's benchmark page, circulating
notes, a leaderboard and copies in later papers are documents alike; ``origin`` says whether the document
reports its own method, copies or reruns. Every file is checked against ``schemas/reported.schema.json``
when it is read.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames

FOLDER = Path(__file__).parent / "reported"
REFERENCE_RUNS = FOLDER / "reference_runs" / "official_runs.csv"
# The table of our runs against runs of released code; the other tables are of reported numbers.
REFERENCE_TABLE = "reference_runs"
NOT_DOCUMENTS = ("suites",)


def documents(folder: Path = FOLDER) -> list[str]:
    """The documents whose numbers are held, by their short names, sorted."""
    return sorted(path.stem for path in folder.glob("*.csv") if path.stem not in NOT_DOCUMENTS)


def check_document(document: str, known: Sequence[str]) -> None:
    """Refuse the name of a document that is not among the known ones.

    Raises:
        TablesError: with the nearest name and the known ones.
    """
    if document not in known:
        by_form = {name.casefold(): name for name in known}
        near = difflib.get_close_matches(document.casefold(), by_form, 1)
        hint = f"; is {by_form[near[0]]} meant? Known" if near else "; known"
        raise TablesError(f"There is no document '{document}'{hint} are {', '.join(known)}.")


def read_document(document: str, folder: Path = FOLDER) -> pd.DataFrame:
    """The numbers of one document.

    Raises:
        TablesError: no such document, or its file breaks the schema.
    """
    if folder == FOLDER:
        return _read_own_document(document).copy()
    return _read_document(document, folder)


@cache
def _read_own_document(document: str) -> pd.DataFrame:
    """One of the package's own documents, read once in a process: each column of each layout asks for one."""
    return _read_document(document, FOLDER)


def _read_document(document: str, folder: Path) -> pd.DataFrame:
    check_document(document, documents(folder))
    table = frames.read_csv(folder / f"{document}.csv", "reported")
    strangers = sorted(set(table["document"]) - {document})
    if strangers:
        raise TablesError(
            f"{folder / document}.csv holds rows of {', '.join(strangers)}; one document a file."
        )
    return table


def read_all(folder: Path = FOLDER) -> pd.DataFrame:
    """The numbers of all documents, sorted by document, in each file's own order.

    Raises:
        TablesError: the folder holds no document, or one breaks the schema.
    """
    if folder == FOLDER:
        return _read_own().copy()
    return _read_folder(folder)


@cache
def _read_own() -> pd.DataFrame:
    """The package's own numbers, read once in a process."""
    return _read_folder(FOLDER)


def _read_folder(folder: Path) -> pd.DataFrame:
    if not documents(folder):
        raise TablesError(f"There is no CSV file of reported numbers in {folder}.")
    return pd.concat([read_document(name, folder) for name in documents(folder)], ignore_index=True)


def read_suites(folder: Path = FOLDER) -> pd.DataFrame:
    """Ranges of scores, indexed by suite."""
    return frames.read_csv(folder / "suites.csv", "suites").set_index("suite")


def read_reference_runs(path: Path = REFERENCE_RUNS) -> pd.DataFrame:
    """Scores per seed of released code run on known files (``reference_runs/README.md`` says how)."""
    return frames.read_csv(path, "reference_runs")
