"""What a user states about a file, from texts and from a YAML file."""

from __future__ import annotations

from pathlib import Path

import pytest
from recheck.errors import TablesError

from paper_tables.score_files.options import ScoreOptions, selection_of


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("last", ("last", 1)),
        ("BEST", ("best_online", 1)),
        ("mean_last_10", ("average_last_k", 10)),
        ("mean of the last 3", ("average_last_k", 3)),
    ],
)
def test_a_selection_in_words(text: str, wanted: tuple[str, int]):
    assert selection_of(text) == wanted


@pytest.mark.parametrize("text", ["first", "mean_last_0", "mean_last"])
def test_a_selection_that_is_none(text: str):
    with pytest.raises(TablesError, match="allowed are last, mean_last_K"):
        selection_of(text)


def test_what_is_given_goes_before_the_file(tmp_path: Path):
    path = tmp_path / "s.yaml"
    path.write_text("columns: {score: z}\nunit: return\nselect: best\n")
    found = ScoreOptions.of({"columns": str(path), "unit": "percent", "method": None, "task": ""})
    assert (found.columns, found.unit, found.select, found.method) == (
        {"score": "z"},
        "percent",
        "best",
        None,
    )


def test_lists_and_names_of_delimiters():
    found = ScoreOptions.of({"tasks": "a, b,", "delimiter": "Tab", "columns": "score: x ,task:y"})
    assert (found.tasks, found.delimiter) == (("a", "b"), "\t")
    assert found.columns == {"score": "x", "task": "y"}


def test_a_version_that_is_none_is_refused_before_the_file_is_read():
    with pytest.raises(TablesError, match="version is 'zz'; write v2"):
        ScoreOptions(version="zz")
