"""The pages for people who have scores, a table or a plan: their examples run and print what they show."""

from __future__ import annotations

import re
import shutil
import textwrap
from pathlib import Path

import pytest
from recheck_command import actions
from recheck_command.__main__ import main
from recheck_command.manual import PAGES

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "wandb.csv"
DOCUMENTS = ("own_scores", "review_a_table", "plan_an_experiment")


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the pages name, in the working folder."""
    (tmp_path / "docs" / "examples").mkdir(parents=True)
    for name in ("wandb.csv", "docs/examples/wandb.csv"):
        shutil.copy(EXAMPLE, tmp_path / name)
    (tmp_path / "table.md").write_text(blocks("review_a_table", "")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", DOCUMENTS)
def test_the_python_of_a_page_runs(page: str, files: Path, capsys: pytest.CaptureFixture[str]):
    (code,) = blocks(page, "python")
    exec(compile(code, f"docs/{page}.md", "exec"), {})
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("word", ["evidence", "doctor"])
def test_the_python_of_the_manual_runs(word: str, capsys: pytest.CaptureFixture[str]):
    code = PAGES[word].split("python:\n")[1].split("\n\nexit status:")[0]
    exec(compile(textwrap.dedent(code), f"recheck {word} --help", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_the_check_of_the_page_is_that_of_the_command():
    found = actions.check(EXAMPLE)
    shown = blocks("own_scores", "")[0].splitlines()
    said, table = shown[: shown.index("")], shown[shown.index("") + 1 :]
    assert said == found.messages
    assert table == [line for line in found.text.splitlines() if line.startswith("|")]


def test_the_rows_of_the_page_are_those_of_the_command():
    text = (ROOT / "docs" / "own_scores.md").read_text(encoding="utf-8")
    part = text.split("--like locomotion`")[1].split("\nA method that")[0]
    shown = [line for line in part.splitlines() if line.startswith("|")]
    found = actions.table(EXAMPLE, like="locomotion").text.splitlines()
    assert len(shown) == 5
    assert shown == [line for line in found if line.startswith("|")][:5]


def test_the_findings_of_the_page_are_those_of_the_command(files: Path):
    shown = " ".join(blocks("review_a_table", "")[1].split())
    found = " ".join(actions.audit("table.md").text.split())
    assert found == shown


def test_the_plan_of_the_page_is_that_of_the_command(capsys: pytest.CaptureFixture[str]):
    given = ["--margin", "5", "--seed-sd", "3", "--episode-sd", "20", "--reported-seeds", "10"]
    assert main(["power", *given]) == 0
    assert capsys.readouterr().out.strip() == blocks("plan_an_experiment", "")[0].strip()


def test_the_page_on_evidence_shows_what_its_command_prints(capsys: pytest.CaptureFixture[str]):
    page = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    command, shown = re.findall(r"```text\n\$ recheck (.*?)\n(.*?)```", page, re.DOTALL)[0]
    assert main(command.split()) == 0
    assert capsys.readouterr().out == shown


def test_the_sentence_of_the_readme_is_the_sum_of_its_table():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [
        [int(cell.replace(",", "")) for cell in line.split("|")[2:7]]
        for line in readme.partition("<!-- table: first_screen")[2].partition("<!-- end")[0].splitlines()
        if re.match(r"\| [A-Z]", line) and not line.startswith("| Evidence")
    ]
    numbers = sum(row[0] for row in rows)
    reproduced, different, *others = (sum(row[place] for row in rows) for place in range(1, 5))
    judged = reproduced + different + sum(others)
    assert (
        f"Of {numbers:,} reported numbers {judged} could be judged: {reproduced} are reproduced, "
        f"{different} are different, {sum(others)} are open."
    ) in " ".join(readme.split())


def test_the_first_forty_lines_say_what_it_is_what_it_found_and_how_to_use_it():
    first = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:40])
    assert "checks the scores that offline reinforcement learning papers report" in first
    assert "| Independent runs, spread printed |" in first
    assert "recheck report SCORES.csv --output DIR" in first
    assert "docs/own_scores.md" in first


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_the_readme_links_the_pages_before_anything_is_trained():
    first = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Train")[0]
    for page in DOCUMENTS:
        assert f"docs/{page}.md" in first
