"""A scheduler for tests: sbatch, srun, squeue, sacct, scancel and scontrol as one script without a cluster.

``conftest.py`` puts links with those names in front of PATH. The state is a folder (FAKE_SLURM): one JSON
file for each job, and switches, files by which a test makes commands fail:

- ``squeue_fails``, ``sacct_fails``, ``scontrol_fails``: the command writes the file's text and exits with 1.
- ``submit_limit``: most jobs held at one time; more are refused as SLURM refuses them.
- ``sbatch_refuses``: sbatch writes the text and exits with 1. ``sbatch_is_lost``: it submits, and then
  does not answer. ``sbatch_is_slow``: it answers after so many seconds.
- ``requeue_forbidden``: scontrol requeue is refused.
- ``hold``: jobs stay pending for the reason in the file.
- ``state_of_<rule>``: what sacct reports of the next job of a rule that ends, as ``STATE|exit code``.
- ``first_job_id``: the next job id is the one after it, as of a controller that has lost its state.

Every call is appended to ``calls``.
"""

import contextlib
import fcntl
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(os.environ["FAKE_SLURM"])


def jobs() -> list[dict]:
    found = []
    for path in sorted((ROOT / "jobs").glob("*.json"), key=lambda path: path.stat().st_mtime):
        try:
            found.append(json.loads(path.read_text()))
        except (OSError, ValueError):
            continue
    return found


def load(job_id: str) -> dict | None:
    try:
        return json.loads((ROOT / "jobs" / f"{job_id}.json").read_text())
    except (OSError, ValueError):
        return None


def store(job: dict) -> None:
    path = ROOT / "jobs" / f"{job['id']}.json"
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(job))
    os.replace(temporary, path)


@contextlib.contextmanager
def changing(job_id: str) -> Iterator[dict | None]:
    """Read a job and ``store`` it before another command may: start, end, cancellation and requeue meet."""
    with (ROOT / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield load(job_id)


def switch(name: str) -> str | None:
    path = ROOT / name
    return path.read_text().strip() if path.exists() else None


def fail(text: str) -> None:
    print(text, file=sys.stderr)
    sys.exit(1)


ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "PREEMPTED", "NODE_FAIL", "OUT_OF_MEMORY")


def sbatch(arguments: list[str]) -> None:
    script = Path(arguments[-1])
    options: dict[str, str] = {}
    for line in script.read_text().splitlines():
        if line.startswith("#SBATCH --"):
            name, _, value = shlex.split(line[8:])[0][2:].partition("=")
            options[name] = value
    if refusal := switch("sbatch_refuses"):
        fail(f"sbatch: error: {refusal}")
    count = 1
    if "array" in options:
        first, last = re.match(r"(\d+)-(\d+)", options["array"]).groups()
        count = int(last) - int(first) + 1
    limit = switch("submit_limit")
    held = sum(job["state"] not in ENDED for job in jobs())
    if limit is not None and held + count > int(limit):
        fail(
            "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job "
            "violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
        )
    with (ROOT / "counter").open("a+") as counter:
        fcntl.flock(counter, fcntl.LOCK_EX)
        counter.seek(0)
        number = int(switch("first_job_id") or counter.read() or 100) + 1
        if switch("first_job_id") is not None:
            (ROOT / "first_job_id").unlink()
        counter.truncate(0)
        counter.write(str(number))
    for index in range(count):
        job_id = f"{number}_{index}" if "array" in options else str(number)
        environment = {key: value for key, value in os.environ.items() if key != "_"}
        store(
            {
                "id": job_id,
                "state": "PENDING",
                "options": options,
                "script": str(script.resolve()),
                "text": script.read_text(),
                "environment": environment,
                "folder": os.getcwd(),
                "restarts": 0,
                "exit": "0:0",
                "submitted": int(time.time()),
            }
        )
        start(job_id)
    time.sleep(float(switch("sbatch_is_slow") or 0))
    if switch("sbatch_is_lost") is not None:
        (ROOT / "sbatch_is_lost").unlink()
        fail("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation")
    print(number)


def start(job_id: str) -> None:
    subprocess.Popen(
        [sys.executable, "-S", "-E", __file__, "run", job_id],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def run(job_id: str) -> None:
    job = load(job_id)
    while switch("hold") is not None:
        time.sleep(0.1)
        job = load(job_id)
        if job["state"] != "PENDING":
            return
    restarts = job["restarts"]
    array, _, index = job_id.partition("_")
    environment = dict(job["environment"])
    environment["SLURM_JOB_ID"] = str(int(array) + 1000 + int(index or 0)) if index else array
    environment["SLURM_RESTART_COUNT"] = str(restarts)
    if index:
        environment.update(SLURM_ARRAY_JOB_ID=array, SLURM_ARRAY_TASK_ID=index)
    with changing(job_id) as job:
        if job["state"] in ENDED:
            return  # cancelled before it started
        process = subprocess.Popen(
            ["/bin/bash", "-c", job["text"], job["script"]],
            cwd=job["folder"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        job.update(state="RUNNING", group=process.pid)
        store(job)
    code = process.wait()
    with changing(job_id) as job:
        if job["restarts"] != restarts:
            start(job_id)  # requeued meanwhile
        elif job["state"] in ("RUNNING", "COMPLETING"):
            reported = switch(name := f"state_of_{job['options'].get('job-name')}")
            job["state"], job["exit"] = (
                ("COMPLETED", "0:0") if code == 0 else ("FAILED", f"{max(code, 0)}:{max(-code, 0)}")
            )
            if reported:
                job["state"], job["exit"] = reported.split("|")
                (ROOT / name).unlink()
            store(job)


def srun(arguments: list[str]) -> None:
    output = None
    while arguments and arguments[0].startswith("-"):
        option = arguments.pop(0)
        if option in ("--output", "--error", "--cpus-per-task"):
            value = arguments.pop(0)
            output = value if option == "--output" else output
    environment = os.environ
    output = output.replace("%A", environment.get("SLURM_ARRAY_JOB_ID", "")).replace("%t", "0")
    output = output.replace("%a", environment.get("SLURM_ARRAY_TASK_ID", ""))
    output = output.replace("%j", environment["SLURM_JOB_ID"])
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.environ["SLURM_PROCID"] = "0"
    os.execvp(arguments[0], arguments)


def send(job: dict, number: int) -> None:
    """Signal every process of a job, as SLURM does."""
    with contextlib.suppress(ProcessLookupError, KeyError):
        os.killpg(job["group"], number)


def wanted(arguments: list[str]) -> list[dict]:
    found = []
    for name in arguments:
        found.extend(job for job in jobs() if job["id"] == name or job["id"].split("_")[0] == name)
    return found


def scancel(arguments: list[str]) -> None:
    for found in wanted([name for name in arguments if not name.startswith("-")]):
        with changing(found["id"]) as job:
            if job["state"] in ENDED:
                continue
            job["state"] = "CANCELLED"
            store(job)
            send(job, signal.SIGTERM)
    time.sleep(float(switch("kill_wait") or 0.5))
    for job in wanted(arguments):
        send(job, signal.SIGKILL)


def squeue(arguments: list[str]) -> None:
    if text := switch("squeue_fails"):
        fail(f"slurm_load_jobs error: {text}")
    reason = switch("hold")
    for job in jobs():
        if job["state"] not in ENDED:
            why = reason if job["state"] == "PENDING" and reason else "None"
            print(f"{job['id']}|{job['state']}|{why}|{job['options'].get('comment', '(null)')}")


def sacct(arguments: list[str]) -> None:
    if text := switch("sacct_fails"):
        fail(text)
    for job in wanted(arguments[arguments.index("-j") + 1].split(",")):
        state = "CANCELLED by 1000" if job["state"] == "CANCELLED" and not job.get("lost") else job["state"]
        print(f"{job['id']}|{state}|{job['exit']}|fakenode|{job.get('submitted', 'Unknown')}")


def scontrol(arguments: list[str]) -> None:
    if arguments[:2] == ["show", "config"]:
        print(
            f"MaxArraySize            = {switch('max_array_size') or 1001}\nSchedulerParameters     = (null)"
        )
        return
    if text := switch("scontrol_fails"):
        fail(text)
    (job,) = wanted(arguments[-1:]) or (None,)
    if job is None:
        fail("slurm_load_jobs error: Invalid job id specified")
    if arguments[0] == "show":
        print(
            f"JobId=1 JobName=x JobState={job['state']} Reason=None Restarts={job['restarts']} "
            f"PreemptTime={switch('preempt_time') or 'None'} ExitCode={job['exit']} BatchHost=fakenode "
            f"SubmitTime={job.get('submitted', 'Unknown')}"
        )
    elif arguments[0] == "requeue":
        if switch("requeue_forbidden") is not None:
            fail("Requested operation is presently disabled")
        with changing(job["id"]) as job:
            job.update(restarts=job["restarts"] + 1, state="PENDING")
            store(job)


if __name__ == "__main__":
    name, rest = sys.argv[1], sys.argv[2:]
    with (ROOT / "calls").open("a") as calls:
        print(name, *rest, file=calls)
    if name == "run":
        run(rest[0])
    else:
        {
            "sbatch": sbatch,
            "srun": srun,
            "squeue": squeue,
            "sacct": sacct,
            "scancel": scancel,
            "scontrol": scontrol,
        }[name](rest)
