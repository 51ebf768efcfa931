"""The table of evidence: a verdict, or the reason why there is none, for every reported number.

    python -m paper_tables.evidence --output results/tables/evidence --page results/evidence.html

writes the tables as Markdown, CSV and LaTeX, and the page. Everything comes from files in the repository.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recheck import files
from recheck.cli import run
from recheck.errors import TablesError

from paper_tables.evidence.bridge import bridge_table, read_bridge, read_earlier_pairs
from paper_tables.evidence.claims import read_claims
from paper_tables.evidence.field import (
    contradicted_table,
    disagreements_table,
    drift,
    drift_table,
    implementation_spread,
    implementations_table,
)
from paper_tables.evidence.findings import findings_table, largest_findings
from paper_tables.evidence.frame import FORMAT, evidence_frame, frame_csv, version_of
from paper_tables.evidence.html import evidence_page, page_data
from paper_tables.evidence.judgement import Inputs, NumberEvidence, judge_all
from paper_tables.evidence.tables import (
    counts_of,
    distinct,
    first_screen,
    numbers_table,
    paper_tables,
    summary_by,
)
from paper_tables.public_runs.reader import read_sources
from paper_tables.rendering import table as table_module


def write_tables(found: list[NumberEvidence], inputs: Inputs, folder: Path) -> str:
    """Write all tables into a folder; returns the version.

    Args:
        found: the evidence of every number.
        inputs: what it was made from.
        folder: exists and is empty.
    """
    frame = evidence_frame(found)
    text = frame_csv(frame)
    version = version_of(text)
    titles = {name: document.title for name, document in inputs.documents.items()}
    table_module.write(numbers_table(frame, version), folder, "numbers")
    spread = implementation_spread(inputs.runs)
    drifted = drift(frame)
    tables = {
        "first_screen": first_screen(frame),
        "by_document": summary_by(frame, "document", "Document", "Verdicts by document"),
        "by_method": summary_by(frame, "method_key", "Method", "Verdicts by method"),
        "by_basis": summary_by(frame, "basis", "Basis", "Verdicts by the kind of evidence"),
        "implementations": implementations_table(spread),
        "contradicted": contradicted_table(frame),
        "disagreements": disagreements_table(found),
        "drift": drift_table(drifted),
        "findings": findings_table(largest_findings(frame, spread, drifted)),
        "bridge": bridge_table(found, read_bridge(), read_earlier_pairs()),
        **{f"papers/{name}": table for name, table in paper_tables(frame, titles).items()},
    }
    for name, table in tables.items():
        table_module.write(table, folder, name)
    files.write_text(folder / "evidence.csv", text, TablesError)
    files.write_text(
        folder / "implementation_cells.csv",
        spread.round(6).to_csv(index=False, lineterminator="\n"),
        TablesError,
    )
    files.write_json(
        folder / "version.json",
        {"format": FORMAT, "version": version, **counts_of(distinct(frame)), "rows": len(frame)},
    )
    return version


def write_all(inputs: Inputs, folder: Path, page: Path | None) -> dict[str, int]:
    """Judge and write; an earlier folder is replaced only when all went well.

    Returns:
        The counts of `counts_of`.
    """
    found = judge_all(inputs)
    frame = evidence_frame(found)
    with files.atomic_folder(folder, TablesError) as temporary:
        version = write_tables(found, inputs, temporary)
        if page is not None:
            content = page_data(found, frame, inputs.documents, read_claims(), read_sources(), version)
            files.write_text(page, evidence_page(content), TablesError)
    return counts_of(distinct(frame))


def sentence(counts: dict[str, int], page: Path | None) -> str:
    """What the command says at its end: the counts, and where each number is."""
    said = (
        "Of {numbers:,} reported numbers {judged} could be judged: {reproduced} are reproduced, "
        "{different} are different, {open} are open."
    ).format(**counts)
    return said if page is None else f"{said}\nEach of them, with its reason: {page}"


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.evidence", description="Judge every reported number by public evidence."
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--page", type=Path, help="the page for people, one HTML file")
    options = parser.parse_args(arguments)

    def write() -> None:
        print(sentence(write_all(Inputs.read(), options.output, options.page), options.page))

    return run(write)


if __name__ == "__main__":
    sys.exit(main())
