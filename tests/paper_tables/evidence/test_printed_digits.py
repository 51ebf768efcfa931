"""What the digits of a printed number prove, alone."""

from __future__ import annotations

import pandas as pd

from paper_tables import frames
from paper_tables.evidence.numbers import with_ids
from paper_tables.evidence.printed_digits import arithmetic_of
from tests.paper_tables.evidence.small import reported

SUITES = pd.DataFrame({"episode_step_percent": [100.0, None]}, index=["antmaze", "gym-locomotion"])
DESIGN = {"suite": "antmaze", "task": "antmaze-umaze-v2", "num_seeds": "4", "episodes_per_seed": 10}


def arithmetic(table, *findings):
    rows = [
        dict.fromkeys(frames.columns("findings"), "")
        | {"source": "a, Table 1", "method": "M", "task": "antmaze-umaze-v2", "severity": "doubt"}
        | finding
        for finding in findings
    ]
    found = arithmetic_of(
        with_ids(table), table, pd.DataFrame(rows, columns=frames.columns("findings")), SUITES
    )
    return list(found.values())


def test_a_mean_of_whole_successes_fits_and_says_what_chance_would_do():
    """40 episodes: multiples of 2.5; one printed decimal, 1,001 means, 41 of them possible."""
    (found,) = arithmetic(reported(DESIGN | {"score_percent": 52.5}))
    assert found.result == "fits"
    assert found.sentences == (
        "The mean is a whole number of successes over 4 seeds x 10 episodes (GRIM; a wrong number would pass "
        "in 4% of cases).",
    )


def test_what_cannot_fail_or_has_failed_is_not_said_to_fit():
    # 4 x 150 episodes: six means of ten can be printed.
    assert arithmetic(reported(DESIGN | {"score_percent": 52.5, "episodes_per_seed": 150}))[0].result == (
        "not_tested"
    )
    assert arithmetic(reported(DESIGN | {"score_percent": 52.6}))[0].result == "not_tested"
    assert arithmetic(reported({"score_percent": 52.5}))[0].result == "not_tested"
    assert arithmetic(reported(DESIGN | {"score_percent": 52.5, "confidence": "from_memory"}))[0].result == (
        "not_tested"
    )


def test_the_gravest_finding_is_the_result_and_remarks_are_none():
    (found,) = arithmetic(
        reported(DESIGN | {"score_percent": 52.6}),
        {"severity": "doubt", "explanation": "Strange."},
        {"severity": "impossible", "explanation": "It cannot be."},
        {"severity": "remark", "explanation": "By the way."},
    )
    assert found.result == "impossible"
    assert found.sentences == ("doubt: Strange.", "impossible: It cannot be.")
    (kept,) = arithmetic(reported(DESIGN | {"score_percent": 52.5}), {"explanation": "Strange."})
    assert kept.result == "doubt"
    assert len(kept.sentences) == 2


def test_a_finding_about_a_column_is_one_about_all_its_numbers():
    table = reported(
        DESIGN, DESIGN | {"task": "antmaze-medium-play-v2"}, DESIGN | {"method": "Other", "method_key": "o"}
    )
    for task in ("2 rows", "2 of 3 rows", "2 numbers"):
        found = arithmetic(table, {"task": task, "explanation": "All."})
        assert [one.result for one in found] == ["doubt", "doubt", "fits"]
    found = arithmetic(table, {"task": "3 numbers", "method": "M, Other", "explanation": "All."})
    assert [one.result for one in found] == ["doubt", "doubt", "doubt"]
    # A single row, named by its task.
    found = arithmetic(table, {"task": "antmaze-medium-play-v2", "explanation": "One."})
    assert [one.result for one in found] == ["fits", "doubt", "fits"]


def test_a_source_can_name_several_places_each_with_its_method():
    table = reported(DESIGN, DESIGN | {"document": "b", "method": "M (rerun)"})
    found = arithmetic(
        table, {"source": "a, Table 1 (M); b, Table 1 (M (rerun))", "method": "x", "explanation": "Both."}
    )
    assert [one.result for one in found] == ["doubt", "doubt"]
