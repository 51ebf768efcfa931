"""What to leave out so that an experiment fits into a budget of hours: each way by itself, and one of all.

What a cut does to the verdicts is said by `paper_tables.verdicts.budget`, which reads the cuts from a file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from recheck.cost.forecast import EVALUATE, STAGES, WHOLE, Cut, Forecaster, Job
from recheck.cost.schedule import LIKELY
from recheck.cost.step_costs import Range, scaled, total

SECONDS_PER_HOUR = 3600.0
# Below this a score says nothing of its own error.
LEAST_SEEDS = 2


@dataclass(frozen=True)
class Option:
    """One way to fit.

    Attributes:
        lever: seeds, checkpoints, episodes, tasks, or seeds and episodes and checkpoints together.
        cut: the weakest that fits; the strongest one where this way alone is not enough.
        fits: whether it does.
        hours: of what remains.
    """

    lever: str
    cut: Cut
    fits: bool
    hours: Range


def hours(jobs: Sequence[Job], unit: str) -> Range:
    """Hours of the unfinished training and evaluation that are counted in `unit`, those of known cost."""
    counted = (
        job.work_seconds
        for job in jobs
        if job.stage in STAGES and job.unit == unit and not job.finished
        if not math.isnan(job.work_seconds[LIKELY])
    )
    return scaled(total(counted), 1 / SECONDS_PER_HOUR)


@dataclass(frozen=True)
class Size:
    """The largest number of each kind in an experiment."""

    seeds: int
    checkpoints: int
    episodes: int

    @classmethod
    def of(cls, forecaster: Forecaster) -> Size:
        """Of a plan's cells."""
        cells = forecaster.plan.cells
        return cls(
            max((len(cell.run.seeds) for cell in cells), default=0),
            max((len(cell.run.config["checkpoints"]) for cell in cells), default=0),
            max((cell.sampling.evaluation["episodes_last"] for cell in cells), default=0),
        )


def options(forecaster: Forecaster, budget_hours: float, unit: str) -> list[Option]:
    """Each way to bring the likely hours under the budget, weakest cut first within a way.

    Args:
        forecaster: of the experiment.
        budget_hours: in `unit`.
        unit: GPU-hours or CPU-hours.
    """
    size = Size.of(forecaster)
    ways: list[tuple[str, Callable[[], Iterator[Cut]]]] = [
        ("checkpoints", lambda: (Cut(checkpoints=n) for n in range(size.checkpoints - 1, 0, -1))),
        ("episodes", lambda: (Cut(episodes=n) for n in range(size.episodes - 1, 0, -1))),
        ("seeds", lambda: (Cut(seeds=n) for n in range(size.seeds - 1, LEAST_SEEDS - 1, -1))),
        ("all three", lambda: _together(size)),
        ("tasks", lambda: _tasks(forecaster, unit)),
    ]
    found = []
    for lever, cuts in ways:
        option = _first_that_fits(forecaster, lever, list(cuts()), budget_hours, unit)
        if option is not None:
            found.append(option)
    return found


def _first_that_fits(
    forecaster: Forecaster, lever: str, cuts: list[Cut], budget_hours: float, unit: str
) -> Option | None:
    """By halving: a stronger cut never costs more."""
    if not cuts:
        return None

    def at(index: int) -> Range:
        return hours(forecaster.jobs(cuts[index]), unit)

    low, high = 0, len(cuts) - 1
    strongest = at(high)
    if strongest[LIKELY] > budget_hours:
        return Option(lever, cuts[high], False, strongest)
    while low < high:
        middle = (low + high) // 2
        if at(middle)[LIKELY] <= budget_hours:
            high = middle
        else:
            low = middle + 1
    return Option(lever, cuts[low], True, at(low))


def _together(size: Size) -> Iterator[Cut]:
    """Seeds, checkpoints and episodes by one share."""
    for percent in range(95, 4, -5):
        yield Cut(
            seeds=max(LEAST_SEEDS, math.ceil(size.seeds * percent / 100)),
            checkpoints=max(1, math.ceil(size.checkpoints * percent / 100)),
            episodes=max(1, math.ceil(size.episodes * percent / 100)),
        )


def _tasks(forecaster: Forecaster, unit: str) -> Iterator[Cut]:
    """The dearest task left out, then the two dearest, up to all but one."""
    jobs = forecaster.jobs(WHOLE)
    names = {str(job.cell["task"]) for job in jobs if job.stage == EVALUATE}
    of_task = {
        name: hours([job for job in jobs if job.cell.get("task") == name], unit)[LIKELY] for name in names
    }
    dearest = sorted(names, key=lambda name: (-of_task[name], name))
    for count in range(1, len(dearest)):
        yield Cut(tasks=frozenset(dearest[:count]))


def as_document(
    found: Sequence[Option], forecaster: Forecaster, budget_hours: float, unit: str
) -> dict[str, Any]:
    """The cuts for `paper_tables.verdicts.budget`."""
    size = Size.of(forecaster)
    whole = hours(forecaster.jobs(), unit)
    names = {cell.run.config["task"] for cell in forecaster.plan.cells}
    return {
        "budget_hours": budget_hours,
        "unit": unit,
        "whole": {
            "hours": list(whole),
            "seeds": size.seeds,
            "checkpoints": size.checkpoints,
            "episodes": size.episodes,
            "tasks": len(names),
        },
        "options": [
            {
                "lever": option.lever,
                "fits": option.fits,
                "hours": list(option.hours),
                "seeds": _kept(option.cut.seeds, size.seeds),
                "checkpoints": _kept(option.cut.checkpoints, size.checkpoints),
                "episodes": _kept(option.cut.episodes, size.episodes),
                "tasks": len(names) - len(option.cut.tasks),
                "left_out": sorted(option.cut.tasks),
            }
            for option in found
        ],
    }


def _kept(cut: int | None, whole: int) -> int:
    return whole if cut is None else min(cut, whole)
