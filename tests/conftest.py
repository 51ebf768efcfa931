"""A copy of the workflow's data, and Snakemake run on it."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from recheck import files, plan
from recheck.experiments import seed_blocks

# Tests read all that Snakemake says, not the one line for each stage.
os.environ["VERBOSE"] = "1"
REPOSITORY = Path(__file__).resolve().parents[1]


SLOW_SECONDS = 30


def pytest_collection_modifyitems(items):
    """The longest tests first: with several workers none is left alone with one at the end."""

    def seconds(item):
        marker = item.get_closest_marker("slow")
        return marker.args[0] if marker and marker.args else SLOW_SECONDS if marker else 0

    items.sort(key=seconds, reverse=True)


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture
def facts(repository):
    folder = repository.parent / "shared" / "facts"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: these facts come with the project's workplace only")
    return folder


@pytest.fixture
def copy(tmp_path):
    """The Snakefile and its configuration in a folder of their own, without results."""
    shutil.copy(REPOSITORY / "Snakefile", tmp_path)
    shutil.copytree(
        REPOSITORY / "workflow",
        tmp_path / "workflow",
        ignore=shutil.ignore_patterns("src", "__pycache__"),
    )
    # Snakemake looks for profiles/default in the Snakefile's folder.
    (tmp_path / "profiles").symlink_to("workflow/profiles")
    return tmp_path


@pytest.fixture
def configuration(repository):
    return yaml.safe_load((repository / "workflow/config/config.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def load_plan(repository, configuration):
    """Plan an experiment of the repository: load_plan(experiment=..., key=value)."""

    def load(root=repository, **changes):
        return plan.load({**configuration, **changes}, root)

    return load


@pytest.fixture
def write_experiment(copy):
    """Write an experiment file into the copy; returns its name."""

    def write(content, name="mine"):
        path = copy / f"workflow/config/experiments/{name}.yaml"
        path.write_text(yaml.safe_dump({"description": "a test", **content}), encoding="utf-8")
        return name

    return write


@pytest.fixture
def snakemake(copy):
    """Run Snakemake in the copy; returns the finished process."""

    def run(*arguments, folder=copy, timeout=300, **options):
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False, **options
        )

    return run


@pytest.fixture
def job_count():
    """How many training, evaluation and dataset jobs an experiment takes on an empty disk, in closed form.

    A run of S consecutive seeds takes ceil(S / seeds_per_block) training jobs, and as many evaluation jobs
    for each sampling setting that wants all of its seeds; each task takes one dataset job.
    """

    def count(experiment, seeds_per_block):
        train = evaluate = 0
        for run in experiment.runs.values():
            cut = seed_blocks.cut(run.seeds, seeds_per_block)
            train += len(cut)
            for _, wanted in run.samplings.values():
                evaluate += sum(any(seed in wanted for seed in block.seeds) for block in cut)
        return {"dataset": len(experiment.task_names), "train": train, "evaluate": evaluate}

    return count


@pytest.fixture
def full_disk():
    """A context in which no byte can be written to a file, as on a full disk; reading and folders work."""

    @contextlib.contextmanager
    def filled():
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return filled


@pytest.fixture
def umask():
    """Sets the process's mask of permissions, which the one writer reads once, until the test's end."""
    before = os.umask(0o022)
    os.umask(before)
    yield os.umask
    os.umask(before)
    files._umask.cache_clear()
