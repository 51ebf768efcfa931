"""Blocks of episodes that are kept while an evaluation runs."""

import pytest

from algos.evaluate import Block, BlockStore


@pytest.mark.parametrize(
    ("key", "value"), [("policies_sha256", "0" * 64), ("threads", 2), ("versions", {"torch": "2.0"})]
)
def test_blocks_of_another_evaluation_are_moved_away(tmp_path, capsys, key, value):
    identity = {"policies_sha256": "1" * 64, "threads": 1, "versions": {"torch": "2.13"}}
    block = Block("checkpoint", 10, 0, 0, (1_000_000,))
    rows = [block.row(0, 1.5, 3)]
    store = BlockStore(tmp_path / "state", identity)
    store.open()
    store.save(block, rows)
    assert store.load(block) == rows
    other = BlockStore(tmp_path / "state", {**identity, key: value})
    other.open()
    assert other.load(block) is None
    assert f"belong to another evaluation ({key} is" in capsys.readouterr().err
    assert len(list(tmp_path.glob("state.other-*/*.json"))) == 2


def test_a_block_that_is_not_of_its_name_is_played_again(tmp_path, capsys):
    store = BlockStore(tmp_path / "state", {})
    block = Block("checkpoint", 10, 0, 0, (1_000_000,))
    other = Block("checkpoint", 20, 0, 0, (1_000_000,))
    store.save(block, [other.row(0, 1.5, 3)])
    assert store.load(block) is None
    assert "does not hold the episodes of its name" in capsys.readouterr().err
