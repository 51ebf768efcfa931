"""The policy at the end of a run, with all that evaluating it again needs, for ``results/published``.

    python -m algos.publish_checkpoint --run <run folder> --dataset results/datasets/<task>
        --episodes results/episodes/<...>/seeds<a>-<b>.parquet [--output results/published/checkpoints]

Writes the folder ``<method>/<task>/<variant>-<digest>/N<steps>/<sampling>/seeds<a>-<b>`` there:

``config.json``           the run's configuration, its last checkpoint the only one
``policies.safetensors``  that checkpoint, and what is done to observations
``manifest.json``         of the dataset's manifest what names the environment
``episodes.parquet``      the episodes that were played with it
``checkpoint.json``       update, sampling and evaluation setting, versions (schema ``checkpoint``)

It serves as ``--run`` and as ``--dataset`` of ``python -m algos.evaluate``; ``snakemake reevaluate`` plays
every published policy again and compares.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from recheck import checksums, cli, files, paths
from recheck.errors import EvaluationError
from recheck.former_names import current
from recheck.results import published_checkpoints

from algos.base import Sampling
from algos.datasets.transitions import read_manifest
from algos.evaluate import CHECKPOINT, Evaluation
from algos.training.config import RunConfig
from algos.training.stored import load_tensors, read_record, save_json, save_table, save_tensors

# What evaluation and the comparison read of a manifest.
MANIFEST_KEYS = (
    "format",
    "task",
    "content_sha256",
    "observation_dim",
    "action_dim",
    "environment_id",
    "adapter",
    "environment_match",
    "horizon",
    "reference_min_score",
    "reference_max_score",
    "comparability",
)


def publish(run: Path, dataset: Path, episodes: Path, output: Path) -> Path:
    """Write the folder of a run's last checkpoint.

    Args:
        run: a finished run folder.
        dataset: folder with the manifest of its dataset.
        episodes: table of the evaluator for that run.
        output: the folder of all published checkpoints.

    Returns:
        The folder that was written.

    Raises:
        EvaluationError: a file is absent or not what was written, the episodes are not of these policies, the
            program that trained differed from its commit, or all policies together would be too large.
    """
    advice = "Only a finished run with its episodes can be published."
    checksums.check(run / "config.json", advice, EvaluationError)
    document = files.read_json(run / "config.json", EvaluationError)
    config = RunConfig.from_document(document)
    last = config.checkpoints[-1]
    tensors = load_tensors(run / "policies.safetensors", advice, EvaluationError)
    record = _record_of(run, episodes, advice)
    kept = {name: value for name, value in tensors.items() if name.startswith((f"{last}/", "transforms/"))}
    rows = pq.ParquetFile(episodes).read(use_threads=False)
    rows = rows.filter((pc.field("update") == last) & (pc.field("purpose") == CHECKPOINT))
    description = _description(run, record, rows, last, len(config.seeds))
    group = paths.run_group(config.method, config.task, config.variant, config.digest, config.diffusion_steps)
    block = f"{group}/{record['label']}/seeds{config.seeds[0]}-{config.seeds[-1]}"
    _check_size(output, output / block, kept)
    manifest = current(read_manifest(dataset))
    with files.atomic_folder(output / block, EvaluationError) as folder:
        save_json(folder / "config.json", {**document, "checkpoints": [last]}, EvaluationError)
        save_tensors(folder / "policies.safetensors", kept, EvaluationError)
        reduced = {key: manifest[key] for key in MANIFEST_KEYS if key in manifest}
        files.write_json(folder / "manifest.json", reduced, EvaluationError)
        save_table(folder / "episodes.parquet", rows.to_pydict(), error=EvaluationError)
        files.write_json(folder / published_checkpoints.DESCRIPTION, description, EvaluationError)
    return output / block


def _record_of(run: Path, episodes: Path, advice: str) -> dict[str, Any]:
    """What the evaluator wrote about the episodes, which have to be of this run's policies."""
    checksums.check(episodes, advice, EvaluationError)
    record = read_record(episodes)
    policies = checksums.check(run / "policies.safetensors", advice, EvaluationError)
    if record.get("policies_sha256") != policies:
        raise EvaluationError(
            f"{episodes} was not played with the policies of {run}; give the episodes of that run."
        )
    return record


def _description(
    run: Path, record: Mapping[str, Any], rows: pa.Table, update: int, num_seeds: int
) -> dict[str, Any]:
    provenance = files.read_json(run / "provenance.json", EvaluationError)
    if provenance["git"].get("dirty") is not False:
        raise EvaluationError(
            f"{run}/provenance.json does not say that the program was that of its commit; such a policy is "
            "not published."
        )
    count, rest = divmod(rows.num_rows, num_seeds)
    if rest or not count:
        raise EvaluationError(
            f"The {rows.num_rows} episodes of checkpoint {update} are not equally many for {num_seeds} seeds."
        )
    setting = asdict(Evaluation.from_mapping(record["evaluation"]))
    return {
        "format": 1,
        "update": update,
        "label": record["label"],
        "sampling": asdict(Sampling.from_mapping(record["sampling"])),
        "evaluation": {**setting, "episodes": count, "episodes_last": count, "episodes_reevaluated": 0},
        "trained": {
            "git_commit": provenance["git"]["commit"],
            "devices": provenance["devices"],
            "torch": provenance["versions"]["torch"],
        },
        "evaluated": {"gymnasium": record["gymnasium_version"], "mujoco": record["mujoco_version"]},
    }


def _check_size(output: Path, folder: Path, tensors: Mapping[str, Any]) -> None:
    others = sum(
        path.stat().st_size for path in output.rglob("*") if path.is_file() and folder not in path.parents
    )
    total = others + sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if total > published_checkpoints.MOST_BYTES:
        raise EvaluationError(
            f"{output} would hold {total / 1e6:.0f} MB; at most "
            f"{published_checkpoints.MOST_BYTES / 1e6:.0f} MB of policies are published. Remove others first."
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m algos.publish_checkpoint", description="Keep the policy at the end of a run."
    )
    parser.add_argument("--run", required=True, type=Path, help="run folder of the trainer")
    parser.add_argument("--dataset", required=True, type=Path, help="folder with manifest.json")
    parser.add_argument("--episodes", required=True, type=Path, help="parquet file of the evaluator")
    parser.add_argument(
        "--output", type=Path, default=published_checkpoints.FOLDER, help="folder of all of them"
    )
    options = parser.parse_args(arguments)

    def command() -> None:
        print(json.dumps(str(publish(options.run, options.dataset, options.episodes, options.output))))

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
