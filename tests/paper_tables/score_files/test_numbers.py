"""Numbers and texts of a column of any type."""

from __future__ import annotations

import numpy as np
import pyarrow
import pytest
from recheck.errors import TablesError

from paper_tables.score_files.numbers import to_numbers, to_texts


def place(number: int) -> str:
    return f"s.csv, line {number + 2}"


@pytest.mark.parametrize(
    "cells",
    [
        pyarrow.array(["1.5", " ", "\u00a0-2e1"]),
        pyarrow.array([1.5, None, -20.0]),
        pyarrow.array(["1.5", None, "-20"]).dictionary_encode(),
        pyarrow.array(["+1.5", "", "-20"]),
    ],
)
def test_an_empty_cell_is_nan_whatever_the_type(cells: pyarrow.Array):
    np.testing.assert_array_equal(to_numbers(cells, place), [1.5, np.nan, -20.0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("66,3", "write 66.3"),
        ("66 %", "write 66"),
        ("inf", "not a finite number"),
        ("1,000,000", "signs between thousands; write 1000000"),
        ("5,498.9", "signs between thousands; write 5498.9"),
        ("3,234", "decimal comma; write 3.234, or 3234 where it is between thousands"),
        ("0,234", r"decimal comma; write 0.234\."),
        ("-", "write the number itself, and leave the cell empty where a run is missing"),
        ("=A1", "write the number itself"),
        ("44.O", "write it as 66.3 or 1e6"),
        ("6 +- 1", "mean with its spread"),
    ],
)
def test_what_is_no_number_is_named_with_its_place(text: str, words: str):
    with pytest.raises(TablesError, match=rf"s\.csv, line 3, column 'z': .*{words}"):
        to_numbers(pyarrow.array(["1", text]), place, "z")


def test_texts_are_trimmed_and_numbers_are_written_as_they_are():
    codes, texts = to_texts(pyarrow.array([" a", None, " a"]))
    assert [texts[code] for code in codes] == ["a", "", "a"]
    codes, texts = to_texts(pyarrow.array([3, 10**20 % 97, 3]))
    assert [texts[code] for code in codes] == ["3", str(10**20 % 97), "3"]
