"""Experiments rehearsed at toy length: `d4rl` whole, and every combination that it has not, once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import rehearse as rehearsal

REPOSITORY = Path(__file__).resolve().parents[2]


FURTHER = rehearsal.further(["d4rl"])


def rehearse(folder, *arguments):
    """In a process of its own: the environments of Gymnasium are shortened there."""
    command = [sys.executable, REPOSITORY / "tools/rehearse.py", "--folder", folder, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)


@pytest.mark.slow(150)
def test_d4rl_to_its_report(tmp_path):
    """Every method one row, all tasks counted, every cell of the papers' layouts filled."""
    process = rehearse(tmp_path, "d4rl")
    assert process.returncode == 0, process.stdout + process.stderr[-3000:]
    assert "d4rl: 70 cells" in process.stdout
    import pandas as pd

    results = tmp_path / "d4rl/results"
    shown = pd.read_csv(results / "tables/d4rl/scores.csv").set_index("Task")
    counted = dict((shown != "–").sum())
    assert counted == {"iql": 20, "diffusion_ql": 20, "idql paper": 15, "idql paper_one": 15}
    aggregates = pd.read_csv(results / "statistics/d4rl/aggregates.csv")
    last = aggregates[(aggregates["selection"] == "last") & (aggregates["metric"] == "iqm")]
    assert dict(zip(last["label"], last["num_tasks"])) == counted
    improvement = pd.read_csv(results / "statistics/d4rl/improvement.csv")
    assert not improvement.empty


@pytest.mark.slow(60)
@pytest.mark.parametrize("name", FURTHER)
def test_what_d4rl_has_not(tmp_path, name):
    process = rehearse(tmp_path, "--further", "d4rl", "--only", name)
    assert process.returncode == 0, process.stdout + process.stderr[-3000:]
    assert "all tables hold what was asked for" in process.stdout


@pytest.mark.parametrize("line", ["rule train:", "localrule train:", "localrule evaluate:"])
def test_a_rehearsal_that_trains_or_evaluates_again_fails(tmp_path, monkeypatch, line):
    """Snakemake calls a rule local where it runs on this machine."""
    words = f"[Thu Nov 26 18:20:37 2026]\n{line}\n    input: x\n"
    finished = subprocess.CompletedProcess([], 0, "", words)
    monkeypatch.setattr(rehearsal.subprocess, "run", lambda *given, **options: finished)
    with pytest.raises(rehearsal.RehearsalError, match=r"runs (train|evaluate) again, which is finished"):
        rehearsal.make_tables(rehearsal.Rehearsal(tmp_path, "d4rl"))


def test_the_combinations_are_complete():
    """Every method, variant, suite and sampling of every experiment is in d4rl or in what is rehearsed."""
    from recheck import tasks
    from recheck.experiments import expansion

    rows = tasks.read(REPOSITORY)
    rehearsed = set(rehearsal.signature(expansion.read_file(REPOSITORY, "d4rl"), rows))
    for content in FURTHER.values():
        rehearsed |= set(rehearsal.signature(content, rows))
    for name in rehearsal.every_experiment():
        assert set(rehearsal.signature(expansion.read_file(REPOSITORY, name), rows)) <= rehearsed, name
