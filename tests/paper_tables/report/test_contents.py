"""What a page says, by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from recheck import files
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.report import contents, render
from paper_tables.report.contents import Sources


def test_the_first_sentences_are_the_verdicts_and_the_order_at_equal_updates(
    sources: Sources, tmp_path: Path
):
    page = contents.gather(sources, tmp_path / "reports")
    assert page.found == [
        "Of 3 numbers with runs of ours: 1 reproduced.",
        "hopper-v0 after 1,000 updates, highest mean first: IQL 20.0% (2 seeds), BC 5.0% (1 seed).",
    ]


def test_many_tasks_are_left_to_the_table_and_an_unknown_length_is_not_said(sources: Sources, tmp_path: Path):
    rows = frames.read_parquet(Path(sources.scores) / "scores.parquet", "scores").assign(update=0)
    many = pd.concat([rows.assign(task=f"task{number:02}-v0") for number in range(12)])
    frames.write_parquet(many, Path(sources.scores) / "scores.parquet", "scores")
    found = contents.gather(sources, tmp_path / "reports").found
    assert found[1] == "task00-v0, highest mean first: IQL 20.0% (2 seeds), BC 5.0% (1 seed)."
    assert found[-1] == "2 more tasks: see the scores."
    assert len(found) == 1 + 10 + 1


def test_a_copied_number_is_counted_once(sources: Sources, tmp_path: Path):
    page = contents.gather(sources, tmp_path / "reports")
    assert page.verdicts == {"reproduced": 1, "inconclusive": 2}
    assert page.counts == {"runs": 3, "methods": 2, "tasks": 1}


def test_without_a_verdict_there_is_no_empty_table(sources: Sources, tmp_path: Path):
    (Path(sources.tables) / "verdicts.csv").write_text("verdict,judged_at\n")
    page = contents.gather(sources, tmp_path / "reports")
    assert (page.verdicts, list(page.first), len(page.found)) == ({}, ["scores"], 1)


def test_what_was_run_names_task_method_updates_seeds_and_episodes(sources: Sources, tmp_path: Path):
    rows = contents.gather(sources, tmp_path / "reports").run_table.splitlines()
    assert "| hopper-v0 | iql | 1,000 | 2 | 7 | – |" in rows


def test_a_papers_table_without_a_number_of_ours_is_left_out(sources: Sources, tmp_path: Path):
    titles = [section.title for section in contents.gather(sources, tmp_path / "reports").sections]
    assert titles == ["Aggregates", "Full table"]


def test_every_figure_has_caption_command_and_a_relative_pdf(sources: Sources, tmp_path: Path):
    forest, cost = contents.gather(sources, tmp_path / "reports").figures
    assert (forest.name, forest.caption) == ("forest", "Ours & theirs.")
    assert forest.pdf == "../figures/tiny/forest.pdf"
    assert forest.command == "snakemake --cores 2 figures --force --config experiment=tiny"
    assert (cost.name, cost.pdf) == ("cost", "")


def test_a_number_that_two_tables_show_is_counted_once(sources: Sources, tmp_path: Path):
    verdicts = (
        "verdict,number,judged_at\nreproduced,a,\nreproduced,a,\ninconclusive,b,iql\ninconclusive,b,\n,,\n"
    )
    files.write_text(Path(sources.tables) / "verdicts.csv", verdicts)
    page = contents.gather(sources, tmp_path / "reports")
    assert page.verdicts == {"reproduced": 1, "inconclusive": 1}


def test_a_table_without_rows_is_left_out(sources: Sources, tmp_path: Path):
    files.write_text(
        Path(sources.tables) / "cost.md", "### tiny: cost\n\n| Method | Hours |\n| --- | ---: |\n\n\n"
    )
    titles = [section.title for section in contents.gather(sources, tmp_path / "reports").sections]
    assert titles == ["Aggregates", "Full table"]


def test_a_page_that_no_workflow_made_names_no_command_of_one(sources: Sources, tmp_path: Path):
    own = replace(sources, command="recheck report mine.csv --output mine", index="")
    page = contents.gather(own, tmp_path)
    assert [figure.command for figure in page.figures] == ["", ""]
    text = render.experiment_page(page)
    assert "recheck report mine.csv --output mine" in text
    assert "snakemake" not in text
    assert "All pages" not in text


def test_records_and_files_are_named_with_their_hash(sources: Sources, tmp_path: Path):
    page = contents.gather(sources, tmp_path / "reports")
    record = Path(sources.tables) / "record.json"
    assert page.records == [("tables", str(record), files.sha256(record))]
    assert (str(record), files.sha256(record)) in page.files
    assert any(path.endswith("scores.parquet") for path, _ in page.files)


def test_the_verdict_on_published_policies_is_among_the_findings(reevaluated: Sources, tmp_path: Path):
    page = contents.gather(reevaluated, tmp_path / "reports")
    assert page.found[-1] == "Your machine agrees."
    assert page.reevaluated is not None
    assert page.summary()["agreement"] == "Your machine agrees."


def test_a_missing_comparison_is_one_message(reevaluated: Sources, tmp_path: Path):
    (Path(reevaluated.reevaluated) / "comparison.json").unlink()
    with pytest.raises(TablesError, match=r"comparison\.json"):
        contents.gather(reevaluated, tmp_path / "reports")


def test_missing_scores_are_one_message(sources: Sources, tmp_path: Path):
    with pytest.raises(TablesError, match=r"scores\.parquet"):
        contents.gather(replace(sources, scores=str(tmp_path / "none")), tmp_path)


def test_sources_survive_being_text(sources: Sources):
    assert contents.sources_from_json(contents.sources_as_json(sources)) == sources


@pytest.mark.parametrize("text", ["", "{}", json.dumps({"figures": [], "colour": 1})])
def test_sources_that_are_none_are_refused_with_the_keys(text: str):
    with pytest.raises(TablesError, match="keys name, title, description, command, scores"):
        contents.sources_from_json(text)


def test_an_index_that_names_only_what_was_drawn_is_read(sources: Sources, tmp_path: Path):
    """As earlier versions wrote it for the bandit."""
    files.write_text(Path(sources.figures[0]) / "index.csv", "figure,caption\ncost,What it cost.\n")
    found = contents.gather(sources, tmp_path / "reports").figures
    assert [(figure.name, figure.caption) for figure in found] == [("cost", "What it cost.")]


def test_parts_of_a_figure_stay_together(sources, tmp_path):
    folder = Path(sources.figures[0])
    picture = next(folder.glob("*.png")).read_bytes()
    names = ("cost", "intervals", "intervals_2", "intervals_10", "forest", "forest_2", "steps")
    for name in (*names, "of_another_run"):
        (folder / f"{name}.png").write_bytes(picture)
    files.write_text(
        folder / "index.csv", "\n".join(["figure,drawn,caption", *[f"{name},yes,A." for name in names]])
    )
    found = [figure.name for figure in contents.gather(sources, tmp_path / "reports").figures]
    assert found == ["forest", "forest_2", "intervals", "intervals_2", "intervals_10", "cost", "steps"]
