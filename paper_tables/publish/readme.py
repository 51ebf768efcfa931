"""Generated tables and figures in a document of the repository: what it shows is what the data give.

    python -m paper_tables.publish.readme --tables results/tables/published
        --figures results/figures/published [--check] README.md

A table is between two comments, which a reader does not see::

    <!-- table: reference_runs.md -->
    <!-- end of table -->

Whatever is between them is replaced by the file of that name, without its heading, from the first folder of
``--tables`` (repeatable) that has it; ``<!-- table: reference_runs.md, rows only -->`` leaves out the
sentences above and below the rows too. A picture ``docs/images/published_steps.png`` that the document shows
is a copy of ``steps.png`` from the first folder of ``--figures`` (repeatable) that has it. ``--check`` writes
nothing and refuses what differs.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recheck import cli, files
from recheck.errors import TablesError

from paper_tables import frames

START = re.compile(r"<!-- table: (?P<name>\w+\.md)(?P<rows_only>, rows only)? -->")
END = "<!-- end of table -->"
PICTURE = re.compile(r"\]\((?P<path>[^()\s]*images/published_(?P<figure>\w+)\.png)\)")
REFRESH = "`snakemake readme --cores 1 -F --config scores=published`"


@dataclass(frozen=True)
class Block:
    """A place of a document that holds a table.

    Attributes:
        line: of the opening comment, counted from 1.
        name: file name of the table.
        rows_only: whether the sentences around the rows are left out.
        body: what is there now, without blank lines around it.
    """

    line: int
    name: str
    rows_only: bool
    body: str


def blocks(text: str, where: str) -> list[Block]:
    """The tables of a document.

    Args:
        text: of the document.
        where: its name, for errors.

    Raises:
        TablesError: a comment that opens or closes a table has no partner, or cannot be read.
    """
    found: list[Block] = []
    opened: tuple[int, re.Match[str]] | None = None
    body: list[str] = []
    for place, line in enumerate(text.splitlines(), start=1):
        start = START.fullmatch(line)
        if line.startswith("<!-- table") and start is None:
            raise TablesError(
                f"{where}, line {place}: '{line}' names no table; write <!-- table: NAME.md --> or "
                "<!-- table: NAME.md, rows only -->."
            )
        if start is not None or line == END:
            if (start is None) != (opened is not None):
                raise TablesError(f"{where}, line {place}: '{line}' has no partner; a table ends with {END}.")
            if opened is not None:
                line_of_start, match = opened
                content = "\n".join(body).strip("\n")
                found.append(Block(line_of_start, match["name"], bool(match["rows_only"]), content))
            opened, body = (place, start) if start is not None else None, []
        elif opened is not None:
            body.append(line)
    if opened is not None:
        raise TablesError(f"{where}, line {opened[0]}: the table {opened[1]['name']} has no line {END}.")
    return found


def table_text(name: str, rows_only: bool, folders: Sequence[Path]) -> str:
    """A generated table as a document shows it.

    Args:
        name: of the file.
        rows_only: without the sentences around the rows.
        folders: where it is looked for, in this order.

    Raises:
        TablesError: no folder has it.
    """
    path = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if path is None:
        known = sorted({found.name for folder in folders for found in folder.glob("*.md")})
        raise TablesError(
            f"{' and '.join(map(str, folders))} hold no table {name}; known are {', '.join(known) or 'none'}."
        )
    lines = path.read_text(encoding="utf-8").splitlines()
    if rows_only:
        lines = [line for line in lines if line.startswith("|")]
    elif lines and lines[0].startswith("#"):
        lines = lines[1:]
    return "\n".join(lines).strip("\n")


def filled(text: str, where: str, folders: Sequence[Path]) -> str:
    """A document with its tables as the folders have them.

    Args:
        text: of the document.
        where: its name, for errors.
        folders: of the tables.

    Raises:
        TablesError: see `blocks` and `table_text`.
    """
    lines = text.splitlines(keepends=True)
    ends = [place for place, line in enumerate(lines) if line.rstrip("\n") == END]
    for block, end in reversed(list(zip(blocks(text, where), ends))):
        table = table_text(block.name, block.rows_only, folders)
        lines[block.line : end] = [f"\n{table}\n\n"]
    return "".join(lines)


def pictures(text: str) -> dict[str, str]:
    """The published figures that a document shows: path as it is written there -> name of the figure."""
    return {match["path"]: match["figure"] for match in PICTURE.finditer(text)}


def differences(document: Path, folders: Sequence[Path], figures: Sequence[Path]) -> list[str]:
    """What a document shows that is not what the data give; one phrase each.

    Args:
        document: a Markdown file.
        folders: of the tables.
        figures: folders of the figures.

    Raises:
        TablesError: the document cannot be read or names what does not exist.
    """
    text = _read(document)
    found = [
        f"the table {block.name} (line {block.line})"
        for block in blocks(text, str(document))
        if block.body != table_text(block.name, block.rows_only, folders)
    ]
    for path, figure in pictures(text).items():
        shown, drawn = document.parent / path, _figure(figures, figure).read_bytes()
        if not shown.is_file() or shown.read_bytes() != drawn:
            found.append(f"the figure {path}")
    return found


def refresh(document: Path, folders: Sequence[Path], figures: Sequence[Path]) -> None:
    """Put tables and figures into a document.

    Args:
        document: a Markdown file; paths of its pictures are relative to it.
        folders: of the tables.
        figures: folders of the figures.

    Raises:
        TablesError: as `differences`, or a file cannot be written. All is known before the first write.
    """
    text = _read(document)
    new = filled(text, str(document), folders)
    images = {
        document.parent / path: _figure(figures, name).read_bytes() for path, name in pictures(text).items()
    }
    for path, image in images.items():
        with files.atomic(path, TablesError) as temporary:
            temporary.write_bytes(image)
    frames.write_text(new, document)


def _read(document: Path) -> str:
    if not document.is_file():
        raise TablesError(f"There is no file {document}.")
    text = document.read_text(encoding="utf-8")
    if not blocks(text, str(document)) and not pictures(text):
        raise TablesError(
            f"{document} shows no generated table or figure; a table is between <!-- table: NAME.md --> "
            f"and {END}, a figure is docs/images/published_NAME.png."
        )
    return text


def _figure(folders: Sequence[Path], name: str) -> Path:
    path = next((folder / f"{name}.png" for folder in folders if (folder / f"{name}.png").is_file()), None)
    if path is None:
        known = ", ".join(sorted({found.stem for folder in folders for found in folder.glob("*.png")}))
        raise TablesError(
            f"{' and '.join(map(str, folders))} hold no figure {name}; known are {known or 'none'}."
        )
    return path


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.publish.readme",
        description="Put generated tables and figures into a document.",
    )
    parser.add_argument("documents", type=Path, nargs="+", metavar="document", help="a Markdown file")
    parser.add_argument(
        "--tables", type=Path, action="append", required=True, help="folder of tables (*.md); repeatable"
    )
    parser.add_argument(
        "--figures", type=Path, action="append", required=True, help="folder of figures (*.png); repeatable"
    )
    parser.add_argument("--check", action="store_true", help="write nothing, refuse what differs")
    options = parser.parse_args(arguments)
    return cli.run(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    for document in options.documents:
        if not options.check:
            refresh(document, options.tables, options.figures)
        elif wrong := differences(document, options.tables, options.figures):
            raise TablesError(
                f"{document}: {', '.join(wrong)} differs from what the data give; {REFRESH} updates it."
            )


if __name__ == "__main__":
    sys.exit(main())
