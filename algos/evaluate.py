"""The one evaluator: every checkpoint of a block, under one sampling setting, episode by episode.

    python -m algos.evaluate --run <run folder> --dataset results/datasets/<task>
        --sampling <JSON> --evaluation <JSON> --output <...>/seeds<a>-<b>.parquet [--label <name-digest>]

One row per episode, nothing averaged: raw return, length, the seed that the environment was reset with.
The episodes of all seeds step together, with one batched policy call a step. Next to the table is
``seeds<a>-<b>.timing.parquet``: how long a policy call takes for one state and for ten.

A training seed's rows depend on neither the block nor on how the work is split: it has its own
environments, its own enumerated episode seeds and its own stream of policy noise, which is drawn for all
of its episodes at every step whether they have ended or not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recheck import checksums, cli
from recheck.errors import EvaluationError
from recheck.former_names import current, hashed_value
from recheck.progress import Progress
from recheck.runs import REEVALUATED_OFFSET
from recheck.versions import package_versions
from torch import Tensor

from algos.base import Sampling
from algos.datasets.transforms import TransformState
from algos.datasets.transitions import read_manifest
from algos.rollouts import Episodes, LocalEpisodes, ParallelEpisodes, play
from algos.seed_parallel.batches import ProblemSpec
from algos.seed_parallel.random_streams import SeedStreams
from algos.training.config import RunConfig
from algos.training.device import choose_device
from algos.training.execution import Execution
from algos.training.process_setup import set_up_process
from algos.training.stored import load_tensors, save_table
from algos.training.trainer import build_method

CHECKPOINT, REEVALUATED = "checkpoint", "best_reevaluated"  # what an episode is played for
LATENCY_STATES = (1, 10)
LATENCY_CALLS = 30


@dataclass(frozen=True)
class Evaluation:
    """How much is evaluated.

    Attributes:
        episodes: per training seed and checkpoint.
        episodes_last: at the last checkpoint.
        episodes_reevaluated: new ones of the checkpoint with the best mean; 0 for none.
        first_episode_seed: episode e of training seed s starts with first + stride * s + e.
        seed_stride: between the training seeds.
    """

    episodes: int = 10
    episodes_last: int = 20
    episodes_reevaluated: int = 10
    first_episode_seed: int = 1_000_000
    seed_stride: int = 1000

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Evaluation:
        """Build from a configuration's mapping.

        Raises:
            EvaluationError: an unknown key, no episodes, or ranges of seeds that overlap.
        """
        known, values = [field.name for field in fields(cls)], current(values)
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise EvaluationError(f"unknown evaluation setting {unknown[0]!r}; known are {', '.join(known)}")
        evaluation = cls(**values)
        if evaluation.episodes < 1 or evaluation.episodes_last < 1 or evaluation.episodes_reevaluated < 0:
            raise EvaluationError(
                "episodes and episodes_last have to be at least 1, episodes_reevaluated at least 0"
            )
        if max(evaluation.episodes, evaluation.episodes_last) > REEVALUATED_OFFSET or (
            evaluation.episodes_reevaluated > evaluation.seed_stride - REEVALUATED_OFFSET
        ):
            raise EvaluationError(
                f"at most {REEVALUATED_OFFSET} episodes of a checkpoint and "
                f"{evaluation.seed_stride - REEVALUATED_OFFSET} new ones of the best fit into a seed_stride "
                f"of {evaluation.seed_stride} without using an episode seed twice"
            )
        return evaluation

    def episode_seeds(self, seed: int, count: int, reevaluated: bool = False) -> list[int]:
        """The seeds that `count` episodes of one training seed are reset with."""
        first = self.first_episode_seed + self.seed_stride * seed + (REEVALUATED_OFFSET if reevaluated else 0)
        return list(range(first, first + count))


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


class Evaluator:
    """A run folder's checkpoints under one sampling setting.

    Args:
        run: the run folder.
        manifest: of the task's dataset.
        sampling: how actions are drawn.
        evaluation: amounts and episode seeds.
        execution: where and how.

    Raises:
        EvaluationError: the folder is incomplete, not what was written, of another dataset, or names no
            environment.
        MethodError: the method cannot serve the sampling setting.
    """

    def __init__(
        self,
        run: Path,
        manifest: Mapping[str, Any],
        sampling: Sampling,
        evaluation: Evaluation,
        execution: Execution,
    ) -> None:
        device = choose_device(execution.device)
        advice = f"Remove the folder {run} and train the run again."
        config_file = run / "config.json"
        checksums.check(config_file, advice, EvaluationError)
        try:
            document = json.loads(config_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise EvaluationError(f"{config_file} cannot be read ({error}). {advice}") from None
        policies_file = run / "policies.safetensors"
        self.policies = load_tensors(policies_file, advice, EvaluationError, str(device))
        self.policies_sha256 = checksums.check(policies_file, advice, EvaluationError)
        if not manifest.get("environment_id"):
            raise EvaluationError(f"task {manifest.get('task')!r} names no environment to evaluate in")
        self.config = RunConfig.from_document(document)
        self.manifest = manifest
        self.sampling = sampling
        self.evaluation = evaluation
        self.workers = execution.workers
        self._check_dataset(run)
        self._check_checkpoints(run, advice)
        problem = ProblemSpec(manifest["observation_dim"], manifest["action_dim"])
        self.method = build_method(self.config, problem, device)
        self.method.check_sampling(sampling)
        stored = {
            n.split("/", 1)[1]: t.cpu().numpy()
            for n, t in self.policies.items()
            if n.startswith("transforms/")
        }
        self.transform = TransformState.from_tensors(stored)

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
                f"again, or bring those data back"
            )

    def _check_checkpoints(self, run: Path, advice: str) -> None:
        """Refuse policies that are not of the run's checkpoints and seeds."""
        kept = {int(n.split("/", 1)[0]) for n in self.policies if n.split("/", 1)[0].isdigit()}
        lacking = [update for update in self.config.checkpoints if update not in kept]
        if lacking:
            raise EvaluationError(
                f"the run {run} keeps no checkpoint {lacking[0]} of its configuration. {advice}"
            )
        num_seeds = len(self.config.seeds)
        for name, tensor in self.policies.items():
            if name.split("/", 1)[0].isdigit() and tensor.shape[0] % num_seeds:
                raise EvaluationError(
                    f"{name} in {run} is of {tensor.shape[0]} networks, which {num_seeds} seeds cannot have. "
                    f"{advice}"
                )

    def checkpoint(self, update: int) -> dict[str, Tensor]:
        """The policy kept after `update` updates."""
        prefix = f"{update}/"
        found = {n.removeprefix(prefix): t for n, t in self.policies.items() if n.startswith(prefix)}
        if not found:
            raise EvaluationError(
                f"the run keeps no checkpoint {update}; it has {list(self.config.checkpoints)}"
            )
        return found

    def streams(self, *purpose: object) -> SeedStreams:
        """The policy's noise for one checkpoint and purpose."""
        name = "/".join(str(part) for part in ("evaluate", self.sampling.name, *purpose))
        return SeedStreams(self.config.seeds, name, self.method.device)

    def run(self) -> list[dict[str, Any]]:
        """Evaluate everything; one dictionary per episode."""
        evaluation, checkpoints = self.evaluation, self.config.checkpoints
        counts = self.counts()
        progress = Progress(
            len(checkpoints) + (evaluation.episodes_reevaluated > 0),
            f"evaluate {self.config.method} {self.config.task} {self.sampling.name}",
        )
        rows: list[dict[str, Any]] = []
        means = []
        judged = min(counts.values())
        for done, update in enumerate(checkpoints, start=1):
            self.method.load_policy(self.checkpoint(update))
            returns = self._play(rows, [update] * len(self.config.seeds), CHECKPOINT, counts[update])
            means.append(returns[:, :judged].mean(axis=1))
            progress.update(done)
        if evaluation.episodes_reevaluated:
            best = [checkpoints[i] for i in np.argmax(np.stack(means), axis=0)]  # the earliest of equals
            self.method.load_policy(self._mixed(best))
            self._play(rows, best, REEVALUATED, evaluation.episodes_reevaluated)
            progress.update(len(checkpoints) + 1)
        return sorted(rows, key=lambda row: (row["seed"], row["purpose"], row["update"], row["episode"]))

    def _mixed(self, updates: Sequence[int]) -> dict[str, Tensor]:
        """A policy whose seed k is that of checkpoint updates[k]."""
        num_seeds = len(updates)
        mixed: dict[str, Tensor] = {}
        for k, update in enumerate(updates):
            for name, tensor in self.checkpoint(update).items():
                target = mixed.setdefault(name, torch.empty_like(tensor))
                copies = tensor.shape[0] // num_seeds
                target[k * copies : (k + 1) * copies] = tensor[k * copies : (k + 1) * copies]
        return mixed

    def _play(
        self, rows: list[dict[str, Any]], updates: Sequence[int], purpose: str, count: int
    ) -> np.ndarray:
        config, evaluation = self.config, self.evaluation
        reevaluated = purpose == REEVALUATED
        seeds = [evaluation.episode_seeds(seed, count, reevaluated) for seed in config.seeds]
        streams = self.streams(hashed_value(purpose)) if reevaluated else self.streams(purpose, updates[0])
        total = count * len(config.seeds)
        episodes: Episodes
        if self.workers > 1 and total > 1:
            episodes = ParallelEpisodes(self.manifest, total, min(self.workers, total))
        else:
            episodes = LocalEpisodes(self.manifest, total)
        try:
            returns, lengths = play(self.method, self.sampling, streams, self.transform, episodes, seeds)
        finally:
            episodes.close()
        bad = np.argwhere(~np.isfinite(returns))
        if len(bad):
            k, e = (int(i) for i in bad[0])
            raise EvaluationError(
                f"episode {e} of seed {config.seeds[k]} after {updates[k]} updates has the return "
                f"{returns[k, e]:g}; the policy or the environment gave a number that is not finite"
            )
        for k, seed in enumerate(config.seeds):
            for e in range(count):
                rows.append(
                    {
                        "seed": seed,
                        "update": updates[k],
                        "purpose": purpose,
                        "episode": e,
                        "episode_seed": seeds[k][e],
                        "raw_return": float(returns[k, e]),
                        "length": int(lengths[k, e]),
                    }
                )
        return returns

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
            "format": 1,
            "digest": config.digest,
            "seeds": list(config.seeds),
            "policies_sha256": self.policies_sha256,
            "content_sha256": self.manifest.get("content_sha256"),
            "sampling": asdict(self.sampling),
            "evaluation": asdict(evaluation),
            "episodes": {str(update): count for update, count in self.counts().items()},
            "episodes_reevaluated": evaluation.episodes_reevaluated,
            "first_episode_seeds": seeds,
        }

    def counts(self) -> dict[int, int]:
        """Episodes per training seed at each checkpoint."""
        counts = dict.fromkeys(self.config.checkpoints, self.evaluation.episodes)
        counts[self.config.checkpoints[-1]] = self.evaluation.episodes_last
        return counts

    def latency_ms(self, num_states: int) -> float:
        """Median milliseconds of one policy call of one seed for `num_states` states."""
        method = build_method(
            RunConfig.from_document({**self.config.document, "seeds": [self.config.seeds[0]]}),
            self.method.problem,
            self.method.device,
        )
        streams = SeedStreams(self.config.seeds[:1], "latency", method.device)
        states = streams.normal(num_states, method.problem.observation_dim)
        seconds = []
        with torch.no_grad():
            for _ in range(LATENCY_CALLS + 3):
                start = time.perf_counter()
                method.act(states, self.sampling, streams).cpu()  # the copy waits for the device
                seconds.append(time.perf_counter() - start)
        return 1000.0 * statistics.median(seconds[3:])


def evaluate_block(
    run: Path,
    dataset: Path,
    request: Request,
    output: Path,
    execution: Execution = Execution(device="cpu"),  # noqa: B008 (frozen)
) -> None:
    """Evaluate a run folder; write the episodes' table and, next to it, the timing.

    The table's metadata hold, under the key ``recheck``, what it was made from: the run's digest and seeds,
    the hash of its policies, checkpoints, sampling, evaluation, and the number of episodes and first episode
    seed of every purpose. A reader can so see whether episodes are missing or others than were asked for.

    Args:
        run: the run folder.
        dataset: folder with manifest.json.
        request: what is evaluated.
        output: the parquet file to write.
        execution: where and how.

    Raises:
        EvaluationError, MethodError, DatasetError, TrainingError: one message each.
    """
    set_up_process(execution.threads)
    manifest = read_manifest(dataset)
    setting = Sampling.from_mapping(request.sampling)
    amounts = Evaluation.from_mapping(request.evaluation)
    evaluator = Evaluator(run, manifest, setting, amounts, execution)
    rows = evaluator.run()
    versions = package_versions()
    config = evaluator.config
    label = request.label or setting.name
    identity = {
        "method": config.method,
        "task": config.task,
        "variant": config.variant,
        "digest": config.digest,
        "diffusion_steps": config.diffusion_steps,
        "sampling": label,
    }
    environment = {
        "environment_id": manifest["environment_id"],
        "gymnasium_version": versions["gymnasium"],
        "mujoco_version": versions["mujoco"],
    }
    complete = [{**identity, **row, **environment} for row in rows]
    latencies = [
        {**identity, "num_states": n, "action_latency_ms": evaluator.latency_ms(n)} for n in LATENCY_STATES
    ]
    timing = output.with_name(output.name.removesuffix(".parquet") + ".timing.parquet")
    save_table(timing, as_columns(latencies), error=EvaluationError)
    record = {**evaluator.record(), "label": label, **environment}
    save_table(output, as_columns(complete), record, EvaluationError)


def as_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Dictionaries of equal keys as columns."""
    return {key: [row[key] for row in rows] for key in rows[0]}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m algos.evaluate", description="Evaluate a block of seeds."
    )
    parser.add_argument("--run", required=True, type=Path, help="run folder of the trainer")
    parser.add_argument("--dataset", required=True, type=Path, help="folder with manifest.json")
    parser.add_argument("--sampling", default='{"name": "default"}', help="sampling setting, JSON")
    parser.add_argument("--evaluation", default="{}", help="evaluation setting, JSON")
    parser.add_argument("--output", required=True, type=Path, help="parquet file to write")
    parser.add_argument("--label", default=None, help="name of the sampling setting in the tables")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto (default: cpu)")
    parser.add_argument("--workers", type=int, default=1, help="processes that step environments")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads of torch")
    options = parser.parse_args(arguments)

    def command() -> None:
        execution = Execution(options.device, options.threads, workers=options.workers)
        request = Request(
            _mapping("--sampling", options.sampling),
            _mapping("--evaluation", options.evaluation),
            options.label,
        )
        evaluate_block(options.run, options.dataset, request, options.output, execution)

    return cli.run(command)


def _mapping(option: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise EvaluationError(f"{option} has to be JSON: {error}") from None
    if not isinstance(value, dict):
        raise EvaluationError(f"{option} has to be a JSON object, not {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
