"""The plugin on a real SLURM: what clusters do to jobs, and that nothing is lost and nothing runs twice.

Faults take minutes, most of them waiting, so they are tried at the same time, each in a workflow, a
partition and a node that no other uses; the tests then look at what came of them.
"""

import csv
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
OPTIONS = ["--executor", "submitit", "--jobs", "50", "--latency-wait", "5", "--scheduler", "greedy"]
OPTIONS += ["--submitit-poll-interval", "2", "--rerun-incomplete", "--default-resources", "mem_mb=700"]

TRAINING = """
rule train:
    output: "policy"
    params: state="state"
    threads: 8
    resources: runtime={minutes}, slurm_partition="{partition}"
    shell:
        "PYTHON 'TRAINER' --updates {updates} --seconds {seconds} --interval {interval} "
        "--state {{params.state}} --output {{output}} --journal journal"
"""


def slurm(*command: str) -> str:
    """Output of a SLURM command."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@dataclass
class Seen:
    """What came of one fault."""

    code: int
    printed: str
    updates: list[int] = field(default_factory=list)
    policy: str = ""
    jobs: list[dict[str, str]] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def look(workflow: Any, code: int, name: str = "output", **extra: Any) -> Seen:
    """Collect what there is to see after a run."""
    folder = workflow.folder
    with (folder / ".snakemake/submitit/jobs.csv").open(newline="") as file:
        jobs = list(csv.DictReader(file))
    seen = Seen(code, workflow.printed(name), workflow.updates(), jobs=jobs, extra=extra)
    if (folder / "policy").exists():
        seen.policy = (folder / "policy").read_text()
    extra["records"] = len(workflow.records)
    for job in jobs:
        job_id = job["job_id"] + (f"_{job['array_index']}" if job["array_index"] else "")
        line = slurm("scontrol", "show", "job", "-o", job_id)
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        seen.states[job_id] = words["JobState"]
        seen.restarts[job_id] = int(words["Restarts"])
    return seen


def expected_policy(updates: int) -> str:
    """The bytes of an undisturbed run of the toy trainer."""
    import hashlib

    value = ""
    for update in range(1, updates + 1):
        value = hashlib.sha256(f"{value}{update}".encode()).hexdigest()
    return value


def wait(condition: Callable[[], object], seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.2)


def training(
    workflow: Any, partition: str, updates: int, seconds: float, interval: int, minutes: int
) -> None:
    workflow.write(
        TRAINING.format(
            partition=partition, updates=updates, seconds=seconds, interval=interval, minutes=minutes
        )
    )


def array(workflow: Any) -> Seen:
    workflow.write(
        """
        rule all:
            input: expand("{i}.txt", i=range(20))
        rule one:
            output: "{i}.txt"
            resources: runtime=5
            shell: "echo {wildcards.i} >> ran; echo {wildcards.i} > {output}"
        """
    )
    code, _ = workflow.run(timeout=400)
    made = [(workflow.folder / f"{i}.txt").read_text() for i in range(20)]
    return look(workflow, code, made=made, ran=(workflow.folder / "ran").read_text().split())


def cancelled_by_us(workflow: Any) -> Seen:
    workflow.write(
        """
        rule all:
            input: expand("{i}.txt", i=range(3))
        rule one:
            output: "{i}.txt"
            resources: runtime=5, gpu=1, gpu_model="fake"
            shell: "echo $CUDA_VISIBLE_DEVICES > started.{wildcards.i}; sleep 200; touch {output}"
        """
    )
    process = workflow.start()
    wait(lambda: len(list(workflow.folder.glob("started.*"))) == 3, 200, "three jobs run")
    process.send_signal(signal.SIGINT)
    code = process.wait(60)
    wait(
        lambda: not set(slurm("squeue", "-h", "--me", "-o", "%Z").split("\n")) & {str(workflow.folder)},
        60,
        "gone",
    )
    gpus = {path.read_text().strip() for path in workflow.folder.glob("started.*")}
    return look(workflow, code, gpus=gpus)


def cancelled_by_the_user(workflow: Any) -> Seen:
    training(workflow, "main", 400, 0.5, 10, 10)
    process = workflow.start("--retries", "2", "--set-threads", "train=1")
    wait(lambda: len(workflow.updates()) >= 3, 200, "training runs")
    (job,) = look(workflow, 0).jobs
    slurm("scancel", job["job_id"])
    return look(workflow, process.wait(120))


def starved(workflow: Any) -> Seen:
    workflow.write(
        """
        rule starve:
            output: "fed"
            resources: runtime=5, mem_mb=400
            shell: "echo x >> ran; PYTHON -c 'x = bytearray(500_000_000)'; touch {output}"
        """
    )
    code, _ = workflow.run("--retries", "1", timeout=300)
    return look(workflow, code, made=(workflow.folder / "fed").exists())


def out_of_time(workflow: Any) -> Seen:
    training(workflow, "main", 120, 1.0, 1000, 2)
    code, _ = workflow.run("--retries", "0", "--set-threads", "train=1", timeout=500)
    return look(workflow, code)


def preempted(workflow: Any, partition: str, interval: int) -> Seen:
    """A job of higher priority needs the whole node while a training runs there."""
    training(workflow, partition, 60, 0.5, interval, 20)
    process = workflow.start("--retries", "0")
    wait(lambda: len(workflow.updates()) >= 15, 200, "training runs")
    slurm(
        "sbatch",
        "-p",
        "urgent",
        "-w",
        partition,
        "-c",
        "8",
        "-t",
        "1",
        "-o",
        "/dev/null",
        "--wrap",
        "sleep 3",
    )
    return look(workflow, process.wait(300))


def killed(workflow: Any) -> Seen:
    """kill -9 of Snakemake: one job runs on, two end well meanwhile, two have other parameters after."""
    workflow.write(
        """
        rule all:
            input: "policy", "quick", "changed", "altered"
        rule train:
            output: "policy"
            params: state="state"
            resources: runtime=10
            shell:
                "PYTHON 'TRAINER' --updates 160 --seconds 0.5 --state {params.state} --output {output} "
                "--journal journal"
        rule quick:
            output: "quick"
            resources: runtime=10
            shell: "echo x >> quick.ran; while [ ! -e finish ]; do sleep 0.2; done; echo done > {output}"
        rule altered:
            output: "altered"
            params: value=config.get("value", 1)
            resources: runtime=10
            shell:
                "echo {params.value} >> altered.ran; while [ ! -e finish ]; do sleep 0.2; done; "
                "echo {params.value} > {output}"
        rule changed:
            output: "changed"
            params: value=config.get("value", 1)
            resources: runtime=10
            shell:
                "echo {params.value} >> changed.ran; [ {params.value} = 2 ] || sleep 300; "
                "echo {params.value} > {output}"
        """
    )
    folder = workflow.folder
    process = workflow.start()
    wait(lambda: len(workflow.updates()) >= 3, 200, "training runs")
    started = [folder / f"{name}.ran" for name in ("quick", "altered", "changed")]
    wait(lambda: all(path.exists() for path in started), 100, "all run")
    process.kill()
    process.wait()
    (folder / "finish").touch()
    results = folder / ".snakemake/submitit/results"
    wait(lambda: len(list(results.iterdir())) == 2, 60, "two jobs end")
    workflow.run("--unlock", name="unlock")
    code, _ = workflow.run("--config", "value=2", name="again", timeout=300)
    return look(
        workflow,
        code,
        name="again",
        quick=(folder / "quick.ran").read_text(),
        changed=(folder / "changed.ran").read_text(),
        altered=(folder / "altered.ran").read_text() + (folder / "altered").read_text(),
        starts=sum(line.startswith("start") for line in workflow.journal()),
    )


def node_down(workflow: Any) -> Seen:
    training(workflow, "fragile", 60, 0.5, 5, 20)
    process = workflow.start("--retries", "0")
    wait(lambda: len(workflow.updates()) >= 12, 200, "training runs")
    slurm("scontrol", "update", "nodename=fragile", "state=down", "reason=test")
    time.sleep(8)
    slurm("scontrol", "update", "nodename=fragile", "state=resume")
    return look(workflow, process.wait(300))


FAULTS: dict[str, Callable[[Any], Seen]] = {
    "out_of_time": out_of_time,
    "requeue": lambda workflow: preempted(workflow, "requeue", 1000),
    "cancel": lambda workflow: preempted(workflow, "cancel", 1000),
    "abrupt": lambda workflow: preempted(workflow, "abrupt", 5),
    "node_down": node_down,
    "killed": killed,
    "starved": starved,
    "cancelled_by_the_user": cancelled_by_the_user,
    "cancelled_by_us": cancelled_by_us,
    "array": array,
}


@pytest.fixture(scope="module")
def faults(
    cluster: None, tmp_path_factory: pytest.TempPathFactory, workflow_in: Callable[[Path, list[str]], Any]
) -> Iterator[dict[str, Future[Seen]]]:
    """All faults, each being tried."""
    workflows = {name: workflow_in(tmp_path_factory.mktemp(name), OPTIONS) for name in FAULTS}
    with ThreadPoolExecutor(len(FAULTS)) as pool:
        yield {name: pool.submit(fault, workflows[name]) for name, fault in FAULTS.items()}
        for workflow in workflows.values():
            workflow.stop()


@pytest.fixture
def after_faults(request: pytest.FixtureRequest) -> None:
    """Wait until the faults are over, where they are tried at all."""
    if any("seen" in getattr(item, "fixturenames", ()) for item in request.session.items):
        for future in request.getfixturevalue("faults").values():
            future.exception(timeout=600)


@pytest.fixture
def seen(faults: dict[str, Future[Seen]]) -> SimpleNamespace:
    """seen.of(name): what came of a fault."""
    return SimpleNamespace(of=lambda name: faults[name].result(timeout=600))


def test_an_array_of_twenty(seen: Any) -> None:
    it = seen.of("array")
    assert it.code == 0
    assert it.extra["made"] == [f"{i}\n" for i in range(20)]
    assert sorted(map(int, it.extra["ran"])) == list(range(20))
    assert len({job["job_id"] for job in it.jobs}) == 1
    assert sorted(int(job["array_index"]) for job in it.jobs) == list(range(20))
    assert "Submitted 20 jobs of rule one as SLURM array" in it.printed
    assert set(it.states.values()) <= {"COMPLETED", "COMPLETING"}
    assert it.extra["records"] == 0


def test_ctrl_c_cancels_everything(seen: Any) -> None:
    it = seen.of("cancelled_by_us")
    assert it.code != 0
    assert set(it.states.values()) == {"CANCELLED"}
    assert set(it.restarts.values()) == {0}
    assert "Cancelled 3 jobs" in it.printed
    assert len(it.extra["gpus"]) == 3  # each had another GPU


def test_a_users_scancel_stays_cancelled(seen: Any) -> None:
    it = seen.of("cancelled_by_the_user")
    assert it.code != 0
    assert len(it.jobs) == 1
    assert set(it.states.values()) == {"CANCELLED"}
    assert set(it.restarts.values()) == {0}
    assert "not by this Snakemake; it stays cancelled" in it.printed


def test_too_little_memory_is_tried_again_with_more(seen: Any) -> None:
    it = seen.of("starved")
    assert it.code == 0
    assert it.extra["made"]
    assert [job["attempt"] for job in it.jobs] == ["1", "2"]
    assert "it needed more than mem_mb=400" in it.printed
    assert "OUT_OF_MEMORY" in it.printed
    assert "asks for 800 MB" in it.printed
    # SLURM itself says OUT_OF_MEMORY or, where its cgroup is gone before it is asked, FAILED.
    first, second = it.states.values()
    assert first in ("OUT_OF_MEMORY", "FAILED")
    assert second in ("COMPLETED", "COMPLETING")


def test_the_time_limit_is_no_failure(seen: Any) -> None:
    """Two minutes of limit, longer training: it resumes from its state, under the same job."""
    it = seen.of("out_of_time")
    assert it.code == 0, it.printed
    assert it.updates == list(range(1, 121))
    assert it.policy == expected_policy(120)
    assert len(it.jobs) == 1
    assert set(it.restarts.values()) <= {1, 2, 3}
    assert "was interrupted: time limit, at update" in it.printed
    assert "requeued by the job (1 of at most 50)" in it.printed
    assert "Error in rule" not in it.printed


def test_preemption_where_slurm_requeues(seen: Any) -> None:
    it = seen.of("requeue")
    assert it.code == 0, it.printed
    assert it.updates == list(range(1, 61))
    assert it.policy == expected_policy(60)
    assert len(it.jobs) == 1
    assert set(it.restarts.values()) == {1}  # once, not once by SLURM and once by us
    assert "was interrupted: preempted, at update" in it.printed
    assert "Error in rule" not in it.printed


def test_preemption_where_slurm_cancels(seen: Any) -> None:
    it = seen.of("cancel")
    assert it.code == 0, it.printed
    assert it.updates == list(range(1, 61))
    assert it.policy == expected_policy(60)
    assert {job["attempt"] for job in it.jobs} == {"1"}
    assert "was interrupted: preempted, at update" in it.printed
    assert "Error in rule" not in it.printed


def test_preemption_without_grace_loses_the_last_interval_and_no_more(seen: Any) -> None:
    it = seen.of("abrupt")
    assert it.code == 0, it.printed
    assert sorted(set(it.updates)) == list(range(1, 61))
    assert len(it.updates) - 60 <= 5
    assert it.policy == expected_policy(60)
    assert {job["attempt"] for job in it.jobs} == {"1"}
    assert "was interrupted" in it.printed
    assert "Error in rule" not in it.printed


def test_a_node_set_down(seen: Any) -> None:
    it = seen.of("node_down")
    assert it.code == 0, it.printed
    assert sorted(set(it.updates)) == list(range(1, 61))
    assert len(it.updates) - 60 <= 5
    assert it.policy == expected_policy(60)
    assert len(it.jobs) == 1  # SLURM's own requeue is the same job
    assert set(it.restarts.values()) == {1}
    assert "requeued by SLURM" in it.printed
    assert "Error in rule" not in it.printed


def test_kill_and_the_same_command_again(seen: Any) -> None:
    it = seen.of("killed")
    assert it.code == 0, it.printed
    assert it.updates == list(range(1, 161))
    assert it.extra["starts"] == 1
    assert it.policy == expected_policy(160)
    assert it.extra["quick"] == "x\n"
    assert it.extra["changed"] == "1\n2\n"
    assert it.extra["altered"] == "1\n2\n2\n"  # ended well, but with a parameter of before
    assert len(it.jobs) == 6
    assert sorted(it.states.values()).count("CANCELLED") == 1
    assert "Adopted SLURM job" in it.printed
    assert "has other parameters or inputs now: it is cancelled first" in it.printed
    assert "counts as done" in it.printed or "ended well meanwhile" in it.printed
    assert it.extra["records"] == 0


def test_slurmctld_restarted_while_jobs_run(
    cluster: None, after_faults: None, tmp_path: Path, workflow_in: Callable[[Path, list[str]], Any]
) -> None:
    """After the others, which it would disturb."""
    workflow = workflow_in(tmp_path, OPTIONS)
    training(workflow, "main", 40, 0.5, 5, 10)
    process = workflow.start("--retries", "0", "--set-threads", "train=1")
    wait(lambda: len(workflow.updates()) >= 3, 100, "training runs")
    folder = Path(os.environ["RECHECK_SLURM_DIR"])
    pid = int((folder / "run/slurmctld.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    wait(lambda: not Path(f"/proc/{pid}").exists(), 60, "slurmctld stops")
    workflow.wait_for("none is given up", 60)
    subprocess.run(["slurmctld", "-f", str(folder / "slurm.conf")], check=True)
    it = look(workflow, process.wait(120))
    assert it.code == 0, it.printed
    assert it.updates == list(range(1, 41))
    assert it.policy == expected_policy(40)
    assert len(it.jobs) == 1
    assert set(it.restarts.values()) == {0}
    assert "SLURM answers again" in it.printed or "Finished jobid" in it.printed
    workflow.stop()


def test_the_experiment_ci_from_end_to_end(
    cluster: None, after_faults: None, tmp_path: Path, workflow_in: Callable[[Path, list[str]], Any]
) -> None:
    """The profile `slurm` as it is in a fresh clone: data, training, evaluation, tables, figures."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    clone = tmp_path / "clone"
    for name in filter(None, listed):
        if (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name, follow_symlinks=False)
    workflow = workflow_in(clone, ["--profile", "slurm"])
    common = [
        "--config",
        "experiment=ci",
        "train_on=cpu",
        "--latency-wait",
        "10",
        "--submitit-poll-interval",
        "2",
    ]
    code, printed = workflow.run("cost", *common, timeout=60, name="cost")
    assert code == 0, printed
    assert "CPU-hours" in printed
    assert "largest job (train)" in printed
    code, printed = workflow.run(*common, timeout=400)
    assert code == 0, printed
    with (clone / ".snakemake/submitit/jobs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rules = [row["rule"] for row in rows]
    assert set(rules) == {"recollected_dataset", "train", "evaluate"}
    assert len(rules) == len({(row["rule"], row["wildcards"]) for row in rows})  # none computed twice
    for stage in ("scores", "statistics", "tables", "figures"):
        assert any((clone / "results" / stage / "ci").iterdir())
    code, printed = workflow.run("-n", *common, timeout=60, name="again")
    assert code == 0
    assert "Nothing to be done" in printed


def test_a_controller_that_loses_its_state(
    cluster: None, after_faults: None, tmp_path: Path, workflow_in: Callable[[Path, list[str]], Any]
) -> None:
    """The last one, since it loses all jobs: a job that vanished is not called cancelled, and is retried."""
    workflow = workflow_in(tmp_path, OPTIONS)
    workflow.write(
        """
        rule one:
            output: "made"
            log: "one.log"
            resources: runtime=10
            shell: "[ -e started ] || {{ touch started; echo first > {log}; sleep 300; }}; touch {output}"
        """
    )
    process = workflow.start("--retries", "1")
    wait(lambda: (tmp_path / "started").exists(), 100, "the job runs")
    folder = Path(os.environ["RECHECK_SLURM_DIR"])
    pid = int((folder / "run/slurmctld.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    wait(lambda: not Path(f"/proc/{pid}").exists(), 60, "slurmctld stops")
    subprocess.run(["slurmctld", "-c", "-f", str(folder / "slurm.conf")], check=True)
    code = process.wait(200)
    printed = workflow.printed()
    assert code == 0, printed
    assert "it vanished from SLURM on main without a result" in printed
    assert "stays cancelled" not in printed
    assert (tmp_path / "made").exists()
    workflow.stop()
