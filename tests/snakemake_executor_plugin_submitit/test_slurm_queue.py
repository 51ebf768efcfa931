"""The queue as squeue lists it, and jobs that wait in it for something that does not come."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_executor_plugin_submitit.errors import CommandError
from snakemake_executor_plugin_submitit.ledger import State
from snakemake_executor_plugin_submitit.slurm import QueuedJob
from snakemake_executor_plugin_submitit.slurm_queue import SlurmQueue


class Ledger(list):
    """Tracked jobs, of which a queue asks the state."""

    def in_state(self, *states: State) -> list[Any]:
        return [tracked for tracked in self if tracked.state in states]


class Squeue:
    """A backend whose squeue answers with jobs, or not at all."""

    def __init__(self) -> None:
        self.calls = 0
        self.answer: dict[str, QueuedJob] | None = {}

    def alive(self) -> dict[str, QueuedJob]:
        self.calls += 1
        if self.answer is None:
            raise CommandError("squeue", "timed out", answered=False)
        return self.answer


def tracked_job(job_id: str) -> Any:
    record = SimpleNamespace(job_id=job_id, rule="train", key=job_id)
    return SimpleNamespace(job_id=job_id, record=record, state=State.RUNNING)


@pytest.fixture
def squeue() -> Squeue:
    return Squeue()


@pytest.fixture
def queue(squeue: Squeue) -> SlurmQueue:
    ledger: Any = Ledger([tracked_job("7_0"), tracked_job("7_1")])
    backend: Any = squeue
    return SlurmQueue(backend, ledger, logging.getLogger("test"), 10.0)


def test_jobs_that_wait_in_vain_are_named_once_after_a_minute(
    queue: SlurmQueue, squeue: Squeue, caplog: pytest.LogCaptureFixture
) -> None:
    def messages(reason: str, now: float) -> list[str]:
        squeue.answer = {f"7_{index}": QueuedJob(f"7_{index}", "PENDING", reason, "") for index in range(2)}
        queue.ask(now)
        return [record.getMessage() for record in caplog.records]

    assert messages("Resources", 0.0) == []
    assert messages("Resources", 500.0) == []
    assert messages("InvalidAccount", 501.0) == []
    assert messages("InvalidAccount", 540.0) == []
    (message,) = messages("InvalidAccount", 562.0)
    assert "SLURM job 7 (rule train, 2 pending)" in message
    assert "InvalidAccount, which does not pass by waiting: check slurm_account" in message
    assert len(messages("InvalidAccount", 700.0)) == 1
    assert len(messages("(ReqNodeNotAvail, UnavailableNodes:n1)", 701.0)) == 1
    assert len(messages("(ReqNodeNotAvail, UnavailableNodes:n1)", 800.0)) == 2


def test_no_answer_means_unknown(queue: SlurmQueue, squeue: Squeue, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    squeue.answer = {"7_0": QueuedJob("7_0", "RUNNING", "None", "")}
    queue.ask(0.0)
    squeue.answer = None
    queue.ask(10.0)
    queue.ask(20.0)
    assert tracked_job("7_0").record in queue  # as it was last listed
    assert queue.answered == 0.0
    assert not queue.is_fresh(20.0)
    squeue.answer = {}
    queue.ask(30.0)
    assert queue.is_fresh(34.0)
    assert not queue.is_fresh(36.0)
    assert tracked_job("7_0").record not in queue
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "The state of 2 jobs is unknown; none is given up" in messages[0]
    assert messages[1] == "SLURM answers again after 20 s."


def test_how_often_it_is_asked(queue: SlurmQueue, squeue: Squeue) -> None:
    for now in (0.0, 5.0, 9.9, 10.0):
        queue.ask_if_due(now, hurry=False, watch=False)
    assert squeue.calls == 2
    queue.ask_if_due(11.0, hurry=True, watch=False)
    assert squeue.calls == 2
    queue.ask_if_due(12.0, hurry=True, watch=False)
    assert squeue.calls == 3
