"""The one check against a JSON schema, and its refusal in one message."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from recheck.errors import ConfigError, RecheckError
from recheck.former_names import read_with_former_names

SCHEMAS = Path("workflow/schemas")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, refusing a key that is written twice (YAML would silently keep the last)."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                mark = key_node.start_mark
                raise ConfigError(
                    f"{Path(mark.name).name}, line {mark.line + 1}: '{key}' appears twice; keep one."
                )
            seen.add(key)
        return dict(super().construct_mapping(node, deep=deep))


def _whole_number(loader: Any, node: Any) -> int:
    """A whole number, unless YAML 1.1 reads it as another one than it looks: 0123 as 83, 12:30 as 750."""
    text = str(node.value).replace("_", "")
    if ":" in text or (len(text.lstrip("+-")) > 1 and text.lstrip("+-").startswith("0")):
        read = yaml.SafeLoader.construct_yaml_int(loader, node)
        mark = node.start_mark
        raise ConfigError(
            f"{Path(mark.name).name}, line {mark.line + 1}: YAML reads {node.value} as the number {read}; "
            "put text into quotes, and write a number without zeros in front."
        )
    return int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)


def read_yaml(path: Path, error: type[RecheckError] = ConfigError) -> Any:
    """The content of a YAML file, read by a safe loader.

    Raises:
        RecheckError: of class `error`: the file is absent, no YAML, or holds a key twice.
    """
    try:
        with path.open(encoding="utf-8") as stream:
            return read_with_former_names(yaml.load(stream, Loader=_Loader), path.name)
    except FileNotFoundError:
        raise error(f"There is no file {path}.") from None
    except ConfigError as problem:  # a key twice
        raise error(str(problem)) from None
    except UnicodeDecodeError:
        raise error(f"{path}: this is not YAML (it is not UTF-8 text).") from None
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise error(f"{path}{line}: this is not YAML ({getattr(problem, 'problem', problem)}).") from None


@cache
def load(root: Path, name: str) -> dict[str, Any]:
    """A schema of ``workflow/schemas`` by its name, without the ending.

    Raises:
        ConfigError: there is no such schema.
    """
    return read(root / SCHEMAS / f"{name}.schema.json")


@cache
def read(path: Path) -> dict[str, Any]:
    """A schema file.

    Raises:
        ConfigError: the file is absent.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist.") from None


def part_of(schema: Mapping[str, Any], part: str) -> dict[str, Any]:
    """The schema of one of a schema's definitions (`$defs`)."""
    return {"$defs": schema["$defs"], "$ref": f"#/$defs/{part}"}


def check(
    instance: Any, schema: Mapping[str, Any] | Path, where: str, error: type[RecheckError] = ConfigError
) -> None:
    """Compare a document with a JSON schema.

    Args:
        instance: the document, as read from YAML, JSON or a row of a table.
        schema: the schema, or its file.
        where: what the document is, for the message.
        error: the class of the error.

    Raises:
        RecheckError: of class `error`, one message: where, what is wrong, what is allowed. NaN and infinities
            are refused everywhere.
    """
    rules = read(schema) if isinstance(schema, Path) else schema
    for place, value in _not_finite(instance):
        raise error(f"{where}: {'.'.join(place) or 'the value'} is {value}; it has to be a finite number.")
    faults = sorted(
        validator(rules).iter_errors(instance), key=lambda fault: (list(map(str, fault.path)), fault.message)
    )
    if faults:
        raise error(message(faults[0], where))


def validator(schema: Mapping[str, Any]) -> Any:
    """A jsonschema validator that takes 256.0 for no integer.

    JSON knows one kind of number, so that 256.0 would be an integer; Python's range() and torch do not. For
    callers that check many documents with one schema, or want every fault (`message` words it).
    """
    return _strict_class()(schema)


@cache
def _strict_class() -> Any:
    import jsonschema

    strict = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda checker, value: isinstance(value, int) and not isinstance(value, bool)
    )
    extend: Any = jsonschema.validators.extend  # without type hints
    return extend(jsonschema.Draft202012Validator, type_checker=strict)


def _not_finite(instance: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every NaN and infinity in it, which no bound of a schema refuses (a NaN is not below any minimum)."""
    if isinstance(instance, float) and not math.isfinite(instance):
        yield place, instance
    elif isinstance(instance, dict):
        for key, value in instance.items():
            yield from _not_finite(value, (*place, str(key)))
    elif isinstance(instance, list):
        for index, value in enumerate(instance):
            yield from _not_finite(value, (*place, str(index)))


BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "greater than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


def _interval(rule: Any, broken: str) -> str:
    """All bounds of a number, the one that is broken first."""
    given = [name for name in BOUNDS if name in rule and name != broken]
    return " and ".join(f"{BOUNDS[name]} {rule[name]}" for name in [broken, *given])


def message(error: Any, where: str) -> str:  # noqa: C901  (one case for each keyword of a schema)
    """One message for a schema violation: where, what is wrong, what is allowed."""
    if error.validator in ("anyOf", "oneOf"):
        # Of the forms allowed, the one that the value is of; its own fault says most.
        inner = [e for e in error.context if e.validator != "type" or len(e.path) > 0]
        if inner:
            return message(inner[0], where)
    place = ".".join(str(part) for part in error.absolute_path)
    subject = f"{where}: {place}" if place else where
    value, rule = error.instance, error.validator_value
    described = error.schema.get("description") if isinstance(error.schema, dict) else None
    match error.validator:
        case "multipleOf" if rule == 1:
            return f"{subject} is {value}; it has to be a whole number."
        case "enum":
            return f"{subject} is {value!r}; allowed are {listed(rule)}."
        case "const":
            return f"{subject} is {value!r}; it has to be {rule!r}."
        case "maximum" if not set(BOUNDS) & set(error.schema) - {"maximum"}:
            return f"{subject} is {value}; it can be at most {rule}."
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            return f"{subject} is {value}; it has to be {_interval(error.schema, error.validator)}."
        case "type":
            # A name without quotes may be a number to YAML: 0123 is 83, no is false.
            allowed = {rule} if isinstance(rule, str) else set(rule)
            bare = isinstance(value, bool | int | float) and allowed <= {"string", "null"}
            quotes = "; put text that YAML reads as something else into quotes" if bare else ""
            return f"{subject} is {value!r}; it has to be {_kinds(rule)}{quotes}."
        case "required":
            missing = [key for key in rule if key not in value]
            return f"{subject}: {listed(missing)} is missing."
        case "additionalProperties":
            known = sorted(error.schema.get("properties", {}))
            unknown = sorted(str(key) for key in value if key not in known)
            return f"{subject} does not know {listed(unknown)}; known are {listed(known)}."
        case "propertyNames" | "pattern":
            return f"{subject} is {value!r}; {running(described or f'it has to match {rule}')}."
        case "minItems" | "minProperties":
            return f"{subject} is empty; it needs at least {rule} entry."
        case "uniqueItems":
            return f"{subject} names something twice: {value!r}."
        case "anyOf" | "oneOf":
            return f"{subject} is {value!r}; allowed is {described or 'another form, see the schema'}."
    return f"{subject}: {error.message}."


def kinds(rule: Mapping[str, Any]) -> list[str]:
    """The JSON types that a property's rule allows."""
    found = rule.get("type", "string")
    return [found] if isinstance(found, str) else list(found)


def _kinds(rule: str | list[str]) -> str:
    names = {
        "integer": "a whole number",
        "number": "a number",
        "string": "text",
        "boolean": "true or false",
        "array": "a list",
        "object": "a mapping",
        "null": "null",
    }
    return " or ".join(names[kind] for kind in ([rule] if isinstance(rule, str) else rule))


def running(description: str) -> str:
    """A description as the end of a sentence: a small first letter unless it is a name, no full stop."""
    text = description.rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def repeated(names: Iterable[Any]) -> list[Any]:
    """Those that are there more than once, each once, sorted."""
    return sorted(name for name, times in Counter(names).items() if times > 1)


def listed(names: Iterable[Any]) -> str:
    """Names in one line, comma separated; ``none`` if there are none."""
    return ", ".join(str(name) for name in names) or "none"
