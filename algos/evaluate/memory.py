"""Whether one call of the policy fits into memory: asked before the first episode."""

from __future__ import annotations

import os
from pathlib import Path

from recheck.errors import EvaluationError

from algos.base import Method, Sampling

# Tensors of the widest layer that live at one time, and bytes of a number.
LIVE_TENSORS = 6
BYTES = 4
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def acting_mb(method: Method, sampling: Sampling, num_states: int) -> float:
    """Memory of the networks' batch in one call of the policy, MB.

    Args:
        method: its widest layer counts.
        sampling: how many candidate actions a state has.
        num_states: in the call, per training seed.
    """
    shapes = [tensor.shape for group in method.policy_groups().values() for tensor in group.state().values()]
    widest = max(int(shape[-1]) for shape in shapes)
    steps = method.diffusion_steps + 1
    rows = method.num_seeds * num_states * method.acting_rows(sampling)
    numbers = rows * (LIVE_TENSORS * widest + steps * method.problem.action_dim)
    return float(numbers) * BYTES / 1e6


def available_mb() -> float:
    """Memory that this process may use, MB: of its control group or of the machine."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6]
    for name in _CGROUP_LIMITS:
        try:
            found.append(int(Path(name).read_text(encoding="ascii")) / 1e6)
        except (OSError, ValueError):  # no such group, or no limit
            continue
    return min(found)


def check_memory(method: Method, sampling: Sampling, num_states: int, memory_mb: int | None) -> None:
    """Refuse a sampling setting whose candidates do not fit into memory.

    Raises:
        EvaluationError: with what is needed and what there is.
    """
    needed = acting_mb(method, sampling, num_states)
    limit = available_mb() if memory_mb is None else memory_mb
    if needed > limit:
        raise EvaluationError(
            f"method {method.name}, sampling {sampling.name!r}: {method.acting_rows(sampling)} candidates "
            f"per state take about {needed:,.0f} MB in a call of the policy, and there are {limit:,.0f} MB; "
            f"at most {max(1, int(method.acting_rows(sampling) * limit / needed))} fit"
        )
