"""Blocks of episodes: the parts that an evaluation keeps when it is interrupted."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recheck import checksums, files
from recheck.errors import EvaluationError
from recheck.jobs.evaluation_blocks import BLOCK_EPISODES

from algos.training.stored import save_json

CHECKPOINT, REEVALUATED = "checkpoint", "best_reevaluated"  # what an episode is played for
IDENTITY = "identity.json"
Row = dict[str, Any]


@dataclass(frozen=True)
class Block:
    """Some episodes of one policy.

    Attributes:
        purpose: `CHECKPOINT` or `REEVALUATED`.
        update: of the checkpoint.
        seed: training seed.
        first: number of the first episode.
        episode_seeds: the environment is reset with them; one per episode.
    """

    purpose: str
    update: int
    seed: int
    first: int
    episode_seeds: tuple[int, ...]

    @property
    def name(self) -> str:
        """Of its file, without suffix."""
        last = self.first + len(self.episode_seeds) - 1
        return f"{self.purpose}-{self.update}-seed{self.seed}-episodes{self.first}-{last}"

    def row(self, episode: int, raw_return: float, length: int) -> Row:
        """One episode's row of the table.

        Raises:
            EvaluationError: the return is not finite.
        """
        if not abs(raw_return) < float("inf"):
            raise EvaluationError(
                f"episode {episode} of seed {self.seed} after {self.update} updates has the return "
                f"{raw_return:g}; the policy or the environment gave a number that is not finite"
            )
        return {
            "seed": self.seed,
            "update": self.update,
            "purpose": self.purpose,
            "episode": episode,
            "episode_seed": self.episode_seeds[episode - self.first],
            "raw_return": raw_return,
            "length": length,
        }

    def holds(self, rows: object) -> bool:
        """Whether rows that were read back are this block's."""
        if not isinstance(rows, list) or len(rows) != len(self.episode_seeds):
            return False
        return all(
            isinstance(row, dict)
            and isinstance(row.get("raw_return"), float)
            and isinstance(row.get("length"), int)
            and row == self.row(self.first + i, row["raw_return"], row["length"])
            for i, row in enumerate(rows)
        )


def cut(purpose: str, update: int, seed: int, episode_seeds: Sequence[int]) -> Iterator[Block]:
    """The blocks of one policy's episodes, the first one number 0."""
    for first in range(0, len(episode_seeds), BLOCK_EPISODES):
        yield Block(purpose, update, seed, first, tuple(episode_seeds[first : first + BLOCK_EPISODES]))


class BlockStore:
    """A folder of finished blocks, each a JSON file with its checksum; no output of a rule.

    Args:
        folder: it need not exist.
        identity: what has to agree before blocks are used: all that their numbers depend on.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        self.identity: dict[str, Any] = json.loads(files.json_text(dict(identity)))

    def open(self) -> None:
        """Make the folder, or keep the blocks of the one that is there; those of another identity move away.

        Raises:
            EvaluationError: the folder cannot be written.
        """
        path = self.folder / IDENTITY
        if path.is_file():
            try:
                checksums.check(path, "", EvaluationError)
                found = files.read_json(path, EvaluationError)
            except EvaluationError as error:
                found = {}
                print(f"The blocks in {self.folder} are not used: {error}", file=sys.stderr)
            differing = [key for key, value in self.identity.items() if found.get(key) != value]
            if not differing and set(found) == set(self.identity):
                return
            self._move_away(differing[0] if differing else "the format", found)
        save_json(path, self.identity, EvaluationError)

    def _move_away(self, key: str, found: Mapping[str, Any]) -> None:
        other = self.folder.with_name(f"{self.folder.name}.other-{time.time_ns() // 1_000_000}")
        os.replace(self.folder, other)
        print(
            f"The blocks in {self.folder} belong to another evaluation ({key} is {found.get(key)!r}, here "
            f"{self.identity.get(key)!r}); the folder was renamed to {other.name}, and evaluation starts "
            f"from the beginning.",
            file=sys.stderr,
        )

    def save(self, block: Block, rows: Sequence[Row]) -> None:
        """Keep a finished block.

        Raises:
            EvaluationError: it cannot be written.
        """
        save_json(self._path(block), list(rows), EvaluationError)

    def load(self, block: Block) -> list[Row] | None:
        """A kept block's rows; None where it is not there or, which is said, not what was written."""
        path = self._path(block)
        # A file without its checksum was cut off between the two.
        if not path.is_file() or not checksums.sidecar(path).is_file():
            return None
        try:
            checksums.check(path, "It is played again.", EvaluationError)
            rows: list[Row] = files.read_json(path, EvaluationError)
        except EvaluationError as error:
            print(error, file=sys.stderr)
            return None
        if not block.holds(rows):
            print(f"{path} does not hold the episodes of its name. It is played again.", file=sys.stderr)
            return None
        return rows

    def remove(self) -> None:
        """Remove the folder: the table holds everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, block: Block) -> Path:
        return self.folder / f"{block.name}.json"
