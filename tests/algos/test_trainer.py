"""The trainer: seeds independent of their block, runs that survive being stopped, honest failures."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from recheck.errors import Preempted, StateError, TrainingError
from safetensors.torch import load_file

from algos import train
from algos.datasets.transitions import load_transitions
from algos.train import train_block
from algos.training import cuda_graphs
from algos.training import trainer as trainer_module2
from algos.training.checkpoints import RunState
from algos.training.config import RunConfig
from algos.training.trainer import Trainer

COMMAND = [sys.executable, "-m", "algos.train"]


def run(config, dataset, folder, name="run"):
    output = folder / name
    train_block(config, dataset, output, folder / f"{name}-state", "cpu", threads=1)
    return output


def seed_policy(output, index, num_seeds):
    """One seed's part of policies.safetensors; a tensor leads with seeds times copies."""
    found = {}
    for name, tensor in load_file(output / "policies.safetensors").items():
        copies = tensor.shape[0] // num_seeds
        found[name] = tensor[index * copies : (index + 1) * copies]
    return found


@pytest.mark.parametrize("hyperparameters", [{}, {"update_order": "corl", "critic_loss": "half_sum"}])
def test_a_seed_alone_equals_the_same_seed_in_a_block(dataset, run_config, tmp_path, hyperparameters):
    """Bitwise: every batched kernel used gives a seed the same numbers whatever stands beside it."""
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


@pytest.mark.parametrize("stop_at", [1, 37, 64, 100, 137])
def test_a_run_stopped_anywhere_ends_in_the_same_bytes(dataset, run_config, tmp_path, stop_at):
    config = run_config([0, 1])
    undisturbed = run(config, dataset, tmp_path, "undisturbed")
    transitions = load_transitions(dataset)
    state = RunState(tmp_path / "run-state", {"format": 1})
    device = torch.device("cpu")
    stopped = Trainer(RunConfig.from_document(config), transitions, state, device)
    stopped.stop_requested = lambda: stopped.update >= stop_at
    with pytest.raises(Preempted):
        stopped.train()
    assert stop_at <= stopped.update < stop_at + cuda_graphs.STRETCH_UPDATES
    resumed = Trainer(RunConfig.from_document(config), transitions, state, device)
    resumed.train()
    resumed.write_results(tmp_path / "run", transitions.manifest)
    expected, got = undisturbed / "policies.safetensors", tmp_path / "run" / "policies.safetensors"
    assert expected.read_bytes() == got.read_bytes()
    assert (
        pq.read_table(undisturbed / "train.parquet").to_pylist()
        == pq.read_table(tmp_path / "run" / "train.parquet").to_pylist()
    )


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


def test_the_indexed_program_gives_the_same_numbers(dataset, run_config, tmp_path):
    """What a GPU captures, run without capture."""
    transitions = load_transitions(dataset)
    config = RunConfig.from_document(run_config([0, 1]))
    results = []
    for indexed in (False, True):
        state = RunState(tmp_path / f"state-{indexed}", {})
        trainer = Trainer(config, transitions, state, torch.device("cpu"), indexed=indexed)
        trainer.train()
        results.append((trainer.method.policy(), np.asarray(trainer.log_losses)))
    for name, tensor in results[0][0].items():
        assert torch.equal(tensor, results[1][0][name]), name
    assert np.array_equal(results[0][1], results[1][1])


def test_a_state_of_another_run_is_left_aside(dataset, run_config, tmp_path, capsys):
    config = run_config([0])
    state = RunState(tmp_path / "run-state", {"digest": "another"})
    stopped = Trainer(RunConfig.from_document(config), load_transitions(dataset), state, torch.device("cpu"))
    stopped.stop_requested = lambda: stopped.update >= 20
    with pytest.raises(Preempted):
        stopped.train()
    run(config, dataset, tmp_path)
    assert "belongs to another run" in capsys.readouterr().err
    assert len(list(tmp_path.glob("run-state.other-*/state-*.json"))) == 1


def test_a_torn_state_falls_back_to_the_one_before(dataset, run_config, tmp_path, capsys):
    state = RunState(tmp_path / "state", {"digest": "a"})
    state.save(10, {"x": torch.ones(3)}, {})
    state.save(20, {"x": torch.zeros(3)}, {})
    path = tmp_path / "state" / "state-20.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    update, tensors, _ = state.load()
    assert update == 10
    assert torch.equal(tensors["x"], torch.ones(3))
    assert "cannot be read" in capsys.readouterr().err


def test_only_two_states_are_kept(tmp_path):
    state = RunState(tmp_path / "state", {})
    for update in (5, 10, 15):
        state.save(update, {"x": torch.ones(1)}, {})
    assert sorted(path.stem for path in (tmp_path / "state").glob("*.json")) == ["state-10", "state-15"]


def test_one_writer_at_a_time(tmp_path):
    state = RunState(tmp_path / "state", {})
    with (
        state.locked(),
        pytest.raises(StateError, match="being written by another process"),
        RunState(tmp_path / "state", {}).locked(patience_seconds=0.1),
    ):
        pass
    with RunState(tmp_path / "state", {}).locked(patience_seconds=0.1):
        pass


def test_a_dead_writers_lock_is_taken(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "lock").write_text(f"{os.uname().nodename} {process.pid}")
    with RunState(folder, {}).locked(patience_seconds=0.1):
        pass


def test_losses_that_are_not_finite_stop_the_run_by_name(dataset, run_config, tmp_path, monkeypatch):
    transitions = load_transitions(dataset)
    config = RunConfig.from_document(run_config([4, 5]))
    trainer = Trainer(config, transitions, RunState(tmp_path / "state", {}), torch.device("cpu"))
    update = trainer.method.update
    calls = []

    def broken(*arguments):
        losses = update(*arguments)
        calls.append(1)
        if len(calls) == 70:
            losses[2][1] = float("nan")
        return losses

    monkeypatch.setattr(trainer.method, "update", broken)
    with pytest.raises(TrainingError, match=r"critic_loss of seed 5 is nan at update 70 of iql on tiny-v0"):
        trainer.train()


def test_a_nan_in_one_seed_does_not_reach_another(dataset, run_config, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer_module2, "EXPLODED_LOSS", float("inf"))
    transitions = load_transitions(dataset)
    policies = []
    for poisoned in (False, True):
        state = RunState(tmp_path / f"state-{poisoned}", {})
        config = RunConfig.from_document(run_config([0, 1], num_updates=20, checkpoints=[20]))
        trainer = Trainer(config, transitions, state, torch.device("cpu"))
        if poisoned:
            trainer.method.critic.critic_group.flat[0] = float("nan")
        monkeypatch.setattr(trainer, "_account", lambda first, end: None)
        trainer.train()
        policies.append(trainer.method.policy())
    assert policies[1]["actor/layer0.weight"][0].isnan().any()
    assert torch.equal(policies[0]["actor/layer0.weight"][1], policies[1]["actor/layer0.weight"][1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "sarsa"}, "unknown method 'sarsa'; known are bc,"),
        ({"method_format": 99}, "asks for format 99 of method iql"),
        ({"seeds": [-1]}, "seeds"),
        ({"seeds": [1, 1]}, "seeds"),
        ({"checkpoints": [100]}, "end with it"),
        ({"num_updates": 0}, "num_updates is 0"),
        ({"train_fraction": 0.0}, "train_fraction is 0.0"),
        ({"hyperparameters": {"expectile": 0.4}}, r"allowed are values in \[0.5, 1\)"),
        ({"hyperparameters": {"update_order": "random"}}, "allowed are paper, corl"),
        ({"hyperparameters": {"colour": 1}}, "has no hyperparameter 'colour'"),
        ({"transforms": [{"name": "rotate"}]}, "rotate"),
        ({"surprise": 1}, "unknown key 'surprise'"),
    ],
)
def test_bad_configurations_are_refused_in_a_sentence(dataset, run_config, tmp_path, capsys, change, message):
    change = dict(change)
    config = {**run_config([0], hyperparameters=change.pop("hyperparameters", {})), **change}
    arguments = ["--config", json.dumps(config), "--dataset", str(dataset)]
    arguments += ["--output", str(tmp_path / "run"), "--state", str(tmp_path / "state")]
    assert train.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert pytest.raises(ValueError, match=message).matches(ValueError(error))
    assert not (tmp_path / "run").exists()


def test_a_fraction_of_the_rows_differs_by_seed(dataset, run_config):
    config = RunConfig.from_document(run_config([0, 1], train_fraction=0.95))
    data, _ = trainer_module2.training_data(load_transitions(dataset), config, torch.device("cpu"))
    assert data.num_rows == 285
    assert not torch.equal(data.rows[0], data.rows[1])
    alone = RunConfig.from_document(run_config([1], train_fraction=0.95))
    data_alone, _ = trainer_module2.training_data(load_transitions(dataset), alone, torch.device("cpu"))
    assert torch.equal(data.rows[1], data_alone.rows[0])
    index = torch.tensor([[0, 284], [0, 284]])
    expected = data.packed[data.rows.gather(1, index)][..., :11]
    assert torch.equal(data.batch(index).observations, expected)


def test_the_actors_rate_decays_to_zero_and_only_the_actors(dataset, run_config, tmp_path):
    trainer = Trainer(
        RunConfig.from_document(run_config([0])),
        load_transitions(dataset),
        RunState(tmp_path / "state", {}),
        torch.device("cpu"),
    )
    rates = [trainer.method.schedules(update)["actor_learning_rate"] for update in (0, 75, 150)]
    assert rates == pytest.approx([3e-4, 1.5e-4, 0.0], abs=1e-12)
    trainer.train()
    assert float(trainer.method.critic_optimiser.learning_rate) == pytest.approx(3e-4)
    assert float(trainer.method.actor_optimiser.learning_rate) < 1e-7


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
