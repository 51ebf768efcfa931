"""Blocks of episodes that are kept while an evaluation runs."""

import pytest
from recheck.errors import EvaluationError

from algos.evaluate import Block, BlockStore
from algos.evaluate.blocks import cut


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


def test_a_policys_episodes_are_cut_into_tens():
    blocks = list(cut("checkpoint", 20, 4, range(1_000_000, 1_000_023)))
    assert [(block.first, len(block.episode_seeds)) for block in blocks] == [(0, 10), (10, 10), (20, 3)]
    assert blocks[2].episode_seeds == (1_000_020, 1_000_021, 1_000_022)
    assert [block.name for block in blocks] == [
        "checkpoint-20-seed4-episodes0-9",
        "checkpoint-20-seed4-episodes10-19",
        "checkpoint-20-seed4-episodes20-22",
    ]
    assert list(cut("checkpoint", 20, 4, [])) == []


BLOCK = Block("checkpoint", 10, 3, 20, (7, 8))


def test_a_row_has_the_seed_of_its_episode_and_a_finite_return():
    assert BLOCK.row(21, 1.5, 3) == {
        "seed": 3,
        "update": 10,
        "purpose": "checkpoint",
        "episode": 21,
        "episode_seed": 8,
        "raw_return": 1.5,
        "length": 3,
    }
    for value in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(EvaluationError, match="episode 21 of seed 3 after 10 updates has the return"):
            BLOCK.row(21, value, 3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows[:1],
        lambda rows: rows[::-1],
        lambda rows: [rows[0], {**rows[1], "length": "3"}],
        lambda rows: [rows[0], {**rows[1], "raw_return": 1}],
        lambda rows: [rows[0], {**rows[1], "episode_seed": 9}],
        lambda rows: [rows[0], {**rows[1], "more": 1}],
        lambda rows: [rows[0], "row"],
        lambda rows: {"rows": rows},
    ],
)
def test_rows_that_are_not_the_blocks_are_not_taken(spoil):
    rows = [BLOCK.row(20, 1.5, 3), BLOCK.row(21, 2.5, 4)]
    assert BLOCK.holds(rows)
    assert not BLOCK.holds(spoil(rows))


def test_a_damaged_identity_starts_again(tmp_path, capsys):
    store = BlockStore(tmp_path / "state", {"threads": 1})
    store.open()
    store.save(BLOCK, [BLOCK.row(20, 1.5, 3), BLOCK.row(21, 2.5, 4)])
    path = tmp_path / "state" / "identity.json"
    path.write_text(path.read_text().replace("1", "2"))
    again = BlockStore(tmp_path / "state", {"threads": 1})
    again.open()
    assert again.load(BLOCK) is None
    assert "are not used: " in capsys.readouterr().err
    assert len(list(tmp_path.glob("state.other-*"))) == 1


def test_a_block_without_its_checksum_was_cut_off_and_is_played_again(tmp_path, capsys):
    store = BlockStore(tmp_path / "state", {})
    store.open()
    store.save(BLOCK, [BLOCK.row(20, 1.5, 3), BLOCK.row(21, 2.5, 4)])
    (tmp_path / "state" / f"{BLOCK.name}.json.sha256").unlink()
    assert store.load(BLOCK) is None
    assert capsys.readouterr().err == ""
    store.remove()
    store.remove()  # what is gone is no fault
    assert not (tmp_path / "state").exists()
