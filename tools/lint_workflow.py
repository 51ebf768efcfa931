"""`snakemake --lint`, less the one advice that does not hold here.

One pinned environment serves all rules, so "Specify a conda environment or container" is left out; anything else
that the linter says is printed and makes this fail.
"""

import json
import subprocess
import sys
from pathlib import Path

IGNORED = "Specify a conda environment or container for each rule."


def remaining(report: dict) -> list[str]:
    """The lints of Snakemake's JSON report that are not ignored, one line each."""
    lines = []
    for kind, label in (("rules", "rule"), ("files", "file")):
        for entry in report.get(kind, []):
            for lint in entry["lints"]:
                if lint["title"].rstrip(".") != IGNORED.rstrip("."):
                    name = entry.get("name") or entry.get("path") or entry.get("file")
                    lines.append(f"{label} {name}: {lint['title']}: {' '.join(lint['body'].split())}")
    return lines


def main() -> int:
    """Run the linter in the repository's root."""
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "snakemake", "--lint", "json", *sys.argv[1:]]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    start = result.stdout.find("{")
    if start < 0:
        if result.returncode == 0:
            return 0
        print(result.stdout + result.stderr, file=sys.stderr)
        return 1
    lines = remaining(json.loads(result.stdout[start:]))
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
