"""Every reported number has a verdict or a reason; the three kinds of evidence are kept apart."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from paper_tables.evidence import field, frame, tables
from paper_tables.evidence.judgement import BASES, NO_BASIS
from paper_tables.evidence.numbers import stable_ids
from paper_tables.verdicts import decision_rule


@pytest.fixture(scope="module")
def table(found):
    return frame.evidence_frame(found)


@pytest.fixture(scope="module")
def by_id(found):
    return {entry.number["id"]: entry for entry in found}


def test_every_number_has_a_row_with_a_verdict_and_a_reason_or_an_interval(inputs, table):
    assert len(table) == len(inputs.numbers)
    assert table["id"].is_unique
    assert set(table["verdict"]) <= set(decision_rule.VERDICTS)
    assert set(table["basis"]) <= set(BASES)
    without = table[table["basis"] == NO_BASIS]
    assert set(without["verdict"]) == {decision_rule.NO_EVIDENCE, decision_rule.NOT_JUDGED}
    assert (without["reason"].str.len() > 10).all()
    claims = table[table["verdict"].isin(decision_rule.CLAIMS)]
    assert claims["interval_low"].notna().all()
    flags = {flag for text in table["flags"] for flag in text.split("; ") if flag}
    assert flags <= set(decision_rule.FLAGS)


def test_an_open_number_says_what_would_decide_it(table):
    cells = table[(table["aggregate"] == "cell") & ~table["verdict"].isin(decision_rule.CLAIMS)]
    assert (cells["would_decide"].str.len() > 0).all()


def test_a_name_does_not_depend_on_what_may_be_corrected(inputs):
    names = stable_ids(inputs.numbers)
    changed = inputs.numbers.assign(score_percent=1.0, selection="last", num_seeds="7", source="elsewhere")
    assert stable_ids(changed) == names
    assert "iql/table-1/iql/hopper-medium-replay-v2" in names


def test_a_claim_of_the_basis_is_in_the_interval(table):
    claims = table[table["verdict"].isin(decision_rule.CLAIMS)]
    for row in claims.to_dict("records"):
        judged = decision_rule.verdict_of_interval(
            row["interval_low"], row["interval_high"], row["margin_percent"]
        )
        assert judged == row["verdict"], row["id"]


def test_runs_tuned_per_task_never_give_a_plain_verdict(found):
    for entry in found:
        kinds = {group.kind for group in entry.direct.groups if group.settings == "tuned_per_task"}
        method = entry.origin["method_key"]
        # The authors of ReBRAC choose per task: that is their method.
        if method != "rebrac":
            assert kinds <= {decision_rule.OTHER_SETTINGS}, entry.number["id"]
        if entry.basis == decision_rule.OTHER_SETTINGS:
            assert decision_rule.OTHER_SETTINGS in entry.verdict.flags


def test_a_best_checkpoint_is_judged_by_best_checkpoints_or_says_so(found):
    for entry in found:
        if entry.origin["selection"] != "best_online":
            continue
        for group in entry.direct.groups:
            if group.selection != "best_online":
                assert group.kind in (decision_rule.OTHER_SELECTION, decision_rule.OTHER_SETTINGS)
        if entry.basis in (decision_rule.OTHER_SELECTION, decision_rule.OTHER_SETTINGS):
            assert decision_rule.OTHER_SELECTION in entry.verdict.flags


def test_own_code_is_apart_and_the_very_runs_are_no_evidence(by_id):
    own = by_id["corl/last-scores/iql/antmaze-umaze-v2"]
    assert {group.kind for group in own.direct.groups if group.implementation == "corl-team/CORL"} == {
        "same_code",
        decision_rule.OTHER_SETTINGS,
    }
    printed = by_id["rebrac/table-2/td3-plus-bc/hopper-medium-v2"]
    assert printed.direct.same_runs == ("rebrac",)
    assert not [group for group in printed.direct.groups if "rebrac" in group.sources]


def test_known_runs_of_cql_and_iql(by_id):
    """Means of the public runs, known from their sources."""
    cql = by_id["cql/table-1/cql-h/halfcheetah-medium-expert-v0"]
    means = {
        group.implementation: sum(group.scores_percent) / len(group.scores_percent)
        for group in cql.direct.groups
    }
    assert means["aviralkumar2907/CQL"] == pytest.approx(11.3, abs=0.05)
    assert means["takuseno/d3rlpy"] == pytest.approx(9.0, abs=0.05)
    assert cql.verdict.verdict == decision_rule.DIFFERENT_LOWER
    assert decision_rule.CONDITIONAL in cql.verdict.flags
    iql = by_id["iql/table-1/iql/hopper-medium-expert-v2"]
    d3rlpy = next(group for group in iql.direct.groups if group.implementation == "takuseno/d3rlpy")
    assert sum(d3rlpy.scores_percent) / len(d3rlpy.scores_percent) == pytest.approx(47.6, abs=0.05)


def test_a_copy_is_judged_once_at_its_origin(found, by_id):
    copied = by_id["idql/table-1/iql-a/hopper-medium-replay-v2"]
    assert copied.is_copy
    assert copied.origin["id"] == "iql/table-1/iql/hopper-medium-replay-v2"
    assert copied.verdict.verdict == by_id[copied.origin["id"]].verdict.verdict
    # Copies of one value whose original is in no listed document are one number.
    places = [
        entry
        for entry in found
        if entry.number["origin"] == "copied"
        and (entry.number["method_key"], entry.number["task"]) == ("cql", "hopper-medium-replay-v2")
        and entry.number["score_percent"] == 95.0
    ]
    assert len(places) > 2
    assert len({entry.origin["id"] for entry in places}) == 1


def test_other_reports_are_one_a_document_and_never_copies(found):
    ids = {entry.number["id"]: entry.number for entry in found}
    for entry in found:
        documents = [report.document for report in entry.again.reports]
        assert len(documents) == len(set(documents))
        assert entry.origin["document"] not in documents
        assert all(ids[report.id]["origin"] != "copied" for report in entry.again.reports)
        if entry.again.pooled is None:
            assert entry.again.inside is None
        else:
            assert entry.again.pooled.implementations >= 3


def test_pooled_reports_are_those_of_statsmodels(by_id):
    from scipy import special
    from statsmodels.stats.meta_analysis import combine_effects

    entry = by_id["diffusion-ql/table-1/diffusion-ql/hopper-medium-v2"]
    assert entry.again.pooled is not None
    scores = [report.score_percent for report in entry.again.reports if report.left_out == ""]
    assert len(scores) == 3
    errors = [_error(entry, report) for report in entry.again.reports if report.left_out == ""]
    again = combine_effects(np.array(scores), np.array(errors) ** 2, method_re="iterated")
    assert entry.again.pooled.mean_percent == pytest.approx(again.mean_effect_re)
    assert entry.again.pooled.between_sd_percent == pytest.approx(math.sqrt(max(0, again.tau2)))
    half = special.stdtrit(2, 0.975) * math.hypot(
        entry.again.pooled.between_sd_percent, entry.again.pooled.error_percent
    )
    assert entry.again.pooled.prediction_high == pytest.approx(entry.again.pooled.mean_percent + half)


def _error(entry, report):
    known = [item.error_percent for item in entry.again.reports if item.error_percent and not item.left_out]
    return report.error_percent or max(known)


def test_arithmetic_is_shown_next_to_the_verdict(table):
    corl = table[(table["document"] == "corl") & (table["suite"] == "antmaze")]
    assert len(corl) == 120
    assert (corl["arithmetic"] == "fits").sum() == 120
    impossible = table[table["arithmetic"] == "impossible"]
    assert impossible["reason"].str.contains("impossible").all()


def test_counts_add_up(table):
    rows = tables.distinct(table)
    counts = tables.counts_of(rows)
    assert counts["judged"] == counts["reproduced"] + counts["different"] + counts["open"]
    assert counts["numbers"] == counts["judged"] + counts["without"]
    screen = tables.first_screen(table)
    assert len(screen.rows) <= 8
    lines = [[int(cell.text.replace(",", "")) for cell in row[1:]] for row in screen.rows]
    assert sum(line[0] for line in lines) == len(rows)
    assert [sum(line[1:5]) for line in lines] == [line[0] for line in lines[:6]] + [0, 0]
    assert sum(line[0] for line in lines[:6]) == counts["judged"]


def test_the_first_page_names_the_methods_that_differ(table):
    rows = tables.distinct(table)
    different = rows[(rows["basis"] == "independent") & rows["verdict"].isin(tables.DIFFERENT)]
    count = different["method_key"].value_counts()
    page = " ".join((Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8").split())
    assert (
        f"Of the {len(different)} numbers that differ from independent runs {count['cql']} are of CQL, "
        f"{count['iql']} of IQL, {count['dt']} of Decision Transformer and {count['td3_bc']} of TD3+BC. "
        f"Of all {rows['verdict'].isin(tables.DIFFERENT).sum()} the runs are lower in "
        f"{(rows['verdict'] == 'different (lower)').sum()}."
    ) in page
    assert count.sum() == count[["cql", "iql", "dt", "td3_bc"]].sum()


def test_the_first_screen_counts_what_rests_on_an_assumed_spread(table):
    """By the flags of the rows: independent runs apart from their own, reports of others all conditional."""
    rows = tables.distinct(table)
    conditional = rows["flags"].str.contains("conditional")
    screen = tables.first_screen(table)
    assert screen.header[-1] == "Conditional"
    shown = {row[0].text: (row[1].text, row[-1].text) for row in screen.rows}
    assert sum(int(count) for _, count in shown.values()) == conditional.sum()
    assert shown["Independent runs, spread printed"][1] == "0"
    assumed = shown["Independent runs, spread assumed (conditional)"]
    assert assumed[0] == assumed[1]
    assert (
        int(shown["Three or more other documents' reports"][1])
        == (conditional & (rows["basis"] == "re_reported")).sum()
    )


def test_the_document_counts_what_could_not_be_looked_up(table):
    """34 of 101: none of them is judged, and the page names how many of each document."""
    unseen = table[table["confidence"] == "from_memory"]
    assert set(unseen["verdict"]) == {"not_judged"}
    page = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text(encoding="utf-8")
    assert f"{101 - len(unseen)} were found as noted" in page
    assert f"{len(unseen)} were not found" in page
    for document, count in unseen["document"].value_counts().items():
        assert f"`{document}` {count} (" in page


def test_the_document_describes_every_column_and_no_other(table):
    page = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text(encoding="utf-8")
    section = page.split("## Columns of `evidence.csv`")[1].split("\n## ")[0]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    classes, pooled = "independent same_code other_selection other_settings", "independent same_code reports"
    described = set()
    for columns, meaning in rows:
        for name in re.findall(r"`([^`]+)`", columns):
            if name.endswith("_*") and name[:-2] in classes.split():
                described |= {f"{name[:-1]}{part}" for part in re.findall(r"`(\w+)`", meaning)}
            elif name.startswith("*_"):
                described |= {f"{kind}{name[1:]}" for kind in pooled.split()}
            else:
                described.add(name)
    assert described == set(table.columns)


def test_every_number_has_a_reason_and_claims_name_their_interval(table):
    assert (table["reason"] != "").all()
    reproduced = table[(table["verdict"] == "reproduced") & (table["basis"] == "independent")]
    for row in reproduced.to_dict("records"):
        ends = f"[{row['interval_low']:.1f}, {row['interval_high']:.1f}], is within the margin of"
        assert ends in row["reason"]


def test_a_paper_table_has_every_number_of_the_paper(table, inputs):
    titles = {name: document.title for name, document in inputs.documents.items()}
    made = tables.paper_tables(table, titles)
    cells = sum(1 for one in made.values() for row in one.rows if row for cell in row[1:] if cell.verdict)
    assert cells == len(table)


def test_spread_between_implementations_by_hand():
    runs = pd.DataFrame(
        {
            "datasets": "d4rl",
            "selection": "last",
            "settings": "usual",
            "method": "m",
            "task": "t-v0",
            "implementation": ["a"] * 3 + ["b"] * 3,
            "score_percent": [9.0, 10.0, 11.0, 29.0, 30.0, 31.0],
        }
    )
    row = field.implementation_spread(runs).iloc[0]
    # Means 10 and 30: variance 200; squared errors 1/3 each.
    assert row["between_sd"] == pytest.approx(math.sqrt(200 - 1 / 3))
    assert row["seed_sd"] == pytest.approx(1.0)
    assert row["gap"] == pytest.approx(20.0)
