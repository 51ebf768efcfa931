"""The index names every page of its folder, whoever wrote it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from paper_tables.report import __main__ as command
from paper_tables.report import index, render
from paper_tables.report.contents import Sources


def test_another_experiment_adds_a_page_and_overwrites_none(page: Path, sources: Sources, tmp_path: Path):
    first = page.read_bytes()
    other = replace(sources, name="other", title="Experiment other")
    command.write(other, page.with_name("other.html"), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert 'href="reports/tiny.html"' in text
    assert 'href="reports/other.html"' in text
    assert page.read_bytes() == first


def test_a_page_that_comes_while_the_index_is_written_is_in_it(page: Path, tmp_path: Path, monkeypatch):
    written = render.index_page

    def slow(pages, others):
        late = page.with_name("late.html")
        if not late.exists():
            late.write_text("late")
            late.with_suffix(".json").write_text(page.with_suffix(".json").read_text())
        return written(pages, others)

    monkeypatch.setattr(render, "index_page", slow)
    index.write(page.parent, tmp_path / "report.html")
    assert 'href="reports/late.html"' in (tmp_path / "report.html").read_text()


def test_verdicts_and_the_check_of_published_policies_are_named(
    page: Path, reevaluated: Sources, tmp_path: Path
):
    command.write(
        replace(reevaluated, name="checked"), page.with_name("checked.html"), tmp_path / "report.html"
    )
    text = (tmp_path / "report.html").read_text()
    assert "3 runs, 2 methods, 1 task.\n" in text
    assert "2 inconclusive, 1 reproduced. Your machine agrees.</p>" in text


def test_the_page_of_evidence_is_named_where_it_is_there(page: Path, tmp_path: Path):
    index.write(page.parent, tmp_path / "report.html")
    assert "evidence.html" not in (tmp_path / "report.html").read_text()
    (tmp_path / "evidence.html").write_text("there")
    index.write(page.parent, tmp_path / "report.html")
    assert 'href="evidence.html"' in (tmp_path / "report.html").read_text()
    text = (tmp_path / "report.html").read_text()
    assert "snakemake evidence --cores 2" in text
    assert "1,647" not in text
    counts = tmp_path / "tables/evidence/version.json"
    counts.parent.mkdir(parents=True)
    counts.write_text('{"numbers": 1647, "judged": 387, "reproduced": 84, "different": 73, "open": 230}')
    index.write(page.parent, tmp_path / "report.html")
    expected = "1,647 numbers, 387 judged: 84 reproduced, 73 different, 230 open."
    assert expected in (tmp_path / "report.html").read_text()
