"""The pages for people who have scores, a table or a plan: their examples run and print what they show."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck_command import actions
from recheck_command.__main__ import main

ROOT = Path(__file__).parents[2]
PAGES = ("own_scores", "review_a_table", "plan_an_experiment")


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the pages name, in the working folder."""
    rng = np.random.default_rng(0)
    rows = [
        (f"{method}-{task}-seed{seed}", 1_000_000, mean + bonus + rng.normal(0, 2))
        for method, bonus in (("IQL", 0.0), ("MyMethod", 4.0))
        for task, mean in (("halfcheetah-medium-v2", 47.4), ("hopper-medium-v2", 66.3))
        for seed in range(5)
    ]
    columns = ["Name", "_step", "eval/d4rl_normalized_score"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "wandb.csv", index=False)
    (tmp_path / "table.md").write_text(blocks("review_a_table", "")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs(page: str, files: Path, capsys: pytest.CaptureFixture[str]):
    (code,) = blocks(page, "python")
    exec(compile(code, f"docs/{page}.md", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_the_findings_of_the_page_are_those_of_the_command(files: Path):
    shown = " ".join(blocks("review_a_table", "")[1].split())
    found = " ".join(actions.audit("table.md").text.split())
    assert found == shown


def test_the_plan_of_the_page_is_that_of_the_command(capsys: pytest.CaptureFixture[str]):
    given = ["--margin", "5", "--seed-sd", "3", "--episode-sd", "20", "--reported-seeds", "10"]
    assert main(["power", *given]) == 0
    assert capsys.readouterr().out.strip() == blocks("plan_an_experiment", "")[0].strip()


def test_the_readme_shows_what_its_command_prints(capsys: pytest.CaptureFixture[str]):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command, shown = re.findall(r"```text\n\$ \.venv/bin/recheck (.*?)\n(.*?)```", readme, re.DOTALL)[0]
    assert main(command.split()) == 0
    assert capsys.readouterr().out == shown


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_the_readme_links_the_pages_before_anything_is_trained():
    first = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Train")[0]
    for page in PAGES:
        assert f"docs/{page}.md" in first
