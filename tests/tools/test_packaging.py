"""The wheel works outside the checkout, and the lock file agrees with the pins."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder


@pytest.fixture(scope="module")
def installed(repository, tmp_path_factory):
    """A folder that holds what `pip install` of the wheel would put into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    [wheel] = WheelBuilder(str(repository)).build(directory=str(folder / "dist"), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


def run(installed, code, folder):
    """Run Python code with the wheel's packages in front of the checkout's."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_no_tests_and_every_package_is_typed(installed):
    packages = {path.name for path in installed.iterdir() if path.is_dir() and path.suffix != ".dist-info"}
    assert packages == {
        "algos", "paper_tables", "recheck", "recheck_command", "snakemake_executor_plugin_submitit",
        "snakemake_logger_plugin_stages",
    }  # fmt: skip
    assert all((installed / package / "py.typed").is_file() for package in packages)


def test_the_command_of_the_wheel_runs_outside_the_checkout(installed, tmp_path):
    code = (
        "import sys, recheck_command\n"
        f"assert recheck_command.__file__.startswith({str(installed)!r})\n"
        "from recheck_command.__main__ import main\n"
        "sys.argv = ['recheck', '--help']\n"
        "main()"
    )
    process = run(installed, code, tmp_path)
    assert process.returncode == 0, process.stderr
    assert "recheck audit TABLE" in process.stdout


def test_the_wheel_carries_the_data_that_the_command_reads(installed, tmp_path):
    scores = tmp_path / "scores.csv"
    rows = [f"mine,hopper-medium-v2,{seed},{60.5 + seed}" for seed in range(5)]
    scores.write_text("\n".join(["method,task,seed,score", *rows]) + "\n")
    code = (
        "import sys\n"
        "from recheck_command.__main__ import main\n"
        "sys.argv = ['recheck', 'table', 'scores.csv', '--like', 'iql_table_1']\n"
        "main()"
    )
    process = run(installed, code, tmp_path)
    assert process.returncode == 0, process.stderr
    [row] = [line for line in process.stdout.splitlines() if line.startswith("| hopper-medium-v2 ")]
    assert "66.3" in row, "IQL's reported number"
    assert "62.5" in row, "the mean of the file"


def test_the_wheel_knows_the_tasks_and_methods(installed, repository, tmp_path):
    code = (
        "from algos.methods import known_methods\n"
        "from recheck import tasks\n"
        "print(known_methods(), tasks.TASKS_FILE)"
    )
    process = run(installed, code, tmp_path)
    assert process.returncode == 0, process.stderr
    assert str(installed) in process.stdout
    files = repository.glob("workflow/config/hyperparameters/*.yaml")
    assert all(repr(path.stem) in process.stdout for path in files)


def pins(path):
    """Package (normalised) to version of every pin in a requirements file."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", path.read_text(), re.M)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_the_lock_file_agrees_with_the_pins(repository):
    constraints, lock = pins(repository / "constraints.txt"), pins(repository / "requirements.lock")
    assert {
        name: version for name, version in lock.items() if constraints.get(name, version) != version
    } == {}
    assert set(constraints) - set(lock) <= {"torch"}, "run tools/lock.sh"


def test_minaris_remote_needs_its_client(repository):
    """`minari.download_dataset` imports huggingface_hub, which is an extra of Minari."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    extras = sum(project["optional-dependencies"].values(), project["dependencies"])
    found = [text for text in extras if text.startswith("minari")]
    assert found
    assert all(text.startswith("minari[hf]") for text in found)
    for name in ("constraints.txt", "requirements.lock"):
        assert "huggingface-hub" in pins(repository / name)


@pytest.mark.parametrize("name", ["", "-torch", "-torch-cpu", "-cuda"])
def test_every_package_of_a_lock_file_has_a_hash(repository, name):
    path = repository / f"requirements{name}.lock"
    text = "".join(line for line in path.read_text().splitlines(keepends=True) if not line.startswith("#"))
    entries = re.split(r"\n(?=[A-Za-z0-9])", text)
    assert len(entries) == len(pins(path))
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}(\s|$)", entry) for entry in entries)


def test_torch_and_what_its_gpu_build_needs_have_lock_files_of_their_own(repository):
    """A CPU build needs none of the several GB of CUDA, and its files are not on the plain index."""
    torch = pins(repository / "constraints.txt")["torch"]
    assert pins(repository / "requirements-torch.lock") == {"torch": torch}
    assert pins(repository / "requirements-torch-cpu.lock") == {"torch": f"{torch}+cpu"}
    assert (repository / "requirements-torch-cpu.lock").read_text().count("--hash=") == 2, "3.11 and 3.12"
    others = re.compile(r"triton|nvidia-.*|cuda-.*")
    assert all(map(others.fullmatch, pins(repository / "requirements-cuda.lock")))
    rest = pins(repository / "requirements.lock")
    assert not [name for name in rest if others.fullmatch(name) or name == "torch"]


def test_every_action_is_pinned_by_its_commit(repository):
    """A tag can be moved by whoever holds the action; dependabot raises commit and comment together."""
    used = [
        line.strip().removeprefix("- ")
        for path in sorted((repository / ".github/workflows").glob("*.yml"))
        for line in path.read_text().splitlines()
        if "uses:" in line and "uses: ./" not in line  # this repository's own, at the same commit
    ]
    assert len(used) > 10
    for line in used:
        assert re.fullmatch(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)+", line), line


def test_version_and_date_are_the_same_everywhere(repository):
    version = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["version"]
    citation = yaml.safe_load((repository / "CITATION.cff").read_text())
    [released, *_] = re.findall(
        r"^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$", (repository / "CHANGELOG.md").read_text(), re.M
    )
    assert (version, str(citation["date-released"])) == released
    assert citation["version"] == version
