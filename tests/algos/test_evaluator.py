"""The evaluator: one row an episode, the same whatever the block and the number of workers."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from recheck.errors import EvaluationError, MethodError

from algos import evaluate, rollouts
from algos.envs import make as make_module
from algos.evaluate import Evaluation, evaluate_block
from algos.train import train_block

SAMPLING = {"name": "default"}
EVALUATION = {"episodes": 2, "episodes_last": 3, "episodes_honest": 2}


@pytest.fixture
def trained(dataset, run_config, tmp_path):
    def make(seeds, name, **changes):
        train_block(
            run_config(seeds, **changes), dataset, tmp_path / name, tmp_path / f"{name}-state", "cpu", 1
        )
        return tmp_path / name

    return make


def rows_of(path):
    return pq.read_table(path).to_pylist()


def test_rows_are_complete_and_repeat(trained, dataset, tmp_path):
    run = trained([0, 2], "run")
    for name in ("first", "second"):
        evaluate_block(run, dataset, SAMPLING, EVALUATION, tmp_path / name / "seeds0-2.parquet", "default-x")
    first = rows_of(tmp_path / "first" / "seeds0-2.parquet")
    assert first == rows_of(tmp_path / "second" / "seeds0-2.parquet")
    assert len(first) == 2 * (2 + 3 + 2)
    by_key = {(r["seed"], r["purpose"], r["update"], r["episode"]): r for r in first}
    assert by_key[2, "checkpoint", 150, 1]["episode_seed"] == 1_000_000 + 2 * 1000 + 1
    assert by_key[0, "checkpoint", 100, 0]["sampling"] == "default-x"
    honest = [r for r in first if r["purpose"] == "honest_best"]
    assert {r["episode_seed"] for r in honest} == {1_000_500, 1_000_501, 1_002_500, 1_002_501}
    timing = rows_of(tmp_path / "first" / "seeds0-2.timing.parquet")
    assert [r["num_states"] for r in timing] == [1, 10]
    assert all(r["action_latency_ms"] > 0 for r in timing)


def test_a_seeds_rows_depend_on_neither_block_nor_workers(trained, dataset, tmp_path):
    block, alone = trained([0, 1], "block"), trained([1], "alone")
    evaluate_block(block, dataset, SAMPLING, EVALUATION, tmp_path / "a.parquet", workers=2)
    evaluate_block(alone, dataset, SAMPLING, EVALUATION, tmp_path / "b.parquet")
    rows = [row for row in rows_of(tmp_path / "a.parquet") if row["seed"] == 1]
    assert rows == rows_of(tmp_path / "b.parquet")


def test_an_episode_is_what_gymnasium_gives(trained, dataset, tmp_path):
    """The row against the plainest possible loop over the environment with the mean action."""
    import gymnasium
    from safetensors.torch import load_file

    run = trained([3], "run", hyperparameters={"dropout": None})
    evaluate_block(run, dataset, SAMPLING, EVALUATION, tmp_path / "rows.parquet")
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
    reset = make_module.EpisodeBatch.reset
    monkeypatch.setattr(
        make_module.EpisodeBatch, "reset", lambda self, *seeds: first.append(reset(self, *seeds)) or first[-1]
    )
    evaluate_block(run, dataset, SAMPLING, EVALUATION, tmp_path / "rows.parquet")
    from algos.datasets.transitions import load_transitions

    observations = load_transitions(dataset).observations.astype(np.float64)
    expected = (first[0] - observations.mean(0)) / (observations.std(0) + 1e-3)
    np.testing.assert_allclose(seen[0][0].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_honest_best_plays_each_seeds_own_best_checkpoint(trained, dataset, tmp_path):
    run = trained([0, 1, 2], "run", checkpoints=(50, 100, 150))
    evaluate_block(run, dataset, SAMPLING, EVALUATION, tmp_path / "rows.parquet")
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
        chosen = {r["update"] for r in rows if r["seed"] == seed and r["purpose"] == "honest_best"}
        assert chosen == {max(means, key=means.get)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"episodes": 0}, "at least 1"),
        ({"colour": 1}, "unknown evaluation setting 'colour'"),
        ({"episodes_last": 600}, "without using an episode seed twice"),
    ],
)
def test_bad_evaluation_settings(change, message):
    with pytest.raises(EvaluationError, match=message):
        Evaluation.from_mapping(change)


def test_settings_that_the_method_does_not_have_are_refused(trained, dataset, tmp_path):
    run = trained([0], "run")
    with pytest.raises(MethodError, match="method iql has no sampling setting 'steps'"):
        evaluate_block(run, dataset, {"name": "x", "steps": 5}, EVALUATION, tmp_path / "rows.parquet")
    with pytest.raises(MethodError, match="extracts by 'awr' alone, not by 'argmax'"):
        evaluate_block(
            run, dataset, {"name": "x", "extraction": "argmax"}, EVALUATION, tmp_path / "rows.parquet"
        )
    evaluate_block(run, dataset, {"name": "x", "extraction": "awr"}, EVALUATION, tmp_path / "awr.parquet")
    with pytest.raises(MethodError, match="unknown sampling setting 'stepz'"):
        evaluate_block(run, dataset, {"name": "x", "stepz": 5}, EVALUATION, tmp_path / "rows.parquet")


def test_the_command_line_says_what_is_wrong(dataset, tmp_path, capsys):
    arguments = ["--run", str(tmp_path / "none"), "--dataset", str(dataset)]
    assert evaluate.main([*arguments, "--output", str(tmp_path / "rows.parquet")]) == 2
    assert "train the run again" in capsys.readouterr().err
    bad = [*arguments, "--output", str(tmp_path / "rows.parquet"), "--sampling", "{"]
    assert evaluate.main(bad) == 2
    assert "have to be JSON" in capsys.readouterr().err
    assert not list(tmp_path.glob("rows*"))


def test_an_environment_of_another_width_is_refused(trained, dataset, tmp_path):
    run = trained([0], "run")
    manifest = json.loads((dataset / "manifest.json").read_text())
    (dataset / "manifest.json").write_text(json.dumps({**manifest, "environment_id": "HalfCheetah-v4"}))
    with pytest.raises(ValueError, match="17"):
        evaluate_block(run, dataset, SAMPLING, EVALUATION, tmp_path / "rows.parquet")


def test_antmaze_v0_draws_one_goal_for_each_run(monkeypatch):
    """All episodes of a training seed share a goal, and training seeds do not."""
    given = []
    monkeypatch.setattr(make_module, "make_vector", lambda *_, **__: FakeBatch(given))
    task = {"environment_id": "AntMaze_UMaze-v4", "observation_dim": 29, "action_dim": 8}
    for adapter in ("antmaze:goal_cell=3,1;goal_per=run", "antmaze:goal_cell=3,1;goal_per=episode", None):
        episodes = rollouts.LocalEpisodes({**task, "adapter": adapter}, 4)
        episodes.reset([10, 11, 12, 13], [0, 0, 1, 1])
    assert given == [[0, 0, 1, 1], None, None]


class FakeBatch:
    def __init__(self, given):
        self.given = given

    def reset(self, seeds, goal_seeds=None):
        self.given.append(goal_seeds)
