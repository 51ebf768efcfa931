"""A source's file, copied to be spoilt."""

import csv
from pathlib import Path

import pytest
from recheck.errors import TablesError

from paper_tables.public_runs import reader

# --- Refusals ---


def copy_source(tmp_path: Path, source: str = "corl_finetune") -> Path:
    """A folder with one source, to be spoilt."""
    lines = (reader.FOLDER / "sources.csv").read_text(encoding="utf-8").splitlines()
    kept = [lines[0], next(line for line in lines if line.startswith(f"{source},"))]
    (tmp_path / "sources.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    name = f"{source}.csv"
    (tmp_path / name).write_bytes((reader.FOLDER / name).read_bytes())
    return tmp_path / name


def rows_of(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def write_rows(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def refused(folder: Path) -> str:
    with pytest.raises(TablesError) as error:
        reader.read_runs(folder)
    assert "\n" not in str(error.value)
    return str(error.value)
