"""Make the results folder of an earlier version that the tests read: results.tar.xz.

Run it in a checkout of commit dd9f68d with that commit's packages on the path:

    git worktree add /path/to/old dd9f68d && cd /path/to/old
    PYTHONPATH=$PWD:$PWD/workflow/planning:$PWD/workflow/executor python /path/to/this/make.py

Two experiments with behaviour cloning of 20 updates and networks of 8 units: `former`, whose task `small-v0`
is added to tasks.csv, and `own` with the same file. What is added to the checkout is written by `prepare`,
which the tests use too.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

EXPERIMENT = """description: A small experiment for the test of an old results folder.
average_last_k: 2
evaluation: {episodes: 1, episodes_last: 2, episodes_honest: 1}
grid:
  - methods: [bc]
    tasks: [small-v0]
    seeds: 2
    num_updates: 20
    checkpoints: 2
"""
OWN = ["experiment=own", "dataset=small.hdf5", "env=Hopper-v4", "methods=bc", "num_updates=20", "seeds=2"]
FORMER = ["experiment=former", "train_on=cpu"]
KEPT = [
    "small.hdf5",
    "results/datasets",
    "results/runs",
    "results/episodes",
    "results/scores/former",
    "results/scores/own",
    "results/tables/former/scores.csv",
    "results/tables/own/scores.csv",
]


def prepare(root: Path) -> None:
    """Add the small task, its experiment and small networks to a checkout."""
    methods = root / "workflow/config/hyperparameters/bc.yaml"
    small = methods.read_text(encoding="utf-8").replace(
        "hidden_sizes: {value: [256, 256]", "hidden_sizes: {value: [8, 8]"
    )
    methods.write_text(small, encoding="utf-8")
    (root / "workflow/config/experiments/former.yaml").write_text(EXPERIMENT, encoding="utf-8")
    tasks = root / "workflow/config/tasks.csv"
    with tasks.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    model = next(row for row in rows if row["task"] == "hopper-medium-v2")
    empty = ("urls", "sha256", "sha256_source", "size_bytes", "expected_transitions", "notes")
    row = {
        **{
            name: "" if name in empty or name.startswith("expected_") else value
            for name, value in model.items()
        },
        "task": "small-v0",
        "source": "made for a test",
        "path": "small.hdf5",
        "comparability": "toy",
        "hyperparameters_like": "hopper-medium-v2",
    }
    with tasks.open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, list(row), lineterminator="\n").writerow(row)


def write_file(path: Path) -> None:
    """A D4RL-format file of Hopper's widths: 6 episodes of 50 steps."""
    import h5py
    import numpy as np

    random = np.random.default_rng(0)
    count = 300
    with h5py.File(path, "w") as file:
        file["observations"] = random.normal(size=(count, 11)).astype(np.float32)
        file["actions"] = random.uniform(-1, 1, size=(count, 3)).astype(np.float32)
        file["rewards"] = np.repeat(random.uniform(0.5, 2.0, size=6), 50).astype(np.float32)
        file["terminals"] = np.arange(count) % 50 == 49
        file["timeouts"] = np.zeros(count, dtype=bool)


def main() -> None:
    """Write results.tar.xz into the current folder."""
    root = Path.cwd()
    prepare(root)
    write_file(root / "small.hdf5")
    for settings in (FORMER, OWN):
        subprocess.run([sys.executable, "-m", "snakemake", "--cores", "1", "--config", *settings], check=True)
    subprocess.run(["tar", "--sort=name", "-cJf", "results.tar.xz", *KEPT], check=True)


if __name__ == "__main__":
    main()
