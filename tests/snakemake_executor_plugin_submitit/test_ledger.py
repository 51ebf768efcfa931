"""The ledger: every transition of its table with the fake scheduler, and no other one."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from snakemake_executor_plugin_submitit.errors import TransitionError
from snakemake_executor_plugin_submitit.interruptions import Interruption
from snakemake_executor_plugin_submitit.ledger import TRANSITIONS, Event, State, TrackedJob

from tests.snakemake_executor_plugin_submitit.parts import Parts
from tests.snakemake_executor_plugin_submitit.workflows import wait_until

STOP = Interruption("NODE_FAIL", False, None, None, 0, 0.0)


def submit(parts: Parts, slurm: Any) -> TrackedJob:
    tracked = parts.take("sleep 100")
    parts.submit(tracked)
    (record,) = parts.recorded()
    assert (record.job_id, record.key) == (tracked.job_id, tracked.record.key)
    assert tracked.info.external_jobid == tracked.job_id == next(iter(slurm.jobs()))
    return tracked


def postpone(parts: Parts, slurm: Any) -> TrackedJob:
    slurm.switch("submit_limit", "0")
    tracked = parts.take("true")
    waits = []
    for _ in range(5):
        parts.submit(tracked)
        waits.append(round(tracked.ready_at - time.monotonic()))
        tracked.ready_at = 0.0
    assert waits == [10, 20, 40, 60, 60]
    assert parts.recorded() == []
    return tracked


def refuse(parts: Parts, slurm: Any) -> TrackedJob:
    slurm.switch("sbatch_refuses", "invalid partition specified: gpuu")
    tracked = parts.take("true")
    parts.submit(tracked)
    assert (
        "SLURM refused it: sbatch: error: invalid partition specified: gpuu. Check slurm_partition"
        in (parts.errors[0])
    )
    assert parts.recorded() == []
    return tracked


def adopt(parts: Parts, slurm: Any) -> TrackedJob:
    first = submit(parts, slurm)
    again = Parts(parts.ledger.records.folder)
    tracked = again.take("true")
    again.queue.ask(time.monotonic())
    again.recovery.place_new_jobs(time.monotonic())
    assert tracked.record == first.record
    assert tracked.info.external_jobid == first.job_id
    assert len(slurm.jobs()) == 1
    parts.moves = again.moves
    return tracked


def clear(parts: Parts, slurm: Any) -> TrackedJob:
    slurm.switch("hold", "Priority")  # a job that starts now would see its mark and end before scancel comes
    first = submit(parts, slurm)
    again = Parts(parts.ledger.records.folder)
    tracked = again.take("true", digest="another")
    again.queue.ask(time.monotonic())
    again.recovery.place_new_jobs(time.monotonic())
    assert again.ledger.records.files(first.record.key).cancel_mark.exists()
    assert slurm.jobs()[first.job_id]["state"] == "CANCELLED"
    parts.moves = again.moves
    parts.again = again  # type: ignore[attr-defined]
    return tracked


def cleared(parts: Parts, slurm: Any) -> TrackedJob:
    tracked = clear(parts, slurm)
    again: Parts = parts.again  # type: ignore[attr-defined]
    again.queue.ask(time.monotonic())
    again.recovery.clear()
    assert again.recorded() == []
    assert tracked.previous_jobs == []
    return tracked


def succeed(parts: Parts, slurm: Any) -> TrackedJob:
    tracked = parts.take("true")
    parts.submit(tracked)
    parts.look_until(State.DONE, tracked=tracked)
    assert parts.succeeded == [tracked.info]
    assert len(parts.ledger) == 0
    (record,) = parts.recorded()  # until Snakemake has recorded what the outputs were made from
    assert record.key == tracked.record.key
    parts.ledger.drop_reported(lambda job: job is tracked)
    assert parts.recorded() == []
    assert not parts.ledger.files(tracked).result.exists()
    return tracked


def explain(parts: Parts, slurm: Any) -> TrackedJob:
    slurm.switch("scontrol_fails", "no answer")
    slurm.switch("sacct_fails", "no accounting")
    tracked = parts.take("exit 3")
    parts.submit(tracked)
    parts.look_until(State.EXPLAINING, tracked=tracked)
    assert tracked.result is not None
    assert tracked.result["exit_code"] == 3
    assert len(parts.recorded()) == 1
    return tracked


def fail(parts: Parts, slurm: Any) -> TrackedJob:
    tracked = parts.take("echo the reason; exit 3")
    parts.submit(tracked)
    parts.look_until(State.FAILED, tracked=tracked)
    (message,) = parts.errors
    assert message.startswith(f"SLURM job {tracked.job_id} (train): FAILED on fakenode with exit code 3.")
    assert "| the reason" in message
    assert parts.recorded() == []
    return tracked


def succeed_without_a_result(parts: Parts, slurm: Any) -> TrackedJob:
    tracked = parts.take("true")
    parts.submit(tracked)
    wait_until(lambda: slurm.jobs()[tracked.job_id]["state"] == "COMPLETED", 180, "the job ends")
    parts.ledger.files(tracked).result.unlink()
    parts.look_until(State.DONE, tracked=tracked)
    assert parts.succeeded == [tracked.info]
    return tracked


def resubmit(parts: Parts, slurm: Any) -> TrackedJob:
    tracked = submit(parts, slurm)
    first = tracked.record
    wait_until(lambda: "group" in slurm.jobs()[first.job_id], 180, "the job runs")
    slurm.end(first.job_id, "NODE_FAIL")
    parts.look_until(State.WAITING, tracked=tracked)
    assert parts.recorded() == []
    assert (tracked.record.job_id, tracked.record.attempt, tracked.record.key) == ("", 1, first.key)
    (stop,) = parts.ledger.files(tracked).interruptions()
    assert (stop["why"], stop["requeued"]) == ("NODE_FAIL", "by Snakemake")
    return tracked


WALKS: dict[tuple[State, Event], Callable[[Parts, Any], TrackedJob]] = {
    (State.WAITING, Event.SUBMIT): submit,
    (State.WAITING, Event.POSTPONE): postpone,
    (State.WAITING, Event.ADOPT): adopt,
    (State.WAITING, Event.CLEAR): clear,
    (State.WAITING, Event.FAIL): refuse,
    (State.CLEARING, Event.CLEARED): cleared,
    (State.RUNNING, Event.SUCCEED): succeed,
    (State.RUNNING, Event.EXPLAIN): explain,
    (State.EXPLAINING, Event.SUCCEED): succeed_without_a_result,
    (State.EXPLAINING, Event.FAIL): fail,
    (State.EXPLAINING, Event.RESUBMIT): resubmit,
}

# What an event's method logs, or reports to Snakemake, which prints it.
LOGGED = {
    Event.SUBMIT: "Job 1 (train) is ",
    Event.POSTPONE: "is submitted in 60 s",
    Event.ADOPT: "Adopted SLURM job",
    Event.CLEAR: "has other parameters or inputs now: it is cancelled first",
    Event.CLEARED: "Nothing is in the way of job train any more",
    Event.EXPLAIN: "has ended; asking why",
    Event.SUCCEED: "has ended well",
    Event.RESUBMIT: "was interrupted: NODE_FAIL, without a saved state; submitted again",
}


def test_every_transition_is_walked() -> None:
    assert set(WALKS) == set(TRANSITIONS)


@pytest.mark.parametrize("transition", TRANSITIONS, ids=lambda item: f"{item[0].value}-{item[1].value}")
def test_a_transition(
    transition: tuple[State, Event], tmp_path: Path, fake_slurm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    parts = Parts(tmp_path / "folder")
    tracked = WALKS[transition](parts, fake_slurm)
    assert parts.moves[-1] == transition
    assert tracked.state is TRANSITIONS[transition]
    if transition[1] is Event.FAIL:
        assert len(parts.errors) == 1
    else:
        assert LOGGED[transition[1]] in [record.getMessage() for record in caplog.records][-1]


EVENTS: dict[Event, Callable[[Parts, TrackedJob], object]] = {
    Event.SUBMIT: lambda parts, tracked: parts.ledger.submit(tracked, 0.0),
    Event.POSTPONE: lambda parts, tracked: parts.ledger.postpone(tracked, 0.0),
    Event.ADOPT: lambda parts, tracked: parts.ledger.adopt(tracked, tracked.record, ""),
    Event.CLEAR: lambda parts, tracked: parts.ledger.clear(tracked, [(tracked.record, "runs")]),
    Event.CLEARED: lambda parts, tracked: parts.ledger.cleared(tracked),
    Event.EXPLAIN: lambda parts, tracked: parts.ledger.explain(tracked, None, 0.0),
    Event.SUCCEED: lambda parts, tracked: parts.ledger.succeed(tracked),
    Event.FAIL: lambda parts, tracked: parts.ledger.fail(tracked, "it failed"),
    Event.RESUBMIT: lambda parts, tracked: parts.ledger.resubmit(tracked, STOP),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_a_transition_that_is_not_in_the_table_raises(
    state: State, event: Event, tmp_path: Path, fake_slurm: Any
) -> None:
    parts = Parts(tmp_path / "folder")
    tracked = parts.take("true")
    tracked._state = state
    if (state, event) in TRANSITIONS:
        EVENTS[event](parts, tracked)
        assert tracked.state is TRANSITIONS[state, event]
        return
    before = vars(tracked).copy()
    with pytest.raises(TransitionError, match=f"is {state.value}; the event {event.value} is not possible"):
        EVENTS[event](parts, tracked)
    assert vars(tracked) == before
    assert parts.succeeded == []
    assert parts.errors == []
    assert tracked.info in parts.ledger


def test_the_state_is_changed_by_the_ledger_alone(tmp_path: Path, fake_slurm: Any) -> None:
    tracked = Parts(tmp_path / "folder").take("true")
    with pytest.raises(AttributeError):
        tracked.state = State.DONE  # type: ignore[misc]


def test_a_job_that_is_started_again_replaces_what_was_reported(tmp_path: Path, fake_slurm: Any) -> None:
    """Snakemake has found an output missing and starts the job again: the earlier record goes."""
    parts = Parts(tmp_path / "folder")
    tracked = parts.take("true")
    parts.submit(tracked)
    parts.look_until(State.DONE, tracked=tracked)
    assert len(parts.recorded()) == 1
    parts.take("true")
    assert parts.recorded() == []
