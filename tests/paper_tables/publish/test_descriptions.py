"""What was run and where it comes from, as tables."""

from __future__ import annotations

import pandas as pd

from paper_tables.publish.descriptions import dataset_table, provenance_table, runs_table
from paper_tables.rendering.text import NOTHING

RUN = {
    "method": "iql",
    "task": "t-v0",
    "variant": "paper",
    "digest": "0123abcd",
    "diffusion_steps": 0,
    "sampling": "default-89abcdef",
}


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def scores(**changes):
    usual = {
        "git_commit": "abc",
        "git_dirty": False,
        "device": "EPYC",
        "torch_version": "2.13.0",
        "gymnasium_version": None,
        "mujoco_version": "3",
        "comparability": "original",
        "environment_id": "Hopper-v4",
        "environment_match": "same",
        "hyperparameters_like": None,
        "content_sha256": "ab",
        "selection": "last",
        "update": 1000,
        "seed": 0,
        **RUN,
    }
    return {**usual, **changes}


def test_provenance_names_each_value_once_and_what_is_not_recorded():
    runs = pd.DataFrame(
        [
            scores(),
            scores(git_commit="def", git_dirty=True, device="H100"),
            scores(git_commit=None, git_dirty=None),
        ]
    )
    found = dict(texts(provenance_table({"scores": runs.astype({"git_dirty": "boolean"})}, ["one", "two"])))
    assert found == {
        "Experiment": "`one`, `two`",
        "Commits that trained": "`abc`, `def` with uncommitted changes",
        "Devices that trained": "EPYC, H100",
        "torch": "2.13.0",
        "gymnasium": "not recorded",
        "mujoco": "3",
    }


def test_each_dataset_is_a_row_for_each_way_it_was_used():
    runs = pd.DataFrame(
        [
            scores(seed=0),
            scores(seed=1),
            scores(task="a-v0", hyperparameters_like="t-v0", content_sha256=None),
        ]
    )
    assert texts(dataset_table(runs)) == [
        ["a-v0", "original", "Hopper-v4", "same", "t-v0", NOTHING],
        ["t-v0", "original", "Hopper-v4", "same", NOTHING, "ab"],
    ]


def test_a_run_is_counted_by_seeds_checkpoints_and_episodes():
    """Two seeds; seed 1 has an episode less at its first checkpoint. 7,200 s for both: 60 min each."""
    episodes = [
        {**RUN, "seed": seed, "update": update, "purpose": purpose}
        for seed in (0, 1)
        for update, count, purpose in (
            (500, 3 - seed, "checkpoint"),
            (1000, 5, "checkpoint"),
            (500, 9, "best_reevaluated"),
        )
        for _ in range(count)
    ]
    cost = {
        **RUN,
        "seeds": "0-1",
        "num_seeds": 2,
        "train_wall_seconds": 7200.0,
        "seconds_per_update": None,
        "num_updates": 1000,
    }
    tables = {
        "scores": pd.DataFrame(
            [scores(seed=0), scores(seed=1), scores(seed=0, selection="best_online", update=500)]
        ),
        "episodes": pd.DataFrame(episodes),
        "cost": pd.DataFrame([cost]),
    }
    assert texts(runs_table(tables)) == [
        ["t-v0", "iql", "paper", NOTHING, "default", "1,000", "2", "2", "2 to 3", "5", "60.0"]
    ]


def test_what_was_not_timed_and_has_one_checkpoint():
    episode = {**RUN, "diffusion_steps": 5, "seed": 0, "update": 1000, "purpose": "checkpoint"}
    cost = {
        **RUN,
        "diffusion_steps": 5,
        "seeds": "0-0",
        "num_seeds": 1,
        "train_wall_seconds": float("nan"),
        "seconds_per_update": float("nan"),
        "num_updates": 1000,
    }
    tables = {
        "scores": pd.DataFrame([scores(diffusion_steps=5)]),
        "episodes": pd.DataFrame([episode]),
        "cost": pd.DataFrame([cost]),
    }
    assert texts(runs_table(tables)) == [
        ["t-v0", "iql", "paper", "5", "default", "1,000", "1", "1", NOTHING, "1", NOTHING]
    ]
