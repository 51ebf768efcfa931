"""Tests mirror the modules: `tests/<package>/<folder>/test_<module>.py`, and the other way round."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
TESTS = REPOSITORY / "tests"
# Where the packages are, and so what the first folder below `tests` is called.
ROOTS = {
    "algos": REPOSITORY / "algos",
    "paper_tables": REPOSITORY / "paper_tables",
    **{
        folder.name: folder
        for folder in (REPOSITORY / "workflow" / "src").iterdir()
        if (folder / "__init__.py").is_file()
    },
}
NEED_NONE = {
    "algos/training/execution.py": "a dataclass of settings",
    "recheck/errors.py": "classes of errors; who raises them tests their messages",
    "recheck/shipped.py": "one path; tests/tools/test_packaging.py reads it out of an installed wheel",
    "snakemake_executor_plugin_submitit/errors.py": "classes of errors; who raises them tests their messages",
    "snakemake_executor_plugin_submitit/snakemake_api.py": "names of Snakemake's classes for a type checker",
    "snakemake_logger_plugin_stages/snakemake_api.py": "names of Snakemake's classes for a type checker",
}
"""Modules without a file of tests: why they need none."""
OF_SEVERAL = {
    "algos/datasets/test_door.py": "the door task from its file to a score",
    "algos/datasets/test_written_whole.py": "what is prepared, downloaded or fetched is written whole",
    "algos/evaluate/test_resume.py": "an evaluation that is killed anywhere",
    "paper_tables/evidence/test_latex.py": "the tables of the evidence, set by LaTeX",
    "paper_tables/figures/test_layout.py": "every figure: nothing covers anything",
    "paper_tables/publish/test_publish.py": "the command and all that it writes",
    "paper_tables/user_tables/test_clean.py": "clean tables in every form: no finding",
    "paper_tables/user_tables/test_planted.py": "tables with one planted error each",
    "paper_tables/verdicts/test_bad_input.py": "every function that judges refuses the same wrong input",
    "recheck/methods/test_official_values.py": "all methods' values against those of the released programs",
    "recheck_command/test_documents.py": "what the documents say of the command",
    "recheck_command/test_latex.py": "the command's tables, set by LaTeX",
}
"""Files of tests of several modules of a package: of what."""


def modules() -> Iterator[tuple[str, Path]]:
    """Name below `tests`, and file, of every module."""
    for package, root in ROOTS.items():
        for path in sorted(root.rglob("*.py")):
            if not path.name.startswith("__"):
                yield f"{package}/{path.relative_to(root)}", path


def test_file(name: str) -> Path:
    """Where the tests of a module are."""
    path = TESTS / name
    return path.with_name(f"test_{path.name}")


test_file.__test__ = False  # type: ignore[attr-defined]


def test_every_module_has_its_file_of_tests() -> None:
    without = {name for name, _ in modules() if not test_file(name).is_file()}
    missing = sorted(without - set(NEED_NONE))
    assert missing == [], (
        f"write {', '.join(str(test_file(name).relative_to(REPOSITORY)) for name in missing)}"
    )


def test_what_needs_no_tests_is_there_and_has_none() -> None:
    names = dict(modules())
    stale = [name for name in NEED_NONE if name not in names or test_file(name).is_file()]
    assert stale == []
    assert all(len(reason.split()) > 1 for reason in NEED_NONE.values())


@pytest.mark.parametrize("name", NEED_NONE)
def test_what_needs_no_tests_decides_nothing(name: str) -> None:
    """A function that branches or repeats has something to test."""
    tree = ast.parse(dict(modules())[name].read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    branches = (ast.If, ast.IfExp, ast.For, ast.While, ast.Try, ast.Match, ast.comprehension)
    deciding = [f.name for f in functions for node in ast.walk(f) if isinstance(node, branches)]
    assert deciding == []


def test_every_file_of_tests_is_of_a_module_or_named_as_of_several() -> None:
    known = {str(test_file(name).relative_to(TESTS)) for name, _ in modules()}
    # The folder of a command, and a package as a whole.
    known |= {
        str(Path(package) / path.relative_to(root).parent / "test_main.py")
        for package, root in ROOTS.items()
        for path in root.rglob("__main__.py")
    }
    known |= {
        str(Path(package) / path.relative_to(root).parent / f"test_{path.name}.py")
        for package, root in ROOTS.items()
        for path in root.rglob("*")
        if (path / "__init__.py").is_file()
    }
    found = {
        str(path.relative_to(TESTS)) for package in ROOTS for path in (TESTS / package).rglob("test_*.py")
    }
    assert sorted(found - known - set(OF_SEVERAL)) == []
    assert sorted(set(OF_SEVERAL) - (found - known)) == []
