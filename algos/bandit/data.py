"""The bandit's dataset."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from algos.bandit.settings import ACTION_DIM, ACTION_SD, MODES, REWARD_SD, Settings
from algos.seed_parallel.random_streams import SeedStreams


class Data(NamedTuple):
    """Actions ``[n, 2]`` and rewards ``[n]`` of the bandit, a quarter of the rows from each mode."""

    actions: Tensor
    rewards: Tensor


def make_data(settings: Settings) -> Data:
    """Actions from N(centre, 0.05^2) clipped to [-1, 1], rewards from N(mean, 0.5^2), mode by mode."""
    streams = SeedStreams((settings.seed,), "bandit/data")
    count = settings.num_data // len(MODES)
    actions, rewards = [], []
    for mode in MODES:
        centre = torch.tensor(mode.centre)
        actions.append((centre + ACTION_SD * streams.normal(count, ACTION_DIM)[0]).clamp(-1.0, 1.0))
        rewards.append(mode.reward_mean + REWARD_SD * streams.normal(count)[0])
    return Data(torch.cat(actions), torch.cat(rewards))
