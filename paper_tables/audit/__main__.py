"""The literature audited as data: which reported numbers contradict themselves, their rows or each other.

    python -m paper_tables.audit --output results/audit

writes ``audit.csv`` (one row per finding) and ``audit.md`` (to read). Nothing is trained. ``--reported
FOLDER`` audits other documents than those of ``reported/``, in the same columns. Each rule below is a
function of the reported numbers alone; ``audit`` runs them all. Two numbers agree when the one printed with
fewer decimals is a rounding of the other.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recheck.errors import TablesError

from paper_tables import frames, literature
from paper_tables.audit.claims import GRADES
from paper_tables.audit.known_errors import read_known_errors
from paper_tables.audit.report import report
from paper_tables.audit.rules import audit


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
    options = parser.parse_args(arguments)
    try:
        reported = literature.read_all(options.reported)
        findings = frames.check(audit(reported), "findings", "the audit")
        text = report(reported, findings, read_known_errors())
        frames.write_text(findings.to_csv(index=False, lineterminator="\n"), options.output / "audit.csv")
        frames.write_text(text, options.output / "audit.md")
    except TablesError as error:
        print(error, file=sys.stderr)
        return 2
    counts = ", ".join(
        f"{int((findings['grade'] == grade).sum())} {grade.replace('_', ' ')}" for grade in GRADES
    )
    print(f"{len(reported)} numbers, {len(findings)} findings: {counts}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
