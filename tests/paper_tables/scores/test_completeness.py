"""Episodes are compared with the plan: what is missing or other is refused by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.scores import completeness

CHECKPOINTS = [100, 200]
PLAN = {
    "episodes": 2,
    "episodes_last": 4,
    "episodes_reevaluated": 3,
    "first_episode_seed": 1_000_000,
    "seed_stride": 1000,
    "reevaluated_offset": 500,
}


def episodes() -> pd.DataFrame:
    """Two seeds as planned; the second checkpoint is the better one."""
    rows = [
        (seed, update, purpose, episode, 1_000_000 + 1000 * seed + offset + episode, float(update))
        for seed in (0, 1)
        for update, purpose, count, offset in (
            (100, "checkpoint", 2, 0),
            (200, "checkpoint", 4, 0),
            (200, "best_reevaluated", 3, 500),
        )
        for episode in range(count)
    ]
    columns = ["seed", "update", "purpose", "episode", "episode_seed", "raw_return"]
    return pd.DataFrame(rows, columns=columns)


def check(table: pd.DataFrame, plan: dict[str, int] | None = PLAN) -> None:
    completeness.check_episodes(table, (0, 1), CHECKPOINTS, plan, "e.parquet")


def test_the_plan_and_no_plan_pass():
    check(episodes())
    check(episodes(), None)
    check(episodes()[lambda t: t["purpose"] == "checkpoint"], PLAN | {"episodes_reevaluated": 0})


def without(**where: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def removed(table: pd.DataFrame) -> pd.DataFrame:
        hit = np.logical_and.reduce([table[column] == value for column, value in where.items()])
        return table[~hit]

    return removed


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without(seed=1, update=200, purpose="checkpoint", episode=3), "seed 1 at update 200 has 3 of 4"),
        (without(update=100, episode=1), "seed 0 at update 100 has 1 of 2 episodes; missing: 1"),
        (
            without(purpose="best_reevaluated", seed=1),
            "seed 1, new episodes of the best checkpoint, has 0 of 3",
        ),
        (without(purpose="best_reevaluated"), "seed 0, new episodes of the best checkpoint, has 0 of 3"),
        (without(seed=0, update=100), "no episodes of seed 0 at update 100"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "more than once"),
        (lambda t: t.assign(episode_seed=t["episode_seed"] + (t.index == 3)), "1 episodes began with other"),
        (
            lambda t: t.assign(update=t["update"].where(t["purpose"] == "checkpoint", 100)),
            "new episodes at update 100, but its best checkpoint is 200",
        ),
        (lambda t: pd.concat([t, t.iloc[:1].assign(update=150)]), "episodes at update 150"),
        (lambda t: pd.concat([t, t.iloc[1:2].assign(episode=2, episode_seed=1_000_002)]), "asks for 2"),
    ],
)
def test_what_differs_from_the_plan_is_refused(spoil: Callable[[pd.DataFrame], pd.DataFrame], words: str):
    with pytest.raises(TablesError, match=words):
        check(spoil(episodes()))


@pytest.mark.parametrize(
    "spoil",
    [
        without(seed=1, update=200, purpose="checkpoint", episode=3),
        without(purpose="best_reevaluated", seed=1),
        without(purpose="best_reevaluated", seed=1, episode=2),
    ],
)
def test_without_a_plan_all_seeds_must_have_the_same(spoil: Callable[[pd.DataFrame], pd.DataFrame]):
    with pytest.raises(TablesError, match="seed 1"):
        check(spoil(episodes()), None)


def test_losses_that_are_not_finite_are_named():
    rows = [(seed, update, 1.0, 2.0) for seed in (0, 1) for update in (100, 200, 300)]
    log = pd.DataFrame(rows, columns=["seed", "update", "noise_loss", "critic_loss"])
    assert completeness.not_finite(log, "t") == []
    one = log.assign(noise_loss=log["noise_loss"].where(log.index != 4))
    assert (
        "noise_loss is NaN or infinite in 1 of 6 rows (seeds 1, first at update 200)"
        in (completeness.not_finite(one, "t")[0])
    )
    infinite = log.assign(critic_loss=np.where(log["update"] == 200, np.inf, 1.0))
    assert "critic_loss" in completeness.not_finite(infinite, "t")[0]
    diverged = log.assign(noise_loss=log["noise_loss"].where(log["update"] < 200))
    assert "noise_loss" in completeness.not_finite(diverged, "t")[0]
    seldom = log.assign(noise_loss=log["noise_loss"].where(log["update"] != 200))
    assert completeness.not_finite(seldom, "t") == []
