"""What is installed, and what cannot run here and why."""

from __future__ import annotations

from importlib import util
from pathlib import Path

import pytest
from recheck_command import installation

from paper_tables import literature

ROOT = Path(__file__).parents[2]


@pytest.fixture
def without(monkeypatch):
    """Have modules or programs be absent."""

    def take(modules=(), programs=()):
        find, which = util.find_spec, installation.shutil.which
        monkeypatch.setattr(
            installation.util, "find_spec", lambda name: None if name in modules else find(name)
        )
        monkeypatch.setattr(
            installation.shutil, "which", lambda name: None if name in programs else which(name)
        )

    return take


def test_each_purpose_says_what_it_lacks(without):
    without(modules=("mujoco", "h5py"), programs=("sbatch",))
    found = installation.missing(ROOT)
    assert set(found) == set(installation.NEEDS)
    assert found["training"] == ["mujoco is not installed", "h5py is not installed"]
    assert found["tables, figures, verdicts, audit"] == []
    assert "there is no program sbatch" in found["a SLURM cluster"]
    assert found["the workflow"] == []


def test_the_workflow_needs_the_repositorys_folder(tmp_path):
    (lack,) = installation.missing(tmp_path)["the workflow"]
    assert lack == f"{tmp_path} is not a checkout of the repository (give --root DIR)"
    # What needs no checkout does not ask for one.
    assert installation.missing(tmp_path)["training"] == installation.missing(ROOT)["training"]


def test_data_of_the_package_and_of_a_checkout(tmp_path):
    lines = installation.data_lines(ROOT)
    numbers = literature.read_all()
    assert lines[0] == f"reported numbers: {len(numbers)} of {len(literature.documents())} documents."
    assert "our published scores: found." in lines
    prepared = tmp_path / "results/datasets/hopper-medium-v2"
    prepared.mkdir(parents=True)
    (prepared / "manifest.json").write_text("{}")
    elsewhere = installation.data_lines(tmp_path)
    assert elsewhere[:2] == lines[:2]
    assert f"our published scores: not found ({tmp_path / 'results/published/scores.parquet'})." in elsewhere
    assert "prepared datasets: hopper-medium-v2." in elsewhere


def test_without_pandas_no_table_is_read(without, tmp_path):
    without(modules=("pandas",))
    assert installation.data_lines(tmp_path) == ["data: not read, since tables cannot be made."]


def test_versions_and_devices_are_those_of_what_is_installed(without, monkeypatch):
    import numpy
    import torch

    assert f"numpy {numpy.__version__}" in installation.versions()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert installation.devices() == "GPU: none that torch sees; training runs on the CPU."
    without(modules=("torch",))
    assert installation.devices() == "GPU: not asked, torch is not installed."
