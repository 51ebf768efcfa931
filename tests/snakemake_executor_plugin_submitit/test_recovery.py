"""After a crash of Snakemake: the same command again, and what may not be taken for done."""

import json
import time
from typing import Any


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
    deadline = time.monotonic() + 60
    while not all((folder / f"{name}.ran").exists() for name in ("slow", "quick", "changed")):
        assert time.monotonic() < deadline, workflow.told()
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
    assert process.wait(60) == 0
    told = workflow.told("again")
    assert "it is running" in told
    assert "ended well while Snakemake was away and counts as done" in told or "ended well meanwhile" in told
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
    deadline = time.monotonic() + 60
    while not (workflow.folder / "ran").exists():
        assert time.monotonic() < deadline, workflow.told()
        time.sleep(0.1)
    process.kill()
    process.wait()
    workflow.run("--unlock")
    code, told = workflow.run("--forcerun", "train")
    assert code == 0, told
    assert "is forced to run again: it is cancelled first" in told
    assert "Adopted" not in told
    states = sorted(job["state"] for job in fake_slurm.jobs().values())
    assert states == ["CANCELLED", "COMPLETED"]
