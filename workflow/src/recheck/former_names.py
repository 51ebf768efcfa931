"""Names that files of earlier versions use: still read, and kept where a changed name would be a changed run.

The number of diffusion steps N was called `train_steps`, which readers took for gradient updates. The best
checkpoint by online evaluation, evaluated on new episodes, was called `honest_best`. How far our environment
is the paper's was called its standing, and the suite `gym-locomotion` was `locomotion` in tasks.csv alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

# Former name -> today's name: keys of configurations and columns of tables.
RENAMED = {
    "train_steps": "diffusion_steps",
    "episodes_honest": "episodes_reevaluated",
    "honest_offset": "reevaluated_offset",
    "environment_standing": "environment_match",
}
# The same for values: a selection rule and the purpose of an episode.
RENAMED_VALUES = {"honest_best": "best_reevaluated"}
NAMES = RENAMED | RENAMED_VALUES
VALUE_COLUMNS = ("purpose", "selection")
RENAMED_SUITES = {"locomotion": "gym-locomotion"}


def hashed_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with the former names, as it is hashed and handed to the rules that train and evaluate.

    The digest in a path is a hash over the configuration with its keys, and Snakemake compares the parameters
    of a rule as text: with today's names every run would be another run and be trained again.
    """
    former = {new: old for old, new in RENAMED.items()}
    suites = {new: old for old, new in RENAMED_SUITES.items()}
    return {
        former.get(key, key): suites.get(value, value) if key == "suite" else value
        for key, value in config.items()
    }


def hashed_value(value: str) -> str:
    """A value with its former name, as it seeds a random stream: another name would be other noise."""
    former = {new: old for old, new in RENAMED_VALUES.items()}
    return former.get(value, value)


def current(document: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration (its top level) with today's names."""
    return {RENAMED.get(key, key): value for key, value in document.items()}


def current_columns(columns: list[str]) -> dict[str, str]:
    """Former name -> today's name of those columns of a table that have a former name."""
    return {old: new for old, new in RENAMED.items() if old in columns and new not in columns}


def current_at_every_level(document: Any) -> Any:
    """A document that the program wrote, with today's names of keys and values at every level."""
    return _renamed(document, set())


def read_with_former_names(content: Any, where: str) -> Any:
    """A user's document with today's names at every level; a former name is named once on standard error."""
    found: set[str] = set()
    renamed = _renamed(content, found)
    for name in sorted(found):
        today = NAMES[name]
        print(
            f"{where}: '{name}' is called '{today}' now; the former name is still read.",
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
    if isinstance(content, str) and content in NAMES:
        found.add(content)
        return NAMES[content]
    return content
