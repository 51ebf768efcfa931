"""The folder of a report: an earlier report is replaced, nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from recheck import files
from recheck.errors import TablesError
from recheck_command import report_folder


def write(folder: Path, *names: str) -> None:
    """A report of these files."""
    with report_folder.replaced(folder) as new:
        for name in names:
            files.write_text(new / name, name)
    files.write_text(folder / report_folder.PAGE, "page")


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_second_report_replaces_the_first_and_leaves_what_is_not_its_own(tmp_path: Path):
    folder = tmp_path / "mine"
    write(folder, "figures/forest.png", "figures/steps.png", "tables/scores.md")
    (folder / "notes.txt").write_text("mine")
    (folder / "figures/mine.png").write_text("mine")
    write(folder, "figures/forest.png", "statistics/summary.md")
    always = {"report.html", "report.json", "notes.txt", "figures/mine.png"}
    assert contents(folder) == {"figures/forest.png", "statistics/summary.md", *always}


def test_a_report_that_fails_leaves_the_one_before(tmp_path: Path):
    write(tmp_path, "figures/forest.png")
    before = {name: (tmp_path / name).read_bytes() for name in contents(tmp_path)}
    with pytest.raises(KeyboardInterrupt), report_folder.replaced(tmp_path) as new:  # noqa: PT012
        files.write_text(new / "figures/forest.png", "half")
        raise KeyboardInterrupt
    assert {name: (tmp_path / name).read_bytes() for name in contents(tmp_path)} == before


@pytest.mark.parametrize("name", ["report.html", "scores/iql/scores.parquet", "figures/forest.png"])
def test_what_no_report_wrote_is_not_overwritten(tmp_path: Path, name: str):
    files.write_text(tmp_path / name, "of the workflow")
    with pytest.raises(TablesError, match="no report wrote it"), report_folder.replaced(tmp_path):
        pass
    assert contents(tmp_path) == {name}


@pytest.mark.parametrize("name", ["../other.txt", "/etc/passwd", "figures/../../x", "notes.txt", 3])
def test_a_list_that_names_other_files_is_refused(tmp_path: Path, name: object):
    files.write_json(tmp_path / report_folder.LIST, {"files": [name]})
    with (
        pytest.raises(TablesError, match="not the list of files of a report"),
        report_folder.replaced(tmp_path),
    ):
        pass
