"""The generated tables of docs/how_we_know.md: from the documents, the lists of faults and the tests.

python tools/how_we_know.py            compare; exit status 1 where the page is out of date
python tools/how_we_know.py --write    write them again
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recheck import files, schema
from recheck.errors import TablesError

from paper_tables.publish.readme import blocks, filled

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/how_we_know.md"
CASES = ROOT / "tests/faults_by_case.yaml"
FAULTS = ROOT / "tests/planted_faults.yaml"
PARITY = ROOT / "docs/parity.md"
STATISTICS = ROOT / "docs/statistics.md"


def rows_of(text: str) -> list[list[str]]:
    """The cells of a Markdown table's rows, heading and ruler left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def table(heading: Sequence[str], rows: Sequence[Sequence[object]], right: int = 1) -> str:
    """A Markdown table whose last `right` columns are numbers."""
    ruler = ["---"] * (len(heading) - right) + ["---:"] * right
    lines = [heading, ruler, *[[str(cell) for cell in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def parity(text: str) -> str:
    """By released program: how many comparisons, and the largest difference of any of them.

    Args:
        text: of docs/parity.md, whose first table has a row for each comparison.
    """
    part = re.search(r"^\| method \| released program .*?(?=\n\n)", text, re.M | re.S)
    if part is None:
        raise ValueError("docs/parity.md has no table of comparisons.")
    found: dict[str, tuple[list[str], list[float]]] = {}
    program = ""
    for method, released, _, difference in rows_of(part[0]):
        if not released.startswith("the same"):
            program = released.split(",")[0].split(" ")[0]
        methods, differences = found.setdefault(program, ([], []))
        methods.append(method.split(",")[0])
        differences += [float(number) for number in re.findall(r"\d+e-\d+", difference)]
    rows = [
        (
            program,
            ", ".join(dict.fromkeys(methods)),
            len(methods),
            f"{max(differences):.0e}".replace("e-0", "e-"),
        )
        for program, (methods, differences) in sorted(found.items(), key=lambda item: item[0].lower())
    ]
    total = sum(len(methods) for methods, _ in found.values())
    largest = f"{max(max(values) for _, values in found.values()):.0e}"
    return (
        f"{total} comparisons with {len(found)} released programs; the largest difference is {largest}.\n\n"
        + table(("Released program", "Methods", "Comparisons", "Largest difference"), rows, right=2)
    )


def simulation(text: str) -> str:
    """By numbers of seeds: the largest one-sided error of Welch's interval alone and of the rule, in percent.

    Args:
        text: of docs/statistics.md, whose table `verdict_error.md` has a row for each distribution.
    """
    [part] = [block.body for block in blocks(text, "docs/statistics.md") if block.name == "verdict_error.md"]
    heading = [cell.strip() for cell in part.splitlines()[0].strip("|").split("|")][1:]
    columns = list(zip(*[row[1:] for row in rows_of(part)], strict=True))
    rows = []
    for seeds, cells in zip(heading, columns, strict=True):
        pairs = [[float(number) for number in re.findall(r"\d+\.\d+", cell)] for cell in cells]
        before = max(pair[0] for pair in pairs if len(pair) == 2)
        rows.append((seeds, f"{before:.1f}", f"{max(pair[-1] for pair in pairs):.1f}"))
    return table(("Seeds", "Welch's interval alone, %", "The rule, %"), rows, right=2)


def cases(entries: Sequence[dict[str, str]], counts: dict[str, int]) -> str:
    """What is damaged, what has to happen, and how many cases a test has of it."""
    rows = [
        (entry["kind"], entry["right"], f"`{entry['test'].split('::')[0]}`", counts[entry["test"]])
        for entry in entries
    ]
    return table(("Damage", "What has to happen", "Tests", "Cases"), rows)


def planted(entries: Sequence[dict[str, str]]) -> str:
    """The faults that are planted into the programs."""
    rows = [(entry["fault"], f"`{entry['file']}`", f"`{entry['tests']}`") for entry in entries]
    return f"{len(rows)} faults:\n\n" + table(("Fault", "In", "Found by"), rows, right=0)


def collected(tests: Sequence[str]) -> dict[str, int]:
    """Test -> the number of its cases, as pytest collects them.

    Raises:
        RuntimeError: a test is not there.
    """
    paths = sorted({test.split("::")[0] for test in tests})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    # Those of the cluster are left out unless they are asked for.
    done = subprocess.run([*command, "-m", "", *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [line.split("[")[0] for line in done.stdout.splitlines() if "::" in line]
    counts = {test: names.count(test) for test in tests}
    missing = [test for test, count in counts.items() if not count]
    if missing:
        raise RuntimeError(f"pytest collects no {', '.join(missing)}.\n{done.stdout[-1000:]}{done.stderr}")
    return counts


def tables() -> Iterator[tuple[str, str]]:
    """(file name, text) of every table of the page."""
    yield "parity.md", parity(PARITY.read_text(encoding="utf-8"))
    yield "simulation.md", simulation(STATISTICS.read_text(encoding="utf-8"))
    listed: dict[str, Any] = schema.read_yaml(CASES)
    counts = collected([entry["test"] for entries in listed.values() for entry in entries])
    for name, entries in listed.items():
        yield f"{name}.md", cases(entries, counts)
    yield "planted.md", planted(schema.read_yaml(FAULTS))


def page(text: str) -> str:
    """The page with its tables as they are today."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in tables():
            files.write_text(Path(folder) / name, content, TablesError)
        return filled(text, str(PAGE.relative_to(ROOT)), [Path(folder)])


def main() -> int:
    """Compare the page with its sources, or write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write the tables again")
    write = parser.parse_args().write
    before = PAGE.read_text(encoding="utf-8")
    after = page(before)
    if write:
        files.write_text(PAGE, after, TablesError)
    elif before != after:
        print(f"{PAGE.relative_to(ROOT)} is out of date: python tools/how_we_know.py --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
