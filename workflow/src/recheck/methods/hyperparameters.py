"""Hyperparameters of every method: read in layers, checked, resolved to flat values.

One file per method, ``workflow/config/hyperparameters/<method>.yaml``. A variant is a named set of values
in three layers, each overriding the one before: what holds for all tasks (``common``), for a suite, for
one task. Each value is given with its source, ``{value: 0.7, source: "..."}``. A task has values of its
own where a suite or the task layer names it; any other task needs ``hyperparameters_like`` (tasks.csv),
and every table shows it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from recheck import schema
from recheck.errors import ConfigError
from recheck.methods import declared
from recheck.methods.declared import Declared

FOLDER = Path("workflow/config/hyperparameters")
GROUPS = Path("workflow/config/task_groups.yaml")

# Fields of a layer that hold one sourced value; `hyperparameters` holds many.
SINGLE_FIELDS = ("num_updates", "diffusion_steps", "transforms", "train_fraction")
# Transforms that change the rewards.
REWARD_TRANSFORMS = ("minus_one", "shift_scale", "affine", "return_range", "normalize", "min_max")


@dataclass(frozen=True)
class Resolved:
    """The values of one method and variant on one task.

    values: flat name -> value. sources: the same names (and the single fields) -> where the value comes from.
    like: the task whose values these are, or None where the task has its own.
    """

    method: str
    variant: str
    task: str
    values: dict[str, Any]
    num_updates: int
    diffusion_steps: int
    transforms: list[dict[str, Any]]
    train_fraction: float
    like: str | None
    sources: dict[str, str]


@dataclass(frozen=True)
class Method:
    """One hyperparameter file. `diffusion` says whether the number of diffusion steps N is an axis of it.

    class_path: module and class, as ``algos.bc:BC``. allowed: name -> JSON schema of the hyperparameters that
    this file defines itself, because no method before it has them. declared: what its class declares; None
    where the class is not in the repository.
    """

    name: str
    class_path: str
    format_version: int
    title: str
    diffusion: bool
    default_variant: str
    variants: dict[str, Any]
    deviations: list[dict[str, Any]]
    repositories: dict[str, str]
    extraction: list[str] = field(default_factory=list)
    allowed: dict[str, Any] = field(default_factory=dict)
    declared: Declared | None = None


def known_methods(root: Path) -> list[str]:
    """The methods there is a file for, in alphabetical order."""
    return sorted(path.stem for path in (root / FOLDER).glob("*.yaml"))


@cache
def read(root: Path, name: str) -> Method:
    """The file of method ``name``, checked against its schema.

    Raises ConfigError for an unknown method (with the known ones), a file that breaks the schema, or a class
    that is not there or declares another name or format version.
    """
    known = known_methods(root)
    if name not in known:
        raise ConfigError(f"There is no method '{name}'; known are {schema.listed(known)}.")
    where = f"{FOLDER}/{name}.yaml"
    content = schema.read_yaml(root / where)
    schema.check(content, schema.load(root, "hyperparameters"), where)
    if content["method"] != name:
        raise ConfigError(
            f"{where}: method is '{content['method']}'; it has to be the file's name, '{name}'."
        )
    of_class = declared.read(root, content["class"], where)
    if of_class is not None:
        declared.check(of_class, name, content["format_version"], where)
    variants = _with_groups(root, content["variants"], where)
    default = next(iter(variants))
    for variant, layers in variants.items():
        base = layers.get("extends")
        if base is not None and base not in variants:
            raise ConfigError(
                f"{where}: variant '{variant}' extends '{base}'; known are {schema.listed(variants)}."
            )
        list(lineage(variants, variant, where))
    return Method(
        name=name,
        format_version=content["format_version"],
        title=content["title"],
        diffusion=content["diffusion"],
        default_variant=default,
        variants=variants,
        deviations=content["deviations"],
        repositories=content["repositories"],
        extraction=content.get("extraction", []),
        class_path=content["class"],
        allowed=_own_allowed(root, content, where),
        declared=of_class,
    )


def _with_groups(root: Path, variants: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The variants with the tasks of each group in place of its name in `applies_to`.

    Raises:
        ConfigError: a task is named twice by one suite.
    """
    for variant, layers in variants.items():
        for suite, layer in layers.get("suites", {}).items():
            names = expand_groups(root, layer["applies_to"])
            twice = schema.repeated(names)
            if twice:
                raise ConfigError(
                    f"{where}: variant '{variant}', suite '{suite}' names {schema.listed(twice)} twice; "
                    "keep one."
                )
            layer["applies_to"] = names
    return dict(variants)


def expand_groups(root: Path, names: Iterable[str]) -> list[str]:
    """Tasks, those of each group in place of its name."""
    groups = read_groups(root)
    return [task for name in names for task in groups.get(name, [name])]


@cache
def read_groups(root: Path) -> dict[str, list[str]]:
    """Groups of tasks by name (workflow/config/task_groups.yaml).

    Raises:
        ConfigError: the file breaks its schema.
    """
    groups = schema.read_yaml(root / GROUPS)
    schema.check(groups, schema.load(root, "task_groups"), str(GROUPS))
    return dict(groups)


def _own_allowed(root: Path, content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The hyperparameters that a file defines itself.

    Raises ConfigError if one is among the common ones, which have one meaning for all methods.
    """
    allowed = dict(content.get("allowed", {}))
    taken = sorted(set(allowed) & set(_common_values(root)))
    if taken:
        raise ConfigError(
            f"{where}: allowed defines {schema.listed(taken)}, which workflow/schemas/"
            "hyperparameters.schema.json defines for all methods; use that meaning or another name."
        )
    return allowed


def _common_values(root: Path) -> dict[str, Any]:
    """Hyperparameters that several methods share: name to what is allowed."""
    return dict(schema.load(root, "hyperparameters")["$defs"]["values"]["properties"])


def class_path(root: Path, name: str) -> str:
    """Module and class of method ``name``, as its file says; nothing else of the file is checked.

    Raises ConfigError for an unknown method (with the known ones) or a file without the key `class`.
    """
    known = known_methods(root)
    if name not in known:
        raise ConfigError(f"There is no method '{name}'; known are {schema.listed(known)}.")
    where = f"{FOLDER}/{name}.yaml"
    content = schema.read_yaml(root / where)
    found = content.get("class") if isinstance(content, Mapping) else None
    if not isinstance(found, str) or not found.count(":") == 1:
        raise ConfigError(f"{where}: class is {found!r}; it has to be a module and a class, as algos.bc:BC.")
    return found


def lineage(variants: Mapping[str, Any], variant: str, where: str) -> Iterator[str]:
    """The variants to apply, base first.

    Raises ConfigError if a variant extends itself.
    """
    chain: list[str] = []
    current: str | None = variant
    while current is not None:
        if current in chain:
            raise ConfigError(
                f"{where}: variant '{variant}' extends itself ({' -> '.join([*chain, current])})."
            )
        chain.append(current)
        current = variants[current].get("extends")
    return iter(reversed(chain))


def _has_own(variants: Mapping[str, Any], chain: list[str], task: str) -> bool:
    for variant in chain:
        layers = variants[variant]
        if task in layers.get("tasks", {}):
            return True
        if any(task in suite["applies_to"] for suite in layers.get("suites", {}).values()):
            return True
    return False


def resolve(
    root: Path,
    method: Method,
    variant: str,
    task: str,
    likes: Mapping[str, str | None],
    diffusion_steps: int | None = None,
) -> Resolved:
    """The flat values of ``variant`` on ``task``, through common, suite and task layers, checked.

    Args:
        root: the repository.
        method: whose hyperparameter file is read.
        variant: one of the method's own.
        task: with its version.
        likes: task -> the task whose values it takes where the method has none for it (tasks.csv).
        diffusion_steps: N of a diffusion method; None takes the variant's own.

    Raises:
        ConfigError: an unknown variant, a task without values and without `hyperparameters_like`, or a value
            outside its allowed range.
    """
    resolved = resolve_unchecked(method, variant, task, likes, diffusion_steps)
    check_values(
        root, method, resolved.values, resolved.diffusion_steps, f"{method.name}/{variant} on {task}"
    )
    return resolved


def resolve_unchecked(
    method: Method,
    variant: str,
    task: str,
    likes: Mapping[str, str | None],
    diffusion_steps: int | None = None,
) -> Resolved:
    """As `resolve`, for a caller that changes the values first and checks them then.

    Raises:
        ConfigError: an unknown variant, or a task without values and without `hyperparameters_like`.
    """
    where = f"{FOLDER}/{method.name}.yaml"
    if variant not in method.variants:
        raise ConfigError(
            f"Method '{method.name}' has no variant '{variant}'; known are {schema.listed(method.variants)}."
        )
    chain = list(lineage(method.variants, variant, where))
    source_task = _source_task(method, chain, task, likes)
    values: dict[str, Any] = {}
    single: dict[str, Any] = {"diffusion_steps": 0, "train_fraction": 1.0, "transforms": []}
    sources: dict[str, str] = {}
    for layer in [layer for step in chain for layer in _layers(method.variants[step], source_task)]:
        for name, entry in layer.get("hyperparameters", {}).items():
            values[name], sources[name] = entry["value"], entry["source"]
        for name in SINGLE_FIELDS:
            if name in layer:
                single[name], sources[name] = layer[name]["value"], layer[name]["source"]
    if "num_updates" not in single:
        raise ConfigError(f"{where}: variant '{variant}' gives no num_updates for task '{source_task}'.")
    own_steps = single["diffusion_steps"] if diffusion_steps is None else diffusion_steps
    return Resolved(
        method=method.name,
        variant=variant,
        task=task,
        values=values,
        num_updates=single["num_updates"],
        diffusion_steps=own_steps if method.diffusion else 0,
        transforms=[dict(transform) for transform in single["transforms"]],
        train_fraction=float(single["train_fraction"]),
        like=None if source_task == task else source_task,
        sources=sources,
    )


def own_num_updates(root: Path, name: str, variant: str, task: str) -> int | None:
    """Updates of training that a method's file has for a task; None where it says nothing of them.

    Args:
        root: the repository.
        name: a method, known or not.
        variant: known or not.
        task: one that the file has values for, or any other.
    """
    if name not in known_methods(root) or variant not in read(root, name).variants:
        return None
    try:
        return resolve_unchecked(read(root, name), variant, task, {}).num_updates
    except ConfigError:
        return None


def _source_task(method: Method, chain: list[str], task: str, likes: Mapping[str, str | None]) -> str:
    """The task whose values are taken: the task itself, or the one that it is like."""
    source_task, visited = task, [task]
    while not _has_own(method.variants, chain, source_task):
        following = likes.get(source_task)
        if not following or following in visited:
            covered = sorted(_covered(method.variants, chain))
            raise ConfigError(
                f"Method '{method.name}', variant '{chain[-1]}', has no hyperparameters for task '{task}', "
                f"and hyperparameters_like names none that it has; allowed are {schema.listed(covered)}."
            )
        source_task = following
        visited.append(following)
    return source_task


def _covered(variants: Mapping[str, Any], chain: list[str]) -> set[str]:
    names: set[str] = set()
    for variant in chain:
        names.update(variants[variant].get("tasks", {}))
        for suite in variants[variant].get("suites", {}).values():
            names.update(suite["applies_to"])
    return names


def covered(method: Method, variant: str | None = None) -> set[str]:
    """The tasks that a variant, the first if none is named, has values of its own for."""
    where = f"{FOLDER}/{method.name}.yaml"
    chosen = method.default_variant if variant is None else variant
    return _covered(method.variants, list(lineage(method.variants, chosen, where)))


def _layers(variant: Mapping[str, Any], task: str) -> Iterator[Mapping[str, Any]]:
    yield variant.get("common", {})
    for suite in variant.get("suites", {}).values():
        if task in suite["applies_to"]:
            yield suite
    if task in variant.get("tasks", {}):
        yield variant["tasks"][task]


def check_values(
    root: Path, method: Method, values: Mapping[str, Any], diffusion_steps: int, where: str
) -> None:
    """Hold flat values against the allowed ones; the rules that join several are here.

    Raises ConfigError with the allowed values.
    """
    if method.declared is not None:
        declared.check_names(method.declared, set(values), where)
        undefined = sorted(set(values) - set(method.allowed) - set(_common_values(root)))
        if undefined:
            raise ConfigError(
                f"{where}: no file says what {schema.listed(undefined)} may be; add it to 'allowed' of "
                f"{FOLDER}/{method.name}.yaml, with a description."
            )
    own = {name: value for name, value in values.items() if name in method.allowed}
    common = {name: value for name, value in values.items() if name not in method.allowed}
    _check_part(root, "values", common, where)
    if own:
        schema.check(own, {"type": "object", "properties": method.allowed}, where)
    extraction = values.get("extraction")
    if extraction is not None and extraction not in method.extraction:
        raise ConfigError(
            f"{where}: extraction is '{extraction}'; method '{method.name}' allows "
            f"{schema.listed(method.extraction)}."
        )
    if values.get("shared_batch") and (
        values["actor_updates"] != 1 or values["actor_batch_size"] != values["critic_batch_size"]
    ):
        raise ConfigError(
            f"{where}: shared_batch is true with actor_updates {values['actor_updates']}, actor_batch_size "
            f"{values['actor_batch_size']} and critic_batch_size {values['critic_batch_size']}; one "
            "batch for all "
            "needs one actor update and equal sizes."
        )
    if method.diffusion:
        if diffusion_steps < 1:
            raise ConfigError(f"{where}: diffusion_steps is {diffusion_steps}; it has to be at least 1.")
        calls = values.get("sampling_steps")
        if calls is not None and calls > diffusion_steps:
            raise ConfigError(
                f"{where}: sampling_steps is {calls} with diffusion_steps {diffusion_steps}; allowed are 1 "
                f"to {diffusion_steps}."
            )
        if values.get("schedule") == "linear_scaled" and diffusion_steps <= 20:
            raise ConfigError(
                f"{where}: schedule is 'linear_scaled' with diffusion_steps {diffusion_steps}; it needs more "
                "than 20 (its last noise variance would exceed 1), or one of linear, cosine, vp."
            )


# (root, part, document as text) of the documents that fit: the runs of an experiment have few different ones.
_FITTING: set[tuple[Path, str, str]] = set()


def _check_part(root: Path, part: str, document: Any, where: str) -> None:
    """Hold a document against a part of the schema of hyperparameters; equal ones once."""
    key = (root, part, json.dumps(document, sort_keys=True))
    if key not in _FITTING:
        schema.check(document, schema.part_of(schema.load(root, "hyperparameters"), part), where)
        _FITTING.add(key)


def check_transforms(root: Path, transforms: list[dict[str, Any]], where: str) -> None:
    """Hold a list of transforms against the known ones, their options and their order.

    Raises ConfigError with the allowed ones.
    """
    _check_part(root, "transforms", transforms, where)
    for index, transform in enumerate(transforms):
        before = [earlier["name"] for earlier in transforms[:index] if earlier["name"] in REWARD_TRANSFORMS]
        if transform.get("boundaries") == "unfiltered" and before:
            raise ConfigError(
                f"{where}: return_range with boundaries unfiltered follows {before[0]}; it takes the range "
                "of the stored rewards and has to come before every other change of them."
            )
