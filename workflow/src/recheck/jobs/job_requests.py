"""What the jobs of a plan ask for, as the rules take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, wraps
from typing import Any

from recheck import schema
from recheck.configuration.site import Site
from recheck.errors import ConfigError
from recheck.experiments.expansion import Cell
from recheck.files import read_json
from recheck.former_names import current
from recheck.jobs import resources
from recheck.jobs.rates import read_rates
from recheck.jobs.resources import Evaluated, Machine
from recheck.methods import hyperparameters
from recheck.plan import Plan
from recheck.results import published_checkpoints


def _once(compute: Callable[[JobRequests, Any], int]) -> Callable[[JobRequests, Any], int]:
    """A method of a job's wildcards, computed once for all blocks of a run that have as many seeds."""

    @wraps(compute)
    def known(self: JobRequests, wildcards: Any) -> int:
        key = (
            compute.__name__,
            *(
                getattr(wildcards, name)
                for name in ("method", "task", "variant", "digest", "diffusion_steps")
            ),
            getattr(wildcards, "sampling", None),
            _num_seeds(wildcards),
        )
        if key not in self.known:
            self.known[key] = compute(self, wildcards)
        return self.known[key]

    return known


class JobRequests:
    """Memory, time and environments of the jobs of a plan's experiment.

    Args:
        plan: of the experiment.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.machine = Machine.of(plan.settings)
        self.known: dict[tuple[Any, ...], int] = {}

    @cached_property
    def rates(self) -> dict[str, Any]:
        """The measured rates."""
        return read_rates(self.plan.root)

    @property
    def device(self) -> str:
        """What evaluation is called with: cpu, auto or cuda."""
        name = str(self.plan.settings.get("evaluation_device", "cpu"))
        return "cuda" if name == "gpu" else name

    @property
    def compiled(self) -> str | None:
        """What torch compiles in training, by the setting `compile`: ``losses``, ``update`` or nothing."""
        setting = str(self.plan.settings.get("compile")).lower()  # a command line's `true` is a text
        return {"true": "losses", "update": "update"}.get(setting)

    @property
    def compile(self) -> str:
        """The option of `algos.train` that the setting `compile` stands for; empty for none."""
        return {"losses": "--compile", "update": "--compile=update"}.get(self.compiled or "", "")

    def check(self) -> None:
        """Refuse, before anything is run, what no job could do.

        Raises:
            ConfigError: whole updates compiled on a GPU or of a method that cannot; bfloat16 products on a
                GPU; or the first sampling setting whose evaluation cannot fit into a job.
        """
        if self.plan.cells and self.compiled == "update":
            self._check_whole_updates()
        rounded = [cell for cell in self.plan.cells if "precision" in cell.run.config]
        if rounded and self.plan.machine["gpu"]:
            config = rounded[0].run.config
            raise ConfigError(
                f"Variant '{config['variant']}' has precision {config['precision']}, which is for the "
                "CPU; give train_on=cpu, or leave the variant out"
            )
        # Blocks of one run and size ask for the same.
        asked = {
            (cell.run.group, cell.sampling.label, len(cell.block.seeds)): cell for cell in self.plan.cells
        }
        for cell in asked.values():
            config, setting = cell.run.config, cell.sampling.setting
            where = f"Sampling '{setting['name']}' of method {config['method']} on {config['task']}"
            resources.check_evaluation(self._of_cell(cell), self.machine, self.rates, where)

    def _check_whole_updates(self) -> None:
        if self.plan.machine["gpu"]:
            raise ConfigError(
                "compile is 'update' and training is on a GPU, where whole updates are recorded already; "
                "give compile=true or compile=false, or train_on=cpu"
            )
        methods = dict.fromkeys(cell.run.config["method"] for cell in self.plan.cells)
        read = {name: hyperparameters.read(self.plan.root, name).declared for name in methods}
        unable = [name for name, declared in read.items() if declared and not declared.compiles_whole_update]
        if unable:
            raise ConfigError(
                f"compile is 'update', but the class of {schema.listed(unable)} says that its whole update "
                "cannot be compiled; give compile=true or compile=false, or methods= without it"
            )

    def _of_cell(self, cell: Cell) -> Evaluated:
        config = cell.run.config
        return Evaluated(
            config,
            cell.sampling.setting,
            cell.sampling.evaluation,
            self.plan.row(config["task"]),
            len(cell.block.seeds),
        )

    def _evaluated(self, wildcards: Any) -> Evaluated:
        run, sampling = self.plan.run(wildcards), self.plan.sampling_of(wildcards)
        return Evaluated(
            run.config,
            sampling.setting,
            sampling.evaluation,
            self.plan.row(run.config["task"]),
            _num_seeds(wildcards),
        )

    @_once
    def environments(self, wildcards: Any) -> int:
        """Environments of an evaluation job at one time."""
        return resources.environments(self._evaluated(wildcards), self.machine, self.rates)

    @_once
    def evaluation_memory_mb(self, wildcards: Any) -> int:
        """Memory of an evaluation job, MB."""
        return resources.evaluation_memory_mb(self._evaluated(wildcards), self.machine, self.rates)

    @_once
    def evaluation_minutes(self, wildcards: Any) -> int:
        """Time limit of an evaluation job, minutes."""
        return resources.evaluation_minutes(self._evaluated(wildcards), self.machine, self.rates)

    @_once
    def training_memory_mb(self, wildcards: Any) -> int:
        """Memory of a training job, MB: what it needs, and at least that of the configuration."""
        config = self.plan.run(wildcards).config
        return self.training_mb(config, _num_seeds(wildcards))

    @_once
    def training_minutes(self, wildcards: Any) -> int:
        """Time limit of a training job, minutes: what it needs, and at most that of the configuration."""
        config = self.plan.run(wildcards).config
        return self.training_limit(config, _num_seeds(wildcards))

    def training_mb(self, config: Any, num_seeds: int) -> int:
        """Memory of a training job of a configuration, MB."""
        row = self.plan.row(config["task"])
        needed = resources.training_memory_mb(config, row, num_seeds, self.rates)
        return max(int(self.plan.machine["mem_mb"]), needed)

    def training_limit(self, config: Any, num_seeds: int) -> int:
        """Time limit of a training job of a configuration, minutes."""
        device, limit = str(self.plan.settings["train_on"]), int(self.plan.machine["runtime"])
        return resources.training_minutes(config, num_seeds, device, limit, self.rates)

    def largest(self) -> dict[str, dict[str, Any]]:
        """The largest request of each stage, for the predicted cost."""
        cells = self.plan.cells
        trained = [(cell.run.config, len(cell.block.seeds)) for cell in cells]
        evaluated = [self._of_cell(cell) for cell in cells]
        machine, rates = self.machine, self.rates
        site = Site.of(self.plan.settings)
        return {
            "train": {
                "threads": int(self.plan.machine["threads"]),
                "gpu": int(self.plan.machine["gpu"]),
                "mem_mb": max((self.training_mb(*each) for each in trained), default=0),
                "runtime": max((self.training_limit(*each) for each in trained), default=0),
                **site.resources(int(self.plan.machine["gpu"]) > 0),
            },
            "evaluate": {
                "threads": machine.workers,
                "gpu": int(machine.gpu),
                "mem_mb": max(
                    (resources.evaluation_memory_mb(job, machine, rates) for job in evaluated), default=0
                ),
                "runtime": max(
                    (resources.evaluation_minutes(job, machine, rates) for job in evaluated), default=0
                ),
                **site.resources(machine.gpu),
            },
        }


def asked_for(
    rule: str,
    declared: Mapping[str, Any],
    default: Mapping[str, Any] | None,
    overwritten: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """What a rule's jobs ask for: the profile's defaults, the rule's own, the profile's word on the rule.

    default, overwritten: Snakemake's resources, whose `raw` is what was written.
    """
    chosen = {key: value.raw for key, value in (default or {}).items()}
    chosen |= declared
    chosen |= {key: value.raw for key, value in overwritten.get(rule, {}).items()}
    return {key: value for key, value in chosen.items() if key not in ("tmpdir", "disk_mb")}


def published(plan: Plan, block: str) -> tuple[Evaluated, Machine]:
    """The job that plays a published policy again, in one process.

    Args:
        plan: its tasks and limits.
        block: of `recheck.results.published_checkpoints.blocks`.

    Raises:
        RecheckError: the policy's description or configuration cannot be read, or there is no such task.
    """
    folder = plan.root / published_checkpoints.FOLDER / block
    described = published_checkpoints.describe(folder, plan.root)
    config = current(read_json(folder / "config.json"))
    job = Evaluated(
        config,
        described["sampling"],
        current(described["evaluation"]),
        plan.row(config["task"]),
        len(config["seeds"]),
    )
    return job, replace(Machine.of(plan.settings), workers=1, gpu=False)


def all_published(plan: Plan) -> list[tuple[str, Evaluated, Machine]]:
    """The block and the job of every published policy that the experiment plays again.

    Raises:
        RecheckError: as `published`.
    """
    blocks = published_checkpoints.blocks(plan.root) if plan.reevaluation_files() else []
    return [(block, *published(plan, block)) for block in blocks]


def of_published(plan: Plan, block: str) -> dict[str, int]:
    """Memory and time limit of playing a published policy again.

    Returns:
        `mem_mb` and `runtime` (minutes).

    Raises:
        RecheckError: as `published`.
    """
    (job, machine), rates = published(plan, block), read_rates(plan.root)
    return {
        "mem_mb": resources.evaluation_memory_mb(job, machine, rates),
        "runtime": resources.evaluation_minutes(job, machine, rates),
    }


def memory_factor(workflow: Any, attempt: int) -> int:
    """What the memory of a job is multiplied by in its n-th attempt.

    The executor submitit doubles it itself, after OUT_OF_MEMORY alone.

    Args:
        workflow: Snakemake's, asked when a job is made: the executor is not known before.
        attempt: from 1 on.
    """
    executor = getattr(workflow.executor_plugin, "name", None)
    return 1 if executor == "submitit" else int(2 ** (attempt - 1))


def _num_seeds(wildcards: Any) -> int:
    return int(wildcards.last) - int(wildcards.first) + 1
