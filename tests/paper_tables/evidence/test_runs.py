"""The command that checks and counts public runs."""

from paper_tables.evidence import runs as evidence_runs
from tests.paper_tables.public_runs.files import copy_source, rows_of, write_rows


def test_the_command_prints_one_message_and_writes_nothing(tmp_path, capsys):
    path = copy_source(tmp_path)
    header, rows = rows_of(path)
    rows[0][header.index("task")] = "no-task-v0"
    write_rows(path, header, rows)
    before = sorted(tmp_path.iterdir())
    assert evidence_runs.main(["--folder", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert evidence_runs.main([]) == 0
    assert "with_reported_number" in capsys.readouterr().out
