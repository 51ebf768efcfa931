"""The policy's noise in evaluation: numbers of a training seed, an episode and a step, in any order.

Philox (Salmon et al. 2011) is a function of a key and a counter. The key is the purpose with the training
seed, and the episode; the counter's highest words are the step and the number of the draw in this step. So
an episode's noise depends on nothing that is played at the same time, and a resumed evaluation needs no
state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from algos.seed_parallel.random_streams import SeedStreams, derive_seed

Fill = Callable[[np.random.Generator, np.ndarray], Any]


@dataclass(frozen=True)
class Moment:
    """One step of one episode, and where in the batch it is.

    Attributes:
        row: of the leading axis, the training seed's.
        place: of the batch.
        purpose: what the noise is for, with the training seed (`derive_seed`): the first half of the key.
        episode: its number, the second half of the key.
        step: of the episode, from 0.
    """

    row: int
    place: int
    purpose: int
    episode: int
    step: int


class EpisodeStreams(SeedStreams):
    """`SeedStreams` whose numbers belong to episodes: what is drawn for one depends on no other.

    Every shape that is drawn begins with the number of places E. Places without an episode are zero.

    Args:
        num_seeds: K.
        num_places: E.
        device: where numbers are put; they are drawn on the CPU, and are the same for every device.
    """

    def __init__(self, num_seeds: int, num_places: int, device: torch.device | str = "cpu") -> None:
        super().__init__((), "", device)
        self.num_seeds = num_seeds
        self.num_places = num_places
        self._bits = np.random.Philox(0)
        self._generator = np.random.Generator(self._bits)
        self._counter = np.zeros(4, dtype=np.uint64)
        self._key = np.zeros(2, dtype=np.uint64)
        self._state: Any = {
            "bit_generator": "Philox",
            "state": {"counter": self._counter, "key": self._key},
            "buffer": np.zeros(4, dtype=np.uint64),
            "buffer_pos": 4,  # empty: the first number is computed from the counter
            "has_uint32": 0,
            "uinteger": 0,
        }
        self._moments: Callable[[], Sequence[Moment]] = tuple
        self._known: Sequence[Moment] | None = None
        self._num_draws = 0

    def __len__(self) -> int:
        return self.num_seeds

    def at(self, moments: Callable[[], Sequence[Moment]]) -> None:
        """The next call of the policy is for these steps of these episodes.

        Args:
            moments: gives them; asked only if the policy draws anything.
        """
        self._moments = moments
        self._known = None
        self._num_draws = 0

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers ``[K, E, ...]``, float32, for a shape that begins with E."""
        return self._draw(shape, lambda generator, out: generator.standard_normal(out=out, dtype=np.float32))

    def uniform(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), ``[K, E, ...]``, float32, for a shape that begins with E."""
        return self._draw(shape, lambda generator, out: generator.random(out=out, dtype=np.float32))

    def _draw(self, shape: Sequence[int], fill: Fill) -> Tensor:
        if not shape or shape[0] != self.num_places:
            raise ValueError(f"a draw in evaluation begins with the {self.num_places} places, not {shape}")
        numbers = np.zeros((self.num_seeds, *shape), dtype=np.float32)
        if self._known is None:
            self._known = self._moments()
        for moment in self._known:
            self._go_to(moment)
            fill(self._generator, numbers[moment.row, moment.place : moment.place + 1])
        self._num_draws += 1
        return torch.from_numpy(numbers).to(self.device)

    def _go_to(self, moment: Moment) -> None:
        self._counter[2], self._counter[3] = self._num_draws, moment.step
        self._key[0], self._key[1] = moment.purpose, moment.episode
        self._bits.state = self._state


def purpose_key(purpose: str, seed: int) -> int:
    """The first half of the key of a training seed's episodes."""
    return derive_seed("recheck", purpose, seed)
