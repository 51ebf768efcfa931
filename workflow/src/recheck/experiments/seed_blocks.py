"""Seed blocks: which seeds are trained together in one job.

Block size is a matter of the machine, never of the result. Finished blocks on disk serve the seeds that
they hold; only missing seeds are cut into blocks. So three seeds can become ten without training anything
twice.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from recheck import paths

_NAME = re.compile(r"seeds(0|[1-9][0-9]*)-(0|[1-9][0-9]*)")


@dataclass(frozen=True, order=True)
class Block:
    """Seeds `first` to `last`, both included, trained in one job."""

    first: int
    last: int

    @property
    def seeds(self) -> range:
        """The seeds that it holds."""
        return range(self.first, self.last + 1)


def finished(group_folder: Path) -> list[Block]:
    """The finished blocks in a run group's folder, in order of their first seed.

    A folder that lacks a file of a finished run is not a block: its seeds are missing.
    """
    if not group_folder.is_dir():
        return []
    found = []
    for folder in group_folder.iterdir():
        match = _NAME.fullmatch(folder.name)
        if match and int(match[1]) <= int(match[2]) and paths.is_finished(folder):
            found.append(Block(int(match[1]), int(match[2])))
    return sorted(found)


def seeds_of(name: str) -> tuple[int, int]:
    """First seed, and the one after the last, of a block's folder; (0, 0) where it is none."""
    match = _NAME.fullmatch(name)
    return (int(match[1]), int(match[2]) + 1) if match else (0, 0)


def assign(seeds: Iterable[int], on_disk: Iterable[Block], seeds_per_block: int) -> dict[Block, list[int]]:
    """Give each seed its block: a finished one where there is one, else a new one.

    Missing seeds are cut, in order, into blocks of consecutive seeds, at most ``seeds_per_block`` each.
    Returns block -> the wanted seeds it serves, blocks in order. A finished block may hold more than is
    wanted.
    """
    wanted = sorted(set(seeds))
    served: dict[Block, list[int]] = {}
    missing = []
    # Where finished blocks overlap, the one that serves most wanted seeds comes first, so that few are read.
    order = sorted(on_disk, key=lambda block: (-_overlap(block, wanted), block))
    for seed in wanted:
        block = next((block for block in order if seed in block.seeds), None)
        if block is None:
            missing.append(seed)
        else:
            served.setdefault(block, []).append(seed)
    for block in cut(missing, seeds_per_block):
        served[block] = list(block.seeds)
    return dict(sorted(served.items()))


def _overlap(block: Block, seeds: Collection[int]) -> int:
    return sum(seed in block.seeds for seed in seeds)


def cut(seeds: Iterable[int], seeds_per_block: int) -> list[Block]:
    """Cut seeds into blocks of consecutive ones, at most ``seeds_per_block`` each."""
    result: list[Block] = []
    for seed in sorted(set(seeds)):
        previous = result[-1] if result else None
        if previous and seed == previous.last + 1 and len(previous.seeds) < seeds_per_block:
            result[-1] = Block(previous.first, seed)
        else:
            result.append(Block(seed, seed))
    return result
