"""Jobs of an evaluation in this process or in several, one thread of torch each."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from recheck.errors import EvaluationError, Preempted, RecheckError

from algos.base import Sampling
from algos.evaluate.blocks import Block, Row
from algos.evaluate.evaluator import Evaluator
from algos.evaluate.settings import Evaluation
from algos.training.execution import Execution

Job = tuple[Block, ...]
PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Source:
    """What every process builds its own evaluator from; the fields are `Evaluator`'s arguments."""

    run: Path
    manifest: Mapping[str, Any]
    sampling: Sampling
    evaluation: Evaluation
    execution: Execution

    def evaluator(self) -> Evaluator:
        """A new one; raises what `Evaluator` raises."""
        return Evaluator(self.run, self.manifest, self.sampling, self.evaluation, self.execution)


def play_here(
    evaluator: Evaluator, jobs: Sequence[Job], stopped: Callable[[], bool]
) -> Iterator[tuple[Block, list[Row]]]:
    """Play jobs one after another in this process; raises what `Evaluator.play` raises."""
    for job in jobs:
        yield from evaluator.play(job, stopped)


class Workers:
    """Processes that play jobs, each taking the next one when it is done, until `close`.

    They end with this process, however it ends.

    Args:
        source: of each process's evaluator.
        num_workers: processes; each is started when there is a job for it.
        stopped: asked several times a second.
    """

    def __init__(self, source: Source, num_workers: int, stopped: Callable[[], bool]) -> None:
        self.source = source
        self.num_workers = num_workers
        self.stopped = stopped
        self.processes: dict[Connection, Any] = {}
        self._busy: set[Connection] = set()
        self._waiting: deque[Job] = deque()

    def play(self, jobs: Sequence[Job]) -> Iterator[tuple[Block, list[Row]]]:
        """Play jobs, longest waiting first.

        Args:
            jobs: of `Evaluator.jobs`.

        Raises:
            RecheckError: what a process raised, or EvaluationError where one has died.
            Preempted: `stopped` says so.
        """
        self._waiting = deque(jobs)
        idle = list(self.processes)
        for _ in range(min(self.num_workers, len(jobs))):
            self._give(idle.pop() if idle else self._start())
        while self._busy:
            if self.stopped():
                raise Preempted
            for ready in wait(list(self._busy), timeout=POLL_SECONDS):
                assert isinstance(ready, Connection)
                yield from self._answer(ready)

    def close(self) -> None:
        """End the processes: one that waits for a job by itself, one that plays at once."""
        for connection, process in self.processes.items():
            if connection in self._busy:
                process.kill()
            connection.close()  # a process that waits ends when its pipe does
        for process in self.processes.values():
            process.join(timeout=10)
            process.kill()
        self.processes.clear()
        self._busy.clear()

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half alive
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.source), daemon=True)
        process.start()
        theirs.close()
        self.processes[ours] = process
        return ours

    def _give(self, connection: Connection) -> None:
        """Give a process the next job."""
        job = self._waiting.popleft()
        self._busy.add(connection)
        with contextlib.suppress(OSError):  # one that has died answers with the end of its pipe
            connection.send(job)

    def _answer(self, connection: Connection) -> Iterator[tuple[Block, list[Row]]]:
        """Take one message of a process, and give it the next job when it has none."""
        try:
            message = connection.recv()
        except (EOFError, OSError):
            self._busy.discard(connection)
            process = self.processes.pop(connection)
            connection.close()
            process.join(timeout=10)
            if self.stopped():
                raise Preempted from None
            raise EvaluationError(
                f"a process that plays episodes has died (exit status {process.exitcode}); what is finished "
                f"is kept. Where the system ended it because memory ran out, a smaller pool of environments "
                f"(--environments) takes less"
            ) from None
        if isinstance(message, RecheckError):
            raise message
        if message is not None:
            yield message
        elif self._waiting:
            self._give(connection)
        else:
            self._busy.discard(connection)


def _serve(connection: Connection, source: Source) -> None:
    """A process of its own: jobs in, blocks out, None for a job that is done."""
    end_with_parent()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # the parent is asked, and ends this process
    evaluator: Evaluator | None = None
    try:
        evaluator = replace(source, execution=replace(source.execution, workers=1)).evaluator()
        while True:
            for answer in evaluator.play(connection.recv()):
                connection.send(answer)
            connection.send(None)
    except (EOFError, BrokenPipeError):
        pass
    except RecheckError as error:
        with contextlib.suppress(OSError):
            connection.send(error)
    finally:
        if evaluator is not None:
            evaluator.close()


def end_with_parent() -> None:
    """Let Linux end this process when its parent ends, also by `kill -9`; elsewhere its next message does."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
