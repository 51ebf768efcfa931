"""The files of a finished block, compared with each other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck import checksums
from recheck.errors import TablesError

from paper_tables.scores import block_files
from tests.paper_tables.scores.blocks import CHECKPOINTS, manifest


@pytest.fixture
def block(index: Path) -> Path:
    return index.parent / "block"


def edit(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_configuration_of_the_seeds_that_were_asked_for(block):
    config = block_files.read_config(block / "run", [1])
    assert (config["seeds"], config["checkpoints"]) == ([0, 1], CHECKPOINTS)
    with pytest.raises(TablesError, match=r"config\.json is of the seeds \[0, 1\]; seed 2 is not among them"):
        block_files.read_config(block / "run", [1, 2, 3])
    edit(block / "run/config.json", num_updates=7000)
    with pytest.raises(TablesError, match=r"has a checkpoint at update 8000, after its last one \(7000\)"):
        block_files.read_config(block / "run", [0])


def test_former_names_are_read_and_unknown_keys_let_be(block):
    path = block / "run/config.json"
    text = path.read_text().replace('"diffusion_steps"', '"train_steps"').replace("{", '{"x": 1, ', 1)
    path.write_text(text)
    config = block_files.read_config(block / "run", [1])
    assert (config["diffusion_steps"], config["x"]) == (5, 1)


def test_a_manifest_is_the_tasks_and_its_references_ascend(block):
    path = block / "manifest.json"
    assert block_files.read_manifest(path, "hopper-x-v0")["reference_min_score"] == -20.0
    with pytest.raises(TablesError, match=r"is of task hopper-x-v0, but the run's task is other-v0"):
        block_files.read_manifest(path, "other-v0")
    for low in (3230.0, 5000.0):
        path.write_text(json.dumps(manifest(reference_min_score=low)))
        with pytest.raises(TablesError, match=rf"has the references {low} and 3230\.0; the first has to be"):
            block_files.read_manifest(path, "hopper-x-v0")
    path.write_text(json.dumps(manifest(reference_min_score=None)))
    assert block_files.read_manifest(path, "hopper-x-v0")["reference_min_score"] is None


@pytest.mark.parametrize(
    ("content", "words"),
    [("[]", r"provenance\.json"), ("{", r"provenance\.json"), ('{"versions": 5}', "versions")],
)
def test_what_breaks_its_schema_is_named(block, content, words):
    (block / "run/provenance.json").write_text(content)
    with pytest.raises(TablesError, match=words):
        block_files.read_provenance(block / "run")


def test_a_file_is_compared_with_its_checksum(block):
    path = block / "run/timing.parquet"
    checksums.write(path)
    assert block_files.read_plain_parquet(path, ("update",))["update"].tolist() == [1000, 8000]
    with pytest.raises(TablesError, match=r"timing\.parquet lacks the columns colour, size\."):
        block_files.read_plain_parquet(path, ("update", "colour", "size"))
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(TablesError, match=r"timing\.parquet is damaged: .*start the same command"):
        block_files.read_plain_parquet(path, ("update",))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["1", "2"], "holds x as object; numbers are required"),
        ([True, False], "holds x as bool; numbers are required"),
        ([1.0, np.nan], "holds x nan in row 2; finite numbers are required"),
        ([np.inf, 1.0], "holds x inf in row 1;"),
    ],
)
def test_columns_that_are_no_numbers(values, words):
    with pytest.raises(TablesError, match=words):
        block_files.check_numbers(pd.DataFrame({"x": values}), ["x"], Path("f"))


def test_numbers_that_need_not_be_known():
    table = pd.DataFrame({"x": [1.0, np.nan], "empty": [None, None], "text": ["a", "b"]})
    block_files.check_numbers(table, ["x", "empty"], Path("f"), finite=False)
    with pytest.raises(TablesError, match="holds text as object"):
        block_files.check_numbers(table, ["text"], Path("f"), finite=False)


@pytest.mark.parametrize("column", block_files.OF_ONE_EVALUATION)
def test_one_file_is_one_evaluation(column):
    table = pd.DataFrame({"seed": [0, 1], column: ["b", "a"]})
    with pytest.raises(TablesError, match=rf"f mixes {column} a and b, and one evaluation has one"):
        block_files.check_one_evaluation(table, Path("f"))
    block_files.check_one_evaluation(table.assign(**{column: "a"}), Path("f"))
    block_files.check_one_evaluation(table[["seed"]], Path("f"))


def test_a_log_has_each_checkpoint_once():
    losses = pd.DataFrame({"update": [1000, 2000, 3000]})
    block_files.check_log(losses, 4, [1000, 3000], Path("f"))
    with pytest.raises(TablesError, match="f has no losses of seed 4 at its checkpoint 2500; train it again"):
        block_files.check_log(losses, 4, [1000, 2500, 4000], Path("f"))
    with pytest.raises(TablesError, match="f has update 2000 of seed 4 more than once"):
        block_files.check_log(pd.DataFrame({"update": [1000, 2000, 2000]}), 4, [1000], Path("f"))


def test_episodes_are_the_tasks_environments_where_it_is_known():
    """Tables and manifests of earlier versions lack it."""
    played = pd.DataFrame({"environment_id": ["Hopper-v4"] * 2, "length": [7, 100]})
    for known in (
        {},
        {"environment_id": None, "horizon": None},
        {"environment_id": "Hopper-v4", "horizon": 100},
    ):
        block_files.check_environment(played, known, Path("f"))
    block_files.check_environment(played[["length"]], {"environment_id": "Ant-v4"}, Path("f"))
    with pytest.raises(
        TablesError, match=r"f was played in Hopper-v4, but .* is Ant-v4\. Remove f and start"
    ):
        block_files.check_environment(played, {"environment_id": "Ant-v4"}, Path("f"))
    with pytest.raises(TablesError, match="f has an episode of 100 steps, but the task's limit is 99"):
        block_files.check_environment(played, {"horizon": 99}, Path("f"))
