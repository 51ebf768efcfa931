"""Experiments: grids of methods, tasks, seeds, diffusion steps, sampling settings and variants.

``workflow/config/experiments/<name>.yaml`` holds a grid, exclusions from it and named variants
(ablations). The grid is expanded to runs; a run's identity is the digest of everything that changes its
result, so two experiments share a run exactly when it is the same run. All that can be refused is refused
here, before any job.
"""

import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from . import blocks, hyperparameters, paths, schema, tasks
from .errors import ConfigError

FOLDER = Path("workflow/config/experiments")

SAMPLING_FIELDS = (
    "sampler",
    "steps",
    "candidates",
    "noise_scale",
    "initial_noise_scale",
    "candidate_temperature",
    "extraction",
)
SAMPLING_DEFAULTS: dict[str, Any] = {
    "sampler": None,
    "steps": None,
    "candidates": None,
    "noise_scale": 1.0,
    "initial_noise_scale": 1.0,
    "candidate_temperature": None,
    "extraction": None,
}
EVALUATION_DEFAULTS: dict[str, int] = {
    "episodes": 10,
    "episodes_last": 20,
    "episodes_honest": 10,
    "first_episode_seed": 1_000_000,
    "seed_stride": 1_000,
}
# Where the evaluator's fresh episodes begin within a training seed's range of episode seeds.
HONEST_OFFSET = 500


def digest(value: Any) -> str:
    """The first 8 hex digits of SHA-256 over the canonical JSON of ``value``."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Sampling:
    """One sampling setting together with its evaluation setting, as `<name>-<digest>` in paths."""

    setting: dict[str, Any]
    evaluation: dict[str, int]
    environment_id: str

    @property
    def name(self) -> str:
        """The name that the experiment gave it."""
        return str(self.setting["name"])

    @cached_property
    def label(self) -> str:
        """`<name>-<digest of sampling, evaluation and environment>`."""
        content = {
            "sampling": self.setting,
            "evaluation": self.evaluation,
            "environment": self.environment_id,
        }
        return f"{self.name}-{digest(content)}"


@dataclass
class Run:
    """All seeds of one (method, task, variant, N): what is trained, and how it is evaluated.

    config: the resolved configuration without digest and seeds. samplings: setting -> the seeds wanted
    under it.
    """

    config: dict[str, Any]
    like: str | None
    samplings: dict[str, tuple[Sampling, set[int]]] = field(default_factory=dict)

    @property
    def seeds(self) -> list[int]:
        """Every seed that some sampling setting needs."""
        return sorted(set().union(*(seeds for _, seeds in self.samplings.values())))

    @cached_property
    def digest(self) -> str:
        """8 hex digits of everything that changes the result."""
        return digest(self.config)

    @cached_property
    def group(self) -> str:
        """`<method>/<task>/<variant>-<digest>/N<steps>`."""
        config = self.config
        return paths.run_group(
            config["method"], config["task"], config["variant"], self.digest, config["train_steps"]
        )

    def config_text(self, first: int, last: int) -> str:
        """The resolved configuration of one block, as JSON."""
        full = {**self.config, "digest": self.digest, "seeds": list(range(first, last + 1))}
        return json.dumps(full, sort_keys=True)


@dataclass(frozen=True)
class Experiment:
    """A whole experiment, expanded. `missing` says, one sentence each, which cells cannot be run here."""

    name: str
    description: str
    runs: dict[str, Run]
    rows: Mapping[str, Mapping[str, Any]]
    average_last_k: int
    bandit: str | None
    missing: tuple[str, ...] = ()

    @property
    def task_names(self) -> list[str]:
        """The tasks that some run needs, in the experiment's order."""
        return list(dict.fromkeys(run.config["task"] for run in self.runs.values()))

    def blocks(self, root: Path, seeds_per_block: int) -> dict[str, dict[blocks.Block, list[int]]]:
        """group -> block -> wanted seeds; finished blocks on disk come before new ones."""
        found = {}
        for group, run in self.runs.items():
            on_disk = blocks.finished(root / paths.RESULTS / "runs" / group)
            found[group] = blocks.assign(run.seeds, on_disk, seeds_per_block)
        return found


@dataclass(frozen=True)
class Cell:
    """A block under one sampling setting, and the seeds of it that were asked for."""

    run: Run
    sampling: Sampling
    block: blocks.Block
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
    schema.check(content, root, "experiment", where)
    return dict(content)


def load(root: Path, name: str) -> Experiment:
    """The experiment of that name, expanded."""
    return expand(root, name, read_file(root, name), tasks.read(root))


def expand(
    root: Path, name: str, content: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]
) -> Experiment:
    """Expand a checked experiment file to runs.

    Raises ConfigError for an unknown task, method, variant or sampling setting, a setting that the method
    cannot take, or a task without hyperparameters.
    """
    where = f"{FOLDER}/{name}.yaml"
    samplings = {"default": {}, **content.get("samplings", {})}
    variants = content.get("variants", {})
    _check_exclusions(where, content, rows)
    runs: dict[str, Run] = {}
    used: set[int] = set()
    for entry in content["grid"]:
        evaluation = {**EVALUATION_DEFAULTS, **content.get("evaluation", {}), **entry.get("evaluation", {})}
        _check_evaluation(where, evaluation)
        seeds = _seeds(entry["seeds"])
        for point in _points(entry):
            method_name, task, variant, steps, sampling_name = point
            method = hyperparameters.read(root, method_name)
            names: dict[str, Any] = {
                "method": method_name,
                "task": task,
                "variant": variant or method.default_variant,
                "sampling": sampling_name,
            }
            if steps is not None:
                names["train_steps"] = steps
            remaining = []
            for seed in seeds:
                rule = _excluded(
                    content.get("exclude", []),
                    {**names, "seed": seed},
                    functools.partial(_default_steps, root, method, task, variant, variants, rows),
                )
                if rule is None:
                    remaining.append(seed)
                else:
                    used.add(rule)
            _check_task(where, task, rows)
            if sampling_name not in samplings:
                raise ConfigError(
                    f"{where}: there is no sampling setting '{sampling_name}'; known are "
                    f"{schema.listed(samplings)}."
                )
            if not remaining:
                continue
            run = _resolve(root, method, entry, task, variant, steps, variants, rows, where)
            run = runs.setdefault(run.group, run)
            setting = {"name": sampling_name, **SAMPLING_DEFAULTS, **samplings[sampling_name]}
            _check_sampling(where, method, run.config, setting)
            sampling = Sampling(setting, evaluation, rows[task].get("environment_id") or "none")
            _, wanted = run.samplings.setdefault(sampling.label, (sampling, set()))
            wanted.update(remaining)
    idle = [rule for index, rule in enumerate(content.get("exclude", [])) if index not in used]
    if idle:
        raise ConfigError(
            f"{where}: the exclusion {idle[0]} excludes nothing; remove it or mend its spelling."
        )
    if not runs:
        raise ConfigError(f"{where}: the exclusions leave nothing to run.")
    return Experiment(
        name=name,
        description=content["description"],
        runs=runs,
        rows=rows,
        average_last_k=content.get("average_last_k", 5),
        bandit=content.get("bandit"),
    )


Point = tuple[str, str, str | None, int | None, str]


def _seeds(value: int | list[int]) -> list[int]:
    return list(range(value)) if isinstance(value, int) else list(value)


def _points(entry: Mapping[str, Any]) -> Iterator[Point]:
    return itertools.product(
        entry["methods"],
        entry["tasks"],
        entry.get("variants", [None]),
        entry.get("train_steps", [None]),
        entry.get("sampling", ["default"]),
    )


def _excluded(
    rules: list[dict[str, Any]], point: Mapping[str, Any], default_steps: Callable[[], int]
) -> int | None:
    """The index of the first exclusion that matches, or None.

    default_steps: N of a point that names none; asked only where everything else of a rule matches.
    """
    for index, rule in enumerate(rules):
        wanted = {key: value if isinstance(value, list) else [value] for key, value in rule.items()}
        if all(point[key] in values for key, values in wanted.items() if key in point) and (
            set(wanted) <= set(point) or default_steps() in wanted["train_steps"]
        ):
            return index
    return None


def _default_steps(
    root: Path,
    method: hyperparameters.Method,
    task: str,
    variant: str | None,
    variants: Mapping[str, Any],
    rows: Mapping[str, Mapping[str, Any]],
) -> int:
    """N where a grid entry names none; 0 for a method without diffusion."""
    if not method.diffusion:
        return 0
    base = _base(method, variant, variants)
    return hyperparameters.resolve(root, method, base, task, tasks.likes(rows)).train_steps


def _base(method: hyperparameters.Method, variant: str | None, variants: Mapping[str, Any]) -> str:
    """The variant of the method's file that a variant of the experiment changes, or is."""
    own = variants.get(variant, {}) if variant is not None else {}
    if own or variant is None:
        return str(own.get("base", method.default_variant))
    return variant


def _check_exclusions(where: str, content: Mapping[str, Any], rows: Mapping[str, Any]) -> None:
    for rule in content.get("exclude", []):
        for task in [rule["task"]] if isinstance(rule.get("task"), str) else rule.get("task", []):
            _check_task(where, task, rows)


def _check_task(where: str, task: str, rows: Mapping[str, Any]) -> None:
    if task not in rows:
        raise ConfigError(f"{where}: there is no task '{task}'; known are {schema.listed(sorted(rows))}.")


def _check_evaluation(where: str, evaluation: Mapping[str, int]) -> None:
    # Fresh episodes for the checkpoint chosen online begin at HONEST_OFFSET within a seed's stride; no two
    # evaluations may share an episode seed.
    for key, limit in (
        ("episodes", HONEST_OFFSET),
        ("episodes_last", HONEST_OFFSET),
        ("episodes_honest", evaluation["seed_stride"] - HONEST_OFFSET),
    ):
        if evaluation[key] > limit:
            raise ConfigError(
                f"{where}: evaluation.{key} is {evaluation[key]}; with seed_stride "
                f"{evaluation['seed_stride']} it "
                f"can be at most {limit}, so that no two evaluations share an episode seed."
            )


def _resolve(
    root: Path,
    method: hyperparameters.Method,
    entry: Mapping[str, Any],
    task: str,
    variant: str | None,
    train_steps: int | None,
    variants: Mapping[str, Any],
    rows: Mapping[str, Mapping[str, Any]],
    where: str,
) -> Run:
    """The run of one grid point: hyperparameters, then the experiment's own changes to them."""
    if train_steps is not None and not method.diffusion:
        raise ConfigError(
            f"{where}: train_steps {train_steps} is given for method '{method.name}', which has no "
            "diffusion steps; "
            "put it into a grid entry of its own."
        )
    own = variants.get(variant, {}) if variant is not None else {}
    if variant in variants and variant in method.variants:
        raise ConfigError(
            f"{where}: variant '{variant}' is defined here, but method '{method.name}' has a variant of that "
            f"name, and its results would be taken for that one's; give it another name than "
            f"{schema.listed(method.variants)}."
        )
    base = _base(method, variant, variants)
    resolved = hyperparameters.resolve(
        root, method, base, task, tasks.likes(rows), train_steps, checked=False
    )
    changes = {**own.get("hyperparameters", {})}
    values = {**resolved.values, **changes}
    unknown = sorted(set(changes) - set(resolved.values))
    if unknown:
        raise ConfigError(
            f"{where}: variant '{variant}' sets {schema.listed(unknown)}, which method '{method.name}' "
            "does not have; "
            f"known are {schema.listed(sorted(resolved.values))}."
        )
    hyperparameters.check_values(
        root, method, values, resolved.train_steps, f"{where}: {method.name}/{variant or base} on {task}"
    )
    transforms = own.get("transforms", resolved.transforms)
    hyperparameters.check_transforms(root, transforms, f"{where}: transforms of '{variant or base}'")
    num_updates = _updates(where, entry, method.name, resolved.num_updates)
    config = {
        "format": 1,
        "method": method.name,
        "method_format": method.format_version,
        "task": task,
        "variant": variant or base,
        "train_steps": resolved.train_steps,
        "num_updates": num_updates,
        "checkpoints": _checkpoints(where, entry, num_updates),
        "hyperparameters": values,
        "transforms": transforms,
        "train_fraction": own.get("train_fraction", resolved.train_fraction),
    }
    return Run(config=config, like=resolved.like)


def _updates(where: str, entry: Mapping[str, Any], method: str, default: int) -> int:
    given = entry.get("num_updates")
    if given is None:
        return default
    if isinstance(given, int):
        return given
    if method not in given:
        raise ConfigError(f"{where}: num_updates names no value for method '{method}'.")
    return int(given[method])


def _checkpoints(where: str, entry: Mapping[str, Any], num_updates: int) -> list[int]:
    given = entry.get("checkpoints", 10)
    if isinstance(given, int):
        count = min(given, num_updates)
        return [num_updates * index // count for index in range(1, count + 1)]
    chosen = sorted(set(given))
    if chosen[-1] > num_updates:
        raise ConfigError(f"{where}: checkpoint {chosen[-1]} lies beyond num_updates {num_updates}.")
    return chosen if chosen[-1] == num_updates else [*chosen, num_updates]


def _check_sampling(
    where: str, method: hyperparameters.Method, config: Mapping[str, Any], setting: Mapping[str, Any]
) -> None:
    name, steps = setting["name"], setting["steps"]
    if not method.diffusion:
        given = [
            key
            for key in SAMPLING_FIELDS
            if setting[key] != SAMPLING_DEFAULTS[key]
            and not (key == "extraction" and setting[key] in method.extraction)
        ]
        if given:
            raise ConfigError(
                f"{where}: sampling setting '{name}' gives {schema.listed(given)}, which method "
                f"'{method.name}' does "
                "not have; put it into a grid entry of its own, or exclude it."
            )
        return
    if steps is not None and steps > config["train_steps"]:
        raise ConfigError(
            f"{where}: sampling setting '{name}' takes {steps} steps, but {method.name} on "
            f"{config['task']} is trained "
            f"with {config['train_steps']}; allowed are 1 to {config['train_steps']}."
        )
    # awr, the advantage-weighted actor, extracts in training: there is nothing to choose among afterwards.
    if not set(method.extraction) - {"awr"}:
        for key in ("candidates", "candidate_temperature"):
            if setting[key] is not None:
                raise ConfigError(
                    f"{where}: sampling setting '{name}' gives {key}, but method '{method.name}' draws no "
                    "candidates to choose among; leave it out."
                )
    extraction = setting["extraction"]
    if extraction is not None and extraction not in method.extraction:
        raise ConfigError(
            f"{where}: sampling setting '{name}' extracts by '{extraction}'; method '{method.name}' allows "
            f"{schema.listed(method.extraction) if method.extraction else 'none'}."
        )


def job_count(
    experiment: Experiment,
    seeds_per_block: int,
    num_finished: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """How many training, evaluation and dataset jobs an experiment takes on an empty disk, in closed form.

    A run of S consecutive seeds takes ceil(S / seeds_per_block) training jobs, and as many evaluation jobs
    for each sampling setting that wants all of its seeds; each task takes one dataset job.
    """
    train = evaluate = 0
    for run in experiment.runs.values():
        cut = blocks.cut(run.seeds, seeds_per_block)
        train += len(cut)
        for _, wanted in run.samplings.values():
            evaluate += sum(any(seed in wanted for seed in block.seeds) for block in cut)
    return {"dataset": len(experiment.task_names), "train": train, "evaluate": evaluate}


@cache
def reference_task(root: Path, environment_id: str) -> str | None:
    """The medium-expert-v2 task of a locomotion environment, whose hyperparameters a user's file takes."""
    family = environment_id.split("-")[0].lower()
    name = f"{family}-medium-expert-v2"
    return name if name in tasks.read(root) else None
