"""What the footnotes of a table say of its runs."""

import pandas as pd
import pytest

from paper_tables.scores.provenance import footnote
from tests.paper_tables.tables.runs import some_runs

SENTENCE = "Episodes of different evaluation formats meet here: "


def notes(first: int | None, second: int | None) -> str:
    runs = some_runs({"hopper-medium-v2": [90.0, 91.0, 92.0]})
    runs = runs[runs["selection"] == "last"].copy()
    runs["evaluation_format"] = pd.array([first, second, second], dtype="Int64")
    return " ".join(footnote(runs))


@pytest.mark.parametrize(
    ("first", "second", "counted"),
    [(1, 2, "1 (1 run), 2 (2 runs)."), (2, None, "2 (1 run), not recorded (2 runs).")],
)
def test_a_table_says_where_evaluation_formats_meet(
    first: int | None, second: int | None, counted: str
) -> None:
    assert SENTENCE + counted in notes(first, second)


@pytest.mark.parametrize("everywhere", [1, 2, None])
def test_one_evaluation_format_needs_no_sentence(everywhere: int | None) -> None:
    assert SENTENCE not in notes(everywhere, everywhere)


def test_the_rules_of_one_run_are_one_run() -> None:
    runs = some_runs({"hopper-medium-v2": [90.0, 91.0]})
    assert runs["selection"].nunique() > 1
    runs["evaluation_format"] = runs["seed"] + 1
    assert SENTENCE + "1 (1 run), 2 (1 run)." in " ".join(footnote(runs))
