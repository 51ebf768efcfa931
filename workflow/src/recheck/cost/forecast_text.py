"""The forecast as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from recheck import schema
from recheck.cost.budget import SECONDS_PER_HOUR
from recheck.cost.forecast import BANDIT, DATASET, EVALUATE, REEVALUATE, RESULTS, STAGES, TRAIN, Job
from recheck.cost.schedule import HIGH, LIKELY, LOW, Capacity, simulate
from recheck.cost.step_costs import COMPILED_ELSEWHERE, SHIPPED, Range, scaled, total

NOT_KNOWN = "not known"
# What is neither training nor evaluation, as it is called in the text.
BESIDES = {
    DATASET: "datasets",
    REEVALUATE: "published policies played again",
    BANDIT: "the bandit",
    RESULTS: "scores, tables and figures",
}


def number(hours: float) -> str:
    """Hours with two or three digits; below a tenth with as many places as two digits take."""
    if math.isnan(hours):
        return NOT_KNOWN
    if 0 < hours < 0.1:
        return f"{hours:.{1 - math.floor(math.log10(hours))}f}"
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.1f}" if hours >= 1 else f"{hours:.2f}"


def bounds(hours: Range) -> str:
    """`1.2 to 3.4`."""
    return NOT_KNOWN if math.isnan(hours[LIKELY]) else f"{number(hours[LOW])} to {number(hours[HIGH])}"


def _duration(seconds: float) -> str:
    if seconds >= SECONDS_PER_HOUR:
        return f"{number(seconds / SECONDS_PER_HOUR)} h"
    return f"{seconds / 60:.0f} min" if seconds >= 600 else f"{seconds:.0f} s"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _hours(jobs: Iterable[Job]) -> Range:
    return scaled(total(job.work_seconds for job in jobs), 1 / SECONDS_PER_HOUR)


def _grouped(jobs: Iterable[Job], key: Callable[[Job], Any]) -> dict[Any, list[Job]]:
    groups: dict[Any, list[Job]] = {}
    for job in jobs:
        groups.setdefault(key(job), []).append(job)
    return groups


def _sampling(job: Job) -> str:
    if job.stage == TRAIN:
        return "-"
    return f"{job.cell['candidates']} x {job.cell['steps']}" if job.cell["steps"] else "-"


def stages(jobs: Sequence[Job]) -> list[str]:
    """One line for each stage, method, family, N and sampling; then the sums."""
    groups = _grouped(
        jobs,
        lambda job: (
            job.stage,
            job.cell["method"],
            job.cell["variant"],
            job.cell["family"],
            str(job.cell["diffusion_steps"] or "-"),
            _sampling(job),
        ),
    )
    rows = [
        (
            *("stage", "method", "variant", "family", "N", "candidates x steps"),
            *("jobs", "updates or steps", "hours", "likely", "range"),
        )
    ]
    for key in sorted(groups, key=lambda each: (STAGES.index(each[0]), *each[1:])):
        members = groups[key]
        spent = _hours(members)
        amount = f"{sum(job.amount for job in members):,}"
        rows.append((*key, str(len(members)), amount, members[0].unit, number(spent[LIKELY]), bounds(spent)))
    out = [*_columns(rows), ""]
    for unit in dict.fromkeys(job.unit for job in jobs):
        for stage in STAGES:
            chosen = [job for job in jobs if job.unit == unit and job.stage == stage]
            if not chosen:
                continue
            known = [job for job in chosen if not math.isnan(job.work_seconds[LIKELY])]
            unknown = {job.cell["method"] for job in chosen} - {job.cell["method"] for job in known}
            without = f", without {schema.listed(sorted(unknown))}: {NOT_KNOWN}" if unknown else ""
            spent = _hours(known)
            out.append(f"Together, {stage}: {number(spent[LIKELY])} {unit} ({bounds(spent)}){without}.")
    played = [job for job in jobs if job.stage == EVALUATE]
    if played:
        steps, most = sum(job.amount for job in played), sum(job.most for job in played)
        out.append(f"Steps of evaluation: {steps:,} likely, {most:,} if every episode lasts to its horizon.")
    return out


def besides(jobs: Sequence[Job]) -> list[str]:
    """One line of the hours of what is neither trained nor evaluated."""
    groups = _grouped(jobs, lambda job: job.stage)
    parts = [
        f"{name} {number(_hours(groups[stage])[LIKELY])} ({bounds(_hours(groups[stage]))})"
        for stage, name in BESIDES.items()
        if stage in groups
    ]
    return [f"Besides, CPU-hours: {', '.join(parts)}."] if parts else []


def by_task(jobs: Sequence[Job]) -> list[str]:
    """Likely hours of training + evaluation, a row for each task, a column for each method."""
    methods = list(dict.fromkeys(str(job.cell["method"]) for job in jobs))
    groups = _grouped(jobs, lambda job: (job.cell["task"], job.cell["method"], job.stage))
    units = " + ".join(
        dict.fromkeys(f"{job.unit} of {'training' if job.stage == TRAIN else 'evaluation'}" for job in jobs)
    )

    def cell(task: str, method: str) -> str:
        parts = [groups.get((task, method, stage)) for stage in STAGES]
        return " + ".join(number(_hours(part)[LIKELY]) for part in parts if part) or "-"

    rows = [("task", *methods)]
    rows += [
        (task, *(cell(task, method) for method in methods))
        for task in dict.fromkeys(str(job.cell["task"]) for job in jobs)
    ]
    return [f"Likely hours by task and method ({units}):", *(f"  {line}" for line in _columns(rows))]


def wall(jobs: Sequence[Job], capacities: Mapping[str, Capacity]) -> list[str]:
    """Wall time of all that is left, by a greedy schedule."""
    rows = [("with", "wall time", "range", "longest chain of jobs", "memory asked for at one time")]
    for label, capacity in capacities.items():
        low, likely, high = (simulate(jobs, capacity, end) for end in (LOW, LIKELY, HIGH))
        rows.append(
            (
                label,
                _duration(likely.wall_seconds),
                f"{_duration(low.wall_seconds)} to {_duration(high.wall_seconds)}",
                _duration(likely.critical_seconds),
                f"{likely.memory_mb / 1000:,.1f} GB",
            )
        )
    head = "Wall time of all jobs (a greedy schedule, without waiting for the cluster):"
    return [head, *(f"  {line}" for line in _columns(rows))]


def longest(jobs: Sequence[Job]) -> list[str]:
    """The longest job of each stage and its limit."""
    out = []
    for stage in STAGES:
        chosen = [job for job in jobs if job.stage == stage and not math.isnan(job.wall_seconds[LIKELY])]
        if not chosen:
            continue
        job = max(chosen, key=lambda each: each.wall_seconds[LIKELY])
        low, likely, high = (_duration(each) for each in job.wall_seconds)
        limit = job.limit_minutes * 60
        stops, most = (math.ceil(job.wall_seconds[end] / limit) - 1 for end in (LIKELY, HIGH))
        line = (
            f"Longest job, {stage}: {job.cell['method']} on {job.cell['task']}, {likely} ({low} to {high}); "
            f"its limit is {_duration(limit)}"
        )
        if most > 0:
            line += f": it is stopped there and resumed {stops} to {most} times"
        over = sum(each.wall_seconds[LIKELY] > each.limit_minutes * 60 for each in chosen)
        out.append(f"{line}. {over} of {len(chosen)} jobs are likely longer than their limit.")
    return out


def space(jobs: Sequence[Job]) -> list[str]:
    """Disk and memory."""
    disk = sum(job.disk_mb for job in jobs)
    memory = {
        stage: max((job.memory_mb for job in jobs if job.stage == stage), default=0) for stage in STAGES
    }
    return [
        f"Disk: {disk / 1000:,.2f} GB of data sets, policies and episodes.",
        f"Memory, the largest job: training {memory[TRAIN]:,} MB, evaluation {memory[EVALUATE]:,} MB.",
    ]


def sources(jobs: Sequence[Job]) -> list[str]:
    """Where the costs come from."""
    groups = _grouped(jobs, lambda job: (job.stage, job.source))
    lines = [
        f"  {stage} {', '.join(dict.fromkeys(str(job.cell['method']) for job in members))}: {source}"
        for (stage, source), members in groups.items()
    ]
    shipped = any(job.stage == TRAIN and job.source.startswith(SHIPPED) for job in jobs)
    hints = (
        ["  Shipped rates are of other machines: `snakemake benchmark` measures this one."] if shipped else []
    )
    if any(COMPILED_ELSEWHERE in job.source for job in jobs):
        hints.append(
            "  What compiling gains was measured on other machines: `snakemake benchmark` with the same "
            "`compile=` measures it here."
        )
    return ["Sources:", *lines, *hints]
