"""Counts that a source states of itself, compared with what was read.

A file that says how many steps, episodes or columns it has is believed in nothing else if that is not what it
holds: a reader may have cut it, or the file was cut on its way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from recheck.errors import DatasetError

if TYPE_CHECKING:
    import h5py

_COUNT = r"^(?:total|num|n|number_of|nr_of)_?(?:of_)?"
_STEPS = re.compile(_COUNT + r"(?:env_)?(?:time_?steps|steps|transitions|samples|rows|frames)$")
_EPISODES = re.compile(_COUNT + r"(?:episodes|trajectories|trajs?|rollouts)$")
_OBSERVATION = re.compile(r"^(?:observation|obs|state)_?(?:dim|dims|size|width|shape)$")
_ACTION = re.compile(r"^(?:action|act)_?(?:dim|dims|size|width|shape)$")
_LENGTHS = re.compile(r"^(?:episode|traj|trajectory|rollout|path)_?(?:lengths?|lens)$")


def is_declaration(name: str) -> bool:
    """Whether a name (its last part) is that of a count, a width or the episodes' lengths."""
    last = name.rsplit("/", 1)[-1].lower()
    return any(pattern.match(last) for pattern in (_STEPS, _EPISODES, _OBSERVATION, _ACTION, _LENGTHS))


def declared_in_hdf5(file: h5py.File) -> dict[str, Any]:
    """Counts in the attributes of the root and its groups, in single numbers and in lists of lengths."""
    import h5py

    found: dict[str, Any] = {}

    def attributes(name: str, node: Any) -> None:
        if isinstance(node, h5py.Group):
            for key in node.attrs:
                if is_declaration(str(key)):
                    found[f"{name}/@{key}" if name else f"@{key}"] = node.attrs[key]
        elif isinstance(node, h5py.Dataset) and is_declaration(name) and node.dtype.kind in "iuf":
            found[name] = node[()]

    attributes("", file)
    file.visititems(attributes)
    return found


def check_declared(
    declared: Mapping[str, Any], where: str, *, steps: int, episodes: int | None, widths: tuple[int, int]
) -> None:
    """Compare what a source declares with what was read.

    Args:
        declared: name -> value; a name's last part (after / or @) says what it counts.
        where: the source, for messages.
        steps: time steps that were read, before any was left out.
        episodes: episodes that were read, None where their ends are not known to be the source's.
        widths: of the observations and the actions that were read.

    Raises:
        DatasetError: naming the first count that differs.
    """
    for name, value in declared.items():
        last = re.split(r"[/@]", name)[-1].lower()
        label = name.replace("@", "attribute ")
        if _STEPS.match(last):
            _compare(where, label, value, steps, "time steps")
        elif _EPISODES.match(last) and episodes is not None:
            _compare(where, label, value, episodes, "episodes")
        elif _LENGTHS.match(last):
            _compare(where, f"the sum of {label}", np.sum(value), steps, "time steps")
            if episodes is not None and np.ndim(value) == 1:
                _compare(where, f"the number of {label}", len(value), episodes, "episodes")
        elif _OBSERVATION.match(last):
            _compare(where, label, np.prod(value), widths[0], "columns of observations")
        elif _ACTION.match(last):
            _compare(where, label, np.prod(value), widths[1], "columns of actions")


def _compare(where: str, name: str, value: Any, found: int, unit: str) -> None:
    try:
        stated = float(value)
    except (TypeError, ValueError):
        raise DatasetError(f"{where} declares {name} as {value!r}, which is not a number.") from None
    if stated != found:
        raise DatasetError(
            f"{where} declares {stated:,.0f} {unit} ({name}), but {found:,} were read: it is incomplete, or "
            "was read wrongly; fetch it again, or correct what it declares."
        )
