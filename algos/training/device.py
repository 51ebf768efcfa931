"""The device that a run uses: its choice, its name, its memory."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import torch
from recheck.errors import TrainingError
from recheck.versions import cpu_model


def cpu_compiler() -> tuple[str, bool]:
    """The C++ compiler by which torch compiles for a CPU, ``CXX`` or else g++, and whether it is there."""
    name = os.environ.get("CXX", "g++")
    return name, shutil.which(name) is not None


def check_compiler(compiled: str | None, device: torch.device) -> None:
    """Refuse before the first update what torch cannot compile here.

    Args:
        compiled: as `algos.training.execution.Execution` says it.
        device: of the run.

    Raises:
        TrainingError: something is to be compiled for a CPU, and there is no compiler.
    """
    name, there = cpu_compiler()
    if compiled is not None and device.type == "cpu" and not there:
        raise TrainingError(
            f"compile was asked for ({compiled}), but there is no C++ compiler '{name}' here; "
            "install it, name another in the variable CXX, or leave compile out"
        )


def choose_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is the GPU where torch sees one.

    Raises:
        TrainingError: CUDA was asked for and is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda"):
        if not torch.cuda.is_available():
            build = torch.version.cuda or "CPU"
            raise TrainingError(
                f"device {name} was asked for, but torch {torch.__version__} ({build} build) sees no GPU "
                f"here; use --device cpu, or install torch's CUDA build"
            )
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Its other half fills every fresh output with NaN first: half as many launches again, for nothing
        # that this program reads.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return torch.device(name)


def device_model(device: torch.device) -> str:
    """The model of a torch device: the GPU's name, or ``CPU: <processor>``."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"CPU: {cpu_model()}"


def peak_memory_bytes(device: torch.device) -> int:
    """The largest memory used so far in bytes: of the GPU's allocator, or of this process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    status = Path("/proc/self/status")
    if status.is_file():
        # getrusage's figure is inherited from the process that started this one.
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"), re.MULTILINE)
        if found:
            return int(found.group(1)) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
