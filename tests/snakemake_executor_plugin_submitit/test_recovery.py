"""After a crash of Snakemake: the same command again, and what may not be taken for done."""

import asyncio
import json
import os
import shlex
import time
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_executor_plugin_submitit.backends import SlurmBackend
from snakemake_executor_plugin_submitit.files import write_json
from snakemake_executor_plugin_submitit.ledger import State, TrackedJob
from snakemake_executor_plugin_submitit.records import Submission
from snakemake_executor_plugin_submitit.snakemake_job import target_of_member
from snakemake_executor_plugin_submitit.sources import sources_of

from tests.snakemake_executor_plugin_submitit.parts import Parts
from tests.snakemake_executor_plugin_submitit.workflows import wait_until


def test_kill_and_the_same_command_again(workflow: Any, fake_slurm: Any) -> None:
    """Live jobs are adopted, ended ones count as done, changed ones are cancelled first."""
    workflow.write(
        """
        rule all:
            input: "slow", "quick", "changed"
        rule slow:
            output: "slow"
            shell:
                "echo x >> slow.ran; touch {output}; while [ ! -e go ]; do sleep 0.1; done; "
                "echo done > {output}"
        rule quick:
            output: "quick"
            shell: "echo x >> quick.ran; while [ ! -e finish ]; do sleep 0.1; done; echo done > {output}"
        rule changed:
            output: "changed"
            params: value=config.get("value", 1)
            shell:
                "echo {params.value} >> changed.ran; [ {params.value} = 2 ] || sleep 100; "
                "echo {params.value} > {output}"
        """
    )
    folder = workflow.folder
    process = workflow.start()
    deadline = time.monotonic() + 180
    while not all((folder / f"{name}.ran").exists() for name in ("slow", "quick", "changed")):
        assert time.monotonic() < deadline, workflow.printed()
        time.sleep(0.1)
    process.kill()
    process.wait()
    (folder / "finish").touch()
    assert len(workflow.records) == 3
    # As after a kill between sbatch and its answer: the job is found again by its comment.
    for path in workflow.records:
        record = json.loads(path.read_text())
        if record["jobs"][0]["rule"] == "slow":
            record["jobs"][0].update(job_id="", log="")
            path.write_text(json.dumps(record))
    while not (folder / "quick").exists() or "COMPLETED" not in {
        job["state"] for job in fake_slurm.jobs().values()
    }:
        assert time.monotonic() < deadline
        time.sleep(0.1)

    assert workflow.run("--unlock")[0] == 0
    before = set(fake_slurm.jobs())
    process = workflow.start("--config", "value=2", name="again")
    workflow.wait_for("Adopted SLURM job", name="again")
    workflow.wait_for("has other parameters or inputs now: it is cancelled first", name="again")
    assert (folder / "slow").exists()  # adopted before anything deletes its output
    (folder / "go").touch()
    assert process.wait(180) == 0
    printed = workflow.printed("again")
    assert "it is running" in printed
    assert (
        "ended well while Snakemake was away and counts as done" in printed
        or "ended well meanwhile" in printed
    )
    assert (folder / "slow.ran").read_text() == "x\n"
    assert (folder / "quick.ran").read_text() == "x\n"
    assert (folder / "changed.ran").read_text() == "1\n2\n"
    assert (folder / "changed").read_text() == "2\n"
    assert len(set(fake_slurm.jobs()) - before) == 1
    cancelled = [job for job in fake_slurm.jobs().values() if job["state"] == "CANCELLED"]
    assert len(cancelled) == 1
    assert workflow.records == []


def test_forcerun_adopts_nothing(workflow: Any, fake_slurm: Any) -> None:
    workflow.write(
        """
        rule train:
            output: "policy"
            shell: "echo x >> ran; [ $(wc -l < ran) = 2 ] || sleep 100; touch {output}"
        """
    )
    process = workflow.start()
    deadline = time.monotonic() + 180
    while not (workflow.folder / "ran").exists():
        assert time.monotonic() < deadline, workflow.printed()
        time.sleep(0.1)
    process.kill()
    process.wait()
    workflow.run("--unlock")
    code, printed = workflow.run("--forcerun", "train")
    assert code == 0, printed
    assert "is forced to run again: it is cancelled first" in printed
    assert "Adopted" not in printed
    states = sorted(job["state"] for job in fake_slurm.jobs().values())
    assert states == ["CANCELLED", "COMPLETED"]


CHANGES = """
rule all:
    input: "table"
rule by_parameter:
    output: "parameter"
    params: value=config.get("value", 1)
    shell: "echo {params.value} >> parameter.ran; sleep 2; echo {params.value} > {output}"
rule by_input:
    input: "source"
    output: "input"
    shell: "cat {input} >> input.ran; sleep 2; cp {input} {output}"
rule same:
    output: "same"
    params: value=config.get("other", 1)
    shell: "echo {params.value} >> same.ran; sleep 2; echo {params.value} > {output}"
rule first:
    output: "half"
    group: "together"
    params: value=config.get("value", 1)
    shell: "echo {params.value} > {output}; sleep 2"
rule second:
    input: "half"
    output: "whole"
    group: "together"
    shell: "cat {input} >> group.ran; cat {input} > {output}"
rule table:
    input: "parameter", "input", "same", "whole"
    output: "table"
    shell: "cat {input} > {output}"
"""


def kill_and_let_the_jobs_end(workflow: Any, fake_slurm: Any, jobs: int) -> None:
    """kill -9 of Snakemake once its jobs are recorded; they end without it."""
    process = workflow.start()
    wait_until(
        lambda: (
            len(fake_slurm.jobs()) == jobs
            and all(json.loads(path.read_text())["jobs"][0]["job_id"] for path in workflow.records)
        ),
        180,
        f"{jobs} jobs are submitted",
    )
    process.kill()
    process.wait()
    wait_until(
        lambda: {job["state"] for job in fake_slurm.jobs().values()} == {"COMPLETED"}, 180, "the jobs end"
    )
    assert workflow.run("--unlock")[0] == 0


def test_a_job_whose_parameters_or_inputs_have_changed_is_run_again(workflow: Any, fake_slurm: Any) -> None:
    """What ended well while Snakemake was away counts as done only if nothing has changed since."""
    workflow.write(CHANGES)
    folder = workflow.folder
    (folder / "source").write_text("1\n")
    kill_and_let_the_jobs_end(workflow, fake_slurm, 4)
    made = {name: (folder / name).read_text() for name in ("parameter", "input", "same", "whole")}
    assert made == dict.fromkeys(made, "1\n")

    stamp = (folder / "source").stat()
    (folder / "source").write_text("2\n")
    os.utime(folder / "source", (stamp.st_atime, stamp.st_mtime))  # the content decides, not the date
    code, output = workflow.run("--config", "value=2")
    assert code == 0, output
    assert (folder / "table").read_text() == "2\n2\n1\n2\n"
    assert (folder / "parameter.ran").read_text() == "1\n2\n"
    assert (folder / "input.ran").read_text() == "1\n2\n"
    assert (folder / "same.ran").read_text() == "1\n"
    assert (folder / "group.ran").read_text() == "1\n2\n"
    assert output.count("its parameters, inputs or code have changed since: it is run again") == 3
    assert output.count("ended well while Snakemake was away and counts as done") == 1
    assert workflow.records == []

    # What counts as done is recorded as what it was made from: a later change is noticed.
    code, output = workflow.run("--config", "value=2", "--dry-run")
    assert "Nothing to be done" in output
    code, output = workflow.run("--config", "value=2", "other=2")
    assert code == 0, output
    assert (folder / "same.ran").read_text() == "1\n2\n"
    assert (folder / "table").read_text() == "2\n2\n2\n2\n"


def test_where_all_outputs_exist_a_changed_job_is_run_again_all_the_same(
    workflow: Any, fake_slurm: Any
) -> None:
    """Snakemake sees nothing to do; another target asked for in between changes nothing."""
    workflow.options.remove("--rerun-incomplete")
    workflow.write(
        """
        rule train:
            output: "policy"
            params: value=config.get("value", 1)
            shell: "echo {params.value} >> ran; sleep 1; echo {params.value} > {output}"
        rule other:
            output: "other"
            shell: "touch {output}"
        """
    )
    kill_and_let_the_jobs_end(workflow, fake_slurm, 1)
    code, output = workflow.run("--keep-going", "other")
    assert code == 0, output
    assert len(workflow.records) == 1
    code, output = workflow.run("--config", "value=2", "--keep-going", "policy")
    assert code == 0, output
    assert "its parameters, inputs or code have changed since: it is run again" in output
    assert (workflow.folder / "policy").read_text() == "2\n"
    assert (workflow.folder / "ran").read_text() == "1\n2\n"
    code, output = workflow.run("--config", "value=2", "--keep-going", "policy")
    assert "Nothing to be done" in output
    assert (workflow.folder / "ran").read_text() == "1\n2\n"


def test_inputs_that_have_become_ancient_since_are_no_change(workflow: Any, fake_slurm: Any) -> None:
    """A workflow may mark the inputs of a finished result as ancient: it is not made again."""
    workflow.write(
        """
        import os
        rule train:
            input: lambda wildcards: ancient("source") if os.path.exists("policy") else "source"
            output: "policy"
            params: value=config.get("value", 1)
            shell: "echo x >> ran; sleep 1; cp {input} {output}"
        """
    )
    (workflow.folder / "source").write_text("1\n")
    kill_and_let_the_jobs_end(workflow, fake_slurm, 1)
    os.utime(workflow.folder / "source")
    code, output = workflow.run()
    assert code == 0, output
    assert "ended well while Snakemake was away and counts as done" in output
    assert (workflow.folder / "ran").read_text() == "x\n"
    code, output = workflow.run("--config", "value=2")
    assert code == 0, output
    assert (workflow.folder / "ran").read_text() == "x\nx\n"


def test_changed_code_and_a_job_without_a_result(workflow: Any, fake_slurm: Any) -> None:
    """Code counts where it counts for Snakemake; of a job without a result nothing is known."""
    rule = """
    rule train:
        output: "policy"
        shell: "echo x >> ran; sleep 1; echo NUMBER > {output}"
    """
    workflow.write(rule.replace("NUMBER", "1"))
    kill_and_let_the_jobs_end(workflow, fake_slurm, 1)
    workflow.write(rule.replace("NUMBER", "2"))
    code, output = workflow.run()
    assert code == 0, output
    assert (workflow.folder / "policy").read_text() == "2\n"

    (workflow.folder / "policy").unlink()
    kill_and_let_the_jobs_end(workflow, fake_slurm, 3)
    for path in (workflow.folder / ".snakemake/submitit/results").iterdir():
        path.unlink()
    code, output = workflow.run()
    assert code == 0, output
    assert "and has left no result: it is adopted if SLURM still has it, and otherwise run again" in output
    assert (workflow.folder / "ran").read_text() == "x\n" * 4


def two_jobs_of_one_target(tmp_path: Path) -> tuple[Parts, TrackedJob]:
    """Two jobs of an earlier run that write ``started`` and go on; a later run that takes their target."""
    first = Parts(tmp_path / "folder")
    command = f"echo x >> {shlex.quote(str(tmp_path / 'started'))}; sleep 100"
    jobs = [first.take(command), first.take(command)]
    first.settings.array_limit = 1
    first.submit(jobs[1])
    again = Parts(tmp_path / "folder")
    return again, again.take("true")


def states(fake_slurm: Any) -> set[str]:
    return {job["state"] for job in fake_slurm.jobs().values()}


def test_two_live_jobs_of_one_target_are_both_cancelled(tmp_path: Path, fake_slurm: Any) -> None:
    """Neither may be adopted: they write to the same outputs."""
    again, tracked = two_jobs_of_one_target(tmp_path)
    started = tmp_path / "started"
    wait_until(lambda: started.exists() and started.read_text() == "x\nx\n", 180, "both jobs run")
    again.queue.ask(time.monotonic())
    again.recovery.place_new_jobs(time.monotonic())
    assert tracked.state is State.CLEARING
    assert states(fake_slurm) == {"CANCELLED"}
    again.queue.ask(time.monotonic())
    again.recovery.clear()
    again.submit(tracked)
    again.look_until(State.DONE, tracked=tracked)
    assert len(fake_slurm.jobs()) == 3


def test_a_job_that_starts_while_it_is_cancelled_does_nothing(
    tmp_path: Path, fake_slurm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark is there before scancel is: the job ends by itself, for SLURM as one that failed."""
    fake_slurm.switch("hold", "Priority")
    again, tracked = two_jobs_of_one_target(tmp_path)
    files = [again.ledger.records.files(record.key) for record in again.recorded()]

    def start_before_scancel(job_ids: Iterable[str]) -> None:
        fake_slurm.clear("hold")
        wait_until(lambda: states(fake_slurm) == {"FAILED"}, 180, "the jobs see their marks and end")
        SlurmBackend().cancel(job_ids)

    again.queue.ask(time.monotonic())
    with monkeypatch.context() as patch:
        patch.setattr(again.recovery._backend, "cancel", start_before_scancel)
        again.recovery.place_new_jobs(time.monotonic())
    assert tracked.state is State.CLEARING
    assert [json.loads(file.result.read_text())["outcome"] for file in files] == ["cancelled"] * 2
    again.queue.ask(time.monotonic())
    again.recovery.clear()
    again.submit(tracked)
    again.look_until(State.DONE, tracked=tracked)
    assert not (tmp_path / "started").exists()
    assert len(fake_slurm.jobs()) == 3


def test_a_job_of_a_group_that_is_split_is_not_run_twice_at_once(tmp_path: Path, fake_slurm: Any) -> None:
    """An earlier group job makes one of the outputs: it is cancelled before the single job starts."""
    first = Parts(tmp_path / "folder")
    group = first.job("sleep 100")
    group.record.target = "other|half\ntrain|policy"
    first.ledger.take(group)
    first.submit(group)
    again = Parts(tmp_path / "folder")
    tracked = again.take("true")
    assert again.recovery.concerns(tracked)
    again.queue.ask(time.monotonic())
    again.recovery.place_new_jobs(time.monotonic())
    assert tracked.state is State.CLEARING
    assert tracked.previous_jobs[0].job_id == group.job_id


def test_nothing_is_submitted_while_squeue_is_silent(tmp_path: Path, fake_slurm: Any) -> None:
    first = Parts(tmp_path / "folder")
    job = first.take("sleep 100")
    first.submit(job)
    again = Parts(tmp_path / "folder")
    tracked = again.take("sleep 100")
    fake_slurm.switch("squeue_fails", "no answer")
    again.queue.ask(time.monotonic())
    now = time.monotonic()
    again.recovery.place_new_jobs(now)
    again.submitter.submit_waiting(now, lambda: False)
    assert tracked.state is State.WAITING
    assert len(fake_slurm.jobs()) == 1
    fake_slurm.clear("squeue_fails")
    again.queue.ask(time.monotonic())
    again.recovery.place_new_jobs(time.monotonic())
    assert (tracked.state, tracked.job_id) == (State.RUNNING, job.job_id)


def test_a_record_that_cannot_be_read_is_named(
    tmp_path: Path, fake_slurm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    parts = Parts(tmp_path / "folder")
    path = parts.ledger.records.folder / "records" / "later.json"
    path.write_text('{"jobs": [], "novelty": 1}')
    Parts(tmp_path / "folder")
    assert f"The record {path} of submitted jobs cannot be read" in caplog.text
    assert path.exists()


class DagJob(SimpleNamespace):
    """A job of the DAG; jobs are members of sets."""

    def __hash__(self) -> int:
        return id(self)


class ReviewedWorkflow:
    """What a review asks of Snakemake's workflow: one job, with output and what is recorded of it."""

    def __init__(self, output: Path, wanted: bool, recorded_at: float | None) -> None:
        rule = SimpleNamespace(name="train", shellcmd="train")
        self.job = DagJob(
            rule=rule, output=[str(output)], wildcards_dict={}, non_derived_params=["value=1"], input=[]
        )
        self.finished: list[Any] = []
        self.started: list[Any] = []
        self.updated = 0
        metadata = None if recorded_at is None else SimpleNamespace(starttime=recorded_at)

        async def finished(job: Any) -> None:
            self.finished.append(job)

        async def postprocess() -> None:
            self.updated += 1

        self.persistence = SimpleNamespace(
            metadata=lambda path: metadata, finished=finished, started=self.started.append
        )
        self.dag = SimpleNamespace(
            jobs=[self.job],
            needrun_jobs=lambda: [self.job] if wanted else [],
            forcefiles=set(),
            postprocess=postprocess,
        )

    @staticmethod
    def async_run(coroutine: Any) -> None:
        asyncio.run(coroutine)


@pytest.mark.parametrize("same", [True, False], ids=["same", "changed"])
@pytest.mark.parametrize("outcome", ["success", "failed", "interrupted", None])
@pytest.mark.parametrize(
    "case", ["complete", "wanted", "output is missing", "of another target", "recorded before", "since"]
)
def test_review(same: bool, outcome: str | None, case: str, tmp_path: Path, fake_slurm: Any) -> None:
    """Only jobs that Snakemake takes for complete, and has not recorded since, are looked at."""
    submitted = 1000.0
    output = tmp_path / "policy"
    if case != "output is missing":
        output.touch()
    recorded_at = {"recorded before": submitted - 10, "since": submitted + 10}.get(case)
    workflow = ReviewedWorkflow(output, case == "wanted", recorded_at)
    parts = Parts(tmp_path / "folder")
    made_from = sources_of([workflow.job]).as_record()
    changes = made_from if same else {**made_from, "parameters": "other"}
    record = parts.job("true", submitted=submitted, job_id="7", **changes).record
    record.target = target_of_member(workflow.job) if case != "of another target" else "train|other"
    parts.ledger.records.add(Submission("cafe", "x", False, [record], {record.key: 0}))
    if outcome is not None:
        write_json(parts.ledger.records.files(record.key).result, {"outcome": outcome})

    again = Parts(tmp_path / "folder")
    again.recovery.review(workflow)
    looked_at = case in ("complete", "recorded before")
    counts_as_done = looked_at and same and outcome == "success"
    run_again = looked_at and not counts_as_done
    assert workflow.finished == ([workflow.job] if counts_as_done else [])
    assert workflow.started == ([workflow.job] if run_again else [])
    assert workflow.dag.forcefiles == ({str(output)} if run_again else set())
    assert workflow.updated == (1 if run_again else 0)
    assert [left.key for left in again.recorded()] == ([] if counts_as_done else [record.key])
