"""A policy plays episodes: calls of a fixed batch, places that are filled again as episodes end."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from recheck.errors import Preempted
from recheck.jobs.evaluation_blocks import batch_states

from algos.base import Method, Sampling
from algos.datasets.transforms import TransformState
from algos.rollouts.environments import EnvironmentPool
from algos.seed_parallel.episode_streams import EpisodeStreams, Moment, purpose_key


@dataclass(frozen=True)
class Episode:
    """One episode to play.

    Attributes:
        row: of the policy's seeds.
        number: of the episode, within training seed and purpose; its place in the batch follows from it.
        episode_seed: the environment is reset with it.
        purpose: of its noise.
    """

    row: int
    number: int
    episode_seed: int
    purpose: str


@dataclass(frozen=True)
class Played:
    """What an episode gave: the undiscounted sum of its rewards, and its length in steps."""

    episode: Episode
    raw_return: float
    length: int


@dataclass
class _Running:
    episode: Episode
    place: int
    key: int
    step: int = 0
    raw_return: float = 0.0


class Player:
    """Plays episodes of the policies of S training seeds.

    Every call of the policy is for ``[S, E, d]`` states, E fixed (`batch_states`): an episode is always in
    the place of its number modulo E, and places without an episode are zero. With the noise of
    `EpisodeStreams` an episode's actions so come from the same numbers in the same places of the same shapes,
    whatever else is played.

    Args:
        method: with its parameters; the caller may load another policy between two calls of `play`.
        sampling: how actions are drawn.
        transform: what is done to observations and actions.
        pool: the environments; more than S * E of them are not used.
    """

    def __init__(
        self, method: Method, sampling: Sampling, transform: TransformState, pool: EnvironmentPool
    ) -> None:
        self.method = method
        self.sampling = sampling
        self.transform = transform
        self.pool = pool
        self.num_places = batch_states(method.acting_rows(sampling))
        self.streams = EpisodeStreams(method.num_seeds, self.num_places, method.device)
        self._observations = np.zeros(
            (method.num_seeds, self.num_places, method.problem.observation_dim), dtype=np.float32
        )

    def play(
        self, episodes: Iterable[Episode], stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[Played]:
        """Play episodes to their ends; each is handed over as it ends, in any order.

        Args:
            episodes: those of a row and place are played one after another, in this order.
            stopped: asked before each step.

        Raises:
            Preempted: `stopped` says so.
        """
        waiting: dict[tuple[int, int], deque[Episode]] = defaultdict(deque)
        for episode in episodes:
            waiting[episode.row, episode.number % self.num_places].append(episode)
        running: dict[tuple[int, int], _Running] = {}
        free = list(range(min(self.pool.size, self._observations.shape[0] * self.num_places)))
        self._observations[:] = 0.0
        while waiting or running:
            self._fill(waiting, running, free)
            live = list(running.values())
            rows, columns = (np.array(axis) for axis in zip(*running))
            places = [one.place for one in live]
            ended = [False]
            while not any(ended):  # until a place in the batch and an environment are free again
                if stopped():
                    raise Preempted
                actions = self.transform.actions(self._act(running, rows, columns)[rows, columns])
                self._observations[rows, columns], rewards, ended = self.pool.step(places, actions)
                for one, reward in zip(live, rewards):
                    one.step += 1
                    one.raw_return += reward
            for key, one, over in zip(list(running), live, ended):
                if over:
                    del running[key]
                    free.append(one.place)
                    self._observations[key] = 0.0
                    yield Played(one.episode, one.raw_return, one.step)

    def _fill(
        self,
        waiting: dict[tuple[int, int], deque[Episode]],
        running: dict[tuple[int, int], _Running],
        free: list[int],
    ) -> None:
        """Start the first waiting episodes whose place in the batch is free, while environments are."""
        while free:
            open_places = [key for key in waiting if key not in running]
            if not open_places:
                return
            key = min(open_places, key=lambda key: (waiting[key][0].number, key))
            episode = waiting[key].popleft()
            if not waiting[key]:
                del waiting[key]
            seed = self.method.seeds[episode.row]
            place = free.pop()
            self._observations[key] = self.pool.reset(place, episode.episode_seed, seed)
            running[key] = _Running(episode, place, purpose_key(episode.purpose, seed))

    def _act(
        self, running: dict[tuple[int, int], _Running], rows: np.ndarray, columns: np.ndarray
    ) -> np.ndarray:
        """Actions ``[S, E, a]``."""
        self.streams.at(
            lambda: [Moment(*key, one.key, one.episode.number, one.step) for key, one in running.items()]
        )
        states = self._observations
        if self.transform.changes_observations:
            states = np.zeros_like(self._observations)
            states[rows, columns] = self.transform.observations(self._observations[rows, columns])
        with torch.no_grad():
            actions = self.method.act(
                torch.from_numpy(states).to(self.method.device), self.sampling, self.streams
            )
        result: np.ndarray = actions.cpu().numpy()
        return result
