"""What `make run` says at its end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from recheck import cli, files
from recheck.results import published_checkpoints

from paper_tables import frames
from paper_tables.publish import reevaluated as reevaluated_module
from paper_tables.publish.reevaluated import PolicyComparison
from paper_tables.report import closing
from paper_tables.report.contents import Sources


def arguments(sources: Sources) -> list[str]:
    page = ["--page", "results/reports/tiny.html"]
    return ["--tables", sources.tables, "--reevaluated", sources.reevaluated, *page]


def test_it_ends_with_scores_the_verdict_and_where_to_look(
    reevaluated: Sources, capsys: pytest.CaptureFixture[str]
):
    assert closing.main(arguments(reevaluated)) == 0
    said = capsys.readouterr().out
    assert said.index("20.0 (2)") < said.index("Your machine agrees.") < said.index("Where to look next:")
    assert (
        said.index("20.0 (2)") < said.index("too short to rank methods") < said.index("Your machine agrees.")
    )
    assert "results/reports/tiny.html" in said
    assert "IQL" in said


def test_the_readme_shows_what_is_said_of_the_published_policies(repository: Path, tmp_path: Path):
    """Form, words and published numbers are today's; the column `Here` is one machine's, of one run."""
    readme = (repository / "README.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"```text\n(Task .*?)\n```", readme, re.DOTALL)
    table, verdict = (part.splitlines() for part in shown.split("\n\n"))
    head, _, *rows = [re.split(r" {2,}", line) for line in table]
    place = published_checkpoints.FOLDER
    reevaluated_module.write(published_as_here(repository / place), tmp_path)
    said, _ = closing.reevaluation(tmp_path)
    expected_table, expected_verdict = (part.splitlines() for part in said.split("\n\n"))
    _, _, *expected = [re.split(r" {2,}", line) for line in expected_table]
    assert head == [
        "Task",
        "Method",
        "Updates",
        "Seeds",
        "Episodes",
        "Published",
        "Here",
        "Difference",
        "Agrees",
    ]
    assert [row[:6] for row in rows] == [row[:6] for row in expected]
    for *_, published, here, difference, agrees in rows:
        assert abs(float(here) - float(published) - float(difference)) < 0.11
        assert agrees == "yes"
    assert [verdict[0], *verdict[2:]] == [expected_verdict[0], *expected_verdict[2:]]
    counts = expected_verdict[1].removeprefix("Equal in every bit: ")
    assert re.fullmatch(rf"Equal in every bit: \d+ of {counts} Within the interval: \d+, .*", verdict[1])


def published_as_here(folder: Path) -> list[PolicyComparison]:
    """Every published policy as if its episodes had been the same here."""
    found = []
    for path in sorted(folder.rglob("episodes.parquet")):
        episodes = frames.read_plain_parquet(path)
        manifest = files.read_json(path.with_name("manifest.json"))
        block = str(path.parent.relative_to(folder))
        updates = files.read_json(path.with_name("checkpoint.json"))["update"]
        found.append(reevaluated_module.compare(block, episodes, episodes, manifest, 0.95, updates))
    return found


def test_what_it_names_is_there(repository: Path):
    [experiment] = re.findall(r"experiment=(\w+)", closing.TOO_SHORT)
    assert (repository / f"workflow/config/experiments/{experiment}.yaml").is_file()
    assert all((repository / place).is_file() for place, _ in closing.NEXT if not place.startswith("{"))


def test_another_machines_disagreement_is_an_error(reevaluated: Sources, capsys: pytest.CaptureFixture[str]):
    path = Path(reevaluated.reevaluated) / "comparison.json"
    path.write_text(json.dumps({"agrees": False, "sentence": "Your machine does not agree."}))
    assert closing.main(arguments(reevaluated)) == cli.EXIT_MISTAKE
    assert "Your machine does not agree." in capsys.readouterr().out


def test_a_copy_without_published_policies_says_so(reevaluated: Sources, capsys: pytest.CaptureFixture[str]):
    (Path(reevaluated.reevaluated) / "comparison.json").unlink()
    assert closing.main(arguments(reevaluated)) == 0
    said = capsys.readouterr().out
    assert "No published policy was played again" in said
    assert "agrees" not in said


def test_without_tables_it_is_one_message(reevaluated: Sources, capsys: pytest.CaptureFixture[str]):
    (Path(reevaluated.tables) / "scores.csv").unlink()
    assert closing.main(arguments(reevaluated)) == cli.EXIT_MISTAKE
    assert "the run has not come to its tables" in capsys.readouterr().err
