"""Seed blocks: what is on disk serves, and only what is missing is cut."""

from pathlib import Path

import pytest
from recheck import paths
from recheck.experiments.seed_blocks import Block, assign, cut, finished


def make_block(group: Path, first: int, last: int, leave_out: str | None = None) -> None:
    folder = group / f"seeds{first}-{last}"
    folder.mkdir(parents=True)
    for name in paths.RUN_FILES:
        if name != leave_out:
            (folder / name).write_text("x")


@pytest.mark.parametrize(
    ("seeds", "size", "expected"),
    [
        ([0, 1, 2], 1, [(0, 0), (1, 1), (2, 2)]),
        (range(10), 10, [(0, 9)]),
        (range(5), 2, [(0, 1), (2, 3), (4, 4)]),
        ([7, 3, 4, 0, 3], 10, [(0, 0), (3, 4), (7, 7)]),
        ([], 3, []),
    ],
)
def test_seeds_are_cut_into_consecutive_blocks(seeds, size, expected):
    assert cut(seeds, size) == [Block(*pair) for pair in expected]


def test_three_seeds_in_blocks_of_one_then_five_in_blocks_of_ten_train_two(tmp_path):
    first = assign(range(3), finished(tmp_path), seeds_per_block=1)
    assert list(first) == [Block(0, 0), Block(1, 1), Block(2, 2)]
    for block in first:
        make_block(tmp_path, block.first, block.last)

    second = assign(range(5), finished(tmp_path), seeds_per_block=10)
    new = [block for block in second if block not in first]
    assert new == [Block(3, 4)]
    assert {block: list(seeds) for block, seeds in second.items()} == {
        Block(0, 0): [0],
        Block(1, 1): [1],
        Block(2, 2): [2],
        Block(3, 4): [3, 4],
    }


def test_a_larger_finished_block_serves_the_seeds_that_are_wanted(tmp_path):
    make_block(tmp_path, 0, 9)
    assert assign([2, 3], finished(tmp_path), seeds_per_block=1) == {Block(0, 9): [2, 3]}


def test_of_overlapping_blocks_the_one_serving_most_is_read(tmp_path):
    make_block(tmp_path, 0, 0)
    make_block(tmp_path, 0, 4)
    assert assign(range(5), finished(tmp_path), seeds_per_block=1) == {Block(0, 4): [0, 1, 2, 3, 4]}


@pytest.mark.parametrize("missing", paths.RUN_FILES)
def test_a_block_that_lacks_a_file_is_trained(tmp_path, missing):
    make_block(tmp_path, 0, 1, leave_out=missing)
    assert finished(tmp_path) == []


def test_other_folders_are_no_blocks(tmp_path):
    for name in ("seeds", "seeds1", "seeds3-1", "seeds01-2", "seeds0-1.part", "notes"):
        folder = tmp_path / name
        folder.mkdir()
        for file in paths.RUN_FILES:
            (folder / file).write_text("x")
    assert finished(tmp_path) == []
    assert finished(tmp_path / "absent") == []


def test_every_wanted_seed_is_served_exactly_once():
    on_disk = [Block(0, 3), Block(2, 5), Block(8, 8)]
    for size in (1, 2, 3, 10):
        served = assign(range(12), on_disk, size)
        assert sorted(seed for seeds in served.values() for seed in seeds) == list(range(12))
        assert all(seed in block.seeds for block, seeds in served.items() for seed in seeds)


def test_a_stopped_study_keeps_its_cut():
    # Some blocks of an interrupted study are finished: the rest has to be cut as before, or its state is
    # lost.
    for size in (1, 3, 4):
        before = cut(range(10), size)
        for done in before:
            after = assign(range(10), [done], size)
            assert list(after) == before
