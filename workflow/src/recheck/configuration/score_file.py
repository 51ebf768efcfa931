"""Scores from a file of the user's: `scores=PATH` and what is stated about it, as the plan needs them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recheck import files, schema
from recheck.errors import ConfigError

# Scores that the repository has under a name.
NAMED = ("published", "d3rlpy")
# What the configuration may state about a file; the words of `python -m paper_tables.score_files`.
KEYS = ("columns", "unit", "select", "version", "method", "task", "tasks", "delimiter")


def is_file(settings: Mapping[str, Any]) -> bool:
    """Whether the scores are a file or folder of the user's."""
    return bool(settings.get("scores")) and settings["scores"] not in NAMED


def stated(settings: Mapping[str, Any]) -> dict[str, str]:
    """What the configuration states about the file."""
    found = {}
    for key in KEYS:
        value = settings.get(key)
        if value not in (None, ""):
            found[key] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return found


def name(settings: Mapping[str, Any], root: Path) -> str:
    """What the folders of the later stages are called: the file's name, and a digest of what it is read as.

    Raises:
        ConfigError: there is no such file.
    """
    path = root / str(settings["scores"])
    if not path.exists():
        raise ConfigError(
            f"scores={settings['scores']}: there is no such file or folder; allowed are a path, "
            f"{schema.listed(NAMED)}."
        )
    hasher = hashlib.sha256(json.dumps(stated(settings), sort_keys=True).encode())
    columns = stated(settings).get("columns", "")
    more = [root / columns] if columns.endswith((".yaml", ".yml")) and (root / columns).is_file() else []
    for member in [*(_members(path)), *more]:
        hasher.update(member.name.encode())
        hasher.update(files.sha256(member, ConfigError).encode())
    stem = (
        re.sub(r"[^A-Za-z0-9_.-]+", "_", path.name.split(".")[0] or path.resolve().name).strip("._")
        or "scores"
    )
    return f"{stem}-{hasher.hexdigest()[:8]}"


def _members(path: Path) -> list[Path]:
    return sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]


def members(settings: Mapping[str, Any], root: Path) -> tuple[str, ...]:
    """The files that the scores are read from, as they are named from the root."""
    given = Path(str(settings["scores"]))
    if not (root / given).is_dir():
        return (str(given),)
    return tuple(str(given / item.relative_to(root / given)) for item in _members(root / given))


def arguments(settings: Mapping[str, Any]) -> list[str]:
    """What is stated, as arguments of the command."""
    return [f"--{key}={value}" for key, value in stated(settings).items()]


def refuse_without_file(settings: Mapping[str, Any]) -> None:
    """Refuse statements about a file where there is none.

    Raises:
        ConfigError: there are.
    """
    # Without scores=, `tasks` chooses tasks of an experiment.
    given = [key for key in stated(settings) if key != "tasks" or settings.get("scores")]
    if given and not is_file(settings):
        raise ConfigError(
            f"The configuration gives {schema.listed(given)}, which say how a file of scores is read; add "
            "scores=PATH or leave them out."
        )
