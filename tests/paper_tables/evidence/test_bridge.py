"""The join of numbers and runs against a count that was known before, and the bridge from it to today's."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from paper_tables import literature
from paper_tables.evidence import bridge
from paper_tables.evidence.numbers import with_ids
from paper_tables.public_runs.reader import read_runs
from paper_tables.verdicts import decision_rule

MARGIN = 5.0
CODE_OF_CORL = {"corl_finetune": ("awac", "cql", "iql", "rebrac"), "rebrac": ("iql", "rebrac", "td3_bc")}


@pytest.fixture(scope="module")
def earlier() -> pd.DataFrame:
    return bridge.read_earlier_pairs()


@pytest.fixture(scope="module")
def numbers():
    return {number["id"]: number for number in with_ids(literature.read_all())}


@pytest.fixture(scope="module")
def last() -> dict[tuple[str, str, str], np.ndarray]:
    """The last evaluations by source, method and task; all variants of a source are one."""
    runs = read_runs()
    runs = runs[runs["selection"] == "last"]
    return {
        (str(source), str(method), str(task)): part["score_percent"].to_numpy(dtype=float)
        for (source, method, task), part in runs.groupby(["source", "method", "task"])
    }


def test_the_join_gives_the_known_counts(earlier, numbers, last):
    """225 pairs on 174 numbers; 146 of CORL's table, 113 of them its code; the other 79 have no spread."""
    joined = {
        (name, source)
        for name in earlier["number"].unique()
        for source, method, task in last
        if (method, task) == (numbers[name]["method_key"], numbers[name]["task"])
    }
    assert joined == set(zip(earlier["number"], earlier["source"]))
    assert (len(joined), len({name for name, _ in joined})) == (225, 174)
    corl = [pair for pair in joined if numbers[pair[0]]["document"] == "corl"]
    own = [pair for pair in corl if numbers[pair[0]]["method_key"] in CODE_OF_CORL.get(pair[1], ())]
    assert (len(corl), len(own)) == (146, 113)
    others = joined - set(corl)
    assert len(others) == 79
    assert {numbers[name]["spread_kind"] for name, _ in others} == {"none"}
    # All of CORL's last scores that have runs are in it.
    assert {pair[0] for pair in corl} == {
        number["id"]
        for number in numbers.values()
        if number["document"] == "corl"
        and number["table"] == "Last Scores"
        and any((number["method_key"], number["task"]) == key[1:] for key in last)
    }


def _earlier_rule(ours: np.ndarray, number: dict, seeds: tuple[int, ...]) -> str:
    """The rule of commit dd9f68d: Welch's 90% interval, the widest over what is not known."""
    difference, sd = ours.mean() - number["score_percent"], ours.std(ddof=1)
    half = 0.0
    for n in seeds:
        if number["spread_kind"] == "none":
            candidates = [factor * sd for factor in (1.0, 2.0)]
        else:
            assert number["spread_kind"] == "population_standard_deviation_over_seeds"
            candidates = [number["spread_percent"] * math.sqrt(n / (n - 1))]
        for theirs in candidates:
            parts = sd**2 / len(ours), theirs**2 / n
            if sum(parts) == 0:
                continue
            df = sum(parts) ** 2 / (parts[0] ** 2 / (len(ours) - 1) + parts[1] ** 2 / (n - 1))
            if number["spread_kind"] == "none":
                df = min(df, len(ours) - 1)
            half = max(half, stats.t.ppf(0.95, df) * math.sqrt(sum(parts)))
    return decision_rule.verdict_of_interval(difference - half, difference + half, MARGIN)


def test_the_earlier_rule_gives_the_verdicts_of_the_pairs(earlier, numbers, last):
    """74, 30 and 121; the record of that count has 72, 34 and 119, which nothing that was tried gives."""
    judged = []
    for row in earlier.to_dict("records"):
        number = numbers[row["number"]]
        # CQL's number of seeds was not noted then.
        stated = None if number["document"] == "cql" else number["num_seeds"]
        seeds = (3, 5, 10) if stated is None else (int(stated),)
        ours = last[row["source"], number["method_key"], number["task"]]
        judged.append(_earlier_rule(ours, number, seeds))
    assert judged == list(earlier["verdict"])
    assert judged.count(decision_rule.REPRODUCED) == 74
    assert judged.count(decision_rule.DIFFERENT_LOWER) + judged.count(decision_rule.DIFFERENT_HIGHER) == 30
    assert judged.count(decision_rule.INCONCLUSIVE) == 121


def test_every_earlier_pair_is_a_pair_today(found, earlier):
    pairs = bridge.pairs_of(found)
    followed = bridge.followed(pairs, earlier)
    assert len(followed) == len(earlier)
    assert [pair.entry.number["id"] for pair in followed] == list(earlier["number"])
    assert len(pairs) > len(followed)


def test_the_bridge_starts_at_the_known_count_and_each_step_only_shrinks(found, earlier):
    known = bridge.read_bridge()
    made = bridge.bridge_table(found, known, earlier)
    blocks: list[list[int]] = [[]]
    for row in made.rows:
        if row is None:
            blocks.append([])
        else:
            blocks[-1].append(int(row[1].text.replace(",", "")))
            if len(blocks) > 1:
                values = [int(cell.text.replace(",", "")) for cell in row[1:]]
                assert values[0] == sum(values[2:])
    assert blocks[0] == [225, 225]
    assert blocks[1][0] == 225
    for block in blocks[1:]:
        assert block == sorted(block, reverse=True)
        assert block[-1] > 0
