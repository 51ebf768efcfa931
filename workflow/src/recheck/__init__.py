"""What will be run, where it will be stored, and what it will cost: decided before any job starts.

This package reads the configuration (experiments, hyperparameters, tasks), refuses what is wrong with one
message, and gives the Snakefile the files to make. It imports neither torch nor Snakemake nor pandas.
"""
