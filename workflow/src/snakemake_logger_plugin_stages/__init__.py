"""Snakemake logger plugin: one line for each stage, with progress and the time that is left.

``snakemake --logger stages``. It replaces what Snakemake prints on the screen, not its log file. VERBOSE=1 in
the environment, and a dry-run, print all that Snakemake says. Works with any Snakemake workflow.

snakemake-logger-plugin-rich 0.5.1 was tried first. On a terminal it draws a bar for each rule, with the
time that has passed and not the time that is left. Where the output is a file, as on a cluster, it shows no
rule at all. Of a failed job it prints the whole log, where the last lines say why.
"""

from .handler import LogHandler

__all__ = ["LogHandler"]
