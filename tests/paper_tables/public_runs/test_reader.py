"""Public runs: known counts of each source, and every refusal in one message with file and line."""

from pathlib import Path

import pandas as pd
import pytest

from paper_tables import frames, literature
from paper_tables.evidence import runs as evidence_runs
from paper_tables.public_runs import checks, reader
from tests.paper_tables.public_runs.files import copy_source, refused, rows_of, write_rows

# --- Known answers ---

# Finished runs with the rule last, by source and method, counted in the source repositories.
LAST = {
    ("rebrac", "iql"): 360,
    ("rebrac", "td3_bc"): 360,
    ("rebrac", "sac_rnd"): 360,
    ("rebrac", "rebrac"): 280,
    ("significance", "iql"): 712,
    ("significance", "cql"): 382,
    ("d3rlpy_baselines", "iql"): 36,
    ("d3rlpy_baselines", "cql"): 36,
    ("d3rlpy_baselines", "bear"): 36,
    ("d3rlpy_baselines", "plas_p"): 36,
    ("d3rlpy_pretraining", "iql"): 30,
    ("d3rlpy_pretraining", "awac"): 30,
    **{("corl_finetune", method): 40 for method in ("iql", "cql", "awac", "spot", "cal_ql", "rebrac")},
    **{
        ("d3rlpy", method): 120
        for method in ("awac", "bcq", "bear", "cql", "crr", "iql", "plas", "plas_p", "sac", "td3", "td3_bc")
    },
    ("d3rlpy", "dt"): 90,
    ("released_code", "iql"): 7,
    ("released_code", "diffusion_ql"): 4,
}


def test_counts_of_runs_by_source_and_method(runs):
    last = runs[runs["selection"] == "last"]
    assert last.groupby(["source", "method"]).size().to_dict() == LAST
    assert len(last) == 2898 + 1410 + 11


def test_counts_of_rows_and_of_runs_with_a_reported_number(runs):
    counts = evidence_runs.count_runs(runs, literature.read_all()).set_index("source")
    assert counts["rows"].to_dict() == {
        "d3rlpy": 3 * 1410,
        "d3rlpy_baselines": 432,
        "d3rlpy_pretraining": 180,
        "significance": 1094,
        "rebrac": 1360,
        "corl_finetune": 480,
        "released_code": 11,
    }
    others = counts.index.difference(["d3rlpy", "released_code"])
    assert counts.loc[others, "rows"].sum() == 3546
    assert (counts["with_reported_number"] + counts["without_reported_number"] == counts["runs"]).all()
    assert counts.loc["released_code", "with_reported_number"] == 0


def test_every_row_names_its_source_and_licence(runs):
    frames.check(runs, "public_runs", "all runs")
    assert (runs["licence"].str.len() > 0).all()
    assert runs[runs["licence"] == "none"]["source"].unique().tolist() == ["significance"]
    d4rl = runs[runs["datasets"] == "d4rl"]
    assert d4rl["commit"].notna().all()
    assert set(d4rl["task"]) <= set(checks.read_d4rl_tasks().index)
    assert not set(runs[runs["datasets"] == "other"]["task"]) & set(checks.read_d4rl_tasks().index)


def test_seeds_of_a_group(runs):
    """10 by ReBRAC and d3rlpy, 4 by CORL, 3 by the official codes, 22 to 62 and a few by the last."""
    seeds = runs[runs["selection"] == "last"].groupby(["source", "method", "task"])["seed"].count()
    for source, expected in (("rebrac", 10), ("d3rlpy", 10), ("corl_finetune", 4), ("d3rlpy_baselines", 3)):
        assert (seeds[source] == expected).all()
    assert seeds["significance"].min() == 6
    assert seeds["significance"].max() == 62


def test_a_known_mean_of_each_source(runs):
    """CQL's number for hopper-medium-replay is 95; d3rlpy's 26 runs have 2.4 in the mean. CQL on
    halfcheetah-medium-expert-v0 is 62.4 in the paper; the authors' code gets 11.3, d3rlpy 9.0."""
    last = runs[runs["selection"] == "last"]

    def mean(source: str, method: str, task: str) -> float:
        here = (last["source"] == source) & (last["method"] == method) & (last["task"] == task)
        return round(float(last.loc[here, "score_percent"].mean()), 1)

    assert mean("significance", "cql", "hopper-medium-replay-v2") == 2.4
    assert mean("d3rlpy_baselines", "cql", "halfcheetah-medium-expert-v0") == 11.3
    assert mean("d3rlpy", "cql", "halfcheetah-medium-expert-v0") == 9.0
    assert mean("d3rlpy_pretraining", "iql", "antmaze-medium-play-v0") == 71.0
    iql = last[(last["method"] == "iql") & (last["task"] == "hopper-medium-replay-v2")]
    assert len(iql) == 53
    assert round(iql["score_percent"].min(), 1) == 52.1


def test_corls_printed_table_is_the_population_deviation_of_its_runs(runs):
    """corl-team/CORL@eeeeef2 README, offline-to-online: AWAC 52.75 +- 8.67, IQL on pen 84.19 +- 3.96."""
    last = runs[(runs["source"] == "corl_finetune") & (runs["selection"] == "last")]
    for method, task, printed in (
        ("awac", "antmaze-umaze-v2", (52.75, 8.67)),
        ("iql", "pen-cloned-v1", (84.19, 3.96)),
    ):
        scores = last[(last["method"] == method) & (last["task"] == task)]["score_percent"]
        assert (round(scores.mean(), 2), round(scores.std(ddof=0), 2)) == printed


def test_rebracs_printed_table_is_made_of_these_runs(runs):
    """Their means, cut to one decimal, are its numbers, so that the runs are no evidence for them."""
    printed = literature.read_document("rebrac")
    means = runs[runs["source"] == "rebrac"].groupby(["method", "task"])["score_percent"].mean()
    equal = total = 0
    for row in printed.to_dict("records"):
        if (row["method_key"], row["task"]) in means.index:
            total += 1
            equal += abs(means[row["method_key"], row["task"]] - row["score_percent"]) < 0.1 + 1e-6
    assert (equal, total) == (70, 72)
    assert set(runs[runs["source"] == "rebrac"]["printed_in"]) == {"rebrac"}


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("task", "walker2d-medum-v2", "no task 'walker2d-medum-v2'; near it are walker2d-medium-v2"),
        ("task", "pen-cloned-v1 ", "no blanks around it"),
        ("task", "Pen-cloned-v1", "no task 'Pen-cloned-v1'"),
        ("task", "hopper-mixed-v0", "no task 'hopper-mixed-v0'"),
        ("task", "", "'task' is empty"),
        ("score_percent", "nan", "'nan'; a finite number is required"),
        ("score_percent", "inf", "'inf'; a finite number is required"),
        ("score_percent", "high", "'high'"),
        ("score_percent", "", "'score_percent' is empty"),
        ("score_percent", "3234.3", "range"),
        ("implementation", "CORL", "owner/name"),
        ("implementation", "", "'implementation' is empty"),
        ("selection", "final", "allowed are last, average_last_k, best_online"),
        ("settings", "good", "allowed are usual, tuned_per_task, other"),
        ("seed", "-1", "is -1; it has to be at least 0"),
        ("seed", "1.5", "'1.5'"),
        ("episodes", "0", "is 0; it has to be at least 1"),
        ("updates", "many", "'many'"),
        ("file", "", "'file' is empty"),
        ("method", "IQL", "'IQL'"),
        ("near_zero_checked", "yes", "'yes'"),
        ("score_percent", "5_2.5", "'5_2.5'; a finite number is required"),
        ("score_percent", "\uff15\uff12", "a finite number is required"),
        ("score_percent", " 52.5", "no blanks around it"),
        ("score_percent", "52,5", "with a decimal point"),
        ("score_percent", "1e999", "a finite number is required"),
        ("score_percent", "52.5%", "a finite number is required"),
        ("seed", "9" * 30, "a whole number in plain digits"),
        ("seed", "1.0", "a whole number in plain digits"),
        ("updates", "1e6", "a whole number in plain digits"),
        ("note", "a\nb", "no line breaks"),
        ("note", "a\x00b", "no control characters"),
        ("file", "  ", "no blanks around it"),
    ],
)
def test_a_bad_value_is_refused_with_file_and_line(tmp_path, column, value, words):
    path = copy_source(tmp_path)
    header, rows = rows_of(path)
    row = next(i for i, cells in enumerate(rows) if cells[header.index("task")] == "pen-cloned-v1")
    rows[row][header.index(column)] = value
    write_rows(path, header, rows)
    message = refused(tmp_path)
    # A cell with a line break ends one line further down.
    assert f"{path}, line {row + 2 + value.count(chr(10))}: " in message
    assert words in message


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (lambda text: text.replace("place", "pl\u00e4ce").encode("latin-1"), 2, "this is not UTF-8 text"),
        (lambda text: text.encode("utf-16"), 1, "this is not UTF-8 text"),
        (lambda text: text.replace("place in", '"place in"x', 1).encode(), 2, "this is not CSV"),
        (lambda text: text.replace(",", ";").encode(), 1, "missing"),
        (lambda text: text.replace(",", "\t").encode(), 1, "missing"),
        (lambda text: text.replace("\n", "\n\n", 1).encode(), 2, "0 values"),
    ],
)
def test_what_is_no_csv_in_utf8_is_refused_with_its_line(tmp_path, content, line, words):
    path = copy_source(tmp_path)
    path.write_bytes(content(path.read_text(encoding="utf-8")))
    message = refused(tmp_path)
    assert f"{path}, line {line}: " in message
    assert words in message


def test_a_byte_order_mark_and_other_line_ends_change_nothing(tmp_path):
    path = copy_source(tmp_path)
    expected = reader.read_runs(tmp_path)
    text = path.read_text(encoding="utf-8")
    for content in ("\ufeff" + text, text.replace("\n", "\r\n"), text.rstrip("\n")):
        path.write_bytes(content.encode("utf-8"))
        pd.testing.assert_frame_equal(reader.read_runs(tmp_path), expected)


def test_a_wrong_header_is_refused_with_the_right_one(tmp_path):
    path = copy_source(tmp_path)
    header, rows = rows_of(path)
    write_rows(path, ["score" if name == "score_percent" else name for name in header], rows)
    message = refused(tmp_path)
    assert f"{path}, line 1: missing: column score_percent; unknown: column score" in message
    assert ",".join(header) in message
    write_rows(path, header[1:] + header[:1], [cells[1:] + cells[:1] for cells in rows])
    assert "another order" in refused(tmp_path)
    path.write_text("", encoding="utf-8")
    assert "line 1" in refused(tmp_path)
    write_rows(path, header, [])
    assert "no rows" in refused(tmp_path)


def test_a_line_with_too_few_values_is_refused(tmp_path):
    path = copy_source(tmp_path)
    header, rows = rows_of(path)
    rows[4] = rows[4][:-1]
    write_rows(path, header, rows)
    assert f"{path}, line 6: {len(header) - 1} values; the header has {len(header)}." in refused(tmp_path)


def test_a_file_that_was_cut_is_refused(tmp_path):
    path = copy_source(tmp_path)
    header, rows = rows_of(path)
    write_rows(path, header, rows[:-1])
    assert "has 479 rows" in refused(tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("licence", "", "'licence' is empty"),
        ("repository", "", "'repository' is empty"),
        ("repository", "a page", "owner/name"),
        ("commit", "main", "'main'"),
        ("datasets", "minari", "allowed are d4rl, other"),
        ("commit", "", "corl-team/CORL needs one"),
        ("licence", "  ", "no blanks around it"),
        ("licence", "unknown", "SPDX identifier; none where it has no licence"),
        ("licence", "you may use it", "SPDX identifier"),
        ("source", "../corl", "is '../corl'"),
        ("printed_in", "nobody", "which is not a document"),
        ("num_rows", "all", "'all'"),
    ],
)
def test_a_bad_line_of_a_source_is_refused(tmp_path, column, value, words):
    copy_source(tmp_path)
    sources = tmp_path / "sources.csv"
    header, rows = rows_of(sources)
    rows[0][header.index(column)] = value
    write_rows(sources, header, rows)
    message = refused(tmp_path)
    assert f"{sources}, line 2: " in message
    assert f"'{column}'" in message
    assert words in message


def test_no_licence_is_a_value(tmp_path):
    copy_source(tmp_path, "significance")
    assert reader.read_runs(tmp_path)["licence"].unique().tolist() == ["none"]


def test_a_file_without_a_line_and_a_line_without_a_file_are_refused(tmp_path):
    path = copy_source(tmp_path)
    stranger = tmp_path / "stranger.csv"
    stranger.write_bytes(path.read_bytes())
    assert f"{stranger} has no line in" in refused(tmp_path)
    stranger.unlink()
    path.unlink()
    assert f"There is no file {path}." in refused(tmp_path)


def test_the_document_page_has_every_source_and_column(runs):
    page = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text(encoding="utf-8")
    for row in reader.read_sources().to_dict("records"):
        assert f"### `{row['source']}`" in page
        assert row["repository"] in page
    for column, rule in frames.load_schema("public_runs")["items"]["properties"].items():
        assert f"| `{column}` | {rule['description']} |" in page
