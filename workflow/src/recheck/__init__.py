"""What will be run, where it will lie, and what it will cost: decided before any job starts.

This package reads the configuration (experiments, hyperparameters, tasks), refuses what is wrong with one
sentence, and tells the Snakefile which files to make. It imports neither torch nor Snakemake nor pandas.
"""

__all__ = ["blocks", "cost", "experiments", "hyperparameters", "own", "paths", "tasks"]
