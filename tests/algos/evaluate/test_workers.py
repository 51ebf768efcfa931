"""Processes that play blocks of episodes."""

import multiprocessing
import os
from collections import deque

import pytest
from recheck.errors import EvaluationError, Preempted

from algos.evaluate import Block, Request, evaluate_block, workers
from algos.training.execution import Execution

SAMPLING = {"name": "default"}


EVALUATION = {"episodes": 10, "episodes_last": 30, "episodes_reevaluated": 10}


def test_a_process_that_dies_is_reported(untrained, dataset, tmp_path, monkeypatch):
    """With what is finished kept."""
    monkeypatch.setattr(workers, "_serve", dies)
    with pytest.raises(EvaluationError, match=r"has died \(exit status 9\); what is finished is kept"):
        evaluate_block(
            untrained(("iql", "paper"), [0]),
            dataset,
            Request(SAMPLING, EVALUATION),
            tmp_path / "rows.parquet",
            Execution(device="cpu", workers=2),
        )


def dies(*_):
    os._exit(9)


# --- What the parent does with a message ---


class Process:
    """A process that has ended."""

    exitcode = -9

    def __init__(self):
        self.joined = 0

    def join(self, timeout=None):
        self.joined += 1


@pytest.fixture
def pair():
    """Both ends of a process's pipe, and the parent's table of processes."""
    ours, theirs = multiprocessing.Pipe()
    yield ours, theirs, {ours: Process()}
    theirs.close()
    ours.close()


BLOCK = Block("checkpoint", 10, 0, 0, (7,))


def test_a_finished_block_is_handed_on_and_a_done_process_gets_the_next_job(pair):
    ours, theirs, processes = pair
    waiting = deque([("second",)])
    theirs.send((BLOCK, [BLOCK.row(0, 1.5, 3)]))
    theirs.send(None)
    theirs.send(None)
    assert list(workers._answer(ours, processes, waiting, bool)) == [(BLOCK, [BLOCK.row(0, 1.5, 3)])]
    assert list(workers._answer(ours, processes, waiting, bool)) == []
    assert theirs.recv() == ("second",)
    process = processes[ours]
    assert list(workers._answer(ours, processes, waiting, bool)) == []
    assert processes == {}
    assert process.joined == 1
    with pytest.raises(EOFError):  # so that the process ends
        theirs.recv()


def test_what_a_process_raises_is_raised_here(pair):
    ours, theirs, processes = pair
    theirs.send(EvaluationError("no such environment"))
    with pytest.raises(EvaluationError, match="no such environment"):
        list(workers._answer(ours, processes, deque(), bool))


def test_a_process_that_dies_while_all_are_stopped_is_no_fault(pair):
    ours, theirs, processes = pair
    theirs.close()
    with pytest.raises(EvaluationError, match=r"exit status -9.*a smaller pool of environments"):
        list(workers._answer(ours, dict(processes), deque(), lambda: False))
    with pytest.raises(Preempted):
        list(workers._answer(ours, dict(processes), deque(), lambda: True))


def test_in_this_process_jobs_follow_each_other_until_stopped():
    class Evaluator:
        def play(self, job, stopped):
            for block in job:
                if stopped():
                    raise Preempted
                yield block, []

    jobs = [("a", "b"), ("c",)]
    assert [block for block, _ in workers.play_here(Evaluator(), jobs, lambda: False)] == ["a", "b", "c"]
    asked = []
    stops_after_two = workers.play_here(Evaluator(), jobs, lambda: asked.append(1) or len(asked) > 2)
    assert [next(stops_after_two)[0] for _ in range(2)] == ["a", "b"]
    with pytest.raises(Preempted):
        next(stops_after_two)
