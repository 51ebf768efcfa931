"""The page of an experiment: what was run, what was found, figures, tables, provenance; one file, offline.

    python -m paper_tables.report --sources '<JSON>' --output results/reports/<name>.html
        [--index results/report.html]

The sources name the files that the page is made from and how the experiment is called (`Sources`). Next to
the page is ``<name>.json`` with what the index says of it; the index lists every page of its folder.
Nothing on a page is computed here that an earlier stage has not written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recheck import cli, files
from recheck.errors import TablesError

from paper_tables.report import contents, index, render


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.report", description="Write the page of an experiment."
    )
    parser.add_argument("--sources", required=True, help="what it is made from, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="the page")
    parser.add_argument("--index", type=Path, help="the index of all pages, written again")
    options = parser.parse_args(arguments)
    return cli.run(lambda: write(contents.sources_from_json(options.sources), options.output, options.index))


def write(sources: contents.Sources, output: Path, index_path: Path | None = None) -> None:
    """Write a page and, where there is an index, what it says of the page and the index itself.

    Args:
        sources: what the page is made from.
        output: the page; its neighbour of the same name ends in ``.json``.
        index_path: the index, or None for none.

    Raises:
        TablesError: a file cannot be read or written.
    """
    page = contents.gather(sources, output.parent)
    files.write_text(output, render.experiment_page(page), TablesError)
    if index_path is not None:
        files.write_json(output.with_suffix(".json"), page.summary(), TablesError)
        index.write(output.parent, index_path)


if __name__ == "__main__":
    sys.exit(main())
