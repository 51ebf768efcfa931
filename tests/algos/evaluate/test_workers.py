"""Processes that play blocks of episodes."""

import multiprocessing
import os

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
        self.joined = self.killed = 0

    def join(self, timeout=None):
        self.joined += 1

    def kill(self):
        self.killed += 1


BLOCK = Block("checkpoint", 10, 0, 0, (7,))


class Started(workers.Workers):
    """Workers whose processes are the other ends of their pipes."""

    def __init__(self, num_workers=1, stopped=bool):
        super().__init__(None, num_workers, stopped)
        self.theirs = []

    def _start(self):
        ours, theirs = multiprocessing.Pipe()
        self.processes[ours] = Process()
        self.theirs.append(theirs)
        return ours


@pytest.fixture
def started():
    made = []

    def start(*arguments):
        made.append(Started(*arguments))
        return made[-1]

    yield start
    for each in made:
        each.close()


def test_a_finished_block_is_handed_on_and_a_done_process_gets_the_next_job(started):
    played = started()
    connection = played._start()
    (theirs,) = played.theirs
    rows = [BLOCK.row(0, 1.5, 3)]
    for answer in ((BLOCK, rows), None, (BLOCK, []), None):
        theirs.send(answer)
    assert list(played.play([("first",), ("second",)])) == [(BLOCK, rows), (BLOCK, [])]
    assert [theirs.recv(), theirs.recv()] == [("first",), ("second",)]
    assert list(played.processes) == [connection]


def test_processes_stay_for_the_next_jobs_and_end_with_their_pipe(started):
    played = started(2)
    processes = [played.processes[played._start()] for _ in range(2)]
    for jobs in ([("a",), ("b",)], [("c",), ("d",)]):
        for theirs in played.theirs:
            theirs.send(None)
        assert list(played.play(jobs)) == []
    assert list(played.processes.values()) == processes
    played.close()
    assert [process.joined for process in processes] == [1, 1]
    took = [{theirs.recv(), theirs.recv()} for theirs in played.theirs]
    assert took == [{("b",), ("d",)}, {("a",), ("c",)}]
    for theirs in played.theirs:
        with pytest.raises(EOFError):  # so that the process ends
            theirs.recv()


def test_a_process_that_plays_is_ended_at_once(started):
    played = started()
    stopped = iter([False, True])
    played.stopped = lambda: next(stopped)
    with pytest.raises(Preempted):
        list(played.play([("a",)]))
    (process,) = played.processes.values()
    played.close()
    assert process.killed


def test_what_a_process_raises_is_raised_here(started):
    played = started()
    connection = played._start()
    played.theirs[0].send(EvaluationError("no such environment"))
    with pytest.raises(EvaluationError, match="no such environment"):
        list(played._answer(connection))


@pytest.mark.parametrize("stopped", [False, True])
def test_a_process_that_dies_while_all_are_stopped_is_no_fault(started, stopped):
    played = started(1, lambda: stopped)
    connection = played._start()
    played.theirs[0].close()
    expected, said = (
        (Preempted, None) if stopped else (EvaluationError, r"status -9.*a smaller pool of environm")
    )
    with pytest.raises(expected, match=said):
        list(played._answer(connection))
    assert played.processes == {}


def test_one_that_has_died_while_it_waited_is_reported(started):
    played = started()
    played._start()
    played.theirs[0].close()
    with pytest.raises(EvaluationError, match="has died"):
        list(played.play([("a",)]))


def test_each_process_is_started_once_for_checkpoints_and_reevaluation(
    untrained, dataset, tmp_path, monkeypatch
):
    starts = []
    start = workers.Workers._start
    monkeypatch.setattr(workers.Workers, "_start", lambda self: [start(self), starts.append(1)][0])
    folder = untrained(("iql", "paper"), [0, 4])
    evaluate_block(
        folder,
        dataset,
        Request(SAMPLING, EVALUATION),
        tmp_path / "rows.parquet",
        Execution(device="cpu", workers=2),
    )
    assert len(starts) == 2


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
