"""Snakemake executor plugin: jobs go to SLURM through submitit.

``snakemake --executor submitit``; see docs/cluster.md. What Snakemake looks for is imported when it looks
for it: a job imports this package for the wrapper alone, and each job would pay for the rest.
"""

from typing import Any

__all__ = ["Executor", "ExecutorSettings", "common_settings"]


def __getattr__(name: str) -> Any:
    if name == "Executor":
        from .executor import Executor

        return Executor
    if name in ("ExecutorSettings", "common_settings"):
        from . import settings

        return getattr(settings, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
