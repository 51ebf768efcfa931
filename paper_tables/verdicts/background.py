"""What all documents together say about one number: its origin, known spreads, and the spread of re-runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from paper_tables import literature
from paper_tables.verdicts.implementations import Band, bands_of_reruns, largest_known_sd
from paper_tables.verdicts.origins import Origins, family, identity


@dataclass(frozen=True)
class Background:
    """Ready to look numbers up in.

    Attributes:
        origins: where each number was printed first.
        bands: domain -> spread between independent re-runs.
        largest_known_sds: (method_key, task) -> largest printed standard deviation over seeds, in points.
    """

    origins: Origins
    bands: Mapping[str, Band]
    largest_known_sds: Mapping[tuple[str, str], float]

    @classmethod
    def of(cls, numbers: pd.DataFrame) -> Background:
        """From reported numbers in the columns of ``schemas/reported.schema.json``."""
        return cls(Origins(numbers), bands_of_reruns(numbers), largest_known_sd(numbers))

    def question(self, number: Mapping[str, Any]) -> dict[str, Any]:
        """What is judged where a document prints `number`: columns for `table.judge_table`.

        A copy is judged as its origin, with the origin's spread, seeds and selection rule.

        Args:
            number: a row of the reported numbers.
        """
        origin = self.origins.of(number)
        copied = identity(origin) != identity(number)
        return {
            "reported_mean": origin["score_percent"],
            "reported_spread": origin["spread_percent"],
            "spread_kind": origin["spread_kind"],
            "reported_seeds": origin["num_seeds"],
            "reported_episodes_per_seed": origin["episodes_per_seed"],
            "reported_selection": origin["selection"],
            "confidence": origin["confidence"],
            "number": identity(origin),
            "family": family(origin),
            "judged_at": f"{origin['document']}, {origin['table']}" if copied else "",
            "largest_known_sd_percent": self.largest_known_sds.get(
                (str(origin["method_key"]), str(origin["task"]))
            ),
        }


@lru_cache(maxsize=1)
def of_the_literature() -> Background:
    """The background of the package's own reported numbers, read once."""
    return Background.of(literature.read_all())
