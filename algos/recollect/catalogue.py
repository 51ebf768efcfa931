"""The re-collections of recollections.json, and their statistics next to the published ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from recheck.errors import DatasetError

from algos.recollect.behaviour_policies import BEHAVIORS

RECOLLECTIONS_FILE = "recollections.json"
PUBLISHED_FILE = "published_statistics.json"


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
    it is like, `published` those whose published statistics are shown with ours.
    """

    name: str
    environment_id: str
    horizon: int
    parts: tuple[Part, ...]
    planner: Planner | None
    imitates: str
    published: tuple[str, ...]
    folder: Path


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
    """The return statistics of our rows with the published ones of the file that they imitate."""
    lines = [
        f"{'':<42}{'transitions':>12}{'episodes':>10}{'mean':>10}{'std':>10}{'min':>10}{'max':>10}",
        _line(f"{spec.name}, collected here", len(rows["rewards"]), return_statistics(rows, spec.horizon)),
    ]
    published = published_statistics(spec.folder)
    for name in spec.published:
        lines.append(_line(f"{name}, published", int(published[name]["num_transitions"]), published[name]))
    if not spec.published:
        lines.append(f"No return statistics of the real {spec.imitates} are published.")
    lines.append(f"Other policies, other physics: this is not {spec.imitates} and does not replace it.")
    return "\n".join(lines)


def _line(label: str, transitions: int, statistics: Mapping[str, Any]) -> str:
    cells = [statistics.get("complete_episodes"), *(statistics[k] for k in ("mean", "std", "min", "max"))]
    shown = ["-" if cell is None else f"{cell:,.0f}" for cell in cells]
    return f"{label:<42}{transitions:>12,}" + "".join(f"{cell:>10}" for cell in shown)
