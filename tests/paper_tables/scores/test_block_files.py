"""What the files of a block are checked for; through the command: test_read_runs.py."""

from pathlib import Path

import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.scores import block_files

PATH = Path("block.parquet")


def test_former_names_are_read_and_unknown_keys_let_be(index: Path) -> None:
    run = index.parent / "block" / "run"
    config = block_files.read_config(run, [0, 1])
    path = run / "config.json"
    path.write_text(
        path.read_text().replace('"diffusion_steps"', '"train_steps"').replace("{", '{"x": 1, ', 1)
    )
    former = block_files.read_config(run, [1])
    assert former["diffusion_steps"] == config["diffusion_steps"] == 5
    assert former["x"] == 1


@pytest.mark.parametrize(
    ("values", "finite", "words"),
    [
        ([1.0, 2.5], True, None),
        ([1, 2], True, None),
        ([1.0, None], True, "holds value nan in row 1; finite numbers"),
        ([1.0, None], False, None),
        ([1.0, float("inf")], False, None),
        ([None, None], False, None),
        ([None, None], True, "holds value as object"),
        (["1", "2"], False, "numbers are required"),
        ([True, False], True, "holds value as bool; numbers are required"),
    ],
)
def test_columns_of_numbers(values: list[object], finite: bool, words: str | None) -> None:
    table = pd.DataFrame({"value": values})
    if words is None:
        block_files.check_numbers(table, ["value"], PATH, finite)
        return
    with pytest.raises(TablesError, match=words):
        block_files.check_numbers(table, ["value"], PATH, finite)


def test_an_environment_that_is_not_known_is_not_compared() -> None:
    """Tables and manifests of earlier versions lack it."""
    played = pd.DataFrame({"environment_id": ["Hopper-v4"] * 2, "length": [7, 100]})
    for manifest in (
        {},
        {"environment_id": None, "horizon": None},
        {"environment_id": "Hopper-v4", "horizon": 100},
    ):
        block_files.check_environment(played, manifest, PATH)
    block_files.check_environment(played[["length"]], {"environment_id": "Ant-v4"}, PATH)
    with pytest.raises(TablesError, match=r"played in Hopper-v4, but .* is Ant-v4\. Remove block\.parquet"):
        block_files.check_environment(played, {"environment_id": "Ant-v4"}, PATH)
    with pytest.raises(TablesError, match="has an episode of 100 steps, but the task's limit is 99"):
        block_files.check_environment(played, {"horizon": 99}, PATH)


def test_a_log_may_have_more_than_the_checkpoints() -> None:
    losses = pd.DataFrame({"update": [1000, 2000, 2500, 4000]})
    block_files.check_log(losses, 3, [2000, 4000], PATH)
    with pytest.raises(TablesError, match="no losses of seed 3 at its checkpoint 3000"):
        block_files.check_log(losses, 3, [2000, 3000, 4000], PATH)
    with pytest.raises(TablesError, match="has update 2000 of seed 3 more than once"):
        block_files.check_log(pd.concat([losses, losses[1:2]]), 3, [2000], PATH)
