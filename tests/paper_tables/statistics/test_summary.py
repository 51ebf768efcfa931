"""The summary in words and numbers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from paper_tables.rendering import table as table_module
from paper_tables.scores.d3rlpy import read_d3rlpy_runs
from paper_tables.statistics import experiment as statistics_experiment
from paper_tables.statistics import summary as summary_module


def test_a_summary_without_aggregates_says_so(made_up_tables: dict[str, pd.DataFrame]):
    raw = made_up_tables["scores"].assign(score_unit="return")
    table = summary_module.summary_table(
        statistics_experiment.all_tables(raw, replicates=100, coverage_studies=0)
    )
    assert table.rows == []
    assert "normalised scale" in table.lead[0]


def test_one_seed_has_a_summary_without_intervals(made_up_tables: dict[str, pd.DataFrame]):
    scores = made_up_tables["scores"]
    one = scores[scores["seed"] == scores["seed"].min()]
    table = summary_module.summary_table(
        statistics_experiment.all_tables(one, replicates=100, coverage_studies=10)
    )
    assert table.rows
    assert not any("simulated coverage" in note for note in table.notes)


def test_the_table_in_the_documentation_is_what_the_fixture_gives():
    runs = read_d3rlpy_runs()
    table = summary_module.summary_table(
        statistics_experiment.all_tables(runs[runs["selection"] == "last"], coverage_studies=0)
    )
    page = (Path(__file__).parents[3] / "docs" / "tables.md").read_text(encoding="utf-8")
    lines = [line for line in table_module.markdown(table).splitlines() if "(A)" in line]
    assert len([line for line in lines if line.startswith("| ") and line in page]) == 11
