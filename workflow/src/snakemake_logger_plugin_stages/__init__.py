"""Snakemake logger plugin: one line for each stage, with progress and the time that is left.

``snakemake --logger stages``. It replaces what Snakemake prints on the screen, not its log file. VERBOSE=1 in
the environment, and a dry-run, print all that Snakemake says. Works with any Snakemake workflow.
"""

from .handler import LogHandler

__all__ = ["LogHandler"]
