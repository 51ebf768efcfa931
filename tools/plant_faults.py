"""Plant mistakes into a copy of the repository, one at a time, and see whether the tests find them.

    python tools/plant_faults.py                every fault of tests/planted_faults.yaml
    python tools/plant_faults.py --only IQL     those whose description has the word

The exit status is 1 if one is not found.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recheck import files, schema
from recheck.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
FAULTS = ROOT / "tests/planted_faults.yaml"
# What tests of one module read besides it.
COPIED = (
    "algos",
    "paper_tables",
    "workflow",
    "tests",
    "docs",
    "results/published",
    "pyproject.toml",
    "README.md",
)


@dataclass(frozen=True)
class Fault:
    """One mistake.

    Attributes:
        fault: what is wrong then.
        file: the file that is changed, relative to the repository.
        old: the text that is replaced; it occurs once in the file.
        new: what takes its place.
        tests: the file of tests that has to find it.
    """

    fault: str
    file: str
    old: str
    new: str
    tests: str

    def planted(self, text: str) -> str:
        """The text of the file with the mistake.

        Raises:
            ValueError: the text that is replaced is not there once.
        """
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} has {text.count(self.old)} times: {self.old}")
        return text.replace(self.old, self.new)


def read_faults(path: Path = FAULTS) -> list[Fault]:
    """The faults of the list."""
    return [Fault(**entry) for entry in schema.read_yaml(path)]


def copy_of_the_repository(folder: Path) -> Path:
    """What the tests read, without results of earlier runs."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


def tests_fail(folder: Path, tests: str) -> bool:
    """Whether a file of tests fails in a copy.

    Raises:
        RuntimeError: it neither passes nor fails: it could not be collected.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(folder / "workflow/src")]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=no", tests]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(
            f"{tests}: pytest ended with {done.returncode}.\n{done.stdout[-2000:]}{done.stderr}"
        )
    return done.returncode == 1


def found(faults: list[Fault], folder: Path) -> Iterator[tuple[Fault, bool]]:
    """Each fault, and whether its tests fail with it.

    Args:
        faults: of the list.
        folder: of a copy.

    Raises:
        RuntimeError: a file of tests fails without any fault.
    """
    for tests in sorted({fault.tests for fault in faults}):
        if tests_fail(folder, tests):
            raise RuntimeError(f"{tests} fails without any fault.")
        for fault in (fault for fault in faults if fault.tests == tests):
            path = folder / fault.file
            text = path.read_text(encoding="utf-8")
            files.write_text(path, fault.planted(text), ConfigError)
            yield fault, tests_fail(folder, tests)
            files.write_text(path, text, ConfigError)


def main() -> int:
    """Plant every fault; exit status 1 if the tests do not find one of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="word of the faults that are planted")
    words = parser.parse_args().only
    faults = [fault for fault in read_faults() if words.lower() in fault.fault.lower()]
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        for fault, is_found in found(faults, copy_of_the_repository(Path(folder))):
            missed += not is_found
            print("found   " if is_found else "MISSED  ", fault.fault, f"({fault.tests})", flush=True)
    print(f"{len(faults) - missed} of {len(faults)} faults are found.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
