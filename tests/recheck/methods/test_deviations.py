"""The page of deviations, written and checked."""

from recheck.methods import deviations


def test_the_page_is_written_and_a_check_says_when_it_is_old(repository, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "workflow").symlink_to(repository / "workflow")
    assert deviations.main(["--check"]) == 1
    assert "is out of date: run python -m recheck.methods.deviations" in capsys.readouterr().err
    assert deviations.main([]) == 0
    written = (tmp_path / deviations.FILE).read_text(encoding="utf-8")
    assert written == (repository / deviations.FILE).read_text(encoding="utf-8")
    assert deviations.main(["--check"]) == 0
    (tmp_path / deviations.FILE).write_text(written + "x", encoding="utf-8")
    assert deviations.main(["--check"]) == 1
