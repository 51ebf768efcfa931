"""Small workflows run by a real Snakemake, and the fake scheduler's folder; tests/cluster uses them too."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
TRAINER = HERE / "toy_trainer.py"


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait for a condition; fails with the message `what`."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)


class Workflow:
    """A workflow in a new folder, run by a real Snakemake."""

    def __init__(self, folder: Path, environment: dict[str, str], options: list[str]) -> None:
        self.folder = folder
        self.environment = environment
        self.options = options
        self.processes: list[subprocess.Popen[str]] = []

    def write(self, snakefile: str) -> None:
        """Write the Snakefile; TRAINER and PYTHON stand for the toy trainer and the interpreter."""
        text = textwrap.dedent(snakefile).replace("TRAINER", str(TRAINER)).replace("PYTHON", sys.executable)
        (self.folder / "Snakefile").write_text(text)

    def start(self, *arguments: str, name: str = "output") -> subprocess.Popen[str]:
        """Start Snakemake; its output goes to the file `name`."""
        with (self.folder / name).open("a") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", "--nocolor", *self.options, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def run(self, *arguments: str, timeout: float = 400, name: str = "output") -> tuple[int, str]:
        """Run Snakemake to its end: exit code and what this run has printed."""
        before = len(self.printed(name))
        process = self.start(*arguments, name=name)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail(f"Snakemake did not end within {timeout} s:\n{self.printed(name)}")
        return code, self.printed(name)[before:]

    def printed(self, name: str = "output") -> str:
        """All that the user has read."""
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def wait_for(self, text: str, seconds: float = 180, name: str = "output") -> None:
        """Wait until a text has been printed."""
        wait_until(lambda: text in self.printed(name), seconds, f"{text!r} in\n{self.printed(name)}")

    def journal(self, name: str = "journal") -> list[str]:
        """Lines of the toy trainer's journal."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def updates(self, name: str = "journal") -> list[int]:
        """The updates that were computed, in order."""
        return [int(line.split()[1]) for line in self.journal(name) if line.startswith("update")]

    @property
    def records(self) -> list[Path]:
        """Records of jobs that are not accounted for."""
        return sorted((self.folder / ".snakemake/submitit/records").glob("*.json"))

    def stop(self) -> None:
        """Kill what is still running."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


class FakeSlurm:
    """The folder of the fake scheduler."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def switch(self, name: str, text: str = "on") -> None:
        """Turn a switch on."""
        (self.folder / name).write_text(text)

    def clear(self, name: str) -> None:
        """Turn it off."""
        (self.folder / name).unlink()

    def calls(self, command: str) -> list[str]:
        """The calls of one command."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.split()[0] == command]

    def jobs(self) -> dict[str, dict]:
        """All jobs by id."""
        found = {}
        for path in (self.folder / "jobs").glob("*.json"):
            job = json.loads(path.read_text())
            found[job["id"]] = job
        return found

    def send(self, job_id: str, number: int) -> None:
        """Signal every process of a job, as SLURM does."""
        os.killpg(self.jobs()[job_id]["group"], number)

    def end(self, job_id: str, state: str, number: int = signal.SIGKILL) -> None:
        """SLURM ends a job: its state is set first, then its processes are killed."""
        job = self._change(job_id, state=state)
        os.killpg(job["group"], number)

    def lose(self, job_id: str) -> None:
        """The controller loses a job: accounting closes it as CANCELLED and names no user."""
        job = self._change(job_id, state="CANCELLED", lost=True)
        if "group" in job:
            os.killpg(job["group"], signal.SIGKILL)

    def _change(self, job_id: str, **values: Any) -> dict[str, Any]:
        """Under the scheduler's lock: no command sees half a job, or writes over the change."""
        path = self.folder / "jobs" / f"{job_id}.json"
        with (self.folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            job: dict[str, Any] = {**json.loads(path.read_text()), **values}
            temporary = path.with_suffix(".change")
            temporary.write_text(json.dumps(job))
            os.replace(temporary, path)
        return job

    def kill_all(self) -> None:
        """Leave no process behind."""
        for job_id in self.jobs():
            job = self._change(job_id, state="CANCELLED")
            if "group" in job:
                try:
                    os.killpg(job["group"], signal.SIGKILL)
                except ProcessLookupError:
                    continue
