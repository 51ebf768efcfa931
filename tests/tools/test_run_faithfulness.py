"""The queue of the comparison's runs: what is missing, in which order, and how it stops."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from recheck.errors import ConfigError, Preempted

from tools import run_faithfulness as tool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Commands that the queue calls, by program, task and seed; its plan has one task and two seeds."""
    plan = {"tasks": ["t"], "seeds": [4, 5], "experiment": "e", "released_code": "a@b", "num_updates": 10}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    monkeypatch.setattr(tool, "FOLDER", tmp_path)
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    found: list[str] = []
    monkeypatch.setattr(tool, "our_command", lambda plan, task, seed, folder: [f"ours {task} {seed}"])
    monkeypatch.setattr(tool, "corl_command", lambda plan, task, seed, options: [f"corl {task} {seed}"])
    monkeypatch.setattr(tool, "call", lambda command: found.extend(command))
    return found


def test_both_programs_in_turn(started: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["--source", "x"]) == 0
    assert started == ["ours t 4", "corl t 4", "ours t 5", "corl t 5"]
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(record["program"], record["seed"]) for record in records][1] == ("corl", 4)


def test_kept_and_finished_runs_are_left_out(started: list[str], tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text(
        "program,task,seed\nrecheck,t,4\ncorl,t,5\nrecheck,u,5\n", encoding="utf-8"
    )
    path = tool.corl_file("t", 4)
    path.parent.mkdir(parents=True)
    path.write_text("", encoding="utf-8")
    assert tool.main(["--source", "x"]) == 0
    assert started == ["ours t 5"]


def test_our_command_names_the_one_file_of_the_seed(tmp_path: Path) -> None:
    for name in ("hopper-sac-tqc-v0", "halfcheetah-mixed-v0"):
        (tmp_path / f"{name}.hdf5").write_bytes(b"")
    plan = yaml.safe_load((tool.FOLDER / "plan.yaml").read_text(encoding="utf-8"))
    command = tool.our_command(plan, "halfcheetah-mixed-v0", 13, str(tmp_path))
    target = next(word for word in command if word.startswith("results/episodes/"))
    assert target.startswith("results/episodes/iql/halfcheetah-mixed-v0/corl_paper_settings-")
    assert target.endswith("/seeds13-13.parquet")
    assert "seeds=[13]" in command


def test_a_command_that_fails_stops_the_queue() -> None:
    with pytest.raises(ConfigError, match="ended with 3"):
        tool.call([sys.executable, "-c", "raise SystemExit(3)"])


def test_sigterm_reaches_what_the_command_has_started(tmp_path: Path) -> None:
    """A shell and its child both end; the queue says that it was stopped, not that the command failed."""
    pid = tmp_path / "pid"
    script = (
        f"{sys.executable} -c 'import time; time.sleep(60)' & echo $! > {pid}.part; mv {pid}.part {pid}; wait"
    )

    def stop() -> None:
        while not pid.is_file():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(Preempted, match="the same command resumes"):
        tool.call(["sh", "-c", script])
    thread.join()
    child = int(pid.read_text(encoding="utf-8"))
    state = Path(f"/proc/{child}/stat")
    deadline = time.monotonic() + 10
    while state.exists() and state.read_text(encoding="utf-8").split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.02)
