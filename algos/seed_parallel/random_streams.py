"""Random numbers: one stream per training seed, drawn ahead in chunks.

A seed's numbers never depend on the block that it is trained in: every seed owns a generator, and
a shared ``randn(K, ...)`` is never drawn. The update itself draws nothing. What it needs for
`CHUNK_UPDATES` updates is drawn before them into fixed buffers, so that an update is a fixed tensor
program that a GPU can capture. The state of a stream is its generators' state at the start of the
current chunk: a resumed run draws that chunk again and continues inside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

# Part of what a run is: another value gives other (equally good) numbers.
CHUNK_UPDATES = 64


def derive_seed(*parts: object) -> int:
    """A 63-bit seed from names and numbers, the same on every machine and in every process."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True)
class RandomInput:
    """What an update needs of one kind of randomness, per seed.

    Attributes:
        name: key under which the update finds it.
        kind: ``index`` (rows of the training data, uniform with replacement), ``normal``,
            ``uniform`` (in [0, 1)), ``integer`` (uniform in ``[0, high)``) or ``bernoulli`` (1.0 with
            `probability`).
        shape: shape for one update of one seed; the update sees ``[K, *shape]``.
        high: exclusive upper bound for ``integer``.
        probability: of a one, for ``bernoulli``.
    """

    name: str
    kind: Literal["index", "normal", "uniform", "integer", "bernoulli"]
    shape: tuple[int, ...]
    high: int = 0
    probability: float = 0.5


class SeedStreams:
    """One generator per training seed for one purpose.

    Args:
        seeds: the training seeds, in the order of the leading axis.
        purpose: separates streams of one seed (``"train"``, ``"initialise"``, ...).
        device: where numbers are drawn; CPU and GPU streams differ.
    """

    def __init__(self, seeds: Sequence[int], purpose: str, device: torch.device | str = "cpu") -> None:
        self.seeds = tuple(int(seed) for seed in seeds)
        self.device = torch.device(device)
        self.generators = []
        for seed in self.seeds:
            generator = torch.Generator(device=self.device)
            generator.manual_seed(derive_seed("recheck", purpose, seed))
            self.generators.append(generator)

    def __len__(self) -> int:
        return len(self.seeds)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers ``[K, *shape]``, float32, each seed from its own stream."""
        out = torch.empty((len(self), *shape), device=self.device)
        for row, generator in zip(out, self.generators):
            row.normal_(generator=generator)
        return out

    def uniform(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), ``[K, *shape]``, float32, each seed from its own stream."""
        out = torch.empty((len(self), *shape), device=self.device)
        for row, generator in zip(out, self.generators):
            row.uniform_(generator=generator)
        return out

    def get_state(self) -> Tensor:
        """The generators' states, ``[K, bytes]`` uint8 on the CPU."""
        return torch.stack([generator.get_state() for generator in self.generators])

    def set_state(self, state: Tensor) -> None:
        """Continue from `state` of `get_state`; streams of another device kind do not fit."""
        for generator, row in zip(self.generators, state):
            generator.set_state(row.clone())  # a view's offset into its storage would be ignored


class ChunkedInputs:
    """The randomness of `CHUNK_UPDATES` updates in fixed buffers ``[K, CHUNK_UPDATES, *shape]``.

    Args:
        inputs: what one update needs.
        streams: one stream per seed.
        num_rows: rows of the training data, for ``index``.
    """

    def __init__(self, inputs: Sequence[RandomInput], streams: SeedStreams, num_rows: int) -> None:
        self.random_inputs = tuple(inputs)
        self.streams = streams
        self.num_rows = num_rows
        self.chunk_start = -1  # update before the first one of the chunk in the buffers
        self.chunk_state: Tensor | None = None
        dtype = {"index": torch.int64, "integer": torch.int64}
        self.buffers = {
            draw.name: torch.empty(
                (len(streams), CHUNK_UPDATES, *draw.shape),
                dtype=dtype.get(draw.kind, torch.float32),
                device=streams.device,
            )
            for draw in self.random_inputs
        }

    def fill(self, chunk_start: int) -> None:
        """Draw the chunk whose first update is `chunk_start` (0-based), and remember where it began."""
        self.chunk_state = self.streams.get_state()
        self.chunk_start = chunk_start
        for draw in self.random_inputs:
            for row, generator in zip(self.buffers[draw.name], self.streams.generators):
                if draw.kind == "index":
                    row.random_(0, self.num_rows, generator=generator)
                elif draw.kind == "integer":
                    row.random_(0, draw.high, generator=generator)
                elif draw.kind == "normal":
                    row.normal_(generator=generator)
                elif draw.kind == "uniform":
                    row.uniform_(generator=generator)
                else:
                    row.bernoulli_(draw.probability, generator=generator)

    def at(self, offset: int) -> dict[str, Tensor]:
        """Views of the buffers for update `offset` of the chunk, each ``[K, *shape]``."""
        return {name: buffer[:, offset] for name, buffer in self.buffers.items()}
