"""Datasets that are collected here: small trained policies, or a planner, play and every step is kept.

The result has D4RL's layout and imitates its kinds (medium, medium-replay, medium-expert, maze2d), so
that everything runs with no download. It is not D4RL data and is never called by a D4RL name. What each
recollection consists of is data, workflow/behaviors/recollections.json; the policies lie beside it.

    python -m algos.recollect hopper-medium --transitions 100000 --seed 0 --output hopper.hdf5
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from algos.progress import Progress
from algos.transitions import DatasetError, written_aside

if TYPE_CHECKING:
    import gymnasium

BEHAVIORS = Path(__file__).resolve().parents[1] / "workflow" / "behaviors"
RECOLLECTIONS_FILE = "recollections.json"
PUBLISHED_FILE = "published_statistics.json"

# The policy's forward pass is batched over so many environments, stepped in turn.
MAX_ENVIRONMENTS = 16
# Bounds of a policy's log standard deviation, as in training (workflow/scripts/train_behaviors.py).
LOG_STD_BOUNDS = (-5.0, 2.0)

# Called with the number of transitions collected so far, and of all.
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Part:
    """A share of a recollection that one behaviour plays.

    `behavior` names the policy file; `share` is its weight among all parts; `stochastic` draws from
    the policy's distribution, otherwise its mode is played.
    """

    behavior: str
    share: float
    stochastic: bool


@dataclass(frozen=True)
class Planner:
    """A point that walks through a maze from target to target (D4RL's maze2d is made so).

    Cells are (row, column) of the maze's map. `goal_cell` is where the reward is, 1 within
    `goal_radius` metres of the cell's centre and else 0; the planner's own targets are random cells, each
    held until it is nearer than `target_radius` metres. The force is
    `position_gain` * (waypoint - position) - `velocity_gain` * velocity + `action_noise` * normal,
    clipped to the action bounds.
    """

    goal_cell: tuple[int, int]
    goal_radius: float
    target_radius: float
    position_gain: float
    velocity_gain: float
    action_noise: float


@dataclass(frozen=True)
class Recollection:
    """What is collected: an environment and either the parts that policies play or a planner.

    `horizon` is the number of steps after which an episode times out; `imitates` names the D4RL set that
    it is like, `published` those whose published statistics are shown beside ours.
    """

    name: str
    environment_id: str
    horizon: int
    parts: tuple[Part, ...]
    planner: Planner | None
    imitates: str
    published: tuple[str, ...]
    folder: Path


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

    Raises DatasetError for an unknown recollection, a missing or ill-shaped policy, or a bad size.
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


# --- Policies ---


class Policy:
    """A two-hidden-layer Gaussian policy with a tanh, as soft actor-critic trains it.

    Its file holds `layers.{0,1,2}.weight` [in, out] and `layers.{0,1,2}.bias` [out], float32; the last
    layer gives the mean and the log standard deviation, [2 a].
    """

    def __init__(self, tensors: Mapping[str, np.ndarray], name: str) -> None:
        expected = [f"layers.{layer}.{kind}" for layer in range(3) for kind in ("bias", "weight")]
        if sorted(tensors) != expected:
            raise DatasetError(f"The policy {name} holds {sorted(tensors)}, but {expected} are expected.")
        self.layers = [(tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"]) for i in range(3)]
        widths = [weight.shape for weight, _ in self.layers]
        chained = all(left[-1] == right[0] for left, right in pairwise(widths))
        if not chained or any(weight.shape[1:] != bias.shape for weight, bias in self.layers):
            raise DatasetError(f"The policy {name} has layers that do not fit each other: {widths}.")
        self.name = name
        self.observation_dim = int(widths[0][0])
        self.action_dim = int(widths[-1][1]) // 2

    def act(self, observations: np.ndarray, noise: np.ndarray | None) -> np.ndarray:
        """Actions [E, a] in [-1, 1] for observations [E, d]; `noise` [E, a] is normal, None is the mode."""
        # One product per row: a row's bits must not depend on how many others stand beside it.
        hidden = observations[:, np.newaxis, :]
        for weight, bias in self.layers[:-1]:
            hidden = np.maximum(hidden @ weight + bias, 0.0)
        weight, bias = self.layers[-1]
        mean, log_std = np.split((hidden @ weight + bias)[:, 0], 2, axis=-1)
        if noise is not None:
            mean = mean + np.exp(np.clip(log_std, *LOG_STD_BOUNDS)) * noise
        return np.tanh(mean)


def load_policy(name: str, folder: Path = BEHAVIORS) -> Policy:
    """The policy `name` of a folder. Raises DatasetError, naming those that there are."""
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.safetensors"))) or "none"
        raise DatasetError(f"There is no policy {name!r} in {folder.name}; known policies: {known}.")
    try:
        return Policy(load_file(path), name)
    except SafetensorError as error:
        raise DatasetError(f"The policy {path.name} cannot be read: {error}.") from None


@dataclass
class _Episode:
    """One episode while it is played: rows 0 to `length` - 1 are filled."""

    rows: dict[str, np.ndarray]
    noise: np.ndarray | None
    observation: np.ndarray
    length: int = 0
    finished: bool = False


def _play_policy(
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
        settled, settled_rows = 0, 0  # episodes 0 to settled - 1 are finished and hold settled_rows
        while True:
            while settled < len(episodes) and episodes[settled].finished:
                settled_rows += episodes[settled].length
                settled += 1
            open_rows = episodes[settled].length if settled < len(episodes) else 0
            if settled_rows + open_rows >= size:
                break
            report(settled_rows + open_rows)
            started_rows = settled_rows + sum(episode.length for episode in episodes[settled:])
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
    # A fall in the very last step is a terminal: only an episode that went on was cut by time.
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


# --- The planner ---


def shortest_path(
    maze_map: list[list[Any]], start: tuple[int, int], target: tuple[int, int]
) -> list[tuple[int, int]]:
    """Cells from `start` to `target`, both included, through cells that are no wall (1), breadth first.

    Raises DatasetError where there is no way.
    """
    came_from: dict[tuple[int, int], tuple[int, int] | None] = {start: None}
    queue = deque([start])
    while queue and target not in came_from:
        row, column = queue.popleft()
        for cell in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if cell not in came_from and maze_map[cell[0]][cell[1]] != 1:
                came_from[cell] = (row, column)
                queue.append(cell)
    if target not in came_from:
        raise DatasetError(f"The maze has no way from cell {start} to cell {target}.")
    path = [target]
    while (before := came_from[path[-1]]) is not None:
        path.append(before)
    return path[::-1]


class MazeWalker:
    """Chooses targets and forces for one point in one maze, cell by cell along shortest paths."""

    def __init__(self, maze: Any, settings: Planner, random: np.random.Generator) -> None:
        self.maze, self.settings, self.random = maze, settings, random
        self.cells = [
            (row, column)
            for row, line in enumerate(maze.maze_map)
            for column, content in enumerate(line)
            if content != 1
        ]
        self.waypoints: list[np.ndarray] = []
        self.target = np.zeros(2)

    def cell_of(self, position: np.ndarray) -> tuple[int, int]:
        """The cell that holds a position [2] in metres."""
        row, column = self.maze.cell_xy_to_rowcol(position)
        return int(row), int(column)

    def centre_of(self, cell: tuple[int, int]) -> np.ndarray:
        """The centre [2] of a cell in metres."""
        return np.asarray(self.maze.cell_rowcol_to_xy(np.asarray(cell)), dtype=np.float64)

    def choose_target(self, position: np.ndarray) -> None:
        """Draw a target in another cell and plan the way there."""
        here = self.cell_of(position)
        others = [cell for cell in self.cells if cell != here]
        self.go_to(position, others[int(self.random.integers(len(others)))])

    def go_to(self, position: np.ndarray, cell: tuple[int, int]) -> None:
        """Plan the way from a position [2] to a cell's centre."""
        path = shortest_path(self.maze.maze_map, self.cell_of(position), cell)
        self.waypoints = [self.centre_of(step) for step in path[1:] or path]
        self.target = self.waypoints[-1]

    def act(self, observation: np.ndarray) -> np.ndarray:
        """The force [2] for an observation [x, y, velocity x, velocity y]; takes a new target on arrival."""
        position, velocity = observation[:2], observation[2:]
        if not self.waypoints:
            self.choose_target(position)
        if np.linalg.norm(position - self.waypoints[0]) < self.settings.target_radius:
            self.waypoints.pop(0)
            if not self.waypoints:
                self.choose_target(position)
        force = self.settings.position_gain * (self.waypoints[0] - position)
        force = force - self.settings.velocity_gain * velocity
        force = force + self.settings.action_noise * self.random.standard_normal(2)
        return np.clip(force, -1.0, 1.0).astype(np.float32)


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


# --- Recollections as data ---


def load_recollections(folder: Path = BEHAVIORS) -> dict[str, Recollection]:
    """All recollections of a folder by name, in the order of the file. Raises DatasetError."""
    path = folder / RECOLLECTIONS_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))["recollections"]
        return {name: _recollection(name, entry, folder) for name, entry in content.items()}
    except FileNotFoundError:
        raise DatasetError(
            f"{path} is missing; re-collected datasets need the folder workflow/behaviors of the repository."
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read ({type(error).__name__}: {error}).") from None


def load_recollection(name: str, folder: Path = BEHAVIORS) -> Recollection:
    """The recollection `name`. Raises DatasetError, naming those that there are."""
    known = load_recollections(folder)
    if name not in known:
        raise DatasetError(f"There is no recollection {name!r}; known recollections: {', '.join(known)}.")
    return known[name]


def _recollection(name: str, entry: Mapping[str, Any], folder: Path) -> Recollection:
    planner = entry.get("planner")
    if planner is not None:
        planner = Planner(**{**planner, "goal_cell": tuple(planner["goal_cell"])})
    return Recollection(
        name=name,
        environment_id=entry["environment_id"],
        horizon=int(entry["horizon"]),
        parts=tuple(Part(**part) for part in entry.get("parts", [])),
        planner=planner,
        imitates=entry["imitates"],
        published=tuple(entry["published"]),
        folder=folder,
    )


# --- Statistics beside the published ones ---


def return_statistics(rows: Mapping[str, np.ndarray], horizon: int) -> dict[str, float | int | None]:
    """Returns of the episodes that ended by themselves or by the horizon, not of those cut for size.

    Returns mean, std (n), min, max of the undiscounted return and complete_episodes; None without any.
    """
    ends = np.flatnonzero(rows["terminals"] | rows["timeouts"])
    starts = np.concatenate([[0], ends[:-1] + 1])
    returns = np.add.reduceat(rows["rewards"].astype(np.float64), starts)[: len(ends)]
    complete = rows["terminals"][ends] | (ends - starts + 1 == horizon)
    kept = returns[complete]
    statistics: dict[str, float | int | None] = {"complete_episodes": len(kept)}
    for kind in ("mean", "std", "min", "max"):
        statistics[kind] = round(float(getattr(kept, kind)()), 3) if len(kept) else None
    return statistics


def published_statistics(folder: Path = BEHAVIORS) -> dict[str, dict[str, Any]]:
    """Published return statistics of real D4RL files: num_transitions, mean, std, min, max by name."""
    content = json.loads((folder / PUBLISHED_FILE).read_text(encoding="utf-8"))
    statistics: dict[str, dict[str, Any]] = content["statistics"]
    return statistics


def describe(spec: Recollection, rows: Mapping[str, np.ndarray]) -> str:
    """The return statistics of our rows beside the published ones of the file that they imitate."""
    lines = [
        f"{'':<42}{'transitions':>12}{'episodes':>10}{'mean':>10}{'std':>10}{'min':>10}{'max':>10}",
        _line(f"{spec.name}, collected here", len(rows["rewards"]), return_statistics(rows, spec.horizon)),
    ]
    published = published_statistics(spec.folder)
    for name in spec.published:
        lines.append(_line(f"{name}, published", int(published[name]["num_transitions"]), published[name]))
    if not spec.published:
        lines.append(f"No return statistics of the real {spec.imitates} are published.")
    lines.append(f"Other policies, other physics: this is not {spec.imitates} and does not stand in for it.")
    return "\n".join(lines)


def _line(label: str, transitions: int, statistics: Mapping[str, Any]) -> str:
    cells = [statistics.get("complete_episodes"), *(statistics[k] for k in ("mean", "std", "min", "max"))]
    shown = ["-" if cell is None else f"{cell:,.0f}" for cell in cells]
    return f"{label:<42}{transitions:>12,}" + "".join(f"{cell:>10}" for cell in shown)


# --- Command line ---


def write_hdf5(path: Path, rows: Mapping[str, np.ndarray]) -> None:
    """Write rows as a D4RL-format HDF5 file, aside and then moved."""
    import h5py

    with written_aside(path) as aside, h5py.File(aside, "w", track_order=False) as file:
        for name, values in rows.items():
            file.create_dataset(name, data=values, compression="gzip", track_times=False)


def main(arguments: list[str] | None = None) -> int:
    """Collect one dataset, show its statistics, and write it if asked to."""
    parser = argparse.ArgumentParser(description="Collect a dataset with small policies or a planner.")
    parser.add_argument("name", help="a recollection of workflow/behaviors/recollections.json")
    parser.add_argument("--transitions", type=int, default=100_000, help="number of steps (default 100000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="write a D4RL-format HDF5 file here")
    options = parser.parse_args(arguments)
    try:
        spec = load_recollection(options.name)
        bar = Progress(options.transitions, f"collecting {spec.name}")
        rows = recollect(spec, options.transitions, options.seed, lambda done, _: bar.update(done))
        if options.output is not None:
            write_hdf5(options.output, rows)
    except DatasetError as error:
        print(f"recollect: {error}", file=sys.stderr)
        return 2
    print(describe(spec, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
