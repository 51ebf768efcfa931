"""The jobs of an experiment with what each will take: time, memory, disk, limit, and on what it waits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from recheck import files, paths
from recheck.cost.step_costs import Range, StepCosts, product, scaled, total
from recheck.errors import ConfigError
from recheck.experiments.expansion import Cell
from recheck.jobs import rates, resources
from recheck.jobs.evaluation_blocks import batch_states
from recheck.jobs.job_requests import JobRequests, all_published
from recheck.plan import Plan

TRAIN, EVALUATE, DATASET, RESULTS = "train", "evaluate", "dataset", "results"
REEVALUATE, BANDIT = "reevaluate", "bandit"
STAGES = (TRAIN, EVALUATE)
UNKNOWN: Range = (math.nan, math.nan, math.nan)
BYTES = resources.BYTES


@dataclass(frozen=True)
class Cut:
    """What is left out of an experiment; None and nothing leave all.

    Attributes:
        seeds: at most, of each run.
        checkpoints: at most, of each run.
        episodes: at most, of each checkpoint and seed.
        tasks: left out.
    """

    seeds: int | None = None
    checkpoints: int | None = None
    episodes: int | None = None
    tasks: frozenset[str] = frozenset()


WHOLE = Cut()


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        name: that no other job has.
        stage: train, evaluate, dataset, reevaluate (a published policy), bandit or results.
        cell: of training and evaluation: method, task, family, variant, digest, diffusion_steps, sampling,
            seeds, candidates.
        wall_seconds: from its start to its end.
        work_seconds: of the GPU where it has one, else of all its CPU cores together.
        step_seconds: of training and evaluation: `work_seconds` without the start of its processes.
        gpus: that it holds.
        cores: that it holds.
        memory_mb: that it asks for.
        limit_minutes: its time limit; 0 without one.
        disk_mb: of what it leaves.
        amount: seed-updates, or environment steps (most likely).
        most: environment steps if every episode lasts to the horizon.
        after: names of jobs that must have ended.
        finished: whether its results are there.
        source: where the cost comes from.
        recorded_seconds: of training and evaluation: what a job records of its `work_seconds` when it has
            run. Of evaluation it is what several processes take that play, and not the one that starts them.
    """

    name: str
    stage: str
    cell: dict[str, Any]
    wall_seconds: Range
    work_seconds: Range
    step_seconds: Range = UNKNOWN
    gpus: int = 0
    cores: int = 1
    memory_mb: int = 0
    limit_minutes: int = 0
    disk_mb: float = 0.0
    amount: int = 0
    most: int = 0
    after: tuple[str, ...] = ()
    finished: bool = False
    source: str = ""
    recorded_seconds: Range = UNKNOWN

    @property
    def unit(self) -> str:
        """Of the hours of its work."""
        return "GPU-hours" if self.gpus else "CPU-hours"


@dataclass(frozen=True)
class Forecaster:
    """Makes the jobs of a plan.

    Attributes:
        plan: of the experiment.
        costs: of one update and one step.
        most_cores: that one job can have; None without a bound.
    """

    plan: Plan
    costs: StepCosts
    most_cores: int | None = None

    def jobs(self, cut: Cut = WHOLE) -> list[Job]:
        """All jobs, those with finished results too."""
        requests = JobRequests(self.plan)
        trained: dict[str, Job] = {}
        evaluated: list[Job] = []
        for cell in self.plan.cells:
            seeds = self._seeds(cell, cut)
            if not seeds or cell.run.config["task"] in cut.tasks:
                continue
            if cell.run_folder not in trained:
                trained[cell.run_folder] = self._train(cell, seeds, requests)
            evaluated.append(self._evaluate(cell, seeds, cut, requests))
        prepared = self._datasets({str(job.cell["task"]) for job in trained.values()})
        names = {job.name for job in prepared}
        waiting = [
            replace(job, after=tuple(name for name in job.after if name in names)) for job in trained.values()
        ]
        jobs = [*prepared, *waiting, *evaluated, *self._reevaluated(), *self._bandit()]
        return [*jobs, self._results(jobs)]

    @staticmethod
    def _seeds(cell: Cell, cut: Cut) -> int:
        """Seeds of a cell's block that remain: the first ones of the run stay."""
        if cut.seeds is None:
            return len(cell.block.seeds)
        kept = set(cell.run.seeds[: cut.seeds])
        return len(kept & set(cell.block.seeds))

    def _train(self, cell: Cell, seeds: int, requests: JobRequests) -> Job:
        config, machine = cell.run.config, self.plan.machine
        device = str(self.plan.settings["train_on"])
        known = self.costs.update(config, seeds, device)
        num_updates = int(config["num_updates"])
        updates = UNKNOWN
        if known is not None:
            updates = total([scaled(known[0], num_updates), self.costs.compiling(config)])
        seconds = total([updates, self.costs.start(TRAIN)])
        return Job(
            name=cell.run_folder,
            stage=TRAIN,
            cell={**_identity(cell, self.plan), "sampling": None},
            wall_seconds=seconds,
            work_seconds=seconds,
            step_seconds=updates,
            recorded_seconds=updates,
            gpus=int(machine["gpu"]),
            cores=int(machine["threads"]),
            memory_mb=requests.training_mb(config, seeds),
            limit_minutes=requests.training_limit(config, seeds),
            disk_mb=seeds * len(config["checkpoints"]) * self._policy_mb(config),
            amount=num_updates * seeds,
            after=(paths.dataset(config["task"]),),
            finished=(self.plan.root / cell.run_folder / "policies.safetensors").is_file(),
            source=known[1] if known else "not known: no rate; `snakemake benchmark` measures one",
        )

    def _evaluate(self, cell: Cell, seeds: int, cut: Cut, requests: JobRequests) -> Job:
        job, machine = evaluated(cell, self.plan, seeds, cut), requests.machine
        steps, work = self._played(job)
        workers = min(machine.workers, self.most_cores or machine.workers, _parts(job))
        start = self.costs.start(EVALUATE)
        return Job(
            name=cell.episodes,
            stage=EVALUATE,
            cell={**_identity(cell, self.plan), "candidates": job.candidates, "steps": job.steps},
            # Several processes are started by one that waits for them.
            wall_seconds=total([scaled(work, 1 / workers), scaled(start, 2 if workers > 1 else 1)]),
            work_seconds=total([work, scaled(start, workers + 1 if workers > 1 else 1)]),
            step_seconds=work,
            recorded_seconds=total([work, scaled(start, workers if workers > 1 else 0)]),
            gpus=int(machine.gpu),
            cores=min(machine.workers, self.most_cores or machine.workers),
            memory_mb=resources.evaluation_memory_mb(job, machine, requests.rates),
            limit_minutes=resources.evaluation_minutes(job, machine, requests.rates),
            disk_mb=job.episodes * EPISODE_MB,
            amount=round(steps[1]),
            most=job.episodes * _horizon(job),
            after=(cell.run_folder,),
            finished=(self.plan.root / cell.episodes).is_file(),
            source=self.costs.played_source(job.config, job.row["environment_id"])
            + ("; on a GPU those of a CPU" if machine.gpu else ""),
        )

    def _played(self, job: resources.Evaluated) -> tuple[Range, Range]:
        """Steps of an evaluation, and their seconds of one core."""
        steps = scaled(self._episodes(job), _horizon(job))
        acting = scaled(self.costs.act(job.config, job.candidates, job.steps), _padding(job))
        return steps, product(steps, total([self.costs.step(job.row["environment_id"]), acting]))

    def _reevaluated(self) -> list[Job]:
        """One job for each published policy that the experiment plays again."""
        jobs = []
        for block, job, machine in all_published(self.plan):
            _, work = self._played(job)
            seconds = total([work, self.costs.start(EVALUATE)])
            path = f"{paths.REEVALUATIONS}/{block}.parquet"
            jobs.append(
                Job(
                    name=path,
                    stage=REEVALUATE,
                    cell={"task": job.config["task"]},
                    wall_seconds=seconds,
                    work_seconds=seconds,
                    memory_mb=resources.evaluation_memory_mb(job, machine, self.costs.rates),
                    disk_mb=job.episodes * EPISODE_MB,
                    finished=(self.plan.root / path).is_file(),
                )
            )
        return jobs

    def _bandit(self) -> list[Job]:
        """The bandit where it belongs to the experiment."""
        size = self.plan.experiment.bandit if self.plan.experiment else None
        if not size:
            return []
        seconds = _range(self.costs.rates["bandit_seconds"][size])
        path = f"{paths.BANDIT}/{size}/numbers.csv"
        done = (self.plan.root / path).is_file()
        return [Job(path, BANDIT, {}, seconds, seconds, finished=done)]

    def _episodes(self, job: resources.Evaluated) -> Range:
        """Episodes of all seeds and checkpoints, each counted by the share of its horizon that it lasts."""
        amounts, updates = job.evaluation, list(job.config["checkpoints"])
        counts = [amounts["episodes"]] * (len(updates) - 1)
        counts.append(amounts["episodes_last"] + amounts["episodes_reevaluated"])
        manifest = self.plan.root / paths.dataset(job.config["task"]) / "manifest.json"
        of_data = _mean_length(manifest)
        if of_data is not None:
            of_data /= _horizon(job)
        return total(
            scaled(
                self.costs.length_share(job.row["environment_id"], at, of_data), job.num_seeds * num_episodes
            )
            for at, num_episodes in zip(updates, counts, strict=True)
        )

    def _policy_mb(self, config: Mapping[str, Any]) -> float:
        known = self.costs.rates["policy_mb"]
        entry = rates.of_method(known, config["method"], config["variant"]) or known[rates.OTHER]
        return float(entry["value"])

    def _datasets(self, tasks: Iterable[str]) -> list[Job]:
        """One job for each data set that is not prepared; downloads are not counted."""
        jobs = []
        per_million = self.costs.rates["dataset_seconds"]
        for task in sorted(tasks):
            row = self.plan.row(task)
            played = int(row.get("recollect_transitions") or 0)
            rows = int(row.get("expected_transitions") or 0) or played or resources.DEFAULT_ROWS
            kind = "collected" if played else "read"
            seconds = scaled(_range(per_million[kind]), rows / 1e6)
            widths = 2 * int(row.get("observation_dim") or 32) + int(row.get("action_dim") or 8) + 3
            jobs.append(
                Job(
                    name=paths.dataset(task),
                    stage=DATASET,
                    cell={"task": task},
                    wall_seconds=total([seconds, self.costs.start(DATASET)]),
                    work_seconds=total([seconds, self.costs.start(DATASET)]),
                    disk_mb=rows * widths * BYTES / 1e6,
                    amount=rows,
                    finished=(self.plan.root / paths.dataset(task) / "manifest.json").is_file(),
                )
            )
        return jobs

    def _results(self, jobs: list[Job]) -> Job:
        """Scores, statistics, tables, figures and the report, as one job after all others."""
        evaluations = [job.name for job in jobs if job.stage == EVALUATE]
        per_job = scaled(_range(self.costs.rates["results_seconds"]["each_evaluation"]), len(evaluations))
        seconds = total([per_job, self.costs.start(RESULTS)])
        beside = [job.name for job in jobs if job.stage in (REEVALUATE, BANDIT)]
        return Job(RESULTS, RESULTS, {}, seconds, seconds, after=(*evaluations, *beside))


@cache  # One dataset has many cells.
def _mean_length(manifest: Path) -> float | None:
    """Mean length of the episodes of a prepared dataset, steps; None where it is not prepared."""
    found = files.read_json(manifest, ConfigError) if manifest.is_file() else {}
    steps, episodes = found.get("num_transitions"), found.get("num_episodes")
    return float(steps / episodes) if steps and episodes else None


# Rows of an episode in its parquet file, and its finished blocks until then.
EPISODE_MB = 0.0002


def _padding(job: resources.Evaluated) -> float:
    """Places in a call of the policy for each episode; a call costs the same with places empty."""
    amounts, places = job.evaluation, batch_states(job.candidates)
    played = [amounts["episodes"]] * (len(job.config["checkpoints"]) - 1)
    played += [amounts["episodes_last"], amounts["episodes_reevaluated"]]
    return sum(max(places, number) for number in played if number) / sum(played)


def _horizon(job: resources.Evaluated) -> int:
    return int(job.row.get("horizon") or resources.DEFAULT_HORIZON)


def _range(entry: Any) -> Range:
    low, likely, high = entry["seconds"]
    return float(low), float(likely), float(high)


def _identity(cell: Cell, plan: Plan) -> dict[str, Any]:
    config = cell.run.config
    return {
        "method": config["method"],
        "task": config["task"],
        "family": str(plan.row(config["task"]).get("suite") or "own"),
        "variant": config["variant"],
        "digest": cell.run.digest,
        "diffusion_steps": int(config["diffusion_steps"]),
        "sampling": cell.sampling.label,
        "seeds": f"{cell.block.first}-{cell.block.last}",
    }


def evaluated(cell: Cell, plan: Plan, seeds: int, cut: Cut) -> resources.Evaluated:
    """The evaluation of a cell with what a cut leaves of it."""
    config, amounts = dict(cell.run.config), dict(cell.sampling.evaluation)
    if cut.checkpoints is not None:
        config["checkpoints"] = config["checkpoints"][-cut.checkpoints :]
    if cut.episodes is not None:
        for key in ("episodes", "episodes_last", "episodes_reevaluated"):
            amounts[key] = min(amounts[key], cut.episodes)
    return resources.Evaluated(config, cell.sampling.setting, amounts, plan.row(config["task"]), seeds)


def _parts(job: resources.Evaluated) -> int:
    """Pieces of an evaluation that processes can take: a seed's checkpoints."""
    return job.num_seeds * len(job.config["checkpoints"])
