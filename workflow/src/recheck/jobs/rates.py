"""Measured rates of `workflow/config/cost_rates.yaml`, and how they are looked up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recheck import schema

RATES = Path("workflow/config/cost_rates.yaml")
OTHER = "other"  # the entry of what none of the names fits


def read_rates(root: Path) -> dict[str, Any]:
    """The rates, checked against their schema.

    Raises:
        ConfigError: the file does not follow its schema.
    """
    rates = schema.read_yaml(root / RATES)
    schema.check(rates, schema.load(root, "cost_rates"), str(RATES))
    return dict(rates)


def environment(rates: Mapping[str, Any], environment_id: str) -> Mapping[str, Any]:
    """The entry of `environments` for an id: that of the longest name that it begins with, or `other`.

    Returns:
        `memory_mb` of one environment, and `step_seconds` of one step: lowest, most likely, highest.
    """
    known: Mapping[str, Mapping[str, Any]] = rates["environments"]
    fitting = [name for name in known if environment_id.startswith(name)]
    return known[max(fitting, key=len, default=OTHER)]


def of_method(known: Mapping[str, Any], method: str, variant: str) -> Any:
    """The entry of a variant, ``<method>/<variant>``, else that of its method, else None."""
    return known.get(f"{method}/{variant}", known.get(method))


def acting_entry(rates: Mapping[str, Any], method: str, variant: str) -> Mapping[str, Any]:
    """The entry of `acting` for a method's variant; that of `other` where there is none."""
    known: Mapping[str, Mapping[str, Any]] = rates["acting"]
    return of_method(known, method, variant) or known[OTHER]


def acting_seconds(entry: Mapping[str, Any], candidates: int, steps: int) -> tuple[float, float, float]:
    """Seconds of one core to act for one state: lowest, most likely, highest.

    Args:
        entry: of `acting_entry`.
        candidates: actions that are drawn for a state.
        steps: of the sampler; 0 where the policy is not a diffusion model.
    """
    low, likely, high = (
        base + candidates * steps * each
        for base, each in zip(entry["seconds"], entry["seconds_per_candidate_step"])
    )
    return low, likely, high
