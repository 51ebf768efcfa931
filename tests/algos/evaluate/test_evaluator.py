"""What an episode gives depends on nothing that is played with it, for every method that there is."""

import json

import pytest
from recheck.errors import EvaluationError, TrainingError

from algos.base import Sampling
from algos.evaluate import Evaluation, Evaluator
from algos.training.execution import Execution

EVALUATION = Evaluation(episodes=11, episodes_last=12, episodes_reevaluated=2)
METHODS = [
    ("awac", "corl"),
    ("awr", "d4rl"),
    ("bc", "paper"),
    ("cql", "authors"),
    ("decision_diffuser", "cleandiffuser"),
    ("diffusion_bc", "paper"),
    ("diffusion_ql", "paper"),
    ("edp", "paper"),
    ("fql", "release"),
    ("idql", "paper"),
    ("idql", "release"),
    ("idql_weighted", "paper"),
    ("iql", "paper"),
    ("rebrac", "release"),
    ("td3_bc", "paper"),
]


def evaluator(run, dataset, sampling=None, **execution):
    manifest = json.loads((dataset / "manifest.json").read_text())
    where = Execution(**{"device": "cpu", **execution})
    return Evaluator(run, manifest, sampling or Sampling(), EVALUATION, where)


def played(evaluator, jobs):
    rows = [row for job in jobs for _, rows in evaluator.play(job) for row in rows]
    evaluator.close()
    return sorted(rows, key=lambda row: (row["seed"], row["update"], row["episode"]))


def test_every_method_is_tested(method_configs):
    assert set(METHODS) == set(method_configs)


@pytest.mark.parametrize("key", METHODS)
def test_pool_order_and_other_seeds_change_no_byte(untrained, dataset, key):
    block = untrained(key, [0, 4], "block")
    whole = evaluator(block, dataset)
    blocks = [block for block in whole.checkpoint_blocks() if block.update == 20]
    assert len(blocks) == 2 * 2
    expected = played(whole, whole.jobs(blocks))
    assert len(expected) == 2 * 12
    assert len({row["raw_return"] for row in expected}) > 20
    # One environment, three, the blocks one by one in another order, and a seed without the other.
    one = evaluator(block, dataset, environments=1)
    assert played(one, one.jobs(blocks)) == expected
    three = evaluator(block, dataset, environments=3)
    assert played(three, [(each,) for each in reversed(blocks)]) == expected
    alone = evaluator(untrained(key, [4], "alone"), dataset)
    own = [block for block in alone.checkpoint_blocks() if block.update == 20]
    assert played(alone, alone.jobs(own)) == [row for row in expected if row["seed"] == 4]


@pytest.mark.parametrize("key", [("idql", "paper"), ("iql", "paper")])
def test_seeds_that_act_together_play_every_episode_once(untrained, dataset, key):
    """As on a GPU, where a block's seeds are one call; on the CPU it gives the same bytes, too."""
    run = untrained(key, [0, 4])
    apart = evaluator(run, dataset)
    expected = played(apart, apart.jobs(apart.checkpoint_blocks()))
    together = evaluator(run, dataset)
    together.groups = [(0, 1)]
    together.pool_size = 7
    jobs = together.jobs(together.checkpoint_blocks())
    assert len(jobs) == 2  # one for each checkpoint
    assert played(together, jobs) == expected
    # Of one seed some blocks are left: the other acts along, and nobody reads it.
    left = [block for block in together.checkpoint_blocks() if block.seed == 4 and block.first == 10]
    again = played(together, together.jobs(left))
    assert again == [row for row in expected if row["seed"] == 4 and row["episode"] >= 10]


def test_a_policys_noise_is_that_of_purpose_seed_and_checkpoint(untrained, dataset):
    """Other checkpoints and purposes have other noise, and the same evaluation the same."""
    ours = evaluator(untrained(("fql", "release"), [0]), dataset)
    names = {ours.purpose(block) for block in ours.checkpoint_blocks()}
    new = ours.reevaluation_blocks({0: 20})
    assert names == {"evaluate/default/checkpoint/10", "evaluate/default/checkpoint/20"}
    assert {ours.purpose(block) for block in new} == {"evaluate/default/best_reevaluated"}
    assert new[0].episode_seeds == (1_000_500, 1_000_501)


def test_jobs_are_split_where_processes_would_have_none(untrained, dataset):
    ours = evaluator(untrained(("iql", "paper"), [0]), dataset)
    blocks = ours.checkpoint_blocks()
    assert [len(job) for job in ours.jobs(blocks, 1)] == [2, 2]
    assert [len(job) for job in ours.jobs(blocks, 2)] == [1, 1, 1, 1]
    assert sorted(b.name for job in ours.jobs(blocks, 2) for b in job) == sorted(b.name for b in blocks)


def test_the_best_checkpoint_is_the_earliest_of_equals(untrained, dataset):
    ours = evaluator(untrained(("iql", "paper"), [0, 4]), dataset)
    rows = [
        {"purpose": "checkpoint", "seed": s, "update": u, "episode": e, "raw_return": r}
        for s, u, returns in ((0, 10, 11 * [2.0]), (0, 20, [*(11 * [2.0]), 50.0]), (4, 10, 11 * [1.0]))
        for e, r in enumerate(returns)
    ] + [
        {"purpose": "checkpoint", "seed": 4, "update": 20, "episode": e, "raw_return": 3.0} for e in range(12)
    ]
    assert ours.best_checkpoints(rows) == {0: 10, 4: 20}  # the twelfth episode of the last one is not judged


def test_more_candidates_than_memory_are_refused_before_any_episode(untrained, dataset):
    run = untrained(("idql", "paper"), [0])
    with pytest.raises(EvaluationError, match=r"'wide': 100000000 candidates per state take about .* MB"):
        evaluator(run, dataset, Sampling(name="wide", candidates=100_000_000), memory_mb=3000)
    evaluator(run, dataset, Sampling(name="few", candidates=100), memory_mb=3000)


def test_a_gpu_that_is_absent_is_refused(untrained, dataset, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(TrainingError, match=r"device cuda was asked for, but torch .* sees no GPU here"):
        evaluator(untrained(("iql", "paper"), [0]), dataset, device="cuda")
