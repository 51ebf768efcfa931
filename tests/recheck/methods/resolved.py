"""The values of a method on a task, for tests."""

from pathlib import Path

from recheck import tasks
from recheck.methods import hyperparameters

ROOT = Path(__file__).resolve().parents[3]


def resolve(method, task, variant=None, diffusion_steps=None):
    """Of the repository's own files; the default variant where none is given."""
    read = hyperparameters.read(ROOT, method)
    likes = tasks.likes(tasks.read(ROOT))
    return hyperparameters.resolve(ROOT, read, variant or read.default_variant, task, likes, diffusion_steps)
