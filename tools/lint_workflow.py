"""`snakemake --lint`, less the one advice that does not hold here.

One pinned environment serves all rules, so "Specify a conda environment or container" is left out;
anything else that the linter says is printed and makes this fail.
"""

import re
import subprocess
import sys
from pathlib import Path

IGNORED = "Specify a conda environment or container for each rule.:"
HEAD = re.compile(r"Lints for (?:rule|snakefile) .*:")


def remaining(report: str) -> list[str]:
    """The lints of Snakemake's report that are not ignored, one line each: where, and what."""
    found, where = [], ""
    for line in report.splitlines():
        if HEAD.fullmatch(line.strip()):
            where = line.strip().removeprefix("Lints for ").removesuffix(":")
        elif line.strip().startswith("* ") and line.strip() != f"* {IGNORED}":
            found.append(f"{where}: {line.strip().removeprefix('* ')}")
    return found


def main() -> int:
    """Run the linter in the repository's root; exit status 1 if it says anything else."""
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "snakemake", "--lint", *sys.argv[1:]]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    report = result.stdout + result.stderr
    lines = remaining(report)
    if lines:
        print("\n".join(lines))
        return 1
    if result.returncode != 0 and "Lints for" not in report:
        print(report, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
