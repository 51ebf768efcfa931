"""The folder of `recheck report`: what an earlier report wrote there goes, everything else stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recheck import files
from recheck.errors import TablesError

PAGE = "report.html"
# The files that the report wrote, relative to its folder.
LIST = "report.json"
PARTS = ("scores", "statistics", "tables", "figures")


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Yield an empty folder whose parts take the place of an earlier report's when the block ends well.

    A stage reads what the stage before wrote; from an empty folder it cannot read another report's files.

    Args:
        folder: of the report; it is made. Files that no report wrote stay.

    Yields:
        The folder to write `PARTS` into.

    Raises:
        TablesError: one of the parts or the page is there and no report wrote it, or a file cannot be
            written.
    """
    before = _written(folder)
    with files.temporary_folder(folder / PAGE, TablesError) as new:
        yield new
        now = sorted(str(path.relative_to(new)) for path in new.rglob("*") if path.is_file())
        # All that can be there while the files are moved: a report that was interrupted is known by it. The
        # page is written last: where it is, all of the folder is of one call.
        _write_list(folder, [*before, *now, PAGE])
        with files.explained(folder / PAGE, TablesError):
            (folder / PAGE).unlink(missing_ok=True)
        for name in now:
            with files.explained(folder / name, TablesError):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
            files.put_in_place(new / name, folder / name, TablesError)
        for name in set(before) - {*now, PAGE}:
            with files.explained(folder / name, TablesError):
                (folder / name).unlink(missing_ok=True)
        _write_list(folder, [*now, PAGE])


def _write_list(folder: Path, names: list[str]) -> None:
    content = {"made_by": "recheck report", "files": sorted(set(names))}
    files.write_json(folder / LIST, content, TablesError)


def _written(folder: Path) -> list[str]:
    """What an earlier report wrote into the folder.

    Raises:
        TablesError: there is something in the report's place that none wrote.
    """
    path = folder / LIST
    if path.is_file():
        content = files.read_json(path, TablesError)
        names = content.get("files") if isinstance(content, dict) else None
        if isinstance(names, list) and all(map(_is_of_a_report, names)):
            return names
        raise TablesError(f"{path} is not the list of files of a report; name another folder.")
    there = [name for name in (PAGE, *PARTS) if (folder / name).exists()]
    if there:
        raise TablesError(
            f"{folder / there[0]} is there, and no report wrote it (there is no {path.name}); name another "
            "folder, or remove it."
        )
    return []


def _is_of_a_report(name: object) -> bool:
    """Whether a name is one that a report gives: nothing outside its folder is ever removed."""
    if not isinstance(name, str):
        return False
    parts = Path(name).parts
    return name == PAGE or (len(parts) == 2 and parts[0] in PARTS and parts[1] != "..")
