"""How much is evaluated, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from recheck.errors import EvaluationError
from recheck.experiments.runs import REEVALUATED_OFFSET
from recheck.former_names import current


@dataclass(frozen=True)
class Evaluation:
    """How much is evaluated.

    Attributes:
        episodes: per training seed and checkpoint.
        episodes_last: at the last checkpoint.
        episodes_reevaluated: new ones of the checkpoint with the best mean; 0 for none.
        first_episode_seed: episode e of training seed s starts with first + stride * s + e.
        seed_stride: between the training seeds.
    """

    episodes: int = 10
    episodes_last: int = 20
    episodes_reevaluated: int = 10
    first_episode_seed: int = 1_000_000
    seed_stride: int = 1000

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Evaluation:
        """Build from a configuration's mapping.

        Raises:
            EvaluationError: an unknown key, no whole number, no episodes, or ranges of seeds that overlap.
        """
        known, values = [field.name for field in fields(cls)], current(values)
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise EvaluationError(f"unknown evaluation setting {unknown[0]!r}; known are {', '.join(known)}")
        for key, value in values.items():
            if not isinstance(value, int) or isinstance(value, bool):
                raise EvaluationError(f"evaluation setting {key} is {value!r}; it has to be a whole number")
        evaluation = cls(**values)
        if evaluation.episodes < 1 or evaluation.episodes_last < 1 or evaluation.episodes_reevaluated < 0:
            raise EvaluationError(
                "episodes and episodes_last have to be at least 1, episodes_reevaluated at least 0"
            )
        if max(evaluation.episodes, evaluation.episodes_last) > REEVALUATED_OFFSET or (
            evaluation.episodes_reevaluated > evaluation.seed_stride - REEVALUATED_OFFSET
        ):
            raise EvaluationError(
                f"at most {REEVALUATED_OFFSET} episodes of a checkpoint and "
                f"{evaluation.seed_stride - REEVALUATED_OFFSET} new ones of the best fit into a seed_stride "
                f"of {evaluation.seed_stride} without using an episode seed twice"
            )
        return evaluation

    def episode_seeds(self, seed: int, count: int, reevaluated: bool = False) -> list[int]:
        """The seeds that `count` episodes of one training seed are reset with."""
        first = self.first_episode_seed + self.seed_stride * seed + (REEVALUATED_OFFSET if reevaluated else 0)
        return list(range(first, first + count))
