"""The audit: it finds what is known to be wrong and what is planted, and is quiet on clean tables."""

import string
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables import frames, literature
from paper_tables.audit import __main__ as audit_command
from paper_tables.audit import known_errors, rules

RANGES = {"gym-locomotion": (-5.0, 130.0), "antmaze": (0.0, 100.0), "kitchen": (0.0, 100.0)}


@pytest.fixture(scope="module")
def suites() -> pd.DataFrame:
    return literature.read_suites()


@pytest.fixture(scope="module")
def real_findings() -> pd.DataFrame:
    return rules.audit(literature.read_all())


def clean_tables(
    rng: np.random.Generator, num_rows_of: tuple[int, int] = (5, 10), most_decimals: int = 2
) -> pd.DataFrame:
    """Two papers without an error: totals from printed rows, exact copies, stated rules and spreads.

    Paper `a` prints its own two methods under two rules, with totals and averages, and sub-tasks with their
    mean. Paper `b` prints its own, copies of `a`'s (rounded to its own decimals) and a rerun.
    """
    rows: list[dict[str, object]] = []
    suite = str(rng.choice(list(RANGES)))
    low, high = RANGES[suite]
    decimals = int(rng.integers(0, most_decimals + 1))
    num_rows = int(rng.integers(*num_rows_of))
    tasks = [f"{suite}-{letter}-v2" for letter in string.ascii_lowercase[:num_rows]]

    def add(
        document: str, table: str, method: str, task: str, score: float, places: int, **other: object
    ) -> None:
        row = {
            "document": document,
            "document_kind": "paper",
            "paper": document,
            "arxiv": None,
            "table": table,
            "method": method,
            "method_key": method.lower(),
            "origin": "own",
            "copied_from": None,
            "reported_by": document,
            "suite": suite,
            "task": task,
            "aggregate": "cell",
            "group": None,
            "num_rows": None,
            "score_percent": round(score, places),
            "decimals": places,
            "spread_percent": round(float(rng.uniform(0.1, 9)), 1),
            "spread_kind": "standard_deviation_over_seeds",
            "num_seeds": "5",
            "seeds_stated": "5",
            "episodes_per_seed": 10,
            "selection": "last",
            "selection_stated": "final",
            "selection_inferred": False,
            "source": f"{document} {table}",
            "confidence": "seen",
            "note": None,
        }
        rows.append(row | other)

    step = {"antmaze": 100.0, "kitchen": 25.0}.get(suite)

    def seeds() -> np.ndarray:
        """Five seeds' means over ten episodes: whole numbers of steps where an episode has them."""
        around = rng.uniform(low + 5, high - 20)
        drawn = around + rng.normal(0, 4, 5)
        return drawn if step is None else np.clip(np.round(drawn * 10 / step), 0, 1000 / step) * step / 10

    def spread(means: np.ndarray, places: int) -> float:
        return round(float(means.std(ddof=1)), places)

    scores = {method: [seeds() for _ in tasks] for method in ("Alpha", "Beta", "Gamma")}
    for method in ("Alpha", "Beta"):
        printed = [round(float(means.mean()), decimals) for means in scores[method]]
        for task, means, score in zip(tasks, scores[method], printed, strict=True):
            add("a", "Table 1", method, task, score, decimals, spread_percent=spread(means, decimals))
            best = np.minimum(means + (step or 5.0) / 10 * rng.integers(0, 3, 5), high)
            extra = {"selection": "best_online", "spread_percent": spread(best, decimals)}
            add("a", "Table 5", method, task, float(best.mean()), decimals, **extra)
        total = sum(printed)
        extra = {"aggregate": "total", "num_rows": num_rows, "spread_percent": None, "spread_kind": "none"}
        add("a", "Table 1", method, f"TOTAL({num_rows})", total, decimals, **extra)
        add(
            "a",
            "Table 1",
            method,
            "AVERAGE",
            total / num_rows,
            decimals,
            **(extra | {"aggregate": "average"}),
        )
        parts = [seeds() for _ in range(5)]
        subtasks = [round(float(means.mean()), decimals) for means in parts]
        for number, (means, score) in enumerate(zip(parts, subtasks, strict=True)):
            extra = {"group": "maze", "spread_percent": spread(means, decimals)}
            add("a", "Table 2", method, f"maze-task{number}-v0", score, decimals, **extra)
        extra = {"aggregate": "group_mean", "num_rows": 5, "group": "maze"}
        add("a", "Table 2", method, "maze MEAN(5)", sum(subtasks) / 5, decimals, **extra)
    coarser = int(rng.integers(0, decimals + 1))
    for task, alpha, gamma in zip(tasks, scores["Alpha"], scores["Gamma"], strict=True):
        copied = {"origin": "copied", "copied_from": "a", "spread_percent": None, "spread_kind": "none"}
        add("b", "Table 1", "Alpha", task, round(float(alpha.mean()), decimals), coarser, **copied)
        beta = seeds()
        extra = {"origin": "rerun", "spread_percent": spread(beta, coarser)}
        add("b", "Table 1", "Beta", task, float(beta.mean()), coarser, **extra)
        add(
            "b", "Table 1", "Gamma", task, float(gamma.mean()), coarser, spread_percent=spread(gamma, coarser)
        )
    return pd.DataFrame(rows)


def test_clean_tables_fulfil_the_schema():
    rng = np.random.default_rng(11)
    for _ in range(5):
        frames.check(clean_tables(rng), "reported", "clean table")


def _alarms(table: pd.DataFrame, suites: pd.DataFrame) -> pd.DataFrame:
    """The findings without the remark that the digits prove the kind of spread that is stated, and true."""
    findings = rules.audit(table, suites)
    proven = findings["rule"] == "kind_of_spread_proven"
    assert (findings.loc[proven, ["severity", "value"]] == ["remark", "standard deviation"]).all(axis=None)
    return findings[~proven]


@pytest.mark.slow(50)
def test_no_false_alarm_on_a_thousand_clean_tables(suites):
    rng = np.random.default_rng(7)
    for number in range(1000):
        findings = _alarms(clean_tables(rng), suites)
        assert findings.empty, f"table {number}: {findings.iloc[0].to_dict()}"


def test_no_false_alarm_whatever_the_number_of_rows_and_decimals(suites):
    rng = np.random.default_rng(8)
    for number in range(300):
        findings = _alarms(clean_tables(rng, (1, 24), 3), suites)
        assert findings.empty, f"table {number}: {findings.iloc[0].to_dict()}"


def test_whole_numbers_that_repeat_by_chance_are_no_repeated_column(suites):
    """Success rates of a hard suite: two columns of zeros and a few equal tens say nothing."""
    table = clean_tables(np.random.default_rng(2)).astype("object")
    rows = table.loc[_where(table, document="b", method="Gamma")].copy()
    printed = [0, 0, 10, 20, 10] + [0] * (len(rows) - 5)
    rows["score_percent"], rows["decimals"], rows["document"] = printed, 0, "c"
    other = rows.assign(method="Delta", method_key="delta")
    both = frames.check(pd.concat([rows, other], ignore_index=True), "reported", "zeros")
    assert "columns_that_repeat" not in set(rules.audit(both, suites)["rule"])


# --- Planted errors ---


def _where(rows: pd.DataFrame, /, **wanted: object) -> pd.Index:
    mask = pd.Series(True, index=rows.index)
    for column, value in wanted.items():
        mask &= rows[column] == value
    return rows.index[mask]


def _append(table: pd.DataFrame, rows: list[dict[str, object]]) -> None:
    for row in rows:
        table.loc[len(table)] = pd.Series(row, dtype="object")


def plant_impossible_total(table: pd.DataFrame) -> None:
    table.loc[_where(table, method="Alpha", aggregate="total"), "score_percent"] += 40


def plant_impossible_average(table: pd.DataFrame) -> None:
    table.loc[_where(table, method="Alpha", aggregate="average"), "score_percent"] += 4


def plant_unrounded_total(table: pd.DataFrame) -> None:
    last_digit = 10.0 ** -float(table["decimals"].max())
    table.loc[_where(table, method="Alpha", aggregate="total"), "score_percent"] += 2 * last_digit


def plant_group_mean(table: pd.DataFrame) -> None:
    sub_task = table.loc[_where(table, method="Alpha", task="maze-task3-v0")[0], "score_percent"]
    row = table.loc[_where(table, method="Alpha", aggregate="group_mean")].iloc[0].copy()
    row["score_percent"], row["document"], row["origin"], row["spread_kind"] = sub_task, "c", "copied", "none"
    row["spread_percent"] = None
    _append(table, [row.to_dict()])


def plant_printed_twice(table: pd.DataFrame) -> None:
    row = table.loc[_where(table, document="b", method="Gamma")[0]].copy()
    row["score_percent"] += 3
    _append(table, [row.to_dict()])


def plant_repeated_column(table: pd.DataFrame) -> None:
    of = {"document": "b", "table": "Table 1"}
    alpha = table.loc[_where(table, method="Alpha", **of), "score_percent"].to_numpy()
    table.loc[_where(table, method="Gamma", **of), "score_percent"] = alpha


def plant_repeated_column_of_three_rows(table: pd.DataFrame) -> None:
    rows = table.loc[_where(table, document="b", method="Gamma")].iloc[:3].copy()
    rows["score_percent"], rows["decimals"], rows["document"] = [12.5, 33.1, 70.0], 1, "c"
    rows["task"] = [f"kitchen-{name}-v0" for name in ("complete", "partial", "mixed")]
    _append(table, rows.to_dict("records"))
    _append(table, rows.assign(method="Delta", method_key="delta").to_dict("records"))


def plant_total_without_a_rule(table: pd.DataFrame) -> None:
    rows = _where(table, document="b", method="Gamma")
    total = table.loc[rows[0]].copy()
    total["task"], total["aggregate"], total["num_rows"] = "TOTAL", "total", len(rows)
    total["selection"], total["selection_stated"] = "unknown", None
    total["score_percent"] = float(table.loc[rows, "score_percent"].astype(float).sum()) + 50
    _append(table, [total.to_dict()])


def plant_one_task_in_another_version(table: pd.DataFrame) -> None:
    row = _where(table, document="b", method="Gamma")[0]
    other = table.index[(table["document"] == "b") & (table["task"] == table.loc[row, "task"])]
    table.loc[other, "task"] = table.loc[row, "task"].replace("-v2", "-v0")


def plant_best_below(table: pd.DataFrame) -> None:
    index = _where(table, document="a", table="Table 5", method="Beta")[2]
    task = table.loc[index, "task"]
    usual = table.loc[
        _where(table, document="a", table="Table 1", method="Beta", task=task)[0], "score_percent"
    ]
    table.loc[index, "score_percent"] = usual - 5


def plant_other_version(table: pd.DataFrame) -> None:
    rows = _where(table, document="b", method="Alpha")
    table.loc[rows, "task"] = table.loc[rows, "task"].str.replace("-v2", "-v1")


def plant_two_versions_in_a_table(table: pd.DataFrame) -> None:
    row = table.loc[_where(table, document="b", method="Gamma")[0]].copy()
    row["task"] = row["task"].replace("-v2", "-v1")
    row["score_percent"] += 3
    _append(table, [row.to_dict()])


def plant_other_version_elsewhere(table: pd.DataFrame) -> None:
    rows = table.loc[_where(table, document="b", method="Gamma")].copy()
    rows["document"], rows["task"] = "c", rows["task"].str.replace("-v2", "-v0")
    rows["method"], rows["method_key"] = "Delta", "delta"
    _append(table, rows.to_dict("records"))


def plant_two_rules_in_a_table(table: pd.DataFrame) -> None:
    table.loc[_where(table, document="b", method="Gamma"), "selection"] = "best_online"


def plant_unstated_rule(table: pd.DataFrame) -> None:
    rows = _where(table, document="a", table="Table 5", method="Alpha")
    table.loc[rows, "selection_inferred"] = True


def plant_variant_for_the_method(table: pd.DataFrame) -> None:
    variant = table.loc[_where(table, document="a", table="Table 1", method="Alpha", aggregate="cell")].copy()
    variant["method"], variant["method_key"] = "Alpha-1", "alpha_1"
    variant["score_percent"] += np.linspace(11, 12, len(variant)).round(0)
    rows = _where(table, document="b", method="Alpha")
    table.loc[rows, "score_percent"] = variant["score_percent"].to_numpy()
    table.loc[rows, "decimals"] = variant["decimals"].to_numpy()
    _append(table, variant.to_dict("records"))


def plant_unknown_spread(table: pd.DataFrame) -> None:
    table.loc[_where(table, document="b", method="Gamma"), "spread_kind"] = "unknown"


def plant_other_spread(table: pd.DataFrame) -> None:
    rows = table["spread_percent"].notna() & (table["document"] == "b")
    table.loc[rows, "spread_kind"] = "standard_error_of_pooled_episodes"


def plant_no_spread(table: pd.DataFrame) -> None:
    rows = _where(table, document="b", method="Gamma")
    table.loc[rows, "spread_percent"], table.loc[rows, "spread_kind"] = None, "none"


def plant_two_numbers_of_seeds(table: pd.DataFrame) -> None:
    rows = _where(table, document="b", method="Gamma")
    table.loc[rows, "num_seeds"], table.loc[rows, "seeds_stated"] = "5|6", "5/6"


def plant_above_the_maximum(table: pd.DataFrame) -> None:
    rows = _where(table, document="b", method="Gamma")
    table.loc[rows, "suite"] = "antmaze"
    table.loc[rows[0], "score_percent"] = 100.5


def plant_unusual_score(table: pd.DataFrame) -> None:
    rows = _where(table, document="b", method="Gamma")
    table.loc[rows, "suite"] = "gym-locomotion"
    table.loc[rows[0], "score_percent"] = 161


def plant_from_memory(table: pd.DataFrame) -> None:
    table.loc[_where(table, document="b", method="Gamma")[:2], "confidence"] = "from_memory"


def _column_of_successes(table: pd.DataFrame, **values: object) -> None:
    """A column of six antmaze rows of a third paper, 5 seeds x 10 episodes, with the given values."""
    row = table.loc[_where(table, document="b", method="Gamma")[0]].to_dict()
    row |= {"document": "c", "arxiv": "2301.00001", "suite": "antmaze", "decimals": 1, "spread_percent": 0.0}
    rows = pd.DataFrame([row | {"task": f"antmaze-{name}-v2", "score_percent": 50.0} for name in "abcdef"])
    for column, value in values.items():
        rows[column] = value
    _append(table, rows.to_dict("records"))


def plant_impossible_mean(table: pd.DataFrame) -> None:
    _column_of_successes(table, score_percent=[50.0, 52.0, 33.3, 60.0, 48.0, 54.0])


def plant_spread_above_its_bound(table: pd.DataFrame) -> None:
    _column_of_successes(table, spread_percent=[0.0, 0.0, 56.0, 0.0, 0.0, 0.0])


def plant_spread_of_no_whole_numbers(table: pd.DataFrame) -> None:
    """25 successes of five seeds: the spread is 0 or at least 7.1."""
    _column_of_successes(table, spread_percent=[0.0, 7.1, 0.5, 0.0, 0.0, 0.0])


def plant_another_kind_of_spread(table: pd.DataFrame) -> None:
    counts = np.array([[1, 4, 5, 7, 8], [2, 2, 5, 6, 9], [3, 3, 4, 7, 7], [0, 5, 5, 6, 9], [1, 1, 2, 8, 8]])
    counts = np.vstack([counts, [2, 3, 6, 6, 9]]) * 10.0
    _column_of_successes(
        table, score_percent=counts.mean(axis=1).round(1), spread_percent=counts.std(axis=1).round(1)
    )


def plant_copied_column_called_a_rerun(table: pd.DataFrame) -> None:
    printed = [12.5, 33.1, 70.0, 81.2, 64.4, 9.7]
    values = {"suite": "adroit", "score_percent": printed, "spread_percent": 1.0}
    _column_of_successes(table, **values)
    _column_of_successes(table, **values, document="d", arxiv="2401.00001", origin="rerun")


def plant_unknown_task(table: pd.DataFrame) -> None:
    row = table.loc[_where(table, document="b", method="Gamma")[0]].to_dict()
    _append(table, [row | {"document": "c", "task": "walker2d-medum-v2"}])


def plant_revised(table: pd.DataFrame) -> None:
    rows = table.loc[_where(table, document="b", method="Gamma")].copy()
    rows["table"] = "Table 1, earlier version"
    rows["score_percent"] += 1
    _append(table, rows.to_dict("records"))


PLANTED: list[tuple[Callable[[pd.DataFrame], None], str, str]] = [
    (plant_impossible_total, "totals", "impossible"),
    (plant_impossible_average, "totals", "impossible"),
    (plant_unrounded_total, "totals", "not_the_sum_of_the_printed_rows"),
    (plant_group_mean, "sub_task_for_the_group", "contradiction"),
    (plant_printed_twice, "printed_twice", "contradiction"),
    (plant_repeated_column, "columns_that_repeat", "contradiction"),
    (plant_repeated_column_of_three_rows, "columns_that_repeat", "contradiction"),
    (plant_total_without_a_rule, "totals", "impossible"),
    (plant_one_task_in_another_version, "versions_mixed", "doubt"),
    (plant_best_below, "best_below_its_average", "impossible"),
    (plant_other_version, "copied_from_another_version", "contradiction"),
    (plant_two_versions_in_a_table, "versions_mixed", "contradiction"),
    (plant_other_version_elsewhere, "versions_differ", "remark"),
    (plant_two_rules_in_a_table, "selections_mixed", "contradiction"),
    (plant_unstated_rule, "selections_mixed", "contradiction"),
    (plant_variant_for_the_method, "copied_from_another_column", "contradiction"),
    (plant_unknown_spread, "spread_unknown", "doubt"),
    (plant_other_spread, "spreads_differ", "remark"),
    (plant_no_spread, "spread_absent", "remark"),
    (plant_two_numbers_of_seeds, "seeds_unclear", "doubt"),
    (plant_above_the_maximum, "out_of_range", "impossible"),
    (plant_unusual_score, "out_of_range", "doubt"),
    (plant_from_memory, "unverified", "doubt"),
    (plant_unknown_task, "unknown_names", "doubt"),
    (plant_revised, "revised", "remark"),
    (plant_impossible_mean, "impossible_mean", "impossible"),
    (plant_spread_above_its_bound, "impossible_spread", "impossible"),
    (plant_spread_of_no_whole_numbers, "impossible_spread", "impossible"),
    (plant_another_kind_of_spread, "kind_of_spread_proven", "contradiction"),
    (plant_copied_column_called_a_rerun, "column_equals_another", "contradiction"),
]


@pytest.mark.parametrize(
    ("plant", "rule", "severity"), PLANTED, ids=lambda value: getattr(value, "__name__", value)
)
def test_every_planted_kind_of_error_is_found(plant, rule, severity, suites):
    rng = np.random.default_rng(5)
    for _ in range(5):
        table = clean_tables(rng).astype("object")
        plant(table)
        findings = rules.audit(frames.check(table, "reported", "planted"), suites)
        assert ((findings["rule"] == rule) & (findings["severity"] == severity)).any(), findings.to_dict(
            "records"
        )


def test_every_rule_has_a_planted_error():
    """The causes of a wrong copy have theirs in test_copies.py."""
    planted = {rule for _, rule, _ in PLANTED} - {"copied_from_another_version", "copied_from_another_column"}
    functions = (*rules.RULES, *rules.COPY_RULES, *rules.SUITE_RULES)
    by_function = {rule.__name__ for rule in functions} - {"spreads"}
    assert planted == by_function | {"spread_unknown", "spreads_differ", "spread_absent"}


def test_the_two_severities_of_a_total():
    """Nine rows with one decimal: up to 9 x 0.05 + 0.05 can be rounding (here 0.2), 0.6 cannot."""
    iql = literature.read_document("iql")
    total = (iql["method"] == "IQL") & (iql["task"] == "TOTAL(9)")
    assert list(iql.loc[total, "score_percent"]) == [692.4]
    for printed, severity in (
        (692.6, None),
        (692.4, "not_the_sum_of_the_printed_rows"),
        (693.2, "impossible"),
    ):
        iql.loc[total, "score_percent"] = printed
        findings = known_errors.shows(rules.audit(iql), {"rule": "totals", "method": "IQL"})
        assert list(findings["severity"]) == ([severity] if severity else [])


# --- The real data ---


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        pytest.param(entry["number"], wanted, id=f"{entry['number']}-{wanted['rule']}-{position}")
        for entry in known_errors.read_known_errors()
        for position, wanted in enumerate(entry.get("findings", []))
    ],
)
def test_known_errors_that_the_data_can_show_are_found(number, wanted, real_findings):
    assert len(known_errors.shows(real_findings, wanted)) >= 1


def test_every_finding_names_both_sources_both_values_and_the_rule(real_findings):
    frames.check(real_findings, "findings", "audit")
    for column in ("rule", "source", "value", "other_source", "other_value", "explanation"):
        assert (real_findings[column].str.len() > 0).all()


def test_unverified_numbers_are_all_shown(real_findings):
    shown = real_findings[real_findings["rule"] == "unverified"]
    assert shown["explanation"].str.extract(r"^(\d+)")[0].astype(int).sum() == 34


def test_the_findings_do_not_depend_on_the_order_of_the_rows(real_findings):
    shuffled = literature.read_all().sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(rules.audit(shuffled), real_findings)


def test_optional_columns_may_be_missing_and_required_ones_are_named(suites):
    table = clean_tables(np.random.default_rng(1))
    assert _alarms(table.drop(columns=["copied_from", "group", "note", "seeds_stated"]), suites).empty
    with pytest.raises(TablesError, match=r"lack the column.*selection"):
        rules.audit(table.drop(columns="selection"), suites)


def test_known_errors_are_numbered_and_documented():
    entries = known_errors.read_known_errors()
    assert [entry["number"] for entry in entries] == list(range(1, 29))
    page = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")
    for line in known_errors.known_errors_table(entries):
        assert line in page


def test_another_folder_of_documents_can_be_audited(tmp_path, capsys):
    table = clean_tables(np.random.default_rng(5))
    table.loc[_where(table, method="Alpha", aggregate="total"), "score_percent"] += 40
    table["selection_inferred"] = "false"
    for document, rows in table.groupby("document"):
        rows.to_csv(tmp_path / f"{document}.csv", index=False)
    assert audit_command.main(["--reported", str(tmp_path), "--output", str(tmp_path / "audit")]) == 0
    findings = frames.read_csv(tmp_path / "audit" / "audit.csv", "findings")
    assert [rule for rule in findings["rule"] if rule != "kind_of_spread_proven"] == ["totals"]
    assert (
        audit_command.main(["--reported", str(tmp_path / "none"), "--output", str(tmp_path / "audit")]) == 2
    )
    assert "no CSV file of reported numbers" in capsys.readouterr().err


def test_findings_of_one_document_alone_are_written(tmp_path, capsys, real_findings):
    assert audit_command.main(["--document", "fql", "--output", str(tmp_path / "fql")]) == 0
    findings = frames.read_csv(tmp_path / "fql" / "audit.csv", "findings")
    assert len(findings)
    assert all("fql" in documents.split(", ") for documents in findings["document"])
    asked = real_findings["document"].map(lambda documents: "fql" in documents.split(", "))
    assert len(findings) == asked.sum() < len(real_findings)
    assert f", {len(findings)} finding{'' if len(findings) == 1 else 's'}: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "hint"),
    [("fqll", "; is fql meant? Known are"), ("IQL", "; is iql meant? Known are"), ("zzzz", "; known are")],
)
def test_an_unknown_document_is_refused_with_the_nearest(tmp_path, capsys, asked, hint):
    assert audit_command.main(["--document", asked, "--output", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"There is no document '{asked}'{hint} ")
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_command_writes_the_same_bytes_twice_without_torch(tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from paper_tables.audit.__main__ import main\n"
        "sys.exit(main(['--output', sys.argv[1]]))\n"
    )
    for name in ("first", "second"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / name)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "findings" in done.stdout
    for file in ("audit.csv", "audit.md"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
    frames.read_csv(tmp_path / "first" / "audit.csv", "findings")
