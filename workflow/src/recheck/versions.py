"""Where a result came from: code, versions, machine. Kept with results, never in their identity."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "gymnasium", "gymnasium-robotics", "mujoco", "minari", "safetensors", "pyarrow")
HERE = Path(__file__).resolve().parent
# Folders and files of the repository that decide what a result is.
MAKES_RESULTS = ("Snakefile", "algos", "workflow", "paper_tables", "constraints.txt")


def package_versions() -> dict[str, str | None]:
    """Installed versions of what a result may depend on; None for what is not installed."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions


@functools.cache
def git_state(folder: Path = HERE) -> dict[str, Any]:
    """Commit of the checkout that a folder is in, and whether a file that makes results differs from it.

    A results folder that is a link, documents or a cluster's profile make no other results.

    Args:
        folder: this file's if not given.

    Returns:
        `commit` and `dirty`; None where there is no checkout.
    """

    def git(*arguments: str) -> str | None:
        try:
            result = subprocess.run(
                ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return result.stdout.strip()

    commit = git("rev-parse", "HEAD")
    places = (*(f":(top){name}" for name in MAKES_RESULTS), ":(top,exclude)workflow/profiles")
    status = git("status", "--porcelain", "--untracked-files=no", "--", *places) if commit else None
    return {"commit": commit, "dirty": None if status is None else bool(status)}


@functools.cache
def cpu_model() -> str:
    """The processor's name as the operating system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
