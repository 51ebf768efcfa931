"""One's own cluster: partition, account, GPU type, longest job, container, of the profile's `site.yaml`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recheck import paths
from recheck.errors import ConfigError

KEY = "site"


@dataclass(frozen=True)
class Site:
    """The section `site` of the configuration; what is None is left to SLURM and the profile.

    Attributes:
        partition: of jobs with a GPU, and of the others unless they have one of their own.
        cpu_partition: of jobs without a GPU.
        account: that is charged.
        qos: quality of service.
        constraint: features that nodes must have.
        gpu_model: type of GPU.
        walltime_minutes: longest job that the partitions allow.
        container: Apptainer image in which every job's programs run.
    """

    partition: str | None = None
    cpu_partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gpu_model: str | None = None
    walltime_minutes: int | None = None
    container: str | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Site:
        """Of a checked configuration."""
        return cls(**(settings.get(KEY) or {}))

    def partition_of(self, gpu: bool) -> str | None:
        """Where jobs with or without a GPU run."""
        return self.partition if gpu else self.cpu_partition or self.partition

    def resources(self, gpu: bool) -> dict[str, str]:
        """What a rule asks for besides memory and time, by the names of the executor's resources.

        Args:
            gpu: whether its jobs ask for one.
        """
        asked = {
            "slurm_partition": self.partition_of(gpu),
            "slurm_account": self.account,
            "qos": self.qos,
            "constraint": self.constraint,
            "gpu_model": self.gpu_model if gpu else None,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def minutes(self, wanted: int) -> int:
        """A time limit in minutes, at most what the partitions allow."""
        return wanted if self.walltime_minutes is None else min(wanted, self.walltime_minutes)

    def capped(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration in which no job asks for more time than the partitions allow."""
        limit = self.walltime_minutes
        if limit is None or "machines" not in settings:
            return dict(settings)
        machines = {
            name: {**machine, "runtime": min(machine["runtime"], limit)}
            for name, machine in settings["machines"].items()
        }
        evaluation = min(int(settings.get("evaluation_runtime", limit)), limit)
        return {**settings, "machines": machines, "evaluation_runtime": evaluation}

    def check(self, root: Path) -> None:
        """Refuse a container that is not there.

        Raises:
            ConfigError: there is no such file.
        """
        if self.container is not None and not (root / self.container).is_file():
            raise ConfigError(
                f"site.container is {self.container}, and there is no such file; apptainer.def says how the "
                "image is built; or leave the key out."
            )

    def shell_prefix(self, root: Path) -> str:
        """What precedes every command of a rule: with a container `python` is the image's.

        The folders of the clone and of the results are bound at their own paths, and the code is the clone's.
        """
        if self.container is None:
            return ""
        folders = dict.fromkeys((root.resolve(), (root / paths.RESULTS).resolve()))
        bound = " ".join(f"--bind {shlex.quote(str(folder))}" for folder in folders if folder.exists())
        image = shlex.quote(str((root / self.container).resolve()))
        return (
            "python() { "
            "local gpu=; [ ! -e /dev/nvidiactl ] || gpu=--nv; "
            f'apptainer exec $gpu {bound} --pwd "$PWD" --env PYTHONPATH="$PWD:$PWD/workflow/src" '
            f'{image} python "$@"; '
            "}; "
        )
