"""Public runs: known counts per source, and every refusal in one message with file and line."""

import csv
from pathlib import Path

import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables import frames, literature
from paper_tables.evidence import runs as evidence_runs
from paper_tables.public_runs import checks, reader


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return reader.read_runs()


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


def test_the_list_of_d4rls_tasks():
    tasks = checks.read_d4rl_tasks()
    assert len(tasks) == 179
    assert (tasks["defined_in"] == "d4rl/infos.py").sum() == 155
    assert tasks.loc["hopper-medium-v2", ["reference_min_score", "reference_max_score"]].tolist() == [
        -20.272305,
        3234.3,
    ]
    assert tasks.loc["antmaze-umaze-v1", "episode_step_percent"] == 100
    assert tasks.loc["kitchen-mixed-v0", "episode_step_percent"] == 25


def test_the_workflows_tasks_have_d4rls_reference_returns_and_addresses():
    path = Path(__file__).parents[3] / "workflow" / "config" / "tasks.csv"
    tasks = checks.read_d4rl_tasks()
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "D4RL"]
    assert len(rows) > 20
    for row in rows:
        known = tasks.loc[row["task"]]
        assert known["url"] in row["urls"].split()
        if row["reference_min_score"]:
            reference = [float(row[name]) for name in ("reference_min_score", "reference_max_score")]
            assert known[["reference_min_score", "reference_max_score"]].tolist() == pytest.approx(
                reference, rel=1e-12
            )


# --- Refusals ---


def _copy(tmp_path: Path, source: str = "corl_finetune") -> Path:
    """A folder with one source, to be spoilt."""
    lines = (reader.FOLDER / "sources.csv").read_text(encoding="utf-8").splitlines()
    kept = [lines[0], next(line for line in lines if line.startswith(f"{source},"))]
    (tmp_path / "sources.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    name = f"{source}.csv"
    (tmp_path / name).write_bytes((reader.FOLDER / name).read_bytes())
    return tmp_path / name


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def _write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _refused(folder: Path) -> str:
    with pytest.raises(TablesError) as error:
        reader.read_runs(folder)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("task", "walker2d-medum-v2", "no task 'walker2d-medum-v2'; near it are walker2d-medium-v2"),
        ("task", "pen-cloned-v1 ", "no task 'pen-cloned-v1 '"),
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
    ],
)
def test_a_bad_value_is_refused_with_file_and_line(tmp_path, column, value, words):
    path = _copy(tmp_path)
    header, rows = _rows(path)
    row = next(i for i, cells in enumerate(rows) if cells[header.index("task")] == "pen-cloned-v1")
    rows[row][header.index(column)] = value
    _write(path, header, rows)
    message = _refused(tmp_path)
    assert f"{path}, line {row + 2}: " in message
    assert words in message


def test_a_wrong_header_is_refused_with_the_right_one(tmp_path):
    path = _copy(tmp_path)
    header, rows = _rows(path)
    _write(path, ["score" if name == "score_percent" else name for name in header], rows)
    message = _refused(tmp_path)
    assert (
        f"{path}, line 1: the column(s) score_percent are missing and the column(s) score are unknown"
        in message
    )
    assert ",".join(header) in message
    _write(path, header[1:] + header[:1], [cells[1:] + cells[:1] for cells in rows])
    assert "another order" in _refused(tmp_path)
    path.write_text("", encoding="utf-8")
    assert "line 1" in _refused(tmp_path)
    _write(path, header, [])
    assert "no rows" in _refused(tmp_path)


def test_a_line_with_too_few_values_is_refused(tmp_path):
    path = _copy(tmp_path)
    header, rows = _rows(path)
    rows[4] = rows[4][:-1]
    _write(path, header, rows)
    assert f"{path}, line 6: {len(header) - 1} values; the header has {len(header)}." in _refused(tmp_path)


@pytest.mark.parametrize(
    ("task", "method"), [("antmaze-umaze-v2", "iql"), ("pen-cloned-v1", "iql"), ("pen-cloned-v1", "rebrac")]
)
def test_one_score_that_is_a_fraction_is_refused(tmp_path, task, method):
    path = _copy(tmp_path)
    header, rows = _rows(path)
    wanted = {"task": task, "method": method, "selection": "last"}
    row = next(
        i for i, cells in enumerate(rows) if all(cells[header.index(c)] == v for c, v in wanted.items())
    )
    rows[row][header.index("score_percent")] = "0.73"
    _write(path, header, rows)
    message = _refused(tmp_path)
    assert f"{path}, line {row + 2}: score 0.73" in message
    assert "fraction" in message


def test_a_whole_file_or_group_of_fractions_is_refused(tmp_path):
    path = _copy(tmp_path)
    header, rows = _rows(path)
    score, task = header.index("score_percent"), header.index("task")
    whole = [[*cells[:score], f"{float(cells[score]) / 100:.6f}", *cells[score + 1 :]] for cells in rows]
    _write(path, header, whole)
    assert "fraction" in _refused(tmp_path)
    one_task = [new if new[task] == "pen-cloned-v1" else old for new, old in zip(whole, rows, strict=True)]
    _write(path, header, one_task)
    message = _refused(tmp_path)
    assert "fraction" in message
    assert rows[int(message.split("line ")[1].split(":")[0]) - 2][task] == "pen-cloned-v1"


def test_scores_near_zero_pass_where_they_were_checked_and_only_there(tmp_path, runs):
    """Relocate, and runs that collapsed: marked in the data, refused without the mark."""
    marked = runs[runs["near_zero_checked"].fillna(False).astype(bool)]
    assert len(marked) == 346
    assert (marked["score_percent"].abs() <= checks.LARGEST_FRACTION).all()
    path = _copy(tmp_path)
    header, rows = _rows(path)
    row = next(i for i, cells in enumerate(rows) if cells[header.index("near_zero_checked")])
    rows[row][header.index("near_zero_checked")] = ""
    _write(path, header, rows)
    assert f"{path}, line {row + 2}: score" in _refused(tmp_path)


def test_a_seed_twice_in_one_group_and_a_duplicate_row_are_refused(tmp_path):
    path = _copy(tmp_path)
    header, rows = _rows(path)
    _write(path, header, [*rows, rows[0]])
    assert f"lines 2 and {len(rows) + 2}: seed 0 of" in _refused(tmp_path)
    again = list(rows[0])
    again[header.index("score_percent")] = "50.0"
    _write(path, header, [*rows, again])
    assert "appears twice" in _refused(tmp_path)


def test_a_file_that_was_cut_is_refused(tmp_path):
    path = _copy(tmp_path)
    header, rows = _rows(path)
    _write(path, header, rows[:-1])
    assert "has 479 rows" in _refused(tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("licence", "", "'licence' is empty"),
        ("repository", "", "'repository' is empty"),
        ("repository", "a page", "owner/name"),
        ("commit", "main", "'main'"),
        ("datasets", "minari", "allowed are d4rl, other"),
        ("num_rows", "all", "'all'"),
    ],
)
def test_a_bad_line_of_a_source_is_refused(tmp_path, column, value, words):
    _copy(tmp_path)
    sources = tmp_path / "sources.csv"
    header, rows = _rows(sources)
    rows[0][header.index(column)] = value
    _write(sources, header, rows)
    message = _refused(tmp_path)
    assert f"{sources}, line 2: column '{column}'" in message
    assert words in message


def test_no_licence_is_a_value(tmp_path):
    _copy(tmp_path, "significance")
    assert reader.read_runs(tmp_path)["licence"].unique().tolist() == ["none"]


def test_a_file_without_a_line_and_a_line_without_a_file_are_refused(tmp_path):
    path = _copy(tmp_path)
    stranger = tmp_path / "stranger.csv"
    stranger.write_bytes(path.read_bytes())
    assert f"{stranger} has no line in" in _refused(tmp_path)
    stranger.unlink()
    path.unlink()
    assert f"There is no file {path}." in _refused(tmp_path)


def test_other_data_must_not_bear_d4rls_names(tmp_path):
    _copy(tmp_path)
    sources = tmp_path / "sources.csv"
    sources.write_text(sources.read_text(encoding="utf-8").replace(",d4rl,", ",other,"), encoding="utf-8")
    assert "is a task of D4RL" in _refused(tmp_path)


def test_the_command_says_one_sentence_and_writes_nothing(tmp_path, capsys):
    path = _copy(tmp_path)
    header, rows = _rows(path)
    rows[0][header.index("task")] = "no-task-v0"
    _write(path, header, rows)
    before = sorted(tmp_path.iterdir())
    assert evidence_runs.main(["--folder", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert evidence_runs.main([]) == 0
    assert "with_reported_number" in capsys.readouterr().out


def test_the_document_page_has_every_source_and_column(runs):
    page = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text(encoding="utf-8")
    for row in reader.read_sources().to_dict("records"):
        assert f"### `{row['source']}`" in page
        assert row["repository"] in page
    for column, rule in frames.load_schema("public_runs")["items"]["properties"].items():
        assert f"| `{column}` | {rule['description']} |" in page
