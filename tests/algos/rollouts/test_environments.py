"""A pool's environments are used again, and an episode in a used one is that in a fresh one."""

from pathlib import Path

import numpy as np
import pytest
from recheck import tasks

from algos.rollouts import EnvironmentPool

REPOSITORY = Path(__file__).resolve().parents[3]


def kinds():
    """One task for each environment and adapter of tasks.csv."""
    found = {}
    for row in tasks.read(REPOSITORY).values():
        if row.get("environment_id"):
            found.setdefault((row["environment_id"], row["adapter"]), row)
    return sorted(found.items())


def episode(pool, place, seed, steps=30):
    """Observations and rewards under actions that follow from the seed."""
    observation = pool.reset(place, seed, 3)
    random = np.random.default_rng(seed)
    seen = [observation.tobytes()]
    for _ in range(steps):
        action = random.uniform(-1.0, 1.0, (1, pool.task["action_dim"])).astype(np.float32)
        observations, rewards, ended = pool.step([place], action)
        seen.append((observations.tobytes(), rewards))
        if ended[0]:
            break
    return seen


@pytest.mark.parametrize(("kind", "row"), kinds(), ids=lambda value: str(value)[:40])
def test_an_episode_in_a_used_environment_is_the_one_in_a_fresh_one(kind, row):
    task = {name: row[name] for name in ("environment_id", "adapter")}
    task |= {name: int(row[name]) for name in ("horizon", "observation_dim", "action_dim")}
    used, fresh = EnvironmentPool(task, 1), EnvironmentPool(task, 1)
    first = episode(used, 0, 11)
    assert episode(used, 0, 12) != first
    assert episode(used, 0, 11) == first
    assert episode(fresh, 0, 12) == episode(used, 0, 12)
    used.close()
    fresh.close()


def test_environments_are_made_when_they_are_needed():
    task = {"environment_id": "Hopper-v4", "horizon": 1000, "observation_dim": 11, "action_dim": 3}
    pool = EnvironmentPool(task, 5)
    assert len(pool.environments) == 1
    pool.reset(0, 1, 0)
    assert len(pool.environments) == 1
    pool.reset(2, 1, 0)
    assert len(pool.environments) == 3
    pool.close()
