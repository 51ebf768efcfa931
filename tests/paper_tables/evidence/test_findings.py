"""The most surprising findings: the largest of each kind, with the figures of the tables they come from."""

from __future__ import annotations

import pandas as pd
import pytest

from paper_tables.evidence import field, findings
from paper_tables.evidence.frame import evidence_frame


@pytest.fixture(scope="module")
def table(found) -> pd.DataFrame:
    return evidence_frame(found)


@pytest.fixture(scope="module")
def chosen(table, inputs) -> list[findings.LargeFinding]:
    return findings.largest_findings(table, field.implementation_spread(inputs.runs), field.drift(table))


def test_ten_findings_of_every_kind_each_place_once(chosen):
    kinds = [one.kind for one in chosen]
    assert {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)} == findings.QUOTAS
    assert len(chosen) == findings.FINDINGS == len({one.place for one in chosen})


def test_known_findings_have_their_known_figures(chosen):
    """CQL's 95 on hopper-medium-replay: 26 runs of d3rlpy have 2.4. IQL's 107.4: 39 runs have 47.6."""
    figures = {one.place: one.figures for one in chosen}
    assert figures["cql hopper-medium-replay-v2"].startswith(
        "95.11 ± 5.27 in print, 2.4 over 26 seeds; -92.7"
    )
    assert "47.6 over 39 seeds" in figures["iql hopper-medium-expert-v2"]
    assert "71.0 points apart" in figures["plas_p hopper-medium-expert-v0"]


def test_the_largest_contradiction_comes_first_and_none_larger_is_left_out(chosen, table):
    rows = field.contradicted(table)
    largest = rows[(rows["basis"] == "independent")]["difference_percent"].abs().max()
    assert f"{largest:.1f}" in chosen[0].figures.replace("-", "")
    gaps = [
        float(one.figures.split(" points apart")[0].split("; ")[-1])
        for one in chosen
        if "apart" in one.figures
    ]
    assert gaps == sorted(gaps, reverse=True)


def test_without_evidence_there_are_no_findings():
    names = "judged_at basis verdict flags reports_place difference_percent arithmetic document table"
    empty = pd.DataFrame(columns=names.split(), dtype=object)
    none = field.drift(
        pd.DataFrame(columns=["aggregate", "origin", "selection", "confidence", "method_key"], dtype=object)
    )
    spread = pd.DataFrame(columns=["method", "task", "gap", "means", "seed_sd"])
    assert findings.largest_findings(empty, spread, none) == []
