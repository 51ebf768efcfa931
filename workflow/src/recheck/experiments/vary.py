"""An ablation from the command line: one hyperparameter, some values, `vary=expectile:0.5,0.7,0.9`.

Every run of the experiment whose method has the hyperparameter is run with each value, and with the value
that it has by itself, which the effects are measured against. A value that equals the run's own is that run;
runs are named as an experiment file would name them, so that both share them. What is a setting of the
sampler is varied in evaluation alone, from one training run.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from recheck import schema, tasks
from recheck.errors import ConfigError
from recheck.experiments import runs, sequential
from recheck.methods import hyperparameters

KEY = "vary"
STEPS, FRACTION = "diffusion_steps", "train_fraction"
# Settings of the sampler that a method has without naming a value of its own.
_OF_EVERY_SAMPLER = ("steps", "noise_scale", "initial_noise_scale")


@dataclass(frozen=True)
class Point:
    """One value on one task.

    Attributes:
        method: with its hyperparameter file.
        task: with its version.
        variant: name of the run's variant.
        diffusion_steps: N.
        sampling: name of the sampling setting.
        family: what is varied: the variant, N and sampling setting that all values share.
        value: of the hyperparameter.
        reference: whether it is the run's own value.
    """

    method: str
    task: str
    variant: str
    diffusion_steps: int
    sampling: str
    family: str
    value: Any
    reference: bool


@dataclass(frozen=True)
class Variation:
    """What is varied.

    Attributes:
        name: of the hyperparameter.
        values: as they are given.
        points: every run of it.
    """

    name: str
    values: tuple[Any, ...]
    points: tuple[Point, ...] = ()

    def suffix(self) -> str:
        """The end of a folder's name."""
        return f"vary_{self.name}-{runs.digest([self.name, sorted(map(slug, self.values))])}"


def as_text(given: Any) -> Any:
    """`name:value` again where YAML has read a mapping: no value, or a space behind the colon."""
    if isinstance(given, Mapping) and len(given) == 1:
        ((name, value),) = given.items()
        return f"{name}:{'' if value is None else value}"
    return given


def read(text: str) -> Variation:
    """A hyperparameter and its values from `name:value,value`.

    Raises:
        ConfigError: the text has another form, no value, or one twice.
    """
    match = re.fullmatch(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*:(.*)", str(text))
    form = "allowed is a hyperparameter and its values, as expectile:0.5,0.7,0.9"
    if match is None:
        raise ConfigError(f"vary={text}: {form}.")
    try:
        values = [_number(value) for value in yaml.safe_load(f"[{match[2]}]")]
    except yaml.YAMLError:
        raise ConfigError(f"vary={text}: the values cannot be read; {form}.") from None
    if not values:
        raise ConfigError(f"vary={text} gives no value; {form}.")
    twice = schema.repeated(map(slug, values))
    if twice:
        raise ConfigError(f"vary={text} gives {schema.listed(twice)} twice; keep one.")
    return Variation(match[1], tuple(values))


def _number(value: Any) -> Any:
    """A text such as 1e-3, which YAML 1.1 takes for no number, as a number."""
    if isinstance(value, str) and re.fullmatch(r"[-+]?[0-9.]+[eE][-+]?[0-9]+", value):
        return float(value)
    return value


def slug(value: Any) -> str:
    """A value as part of a variant's name, which has letters, digits, _ and . alone."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return "_".join(map(slug, value))
    text = f"{value:g}" if isinstance(value, int | float) else str(value)
    return re.sub(r"[^A-Za-z0-9_.]", "_", text.replace("+", "").replace("-", "m"))


def apply(
    root: Path, varied: Variation, content: dict[str, Any], rows: Mapping[str, Mapping[str, Any]], where: str
) -> tuple[dict[str, Any], Variation]:
    """The experiment of an ablation.

    Args:
        root: the repository's root.
        varied: as `read` gives it.
        content: of the experiment, with its tasks by name.
        rows: all tasks by name.
        where: the experiment, for messages.

    Returns:
        The experiment with the runs of the ablation in its grid, and the variation with its points.

    Raises:
        ConfigError: no method of the experiment has the hyperparameter, or its seeds are sequential.
    """
    grid: list[dict[str, Any]] = []
    points: list[Point] = []
    known: set[str] = set()
    found = {
        **content,
        "variants": dict(content.get("variants", {})),
        "samplings": dict(content.get("samplings", {})),
    }
    bases = list(_bases(root, content, rows))
    known.update(name for base in bases for name in base.known)
    having = [base for base in bases if varied.name in base.known]
    # A run that differs from another by this value alone is one of the values, and no run to vary.
    for base in [base for base in having if not base.sets(varied.name)] or having:
        if base.entry["seeds"] == sequential.SEQUENTIAL:
            raise ConfigError(f"vary={varied.name}: {where} has sequential seeds; give a number by seeds=.")
        entry, its_points = base.varied(varied, found)
        points += its_points
        if entry not in grid:
            grid.append(entry)
    if not points:
        raise ConfigError(
            f"vary={varied.name}: no method of {where} has it; its methods have "
            f"{schema.listed(sorted(known))}."
        )
    found["grid"] = grid
    return found, Variation(varied.name, varied.values, tuple(points))


@dataclass(frozen=True)
class _Base:
    """One run of the experiment as it is, of which a value is varied."""

    root: Path
    entry: Mapping[str, Any]
    method: hyperparameters.Method
    resolved: hyperparameters.Resolved
    variant: str
    own: Mapping[str, Any]
    sampling: str
    settings: Mapping[str, Any]

    @functools.cached_property
    def values(self) -> dict[str, Any]:
        """The run's hyperparameters, those of an experiment's own variant included."""
        return {**self.resolved.values, **self.own.get("hyperparameters", {})}

    @property
    def known(self) -> set[str]:
        """What of this run can be varied."""
        of_sampler = {STEPS, *_OF_EVERY_SAMPLER} if self.method.diffusion else set()
        return {*self.values, FRACTION, *of_sampler}

    def value(self, name: str) -> Any:
        """The run's own value."""
        if name == STEPS:
            return self.resolved.diffusion_steps
        if name == FRACTION:
            return self.own.get(FRACTION, self.resolved.train_fraction)
        if self._by_sampling(name):
            given = self.settings.get(name, runs.SAMPLING_DEFAULTS[name])
            own = self.resolved.diffusion_steps if name == "steps" else self.values.get(name)
            return own if given is None else given
        return self.values[name]

    def sets(self, name: str) -> bool:
        """Whether the experiment itself gives the value, by a variant or sampling setting of its own."""
        given = {**self.own.get("hyperparameters", {}), **self.settings}
        return given.get(name) is not None or name in self.own

    def _by_sampling(self, name: str) -> bool:
        return self.method.diffusion and name in runs.SAMPLING_FIELDS

    def varied(self, given: Variation, content: dict[str, Any]) -> tuple[dict[str, Any], list[Point]]:
        """The entry of the grid with all values, and its points; what is new goes into `content`."""
        own = self.value(given.name)
        variants, steps, samplings = [self.variant], [self.resolved.diffusion_steps], [self.sampling]
        points = [self._point(own, reference=True)]
        for value in (self._typed(given.name, value) for value in given.values):
            if value == own and isinstance(value, bool) == isinstance(own, bool):
                continue
            if given.name == STEPS:
                steps.append(value)
                points.append(self._point(value, diffusion_steps=value))
            elif self._by_sampling(given.name):
                name = self._named(self.sampling, "default", given.name, value)
                content["samplings"][name] = {**self.settings, given.name: value}
                samplings.append(name)
                points.append(self._point(value, sampling=name))
            else:
                name = self._named(self.variant, self.method.default_variant, given.name, value)
                content["variants"][name] = self._changed(given.name, value)
                variants.append(name)
                points.append(self._point(value, variant=name))
        axes: dict[str, Any] = {"variants": variants, "sampling": samplings}
        if self.method.diffusion:
            axes[STEPS] = steps
        return {**self.entry, "methods": [self.method.name], "tasks": [self.resolved.task], **axes}, points

    def _changed(self, name: str, value: Any) -> dict[str, Any]:
        """The run's variant with one value changed, as an experiment file would have it."""
        changed = dict(self.own)
        if not self.own and self.variant != self.method.default_variant:
            changed["base"] = self.variant
        if name == FRACTION:
            return {**changed, FRACTION: value}
        return {**changed, "hyperparameters": {**changed.get("hyperparameters", {}), name: value}}

    def _typed(self, name: str, value: Any) -> Any:
        """A whole number as 1.0 where the schema has numbers: the digest of a run separates 1 from 1.0."""
        common = schema.load(self.root, "hyperparameters")["$defs"]["values"]["properties"]
        kinds = schema.kinds(self.method.allowed.get(name) or common.get(name) or {"type": "integer"})
        of_number = name == FRACTION or name.endswith("noise_scale") or {"number"} == {*kinds} - {"null"}
        return float(value) if of_number and isinstance(value, int) and not isinstance(value, bool) else value

    @staticmethod
    def _named(base: str, default: str, name: str, value: Any) -> str:
        changed = f"{name}_{slug(value)}"
        return changed if base == default else f"{base}_{changed}"

    def _point(self, value: Any, reference: bool = False, **changed: Any) -> Point:
        place = {
            "variant": self.variant,
            "diffusion_steps": self.resolved.diffusion_steps,
            "sampling": self.sampling,
        }
        words = [self.variant] + [self.sampling] * (self.sampling != "default")
        if self.entry.get(STEPS) and STEPS not in changed:
            words.append(f"N={self.resolved.diffusion_steps}")
        return Point(
            method=self.method.name,
            task=self.resolved.task,
            family=" ".join(words),
            value=value,
            reference=reference,
            **{**place, **changed},
        )


def _bases(root: Path, content: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> Iterator[_Base]:
    """Every run of an experiment as it is."""
    likes = tasks.likes(rows)
    samplings = {"default": {}, **content.get("samplings", {})}
    for entry in content["grid"]:
        for method in (hyperparameters.read(root, name) for name in entry["methods"]):
            for variant in entry.get("variants", [method.default_variant]):
                own = content.get("variants", {}).get(variant, {})
                base = str(own.get("base", method.default_variant)) if own else variant
                for task in entry["tasks"]:
                    for steps in entry.get(STEPS, [None]):
                        resolved = hyperparameters.resolve_unchecked(method, base, task, likes, steps)
                        for sampling in entry.get("sampling", ["default"]):
                            settings = samplings.get(sampling, {})
                            yield _Base(root, entry, method, resolved, variant, own, sampling, settings)
