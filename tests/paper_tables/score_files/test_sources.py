"""Rows of files in batches: encodings, lines of messages, refusals."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.score_files import sources
from paper_tables.score_files.sources import Rows, clean, read_parquet, read_text, suffix_of


def written(tmp_path: Path, content: str | bytes, name: str = "s.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def all_rows(rows: Rows, *names: str) -> list[tuple]:
    return [tuple(row.values()) for batch in rows.batches(names) for row in batch.to_pylist()]


def test_the_ending_before_gz_says_the_format():
    assert suffix_of(Path("a.b/s.CSV.gz")) == ".csv"
    assert suffix_of(Path("s.jsonl")) == ".jsonl"
    assert suffix_of(Path("s.gz")) == ".gz"
    assert suffix_of(Path("s")) == ""


def test_signs_without_width_are_cleaned():
    assert clean("\ufeff \u200bscore\u00ad\t") == "score"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("compressed", [False, True])
def test_text_in_every_encoding(tmp_path, encoding, compressed):
    content = "method,task\nIQL,höpper\n".encode(encoding)
    path = written(tmp_path, gzip.compress(content) if compressed else content, f"s.csv{'.gz' * compressed}")
    rows = read_text(path)
    assert rows.names == ["method", "task"]
    assert all_rows(rows, "task", "method") == [("höpper", "IQL")]


def test_rows_are_counted_in_lines_of_the_file(tmp_path):
    """An empty line and a cell over two lines are between the rows; a batch is smaller than the file."""
    path = written(tmp_path, 'a,b\n1,2\n\n"x\ny",4\n5,6\n')
    rows = read_text(path)
    assert all_rows(rows, "b") == [("2",), ("4",), ("6",)]
    assert [rows.line_of(number) for number in range(3)] == [2, 4, 6]


def test_a_large_file_comes_in_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "BATCH_BYTES", 64)
    path = written(tmp_path, "a,b\n" + "".join(f"{i},{2 * i}\n" for i in range(200)))
    batches = list(read_text(path).batches(["b"]))
    assert len(batches) > 5
    assert [row["b"] for batch in batches for row in batch.to_pylist()] == [str(2 * i) for i in range(200)]


def test_two_columns_of_one_name_are_told_apart_by_place(tmp_path):
    rows = read_text(written(tmp_path, "a,b,b\n1,2,3\n"))
    assert rows.names == ["a", "b", "b"]
    assert all_rows(rows, "b") == [("2",)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty, or its first line is; line 1 has the column names"),
        ("\n1,2\n", "is empty, or its first line is"),
        ("sep=;\na;b\n", "line 1 is Excel's 'sep=;'; delete this line"),
        ("a;b\n1;2\n", "separated by semicolons, not by commas; .* give delimiter=;"),
        ("a\tb\n1\t2\n", "separated by tabs, not by commas; .* give delimiter=tab"),
        ("a,66.5\n1,2\n", "line 1 holds the number 66.5; it needs the names of the columns"),
        ("a,,c\n1,2,3\n", "line 1: column 2 has no name"),
    ],
)
def test_a_first_line_that_names_no_columns(tmp_path, content, words):
    with pytest.raises(TablesError, match=words):
        read_text(written(tmp_path, content))


def test_a_row_of_another_width_is_named_with_its_line(tmp_path):
    rows = read_text(written(tmp_path, "a,b\n1,2\n\n3,4,5\n"))
    with pytest.raises(TablesError, match=r"line 4 has 3 cells; the header has 2\."):
        all_rows(rows, "a")


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path):
    with pytest.raises(TablesError, match="line 3 is not UTF-8 text; save the file as UTF-8"):
        read_text(written(tmp_path, b"a,b\n1,2\n3,\xff\xfe\n"))
    # Far below the first line, so that it is read in a later batch.
    late = written(tmp_path, b"a,b\n" + b"1,2\n" * 50_000 + b"3,\xff\xfe\n")
    rows = read_text(late)
    with pytest.raises(TablesError, match="line 50002 is not UTF-8 text; save the file as UTF-8"):
        all_rows(rows, "b")
    with pytest.raises(TablesError, match=r"none\.csv cannot be read: No such file"):
        read_text(tmp_path / "none.csv")
    cut = written(tmp_path, gzip.compress(b"a,b\n1,2\n" * 50)[:-20], "s.csv.gz")
    with pytest.raises(TablesError, match="cannot be read"):
        all_rows(read_text(cut), "a")


def test_a_header_alone_has_no_rows(tmp_path):
    assert all_rows(read_text(written(tmp_path, "a,b\n")), "a") == []


def test_parquet_without_its_index(tmp_path):
    path = tmp_path / "s.parquet"
    pd.DataFrame({"a": [1.5, None], "b": ["x", "y"]}, index=[7, 9]).to_parquet(path)
    rows = read_parquet(path)
    assert (rows.names, rows.unit, rows.line_of(0)) == (["a", "b"], "row", 1)
    assert all_rows(rows, "b", "a") == [("x", 1.5), ("y", None)]
    pd.DataFrame({"a": []}).to_parquet(path)
    with pytest.raises(TablesError, match="is empty; it holds no row"):
        read_parquet(path)
    with pytest.raises(TablesError, match="cannot be read as a Parquet file"):
        read_parquet(written(tmp_path, "a,b\n", "t.parquet"))
