"""Wall time of all jobs on given GPUs and cores: a greedy schedule, the longest way to the end first."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

from recheck.cost.forecast import Job
from recheck.errors import ConfigError

LOW, LIKELY, HIGH = range(3)


@dataclass(frozen=True)
class Capacity:
    """What there is.

    Attributes:
        gpus: of the cluster or machine.
        cores: CPU cores; None without a bound.
        jobs: at one time; None without a bound.
    """

    gpus: int
    cores: int | None = None
    jobs: int | None = None


@dataclass(frozen=True)
class Schedule:
    """What a schedule takes.

    Attributes:
        wall_seconds: from the first start to the last end.
        critical_seconds: of the longest chain of jobs, which no number of machines shortens.
        memory_mb: that running jobs ask for together, at most.
    """

    wall_seconds: float
    critical_seconds: float
    memory_mb: int


def _tails(jobs: Sequence[Job], end: int) -> dict[str, float]:
    """name -> seconds from a job's start to the end of the longest chain behind it."""
    followers: dict[str, list[Job]] = {job.name: [] for job in jobs}
    for job in jobs:
        for name in job.after:
            if name in followers:
                followers[name].append(job)
    tails: dict[str, float] = {}
    # Jobs come in the order of their stages: what waits comes later.
    for job in reversed(jobs):
        behind = max((tails[follower.name] for follower in followers[job.name]), default=0.0)
        tails[job.name] = job.wall_seconds[end] + behind
    return tails


class _Run:
    """Jobs that wait, are ready and run; the state of the machine at a moment."""

    def __init__(self, jobs: Sequence[Job], capacity: Capacity, end: int) -> None:
        self.jobs, self.capacity, self.end = jobs, capacity, end
        self.tails = _tails(jobs, end)
        self.free_gpus = capacity.gpus
        self.free_cores: float = capacity.cores or math.inf
        self.free_jobs: float = capacity.jobs or math.inf
        self.memory_mb = 0
        self.running: list[tuple[float, int]] = []
        # Ready jobs by what they hold: if the first of equal ones does not fit, none of them does.
        self.ready: dict[tuple[int, int], list[tuple[float, int]]] = {}

    def cores(self, job: Job) -> int:
        """Cores that a job holds: not more than there are."""
        return min(job.cores, self.capacity.cores or job.cores)

    def offer(self, index: int) -> None:
        """A job that waits for nothing any more."""
        job = self.jobs[index]
        queue = self.ready.setdefault((job.gpus, self.cores(job)), [])
        heapq.heappush(queue, (-self.tails[job.name], index))

    def start(self, now: float) -> None:
        """Start all that fits."""
        while self.free_jobs >= 1:
            fitting = [
                (queue[0], held)
                for held, queue in self.ready.items()
                if queue and self.free_gpus >= held[0] and self.free_cores >= held[1]
            ]
            if not fitting:
                return
            (_, index), held = min(fitting)
            heapq.heappop(self.ready[held])
            self._hold(index, 1)
            heapq.heappush(self.running, (now + self.jobs[index].wall_seconds[self.end], index))

    def next_end(self) -> tuple[float, int]:
        """When the next job ends, and which."""
        now, index = heapq.heappop(self.running)
        self._hold(index, -1)
        return now, index

    def _hold(self, index: int, sign: int) -> None:
        job = self.jobs[index]
        self.free_gpus -= sign * job.gpus
        self.free_cores -= sign * self.cores(job)
        self.free_jobs -= sign
        self.memory_mb += sign * job.memory_mb


def simulate(jobs: Sequence[Job], capacity: Capacity, end: int = LIKELY) -> Schedule:
    """Run the jobs, the one with the longest way to the end first, whenever it fits.

    Args:
        jobs: in an order in which no job comes before one that it waits for; those without known cost are
            left out.
        capacity: what there is.
        end: of the ranges, `LOW`, `LIKELY` or `HIGH`.

    Raises:
        ConfigError: a job needs more GPUs than there are.
    """
    known = [job for job in jobs if not math.isnan(job.wall_seconds[end])]
    needed = max((job.gpus for job in known), default=0)
    if needed > capacity.gpus:
        raise ConfigError(f"gpus={capacity.gpus}: a job of this experiment needs {needed}.")
    run = _Run(known, capacity, end)
    names = {job.name: index for index, job in enumerate(known)}
    waits = [{name for name in job.after if name in names} for job in known]
    followers: dict[str, list[int]] = {}
    for index, waited in enumerate(waits):
        for name in waited:
            followers.setdefault(name, []).append(index)
        if not waited:
            run.offer(index)
    now, peak = 0.0, 0
    while run.running or any(run.ready.values()):
        run.start(now)
        peak = max(peak, run.memory_mb)
        now, ended = run.next_end()
        for index in followers.get(known[ended].name, ()):
            waits[index].discard(known[ended].name)
            if not waits[index]:
                run.offer(index)
    return Schedule(now, max(run.tails.values(), default=0.0), peak)
