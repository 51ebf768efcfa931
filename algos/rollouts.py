"""Episodes of many environments at once, in this process or in several."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from recheck.errors import EvaluationError

from algos.base import Method, Sampling
from algos.datasets.transforms import TransformState
from algos.envs import make
from algos.seed_parallel.random_streams import SeedStreams


class LocalEpisodes:
    """All episodes in this process."""

    def __init__(self, task: Mapping[str, Any], count: int) -> None:
        # antmaze-v0 draws one goal for all episodes of a run; other environments know no such option.
        self.goal_per_run = "goal_per=run" in (task.get("adapter") or "")
        self.batch = make.make_vector(
            task["environment_id"],
            task.get("adapter"),
            task.get("horizon"),
            count,
            observation_dim=task["observation_dim"],
            action_dim=task["action_dim"],
        )

    def reset(self, seeds: list[int], run_seeds: list[int]) -> np.ndarray:
        """First observations ``[E, d]`` of new episodes."""
        return self.batch.reset(seeds, run_seeds if self.goal_per_run else None)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Observations, rewards, and which episodes go on, ``[E, ...]`` each."""
        return self.batch.step(actions)

    def close(self) -> None:
        """Release the environments."""
        self.batch.close()


def _serve(connection: Any, task: Mapping[str, Any], count: int) -> None:
    """A worker: its own share of the episodes, stepped on request."""
    episodes = LocalEpisodes(task, count)
    try:
        while (message := connection.recv()) is not None:
            command, arguments = message
            connection.send(getattr(episodes, command)(*arguments))
    except (EOFError, KeyboardInterrupt):
        pass
    finally:
        episodes.close()


class ParallelEpisodes:
    """The episodes shared out over processes; the results are those of `LocalEpisodes`."""

    def __init__(self, task: Mapping[str, Any], count: int, workers: int) -> None:
        bounds = np.linspace(0, count, workers + 1).astype(int)
        self.shares = [slice(a, b) for a, b in itertools.pairwise(bounds) if b > a]
        context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half alive
        self.connections = []
        self.processes = []
        for share in self.shares:
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, task, share.stop - share.start), daemon=True
            )
            process.start()
            theirs.close()
            self.connections.append(ours)
            self.processes.append(process)

    def _gather(self) -> list[Any]:
        try:
            return [connection.recv() for connection in self.connections]
        except EOFError as error:
            raise EvaluationError("a process that steps environments has died; see the log above") from error

    def reset(self, seeds: list[int], run_seeds: list[int]) -> np.ndarray:
        """First observations ``[E, d]`` of new episodes."""
        for connection, share in zip(self.connections, self.shares):
            connection.send(("reset", (seeds[share], run_seeds[share])))
        return np.concatenate(self._gather())

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Observations, rewards, and which episodes go on, ``[E, ...]`` each."""
        for connection, share in zip(self.connections, self.shares):
            connection.send(("step", (actions[share],)))
        observations, rewards, active = zip(*self._gather())
        return np.concatenate(observations), np.concatenate(rewards), np.concatenate(active)

    def close(self) -> None:
        """Release the environments."""
        for connection, process in zip(self.connections, self.processes):
            try:
                connection.send(None)
            except OSError:
                process.terminate()
            process.join(timeout=10)


Episodes = LocalEpisodes | ParallelEpisodes


def play(
    method: Method,
    sampling: Sampling,
    streams: SeedStreams,
    transform: TransformState,
    episodes: Episodes,
    episode_seeds: Sequence[Sequence[int]],
) -> tuple[np.ndarray, np.ndarray]:
    """Play E episodes of each of K training seeds to their ends.

    Args:
        method: the policies of K seeds.
        sampling: how actions are drawn.
        transform: what is done to observations.
        episodes: K * E environments, those of a seed together.
        streams: the policy's noise, one stream per training seed.
        episode_seeds: ``[K][E]`` seeds of the resets.

    Returns:
        Raw returns and lengths in steps, ``[K, E]`` each.
    """
    num_seeds, num_episodes = len(episode_seeds), len(episode_seeds[0])
    observations = episodes.reset(
        [seed for row in episode_seeds for seed in row],
        [seed for seed in method.seeds for _ in range(num_episodes)],
    )
    returns = np.zeros(num_seeds * num_episodes)
    lengths = np.zeros(num_seeds * num_episodes, dtype=np.int64)
    active = np.ones(num_seeds * num_episodes, dtype=bool)
    while active.any():
        states = torch.from_numpy(transform.observations(observations)).to(method.device)
        with torch.no_grad():
            actions = method.act(states.view(num_seeds, num_episodes, -1), sampling, streams)
        lengths += active
        observations, rewards, active = episodes.step(
            actions.reshape(num_seeds * num_episodes, -1).cpu().numpy()
        )
        returns += rewards
    shape = (num_seeds, num_episodes)
    return returns.reshape(shape), lengths.reshape(shape)
