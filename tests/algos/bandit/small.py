"""A small setting of the toy, and random inputs of its policies."""

from __future__ import annotations

from algos.bandit import settings as settings_module

SMALL = settings_module.Settings(num_data=400, batch_size=16, policy_batch=8, num_samples=50, updates=3)
