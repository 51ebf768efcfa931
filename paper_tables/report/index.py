"""The index of all pages: written from the small files next to them, whoever made these."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from recheck import files
from recheck.errors import TablesError

from paper_tables.report import render

# Pages next to the index that other stages write; `counts` is the file of their counts.
OTHERS = (
    {
        "address": "evidence.html",
        "title": "Evidence for the reported numbers",
        "description": "Every reported number judged by public runs, other reports and arithmetic.",
        "command": "snakemake evidence --cores 2",
        "counts": "tables/evidence/version.json",
    },
)
COUNTS = (
    "{numbers:,} numbers, {judged:,} judged: {reproduced} reproduced, {different} different, {open} open."
)


def write(folder: Path, path: Path) -> None:
    """Write the index of the pages in a folder.

    Two runs that end together both write it; the later one sees every page, because each writes again where
    a page has come while it wrote.

    Args:
        folder: of the pages.
        path: of the index.

    Raises:
        TablesError: a file cannot be read or written.
    """
    seen = None
    while seen != (found := _found(folder)):
        seen = found
        files.write_text(path, render.index_page(_summaries(folder, path), _others(path)), TablesError)


def _found(folder: Path) -> list[tuple[str, int]]:
    return [(page.name, page.stat().st_mtime_ns) for page in sorted(folder.glob("*.json"))]


def _summaries(folder: Path, path: Path) -> list[dict[str, Any]]:
    pages = []
    for summary in sorted(folder.glob("*.json")):
        page = summary.with_suffix(".html")
        if page.is_file():
            address = os.path.relpath(page, path.parent)
            pages.append({**files.read_json(summary, TablesError), "address": address})
    return pages


def _others(path: Path) -> list[dict[str, str]]:
    return [
        {**other, "counts": _counts(path.parent / other["counts"])}
        for other in OTHERS
        if (path.parent / other["address"]).is_file()
    ]


def _counts(path: Path) -> str:
    return COUNTS.format(**files.read_json(path, TablesError)) if path.is_file() else ""
