"""Datasets that are collected here: small trained policies, or a planner, play and every step is kept.

The result has D4RL's layout and imitates its kinds (medium, medium-replay, medium-expert, maze2d), so
that everything runs with no download. It is not D4RL data and is never called by a D4RL name. What each
recollection consists of is data, workflow/behaviors/recollections.json, in the same folder as the policies.

    python -m algos.recollect hopper-medium --transitions 100000 --seed 0 --output hopper.hdf5
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from recheck import cli
from recheck.errors import DatasetError
from recheck.files import atomic
from recheck.progress import Progress

from algos.recollect.catalogue import describe, load_recollection
from algos.recollect.collect import recollect


def write_hdf5(path: Path, rows: Mapping[str, np.ndarray]) -> None:
    """Write rows as a D4RL-format HDF5 file, whole or not at all."""
    import h5py

    with atomic(path, DatasetError) as temporary, h5py.File(temporary, "w", track_order=False) as file:
        for name, values in rows.items():
            file.create_dataset(name, data=values, compression="gzip", track_times=False)


def main(arguments: list[str] | None = None) -> int:
    """Collect one dataset, show its statistics, and write it if asked to."""
    parser = argparse.ArgumentParser(description="Collect a dataset with small policies or a planner.")
    parser.add_argument("name", help="a recollection of workflow/behaviors/recollections.json")
    parser.add_argument("--transitions", type=int, default=100_000, help="number of steps (default 100000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="write a D4RL-format HDF5 file here")
    options = parser.parse_args(arguments)
    return cli.run(lambda: _command(options))


def _command(options: argparse.Namespace) -> None:
    spec = load_recollection(options.name)
    bar = Progress(options.transitions, f"collecting {spec.name}")
    rows = recollect(spec, options.transitions, options.seed, lambda done, _: bar.update(done))
    if options.output is not None:
        write_hdf5(options.output, rows)
    print(describe(spec, rows))


if __name__ == "__main__":
    sys.exit(main())
