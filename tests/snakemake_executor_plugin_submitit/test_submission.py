"""Submission: what SLURM refuses or does not answer is neither lost nor run twice."""

import time
from pathlib import Path
from typing import Any

import pytest
from snakemake_executor_plugin_submitit.errors import CommandError
from snakemake_executor_plugin_submitit.ledger import State
from snakemake_executor_plugin_submitit.slurm import Slurm

from tests.snakemake_executor_plugin_submitit.parts import Parts


@pytest.fixture
def parts(tmp_path: Path, fake_slurm: Any) -> Parts:
    return Parts(tmp_path / "folder")


def test_a_limit_on_submitted_jobs_halves_the_array(parts: Parts, fake_slurm: Any) -> None:
    fake_slurm.switch("submit_limit", "3")
    jobs = [parts.take("sleep 100") for _ in range(5)]
    parts.submit(jobs[-1])
    assert [tracked.state for tracked in jobs] == [State.RUNNING] * 3 + [State.WAITING] * 2
    assert len({tracked.job_id.split("_")[0] for tracked in jobs[:3]}) == 2  # 2, then 1
    assert len(fake_slurm.jobs()) == 3


def test_an_sbatch_without_an_answer_is_looked_up_by_its_comment(parts: Parts, fake_slurm: Any) -> None:
    fake_slurm.switch("sbatch_is_lost")
    tracked = parts.take("sleep 100")
    parts.submit(tracked)
    assert tracked.state is State.RUNNING
    assert tracked.job_id == next(iter(fake_slurm.jobs()))


@pytest.mark.parametrize("accepted", [True, False])
def test_while_sbatch_and_squeue_are_silent_nothing_is_submitted_again(
    parts: Parts, fake_slurm: Any, accepted: bool
) -> None:
    """It is not known whether SLURM has the jobs; once squeue answers, it is."""
    if accepted:
        fake_slurm.switch("sbatch_is_lost")
    else:
        fake_slurm.switch("sbatch_refuses", "Socket timed out on send/recv operation")
    fake_slurm.switch("squeue_fails", "Unable to contact slurm controller")
    jobs = [parts.take("sleep 100") for _ in range(3)]
    for _ in range(3):
        parts.submit(jobs[-1])
        assert {tracked.state for tracked in jobs} == {State.WAITING}
        assert len(fake_slurm.calls("sbatch")) == 1
        assert len(parts.recorded()) == 3  # a kill at this moment loses nothing
    for name in ("squeue_fails", "sbatch_refuses"):
        if (fake_slurm.folder / name).exists():
            fake_slurm.clear(name)
    parts.submit(jobs[-1])
    assert {tracked.state for tracked in jobs} == {State.RUNNING}
    assert {tracked.job_id for tracked in jobs} == set(fake_slurm.jobs())
    assert len(fake_slurm.jobs()) == 3
    assert len(fake_slurm.calls("sbatch")) == (1 if accepted else 2)
    assert sorted(record.key for record in parts.recorded()) == sorted(job.record.key for job in jobs)


def test_a_controller_that_does_not_answer_is_not_asked_for_every_half(
    parts: Parts, fake_slurm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An sbatch that times out takes a minute."""
    calls = []

    def silent(self: Slurm, script: str) -> str:
        calls.append(script)
        raise CommandError("sbatch", "did not answer within 60 s", answered=False)

    monkeypatch.setattr(Slurm, "submit", silent)
    jobs = [parts.take("true") for _ in range(8)]
    parts.submit(jobs[-1])
    assert len(calls) == 1
    assert {tracked.state for tracked in jobs} == {State.WAITING}
    assert all(tracked.ready_at > time.monotonic() + 5 for tracked in jobs)
    assert parts.recorded() == []  # squeue has answered: no such job


def test_after_sigterm_nothing_is_submitted(parts: Parts, fake_slurm: Any) -> None:
    tracked = parts.take("true")
    parts.submitter.refuse_waiting(time.monotonic())
    assert tracked.state is State.FAILED
    assert "because Snakemake has been asked to stop" in parts.errors[0]
    assert tracked.job.attempt == 4  # --retries does not start it again
    assert not fake_slurm.jobs()
