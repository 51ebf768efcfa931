"""The pages of the reference, each from what the programs themselves read: none can be out of date.

Commands come from their own help, rules of Snakemake from their docstrings, keys of the configuration and
columns of files from their schemas, functions from their docstrings. A rule, key or column without a
description is an error, so that the site is not built.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
# Files that a user writes: schema of workflow/schemas, in the order of the page.
CONFIGURATION = ("config", "experiment", "datasets", "tasks", "task_groups", "hyperparameters", "cost_rates")
# What a Python user calls; each name is documented with all that it has in public.
PYTHON = {
    "Commands as functions": ["recheck_command.actions"],
    "Verdicts": [
        "paper_tables.verdicts.judge",
        "paper_tables.verdicts.decision_rule",
        "paper_tables.verdicts.sequential",
    ],
    "Statistics": ["paper_tables.statistics.aggregates"],
    "A method": ["algos.base"],
    "Files and errors": ["recheck.files", "recheck.schema", "recheck.errors"],
}
# What the docstring of a rule begins with that Snakemake starts itself, on the way to a target.
STEP = "A step"


class NotDescribed(Exception):
    """A rule, a key or a column has no description."""


def pages() -> dict[str, str]:
    """Every page of the reference: path in the site -> Markdown.

    Raises:
        NotDescribed: a rule, a key or a column has no description.
    """
    return {
        "reference/commands.md": "".join(commands()),
        "reference/configuration.md": "".join(configuration()),
        "reference/files.md": "".join(file_contracts()),
        "reference/python.md": "".join(python()),
    }


def commands() -> Iterator[str]:
    """The command `recheck` with each word's help, the targets of make, the rules of Snakemake."""
    # Its imports are heavy, and only the site needs them.
    from recheck_command.__main__ import parser

    top = parser()
    yield f"# Commands\n\n## recheck\n\n```text\n{top.format_help().rstrip()}\n```\n"
    [words] = [action for action in top._actions if hasattr(action, "choices") and action.choices]
    for word, command in dict(words.choices or {}).items():
        yield f"\n## recheck {word}\n\n```text\n{command.format_help().rstrip()}\n```\n"
    yield "\n## make\n\n| command | what |\n|---|---|\n"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name, text in re.findall(r'@echo "(make \S+(?: \S+=\S+)?)\s{2,}(.*)"', makefile):
        yield f"| `{name}` | {text} |\n"
    found = rules(ROOT)
    yield "\n## snakemake\n\nTargets, each `snakemake TARGET --cores N`, with `--config key=value` of the "
    yield "[configuration](configuration.md). `snakemake --list-rules` prints the same.\n\n"
    yield "| target | what |\n|---|---|\n"
    for name, text in sorted(found.items()):
        if not text.startswith(STEP):
            yield f"| `{name}` | {_cell(text)} |\n"
    yield "\n### Steps\n\nSnakemake starts these itself, on the way to a target. Their names are in its log, "
    yield "and `--forcerun NAME` or `--set-resources NAME:mem_mb=MB` take them.\n\n"
    yield "| rule | what |\n|---|---|\n"
    for name, text in sorted(found.items()):
        if text.startswith(STEP):
            yield f"| `{name}` | {_cell(_sentence(re.sub(f'^{STEP}[:,] *', '', text)))} |\n"


def rules(root: Path) -> dict[str, str]:
    """The docstring of every rule of the workflow.

    Raises:
        NotDescribed: a rule has none.
    """
    found = {}
    for path in [root / "Snakefile", *sorted((root / "workflow/rules").glob("*.smk"))]:
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r'^ *rule (\w+):\n(?: +"""(?P<text>.*?)""")?', text, re.M | re.S):
            if not (match["text"] or "").strip():
                raise NotDescribed(f"{path}: rule {match[1]} has no docstring.")
            found[match[1]] = " ".join(textwrap.dedent(match["text"]).split())
    return found


def configuration() -> Iterator[str]:
    """Every key that a user sets, from the schemas, and every hyperparameter there is."""
    yield "# Configuration\n\n`a.b` is key `b` of `a`; `a[].b` a key of each entry of the list `a`; `a.*.b` "
    yield "a key of each entry of `a`, whose names are yours.\n"
    defaults = yaml.safe_load((ROOT / "workflow/config/config.yaml").read_text(encoding="utf-8"))
    for name in CONFIGURATION:
        path = ROOT / "workflow/schemas" / f"{name}.schema.json"
        yield from _schema(path, defaults if name == "config" else None)
    yield from hyperparameters()


def hyperparameters() -> Iterator[str]:
    """What `hyperparameters` of a variant may name: the shared names, and those of one method alone."""
    shared = _read(ROOT / "workflow/schemas/hyperparameters.schema.json")["$defs"]["values"]["properties"]
    yield "\n## Names of hyperparameters\n\nFor `hyperparameters` of a method's file, and `vary=NAME:values`."
    yield "\n\n| name | of | type | meaning |\n|---|---|---|---|\n"
    rows = [(name, "several methods", rule) for name, rule in shared.items()]
    for path in sorted((ROOT / "workflow/config/hyperparameters").glob("*.yaml")):
        allowed = yaml.safe_load(path.read_text(encoding="utf-8")).get("allowed") or {}
        rows += [(name, f"`{path.stem}`", rule) for name, rule in allowed.items()]
    for name, method, rule in sorted(rows, key=lambda row: (row[1].startswith("`"), row[1], row[0])):
        yield f"| `{name}` | {method} | {_cell(_type(rule))} | {_cell(_described(rule, name))} |\n"


def file_contracts() -> Iterator[str]:
    """Every file that a stage writes and another reads, from the schemas."""
    yield "# Files\n\nEvery file is checked against its schema when it is written and when it is read.\n"
    for folder in ("paper_tables/schemas", "paper_tables/config"):
        for path in sorted((ROOT / folder).glob("*.schema.json")):
            yield from _schema(path)
    for name in ("checkpoint", "recollections", "d4rl_files"):
        yield from _schema(ROOT / "workflow/schemas" / f"{name}.schema.json")


def python() -> Iterator[str]:
    """The public functions and classes, from their docstrings."""
    yield "# Python\n"
    for heading, modules in PYTHON.items():
        yield f"\n## {heading}\n"
        yield from (f"\n::: {module}\n" for module in modules)


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _schema(path: Path, defaults: Mapping[str, Any] | None = None) -> Iterator[str]:
    """One schema as a section: its description, and a row for each key or column, nested ones too."""
    schema = _read(path)
    name = path.name.removesuffix(".schema.json")
    where = path.relative_to(ROOT)
    yield f"\n## {schema.get('title') or name}\n\n`{where}`. {_described(schema, str(where))}\n"
    # With defaults each key is listed, also where one definition serves several.
    found = list(properties(schema, repeat=defaults is not None))
    if found:
        yield f"\n| key | type | required |{' default |' * bool(defaults)} meaning |\n"
        yield f"|---|---|---|{'---|' * bool(defaults)}---|\n"
    for key, rule, required in found:
        given = f" {_default(defaults, key)} |" if defaults else ""
        text = _described(rule, f"{where}: {key}")
        yield f"| `{key}` | {_cell(_type(rule))} | {'yes' if required else 'no'} |{given} {_cell(text)} |\n"


def properties(
    schema: Mapping[str, Any], repeat: bool = False
) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Every key of the documents that a schema describes: (path, rule, required).

    Each definition of `$defs` is shown in full at its first place and named afterwards, unless `repeat`.
    """
    shown: dict[str, str] = {}

    def inside(rule: Mapping[str, Any], place: str) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
        for key, part in rule.get("properties", {}).items():
            path = f"{place}.{key}" if place else key
            reference = part.get("$ref", "").rpartition("/")[2]
            resolved = _resolved(part, schema)
            first = path
            if reference and _inner(resolved) and not repeat:
                first = shown.setdefault(reference, path)
            if first != path:
                resolved = {**resolved, "description": f"{_described(resolved, path)} As `{first}`."}
            yield path, resolved, key in rule.get("required", ())
            if first == path:
                yield from inside(resolved, path)
        for word, mark in (("items", "[]"), ("additionalProperties", ".*")):
            part = rule.get(word)
            if isinstance(part, dict):
                # Rows of a table are not named, entries of a mapping are.
                yield from inside(_resolved(part, schema), f"{place}{mark}" if place else mark.strip("[]."))

    yield from inside(schema, "")


def _inner(rule: Mapping[str, Any]) -> bool:
    return any(isinstance(rule.get(word), dict) for word in ("properties", "items", "additionalProperties"))


def _resolved(rule: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """A rule with the definition that it refers to; its own words come first."""
    name = rule.get("$ref", "").rpartition("/")[2]
    return {**_resolved(schema["$defs"][name], schema), **rule} if name else dict(rule)


def _described(rule: Mapping[str, Any], what: str) -> str:
    """The description of a schema, a key or a column, as a sentence.

    Raises:
        NotDescribed: it has none.
    """
    text = str(rule.get("description") or "").strip()
    if not text and "const" not in rule:
        raise NotDescribed(f"{what} has no description.")
    return _sentence(text.removeprefix("it has to be "))


def _sentence(text: str) -> str:
    """With a capital, unless it begins with code or a name, and a full stop."""
    if not text:
        return text
    start = text[:1].upper() if text[1:2].islower() or text[1:2] == " " else text[:1]
    return start + text[1:] + ("" if text.endswith((".", "?", ")")) else ".")


def _default(defaults: Mapping[str, Any], key: str) -> str:
    """The value of a dotted key in config.yaml, empty where it has none."""
    value: Any = defaults
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None or isinstance(value, dict) else f"`{json.dumps(value).strip(chr(34))}`"


def _type(rule: Mapping[str, Any]) -> str:
    if "enum" in rule:
        words = (
            "none" if value is None else f"`{json.dumps(value).strip(chr(34))}`" for value in rule["enum"]
        )
        return ", ".join(dict.fromkeys(words))
    if "const" in rule:
        return f"`{rule['const']}`"
    for word in ("anyOf", "oneOf"):
        if word in rule and "type" not in rule:
            return " or ".join(dict.fromkeys(_type(part) for part in rule[word]))
    found = rule.get("type", "any value")
    names = [found] if isinstance(found, str) else list(found)
    return " or ".join("none" if name == "null" else str(name) for name in names)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
