"""Collect a dataset: policies or a planner act, every step is kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from recheck.errors import DatasetError

from algos.recollect.behaviour_policies import load_policy
from algos.recollect.catalogue import Part, Planner, Recollection, load_recollection
from algos.recollect.mazes import MazeWalker

if TYPE_CHECKING:
    import gymnasium


# The policy's forward pass is batched over so many environments, stepped in turn.
MAX_ENVIRONMENTS = 16
# Called with the number of transitions collected so far, and of all.
Report = Callable[[int, int], None]


def recollect(
    spec: Recollection | str, num_transitions: int, seed: int, progress: Report | None = None
) -> dict[str, np.ndarray]:
    """Collect `num_transitions` steps in D4RL's layout.

    The same bytes come from the same seed on one machine with the same versions. The parts follow each
    other in the order of the recollection; inside a part episodes follow each other. An episode that
    reaches the horizon, and the last step of each part, is a time-out and not a terminal.

    Args:
        spec: a recollection, or the name of one in workflow/behaviors/recollections.json.
        num_transitions: n, exactly so many rows are returned; at least two per part.
        seed: from 0; other seeds give other data of the same kind.
        progress: called with (rows collected, n) now and then.

    Returns: observations [n, d] f32, actions [n, a] f32, rewards [n] f32, next_observations [n, d] f32,
        terminals [n] bool, timeouts [n] bool, infos/qpos [n, q] f64 and infos/qvel [n, v] f64 (the
        simulator's state before the action), and for a planner infos/goal [n, 2] f32 (its target).

    Raises DatasetError for an unknown recollection, a missing or damaged policy, or a bad size.
    """
    if isinstance(spec, str):
        spec = load_recollection(spec)
    shares = [part.share for part in spec.parts] or [1.0]
    if num_transitions < 2 * len(shares):
        raise DatasetError(
            f"{num_transitions} transitions are too few for {spec.name}, which needs at least "
            f"{2 * len(shares)} (two for each of its {len(shares)} parts)."
        )
    if seed < 0:
        raise DatasetError(f"The seed of {spec.name} is {seed}, but it must be 0 or more.")
    sizes = split_sizes(num_transitions, shares)
    collected: list[dict[str, np.ndarray]] = []
    for index, size in enumerate(sizes):
        done_before = sum(sizes[:index])

        def report(rows: int, done_before: int = done_before) -> None:
            if progress is not None:
                progress(min(done_before + rows, num_transitions), num_transitions)

        if spec.planner is not None:
            collected.append(_play_planner(spec, spec.planner, size, seed, report))
        else:
            collected.append(_play_policy(spec, spec.parts[index], index, size, seed, report))
    return {name: np.concatenate([part[name] for part in collected]) for name in collected[0]}


def split_sizes(total: int, shares: list[float]) -> list[int]:
    """Whole numbers in proportion to `shares` that sum to `total` (largest remainders, first wins ties)."""
    exact = np.asarray(shares, dtype=np.float64) / sum(shares) * total
    sizes = np.floor(exact).astype(int)
    order = np.argsort(-(exact - sizes), kind="stable")
    sizes[order[: total - int(sizes.sum())]] += 1
    return [int(size) for size in sizes]


@dataclass
class _Episode:
    """One episode while it is played: rows 0 to `length` - 1 are filled."""

    rows: dict[str, np.ndarray]
    noise: np.ndarray | None
    observation: np.ndarray
    length: int = 0
    finished: bool = False


def _play_policy(  # noqa: C901  (one loop over open episodes, whose order decides the bytes)
    spec: Recollection, part: Part, part_index: int, size: int, seed: int, report: Callable[[int], None]
) -> dict[str, np.ndarray]:
    """The first `size` rows of the episodes 0, 1, 2, ... of one part.

    Episodes are played side by side, each with its own seed and its own noise, and are put together in
    the order of their numbers: no more than the last one is cut, and the rows do not depend on how many
    environments there are.
    """
    policy = load_policy(part.behavior, spec.folder)
    environments = [
        _make(spec.environment_id, spec.horizon)
        for _ in range(min(MAX_ENVIRONMENTS, -(-size // spec.horizon)))
    ]
    try:
        dims = environments[0].observation_space.shape, environments[0].action_space.shape
        if dims != ((policy.observation_dim,), (policy.action_dim,)):
            raise DatasetError(
                f"The policy {policy.name} takes {policy.observation_dim} observations and gives "
                f"{policy.action_dim} actions, but {spec.environment_id} has {dims[0]} and {dims[1]}."
            )
        episodes: list[_Episode] = []
        slots: list[_Episode | None] = [None] * len(environments)
        num_finished, finished_rows = (
            0,
            0,
        )  # episodes 0 to num_finished - 1 are finished and hold finished_rows
        while True:
            while num_finished < len(episodes) and episodes[num_finished].finished:
                finished_rows += episodes[num_finished].length
                num_finished += 1
            open_rows = episodes[num_finished].length if num_finished < len(episodes) else 0
            if finished_rows + open_rows >= size:
                break
            report(finished_rows + open_rows)
            started_rows = finished_rows + sum(episode.length for episode in episodes[num_finished:])
            for slot, environment in enumerate(environments):
                if slots[slot] is None and started_rows < size:
                    # --- Start the next episode, with numbers of its own ---
                    random = np.random.default_rng([seed, part_index, len(episodes)])
                    first, _ = environment.reset(seed=int(random.integers(2**31)))
                    shape = (spec.horizon, policy.action_dim)
                    noise = random.standard_normal(shape, dtype=np.float32) if part.stochastic else None
                    episode = _Episode(_empty_rows(environment, spec.horizon), noise, first)
                    episodes.append(episode)
                    slots[slot] = episode
            playing = [(slot, episode) for slot, episode in enumerate(slots) if episode is not None]
            observations = np.stack([episode.observation for _, episode in playing]).astype(np.float32)
            noise = None
            if part.stochastic:
                noise = np.stack([e.noise[e.length] for _, e in playing if e.noise is not None])
            actions = policy.act(observations, noise)
            for (slot, episode), action in zip(playing, actions):
                _step(environments[slot], episode, action)
                if episode.finished:
                    slots[slot] = None
        report(size)
    finally:
        for environment in environments:
            environment.close()
    return _join(episodes, size)


def _empty_rows(environment: gymnasium.Env, horizon: int) -> dict[str, np.ndarray]:
    data = environment.unwrapped.data  # type: ignore[attr-defined]
    observation_shape = environment.observation_space.shape or (data.qpos.size + data.qvel.size,)
    action_shape = environment.action_space.shape or ()
    return {
        "observations": np.zeros((horizon, *observation_shape), np.float32),
        "actions": np.zeros((horizon, *action_shape), np.float32),
        "rewards": np.zeros(horizon, np.float32),
        "next_observations": np.zeros((horizon, *observation_shape), np.float32),
        "terminals": np.zeros(horizon, bool),
        "timeouts": np.zeros(horizon, bool),
        "infos/qpos": np.zeros((horizon, data.qpos.size), np.float64),
        "infos/qvel": np.zeros((horizon, data.qvel.size), np.float64),
    }


def _step(environment: gymnasium.Env, episode: _Episode, action: np.ndarray) -> None:
    """Play one action and write its row."""
    rows, row = episode.rows, episode.length
    data = environment.unwrapped.data  # type: ignore[attr-defined]
    rows["infos/qpos"][row] = data.qpos
    rows["infos/qvel"][row] = data.qvel
    rows["observations"][row] = episode.observation
    rows["actions"][row] = action
    following, reward, terminated, truncated, _ = environment.step(action)
    rows["rewards"][row] = float(reward)
    rows["next_observations"][row] = following
    rows["terminals"][row] = terminated
    # A fall in the very last step is a terminal: only an episode that had not ended was cut by time.
    rows["timeouts"][row] = truncated and not terminated
    episode.observation = following
    episode.length += 1
    episode.finished = bool(terminated or truncated)


def _join(episodes: list[_Episode], size: int) -> dict[str, np.ndarray]:
    """The first `size` rows; a part that ends inside an episode ends with a time-out."""
    joined = {
        name: np.concatenate([episode.rows[name][: episode.length] for episode in episodes])[:size]
        for name in episodes[0].rows
    }
    joined["timeouts"][-1] = not joined["terminals"][-1]
    return joined


def _play_planner(
    spec: Recollection, settings: Planner, size: int, seed: int, report: Callable[[int], None]
) -> dict[str, np.ndarray]:
    """The first `size` rows of episodes of full length, each from a random cell.

    Traps of the environment: with its default `continuing_task` it ends nothing at the goal, with
    `reset_target` the goal jumps; it moves the goal by noise even where a cell is asked for; and it rewards
    within 0.45 m where D4RL does within 0.5 m. So the goal is put to its cell's centre, and the reward is
    that of D4RL's environment (d4rl/pointmaze/maze_model.py, step): from the state after the action, and
    reaching the goal ends nothing.
    """
    from gymnasium.wrappers import TransformObservation

    maze_environment = _make(spec.environment_id, spec.horizon, continuing_task=True, reset_target=False)
    core: Any = maze_environment.unwrapped
    environment: gymnasium.Env = TransformObservation(
        maze_environment,
        lambda observation: observation["observation"],
        core.observation_space["observation"],
    )
    goal = np.asarray(core.maze.cell_rowcol_to_xy(np.asarray(settings.goal_cell)), dtype=np.float64)
    episodes: list[_Episode] = []
    rows_so_far = 0
    try:
        while rows_so_far < size:
            report(rows_so_far)
            random = np.random.default_rng([seed, 0, len(episodes)])
            walker = MazeWalker(core.maze, settings, random)
            cell = walker.cells[int(random.integers(len(walker.cells)))]
            first, _ = environment.reset(
                seed=int(random.integers(2**31)), options={"reset_cell": np.asarray(cell)}
            )
            core.goal = goal.copy()
            core.update_target_site_pos()
            rows = _empty_rows(environment, spec.horizon)
            rows["infos/goal"] = np.zeros((spec.horizon, 2), np.float32)
            episode = _Episode(rows, None, first)
            episodes.append(episode)
            while not episode.finished and rows_so_far < size:
                action = walker.act(episode.observation)
                rows["infos/goal"][episode.length] = walker.target
                _step(environment, episode, action)
                reached = np.linalg.norm(episode.observation[:2] - goal) <= settings.goal_radius
                rows["rewards"][episode.length - 1] = float(reached)
                rows_so_far += 1
        report(size)
    finally:
        environment.close()
    return _join(episodes, size)


def _make(environment_id: str, horizon: int, **options: Any) -> gymnasium.Env:
    """The environment by its id, without a viewer. Raises DatasetError where it is unknown."""
    import gymnasium

    if environment_id not in gymnasium.registry:
        import gymnasium_robotics

        gymnasium.register_envs(gymnasium_robotics)
    try:
        with warnings.catch_warnings():
            # The older version's physics is what the papers used: "out of date" is the point.
            warnings.filterwarnings("ignore", message=".*is out of date.*", category=DeprecationWarning)
            return gymnasium.make(
                environment_id, max_episode_steps=horizon, disable_env_checker=True, **options
            )
    except gymnasium.error.Error as error:
        raise DatasetError(f"The environment {environment_id!r} cannot be made: {error}.") from None
