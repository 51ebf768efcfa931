"""A run folder's checkpoints under one sampling setting: what is played, and how a part of it is."""

from __future__ import annotations

import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recheck import checksums
from recheck.errors import EvaluationError
from recheck.jobs.evaluation_blocks import batch_states
from recheck.versions import package_versions

from algos.base import Method, Sampling
from algos.evaluate.blocks import CHECKPOINT, REEVALUATED, Block, Row, cut
from algos.evaluate.memory import check_memory
from algos.evaluate.policies import Policies
from algos.evaluate.settings import Evaluation
from algos.rollouts import EnvironmentPool, Episode, Player
from algos.seed_parallel import kernels
from algos.seed_parallel.batches import ProblemSpec
from algos.seed_parallel.random_streams import SeedStreams
from algos.training.config import RunConfig
from algos.training.device import choose_device
from algos.training.execution import Execution
from algos.training.process_setup import set_up_process
from algos.training.trainer import build_method

# Format 1, which is still read: all episodes in one batch, a stream of noise per training seed.
FORMAT = 2
LATENCY_CALLS = 30


class Evaluator:
    """A run folder's checkpoints under one sampling setting.

    What an episode gives depends on the policy, the training seed, the purpose, the number and the seed of
    the episode alone (tested): not on other episodes, the size of the pool, the process, or an interruption.
    On a GPU the seeds of a block act together, and the last bits may differ from those of another block.

    Args:
        run: the run folder.
        manifest: of the task's dataset.
        sampling: how actions are drawn.
        evaluation: amounts and episode seeds.
        execution: where and how; `environments` is the pool of this process.

    Raises:
        EvaluationError: the folder is incomplete, not what was written, of another dataset, or names no
            environment; one action takes more memory than there is.
        MethodError: the method cannot serve the sampling setting.
        TrainingError: a GPU was asked for and is absent.
    """

    def __init__(
        self,
        run: Path,
        manifest: Mapping[str, Any],
        sampling: Sampling,
        evaluation: Evaluation,
        execution: Execution,
    ) -> None:
        # One thread where none is named: sums depend on it, and processes are what uses the cores.
        self.threads = execution.threads or 1
        set_up_process(self.threads, execution.kernels)
        self.device = choose_device(execution.device)
        advice = f"Remove the folder {run} and train the run again."
        config_file = run / "config.json"
        checksums.check(config_file, advice, EvaluationError)
        try:
            document = json.loads(config_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise EvaluationError(f"{config_file} cannot be read ({error}). {advice}") from None
        self.config = RunConfig.from_document(document)
        self.policies = Policies(run, self.config)
        if not manifest.get("environment_id"):
            raise EvaluationError(f"task {manifest.get('task')!r} names no environment to evaluate in")
        self.manifest = manifest
        self.sampling = sampling
        self.evaluation = evaluation
        self._check_dataset(run)
        num_seeds = len(self.config.seeds)
        # Seeds that act in one call. On a CPU a stack gains nothing, and alone a seed waits for no other.
        together = num_seeds if self.device.type == "cuda" else 1
        self.groups = [tuple(range(first, first + together)) for first in range(0, num_seeds, together)]
        probe = self._method(self.groups[0])
        probe.check_sampling(sampling)
        self.rows_per_state = probe.acting_rows(sampling)
        self.num_places = batch_states(self.rows_per_state)
        check_memory(probe, sampling, self.num_places, execution.memory_mb)
        largest = together * self.num_places
        self.pool_size = min(execution.environments or largest, largest)
        # The last one is kept alone: of a large block all together would take gigabytes.
        self._current: tuple[tuple[int, ...], Method] = (self.groups[0], probe)
        self._player: Player | None = None
        self._pool: EnvironmentPool | None = None

    def _method(self, group: tuple[int, ...]) -> Method:
        """The method of some of the block's seeds, newly built."""
        seeds = [self.config.seeds[row] for row in group]
        problem = ProblemSpec(self.manifest["observation_dim"], self.manifest["action_dim"])
        document = {**self.config.document, "seeds": seeds}
        return build_method(RunConfig.from_document(document), problem, self.device)

    def _check_dataset(self, run: Path) -> None:
        """Refuse a dataset that the run was not trained on."""
        if self.manifest.get("task") != self.config.task:
            raise EvaluationError(
                f"the run {run} is of task {self.config.task!r}, but the dataset is of "
                f"{self.manifest.get('task')!r}; give the dataset that it was trained on"
            )
        provenance = run / "provenance.json"
        if not provenance.is_file():
            return
        try:
            trained_on = json.loads(provenance.read_text(encoding="utf-8")).get("dataset", {})
        except (OSError, ValueError) as error:
            raise EvaluationError(f"{provenance} cannot be read ({error}); train the run again") from None
        known, here = trained_on.get("content_sha256"), self.manifest.get("content_sha256")
        if known and here and known != here:
            raise EvaluationError(
                f"the run {run} was trained on other data of task {self.config.task} (content "
                f"{known[:12]}..., the dataset here is {here[:12]}...); train it "
                f"again, or restore those data"
            )

    # --- What is played ---

    def counts(self) -> dict[int, int]:
        """Episodes per training seed at each checkpoint."""
        counts = dict.fromkeys(self.config.checkpoints, self.evaluation.episodes)
        counts[self.config.checkpoints[-1]] = self.evaluation.episodes_last
        return counts

    def checkpoint_blocks(self) -> list[Block]:
        """The episodes of every checkpoint, in blocks."""
        return [
            block
            for update, count in self.counts().items()
            for seed in self.config.seeds
            for block in cut(CHECKPOINT, update, seed, self.evaluation.episode_seeds(seed, count))
        ]

    def best_checkpoints(self, rows: Sequence[Row]) -> dict[int, int]:
        """Training seed -> update of its best checkpoint: by the mean return, the earliest of equals.

        Args:
            rows: all of the checkpoints' episodes; as many are compared as every checkpoint has.
        """
        judged = min(self.counts().values())
        returns: dict[tuple[int, int], list[float]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: int(row["episode"])):
            if row["purpose"] == CHECKPOINT and row["episode"] < judged:
                returns[row["seed"], row["update"]].append(row["raw_return"])
        checkpoints = self.config.checkpoints
        means = {key: float(np.mean(values)) for key, values in returns.items()}
        return {seed: max(checkpoints, key=lambda update: means[seed, update]) for seed in self.config.seeds}

    def reevaluation_blocks(self, best: Mapping[int, int]) -> list[Block]:
        """New episodes of each seed's best checkpoint, in blocks; none where none are asked for."""
        count = self.evaluation.episodes_reevaluated
        return [
            block
            for seed in self.config.seeds
            for block in cut(
                REEVALUATED, best[seed], seed, self.evaluation.episode_seeds(seed, count, reevaluated=True)
            )
        ]

    def jobs(self, blocks: Sequence[Block], num_workers: int = 1) -> list[tuple[Block, ...]]:
        """Blocks that one process plays at a time: of the seeds that act together, each with one policy.

        A policy's blocks stay together, so that places are filled again, unless there are then fewer jobs
        than processes could use.
        """
        rows = {seed: row for row, seed in enumerate(self.config.seeds)}
        group_of = {row: group for group in self.groups for row in group}
        found: dict[Any, list[Block]] = defaultdict(list)
        for block in blocks:
            update = block.update if block.purpose == CHECKPOINT else None  # of a group, each seed's own
            found[block.purpose, update, group_of[rows[block.seed]]].append(block)
        jobs = [tuple(own) for own in found.values()]
        if len(jobs) >= 2 * num_workers or num_workers == 1:
            return jobs
        parts: dict[tuple[Any, int], list[Block]] = defaultdict(list)
        for key, own in found.items():
            for block in own:
                parts[key, block.first].append(block)
        return [tuple(own) for own in parts.values()]

    # --- How it is played ---

    def play(
        self, job: Sequence[Block], stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[Block, list[Row]]]:
        """Play the blocks of one job; each is handed over with its rows as it is done.

        Args:
            job: of `jobs`.
            stopped: asked before each step.

        Raises:
            EvaluationError: an episode's return is not finite.
            Preempted: `stopped` says so.
        """
        rows = {self.config.seeds[row]: row for row in range(len(self.config.seeds))}
        group = next(group for group in self.groups if rows[job[0].seed] in group)
        player = self._player_of(group)
        updates = {block.seed: block.update for block in job}
        # A seed with nothing left to play acts as another's checkpoint, and nobody reads it.
        anything = job[0].update
        own = [updates.get(self.config.seeds[row], anything) for row in group]
        player.method.load_policy(self.policies.load(group, own))
        block_of: dict[tuple[int, int], Block] = {}
        episodes = []
        for block in job:
            row = group.index(rows[block.seed])
            for i, episode_seed in enumerate(block.episode_seeds):
                number = block.first + i
                block_of[row, number] = block
                episodes.append(Episode(row, number, episode_seed, self.purpose(block)))
        done: dict[Block, list[Row]] = {block: [] for block in job}
        for played in player.play(episodes, stopped):
            block = block_of[played.episode.row, played.episode.number]
            done[block].append(block.row(played.episode.number, played.raw_return, played.length))
            if len(done[block]) == len(block.episode_seeds):
                yield block, sorted(done.pop(block), key=lambda row: int(row["episode"]))

    def purpose(self, block: Block) -> str:
        """What the noise of a block's episodes is for."""
        parts = ["evaluate", self.sampling.name, block.purpose]
        return "/".join(parts if block.purpose == REEVALUATED else [*parts, str(block.update)])

    def _player_of(self, group: tuple[int, ...]) -> Player:
        if self._pool is None:
            self._pool = EnvironmentPool(self.manifest, self.pool_size)
        if self._current[0] != group:
            self._current = (group, self._method(group))
            self._player = None
        if self._player is None:
            self._player = Player(self._current[1], self.sampling, self.policies.transform, self._pool)
        return self._player

    def close(self) -> None:
        """Close the environments."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
            self._player = None

    # --- What it is made from ---

    def record(self) -> dict[str, Any]:
        """What the episodes are made from, for the table's metadata."""
        config, evaluation = self.config, self.evaluation
        seeds = {
            purpose: {
                str(seed): evaluation.episode_seeds(seed, 1, purpose == REEVALUATED)[0]
                for seed in config.seeds
            }
            for purpose in (CHECKPOINT, REEVALUATED)
        }
        return {
            "format": FORMAT,
            "digest": config.digest,
            "seeds": list(config.seeds),
            "policies_sha256": self.policies.sha256,
            "content_sha256": self.manifest.get("content_sha256"),
            "sampling": asdict(self.sampling),
            "evaluation": asdict(evaluation),
            "episodes": {str(update): count for update, count in self.counts().items()},
            "episodes_reevaluated": evaluation.episodes_reevaluated,
            "first_episode_seeds": seeds,
            "states_per_call": self.num_places,
            "device": self.device.type,
        }

    def identity(self) -> dict[str, Any]:
        """All that an episode's numbers depend on: what has to agree before kept blocks are used."""
        versions = package_versions()
        names = ("torch", "numpy", "gymnasium", "gymnasium-robotics", "mujoco")
        environment = ("environment_id", "adapter", "horizon", "observation_dim", "action_dim")
        return {
            **self.record(),
            "environment": {name: self.manifest.get(name) for name in environment},
            "threads": self.threads,
            "kernels": kernels.in_use(),
            "versions": {name: versions.get(name) for name in names},
        }

    def latency_ms(self, num_states: int) -> float:
        """Median milliseconds of one policy call of one seed for `num_states` states."""
        group, method = self._current
        if len(group) > 1:
            method = self._method(group[:1])
        streams = SeedStreams(method.seeds, "latency", method.device)
        states = streams.normal(num_states, method.problem.observation_dim)
        seconds = []
        with torch.no_grad():
            for _ in range(LATENCY_CALLS + 3):
                start = time.perf_counter()
                method.act(states, self.sampling, streams).cpu()  # the copy waits for the device
                seconds.append(time.perf_counter() - start)
        return 1000.0 * statistics.median(seconds[3:])
