"""What is installed, which data are available, and what cannot run here and why."""

from __future__ import annotations

import shutil
from importlib import metadata, util
from pathlib import Path

NEEDS: dict[str, tuple[str, ...]] = {
    "tables, figures, verdicts, audit": ("numpy", "pandas", "pyarrow", "scipy", "rliable", "matplotlib"),
    "the workflow": ("snakemake", "jsonschema", "yaml"),
    "training": ("torch", "safetensors", "gymnasium", "mujoco", "h5py"),
    "Minari's datasets": ("minari", "huggingface_hub"),
    "a SLURM cluster": ("submitit",),
    "TensorBoard logs": ("tensorboard",),
    "PDF of a LaTeX table": (),
}
"""Purpose -> modules that it needs."""
PROGRAMS = {"a SLURM cluster": "sbatch", "PDF of a LaTeX table": "pdflatex"}
"""Purpose -> program that it needs."""
OF_CHECKOUT = ("the workflow",)
"""Purposes that need the repository's folder."""


def missing(root: Path) -> dict[str, list[str]]:
    """What each purpose lacks on this machine, in words; empty where it can run.

    Args:
        root: folder of the repository.
    """
    found: dict[str, list[str]] = {}
    for purpose, modules in NEEDS.items():
        lacks = [f"{name} is not installed" for name in modules if util.find_spec(name) is None]
        program = PROGRAMS.get(purpose)
        if program is not None and shutil.which(program) is None:
            lacks.append(f"there is no program {program}")
        if purpose in OF_CHECKOUT and not (root / "Snakefile").is_file():
            lacks.append(f"{root.resolve()} is not a checkout of the repository (give --root DIR)")
        found[purpose] = lacks
    return found


def data_lines(root: Path) -> list[str]:
    """One line for each kind of data: those of the package, those of a checkout.

    Args:
        root: folder of the repository.
    """
    from recheck import shipped, tasks

    if any(util.find_spec(name) is None for name in NEEDS["tables, figures, verdicts, audit"]):
        return ["data: not read, since tables cannot be made."]
    from paper_tables import literature
    from paper_tables.public_runs.reader import read_runs

    numbers, runs = literature.read_all(), read_runs()
    methods = len(list((shipped.ROOT / "workflow" / "config" / "hyperparameters").glob("*.yaml")))
    published = root / "results" / "published" / "scores.parquet"
    prepared = sorted(path.parent.name for path in (root / "results" / "datasets").glob("*/manifest.json"))
    return [
        f"reported numbers: {len(numbers)} of {numbers['document'].nunique()} documents.",
        f"public runs: {len(runs)} of {runs['source'].nunique()} sources.",
        f"the table of tasks: {'found' if tasks.TASKS_FILE.exists() else 'not found'}.",
        f"configuration of the methods: {f'{methods} files' if methods else 'not found'}.",
        f"our published scores: {'found' if published.exists() else f'not found ({published})'}.",
        f"prepared datasets: {', '.join(prepared) or 'none (' + str(root / 'results' / 'datasets') + ')'}.",
    ]


def versions() -> str:
    """The versions of the packages that decide numbers."""
    installed = {dist.metadata["Name"].lower(): dist.version for dist in metadata.distributions()}
    names = ("numpy", "pandas", "rliable", "torch")
    return ", ".join(f"{name} {installed[name]}" for name in names if name in installed)


def devices() -> str:
    """Which GPU training would use."""
    if util.find_spec("torch") is None:
        return "GPU: not asked, torch is not installed."
    import torch

    if not torch.cuda.is_available():
        return "GPU: none that torch sees; training runs on the CPU."
    return f"GPU: {torch.cuda.get_device_name(0)}."
