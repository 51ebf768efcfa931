"""The training loop: stops, losses, states, rows of each seed."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from recheck.errors import MethodError, Preempted, TrainingError
from safetensors.torch import load_file

from algos.datasets.next_actions import known_next_actions
from algos.datasets.transitions import Transitions, load_transitions
from algos.seed_parallel.batches import ProblemSpec
from algos.train import train_block
from algos.training import cuda_graphs, stored
from algos.training import trainer as trainer_module
from algos.training.checkpoints import RunState
from algos.training.config import RunConfig
from algos.training.device import cpu_compiler
from algos.training.trainer import Trainer
from tests.algos.runs import CPU, flip_a_bit, run


@pytest.mark.parametrize("stop_at", [1, 37, 64, 100, 137])
def test_a_run_stopped_anywhere_ends_in_the_same_bytes(dataset, run_config, tmp_path, stop_at):
    config = run_config([0, 1])
    undisturbed = run(config, dataset, tmp_path, "undisturbed")
    transitions = load_transitions(dataset)
    state = RunState(tmp_path / "run-state", {"format": 1})
    stopped = Trainer(RunConfig.from_document(config), transitions, state, CPU)
    stopped.stop_requested = lambda: stopped.update >= stop_at
    with pytest.raises(Preempted):
        stopped.train()
    assert stop_at <= stopped.update < stop_at + cuda_graphs.CAPTURED_UPDATES
    resumed = Trainer(RunConfig.from_document(config), transitions, state, CPU)
    resumed.train()
    resumed.write_results(tmp_path / "run", transitions.manifest)
    expected, got = undisturbed / "policies.safetensors", tmp_path / "run" / "policies.safetensors"
    assert expected.read_bytes() == got.read_bytes()
    assert (
        pq.read_table(undisturbed / "train.parquet").to_pylist()
        == pq.read_table(tmp_path / "run" / "train.parquet").to_pylist()
    )


@pytest.mark.skipif(not cpu_compiler()[1], reason="torch compiles for a CPU with a C++ compiler")
# What the compiler loads warns of torch's own scripts.
@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")
def test_a_resumed_run_with_compiled_updates_ends_in_the_same_bytes(dataset, run_config, tmp_path):
    """Compiled by the compiler itself, anew in each trainer; stopped within a chunk of random inputs."""
    document = run_config([0])
    compiled = replace(CPU, compiled="update")
    undisturbed = tmp_path / "undisturbed"
    train_block(document, dataset, undisturbed, tmp_path / "undisturbed-state", compiled)
    config, transitions = RunConfig.from_document(document), load_transitions(dataset)
    state = RunState(tmp_path / "state", {"format": 1})
    stopped = Trainer(config, transitions, state, compiled)
    stopped.stop_requested = lambda: stopped.update >= 100
    with pytest.raises(Preempted):
        stopped.train()
    assert 100 <= stopped.update < 128
    resumed = Trainer(config, transitions, state, compiled)
    resumed.train()
    resumed.write_results(tmp_path / "run", transitions.manifest)
    for name in ("policies.safetensors", "train.parquet"):
        assert (undisturbed / name).read_bytes() == (tmp_path / "run" / name).read_bytes(), name
    # It is the compiled update that was trained.
    plain = run(document, dataset, tmp_path, "plain") / "policies.safetensors"
    assert "update compiled" in json.loads((undisturbed / "provenance.json").read_text())["kernels"][0]
    ours, theirs = load_file(undisturbed / "policies.safetensors"), load_file(plain)
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-3, atol=1e-4, msg=name)


def test_a_state_of_another_run_is_renamed(dataset, run_config, tmp_path, capsys):
    config = run_config([0])
    state = RunState(tmp_path / "run-state", {"digest": "another"})
    stopped = Trainer(RunConfig.from_document(config), load_transitions(dataset), state, CPU)
    stopped.stop_requested = lambda: stopped.update >= 20
    with pytest.raises(Preempted):
        stopped.train()
    run(config, dataset, tmp_path)
    assert "belongs to another run" in capsys.readouterr().err
    assert len(list(tmp_path.glob("run-state.other-*/state-*.json"))) == 1


@pytest.mark.parametrize(
    ("loss", "said"), [(float("nan"), "nan"), (float("-inf"), "-inf"), (2e10, r"2e\+10"), (-2e10, r"-2e\+10")]
)
def test_losses_that_have_diverged_stop_the_run_by_name(
    dataset, run_config, tmp_path, monkeypatch, loss, said
):
    transitions = load_transitions(dataset)
    config = RunConfig.from_document(run_config([4, 5]))
    trainer = Trainer(config, transitions, RunState(tmp_path / "state", {}), CPU)
    update = trainer.method.update
    calls = []

    def broken(*arguments):
        losses = update(*arguments)
        calls.append(1)
        if len(calls) == 70:
            losses[2][1] = loss
        return losses

    monkeypatch.setattr(trainer.method, "update", broken)
    words = rf"critic_loss of seed 5 is {said} at update 70 of iql on tiny-v0"
    with pytest.raises(TrainingError, match=words):
        trainer.train()


def test_a_nan_in_one_seed_does_not_reach_another(dataset, run_config, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer_module, "EXPLODED_LOSS", float("inf"))
    transitions = load_transitions(dataset)
    policies = []
    for poisoned in (False, True):
        state = RunState(tmp_path / f"state-{poisoned}", {})
        config = RunConfig.from_document(run_config([0, 1], num_updates=20, checkpoints=[20]))
        trainer = Trainer(config, transitions, state, CPU)
        if poisoned:
            trainer.method.critic.critic_group.flat[0] = float("nan")
        monkeypatch.setattr(trainer, "_account", lambda first, end: None)
        trainer.train()
        policies.append(trainer.method.policy())
    assert policies[1]["actor/layer0.weight"][0].isnan().any()
    assert torch.equal(policies[0]["actor/layer0.weight"][1], policies[1]["actor/layer0.weight"][1])


def test_a_fraction_of_the_rows_differs_by_seed(dataset, run_config):
    config = RunConfig.from_document(run_config([0, 1], train_fraction=0.95))
    data, _ = trainer_module.training_data(load_transitions(dataset), config, torch.device("cpu"))
    assert data.num_rows == 285
    assert not torch.equal(data.rows[0], data.rows[1])
    alone = RunConfig.from_document(run_config([1], train_fraction=0.95))
    data_alone, _ = trainer_module.training_data(load_transitions(dataset), alone, torch.device("cpu"))
    assert torch.equal(data.rows[1], data_alone.rows[0])
    index = torch.tensor([[0, 284], [0, 284]])
    expected = data.packed[data.rows.gather(1, index)][..., :11]
    assert torch.equal(data.batch(index).observations, expected)


def test_the_actors_rate_decays_to_zero_and_only_the_actors(dataset, run_config, tmp_path):
    trainer = Trainer(
        RunConfig.from_document(run_config([0])),
        load_transitions(dataset),
        RunState(tmp_path / "state", {}),
        CPU,
    )
    rates = [trainer.method.schedules(update)["actor_learning_rate"] for update in (0, 75, 150)]
    assert rates == pytest.approx([3e-4, 1.5e-4, 0.0], abs=1e-12)
    trainer.train()
    assert float(trainer.method.critic_optimiser.learning_rate) == pytest.approx(3e-4)
    assert float(trainer.method.actor_optimiser.learning_rate) < 1e-7


def stopped_run(config, dataset, folder, updates):
    """The state folder of a run that was stopped after each of some updates."""
    transitions = load_transitions(dataset)
    state = RunState(folder / "run-state", {"format": 1})
    for stop_at in updates:
        trainer = Trainer(RunConfig.from_document(config), transitions, state, CPU)
        trainer.stop_requested = lambda trainer=trainer, stop_at=stop_at: trainer.update >= stop_at
        with pytest.raises(Preempted):
            trainer.train()
    return state.folder


@pytest.mark.parametrize("damaged", ["state-{newest}.safetensors", "state-{newest}.json"])
def test_a_flipped_bit_in_a_state_is_noticed_and_the_one_before_is_used(
    dataset, run_config, tmp_path, capsys, damaged
):
    config = run_config([0, 1])
    undisturbed = run(config, dataset, tmp_path, "undisturbed")
    folder = stopped_run(config, dataset, tmp_path, (40, 110))
    newest = max(int(path.stem.split("-")[1]) for path in folder.glob("state-*.json"))
    flip_a_bit(folder / damaged.format(newest=newest))
    capsys.readouterr()
    resumed = Trainer(
        RunConfig.from_document(config), load_transitions(dataset), RunState(folder, {"format": 1}), CPU
    )
    resumed.train()
    messages = capsys.readouterr().err
    assert f"The state after {newest} updates is not used" in messages
    assert "is damaged: its SHA-256 is" in messages
    assert "Resuming after update 40" in messages
    resumed.write_results(tmp_path / "run", {})
    assert (tmp_path / "run/policies.safetensors").read_bytes() == (
        undisturbed / "policies.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("damage", [flip_a_bit, lambda path: path.write_bytes(b""), Path.unlink])
def test_a_damaged_kept_checkpoint_is_noticed_at_resume(dataset, run_config, tmp_path, capsys, damage):
    """The state before the checkpoint is used, and the checkpoint made again."""
    config = run_config([0, 1])
    undisturbed = run(config, dataset, tmp_path, "undisturbed")
    folder = stopped_run(config, dataset, tmp_path, (40, 110))
    damage(folder / "policy-100.safetensors")
    capsys.readouterr()
    resumed = Trainer(
        RunConfig.from_document(config), load_transitions(dataset), RunState(folder, {"format": 1}), CPU
    )
    resumed._resume()
    assert resumed.update == 40
    assert "policy-100.safetensors" in capsys.readouterr().err
    resumed.train()
    resumed.write_results(tmp_path / "run", {})
    assert (tmp_path / "run/policies.safetensors").read_bytes() == (
        undisturbed / "policies.safetensors"
    ).read_bytes()


def test_a_state_of_an_earlier_version_is_taken_with_a_word(dataset, run_config, tmp_path, capsys):
    config = run_config([0])
    folder = stopped_run(config, dataset, tmp_path, (110,))
    for path in folder.glob("*.sha256"):
        path.unlink()
    capsys.readouterr()
    state = RunState(folder, {"format": 1, "threads": 1})
    resumed = Trainer(RunConfig.from_document(config), load_transitions(dataset), state, CPU)
    resumed._resume()
    assert 110 <= resumed.update < 110 + cuda_graphs.CAPTURED_UPDATES
    assert "is of an earlier version and has no checksum" in capsys.readouterr().err
    assert (folder / "policy-100.safetensors.sha256").is_file()


def test_another_number_of_threads_does_not_resume_a_state(dataset, run_config, tmp_path, capsys):
    config = run_config([0])
    folder = stopped_run(config, dataset, tmp_path, (40,))
    document = folder / "state-40.json"
    content = json.loads(document.read_text())
    content["identity"] = {"format": 1, "threads": 4}
    stored.save_json(document, content)
    assert RunState(folder, {"format": 1, "threads": 1}).load() is None
    assert "belongs to another run (threads is 4, here 1)" in capsys.readouterr().err


# --- Rows ---


def transitions(episodes, terminals=()):
    index = np.arange(len(episodes), dtype=np.float32)
    return Transitions(
        observations=index[:, None],
        actions=index[:, None] / 10,
        rewards=index,
        next_observations=index[:, None] + 1,
        terminals=np.isin(index, terminals).astype(np.uint8),
        episodes=np.asarray(episodes, dtype=np.int64),
    )


def test_the_next_action_is_that_of_the_following_row_of_the_episode():
    """Rows 0-2 end with a terminal, 3-4 are cut, 5 is alone at the end."""
    actions, known = known_next_actions(transitions([0, 0, 0, 1, 1, 2], terminals=[2]))
    assert actions[:, 0].tolist() == pytest.approx([0.1, 0.2, 0.0, 0.4, 0.0, 0.0])
    assert known.tolist() == [True, True, True, True, False, False]


def test_each_seed_keeps_equally_many_of_its_usable_rows():
    rows = np.array([[0, 1, 2, 3], [2, 3, 4, 5]])
    usable = np.array([True, False, True, True, False, True])
    assert trainer_module._equally_many(rows, usable).tolist() == [[0, 2, 3], [2, 3, 5]]
    usable[0] = False
    assert trainer_module._equally_many(rows, usable).tolist() == [[2, 3], [2, 3]]


def test_rows_without_a_following_action_are_not_trained_on(run_config, monkeypatch):
    config = RunConfig.from_document(run_config([0, 1], transforms=[]))
    monkeypatch.setattr(trainer_module.method_class("iql"), "NEEDS_NEXT_ACTIONS", True)
    data, _ = trainer_module.training_data(transitions([0, 0, 0, 1, 1, 1]), config, torch.device("cpu"))
    assert data.rows.tolist() == [[0, 1, 3, 4]] * 2
    assert data.batch(torch.tensor([[3], [3]])).next_actions[0, 0, 0] == pytest.approx(0.5)
    with pytest.raises(TrainingError, match="no row of tiny-v0 is followed by one of its episode"):
        trainer_module.training_data(transitions([0, 1, 2]), config, torch.device("cpu"))


def test_the_files_next_actions_are_trained_on(run_config, monkeypatch):
    """In every row, the last one of a cut episode too."""
    config = RunConfig.from_document(run_config([0], transforms=[{"name": "clip_actions", "limit": 0.5}]))
    monkeypatch.setattr(trainer_module.method_class("iql"), "NEEDS_NEXT_ACTIONS", True)
    own = np.array([[0.9], [0.2], [-0.9]], dtype=np.float32)
    rows = replace(transitions([0, 0, 0]), next_actions=own)
    data, _ = trainer_module.training_data(rows, config, torch.device("cpu"))
    assert data.num_rows == 3
    batch = data.batch(torch.tensor([[0, 1, 2]]))
    assert batch.next_actions[0, :, 0].tolist() == pytest.approx([0.5, 0.2, -0.5])


def test_a_share_that_leaves_no_row_is_refused(run_config):
    config = RunConfig.from_document(run_config([0], transforms=[], train_fraction=0.1))
    with pytest.raises(TrainingError, match=r"train_fraction 0\.1 leaves none of the 6 transitions"):
        trainer_module.training_data(transitions([0] * 6), config, torch.device("cpu"))


# --- The loop ---


def test_the_host_looks_where_a_chunk_a_log_or_a_checkpoint_ends(dataset, run_config, tmp_path):
    config = RunConfig.from_document(run_config([0], num_updates=2000, checkpoints=[100, 1010, 2000]))
    trainer = Trainer(config, load_transitions(dataset), RunState(tmp_path / "state", {}), CPU)
    stops = []
    while trainer.update < 2000:
        trainer.update = trainer._next_stop()
        stops.append(trainer.update)
    chunks = set(range(64, 2000, 64))
    assert stops == sorted(chunks | {100, 1000, 1010, 2000})


def test_signals_are_noted_while_the_block_runs_and_handled_as_before_afterwards():
    before = signal.getsignal(signal.SIGUSR2)
    with trainer_module.stop_on_signals() as asked:
        assert not asked()
        os.kill(os.getpid(), signal.SIGUSR2)
        assert asked()
    assert signal.getsignal(signal.SIGUSR2) == before
    with trainer_module.stop_on_signals() as asked:
        assert not asked()


def test_a_configuration_of_another_version_of_the_method_is_refused(run_config):
    config = RunConfig.from_document(run_config([0], method_format=99))
    with pytest.raises(
        MethodError, match="asks for format 99 of method iql, this version has 1; plan the run again"
    ):
        trainer_module.build_method(config, ProblemSpec(11, 3), torch.device("cpu"))


def test_compiling_without_a_compiler_leaves_nothing(dataset, run_config, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "absent-compiler")
    for compiled in ("losses", "update"):
        with pytest.raises(TrainingError, match=r"there is no C\+\+ compiler 'absent-compiler' here"):
            train_block(
                run_config([0]),
                dataset,
                tmp_path / "run",
                tmp_path / "state",
                replace(CPU, compiled=compiled),
            )
    assert not (tmp_path / "run").exists()
