"""The looks of a sequential experiment, as the tables write them and the workflow reads them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError
from recheck.experiments import sequential as workflow_side

from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.looks import SequentialRuns, looks_of, sentences
from paper_tables.verdicts.sequential import SequentialPlan
from paper_tables.verdicts.table import judge_table

SD = "standard_deviation_over_seeds"
TEXT = json.dumps(
    {**workflow_side.DEFAULT_DESIGN, "digests": ["aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"]}
)


def cells() -> pd.DataFrame:
    rows = [
        ("aaaaaaaa", [69.8, 70.0, 70.3]),
        ("bbbbbbbb", [67.5, 70.0, 72.5]),
        ("cccccccc", [70.0, 70.1, 69.9, 70.2]),
        ("eeeeeeee", [69.8, 70.0, 70.3, 70.1]),
    ]
    return pd.DataFrame(rows, columns=["our_digest", "our_scores_percent"]).assign(
        table="t",
        column=[f"m{place}" for place in range(len(rows))],
        task="hopper-medium-v2",
        reported_mean=70.0,
        reported_spread=1.0,
        spread_kind=SD,
        reported_seeds=10,
        reported_episodes_per_seed=None,
        margin_percent=5.0,
    )


def test_the_default_design_is_the_same_on_both_sides():
    plan = SequentialRuns.read(TEXT).plan
    assert plan == SequentialPlan()


def test_runs_of_the_design_are_judged_by_it_and_others_as_ever():
    found = judge_table(cells(), sequential=SequentialRuns.read(TEXT))
    assert list(found["verdict"]) == [
        decision_rule.REPRODUCED,
        decision_rule.INCONCLUSIVE,
        decision_rule.NOT_JUDGED,
        decision_rule.REPRODUCED,
    ]
    assert list(found["look"]) == ["claim", "continue", "", ""]
    assert found["next_seeds"][1] == 5
    # Peeking is refused in words.
    reason = "4 seeds are not a planned look: this sequential experiment looks at 3, 5, 10 seeds"
    assert reason in found["reason"][2]
    assert "one-sided levels 0.004 at 3" in found["reason"][0]
    plain = judge_table(cells())
    assert found["interval_high"][0] > plain["interval_high"][0]
    assert found["interval_high"][3] == plain["interval_high"][3]


def test_the_file_says_what_comes_next():
    runs = SequentialRuns.read(TEXT)
    looks = looks_of(judge_table(cells(), sequential=runs), runs)
    states = {
        digest: (run["state"], run["seeds"], run["next_seeds"]) for digest, run in looks["runs"].items()
    }
    assert states == {
        "aaaaaaaa": ("claim", 3, None),
        "bbbbbbbb": ("continue", 3, 5),
        "cccccccc": ("not_judged", 4, None),
        "dddddddd": ("no number", None, None),
    }
    assert looks["looks"] == workflow_side.DEFAULT_DESIGN["looks"]
    json.dumps(looks, allow_nan=False)
    assert sentences(looks)[1] == "1 of 4 runs continue (1 to 5 seeds): call the same command again."


def test_a_run_goes_on_while_one_of_its_numbers_is_open():
    both = cells().iloc[[0, 1]].assign(our_digest="aaaaaaaa", number=["one", "two"])
    runs = SequentialRuns.read(TEXT)
    looks = looks_of(judge_table(both, sequential=runs), runs)
    run = looks["runs"]["aaaaaaaa"]
    assert (run["state"], run["next_seeds"]) == ("continue", 5)
    assert [entry["state"] for entry in run["numbers"]] == ["claim", "continue"]


def test_numbers_without_a_name_are_told_apart():
    """Runs of released code next to a paper's numbers: the empty names are NaN in the common table."""
    both = cells().iloc[[0, 1]].assign(our_digest="aaaaaaaa", number=[np.nan, "one"])
    more = cells().iloc[[1]].assign(our_digest="aaaaaaaa", number=np.nan)
    runs = SequentialRuns.read(TEXT)
    looks = looks_of(judge_table(pd.concat([both, more], ignore_index=True), sequential=runs), runs)
    names = [entry["number"] for entry in looks["runs"]["aaaaaaaa"]["numbers"]]
    assert names == ["t | m0 | hopper-medium-v2", "one", "t | m1 | hopper-medium-v2"]


def test_what_is_never_judged_is_not_called_hopeless():
    row = cells().iloc[:1].assign(not_judged_reason="our dataset is unverified")
    found = judge_table(row, sequential=SequentialRuns.read(TEXT))
    assert list(found["verdict"]) == [decision_rule.NOT_JUDGED]
    assert found["reason"][0].startswith("Stopped at 3 seeds: no number of seeds changes this verdict")


def test_no_runs_yet_are_no_evidence():
    none = cells().iloc[:1].assign(our_scores_percent=[np.array([])])
    found = judge_table(none, sequential=SequentialRuns.read(TEXT))
    assert list(found["verdict"]) == [decision_rule.NO_EVIDENCE]


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"looks": [{"seeds": 3}], "futile_below": 0, "digests": []}']
)
def test_what_is_no_design_is_refused(text: str):
    with pytest.raises(TablesError, match="sequential design"):
        SequentialRuns.read(text)
