"""Running updates: step by step, or as captured programs that a GPU replays.

Both take the same chunk of randomness and give the same numbers. The captured one reads its place in
the chunk from a counter on the device and moves it itself, so that several updates are one replay
and the host is not asked in between. A batch of updates is captured once for each pattern of
variants that occurs (Diffusion-QL's moving average acts every fifth update).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from algos.base import Method
from algos.seed_parallel.batches import TrainingData
from algos.seed_parallel.random_streams import CHUNK_UPDATES, ChunkedInputs
from algos.training.device import check_compiler
from algos.training.whole_update import WholeUpdate

# Updates that one captured program holds, at most.
CAPTURED_UPDATES = 8
# What an update reads besides the data, and its variant, to its losses.
Update = Callable[[dict[str, Tensor], Hashable], tuple[Tensor, ...]]


class Program:
    """The updates of one block of seeds.

    Args:
        indexed: read randomness through a counter on the device, as a captured program must; the
            same code without capture where there is no GPU (tests).
        capture: record batches of updates as CUDA graphs; needs a CUDA device and implies `indexed`.
        compiled: what torch compiles, as `algos.training.execution.Execution` says it.

    Raises:
        TrainingError: as `algos.training.device.check_compiler` and
            `algos.training.whole_update.WholeUpdate`.

    Attributes:
        history: losses of the chunk, ``[CHUNK_UPDATES, losses, K]``.
    """

    def __init__(
        self,
        method: Method,
        data: TrainingData,
        random_inputs: ChunkedInputs,
        indexed: bool = False,
        capture: bool = False,
        compiled: str | None = None,
    ) -> None:
        self.method = method
        self.data = data
        self.random_inputs = random_inputs
        self.indexed = indexed or capture
        self.capture = capture
        device = method.device
        self.history = torch.zeros((CHUNK_UPDATES, len(method.LOSSES), method.num_seeds), device=device)
        self.schedule_names = tuple(method.schedules(0))
        self.schedule = torch.zeros((CHUNK_UPDATES, len(self.schedule_names)), device=device)
        self.counter = torch.zeros(1, dtype=torch.int64, device=device)
        self.places = torch.arange(CHUNK_UPDATES, device=device)[:, None, None]
        self.graphs: dict[tuple[Hashable, ...], torch.cuda.CUDAGraph] = {}
        self.pool: Any = None
        check_compiler(compiled, device)
        if compiled == "losses":
            method.compile_functions()
        # In place of the method's own update.
        self.compiled_update: Update | None = WholeUpdate(method, data) if compiled == "update" else None

    def load_chunk(self, chunk_start: int) -> None:
        """Draw the randomness and compute the schedules of the chunk that begins at `chunk_start`."""
        self.random_inputs.fill(chunk_start)
        if self.schedule_names:
            values = [
                list(self.method.schedules(chunk_start + offset).values()) for offset in range(CHUNK_UPDATES)
            ]
            self.schedule.copy_(torch.tensor(values, dtype=torch.float32))

    def run(self, first: int, count: int) -> None:
        """Updates `first` to `first + count - 1` of the loaded chunk, which must hold them.

        Args:
            first: 0-based number of the update in the run.
            count: updates.
        """
        offset = first - self.random_inputs.chunk_start
        variants = tuple(self.method.update_variant(first + i) for i in range(count))
        if self.capture:
            self.counter.fill_(offset)
            self._graph(variants).replay()
        elif self.indexed:
            self.counter.fill_(offset)
            self._run(variants)
        else:
            for i, variant in enumerate(variants):
                draw = self.random_inputs.at(offset + i)
                draw.update(zip(self.schedule_names, self.schedule[offset + i].unbind()))
                losses = self._update(draw, variant)
                torch.stack(losses, out=self.history[offset + i])

    def _update(self, draw: dict[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        if self.compiled_update is not None:
            return self.compiled_update(draw, variant)
        return self.method.update(self.data, draw, variant)

    def _run(self, variants: tuple[Hashable, ...]) -> None:
        for variant in variants:
            draw = {
                name: buffer.index_select(1, self.counter).squeeze(1)
                for name, buffer in self.random_inputs.buffers.items()
            }
            draw.update(zip(self.schedule_names, self.schedule.index_select(0, self.counter)[0].unbind()))
            losses = self.method.update(self.data, draw, variant)
            # Not index_copy_, which sorts its one index where algorithms have to be deterministic.
            self.history.copy_(torch.where(self.places == self.counter, torch.stack(losses), self.history))
            self.counter.add_(1)

    def _graph(self, variants: tuple[Hashable, ...]) -> torch.cuda.CUDAGraph:
        if variants not in self.graphs:
            saved = self._save()
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call, unused-ignore]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):  # allocators and libraries warm up before the recording
                for _ in range(2):
                    self._run(variants)
                    self._restore(saved)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # One pool of memory for all graphs: nothing in it outlives a replay, and replays take turns.
            if self.pool is None:
                self.pool = torch.cuda.graph_pool_handle()
            with torch.cuda.graph(graph, pool=self.pool):
                self._run(variants)
            self._restore(saved)
            self.graphs[variants] = graph
        return self.graphs[variants]

    def _save(self) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        return self.method.state(), self.history.clone(), self.counter.clone()

    def _restore(self, saved: tuple[dict[str, Tensor], Tensor, Tensor]) -> None:
        state, history, counter = saved
        self.method.load_state(state)
        self.history.copy_(history)
        self.counter.copy_(counter)
