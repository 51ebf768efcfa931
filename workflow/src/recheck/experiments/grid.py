"""From an entry of an experiment's grid to runs, with every check."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recheck import schema, tasks
from recheck.errors import ConfigError
from recheck.experiments.runs import REEVALUATED_OFFSET, SAMPLING_DEFAULTS, SAMPLING_FIELDS, Run
from recheck.methods import hyperparameters


@dataclass(frozen=True)
class Catalogue:
    """What an experiment's grid refers to.

    Attributes:
        root: the repository.
        rows: all tasks by name.
        variants: the experiment's own variants by name.
        where: the experiment's file, for messages.
    """

    root: Path
    rows: Mapping[str, Mapping[str, Any]]
    variants: Mapping[str, Any]
    where: str


@dataclass(frozen=True)
class GridPoint:
    """One combination of an entry of the grid, under one sampling setting.

    Attributes:
        method: with its hyperparameter file.
        task: with its version.
        variant: the method's or the experiment's; None for the method's first.
        diffusion_steps: N; None for the variant's own.
        sampling: name of the sampling setting.
        entry: the entry of the grid.
    """

    method: hyperparameters.Method
    task: str
    variant: str | None
    diffusion_steps: int | None
    sampling: str
    entry: Mapping[str, Any]

    @property
    def names(self) -> dict[str, Any]:
        """What an exclusion can name, but for the seed."""
        found: dict[str, Any] = {
            "method": self.method.name,
            "task": self.task,
            "variant": self.variant or self.method.default_variant,
            "sampling": self.sampling,
        }
        if self.diffusion_steps is not None:
            found["diffusion_steps"] = self.diffusion_steps
        return found


def seed_list(value: int | list[int]) -> list[int]:
    """The seeds of an entry: 0 to n - 1 for a number n, or those that are listed."""
    return list(range(value)) if isinstance(value, int) else list(value)


def grid_points(root: Path, entry: Mapping[str, Any]) -> Iterator[GridPoint]:
    """Every combination of an entry."""
    for method, task, variant, diffusion_steps, sampling in itertools.product(
        entry["methods"],
        entry["tasks"],
        entry.get("variants", [None]),
        entry.get("diffusion_steps", [None]),
        entry.get("sampling", ["default"]),
    ):
        known = hyperparameters.read(root, method)
        yield GridPoint(known, task, variant, diffusion_steps, sampling, entry)


def exclusion_of(
    rules: list[dict[str, Any]], point: Mapping[str, Any], default_steps: Callable[[], int]
) -> int | None:
    """The index of the first exclusion that matches, or None.

    default_steps: N of a point that names none; asked only where everything else of a rule matches.
    """
    for index, rule in enumerate(rules):
        wanted = {key: value if isinstance(value, list) else [value] for key, value in rule.items()}
        if all(point[key] in values for key, values in wanted.items() if key in point) and (
            set(wanted) <= set(point) or default_steps() in wanted["diffusion_steps"]
        ):
            return index
    return None


def default_steps(catalogue: Catalogue, point: GridPoint) -> int:
    """N where a grid entry names none; 0 for a method without diffusion."""
    if not point.method.diffusion:
        return 0
    base = _base(point.method, point.variant, catalogue.variants)
    likes = tasks.likes(catalogue.rows)
    return hyperparameters.resolve(catalogue.root, point.method, base, point.task, likes).diffusion_steps


def _base(method: hyperparameters.Method, variant: str | None, variants: Mapping[str, Any]) -> str:
    """The variant of the method's file that a variant of the experiment changes, or is."""
    own = variants.get(variant, {}) if variant is not None else {}
    if own or variant is None:
        return str(own.get("base", method.default_variant))
    return variant


def check_exclusions(catalogue: Catalogue, content: Mapping[str, Any]) -> None:
    """Refuse an exclusion of a task that there is not.

    Raises:
        ConfigError: with the known tasks.
    """
    for rule in content.get("exclude", []):
        for task in [rule["task"]] if isinstance(rule.get("task"), str) else rule.get("task", []):
            check_task(catalogue, task)


def check_task(catalogue: Catalogue, task: str) -> None:
    """Refuse a task that there is not.

    Raises:
        ConfigError: with the known tasks.
    """
    if task not in catalogue.rows:
        known = schema.listed(sorted(catalogue.rows))
        raise ConfigError(f"{catalogue.where}: there is no task '{task}'; known are {known}.")


def check_evaluation(where: str, evaluation: Mapping[str, int]) -> None:
    """Refuse numbers of episodes that would share an episode seed.

    Raises:
        ConfigError: with the largest number allowed.
    """
    # New episodes of the checkpoint chosen online begin at REEVALUATED_OFFSET within a seed's stride: no two
    # evaluations share an episode seed.
    for key, limit in (
        ("episodes", REEVALUATED_OFFSET),
        ("episodes_last", REEVALUATED_OFFSET),
        ("episodes_reevaluated", evaluation["seed_stride"] - REEVALUATED_OFFSET),
    ):
        if evaluation[key] > limit:
            raise ConfigError(
                f"{where}: evaluation.{key} is {evaluation[key]}; with seed_stride "
                f"{evaluation['seed_stride']} it "
                f"can be at most {limit}, so that no two evaluations share an episode seed."
            )


def resolve_run(catalogue: Catalogue, point: GridPoint) -> Run:
    """The run of one grid point: hyperparameters, then the experiment's own changes to them.

    Raises:
        ConfigError: a variant, hyperparameter, number of steps or transform that the method does not allow.
    """
    where, method, task, variant = catalogue.where, point.method, point.task, point.variant
    if point.diffusion_steps is not None and not method.diffusion:
        raise ConfigError(
            f"{where}: diffusion_steps {point.diffusion_steps} is given for method '{method.name}', which "
            "has no diffusion steps; put it into a separate entry of the grid."
        )
    own = catalogue.variants.get(variant, {}) if variant is not None else {}
    if variant in catalogue.variants and variant in method.variants:
        raise ConfigError(
            f"{where}: variant '{variant}' is defined here, but method '{method.name}' has a variant of that "
            f"name, and its results would be taken for that one's; give it another name than "
            f"{schema.listed(method.variants)}."
        )
    base = _base(method, variant, catalogue.variants)
    likes = tasks.likes(catalogue.rows)
    resolved = hyperparameters.resolve_unchecked(method, base, task, likes, point.diffusion_steps)
    changes = {**own.get("hyperparameters", {})}
    values = {**resolved.values, **changes}
    unknown = sorted(set(changes) - set(resolved.values))
    if unknown:
        raise ConfigError(
            f"{where}: variant '{variant}' sets {schema.listed(unknown)}, which method '{method.name}' does "
            f"not have; known are {schema.listed(sorted(resolved.values))}."
        )
    place = f"{where}: {method.name}/{variant or base} on {task}"
    hyperparameters.check_values(catalogue.root, method, values, resolved.diffusion_steps, place)
    declared = catalogue.rows[task].get("transforms")  # of a dataset of the user's own
    transforms = own.get("transforms", resolved.transforms if declared is None else declared)
    hyperparameters.check_transforms(
        catalogue.root, transforms, f"{where}: transforms of '{variant or base}'"
    )
    num_updates = _updates(where, point.entry, method.name, resolved.num_updates)
    config = {
        "format": 1,
        "method": method.name,
        "method_format": method.format_version,
        "task": task,
        "variant": variant or base,
        "diffusion_steps": resolved.diffusion_steps,
        "num_updates": num_updates,
        "checkpoints": _checkpoints(where, point.entry, num_updates),
        "hyperparameters": values,
        "transforms": transforms,
        "train_fraction": own.get("train_fraction", resolved.train_fraction),
    }
    # Only where it is not the default: digests of runs from before it existed stay.
    if own.get("precision", "float32") != "float32":
        config["precision"] = own["precision"]
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
        raise ConfigError(f"{where}: checkpoint {chosen[-1]} is beyond num_updates {num_updates}.")
    return chosen if chosen[-1] == num_updates else [*chosen, num_updates]


def check_sampling(
    where: str, method: hyperparameters.Method, config: Mapping[str, Any], setting: Mapping[str, Any]
) -> None:
    """Refuse a sampling setting that the method cannot serve.

    Raises:
        ConfigError: with what is allowed.
    """
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
                "not have; put it into a separate entry of the grid, or exclude it."
            )
        return
    if steps is not None and steps > config["diffusion_steps"]:
        raise ConfigError(
            f"{where}: sampling setting '{name}' takes {steps} steps, but {method.name} on "
            f"{config['task']} is trained "
            f"with {config['diffusion_steps']}; allowed are 1 to {config['diffusion_steps']}."
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
