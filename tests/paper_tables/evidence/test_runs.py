"""The command that checks and counts public runs."""

from pathlib import Path

from paper_tables import frames
from paper_tables.evidence import runs as evidence_runs
from paper_tables.public_runs import reader
from tests.paper_tables.public_runs.files import _copy, _rows, _write


def test_the_command_says_one_sentence_and_writes_nothing(tmp_path, capsys):
    path = _copy(tmp_path)
    header, rows = _rows(path)
    rows[0][header.index("task")] = "no-task-v0"
    _write(path, header, rows)
    before = sorted(tmp_path.iterdir())
    assert evidence_runs.main(["--folder", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert evidence_runs.main([]) == 0
    assert "with_reported_number" in capsys.readouterr().out


def test_the_document_page_has_every_source_and_column(runs):
    page = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text(encoding="utf-8")
    for row in reader.read_sources().to_dict("records"):
        assert f"### `{row['source']}`" in page
        assert row["repository"] in page
    for column, rule in frames.load_schema("public_runs")["items"]["properties"].items():
        assert f"| `{column}` | {rule['description']} |" in page
