"""What the evidence says about the field."""

from __future__ import annotations

import pandas as pd
import pytest

from paper_tables.evidence import field, frame
from paper_tables.verdicts import decision_rule


@pytest.fixture(scope="module")
def table(found) -> pd.DataFrame:
    return frame.evidence_frame(found)


def test_implementations_that_are_known_to_disagree(found):
    """IQL on hopper-medium-expert-v2: 47.6 by d3rlpy's 39 runs, 85.5 by CORL's code, tuned (10 runs)."""
    by_id = {entry.number["id"]: entry for entry in found}
    assert field.agreement(by_id["iql/table-1/iql/hopper-medium-expert-v2"]) == field.DISAGREE
    assert field.agreement(by_id["iql/table-1/iql/halfcheetah-medium-v2"]) == field.AGREE
    assert field.agreement(by_id["diffusion-ql/table-1/diffusion-ql/hopper-medium-v2"]) == (
        field.FEWER_THAN_TWO
    )
    rows = [row for row in field.disagreements_table(found).rows if row]
    place = next(i for i, row in enumerate(rows) if row[0].text.endswith("/iql/hopper-medium-expert-v2"))
    assert [(row[4].text, row[5].text) for row in rows[place : place + 2]] == [("39", "47.6"), ("10", "85.5")]


def test_the_table_of_disagreements_has_each_method_and_task_once_with_two_or_more(found):
    made = field.disagreements_table(found)
    blocks: list[int] = [0]
    for row in made.rows:
        if row is None:
            blocks.append(0)
        else:
            blocks[-1] += 1
            assert (blocks[-1] == 1) == bool(row[0].text)
    assert min(blocks) >= 2
    named = [row[0].text for row in made.rows if row and row[0].text]
    cells = {tuple(name.split("/")[2:]) for name in named}
    assert len(cells) == len(named) == len(blocks)


def test_contradicted_numbers_that_another_report_agrees_with_are_apart(table):
    made = field.contradicted_table(table)
    line = made.rows.index(None)
    scores = table.set_index("id")
    for place, row in enumerate(made.rows):
        if row is None:
            continue
        number = scores.loc[row[0].text]
        reports = [name for name in number["reports"].split("; ") if name]
        nearest = min(
            (abs(scores.loc[name, "score_percent"] - number["score_percent"]) for name in reports),
            default=float("inf"),
        )
        assert (nearest <= number["margin_percent"]) == (place > line)
    assert len(made.rows) - 1 == len(field.contradicted(table))
    # CQL on hopper-medium-replay: d3rlpy has 2.4, CORL's report 95.11 next to 95.0 in IQL's paper.
    below = [row[0].text for row in made.rows[line + 1 :]]
    assert "iql/table-1/cql/hopper-medium-replay-v2" in below


def test_a_number_within_the_spread_of_reruns_is_not_contradicted(table):
    chosen = field.contradicted(table)
    flags = chosen["flags"].str.split("; ")
    by_runs = chosen["reports_place"] != "outside"
    assert not flags[by_runs].map(lambda names: decision_rule.WITHIN_IMPLEMENTATION_SPREAD in names).any()
