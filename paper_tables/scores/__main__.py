"""From finished runs to the four files of ``results/scores/<experiment>``.

    python -m paper_tables.scores --experiment-file <index.json> --output results/scores/<experiment>

The index is JSON, written by the planner (schema: ``schemas/scores_index.schema.json``)::

    {"format": 1,
     "experiment": "smoke",
     "average_last_k": 5,
     "blocks": [
       {"run_dir": "results/runs/iql/hopper-x-v0/paper-0123abcd/N0/seeds0-2",
        "dataset_manifest": "results/datasets/hopper-x-v0/manifest.json",
        "episodes": "results/episodes/iql/hopper-x-v0/paper-0123abcd/N0/default-89abcdef/seeds0-2.parquet",
        "timing": "results/episodes/iql/.../default-89abcdef/seeds0-2.timing.parquet",
        "seeds": [0, 1, 2]}]}

One entry per block **and** sampling setting; paths are relative to the working directory. ``seeds`` are
the seeds asked for: a block may hold more, which are left out. ``timing`` may be null or left out,
``average_last_k`` too (5). A bare list of blocks is read as ``blocks`` with the file's name as experiment.

Written: ``scores.parquet`` (one row per run, sampling setting and selection rule), ``episodes.parquet``,
``cost.parquet``, ``losses.parquet``; columns, units and keys in ``schemas/*.schema.json``.

The selection rules, all from one run:

``last``
    the last checkpoint, all its episodes.
``average_last_k``
    the mean of the means of the last k checkpoints (EDP's "running average" with k = 10).
``best_online``
    the checkpoint with the highest mean over its evaluation episodes, and that same mean: what most
    papers print, too high by construction. Every checkpoint is judged by equally many episodes, its
    first m, so that a longer last evaluation gives no checkpoint an advantage.
``best_reevaluated``
    the checkpoint chosen online, scored on fresh episodes that took no part in the choice.
``offline_described``
    Diffusion-QL, section "model selection": of the checkpoints' training noise losses, each averaged over
    its evaluation interval, the one with ``offline_top_k`` smaller ones (0 = the least).
``offline_released``
    what the release does (main.py: ``np.argsort(bc_loss) == top_k``): the inverse permutation, so that it
    takes the checkpoint whose *position in the sorted order* holds the number k, another one on most
    noisy losses.
``offline_described_early_stop``, ``offline_released_early_stop``
    the same two on the checkpoints up to and with the first whose noise loss exceeds the one before
    (``--early_stop``: tolerance 1, minimal difference 0); for a run that was trained to the end they say
    what would have been picked with the flag.

The episodes are compared with the plan (number, seeds, checkpoints, purposes): what is missing or other is
refused by name. Losses that are NaN or infinite are named and left empty.

The offline rules exist for runs that log ``noise_loss``; ``offline_top_k`` is read from the run's
hyperparameters (``offline_top_k``, else 0).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recheck import cli

from paper_tables.scores.collect import collect, losses_not_finite
from paper_tables.scores.read_runs import read_index
from paper_tables.scores.tables import write


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.scores", description="Gather finished runs."
    )
    parser.add_argument("--experiment-file", type=Path, required=True, help="JSON index of the blocks")
    parser.add_argument("--output", type=Path, required=True, help="folder of the four parquet files")
    options = parser.parse_args(arguments)
    return cli.run(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    index = read_index(options.experiment_file)
    write(collect(index), options.output)
    for message in losses_not_finite(index):
        print(message)


if __name__ == "__main__":
    sys.exit(main())
