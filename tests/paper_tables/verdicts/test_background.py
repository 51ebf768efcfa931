"""What all documents together say about one number."""

from __future__ import annotations

import pandas as pd
import pytest

from paper_tables.verdicts.background import Background, of_the_literature

OWN = {
    "document": "iql",
    "table": "Table 1",
    "method": "IQL",
    "method_key": "iql",
    "origin": "own",
    "copied_from": None,
    "task": "hopper-medium-v2",
    "aggregate": "cell",
    "score_percent": 66.3,
    "spread_percent": 3.0,
    "spread_kind": "standard_error_over_seeds",
    "num_seeds": "4",
    "episodes_per_seed": "10",
    "decimals": 1,
    "selection": "last",
    "confidence": "seen",
}
COPY = OWN | {"document": "idql", "table": "Table 2", "origin": "copied", "spread_percent": None}
AGAIN = OWN | {"document": "corl", "score_percent": 60.0, "spread_percent": 5.0, "num_seeds": "4"}


def test_a_copy_is_asked_as_its_origin():
    found = Background.of(pd.DataFrame([OWN, COPY])).question(COPY)
    assert found["reported_spread"] == 3.0
    assert (found["number"], found["family"]) == (
        "iql | Table 1 | IQL | hopper-medium-v2 | last",
        "iql | IQL | last",
    )
    assert found["judged_at"] == "iql, Table 1"


def test_an_origin_is_asked_as_it_is():
    found = Background.of(pd.DataFrame([OWN, COPY])).question(OWN)
    assert (found["judged_at"], found["reported_mean"], found["reported_seeds"]) == ("", 66.3, "4")
    assert (found["reported_selection"], found["confidence"]) == ("last", "seen")


def test_the_largest_known_spread_is_over_all_documents():
    background = Background.of(pd.DataFrame([OWN, AGAIN]))
    # A standard error of 5 points over four seeds is a standard deviation of 10.
    assert background.question(OWN)["largest_known_sd_percent"] == pytest.approx(10.0)
    other = OWN | {"task": "walker2d-medium-v2"}
    assert background.question(other)["largest_known_sd_percent"] is None


def test_two_differences_are_no_band():
    assert Background.of(pd.DataFrame([OWN, AGAIN])).bands == {}


def test_the_literature_has_the_three_locomotion_bands():
    bands = of_the_literature().bands
    assert {"halfcheetah", "hopper", "walker2d"} <= set(bands)
    assert bands["hopper"].half_width_percent > max(
        bands[other].half_width_percent for other in ("halfcheetah", "walker2d")
    )
    assert of_the_literature() is of_the_literature()
