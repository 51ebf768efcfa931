"""The table of deviations: where paper, release and we differ, from the hyperparameter files.

python -m recheck.methods.deviations            # writes docs/deviations.md
python -m recheck.methods.deviations --check    # says whether it is up to date
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from recheck import files
from recheck.cli import run
from recheck.errors import ConfigError
from recheck.methods import hyperparameters

FILE = Path("docs/deviations.md")
HEADER = """# Deviations

For each method, each switch: what the paper says, what the released code does, what we do by default (the
method's first variant), and where it is read. Made by `python -m recheck.methods.deviations` from
`workflow/config/hyperparameters/`; edit those files, not this one. Where a switch is a hyperparameter, its
name is set in code type: an experiment's variant can set it to the other value.
"""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return str(value).replace("|", "\\|").replace("\n", " ")


def default_values(method: hyperparameters.Method, name: str) -> str:
    """The default variant's values of a hyperparameter: for all tasks, then where suites and tasks differ."""
    found: dict[str, str] = {}
    where = f"{hyperparameters.FOLDER}/{method.name}.yaml"
    for variant in hyperparameters.lineage(method.variants, method.default_variant, where):
        layers = method.variants[variant]
        named = [("", layers.get("common", {}))]
        named += list(layers.get("suites", {}).items()) + list(layers.get("tasks", {}).items())
        for label, layer in named:
            entry = layer.get("hyperparameters", {}).get(name) or layer.get(name)
            if entry is not None:
                found[label] = _text(entry["value"])
    if not found:
        raise ConfigError(f"{where}: the deviation '{name}' gives no default and is not a hyperparameter.")
    per_value: dict[str, list[str]] = {}
    for label, value in found.items():
        per_value.setdefault(value, []).append(label)
    if len(per_value) > 4:
        return "per task"
    return "; ".join(
        value if "" in labels else f"{value} {', '.join(labels)}" for value, labels in per_value.items()
    )


def table(root: Path) -> str:
    """The whole page."""
    parts = [HEADER]
    for name in hyperparameters.known_methods(root):
        method = hyperparameters.read(root, name)
        parts.append(f"\n## {method.title} (`{name}`)\n")
        if method.repositories:
            letters = "; ".join(
                f"**{letter}** {repository}" for letter, repository in method.repositories.items()
            )
            parts.append(f"\nSources: {letters}.\n")
        if not method.deviations:
            parts.append("\nNo deviation is known.\n")
            continue
        parts.append("\n| switch | paper | release | ours | source | note |\n|---|---|---|---|---|---|\n")
        for row in method.deviations:
            switch = row["switch"]
            if "default" in row:
                ours = _text(row["default"])
            else:
                ours, switch = default_values(method, switch), f"`{switch}`"
            cells = [
                switch,
                _text(row["paper"]),
                _text(row["release"]),
                ours,
                _text(row["source"]),
                _text(row.get("note", "")),
            ]
            parts.append("| " + " | ".join(cells) + " |\n")
    return "".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Write or check docs/deviations.md."""
    parser = argparse.ArgumentParser(prog="python -m recheck.methods.deviations", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit status 1 if it is out of date"
    )
    given = parser.parse_args(arguments)
    return run(lambda: _write(given.check))


def _write(only_check: bool) -> int:
    text = table(Path())
    if not only_check:
        files.write_text(FILE, text)
        return 0
    if FILE.is_file() and FILE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{FILE} is out of date: run python -m recheck.methods.deviations.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
