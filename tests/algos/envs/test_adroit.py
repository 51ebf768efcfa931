"""Adroit as D4RL steps it."""

from typing import Any

import numpy as np
import pytest

from algos.envs import make as make_module
from tests.algos.envs.tasks import TASKS, make

# --- Adroit ---


def test_pen_stops_when_the_pen_falls_or_after_100_steps() -> None:
    environment = make("pen-human-v1")
    lengths, fallen = [], []
    for seed in range(10):
        environment.reset(seed=seed)
        rng = np.random.default_rng(seed)
        for step in range(1, 200):  # noqa: B007
            # A hand that hardly moves keeps the pen, one that flails drops it.
            action = rng.uniform(-1, 1, 24) * (seed % 2)
            *_, terminated, truncated, _ = environment.step(action.astype(np.float32))
            if terminated or truncated:
                break
        hand: Any = environment.unwrapped
        assert terminated == (hand.data.xpos[hand.obj_body_id][2] < 0.075)
        lengths.append(step)
        fallen.append(terminated)
    assert any(fallen)
    assert max(lengths) <= 100
    assert all(length == 100 or terminated for length, terminated in zip(lengths, fallen))
    environment.close()


@pytest.mark.parametrize("name", ["door-human-v1", "hammer-human-v1", "relocate-human-v1"])
def test_adroit_rewards_have_d4rls_sign(name: str) -> None:
    """D4RL takes 0.1 times the palm's distance off; Gymnasium-Robotics' version 1 adds it."""
    task = TASKS[name]
    assert task.environment_id is not None
    adapted, bare = make(name), make_module.make(task.environment_id, "none", 200)
    adapted.reset(seed=0)
    bare.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        action = rng.uniform(-1, 1, task.action_dim).astype(np.float32)
        ours, theirs = float(adapted.step(action)[1]), float(bare.step(action)[1])
        hand: Any = bare.unwrapped
        if name.startswith("door"):
            distance = hand.data.site_xpos[hand.grasp_site_id] - hand.data.site_xpos[hand.handle_site_id]
        else:
            distance = hand.data.site_xpos[hand.S_grasp_site_id] - hand.data.xpos[hand.obj_body_id]
        assert theirs - ours == pytest.approx(0.2 * np.linalg.norm(distance), abs=1e-9)
    adapted.close()
    bare.close()


@pytest.mark.parametrize(("name", "margin"), [("door-human-v1", 1.0), ("hammer-human-v1", 6.0)])
def test_random_actions_return_d4rls_reference_minimum(name: str, margin: float) -> None:
    """D4RL's minimum is the mean return of random actions; 100 episodes gave -56.7 and -275.8 here.

    Without the adapter it is about -46 (door) and -260 (hammer).
    """
    task = TASKS[name]
    assert task.environment_id is not None
    assert task.reference_min_score is not None
    rng = np.random.default_rng(0)
    with make_module.make_vector(task.environment_id, task.adapter, task.horizon, 20) as batch:
        batch.reset(range(20))
        returns = np.zeros(20)
        while batch.active.any():
            returns += batch.step(rng.uniform(-1, 1, (20, task.action_dim or 0)).astype(np.float32))[1]
    assert abs(returns.mean() - task.reference_min_score) < margin


def test_human_demonstrations_were_paid_with_d4rls_sign(shared_file: Any) -> None:
    """The door's reward from the stored observations, but for the small velocity term."""
    from algos.datasets.hdf5 import read_d4rl_hdf5

    rows = read_d4rl_hdf5(shared_file("door-human-demos-v0.hdf5"))
    inside = ~(rows["terminals"] | rows["timeouts"])[:-1]
    after = rows["observations"][1:][inside]
    door = after[:, 28]
    rest = -0.1 * (door - 1.57) ** 2 + 2 * (door > 0.2) + 8 * (door > 1.0) + 10 * (door > 1.35)
    distance = np.linalg.norm(after[:, 35:38], axis=1)
    stored = rows["rewards"][:-1][inside]
    assert np.abs(stored - (rest - 0.1 * distance)).max() < 0.025
    assert np.abs(stored - (rest + 0.1 * distance)).max() > 0.1
