"""The training command: seeds in blocks, signals, two processes, what is taken."""

import json
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from algos import train
from algos.datasets.transitions import load_transitions
from algos.training.config import RunConfig
from tests.algos.runs import flip_a_bit, run

COMMAND = [sys.executable, "-m", "algos.train"]


def seed_policy(output, index, num_seeds):
    """One seed's part of policies.safetensors; a tensor leads with seeds times copies."""
    found = {}
    for name, tensor in load_file(output / "policies.safetensors").items():
        copies = tensor.shape[0] // num_seeds
        found[name] = tensor[index * copies : (index + 1) * copies]
    return found


@pytest.mark.parametrize("hyperparameters", [{}, {"update_order": "corl", "critic_loss": "half_sum"}])
def test_a_seed_alone_equals_the_same_seed_in_a_block(dataset, run_config, tmp_path, hyperparameters):
    """Bitwise: every batched kernel used gives a seed the same numbers whatever else is in the block."""
    block = run(run_config([0, 1, 2, 3, 4], hyperparameters=hyperparameters), dataset, tmp_path, "block")
    alone = run(run_config([3], hyperparameters=hyperparameters), dataset, tmp_path, "alone")
    expected = seed_policy(alone, 0, 1)
    for name, tensor in seed_policy(block, 3, 5).items():
        assert torch.equal(tensor, expected[name]), name
    rows = pq.read_table(block / "train.parquet").to_pylist()
    assert [r for r in rows if r["seed"] == 3] == pq.read_table(alone / "train.parquet").to_pylist()


def test_different_seeds_differ(dataset, run_config, tmp_path):
    output = run(run_config([0, 1]), dataset, tmp_path)
    first, second = seed_policy(output, 0, 2), seed_policy(output, 1, 2)
    assert not torch.equal(first["150/actor/layer0.weight"], second["150/actor/layer0.weight"])


def test_the_same_run_twice_gives_the_same_bytes(dataset, run_config, tmp_path):
    a = run(run_config([0, 1]), dataset, tmp_path, "a")
    b = run(run_config([0, 1]), dataset, tmp_path, "b")
    for name in ("policies.safetensors", "config.json"):
        assert (a / name).read_bytes() == (b / name).read_bytes()


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGUSR2, signal.SIGKILL])
def test_a_process_stopped_by_a_signal_goes_on(dataset, run_config, tmp_path, signal_number):
    """SIGTERM and SIGUSR2 leave a state and exit 75; after SIGKILL the same command starts over."""
    config = run_config([0], num_updates=1200, checkpoints=[300, 1200])
    undisturbed = run(config, dataset, tmp_path, "undisturbed")
    arguments = [
        *COMMAND,
        *("--config", json.dumps(config), "--dataset", str(dataset), "--threads", "1", "--device", "cpu"),
        *("--output", str(tmp_path / "run"), "--state", str(tmp_path / "state")),
    ]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "state" / "policy-300.safetensors").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal_number)
    _, messages = process.communicate(timeout=60)
    if signal_number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    elif process.returncode != 0:  # 0: it was faster than the signal
        assert process.returncode == 75
        assert "the state is written" in messages
        assert not (tmp_path / "run").exists()
    result = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "run" / "policies.safetensors").read_bytes() == (
        undisturbed / "policies.safetensors"
    ).read_bytes()
    assert not (tmp_path / "state").exists()


def test_training_needs_neither_gymnasium_nor_h5py_nor_minari(dataset, run_config, tmp_path):
    """The machine that trains may hold torch, numpy, safetensors and pyarrow alone."""
    blocked = ("gymnasium", "gymnasium_robotics", "mujoco", "minari", "h5py", "snakemake")
    program = (
        f"import sys\nfor name in {blocked}: sys.modules[name] = None\n"
        "from algos.train import main\nsys.exit(main(sys.argv[1:]))"
    )
    config = run_config([0], num_updates=20, checkpoints=[20])
    arguments = ["--config", json.dumps(config), "--dataset", str(dataset), "--device", "cpu"]
    arguments += ["--output", str(tmp_path / "run"), "--state", str(tmp_path / "state")]
    result = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_two_processes_given_one_run_train_it_once(dataset, run_config, tmp_path):
    """As two clones with one results folder: the second waits and takes the first's result."""
    config = run_config([0], num_updates=2500, checkpoints=[300, 2500])
    arguments = [
        *COMMAND,
        *("--config", json.dumps(config), "--dataset", str(dataset), "--threads", "1", "--device", "cpu"),
        *("--output", str(tmp_path / "run"), "--state", str(tmp_path / "state")),
    ]
    first = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "state/policy-300.safetensors.sha256").exists() and first.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    second = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    first_messages, second_messages = first.communicate(timeout=120)[1], second.communicate(timeout=120)[1]
    assert (first.returncode, second.returncode) == (0, 0), first_messages + second_messages
    assert "is being written by another process" in second_messages
    assert "was finished by another process in the meantime; it is taken" in second_messages
    assert not (tmp_path / "state").exists()
    assert not (tmp_path / "state.lock").exists()


def test_only_the_whole_result_of_this_configuration_is_taken(dataset, run_config, tmp_path):
    document = run_config([0])
    output = run(document, dataset, tmp_path)
    config = RunConfig.from_document(document)
    content = load_transitions(dataset).manifest["content_sha256"]
    assert train.is_finished(output, config, content)
    assert not train.is_finished(output, config, "other")
    assert not train.is_finished(output, RunConfig.from_document(run_config([1])), content)
    assert not train.is_finished(output, config, content, since=time.time() + 100)
    flip_a_bit(output / "policies.safetensors")
    assert not train.is_finished(output, config, content)
    (output / "policies.safetensors").unlink()
    assert not train.is_finished(output, config, content)
