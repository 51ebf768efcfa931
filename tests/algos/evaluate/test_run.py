"""The evaluator: one row an episode, the same whatever the block and the number of workers."""

import hashlib
import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from recheck.errors import EvaluationError, MethodError
from safetensors.torch import load_file

from algos.envs import make as make_module
from algos.evaluate import Request, evaluate_block
from algos.evaluate.__main__ import main
from algos.rollouts import EnvironmentPool, Played, Player
from algos.train import train_block
from algos.training.execution import Execution
from algos.training.stored import read_record, save_tensors

SAMPLING = {"name": "default"}
EVALUATION = {"episodes": 2, "episodes_last": 3, "episodes_reevaluated": 2}


@pytest.fixture
def trained(dataset, run_config, tmp_path):
    def make(seeds, name, **changes):
        train_block(
            run_config(seeds, **changes),
            dataset,
            tmp_path / name,
            tmp_path / f"{name}-state",
            Execution("cpu", 1),
        )
        return tmp_path / name

    return make


def rows_of(path):
    return pq.read_table(path).to_pylist()


def test_rows_are_complete_and_repeat(trained, dataset, tmp_path):
    run = trained([0, 2], "run")
    for name in ("first", "second"):
        evaluate_block(
            run, dataset, Request(SAMPLING, EVALUATION, "default-x"), tmp_path / name / "seeds0-2.parquet"
        )
    first = rows_of(tmp_path / "first" / "seeds0-2.parquet")
    assert first == rows_of(tmp_path / "second" / "seeds0-2.parquet")
    assert len(first) == 2 * (2 + 3 + 2)
    by_key = {(r["seed"], r["purpose"], r["update"], r["episode"]): r for r in first}
    assert by_key[2, "checkpoint", 150, 1]["episode_seed"] == 1_000_000 + 2 * 1000 + 1
    assert by_key[0, "checkpoint", 100, 0]["sampling"] == "default-x"
    reevaluated = [r for r in first if r["purpose"] == "best_reevaluated"]
    assert {r["episode_seed"] for r in reevaluated} == {1_000_500, 1_000_501, 1_002_500, 1_002_501}
    timing = rows_of(tmp_path / "first" / "seeds0-2.timing.parquet")
    assert [r["num_states"] for r in timing] == [1, 10]
    assert all(r["action_latency_ms"] > 0 for r in timing)


def test_a_seeds_rows_depend_on_neither_block_nor_workers(trained, dataset, tmp_path):
    block, alone = trained([0, 1], "block"), trained([1], "alone")
    evaluate_block(
        block, dataset, Request(SAMPLING, EVALUATION), tmp_path / "a.parquet", Execution("cpu", workers=2)
    )
    evaluate_block(alone, dataset, Request(SAMPLING, EVALUATION), tmp_path / "b.parquet")
    rows = [row for row in rows_of(tmp_path / "a.parquet") if row["seed"] == 1]
    assert rows == rows_of(tmp_path / "b.parquet")


def test_an_episode_is_what_gymnasium_gives(trained, dataset, tmp_path):
    """The row against the plainest possible loop over the environment with the mean action."""
    import gymnasium
    from safetensors.torch import load_file

    run = trained([3], "run", hyperparameters={"dropout": None})
    evaluate_block(run, dataset, Request(SAMPLING, EVALUATION), tmp_path / "rows.parquet")
    row = next(r for r in rows_of(tmp_path / "rows.parquet") if r["update"] == 150 and r["episode"] == 2)
    policy = load_file(run / "policies.safetensors")

    def act(observation):
        hidden = torch.from_numpy(observation.astype(np.float32))
        for i in range(3):
            hidden = hidden @ policy[f"150/actor/layer{i}.weight"][0] + policy[f"150/actor/layer{i}.bias"][0]
            hidden = torch.relu(hidden) if i < 2 else torch.tanh(hidden)
        return hidden.numpy()

    with pytest.warns(DeprecationWarning, match="out of date"):
        environment = gymnasium.make("Hopper-v4")
    observation, _ = environment.reset(seed=row["episode_seed"])
    total, length, over = 0.0, 0, False
    while not over:
        observation, reward, terminated, truncated, _ = environment.step(act(observation))
        total, length, over = total + float(reward), length + 1, terminated or truncated
    assert row["length"] == length
    assert row["raw_return"] == pytest.approx(total, rel=1e-3)


def test_standardised_observations_are_standardised_in_evaluation(trained, dataset, tmp_path, monkeypatch):
    transforms = [{"name": "standardise_observations", "epsilon": 1e-3}]
    run = trained([0], "run", transforms=transforms)
    seen = []
    from algos.iql import IQL

    act = IQL.act
    monkeypatch.setattr(IQL, "act", lambda self, s, *rest: seen.append(s) or act(self, s, *rest))
    first = []
    reset = EnvironmentPool.reset
    monkeypatch.setattr(
        EnvironmentPool, "reset", lambda self, *given: first.append(reset(self, *given)) or first[-1]
    )
    evaluate_block(run, dataset, Request(SAMPLING, EVALUATION), tmp_path / "rows.parquet")
    from algos.datasets.transitions import load_transitions

    observations = load_transitions(dataset).observations.astype(np.float64)
    expected = (np.stack(first[:2]) - observations.mean(0)) / (observations.std(0) + 1e-3)
    np.testing.assert_allclose(seen[0][0, :2].numpy(), expected, rtol=1e-4, atol=1e-5)
    assert not seen[0][0, 2:].any()  # places without an episode


def test_best_reevaluated_plays_each_seeds_own_best_checkpoint(trained, dataset, tmp_path):
    run = trained([0, 1, 2], "run", checkpoints=(50, 100, 150))
    evaluate_block(run, dataset, Request(SAMPLING, EVALUATION), tmp_path / "rows.parquet")
    rows = rows_of(tmp_path / "rows.parquet")
    for seed in (0, 1, 2):
        means = {
            update: np.mean(
                [
                    r["raw_return"]
                    for r in rows
                    if (r["seed"], r["update"], r["purpose"]) == (seed, update, "checkpoint")
                    and r["episode"] < 2
                ]
            )
            for update in (50, 100, 150)
        }
        chosen = {r["update"] for r in rows if r["seed"] == seed and r["purpose"] == "best_reevaluated"}
        assert chosen == {max(means, key=means.get)}


def test_settings_that_the_method_does_not_have_are_refused(trained, dataset, tmp_path):
    run = trained([0], "run")
    output = tmp_path / "rows.parquet"
    with pytest.raises(MethodError, match="method iql has no sampling setting 'steps'"):
        evaluate_block(
            run, dataset, Request({"name": "x", "steps": 5}, EVALUATION), tmp_path / "rows.parquet"
        )
    with pytest.raises(MethodError, match="extracts by 'awr' alone, not by 'argmax'"):
        evaluate_block(
            run,
            dataset,
            Request({"name": "x", "extraction": "argmax"}, EVALUATION),
            output,
        )
    evaluate_block(
        run, dataset, Request({"name": "x", "extraction": "awr"}, EVALUATION), tmp_path / "awr.parquet"
    )
    with pytest.raises(MethodError, match="unknown sampling setting 'stepz'"):
        evaluate_block(
            run, dataset, Request({"name": "x", "stepz": 5}, EVALUATION), tmp_path / "rows.parquet"
        )


def test_the_command_line_says_what_is_wrong(dataset, tmp_path, capsys):
    arguments = ["--run", str(tmp_path / "none"), "--dataset", str(dataset)]
    assert main([*arguments, "--output", str(tmp_path / "rows.parquet")]) == 2
    assert "train the run again" in capsys.readouterr().err
    bad = [*arguments, "--output", str(tmp_path / "rows.parquet"), "--sampling", "{"]
    assert main(bad) == 2
    assert "--sampling has to be JSON" in capsys.readouterr().err
    assert not list(tmp_path.glob("rows*"))


def test_an_environment_of_another_width_is_refused(trained, dataset, tmp_path):
    run = trained([0], "run")
    manifest = json.loads((dataset / "manifest.json").read_text())
    (dataset / "manifest.json").write_text(json.dumps({**manifest, "environment_id": "HalfCheetah-v4"}))
    with pytest.raises(ValueError, match="17"):
        evaluate_block(run, dataset, Request(SAMPLING, EVALUATION), tmp_path / "rows.parquet")


def test_antmaze_v0_draws_one_goal_for_each_run(monkeypatch):
    """All episodes of a training seed share a goal, and training seeds do not."""
    given = []
    monkeypatch.setattr(make_module, "make", lambda *_, **__: FakeEnvironment(given))
    task = {"environment_id": "AntMaze_UMaze-v4", "observation_dim": 29, "action_dim": 8}
    for adapter in ("antmaze:goal_cell=3,1;goal_per=run", "antmaze:goal_cell=3,1;goal_per=episode", None):
        pool = EnvironmentPool({**task, "adapter": adapter}, 2)
        pool.reset(0, 10, 7)
        pool.reset(1, 12, 8)
    assert given == [(10, {"goal_seed": 7}), (12, {"goal_seed": 8}), *2 * [(10, None), (12, None)]]


class FakeEnvironment:
    def __init__(self, given):
        self.given = given

    def reset(self, seed, options):
        self.given.append((seed, options))
        return np.zeros(29), {}


# --- What evaluation refuses, and what it records ---


def flip_a_bit(path, place=-3):
    """Change one bit; the date stays."""
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("name", ["policies.safetensors", "config.json"])
def test_a_flipped_bit_is_refused(trained, dataset, tmp_path, name):
    run = trained([0], "run")
    flip_a_bit(run / name)
    with pytest.raises(EvaluationError, match=rf"{name} is damaged: .* and train the run again"):
        evaluate_block(run, dataset, Request(SAMPLING, EVALUATION), tmp_path / "rows.parquet")
    assert not (tmp_path / "rows.parquet").exists()


def test_a_run_of_an_earlier_version_is_taken_once_and_checked_afterwards(trained, dataset, tmp_path, capsys):
    run = trained([0], "run")
    for path in run.glob("*.sha256"):
        path.unlink()
    evaluate_block(run, dataset, Request(SAMPLING, EVALUATION), tmp_path / "a.parquet")
    assert "policies.safetensors is of an earlier version and has no checksum" in capsys.readouterr().err
    evaluate_block(run, dataset, Request(SAMPLING, EVALUATION), tmp_path / "b.parquet")
    assert "earlier version" not in capsys.readouterr().err
    flip_a_bit(run / "policies.safetensors")
    with pytest.raises(EvaluationError, match="damaged"):
        evaluate_block(run, dataset, Request(SAMPLING, EVALUATION), tmp_path / "c.parquet")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "other-v0"}, "is of task 'tiny-v0', but the dataset is of 'other-v0'"),
        ({"content_sha256": "f" * 64}, "was trained on other data of task tiny-v0"),
    ],
)
def test_another_dataset_is_refused(trained, dataset, tmp_path, changes, message):
    run = trained([0], "run")
    manifest = dataset / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))
    with pytest.raises(EvaluationError, match=message):
        evaluate_block(run, dataset, Request(SAMPLING, EVALUATION), tmp_path / "rows.parquet")


def test_a_checkpoint_that_is_missing_is_refused_before_any_episode(trained, dataset, tmp_path, monkeypatch):
    run = trained([0], "run")
    policies = load_file(run / "policies.safetensors")
    save_tensors(
        run / "policies.safetensors", {n: t for n, t in policies.items() if not n.startswith("100/")}
    )
    monkeypatch.setattr(Player, "play", lambda *_: pytest.fail("an episode was played"))
    with pytest.raises(EvaluationError, match="keeps no checkpoint 100 of its configuration"):
        evaluate_block(run, dataset, Request(SAMPLING, EVALUATION), tmp_path / "rows.parquet")


def test_the_table_says_what_it_was_made_from(trained, dataset, tmp_path):
    run = trained([0, 3], "run")
    evaluate_block(run, dataset, Request(SAMPLING, EVALUATION, "default-1"), tmp_path / "rows.parquet")
    record = read_record(tmp_path / "rows.parquet")
    policies = (run / "policies.safetensors").read_bytes()
    assert record["policies_sha256"] == hashlib.sha256(policies).hexdigest()
    assert record["seeds"] == [0, 3]
    assert record["label"] == "default-1"
    assert record["episodes"] == {"100": 2, "150": 3}
    assert record["episodes_reevaluated"] == 2
    rows = rows_of(tmp_path / "rows.parquet")
    for purpose, firsts in record["first_episode_seeds"].items():
        for seed, first in firsts.items():
            found = [r for r in rows if r["purpose"] == purpose and r["seed"] == int(seed)]
            assert min(r["episode_seed"] for r in found) == first
    assert record["first_episode_seeds"]["best_reevaluated"]["3"] == 1_003_500


def test_a_return_that_is_not_finite_is_refused(trained, dataset, tmp_path, monkeypatch):
    run = trained([0], "run")
    broken = [1.0, float("nan")]
    monkeypatch.setattr(
        Player, "play", lambda self, episodes, _: (Played(e, broken[e.number], 5) for e in episodes)
    )
    with pytest.raises(EvaluationError, match="episode 1 of seed 0 after 100 updates has the return nan"):
        evaluate_block(run, dataset, Request(SAMPLING, EVALUATION), tmp_path / "rows.parquet")
