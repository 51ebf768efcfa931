"""The configuration of one block of seeds, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recheck.errors import TrainingError
from recheck.former_names import current

from algos.seed_parallel.kernels import PRECISIONS

CONFIG_KEYS = (
    "format",
    "method",
    "method_format",
    "task",
    "variant",
    "diffusion_steps",
    "num_updates",
    "checkpoints",
    "hyperparameters",
    "transforms",
    "train_fraction",
    "digest",
    "seeds",
)
# Keys that are there only where they differ from their default, so that digests of earlier runs stay.
OPTIONAL_KEYS = ("precision",)


@dataclass(frozen=True)
class RunConfig:
    """What is trained; the fields are those of config.json (recheck writes them)."""

    method: str
    method_format: int
    task: str
    variant: str
    diffusion_steps: int
    num_updates: int
    checkpoints: tuple[int, ...]
    hyperparameters: Mapping[str, Any]
    transforms: tuple[Mapping[str, Any], ...]
    train_fraction: float
    digest: str
    seeds: tuple[int, ...]
    document: Mapping[str, Any] = field(repr=False)
    precision: str = "float32"

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RunConfig:
        """Check a configuration.

        Raises:
            TrainingError: a key is missing or unknown, or a value cannot be.
        """
        document = current(document)
        missing = [key for key in CONFIG_KEYS if key not in document]
        unknown = sorted(set(document) - {*CONFIG_KEYS, *OPTIONAL_KEYS})
        if missing or unknown:
            problem = f"lacks {missing[0]!r}" if missing else f"has the unknown key {unknown[0]!r}"
            raise TrainingError(f"the run configuration {problem}; its keys are {', '.join(CONFIG_KEYS)}")
        values = {key: document[key] for key in CONFIG_KEYS if key != "format"}
        values |= {key: document[key] for key in OPTIONAL_KEYS if key in document}
        for key in ("checkpoints", "seeds", "transforms"):
            values[key] = tuple(values[key])
        config = cls(**values, document=dict(document))
        if document["format"] != 1:
            raise TrainingError(
                f"the run configuration has format {document['format']!r}; this version reads 1"
            )
        if config.num_updates < 1:
            raise TrainingError(f"num_updates is {config.num_updates}; allowed are numbers from 1")
        if list(config.checkpoints) != sorted(set(config.checkpoints)) or not config.checkpoints:
            raise TrainingError("checkpoints have to be increasing update counts, at least one")
        if config.checkpoints[0] < 1 or config.checkpoints[-1] != config.num_updates:
            raise TrainingError(
                f"checkpoints {list(config.checkpoints)} have to be in 1 to num_updates and end with it "
                f"({config.num_updates})"
            )
        if not config.seeds or len(set(config.seeds)) != len(config.seeds) or min(config.seeds) < 0:
            raise TrainingError(
                f"seeds {list(config.seeds)} have to be different numbers from 0, at least one"
            )
        if config.precision not in PRECISIONS:
            raise TrainingError(f"precision is {config.precision!r}; allowed are {', '.join(PRECISIONS)}")
        if not 0.0 < config.train_fraction <= 1.0:
            raise TrainingError(f"train_fraction is {config.train_fraction}; allowed are values in (0, 1]")
        return config


def read_config(text: str) -> Mapping[str, Any]:
    """A configuration from a JSON file's path or from JSON itself.

    Raises:
        TrainingError: neither.
    """
    source = text
    if not text.lstrip().startswith("{"):
        try:
            source = Path(text).read_text(encoding="utf-8")
        except OSError as error:
            raise TrainingError(f"the configuration {text} cannot be read: {error.strerror}") from error
    try:
        document = json.loads(source)
    except json.JSONDecodeError as error:
        raise TrainingError(f"the configuration is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise TrainingError("the configuration has to be a JSON object")
    return document
