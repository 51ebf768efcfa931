"""The policies that are kept in the repository: which there are, and what each says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recheck import files, paths, schema
from recheck.errors import FileError, RecheckError

FOLDER = Path(paths.CHECKPOINTS)
REEVALUATIONS = Path(paths.REEVALUATIONS)
DESCRIPTION = "checkpoint.json"
MOST_BYTES = 40_000_000
"""All of them together; what is larger does not belong into a repository."""


def blocks(root: Path = Path()) -> list[str]:
    """The published policies by the part of their path that names run, sampling and block, sorted.

    Raises:
        FileError: a folder lacks a file.
    """
    folder = root / FOLDER
    found = sorted(path.parent for path in folder.rglob(DESCRIPTION))
    for checkpoint in found:
        for name in paths.CHECKPOINT_FILES:
            if not (checkpoint / name).is_file():
                needed = schema.listed(paths.CHECKPOINT_FILES)
                raise FileError(f"{checkpoint} lacks {name}; a published policy has {needed}.")
    return [str(path.relative_to(folder)) for path in found]


def describe(folder: Path, root: Path = Path(), error: type[RecheckError] = FileError) -> dict[str, Any]:
    """The description of one policy, checked against ``workflow/schemas/checkpoint.schema.json``.

    Args:
        folder: of the policy.
        root: of the repository.
        error: the class of the error.

    Raises:
        RecheckError: of class `error`, if the file is absent, no JSON, or breaks the schema.
    """
    path = folder / DESCRIPTION
    document: dict[str, Any] = files.read_json(path, error)
    schema.check(document, schema.load(root, "checkpoint"), str(path), error)
    return document


def option(block: str, name: str, root: Path = Path()) -> str:
    """A setting of a published policy as JSON for the evaluator: `sampling` or `evaluation`."""
    return json.dumps(describe(root / FOLDER / block, root)[name], sort_keys=True)
