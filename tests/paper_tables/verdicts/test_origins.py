"""A copied number is judged where it was printed first."""

from __future__ import annotations

import pandas as pd

from paper_tables import literature
from paper_tables.verdicts.background import Background, of_the_literature
from paper_tables.verdicts.origins import Origins, family, identity

OWN = {
    "document": "iql",
    "table": "Table 1",
    "method": "IQL",
    "method_key": "iql",
    "origin": "own",
    "copied_from": None,
    "task": "hopper-medium-v2",
    "score_percent": 66.3,
    "decimals": 1,
    "selection": "last",
}
COPY = OWN | {"document": "idql", "method": "IQL-A", "origin": "copied"}


def test_a_copy_leads_to_its_origin():
    origins = Origins(pd.DataFrame([COPY, OWN]))
    assert identity(origins.of(COPY)) == identity(OWN)
    assert family(origins.of(COPY)) == "iql | IQL | last"
    assert identity(origins.of(OWN)) == identity(OWN)


def test_a_rounded_copy_is_a_copy_and_another_value_is_not():
    origins = Origins(pd.DataFrame([OWN]))
    rounded = COPY | {"score_percent": 66.0, "decimals": 0}
    assert identity(origins.of(rounded)) == identity(OWN)
    for other in ({"score_percent": 67.3}, {"score_percent": 66.4}, {"task": "hopper-medium-v0"}):
        changed = COPY | other
        assert identity(origins.of(changed)) == identity(changed)


def test_the_named_source_wins_and_reruns_are_no_origin():
    rerun = OWN | {"document": "corl", "origin": "rerun"}
    origins = Origins(pd.DataFrame([OWN, rerun]))
    assert origins.of(COPY)["document"] == "iql"
    assert origins.of(COPY | {"copied_from": "corl"})["document"] == "corl"
    assert identity(Origins(pd.DataFrame([rerun])).of(COPY)) == identity(COPY)


def test_idqls_copies_of_iql_are_iqls_numbers():
    numbers = literature.read_all()
    background: Background = of_the_literature()
    column = numbers[(numbers["document"] == "idql") & (numbers["method"] == "IQL-A")]
    cells = column[column["aggregate"] == "cell"].to_dict("records")
    questions = [background.question(cell) for cell in cells]
    at_origin = [question for question in questions if question["judged_at"]]
    assert len(at_origin) >= 9
    assert {question["judged_at"] for question in at_origin} == {"iql, Table 1"}
    assert {question["family"] for question in at_origin} == {"iql | IQL | last"} or len(
        {question["family"] for question in at_origin}
    ) == 1
