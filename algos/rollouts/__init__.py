"""Episodes of a policy: a fixed pool of environments, refilled as episodes end.

`EnvironmentPool` holds the environments, `Player` plays episodes in it. What an episode gives depends on the
policy, the training seed, the purpose, the episode's number and seed alone: not on the size of the pool, on
what is played at the same time, or on the process that plays it.
"""

from algos.rollouts.environments import EnvironmentPool
from algos.rollouts.player import Episode, Played, Player

__all__ = ["EnvironmentPool", "Episode", "Played", "Player"]
