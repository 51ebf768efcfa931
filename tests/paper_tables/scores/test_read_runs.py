"""Finished blocks are read and normalised; bad ones are refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck import checksums
from recheck.errors import TablesError

from paper_tables.scores import __main__ as scores_command
from paper_tables.scores import read_runs
from paper_tables.scores import tables as tables_module
from tests.paper_tables.scores.blocks import LOW, collected, manifest


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


def _edit_table(path: Path, **columns: object) -> None:
    table = pd.read_parquet(path)
    made = {name: value(table) if callable(value) else value for name, value in columns.items()}
    table.assign(**made).to_parquet(path)


def _twice(path: Path) -> None:
    table = pd.read_parquet(path)
    pd.concat([table, table]).to_parquet(path)


def _by_seed(first: str, second: str) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda table: np.where(table["seed"] == 0, first, second)


def _at_row_3(value: object) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda table: table["raw_return"].where(table.index != 3, value)


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
        (lambda b: (b / "run" / "config.json").write_text("{"), "is not valid JSON"),
        # One evaluation is of one environment, version and setting: the first row does not speak for all.
        (
            lambda b: _edit_table(b / "episodes.parquet", environment_id=_by_seed("Hopper-v4", "Hopper-v5")),
            "mixes environment_id Hopper-v4 and Hopper-v5",
        ),
        (
            lambda b: _edit_table(b / "episodes.parquet", mujoco_version=_by_seed("3.1", "3.2")),
            "mixes mujoco_version 3.1 and 3.2",
        ),
        (
            lambda b: _edit_table(b / "episodes.parquet", sampling=_by_seed("a-00000000", "b-00000000")),
            "mixes sampling a-00000000 and b-00000000",
        ),
        (
            lambda b: _edit_table(b / "episodes.parquet", raw_return=_at_row_3(np.nan)),
            "holds raw_return nan in row 4",
        ),
        (
            lambda b: _edit_table(b / "episodes.parquet", raw_return=_at_row_3(np.inf)),
            "holds raw_return inf in row 4",
        ),
        (lambda b: _edit_table(b / "episodes.parquet", raw_return="high"), "numbers are required"),
        # Settings of the task that have changed since.
        (
            lambda b: _edit_json(b / "manifest.json", environment_id="Hopper-v5"),
            "was played in Hopper-v4, but the task's environment is Hopper-v5",
        ),
        (lambda b: _edit_json(b / "manifest.json", horizon=99), "of 100 steps, but the task's limit is 99"),
        # Losses that lack a checkpoint would be empty in the tables.
        (
            lambda b: _remove_rows(b / "run" / "train.parquet", "update", 6000),
            "no losses of seed 0 at its checkpoint 6000",
        ),
        (lambda b: _twice(b / "run" / "train.parquet"), "has update 1000 of seed 0 more than once"),
        (lambda b: _edit_table(b / "run" / "train.parquet", noise_loss="x"), "holds noise_loss as"),
        (lambda b: _edit_table(b / "run" / "timing.parquet", wall_seconds=np.nan), "holds wall_seconds nan"),
        # Files of other runs and tasks.
        (lambda b: _edit_json(b / "manifest.json", task="walker2d-x-v0"), "is of task walker2d-x-v0"),
        (lambda b: _edit_json(b / "run" / "config.json", seeds=[5]), "of the seeds [5]; seed 0"),
        (
            lambda b: _edit_json(b / "run" / "config.json", num_updates=1),
            "a checkpoint at update 8000, after",
        ),
        # Values of other types.
        (lambda b: _edit_json(b / "run" / "config.json", checkpoints=[]), "checkpoints is empty"),
        (lambda b: _edit_json(b / "run" / "config.json", hyperparameters=None), "hyperparameters is None"),
        (lambda b: (b / "run" / "config.json").write_text("[]"), "config.json is []"),
        (lambda b: (b / "run" / "provenance.json").write_text("[]"), "provenance.json is []"),
        (lambda b: _edit_json(b / "run" / "provenance.json", git={"dirty": "yes"}), "git.dirty is 'yes'"),
        (lambda b: _edit_json(b / "manifest.json", reference_min_score="x"), "reference_min_score is 'x'"),
        (lambda b: _edit_json(b / "manifest.json", reference_max_score=LOW), "has to be the smaller one"),
    ],
)
def test_a_bad_block_is_refused_in_one_message_and_nothing_is_written(index, tmp_path, spoil, words, capsys):
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
