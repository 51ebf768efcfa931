"""Finished cells are kept: an interrupted simulation resumes, and its bytes are the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from paper_tables.verdicts import simulated_cells, simulation
from paper_tables.verdicts.simulated_cells import Cell, rows_of


def cells(computed: list[str], broken: str = "") -> list[Cell]:
    def cell(name: str) -> Cell:
        def rows() -> list[dict[str, object]]:
            if name == broken:
                raise KeyboardInterrupt
            computed.append(name)
            return [{"law": name, "mean_seeds": None, "rate": 0.1 + len(name)}]

        return Cell(name[0], {"name": name}, rows)

    return [cell(name) for name in ("a1", "a2", "b1")]


def test_an_interrupted_simulation_goes_on(tmp_path: Path):
    computed: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        rows_of(cells(computed, broken="a2"), tmp_path, lambda _: None)
    assert computed == ["a1"]
    said: list[str] = []
    rows = rows_of(cells(computed), tmp_path, said.append)
    assert computed == ["a1", "a2", "b1"]
    assert said == ["a: 2 cells, 1 already there", "b: 1 cells"]
    assert rows == rows_of(cells([]), None, lambda _: None)
    assert rows_of(cells(computed), tmp_path, lambda _: None) == rows
    assert computed == ["a1", "a2", "b1"]


def test_a_damaged_file_is_computed_again(tmp_path: Path):
    computed: list[str] = []
    rows = rows_of(cells(computed), tmp_path, lambda _: None)
    for text in ("", "{", '{"law": 1}', "[1]"):
        (tmp_path / cells([])[0].name).write_text(text)
        assert rows_of(cells(computed), tmp_path, lambda _: None) == rows
    assert computed == ["a1", "a2", "b1", "a1", "a1", "a1", "a1"]


def test_other_parameters_or_another_program_are_another_cell(monkeypatch: pytest.MonkeyPatch):
    names = {cell.name for studies in (1000, 2000) for cell in simulation.cells_of(studies, 0)}
    first = next(iter(simulation.cells_of(1000, 0)))
    assert len(names) == 2 * len(list(simulation.cells_of(1000, 0)))
    assert first.name == next(iter(simulation.cells_of(1000, 0))).name
    assert first.name not in {cell.name for cell in simulation.cells_of(1000, 10_000)}
    name = first.name
    monkeypatch.setattr(simulated_cells, "program_digest", lambda: "changed")
    assert first.name != name


def test_the_files_are_rows_of_the_table(tmp_path: Path):
    some = [cell for cell in simulation.cells_of(100, 0) if cell.family == "one side"]
    rows = rows_of(some, tmp_path, lambda _: None)
    files = sorted(tmp_path.iterdir())
    assert len(files) == len(some) == 18
    assert sorted(map(json.dumps, rows)) == sorted(
        json.dumps(row) for path in files for row in json.loads(path.read_text())
    )
    assert {row["variant"] for row in rows} == {"rule", "Welch alone"}
