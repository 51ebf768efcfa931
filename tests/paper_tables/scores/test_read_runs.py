"""Finished blocks are read and normalised; bad ones are refused."""

import json
from pathlib import Path

import pandas as pd
import pytest
from recheck import checksums
from recheck.errors import TablesError

from paper_tables.scores import __main__ as scores_command
from paper_tables.scores import read_runs
from paper_tables.scores import tables as tables_module
from tests.paper_tables.scores.blocks import collected, manifest


@pytest.mark.parametrize(
    "name",
    [
        "run/config.json",
        "run/provenance.json",
        "run/train.parquet",
        "run/timing.parquet",
        "episodes.parquet",
        "timing.parquet",
    ],
)
def test_a_file_that_is_not_what_was_written_is_refused_by_its_reader(index, name):
    """Whatever its size: one bit in a column of numbers changes a score, and nothing else would say so."""
    path = index.parent / "block" / name
    checksums.write(path)
    collected(index)
    path.write_bytes(path.read_bytes().replace(b"hopper-x-v0", b"hopper-y-v0") + b" ")
    with pytest.raises(TablesError, match=rf"{path.name} is damaged: its SHA-256 .*Remove the file"):
        collected(index)


def test_without_references_raw_returns_are_kept_and_said(index):
    path = Path(json.loads(index.read_text())["blocks"][0]["dataset_manifest"])
    path.write_text(json.dumps(manifest(reference_min_score=None, reference_max_score=None)))
    table = collected(index)["scores"].set_index(["seed", "selection"])
    assert table.loc[(0, "last"), "score_percent"] == 600
    assert set(table["score_unit"]) == {"return"}


def _remove_rows(path: Path, column: str, value: object) -> None:
    table = pd.read_parquet(path)
    table[table[column] != value].to_parquet(path)


def _edit_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda b: _remove_rows(b / "episodes.parquet", "seed", 1), "no episodes of seed 1 at update 2000"),
        (
            lambda b: _remove_rows(b / "episodes.parquet", "update", 6000),
            "no episodes of seed 0 at update 6000",
        ),
        (lambda b: _remove_rows(b / "run" / "train.parquet", "seed", 0), "no rows of seed 0"),
        (lambda b: _edit_json(b / "run" / "config.json", method="iql"), "do not belong together"),
        (lambda b: _edit_json(b / "run" / "config.json", digest="xyz"), "digest"),
        (lambda b: _edit_json(b / "manifest.json", comparability="fine"), "original, unverified"),
        (lambda b: (b / "run" / "train.parquet").unlink(), "There is no file"),
        (lambda b: (b / "episodes.parquet").write_bytes(b"no parquet"), "cannot be read"),
        (lambda b: (b / "run" / "config.json").write_text("{"), "is no JSON"),
    ],
)
def test_a_bad_block_is_refused_in_one_sentence_and_nothing_is_written(index, tmp_path, spoil, words, capsys):
    spoil(tmp_path / "block")
    status = scores_command.main(["--experiment-file", str(index), "--output", str(tmp_path / "out")])
    message = capsys.readouterr().err
    assert status == 2
    assert words in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format"),
        ({"blocks": []}, "blocks"),
        ({"average_last_k": 0}, "average_last_k"),
        ({"x": 1}, "x"),
    ],
)
def test_a_bad_index_is_refused(index, change, words):
    _edit_json(index, **change)
    with pytest.raises(TablesError, match=words):
        read_runs.read_index(index)


def test_a_file_that_breaks_its_schema_is_refused_on_read(index, tmp_path):
    tables_module.write(collected(index), tmp_path / "out")
    path = tmp_path / "out" / "scores.parquet"
    table = pd.read_parquet(path)
    table.drop(columns="selection").to_parquet(path)
    with pytest.raises(TablesError, match="selection"):
        tables_module.read(tmp_path / "out", "scores")
    pd.concat([table, table.iloc[:1]]).to_parquet(path)
    with pytest.raises(TablesError, match="more than one row"):
        tables_module.read(tmp_path / "out", "scores")
