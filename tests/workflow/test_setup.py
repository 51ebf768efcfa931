"""tools/setup.sh: what it says where Python or its module venv is not as it has to be."""

import os
import shutil
import subprocess

import pytest

# A stand-in for Python: its version, and which modules it lacks.
FAKE = """#!/bin/sh
case "$*" in
    *"not (3, 11)"*) exit {wrong_version} ;;
    *'%d.%d'*) echo 3.11 ;;
    *"import ensurepip"*) exit {no_venv} ;;
    *"-m venv"*) mkdir -p .venv/bin; echo "$@" > .venv/asked; exit 9 ;;
esac
"""


@pytest.fixture
def folder(tmp_path, repository):
    (tmp_path / "tools").mkdir()
    shutil.copy(repository / "tools/setup.sh", tmp_path / "tools")
    for path in [repository / "pyproject.toml", repository / "constraints.txt", *repository.glob("*.lock")]:
        shutil.copy(path, tmp_path)
    return tmp_path


def run(folder, wrong_version=0, no_venv=0):
    fake = folder / "fake-python"
    fake.write_text(FAKE.format(wrong_version=wrong_version, no_venv=no_venv))
    fake.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(fake), "TORCH_INDEX": ""}
    return subprocess.run(
        ["sh", "tools/setup.sh"], cwd=folder, capture_output=True, text=True, env=environment, check=False
    )


def test_a_missing_venv_names_the_package(folder):
    process = run(folder, no_venv=1)
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1
    assert "install the package python3.11-venv" in process.stderr
    assert not (folder / ".venv").exists()


def test_another_python_is_refused(folder):
    process = run(folder, wrong_version=1)
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1
    assert "is not Python 3.11 or 3.12" in process.stderr


def test_a_half_made_environment_is_made_anew(folder):
    (folder / ".venv/lib").mkdir(parents=True)
    (folder / ".venv/lib/half").write_text("")
    process = run(folder)
    assert process.returncode == 9, "the stand-in ends where the environment would be made"
    assert "broken or half-made: it is made again" in process.stderr
    assert not (folder / ".venv/lib").exists()
    assert (folder / ".venv/asked").read_text() == "-m venv .venv\n"
    assert not (folder / ".venv/recheck-stamp").exists()
