"""Files of a run: checksums, full disks."""

import hashlib
import json
import subprocess
import sys

import pytest
import torch
from recheck import paths
from recheck.errors import DatasetError, StateError
from safetensors import SafetensorError

from algos.training import stored
from algos.training.checkpoints import RunState
from tests.algos.runs import flip_a_bit, run


def test_every_file_of_a_run_has_its_checksum(dataset, run_config, tmp_path):
    output = run(run_config([0]), dataset, tmp_path)
    for name in paths.RUN_FILES:
        line = (output / f"{name}.sha256").read_text()
        assert line == f"{hashlib.sha256((output / name).read_bytes()).hexdigest()}  {name}\n"


def test_damaged_data_name_the_command_that_makes_them_again(dataset, run_config, tmp_path):
    flip_a_bit(dataset / "transitions.safetensors")
    with pytest.raises(DatasetError, match=rf"To prepare it again: `rm -r {dataset}`, then the same command"):
        run(run_config([0]), dataset, tmp_path)


def test_a_full_disk_is_one_message(dataset, run_config, tmp_path):
    """In place of a full disk: a limit on the size of files."""
    arguments = ["--config", json.dumps(run_config([0, 1])), "--dataset", str(dataset), "--device", "cpu"]
    arguments += ["--output", str(tmp_path / "run"), "--state", str(tmp_path / "state"), "--threads", "1"]
    program = (
        "import resource, sys\nfrom algos.train import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\nsys.exit(main(sys.argv[1:]))"
    )
    result = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    message = result.stderr.splitlines()[-1]
    assert "policy-100.safetensors cannot be written" in message
    assert not (tmp_path / "run").exists()
    assert not list((tmp_path / "state").glob("*safetensors*"))


def test_a_full_disk_is_reported(tmp_path, monkeypatch):
    """What safetensors raises on a full disk: an error of its own, without a number."""

    def full(*_):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(stored, "save_file", full)
    with pytest.raises(StateError, match=r"policy-5.safetensors cannot be written: the disk is full"):
        RunState(tmp_path / "state", {}).save_policy(5, {"x": torch.ones(1)})
    assert not list((tmp_path / "state").iterdir())
