"""The page on how we know that it is right: its tables are today's, and read what they say they read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import how_we_know

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_todays():
    """Also: every test that the page names is collected, and every table has a place on the page."""
    text = how_we_know.PAGE.read_text(encoding="utf-8")
    shown = [block.name for block in how_we_know.blocks(text, "page")]
    made = dict(how_we_know.tables())
    assert sorted(shown) == sorted(made)
    for block in how_we_know.blocks(text, "page"):
        assert block.body == made[block.name].strip("\n"), "run: python tools/how_we_know.py --write"


def test_comparisons_are_grouped_by_program():
    text = (
        "| method | released program | updates | largest difference |\n|---|---|---|---|\n"
        "| A, variant x | o/p@1, `a.py` (torch) | 40 | 6e-16 |\n"
        "| B | the same, its actor | 40 | 5e-15; a sampled action 1e-12 |\n"
        "| A | o/q@2 (JAX) | 3 | 3e-14 |\n\nMore.\n\n| C | o/r@3 | 1 | 1e-1 |\n"
    )
    found = how_we_know.parity(text)
    assert found.startswith("3 comparisons with 2 released programs; the largest difference is 1e-12.\n")
    assert "| o/p@1 | A, B | 2 | 1e-12 |\n| o/q@2 | A | 1 | 3e-14 |\n" in found
    with pytest.raises(ValueError, match="no table of comparisons"):
        how_we_know.parity("nothing")


def test_the_worst_distribution_of_each_pair_of_seeds_is_shown():
    text = (
        "<!-- table: verdict_error.md -->\n\n| Seeds of | 3 v 3 | 3 v 5 |\n| --- | ---: | ---: |\n"
        "| normal | 5.5 → 5.0 | 5.7 → 5.2 |\n| other | 3.1 → 2.5 | 18.6 → 4.5 |\n| typical | 5.1 | 3.5 |\n"
        "\n<!-- end of table -->\n"
    )
    assert "| 3 v 3 | 5.5 | 5.1 |\n| 3 v 5 | 18.6 | 5.2 |\n" in how_we_know.simulation(text)


def test_cases_are_counted_by_pytest_and_a_missing_test_is_an_error():
    path = "tests/workflow/test_tutorials.py"
    counts = how_we_know.collected([f"{path}::test_a_line_that_is_not_printed_is_found"])
    assert counts == {f"{path}::test_a_line_that_is_not_printed_is_found": 1}
    with pytest.raises(RuntimeError, match="test_absent"):
        how_we_know.collected([f"{path}::test_absent"])
