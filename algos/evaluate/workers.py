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


def play_in_processes(
    source: Source, jobs: Sequence[Job], num_workers: int, stopped: Callable[[], bool]
) -> Iterator[tuple[Block, list[Row]]]:
    """Play jobs in processes of their own, each taking the next one when it is done.

    The processes end with this one, however it ends.

    Args:
        source: of each process's evaluator.
        jobs: of `Evaluator.jobs`.
        num_workers: processes.
        stopped: asked several times a second.

    Raises:
        RecheckError: what one of them raised, or EvaluationError where one has died.
        Preempted: `stopped` says so.
    """
    waiting = deque(jobs)
    context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads half alive
    workers: dict[Connection, Any] = {}
    try:
        for _ in range(min(num_workers, len(jobs))):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, source), daemon=True)
            process.start()
            theirs.close()
            workers[ours] = process
            ours.send(waiting.popleft())
        while workers:
            if stopped():
                raise Preempted
            for ready in wait(list(workers), timeout=POLL_SECONDS):
                assert isinstance(ready, Connection)
                yield from _answer(ready, workers, waiting, stopped)
    finally:
        for process in workers.values():
            process.kill()
        for process in workers.values():
            process.join(timeout=10)


def _answer(
    connection: Connection, workers: dict[Connection, Any], waiting: deque[Job], stopped: Callable[[], bool]
) -> Iterator[tuple[Block, list[Row]]]:
    """Take one message of a process, and give it the next job when it has none."""
    try:
        message = connection.recv()
    except (EOFError, OSError):
        process = workers.pop(connection)
        process.join(timeout=10)
        if stopped():
            raise Preempted from None
        raise EvaluationError(
            f"a process that plays episodes has died (exit status {process.exitcode}); what is finished is "
            f"kept. Where the system ended it because memory ran out, a smaller pool of environments "
            f"(--environments) takes less"
        ) from None
    if isinstance(message, RecheckError):
        raise message
    if message is not None:
        yield message
    elif waiting:
        connection.send(waiting.popleft())
    else:
        process = workers.pop(connection)
        connection.close()  # the process ends when its pipe does
        process.join(timeout=10)


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
