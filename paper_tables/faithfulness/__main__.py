"""The comparison with CORL's IQL as it is now (docs/faithfulness.md).

    python -m paper_tables.faithfulness [--gather results] [--document docs/faithfulness.md] [--check]

prints the table. With `--gather` the finished runs of a results folder are first added to
``paper_tables/faithfulness/runs.csv``; with `--document` the table is put between the document's markers;
with `--check` nothing is written, and a document that shows another table is refused.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recheck import cli
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.faithfulness.compare import table
from paper_tables.faithfulness.runs import gather, read_plan, read_runs
from paper_tables.rendering.table import markdown

BEGIN, END = "<!-- comparison: begin -->", "<!-- comparison: end -->"
COMMAND = "`python -m paper_tables.faithfulness --document docs/faithfulness.md`"


def filled(text: str, content: str, where: str) -> str:
    """A document with `content` between its two markers.

    Raises:
        TablesError: the document has not each marker once, in their order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in after:
        raise TablesError(f"{where} has to hold '{BEGIN}' and after it '{END}', each once.")
    return f"{before}{BEGIN}\n\n{content.strip()}\n\n{END}{after}"


def run(options: argparse.Namespace) -> None:
    """What the command does.

    Raises:
        TablesError: a file cannot be used, or `--check` found a difference.
    """
    plan = read_plan()
    if options.gather is not None:
        if not options.gather.is_dir():
            raise TablesError(f"There is no folder {options.gather}.")
        print(f"{gather(plan, options.gather)} runs added.", file=sys.stderr)
    made = table(read_runs(plan), plan)
    made.title = ""
    if options.document is not None:
        show(markdown(made), options.document, options.check)
    print(markdown(made))


def show(content: str, document: Path, only_check: bool) -> None:
    """Put the table into a document, or refuse one that shows another.

    Args:
        content: Markdown.
        document: holds the two markers.
        only_check: write nothing.

    Raises:
        TablesError: there is no such file, it lacks a marker, or `only_check` found a difference.
    """
    if not document.is_file():
        raise TablesError(f"There is no file {document}.")
    old = document.read_text(encoding="utf-8")
    new = filled(old, content, str(document))
    if new == old:
        return
    if only_check:
        raise TablesError(f"{document} does not show the values of the runs; {COMMAND} updates it.")
    frames.write_text(new, document)


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.faithfulness", description="The comparison with CORL's IQL as it is now."
    )
    parser.add_argument("--gather", type=Path, default=None, help="results folder with finished runs to add")
    parser.add_argument("--document", type=Path, default=None, help="Markdown file that shows the table")
    parser.add_argument("--check", action="store_true", help="write no document, refuse what differs")
    options = parser.parse_args(arguments)
    return cli.run(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
