"""An experiment's own tables."""

import pandas as pd
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.rendering import table as table_module
from paper_tables.scores import tables as tables_module
from paper_tables.statistics.experiment import all_tables
from paper_tables.tables import experiment
from tests.paper_tables.tables.runs import some_runs


def test_means_and_intervals_of_the_real_runs_are_those_of_scipy(d3rlpy):
    runs = tables_module.read(d3rlpy, "scores")
    table, cells = experiment.score_tables(runs, "d3rlpy")
    last = cells[cells["selection"] == "last"]
    assert len(last) == 141
    for row in last.sample(20, random_state=0).to_dict("records"):
        found = runs[
            (runs["method"] == row["method"]) & (runs["task"] == row["task"]) & (runs["selection"] == "last")
        ]["score_percent"]
        low, high = stats.t.interval(0.95, len(found) - 1, found.mean(), stats.sem(found))
        assert (row["mean_percent"], row["low_percent"], row["high_percent"]) == pytest.approx(
            (found.mean(), low, high)
        )
    text = table_module.markdown(table)
    iql = runs[
        (runs["method"] == "IQL") & (runs["task"] == "hopper-medium-v0") & (runs["selection"] == "last")
    ]
    assert f"{iql['score_percent'].mean():.1f} [" in text
    assert "-0.0" not in text


def test_selection_rules_stand_side_by_side(d3rlpy):
    runs = tables_module.read(d3rlpy, "scores")
    table = experiment.selection_table(runs, "d3rlpy")
    assert table.header == ["Task", "Method", "last", "average last k", "best online", "optimism of best"]
    row = next(r for r in table.rows if r and r[0].text == "hopper-medium-v0" and r[1].text == "CQL")
    for place, rule in ((2, "last"), (3, "average_last_k"), (4, "best_online")):
        found = runs[
            (runs["task"] == "hopper-medium-v0") & (runs["method"] == "CQL") & (runs["selection"] == rule)
        ]["score_percent"]
        assert row[place].text == f"{found.mean():.1f} ± {found.std(ddof=1):.1f} (10)"


def test_few_tasks_stand_abreast_with_marks_and_raw_returns_said():
    runs = pd.concat(
        [
            some_runs({"own-file": [900.0, 950.0, 1000.0]}, method="iql", comparability="unverified",
                      hyperparameters_like="hopper-medium-expert-v2", score_unit="return"),
            some_runs({"hopper-x-v0": [40.0, 50.0, 60.0]}, method="iql", comparability="recollected"),
        ]
    )  # fmt: skip
    table, _ = experiment.score_tables(runs, "own")
    assert table.header == ["Method", "hopper-x-v0", "own-file"]
    text = table_module.markdown(table)
    assert "50.0 [25.2, 74.8] (3)<sup>r</sup>" in text
    assert "950 [826, 1074] (3)<sup>u,h,raw</sup>" in text
    assert "raw: raw returns, because the task has no reference scores." in text
    assert "h: hyperparameters are those of hopper-medium-expert-v2." in text


def test_uncommitted_changes_are_cited():
    clean = some_runs({"hopper-x-v0": [40.0, 50.0]}, method="iql")
    dirty = some_runs({"hopper-x-v0": [40.0, 50.0]}, method="bc", git_dirty=True, git_commit="beef")
    table, _ = experiment.score_tables(pd.concat([clean, dirty]), "both")
    assert "code beef with uncommitted changes, c0ffee;" in "\n".join(table.notes)


def test_an_experiment_that_mixes_data_is_refused():
    runs = pd.concat(
        [
            some_runs({"hopper-x-v0": [40.0, 50.0]}, method="iql"),
            some_runs({"hopper-x-v0": [40.0, 50.0]}, method="bc", content_sha256="cd" * 32),
        ]
    )
    with pytest.raises(TablesError, match="Task hopper-x-v0 of mixed mixes content_sha256"):
        experiment.score_tables(runs, "mixed")


def test_methods_stand_in_the_order_of_their_numbers():
    runs = pd.concat(
        [
            some_runs(
                {"hopper-x-v0": [40.0, 50.0]},
                method="diffusion_ql",
                diffusion_steps=steps,
                digest=f"{steps:08x}",
            )
            for steps in (10, 2, 20, 5)
        ]
    )
    names = [f"diffusion_ql N={steps}" for steps in (2, 5, 10, 20)]
    table, _ = experiment.score_tables(runs, "steps")
    assert [row[0].text for row in table.rows if row] == names
    assert [row[1].text for row in experiment.selection_table(runs, "steps").rows if row] == names


def test_two_runs_with_one_name_are_told_apart_by_their_digest():
    runs = pd.concat(
        [
            some_runs({"hopper-x-v0": [40.0, 50.0]}, method="iql"),
            some_runs({"hopper-x-v0": [80.0, 90.0]}, method="iql", digest="ffffffff"),
        ]
    )
    table, _ = experiment.score_tables(runs, "ablation")
    assert [row[0].text for row in table.rows if row] == ["iql 0123abcd", "iql ffffffff"]
    assert [row[1].text.split(" ")[0] for row in table.rows if row] == ["45.0", "85.0"]


def test_the_cost_table_gives_an_update_and_an_action_of_each_number_of_steps(made_up_tables):
    table = experiment.cost_table(made_up_tables["scores"], made_up_tables["cost"], "made-up")
    rows = {row[0].text: [cell.text for cell in row] for row in table.rows}
    steps = rows["diffusion_ql N=5"]
    # Four seeds on each of two tasks, trained as one program: each has a quarter of its time.
    assert steps[1:7] == ["AMD EPYC", "5", "50,000", "8", "7.50", f"{50_000 * 0.03 / 4 / 3600:.3f}"]
    assert [float(text) for text in steps[7:]] == pytest.approx(
        [0.2 + 0.3 * 5 + 0.02, (0.2 + 0.3 * 5) * 10**0.5 + 0.02], abs=0.011
    )
    assert float(rows["diffusion_ql N=20"][5]) > float(steps[5])


def test_missing_times_are_dashes(made_up_tables):
    cost = made_up_tables["cost"].assign(
        seconds_per_update=float("nan"), train_wall_seconds=float("nan"), action_latency_ms=float("nan")
    )
    table = experiment.cost_table(made_up_tables["scores"], cost, "made-up")
    assert {cell.text for row in table.rows for cell in row[5:]} == {"–"}


def test_cost_rows_whose_runs_have_no_scores_are_counted(made_up_tables):
    scores = made_up_tables["scores"]
    without = scores[~((scores["method"] == "bc") & (scores["task"] == "walker-hard-v0"))]
    sentence = "2 rows of the cost not used, since their runs have no scores: bc on walker-hard-v0 (2)."
    table = experiment.cost_table(without, made_up_tables["cost"], "made-up")
    assert table.notes[-1] == sentence
    runs = {row[0].text: row[4].text for row in table.rows}
    assert (runs["bc"], runs["iql"]) == ("4", "8")
    whole = experiment.cost_table(scores, made_up_tables["cost"], "made-up")
    assert not any("not used" in note for note in whole.notes)


def test_a_method_is_one_row_whatever_the_environments_digests(made_up_tables):
    """In the tables of cost and selection, and in the learning curves."""
    digests = {"walker-easy-v0": "a7ee038b", "walker-hard-v0": "f15bdea2"}

    def of_environments(rows):
        rows = rows[rows["method"].isin(["bc", "iql"])]
        return rows.assign(sampling="default-" + rows["task"].map(digests))

    scores, cost, episodes = (
        of_environments(made_up_tables[name]) for name in ("scores", "cost", "episodes")
    )
    rows = {row[0].text: [cell.text for cell in row] for row in experiment.cost_table(scores, cost, "x").rows}
    assert list(rows) == ["bc", "iql"]
    assert {row[4] for row in rows.values()} == {"8"}
    selection = [
        [cell.text for cell in row[:2]] for row in experiment.selection_table(scores, "x").rows if row
    ]
    assert selection == [[task, method] for task in digests for method in ("bc", "iql")]
    found = all_tables(scores, episodes, replicates=100, coverage_studies=0)
    curves = found["learning_curves"]
    assert curves.groupby("label")["task"].agg(set).to_dict() == {"bc": set(digests), "iql": set(digests)}
    assert len(curves) == 2 * 2 * 5
    assert found["sample_efficiency"].groupby("label")["num_tasks"].agg(list).to_dict() == {
        "bc": [2] * 5,
        "iql": [2] * 5,
    }
    last = scores.query("method == 'iql' and task == 'walker-hard-v0'")["score_percent"].mean()
    end = curves.query("label == 'iql' and task == 'walker-hard-v0' and update == 50_000")["mean_percent"]
    assert end.item() == pytest.approx(last)
