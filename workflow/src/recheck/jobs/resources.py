"""What a job of training or evaluation asks for: memory, time, environments, from task, seeds and method.

Memory is the measured memory of the parts (`workflow/config/cost_rates.yaml`) with a margin. Time is the
highest rate with a margin, and at most the limit of the configuration: a job that needs longer resumes from
its state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recheck.errors import ConfigError
from recheck.jobs import rates as rates_module
from recheck.jobs.evaluation_blocks import batch_states

# Of the memory and the time that the rates predict.
MEMORY_MARGIN, TIME_MARGIN = 1.25, 1.5
LEAST_MINUTES = 60
# Numbers of the widest layers that one row of a policy's call keeps, and bytes of a number.
NUMBERS_PER_ROW, BYTES = 6 * 1024, 4
# Memory of environments that one process holds at most, for each training seed that acts in it, MB.
POOL_MB = 1000
# Networks, targets and optimisers of one seed of the largest method, MB.
POLICY_MB = 60
# What tasks.csv does not say.
DEFAULT_HORIZON, DEFAULT_ROWS = 1000, 1_000_000


@dataclass(frozen=True)
class Machine:
    """Where evaluation runs, of the configuration.

    Attributes:
        workers: processes of one job, a core each.
        gpu: whether it acts on a GPU: then the seeds of a block act together.
        memory_mb: that one job may ask for at most.
        runtime: minutes that one job asks for at most.
    """

    workers: int
    gpu: bool
    memory_mb: int
    runtime: int

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Machine:
        """Of the configuration, with its defaults."""
        return cls(
            int(settings.get("evaluation_workers", 1)),
            settings.get("evaluation_device", "cpu") == "gpu",
            int(settings.get("evaluation_memory_mb", 16000)),
            int(settings.get("evaluation_runtime", 720)),
        )


@dataclass(frozen=True)
class Evaluated:
    """One evaluation job.

    Attributes:
        config: of the run.
        sampling: setting, None for the method's own values.
        evaluation: amounts.
        row: of tasks.csv.
        num_seeds: of the block.
    """

    config: Mapping[str, Any]
    sampling: Mapping[str, Any]
    evaluation: Mapping[str, int]
    row: Mapping[str, Any]
    num_seeds: int

    @property
    def candidates(self) -> int:
        """Actions that are drawn for a state."""
        own = self.config["hyperparameters"].get("candidates")
        return int(self.sampling.get("candidates") or own or 1)

    @property
    def steps(self) -> int:
        """Of the sampler; 0 where the policy is not a diffusion model."""
        own = self.config["hyperparameters"].get("sampling_steps")
        return int(self.sampling.get("steps") or own or self.config["diffusion_steps"])

    @property
    def episodes(self) -> int:
        """Of all seeds and checkpoints."""
        amounts = self.evaluation
        last, new = amounts["episodes_last"], amounts["episodes_reevaluated"]
        return self.num_seeds * (amounts["episodes"] * (len(self.config["checkpoints"]) - 1) + last + new)


def environments(job: Evaluated, machine: Machine, rates: Mapping[str, Any]) -> int:
    """The pool: as many environments as the processes can use and the memory holds, at least one."""
    together = job.num_seeds if machine.gpu else 1
    each = rates_module.environment(rates, job.row["environment_id"])["memory_mb"]
    # What takes much memory takes long to step: few are enough to share a call of the policy.
    of_process = min(together * batch_states(job.candidates), max(1, int(POOL_MB * together // each)))
    useful = min(machine.workers * of_process, job.episodes)
    left = machine.memory_mb / MEMORY_MARGIN - _processes_mb(job, machine, rates)
    return max(1, min(useful, int(left // each)))


def _processes_mb(job: Evaluated, machine: Machine, rates: Mapping[str, Any]) -> float:
    """Memory of the processes without their environments, MB."""
    together = job.num_seeds if machine.gpu else 1
    rows = together * batch_states(job.candidates) * job.candidates
    acting = rows * (NUMBERS_PER_ROW + job.steps * int(job.row.get("action_dim") or 1)) * BYTES / 1e6
    entry = rates_module.acting_entry(rates, job.config["method"], job.config["variant"])
    policies = together * float(entry.get("memory_mb", POLICY_MB))
    waiting = 1 if machine.workers > 1 else 0  # the process that hands out the work
    process = float(rates["process_memory_mb"]["value"])
    return (machine.workers + waiting) * (process + policies) + machine.workers * acting


def evaluation_memory_mb(job: Evaluated, machine: Machine, rates: Mapping[str, Any]) -> int:
    """Memory of an evaluation job, MB."""
    each = rates_module.environment(rates, job.row["environment_id"])["memory_mb"]
    pool = environments(job, machine, rates)
    return _rounded(MEMORY_MARGIN * (_processes_mb(job, machine, rates) + pool * each))


def evaluation_minutes(job: Evaluated, machine: Machine, rates: Mapping[str, Any]) -> int:
    """Time limit of an evaluation job, minutes."""
    step = float(rates_module.environment(rates, job.row["environment_id"])["step_seconds"][2])
    entry = rates_module.acting_entry(rates, job.config["method"], job.config["variant"])
    acting = rates_module.acting_seconds(entry, job.candidates, job.steps)[2]
    num_steps = job.episodes * int(job.row.get("horizon") or DEFAULT_HORIZON)
    seconds = TIME_MARGIN * num_steps * (step + acting) / machine.workers
    return min(machine.runtime, max(LEAST_MINUTES, math.ceil(seconds / 60)))


def check_evaluation(job: Evaluated, machine: Machine, rates: Mapping[str, Any], where: str) -> None:
    """Refuse an evaluation that cannot fit into the memory of a job.

    Args:
        job: the evaluation.
        machine: where it runs.
        rates: measured.
        where: the sampling setting, for the message.

    Raises:
        ConfigError: with what is needed and what is allowed.
    """
    needed = evaluation_memory_mb(job, machine, rates)
    if needed > machine.memory_mb:
        raise ConfigError(
            f"{where} draws {job.candidates} candidates for a state; its evaluation by {machine.workers} "
            f"processes would need {needed} MB, and evaluation_memory_mb allows {machine.memory_mb}. Ask for "
            f"fewer candidates or evaluation_workers, or allow more memory."
        )


def training_memory_mb(
    config: Mapping[str, Any], row: Mapping[str, Any], num_seeds: int, rates: Mapping[str, Any]
) -> int:
    """Memory of a training job, MB: the process, the data three times over while read, the networks."""
    rows = int(row.get("expected_transitions") or row.get("recollect_transitions") or DEFAULT_ROWS)
    widths = 2 * int(row.get("observation_dim") or 32) + 2 * int(row.get("action_dim") or 8) + 3
    data = 3 * rows * widths * BYTES / 1e6
    process = float(rates["process_memory_mb"]["value"])
    return _rounded(MEMORY_MARGIN * (process + data + num_seeds * _of_method(config, rates)))


def training_minutes(
    config: Mapping[str, Any], num_seeds: int, device: str, limit: int, rates: Mapping[str, Any]
) -> int:
    """Time limit of a training job, minutes; the limit where the method has no rate."""
    entry = rates_module.of_method(rates["methods"], config["method"], config["variant"])
    if entry is None:
        return limit
    rate = entry[device]
    per_step = float(rate["seconds_per_diffusion_step"][2])
    seconds = float(rate["seconds"][2]) + int(config["diffusion_steps"]) * per_step
    minutes = math.ceil(TIME_MARGIN * seconds * int(config["num_updates"]) * num_seeds / 60)
    return min(limit, max(LEAST_MINUTES, minutes))


def _of_method(config: Mapping[str, Any], rates: Mapping[str, Any]) -> float:
    """Memory of one seed of a method in training, MB; an upper bound of what acting keeps."""
    known: Mapping[str, Mapping[str, float]] = rates["training_memory_mb"]
    own = rates_module.of_method(known, config["method"], config["variant"])
    entry = own or known[rates_module.OTHER]
    return float(entry["seed"]) + int(config["diffusion_steps"]) * float(entry["seed_and_diffusion_step"])


def _rounded(megabytes: float) -> int:
    return math.ceil(megabytes / 100) * 100
