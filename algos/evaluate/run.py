"""One evaluation from a run folder to its table, through finished blocks that survive an interruption."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from recheck import checksums
from recheck.errors import EvaluationError, Preempted
from recheck.progress import Progress
from recheck.versions import package_versions

from algos.base import Sampling
from algos.datasets.transitions import read_manifest
from algos.evaluate.blocks import Block, BlockStore, Row
from algos.evaluate.evaluator import Evaluator
from algos.evaluate.settings import Evaluation
from algos.evaluate.workers import Source, Workers, play_here
from algos.training.execution import Execution
from algos.training.lock import Lock
from algos.training.stored import read_record, save_table
from algos.training.trainer import stop_on_signals

LATENCY_STATES = (1, 10)


@dataclass(frozen=True)
class Request:
    """What of a run is evaluated.

    Attributes:
        sampling: setting, as in a configuration.
        evaluation: amounts and episode seeds, as in a configuration.
        label: name of the sampling setting in the tables; the setting's own when None.
    """

    sampling: Mapping[str, Any]
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None


def evaluate_block(
    run: Path,
    dataset: Path,
    request: Request,
    output: Path,
    execution: Execution = Execution(device="cpu"),  # noqa: B008 (frozen)
    state: Path | None = None,
) -> None:
    """Evaluate a run folder; write the episodes' table and, next to it, the timing.

    The table's metadata hold, under the key ``recheck``, what it was made from: the run's digest and seeds,
    the hash of its policies, checkpoints, sampling, evaluation, and the number of episodes and first episode
    seed of every purpose. A reader can so see whether episodes are missing or others than were asked for.

    Finished blocks of episodes are kept in `state` until the table is written: the same call resumes after an
    interruption of any kind, to the same table.

    Args:
        run: the run folder.
        dataset: folder with manifest.json.
        request: what is evaluated.
        output: the parquet file to write.
        execution: where and how; `environments` is the pool of all processes together.
        state: folder of the finished blocks; ``.<output's stem>.blocks`` next to the output when None.

    Raises:
        EvaluationError, MethodError, DatasetError, TrainingError: one message each, before the first episode
            where that can be known.
        Preempted: SIGTERM or SIGUSR2 came; the finished blocks are kept.
    """
    manifest = read_manifest(dataset)
    amounts = Evaluation.from_mapping(request.evaluation)
    setting = Sampling.from_mapping(request.sampling)
    evaluator = Evaluator(run, manifest, setting, amounts, execution)
    pools = split_pool(evaluator, execution)
    source = Source(run, manifest, setting, amounts, replace(execution, environments=max(pools)))
    versions = package_versions()
    environment = {
        "environment_id": manifest["environment_id"],
        "gymnasium_version": versions["gymnasium"],
        "mujoco_version": versions["mujoco"],
    }
    label = request.label or setting.name
    record = {**evaluator.record(), "label": label, **environment}
    folder = state or output.with_name(f".{output.stem}.blocks")
    store = BlockStore(folder, evaluator.identity())
    with Lock(folder.with_name(f"{folder.name}.lock"), str(output)).held() as lock:
        if lock.waited and finished(output, record):
            return
        resumed, before = folder.exists(), _cpu_seconds()
        with stop_on_signals() as stopped:
            store.open()
            with contextlib.closing(_Players(source, evaluator, len(pools), stopped)) as players:
                rows = _play_all(evaluator, store, players)
        # Of an interrupted evaluation only the last part would be counted.
        cpu_seconds = None if resumed else _cpu_seconds() - before
        config = evaluator.config
        identity = {
            "method": config.method,
            "task": config.task,
            "variant": config.variant,
            "digest": config.digest,
            "diffusion_steps": config.diffusion_steps,
            "sampling": label,
        }
        latencies = [
            {
                **identity,
                "num_states": n,
                "action_latency_ms": evaluator.latency_ms(n),
                "cpu_seconds": cpu_seconds,
            }
            for n in LATENCY_STATES
        ]
        timing = output.with_name(output.name.removesuffix(".parquet") + ".timing.parquet")
        save_table(timing, as_columns(latencies), error=EvaluationError)
        complete = [{**identity, **row, **environment} for row in rows]
        save_table(output, as_columns(complete), record, EvaluationError)
        store.remove()


def _cpu_seconds() -> float:
    """Processor time of this process and of those that it has waited for, seconds."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def split_pool(evaluator: Evaluator, execution: Execution) -> list[int]:
    """The environments of each process that plays.

    Args:
        evaluator: of the whole evaluation.
        execution: `workers` processes at most, `environments` together; None for as many as they can use.

    Raises:
        EvaluationError: a pool below 1 or larger than the episodes.
    """
    config = evaluator.config
    reevaluated = evaluator.evaluation.episodes_reevaluated * len(config.seeds)
    episodes = len(config.seeds) * sum(evaluator.counts().values()) + reevaluated
    if execution.environments is not None and not 1 <= execution.environments <= episodes:
        raise EvaluationError(
            f"a pool of {execution.environments} environments for {episodes} episodes; allowed are 1 to "
            f"{episodes}"
        )
    if execution.workers < 1:
        raise EvaluationError(
            f"{execution.workers} processes are to play episodes; allowed are numbers from 1"
        )
    largest = len(evaluator.groups[0]) * evaluator.num_places
    num_jobs = len(evaluator.jobs(evaluator.checkpoint_blocks(), execution.workers))
    workers = min(execution.workers, num_jobs, execution.environments or execution.workers)
    together = min(execution.environments or workers * largest, workers * largest)
    return [together // workers + (i < together % workers) for i in range(workers)]


@dataclass
class _Players:
    """Who plays: this process, or several, which are started once for all that is played."""

    source: Source
    evaluator: Evaluator
    num_workers: int
    stopped: Callable[[], bool]
    workers: Workers = field(init=False)

    def __post_init__(self) -> None:
        self.workers = Workers(self.source, self.num_workers, self.stopped)

    def play(self, blocks: Sequence[Block]) -> Iterator[tuple[Block, list[Row]]]:
        jobs = self.evaluator.jobs(blocks, self.num_workers)
        if self.num_workers == 1:
            yield from play_here(self.evaluator, jobs, self.stopped)
        else:
            yield from self.workers.play(jobs)

    def close(self) -> None:
        """End the processes, close the environments."""
        self.workers.close()
        self.evaluator.close()


def _play_all(evaluator: Evaluator, store: BlockStore, players: _Players) -> list[Row]:
    """All rows, those of finished blocks read and the others played and kept, in the table's order.

    Raises:
        Preempted: with how far it came.
    """
    blocks = evaluator.checkpoint_blocks()
    # Which checkpoints are played again is not known yet, but how many blocks that takes is.
    unknown = dict.fromkeys(evaluator.config.seeds, evaluator.config.checkpoints[0])
    total = len(blocks) + len(evaluator.reevaluation_blocks(unknown))
    rows: list[Row] = []
    progress: Progress | None = None
    done = 0
    try:
        for phase in ("checkpoints", "reevaluation"):
            if phase == "reevaluation":
                blocks = evaluator.reevaluation_blocks(evaluator.best_checkpoints(rows))
            kept = {block: store.load(block) for block in blocks}
            left = [block for block in blocks if kept[block] is None]
            rows += itertools.chain.from_iterable(found for found in kept.values() if found is not None)
            done += len(blocks) - len(left)
            if progress is None:
                config = evaluator.config
                name = f"evaluate {config.method} {config.task} {evaluator.sampling.name}"
                progress = Progress(total, name, done)
            for block, played in players.play(left):
                store.save(block, played)
                rows += played
                done += 1
                progress.update(done)
    except Preempted:
        raise Preempted(
            f"Stopped by a signal; {done} of {total} blocks of episodes are kept, and the same command "
            "resumes."
        ) from None
    return sorted(rows, key=lambda row: (row["seed"], row["purpose"], row["update"], row["episode"]))


def finished(output: Path, record: Mapping[str, Any]) -> bool:
    """Whether a table is there that was made from the same."""
    if not output.is_file():
        return False
    checksums.check(output, f"Remove {output} and evaluate again.", EvaluationError)
    return read_record(output) == record


def as_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Dictionaries of equal keys as columns."""
    return {key: [row[key] for row in rows] for key in rows[0]}
