"""The literature audited as data: which reported numbers contradict themselves, their rows or each other.

    python -m paper_tables.audit --output results/audit

writes ``audit.csv`` (one row per finding) and ``audit.md`` (to read). Nothing is trained. ``--reported
FOLDER`` audits other documents than those of ``reported/``, in the same columns. ``--document NAME`` shows
the findings about one document. One error is one finding, about the copy and never about its original. Two
numbers agree when the one printed with fewer decimals is a rounding of the other.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recheck.cli import run
from recheck.words import how_many

from paper_tables import frames, literature
from paper_tables.audit.known_errors import read_known_errors
from paper_tables.audit.numbers import SEVERITIES
from paper_tables.audit.report import report
from paper_tables.audit.rules import audit
from paper_tables.rendering.table import csv_frame


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.audit", description="Audit the reported numbers."
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of audit.csv and audit.md")
    parser.add_argument(
        "--reported",
        type=Path,
        default=literature.FOLDER,
        help="folder of the reported numbers, one CSV file per document",
    )
    parser.add_argument("--document", help="findings about this document alone, such as iql")
    options = parser.parse_args(arguments)
    return run(lambda: _audit(options))


def _audit(options: argparse.Namespace) -> None:
    reported = literature.read_all(options.reported)
    findings = frames.check(audit(reported, document=options.document), "findings", "the audit")
    text = report(reported, findings, read_known_errors())
    frames.write_text(csv_frame(findings), options.output / "audit.csv")
    frames.write_text(text, options.output / "audit.md")
    counts = ", ".join(
        f"{int((findings['severity'] == severity).sum())} {severity.replace('_', ' ')}"
        for severity in SEVERITIES
    )
    print(f"{how_many(len(reported), 'number')}, {how_many(len(findings), 'finding')}: {counts}.")


if __name__ == "__main__":
    sys.exit(main())
