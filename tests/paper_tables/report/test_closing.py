"""What `make run` says at its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recheck import cli

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


def test_what_it_names_is_there(repository: Path):
    assert all((repository / place).is_file() for place, _ in closing.NEXT if not place.startswith("{"))


def test_another_machines_disagreement_is_an_error(reevaluated: Sources, capsys: pytest.CaptureFixture[str]):
    path = Path(reevaluated.reevaluated) / "comparison.json"
    path.write_text(json.dumps({"agrees": False, "sentence": "Your machine does not agree."}))
    assert closing.main(arguments(reevaluated)) == cli.EXIT_MISTAKE
    assert "Your machine does not agree." in capsys.readouterr().out


def test_without_tables_it_is_one_sentence(reevaluated: Sources, capsys: pytest.CaptureFixture[str]):
    (Path(reevaluated.tables) / "scores.csv").unlink()
    assert closing.main(arguments(reevaluated)) == cli.EXIT_MISTAKE
    assert "the run has not come to its tables" in capsys.readouterr().err
