"""The policies at the end of runs, with all that evaluating them again needs, for ``results/published``.

    python -m algos.publish_checkpoint results/runs/<method>/<task>/<variant>-<digest>[=<episodes>] ...
        [--output results/published/checkpoints]

A folder means every finished block of seeds in it; dataset and episodes are found next to ``runs``, in
the same folder of results. ``=5`` keeps the first five episodes of each seed, where playing all again takes
long; an episode does not depend on how many there are. Each block becomes the folder
``<method>/<task>/<variant>-<digest>/N<steps>/<sampling>/seeds<a>-<b>``:

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
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True)
class Finished:
    """A block of seeds whose policies can be published.

    Attributes:
        run: a finished run folder.
        dataset: folder with the manifest of its dataset.
        episodes: table of the evaluator for that run.
        first_episodes: how many of each seed are kept, from the first; None for all.
    """

    run: Path
    dataset: Path
    episodes: Path
    first_episodes: int | None = None


def find(folder: Path, first_episodes: int | None = None) -> list[Finished]:
    """Every finished block in a folder of runs, in order of its path.

    Args:
        folder: ``<results>/runs/<method>``, or a folder in it.
        first_episodes: as of `Finished`.

    Raises:
        EvaluationError: there is no finished run, or its episodes are absent or of several sampling settings.
    """
    runs = sorted(path.parent for path in folder.rglob("config.json") if paths.is_finished(path.parent))
    if not runs:
        raise EvaluationError(f"{folder} holds no finished run; give a folder in results/runs.")
    return [_located(run, first_episodes) for run in runs]


def _located(run: Path, first_episodes: int | None) -> Finished:
    """A run with the files of the same folder of results that belong to it."""
    *_, task, _, _, block = run.resolve().parts
    group = run.resolve().parent
    results = group.parents[4]
    found = sorted((results / "episodes" / group.relative_to(results / "runs")).glob(f"*/{block}.parquet"))
    if len(found) != 1:
        raise EvaluationError(
            f"{run}: {len(found)} sampling settings have episodes of it in {results / 'episodes'}; exactly "
            "one is needed."
        )
    return Finished(run, results / "datasets" / task, found[0], first_episodes)


def publish(finished: Finished, output: Path) -> Path:
    """Write the folder of a run's last checkpoint.

    Args:
        finished: the run with its dataset and its episodes.
        output: the folder of all published checkpoints.

    Returns:
        The folder that was written.

    Raises:
        EvaluationError: a file is absent or not what was written, the episodes are not of these policies, the
            program that trained differed from its commit, fewer episodes were played than are to be kept, or
            all policies together would be too large.
    """
    run, episodes = finished.run, finished.episodes
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
    if finished.first_episodes is not None:
        rows = rows.filter(pc.field("episode") < finished.first_episodes)
    description = _description(finished, record, rows, last, len(config.seeds))
    group = paths.run_group(config.method, config.task, config.variant, config.digest, config.diffusion_steps)
    block = f"{group}/{record['label']}/seeds{config.seeds[0]}-{config.seeds[-1]}"
    _check_size(output, output / block, kept)
    manifest = current(read_manifest(finished.dataset))
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
    finished: Finished, record: Mapping[str, Any], rows: pa.Table, update: int, num_seeds: int
) -> dict[str, Any]:
    run, wanted = finished.run, finished.first_episodes
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
    if wanted is not None and count != wanted:
        raise EvaluationError(f"{run}: {wanted} episodes of each seed are to be kept; {count} were played.")
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
        prog="python -m algos.publish_checkpoint", description="Keep the policies at the end of runs."
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUNS[=EPISODES]",
        help="folder in results/runs, and how many episodes of each seed are kept (all)",
    )
    parser.add_argument(
        "--output", type=Path, default=published_checkpoints.FOLDER, help="folder of all of them"
    )
    options = parser.parse_args(arguments)

    def command() -> None:
        for finished in [block for given in options.runs for block in find(*_request(given))]:
            print(json.dumps(str(publish(finished, options.output))))

    return cli.run(command)


def _request(given: str) -> tuple[Path, int | None]:
    """A folder and its number of episodes, from one word of the command line."""
    folder, equals, count = given.rpartition("=")
    if not equals:
        return Path(given), None
    if not count.isdecimal() or int(count) < 1:
        raise EvaluationError(f"{given}: the number of episodes is '{count}'; it has to be at least 1.")
    return Path(folder), int(count)


if __name__ == "__main__":
    sys.exit(main())
