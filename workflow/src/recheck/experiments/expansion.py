"""Experiments: files read, checked and expanded to runs and cells.

``workflow/config/experiments/<name>.yaml`` holds a grid, exclusions from it and named variants (ablations).
A run's identity is the digest of everything that changes its result, so two experiments share a run exactly
when it is the same run. All that can be refused is refused here, before any job.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recheck import paths, schema, tasks
from recheck.errors import ConfigError
from recheck.experiments import seed_blocks, sequential, vary
from recheck.experiments.grid import (
    Catalogue,
    GridPoint,
    check_evaluation,
    check_exclusions,
    check_sampling,
    check_task,
    default_steps,
    exclusion_of,
    grid_points,
    resolve_run,
    seed_list,
)
from recheck.experiments.runs import EVALUATION_DEFAULTS, SAMPLING_DEFAULTS, Run, Sampling
from recheck.methods import hyperparameters

FOLDER = Path("workflow/config/experiments")


@dataclass(frozen=True)
class Experiment:
    """A whole experiment, expanded. `missing` says, one message each, which cells cannot be run here."""

    name: str
    description: str
    runs: dict[str, Run]
    rows: Mapping[str, Mapping[str, Any]]
    average_last_k: int
    bandit: str | None
    reevaluate: bool = False
    missing: tuple[str, ...] = ()
    looks: sequential.Looks | None = None
    sequential_groups: frozenset[str] = frozenset()
    variation: vary.Variation | None = None

    @property
    def task_names(self) -> list[str]:
        """The tasks that some run needs, in the experiment's order."""
        return list(dict.fromkeys(run.config["task"] for run in self.runs.values()))

    def blocks(self, root: Path, seeds_per_block: int) -> dict[str, dict[seed_blocks.Block, list[int]]]:
        """group -> block -> wanted seeds; finished blocks on disk come before new ones."""
        found = {}
        for group, run in self.runs.items():
            on_disk = seed_blocks.finished(root / paths.RESULTS / "runs" / group)
            found[group] = seed_blocks.assign(run.seeds, on_disk, seeds_per_block)
        return found


@dataclass(frozen=True)
class Cell:
    """A block under one sampling setting, and the seeds of it that were asked for."""

    run: Run
    sampling: Sampling
    block: seed_blocks.Block
    seeds: list[int]

    @property
    def run_folder(self) -> str:
        """The folder of the finished block."""
        return paths.run_block(self.run.group, self.block.first, self.block.last)

    @property
    def episodes(self) -> str:
        """Its episodes."""
        return paths.episodes_block(self.run.group, self.sampling.label, self.block.first, self.block.last)


def cells(experiment: Experiment, root: Path, seeds_per_block: int) -> list[Cell]:
    """Every evaluation job of an experiment."""
    found = []
    for group, assigned in experiment.blocks(root, seeds_per_block).items():
        run = experiment.runs[group]
        for sampling, wanted in run.samplings.values():
            for block, seeds in assigned.items():
                asked = [seed for seed in seeds if seed in wanted]
                if asked:
                    found.append(Cell(run, sampling, block, asked))
    return found


def known_experiments(root: Path) -> list[str]:
    """The experiments there is a file for."""
    return sorted(path.stem for path in (root / FOLDER).glob("*.yaml"))


def read_file(root: Path, name: str) -> dict[str, Any]:
    """The file of an experiment, checked against its schema.

    Raises ConfigError for an unknown name (with the known ones) or a file that breaks the schema.
    """
    known = known_experiments(root)
    if name not in known:
        raise ConfigError(f"There is no experiment '{name}'; known are {schema.listed(known)}.")
    where = f"{FOLDER}/{name}.yaml"
    content = schema.read_yaml(root / where)
    schema.check(content, schema.load(root, "experiment"), where)
    grid = [{**entry, "tasks": _with_groups(root, entry["tasks"], where)} for entry in content["grid"]]
    return {**content, "grid": grid}


def _with_groups(root: Path, names: list[str], where: str) -> list[str]:
    """An entry's tasks, those of each group in place of its name.

    Raises:
        ConfigError: a task is named twice.
    """
    found = hyperparameters.expand_groups(root, names)
    twice = schema.repeated(found)
    if twice:
        raise ConfigError(f"{where}: an entry of the grid names {schema.listed(twice)} twice; keep one.")
    return found


def load(root: Path, name: str) -> Experiment:
    """The experiment of that name, expanded."""
    return expand(root, name, read_file(root, name), tasks.read(root))


def _not_excluded(
    catalogue: Catalogue, rules: list[dict[str, Any]], point: GridPoint, seeds: list[int], used: set[int]
) -> list[int]:
    """The seeds of a grid point that no exclusion takes away; the rules that match go into `used`."""
    remaining = []
    for seed in seeds:
        steps = functools.partial(default_steps, catalogue, point)
        rule = exclusion_of(rules, {**point.names, "seed": seed}, steps)
        if rule is None:
            remaining.append(seed)
        else:
            used.add(rule)
    return remaining


def expand(
    root: Path,
    name: str,
    content: Mapping[str, Any],
    rows: Mapping[str, Mapping[str, Any]],
    results_name: str | None = None,
    partial: bool = False,
) -> Experiment:
    """Expand a checked experiment file to runs.

    Args:
        root: the repository.
        name: of the file.
        content: of the file.
        rows: all tasks by name.
        results_name: of the folders of the later stages, where it is another than the file's.
        partial: whether it is a part of the file's grid: then an exclusion may have nothing to exclude.

    Raises ConfigError for an unknown task, method, variant or sampling setting, a setting that the method
    cannot take, or a task without hyperparameters.
    """
    where = f"{FOLDER}/{name}.yaml"
    samplings = {"default": {}, **content.get("samplings", {})}
    catalogue = Catalogue(root, rows, content.get("variants", {}), where)
    check_exclusions(catalogue, content)
    looks = sequential.read(root, name, content, results_name or name)
    groups: dict[bool, set[str]] = {True: set(), False: set()}
    runs: dict[str, Run] = {}
    used: set[int] = set()
    for entry in content["grid"]:
        evaluation = {**EVALUATION_DEFAULTS, **content.get("evaluation", {}), **entry.get("evaluation", {})}
        check_evaluation(where, evaluation)
        by_looks = looks is not None and entry["seeds"] == sequential.SEQUENTIAL
        seeds = seed_list(looks.numbers[-1] if by_looks and looks else entry["seeds"])
        for point in grid_points(root, entry):
            remaining = _not_excluded(catalogue, content.get("exclude", []), point, seeds, used)
            check_task(catalogue, point.task)
            if point.sampling not in samplings:
                raise ConfigError(
                    f"{where}: there is no sampling setting '{point.sampling}'; known are "
                    f"{schema.listed(samplings)}."
                )
            if not remaining:
                continue
            run = resolve_run(catalogue, point)
            run = runs.setdefault(run.group, run)
            groups[by_looks].add(run.group)
            if by_looks and looks:
                remaining = looks.seeds(run.digest, remaining)
            setting = {"name": point.sampling, **SAMPLING_DEFAULTS, **samplings[point.sampling]}
            check_sampling(where, point.method, run.config, setting)
            sampling = Sampling(setting, evaluation, rows[point.task].get("environment_id") or "none")
            _, wanted = run.samplings.setdefault(sampling.label, (sampling, set()))
            wanted.update(remaining)
    idle = [rule for index, rule in enumerate(content.get("exclude", [])) if index not in used]
    if idle and not partial:
        raise ConfigError(
            f"{where}: the exclusion {idle[0]} excludes nothing; remove it or correct its spelling."
        )
    if not runs:
        raise ConfigError(f"{where}: the exclusions leave nothing to run.")
    sequential.check_not_mixed(where, groups[True], groups[False])
    return Experiment(
        name=results_name or name,
        description=content["description"],
        runs=runs,
        rows=rows,
        average_last_k=content.get("average_last_k", 5),
        bandit=content.get("bandit"),
        reevaluate=bool(content.get("reevaluate")),
        looks=looks,
        sequential_groups=frozenset(groups[True]),
    )
