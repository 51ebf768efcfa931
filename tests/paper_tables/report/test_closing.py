"""What `make run` says at its end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from recheck import cli

from paper_tables.publish import reevaluated as reevaluated_module
from paper_tables.publish.reevaluated import Comparison
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
    assert "results/reports/tiny.html" in said
    assert "IQL" in said


def test_the_readme_shows_what_is_said_of_the_published_policies(repository: Path, tmp_path: Path):
    """The numbers are those of one run; words and form are today's."""
    readme = (repository / "README.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"```text\n(Task .*?)\n```", readme, re.DOTALL)
    policies = [
        Comparison("iql/hopper-sac-tqc-v0/corl_paper_settings-bb100815/N0/d/s", 10, 0, *difference, *values)
        for difference, values in zip(
            [
                (0.0, 0.0, 0.0, "percent"),
                (0.705, -1.266, 2.68, "percent"),
                (-0.032, -3.911, 3.847, "percent"),
            ],
            [(57.4, 57.4, (10,)), (57.4, 58.0, (11,)), (57.4, 57.4, (12,))],
        )
    ]
    reevaluated_module.write(policies, tmp_path)
    said, agrees = closing.reevaluation(tmp_path)
    assert agrees
    assert "\n".join(line.rstrip() for line in said.splitlines()) == shown


def test_what_it_names_is_there(repository: Path):
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
