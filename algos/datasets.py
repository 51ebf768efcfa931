"""Every dataset of the papers, prepared alike: read, checked, filtered and written once.

`read_d4rl_hdf5` reads one D4RL-format file, `load_transitions` what a trainer needs; the command line
(`python -m algos.datasets --help`) prepares a task of workflow/config/tasks.csv.
"""

from algos.d4rl_hdf5 import read_d4rl_hdf5
from algos.transitions import DatasetError, Transitions, load_transitions, read_manifest

__all__ = ["DatasetError", "Transitions", "load_transitions", "read_d4rl_hdf5", "read_manifest"]
