"""Every file is written by the one writer, `recheck.files`: whole under its name, or not at all."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PRODUCT = ("algos", "paper_tables", "workflow/src", "tools")
WRITERS = ("workflow/src/recheck/files.py", "workflow/src/snakemake_executor_plugin_submitit/files.py")
"""The one writer, and that of the executor, which must not import `recheck`."""
OTHERS = {
    "algos/datasets/downloads.py": "a partial file that a later call resumes, then `put_in_place`",
    "algos/datasets/minari_export.py": "into a folder of `atomic_folder`",
    "algos/datasets/prepare.py": "reserves space on the disk and deletes what it reserved",
    "algos/datasets/transitions.py": "orders the header of a writer's temporary file",
    "algos/recollect/train_behaviours.py": "a line is added to a log",
    "algos/training/lock.py": "a lock has to be made under its own name",
    "tools/measure_dry_run.py": "a workflow in a scratch folder, for one measurement",
    "tools/speed_peer_programs.py": "opens the standard output that the process was started with",
    "tools/rehearse.py": "the copy of a workflow in a new folder, read by this process alone",
}
"""Files that write otherwise: why."""


def writes(text: str) -> Iterator[int]:
    """Lines in which a file is written under its own name, not under one that a writer gave."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        receiver = called.value if isinstance(called, ast.Attribute) else None
        given = getattr(receiver, "id", "")
        if name in ("write_text", "write_bytes"):
            # `write_text(path, text)` and `files.write_text(path, text)` are the writer's.
            if receiver is not None and given not in ("temporary", "files", "frames"):
                yield node.lineno
        elif name in ("open", "fdopen", "File"):
            values = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
            modes = [value.value for value in values if isinstance(value, ast.Constant)]
            opened = {given, *(getattr(value, "id", "") for value in node.args)}
            if any(_writes(mode) for mode in modes) and "temporary" not in opened:
                yield node.lineno


def _writes(mode: object) -> bool:
    return isinstance(mode, str) and set(mode) <= set("rwaxbt+") and bool(set(mode) & set("wax+"))


def found() -> dict[str, list[int]]:
    """Files of the product that write under a file's own name, and the lines."""
    paths = [path for folder in PRODUCT for path in sorted((REPOSITORY / folder).rglob("*.py"))]
    lines = {
        str(path.relative_to(REPOSITORY)): list(writes(path.read_text(encoding="utf-8"))) for path in paths
    }
    return {name: places for name, places in lines.items() if places}


def test_files_are_written_by_the_one_writer() -> None:
    others = {name: lines for name, lines in found().items() if name not in (*WRITERS, *OTHERS)}
    assert others == {}, "use recheck.files, or say in OTHERS why not"


def test_what_is_named_as_an_exception_is_one() -> None:
    assert set(OTHERS) <= set(found())


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("path.write_text('x')", True),
        ("(folder / 'x').write_bytes(b'')", True),
        ("open(path, 'w')", True),
        ("path.open('ab')", True),
        ("path.open(mode='w', encoding='utf-8')", True),
        ("h5py.File(path, 'w')", True),
        ("os.fdopen(descriptor, 'w')", True),
        ("files.write_text(path, 'x')", False),
        ("temporary.write_text('x')", False),
        ("temporary.open('w')", False),
        ("h5py.File(temporary, 'w')", False),
        ("path.open('rb')", False),
        ("open(path)", False),
        ("path.open(encoding='utf-8')", False),
    ],
)
def test_a_bare_write_is_seen(line: str, bare: bool) -> None:
    assert list(writes(line)) == ([1] if bare else [])
