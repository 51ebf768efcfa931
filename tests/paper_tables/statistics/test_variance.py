"""The split of the variance between seeds, checkpoints and episodes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.statistics import intervals
from paper_tables.statistics import variance as variance_module

# The split of the variance.


def made_up_episodes(
    seeds: int, updates: int, episodes: int, sds: tuple[float, float, float], rng: np.random.Generator
) -> pd.DataFrame:
    """Episodes with known standard deviations between seeds, between checkpoints and between episodes."""
    course = np.linspace(0, 30, updates)
    level = (
        rng.normal(0, sds[0], (seeds, 1, 1)) + rng.normal(0, sds[1], (seeds, updates, 1)) + course[:, None]
    )
    score = level + rng.normal(0, sds[2], (seeds, updates, episodes))
    index = np.indices(score.shape).reshape(3, -1)
    return pd.DataFrame({"seed": index[0], "update": index[1], "score_percent": score.ravel()})


def test_variance_split_recovers_what_was_put_in():
    rng = np.random.default_rng(0)
    found = variance_module.split_variance(made_up_episodes(400, 6, 5, (4.0, 3.0, 8.0), rng))
    assert found.seed_sd == pytest.approx(4.0, rel=0.1)
    assert found.checkpoint_sd == pytest.approx(3.0, rel=0.1)
    assert found.episode_sd == pytest.approx(8.0, rel=0.03)
    assert (found.seeds, found.checkpoints, found.episodes) == (400, 6, pytest.approx(5))


def test_variance_split_is_unbiased_with_unequal_episodes():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(40):
        episodes = made_up_episodes(100, 3, 12, (3.0, 2.0, 9.0), rng)
        kept = (episodes.groupby(["seed", "update"]).cumcount() < 3) | (episodes["update"] == 2)
        split = variance_module.split_variance(episodes[kept])
        assert split.checkpoint_sd is not None
        found.append([split.seed_sd**2, split.checkpoint_sd**2, split.episode_sd**2])
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - [9, 4, 81]) < 3.5 * error).all()


def test_variance_split_by_hand_at_one_checkpoint():
    # Two seeds, two episodes: within 2 each, between means (1 and 5) 8; 8 - 2 / 2 = 7.
    episodes = pd.DataFrame({"seed": [0, 0, 1, 1], "update": 1, "score_percent": [0.0, 2.0, 4.0, 6.0]})
    found = variance_module.split_variance(episodes)
    assert found.episode_sd == pytest.approx(np.sqrt(2))
    assert found.seed_sd == pytest.approx(np.sqrt(7))
    assert found.checkpoint_sd is None


def test_episodes_are_never_taken_for_seeds():
    """A thousand episodes of two seeds leave the interval of the mean as wide as two seeds make it."""
    episodes = pd.DataFrame({"seed": [0, 0, 1, 1], "update": 1, "score_percent": [0.0, 2.0, 4.0, 6.0]})
    many = pd.concat([episodes] * 500, ignore_index=True)
    runs = many.groupby("seed")["score_percent"].mean().to_numpy()
    found = intervals.mean_interval(runs)
    assert found.df == 1
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, 1) * 2)


@pytest.mark.parametrize(
    ("episodes", "words"),
    [
        ({"seed": [0, 0], "update": [1, 1], "score_percent": [1.0, 2.0]}, "at least 2 training seeds"),
        ({"seed": [0, 0, 1], "update": [1, 2, 1], "score_percent": [1.0, 2.0, 3.0]}, "same checkpoints"),
        ({"seed": [0, 1], "update": [1, 1], "score_percent": [1.0, 2.0]}, "two episodes"),
    ],
)
def test_variance_that_cannot_be_split_is_reported(episodes: dict, words: str):
    with pytest.raises(TablesError, match=words):
        variance_module.split_variance(pd.DataFrame(episodes))
