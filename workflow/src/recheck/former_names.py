"""Names that files of earlier versions use: still read, and kept where a changed name would be a changed run.

The number of diffusion steps N was called `train_steps`, which readers took for gradient updates.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

# Former name -> today's name: keys of configurations and columns of tables.
RENAMED = {"train_steps": "diffusion_steps"}


def hashed_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """A run's configuration with the former names, as it is hashed and handed to the training rule.

    The digest in a run's path is a hash over the configuration with its keys, and Snakemake compares the
    parameters of a rule as text: with today's names every run would be another run and be trained again.
    """
    former = {new: old for old, new in RENAMED.items()}
    return {former.get(key, key): value for key, value in config.items()}


def current(document: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration (its top level) with today's names."""
    return {RENAMED.get(key, key): value for key, value in document.items()}


def current_columns(columns: list[str]) -> dict[str, str]:
    """Former name -> today's name of those columns of a table that have a former name."""
    return {old: new for old, new in RENAMED.items() if old in columns and new not in columns}


def read_with_former_names(content: Any, where: str) -> Any:
    """A user's document with today's names at every level; a former name is named once on standard error."""
    found: set[str] = set()
    renamed = _renamed(content, found)
    for name in sorted(found):
        print(
            f"{where}: '{name}' is called '{RENAMED[name]}' now; the former name is still read.",
            file=sys.stderr,
        )
    return renamed


def _renamed(content: Any, found: set[str]) -> Any:
    if isinstance(content, Mapping):
        found.update(key for key in content if key in RENAMED and RENAMED[key] not in content)
        return {
            RENAMED[key] if key in RENAMED and RENAMED[key] not in content else key: _renamed(value, found)
            for key, value in content.items()
        }
    if isinstance(content, list):
        return [_renamed(value, found) for value in content]
    return content
