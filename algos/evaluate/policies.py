"""The kept policies of a run folder, read a part at a time: a block may keep gigabytes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from recheck import checksums
from recheck.errors import EvaluationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from algos.datasets.transforms import TransformState
from algos.training.config import RunConfig


class Policies:
    """`policies.safetensors` of a run folder, compared with its checksum and with the run's configuration.

    Args:
        run: the run folder.
        config: the run's.

    Attributes:
        sha256: of the file.
        transform: what has to be done to observations.

    Raises:
        EvaluationError: the file is absent, not what was written, or lacks a checkpoint.
    """

    def __init__(self, run: Path, config: RunConfig) -> None:
        self.path = run / "policies.safetensors"
        self.config = config
        self.advice = f"Remove the folder {run} and train the run again."
        self.sha256 = checksums.check(self.path, self.advice, EvaluationError)
        try:
            with safe_open(self.path, framework="pt") as file:
                shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (no mapping)
                stored = {
                    name.split("/", 1)[1]: file.get_tensor(name).numpy()
                    for name in shapes
                    if name.startswith("transforms/")
                }
        except (OSError, ValueError, SafetensorError) as problem:
            reason = " ".join(str(problem).split())
            raise EvaluationError(f"{self.path} cannot be read ({reason}). {self.advice}") from None
        self.transform = TransformState.from_tensors(stored)
        self._leading = {
            name: int(shape[0]) for name, shape in shapes.items() if name.split("/", 1)[0].isdigit()
        }
        self._check(run)

    def _check(self, run: Path) -> None:
        """Refuse policies that are not of the run's checkpoints and seeds."""
        kept = {int(name.split("/", 1)[0]) for name in self._leading}
        lacking = [update for update in self.config.checkpoints if update not in kept]
        if lacking:
            raise EvaluationError(
                f"the run {run} keeps no checkpoint {lacking[0]} of its configuration. {self.advice}"
            )
        num_seeds = len(self.config.seeds)
        for name, leading in self._leading.items():
            if leading % num_seeds:
                raise EvaluationError(
                    f"{name} in {run} is of {leading} networks, which {num_seeds} seeds cannot have. "
                    f"{self.advice}"
                )

    def load(self, rows: Sequence[int], updates: Sequence[int]) -> dict[str, Tensor]:
        """The policies of some of the block's seeds, each after its own number of updates.

        Args:
            rows: places of the seeds in the block.
            updates: one for each of them, of the run's checkpoints.

        Returns:
            ``<part>/<parameter>`` to a tensor with the seeds of `rows` leading, on the CPU.
        """
        found: dict[str, list[Tensor]] = {}
        with safe_open(self.path, framework="pt") as file:
            for row, update in zip(rows, updates):
                prefix = f"{update}/"
                names = [name for name in self._leading if name.startswith(prefix)]
                if not names:
                    raise EvaluationError(
                        f"the run keeps no checkpoint {update}; it has {list(self.config.checkpoints)}"
                    )
                for name in names:
                    copies = self._leading[name] // len(self.config.seeds)
                    part = file.get_slice(name)[row * copies : (row + 1) * copies]
                    found.setdefault(name.removeprefix(prefix), []).append(part)
        return {name: parts[0] if len(parts) == 1 else torch.cat(parts) for name, parts in found.items()}
