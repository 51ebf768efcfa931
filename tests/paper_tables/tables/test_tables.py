"""Tables: the papers' own layouts with our columns, an experiment's tables, refusals, LaTeX."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from recheck.errors import TablesError
from scipy import stats

from paper_tables import frames, literature
from paper_tables.rendering import table as table_module
from paper_tables.rendering.table import Cell, Table
from paper_tables.scores import d3rlpy as d3rlpy_module
from paper_tables.scores import tables as tables_module
from paper_tables.tables import __main__ as tables
from paper_tables.tables import experiment, paper_table, verdict_summary, write
from paper_tables.tables import layout as layout_module

LAYOUTS = layout_module.layout_names()


def some_runs(
    means: dict[str, list[float]],
    *,
    method: str = "diffusion_ql",
    selection: str = "offline_described",
    update: int = 2_000_000,
    **other: object,
) -> pd.DataFrame:
    """Runs of one method: task -> score of every seed, scored by `last` and another rule."""
    rows = []
    for task, found in means.items():
        for seed, score in enumerate(found):
            for rule in sorted({"last", selection}):
                row = {
                    "method": method,
                    "task": task,
                    "variant": "paper",
                    "digest": "0123abcd",
                    "diffusion_steps": 5 if method.startswith("diffusion") else 0,
                    "sampling": "default-89abcdef",
                    "seed": seed,
                    "selection": rule,
                    "update": update,
                    "score_percent": score,
                    "num_episodes": 10,
                    "comparability": "original",
                    "score_unit": "percent",
                    "num_checkpoints": 1,
                    "environment_id": "Hopper-v4",
                    "environment_match": "same",
                    "hyperparameters_like": None,
                    "content_sha256": "ab" * 32,
                    "git_commit": "c0ffee",
                    "git_dirty": False,
                    "device": "CPU: one",
                    "torch_version": "2.11.0",
                    "gymnasium_version": "1.3.0",
                    "mujoco_version": "3.11.0",
                }
                rows.append(row | other)
    return frames.check(pd.DataFrame(rows), "scores", "made-up runs")


def cell_of(cells: pd.DataFrame, task: str, column: str) -> pd.Series:
    return cells[(cells["task"] == task) & (cells["column"] == column)].iloc[0]


# --- Layouts ---


def test_the_four_tables_of_the_issue_are_there():
    assert {"iql_table_1", "diffusion_ql_table_1", "diffusion_ql_table_2", "idql_table_1"} <= set(LAYOUTS)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_number_of_a_layouts_tables_has_its_place(name):
    """No reported number of the tables is left out of the layout, and none is in two places."""
    layout = layout_module.read_layout(name)
    numbers = literature.read_document(layout["document"])
    numbers = numbers[numbers["table"].isin(layout["tables"])]
    headings = [column["reported"] for column in layout["columns"]]
    assert sorted(set(numbers["method"])) == sorted(headings)
    placed = [
        (group["suite"], label)
        for group in layout["groups"]
        for label in [
            *[row["task"] for row in group["rows"]],
            *[aggregate["reported"] for aggregate in group["aggregates"] if "reported" in aggregate],
        ]
    ]
    assert len(placed) == len(set(placed))
    assert set(zip(numbers["suite"], numbers["task"])) <= set(placed)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_papers_side_shows_the_printed_numbers(name):
    layout = layout_module.read_layout(name)
    cells, shown = paper_table.layout_cells(layout)
    assert shown.empty
    text = table_module.markdown(paper_table.layout_table(layout, cells, shown))
    visible = cells[~cells["hidden"].astype(bool) & cells["reported_mean"].notna()]
    for task, rows in visible.groupby("task"):
        line = next(line for line in text.splitlines() if line.startswith(f"| {task} |"))
        for mean in rows["reported_mean"]:
            assert f"{mean:.{layout['decimals']}f}" in line
    assert "No runs of ours." in text


def test_order_groups_totals_and_weight_of_iql_table_1():
    layout = layout_module.read_layout("iql_table_1")
    lines = table_module.markdown(
        paper_table.layout_table(layout, *paper_table.layout_cells(layout))
    ).splitlines()
    body = [line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith("| ")]
    assert body[1:] == [
        "---",
        *[f"{robot}-{kind}-v2" for kind in ("medium", "medium-replay", "medium-expert") for robot in
          ("halfcheetah", "hopper", "walker2d")],
        "locomotion-v2 total",
        *[f"antmaze-{maze}-v0" for maze in ("umaze", "umaze-diverse", "medium-play", "medium-diverse",
                                            "large-play", "large-diverse")],
        "antmaze-v0 total",
        "total",
        "kitchen-v0 total",
        "adroit-v0 total",
    ]  # fmt: skip
    total = next(line for line in lines if line.startswith("| locomotion-v2 total"))
    assert "692.4" in total
    assert "**698.5**" in total
    assert "**75.3**" not in "\n".join(lines)
    assert "59.2<sup>m</sup>" in "\n".join(lines)  # noted from memory, and shown as such


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_runs_beside_a_paper_are_variants_that_exist(name):
    folder = Path(__file__).parents[3] / "workflow" / "config" / "hyperparameters"
    if not folder.is_dir():
        pytest.skip("paper_tables is installed without the workflow")
    for column in layout_module.read_layout(name)["columns"]:
        if "ours" in column:
            known = yaml.safe_load((folder / f"{column['ours']['method']}.yaml").read_text(encoding="utf-8"))
            variant = known["variants"][column["ours"]["variant"]]
            assert variant["common"]["num_updates"]["value"] == column["ours"]["num_updates"]


@pytest.mark.parametrize(
    ("rule", "bold"),
    [
        ({"rule": "highest"}, [False, True, False, True]),
        ({"rule": "within_percent_of_highest", "percent": 5}, [True, True, False, True]),
        ({"rule": "none"}, [False] * 4),
    ],
)
def test_bold_rules(rule, bold):
    assert paper_table._bold([95.0, 100.0, 94.9, 100.0], rule) == bold
    assert paper_table._bold([None, np.nan], rule) == [False, False]


# --- Ours next to theirs ---


def test_ours_stand_beside_theirs_with_the_verdict():
    """Diffusion-QL prints 96.8 +/- 0.3 (halfcheetah-medium-expert) and 90.5 +/- 4.6 (hopper-medium)."""
    runs = some_runs(
        {
            "halfcheetah-medium-expert-v2": [96.7, 96.8, 96.9, 96.7, 96.9],
            "hopper-medium-v2": [20.0, 21.0, 20.5, 19.5, 20.2],
            "walker2d-medium-v2": [60.0, 110.0, 87.0, 95.0, 70.0],
        }
    )
    layout = layout_module.read_layout("diffusion_ql_table_1")
    cells, shown = paper_table.layout_cells(layout, runs)
    assert cell_of(cells, "halfcheetah-medium-expert-v2", "Diffusion-QL")["verdict"] == "reproduced"
    assert cell_of(cells, "hopper-medium-v2", "Diffusion-QL")["verdict"] == "different (lower)"
    assert cell_of(cells, "walker2d-medium-v2", "Diffusion-QL")["verdict"] == "inconclusive"
    text = table_module.markdown(paper_table.layout_table(layout, cells, shown))
    assert "**96.8 ± 0.3** | 96.8 ± 0.1 (5) ✓" in text
    assert "20.2 ± 0.6 (5) ↓<sup>d</sup>" in text
    assert "**87.0 ± 0.9** | 84.4 ± 19.9 (5) ?" in text
    assert "✓ reproduced (1), ↓ different (lower) (1), ? inconclusive (1)" in text
    assert "– (3 of 9 rows)" in text
    assert "code c0ffee; torch 2.11.0; gymnasium 1.3.0; mujoco 3.11.0; environment Hopper-v4" in text
    assert "content SHA-256 abababababab" in text


def test_totals_of_ours_need_all_rows():
    layout = layout_module.read_layout("diffusion_ql_table_2")
    tasks = [row["task"] for row in layout["groups"][0]["rows"]]
    runs = some_runs({task: [90.0 + k, 91.0 + k] for k, task in enumerate(tasks)}, selection="best_online")
    text = table_module.markdown(paper_table.layout_table(layout, *paper_table.layout_cells(layout, runs)))
    assert next(line for line in text.splitlines() if line.startswith("| Average")).endswith(
        "| **106.9** | 91.5 |"
    )


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"comparability": "recollected"}, "our dataset is recollected"),
        ({"comparability": "unverified"}, "our dataset is unverified"),
        ({"comparability": "toy"}, "our dataset is toy"),
        ({"environment_match": "none"}, "our environment is another"),
        ({"task": "hopper-medium-v2", "score_percent": 170.0}, "outside what hopper-medium-v2 gives"),
        ({"update": 20_000}, "ours was trained for 20,000 updates, the paper's for 2,000,000"),
        ({"score_unit": "return"}, "our score is a raw return"),
    ],
)
def test_what_cannot_be_compared_is_said(other, reason):
    runs = some_runs({"hopper-medium-v2": [90.0, 91.0, 92.0]}, **other)
    cells, _ = paper_table.layout_cells(layout_module.read_layout("diffusion_ql_table_1"), runs)
    cell = cell_of(cells, "hopper-medium-v2", "Diffusion-QL")
    assert cell["verdict"] == "not_judged"
    assert reason in cell["not_judged_reason"]
    assert reason in cell["reason"]


def test_another_selection_rule_is_a_flag_and_a_family_of_its_own(tmp_path):
    text = (layout_module.LAYOUT_FOLDER / "diffusion_ql_table_1.yaml").read_text()
    layout = yaml.safe_load(text) | {"our_selection": "last"}
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(layout))
    layout = layout_module.read_layout(str(path))
    cells, shown = paper_table.layout_cells(layout, some_runs({"hopper-medium-v2": [30.0, 31.0, 30.5]}))
    cell = cell_of(cells, "hopper-medium-v2", "Diffusion-QL")
    assert (cell["verdict"], cell["flags"]) == ("different (lower)", "other_selection")
    assert cell["adjusted_family"].endswith("| other_selection")
    written = table_module.markdown(paper_table.layout_table(layout, cells, shown))
    assert "↓<sup>sel,d</sup>" in written
    assert "sel: our checkpoints are selected by another rule than the paper's" in written


def test_a_copied_number_is_judged_once_at_its_origin():
    """IDQL's Table 1 repeats IQL's column: one number, one verdict, shown at both places."""
    task = "hopper-medium-v2"
    runs = some_runs({task: [66.0, 66.5, 65.8, 66.2]}, method="iql", diffusion_steps=0, selection="last",
                     update=1_000_000)  # fmt: skip
    own, copied = write.judge_layouts(["iql_table_1", "idql_table_1"], runs)
    first, second = cell_of(own[1], task, "IQL"), cell_of(copied[1], task, "IQL-A")
    assert second["judged_at"] == "iql, Table 1"
    assert first["number"] == second["number"]
    for field in ("verdict", "flags", "interval_low", "adjusted_verdict", "family_size"):
        assert first[field] == second[field], field
    assert first["family_size"] == 1
    gathered = pd.concat([cells[[len(x) > 0 for x in cells["our_scores_percent"]]].astype(object)
                          for _, cells, _ in (own, copied)])  # fmt: skip
    lead = verdict_summary.verdict_summary(gathered.infer_objects()).lead
    assert lead[0].startswith("Of 1 numbers with runs of ours")
    assert lead[-1] == "These numbers are shown at 2 places: a copied number is judged once, at its origin."


def test_an_unverified_number_is_not_judged():
    runs = some_runs({"pen-human-v1": [70.0, 71.0, 72.0]}, update=1_000_000)
    cells, _ = paper_table.layout_cells(layout_module.read_layout("diffusion_ql_table_1"), runs)
    cell = cell_of(cells, "pen-human-v1", "Diffusion-QL")
    assert cell["confidence"] == "from_memory"
    assert cell["verdict"] == "not_judged"


def test_marks_for_version_environment_and_hyperparameters():
    runs = some_runs(
        {"antmaze-umaze-v2": [90.0, 91.0]},
        update=1_000_000,
        environment_match="adapted",
        hyperparameters_like="antmaze-umaze-v0",
    )
    layout = layout_module.read_layout("diffusion_ql_table_1")
    cells, shown = paper_table.layout_cells(layout, runs)
    cell = cell_of(cells, "antmaze-umaze-v0", "Diffusion-QL")
    assert cell["marks"] == ("v2", "a", "h")
    assert cell["verdict"] == "not_judged"
    text = table_module.markdown(paper_table.layout_table(layout, cells, shown))
    assert "90.5 ± 0.7 (2) ×<sup>v2,a,h</sup>" in text
    for note in (
        "v2: our dataset has this version",
        "a: our environment is adapted",
        "h: our hyperparameters are those of antmaze-umaze-v0",
    ):
        assert note in text


def test_the_papers_own_length_of_training_is_taken_where_there_are_several():
    task = "hopper-medium-v2"
    long = some_runs({task: [90.0, 91.0]})
    short = some_runs({task: [10.0, 11.0]}, update=20_000, digest="ffffffff")
    cells, _ = paper_table.layout_cells(
        layout_module.read_layout("diffusion_ql_table_1"), pd.concat([short, long])
    )
    assert cell_of(cells, task, "Diffusion-QL")["our_scores_percent"] == (90.0, 91.0)
    other = some_runs({task: [10.0, 11.0]}, digest="ffffffff")
    layout = layout_module.read_layout("diffusion_ql_table_1")
    cells, shown = paper_table.layout_cells(layout, pd.concat([other, long]))
    assert cell_of(cells, task, "Diffusion-QL")["our_scores_percent"] == ()
    text = table_module.markdown(paper_table.layout_table(layout, cells, shown))
    assert f"Not shown: several runs of diffusion_ql paper on {task} fit one column: 0123abcd" in text


MIXED = {
    "mujoco_version": "3.3.0",
    "gymnasium_version": "1.2.0",
    "torch_version": "2.12.0",
    "git_commit": "beef",
    "content_sha256": "cd" * 32,
    "environment_id": "Hopper-v5",
}


@pytest.mark.parametrize("field", MIXED)
def test_mixed_provenance_in_a_row_is_refused_unless_allowed(field):
    task = "halfcheetah-medium-expert-v2"
    runs = some_runs({task: [90.0, 91.0]}, selection="best_online")
    other = some_runs(
        {task: [80.0, 81.0]}, selection="best_online", method="diffusion_bc", **{field: MIXED[field]}
    )
    both = pd.concat([runs, other], ignore_index=True)
    layout = layout_module.read_layout("diffusion_ql_table_2")
    with pytest.raises(TablesError, match=rf"Row {task} .*mixes {field} .*--allow-mixed-provenance {field}"):
        paper_table.layout_cells(layout, both)
    cells, _ = paper_table.layout_cells(layout, both, [field])
    assert (cells["our_scores_percent"].str.len() > 0).sum() == 2
    with pytest.raises(TablesError, match="no field of provenance"):
        paper_table.layout_cells(layout, both, ["mood"])


def test_seeds_of_one_cell_must_share_their_provenance_too():
    runs = some_runs({"hopper-medium-v2": [90.0, 91.0]})
    runs.loc[runs["seed"] == 1, "mujoco_version"] = "3.3.0"
    with pytest.raises(TablesError, match=r"mixes mujoco_version 3\.11\.0 and 3\.3\.0"):
        paper_table.layout_cells(layout_module.read_layout("diffusion_ql_table_1"), runs)


# --- Bad layouts ---


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bold": {"rule": "loudest"}}, "loudest"),
        ({"document": "no_paper"}, "no document 'no_paper'"),
        ({"tables": ["Table 9"]}, "no table Table 9"),
        ({"columns": [{"heading": "X", "reported": "X"}]}, "no column 'X'"),
        ({"groups": []}, "groups"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_layout_is_refused_in_one_sentence(tmp_path, change, words, capsys):
    layout = yaml.safe_load((layout_module.LAYOUT_FOLDER / "iql_table_1.yaml").read_text()) | change
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(layout))
    assert tables.main(["--layout", str(path), "--output", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_layout_is_refused_with_the_known_ones():
    with pytest.raises(TablesError, match="iql_table_1"):
        layout_module.read_layout("table_of_wonders")


# --- An experiment's own tables ---


@pytest.fixture(scope="module")
def d3rlpy(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("d3rlpy")
    assert d3rlpy_module.main(["--output", str(folder)]) == 0
    return folder


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


def test_the_command_writes_the_same_bytes_twice_without_torch(d3rlpy, tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from paper_tables.tables.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = ["--scores", str(d3rlpy), "--layout", "all", "--experiment", "d3rlpy", "--output"]
    for name in ("first", "second"):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments, str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "second").iterdir())
    assert {"scores.md", "scores.csv", "scores.tex", "selection.md", "verdicts.csv", "iql_table_1.md"} <= set(
        names
    )
    for name in names:
        first = (tmp_path / "first" / name).read_bytes()
        assert first == (tmp_path / "second" / name).read_bytes()
        assert str(tmp_path).encode() not in first


def test_judged_cells_are_gathered_for_the_figures(tmp_path):
    runs = some_runs({"halfcheetah-medium-v2": [51.0, 51.1, 51.2], "hopper-medium-v2": [20.0, 21.0, 20.5]})
    scores_folder = tmp_path / "scores"
    frames.write_parquet(runs, scores_folder / "scores.parquet", "scores")
    arguments = [
        "--scores",
        str(scores_folder),
        "--layout",
        "diffusion_ql_table_1",
        "--output",
        str(tmp_path / "out"),
    ]
    assert tables.main(arguments) == 0
    gathered = pd.read_csv(tmp_path / "out" / "verdicts.csv")
    assert list(gathered["task"]) == ["halfcheetah-medium-v2", "hopper-medium-v2"]
    assert gathered["verdict"].notna().all()
    summary = (tmp_path / "out" / "verdict_summary.md").read_text(encoding="utf-8")
    assert "Of 2 numbers with runs of ours: " in summary.split("| Table |")[0]
    both = pd.read_csv(tmp_path / "out" / "diffusion_ql_table_1_cells.csv")
    assert {"verdict", "adjusted_verdict", "flags", "smallest_margin_percent"} <= set(both.columns)


def _judged(**changes: object) -> dict[str, object]:
    cell: dict[str, object] = {
        "table": "iql_table_1",
        "task": "hopper-medium-v2",
        "column": "IQL",
        "our_mean_percent": 60.0,
        "our_sd_percent": 4.0,
        "our_seeds": 5,
        "reported_mean": 66.3,
        "reported_spread": None,
        "difference_percent": -6.3,
        "interval_low": -12.0,
        "interval_high": -0.6,
        "verdict": "inconclusive",
        "adjusted_verdict": "inconclusive",
        "detectable": True,
        "smallest_margin_percent": 12.0,
        "adjusted_smallest_margin_percent": 14.0,
        "seeds_needed": "17",
        "adjusted_seeds_needed": "17",
        "implementation_spread": "open",
        "implementation_band_percent": 12.5,
        "flags": "conditional",
        "reason": "",
    }
    return cell | changes


def test_the_verdicts_begin_with_what_is_open_and_what_would_decide_it():
    cells = pd.DataFrame(
        [
            _judged(verdict="reproduced", adjusted_verdict="inconclusive", task="first", seeds_needed="3"),
            _judged(),
            _judged(seeds_needed="never", task="second"),
            _judged(seeds_needed=">100"),
            _judged(seeds_needed="8"),
            _judged(
                seeds_needed="",
                interval_low=None,
                interval_high=None,
                smallest_margin_percent=None,
                adjusted_smallest_margin_percent=None,
                our_seeds=1,
            ),
            _judged(verdict="no_evidence", adjusted_verdict="no_evidence"),
        ]
    )
    table = verdict_summary.verdict_summary(cells)
    assert table.lead == [
        "Of 6 numbers with runs of ours: 5 inconclusive (?), 1 reproduced (✓).",
        "1 of the 1 claims are conditional: the paper prints no spread.",
        "What would decide the 5 inconclusive: 1 by at most 10 seeds of ours; 1 by 11 to 100 seeds of ours; "
        "1 by more than 100 seeds of ours; 1 not: the paper's error, printed or assumed, fills the "
        "margin, or nothing bounds it; 1 not: one seed on a side.",
        "Not kept by Benjamini and Hochberg in their families: 1 (IQL on first).",
    ]
    # Open numbers first, then a line, then the rest; a number without runs of ours is not among them.
    assert [row is None for row in table.rows] == [False] * 5 + [True, False]
    assert [cell.text for cell in table.rows[0]][3:] == [
        "60.0 ± 4.0 (5)", "66.3", "-6.3", "[-12.0, -0.6]", "open (12.5)", "12.0 (14.0)", "17"
    ]  # fmt: skip
    assert table.rows[0][3].marks == ("cond", "d")
    assert table.rows[6][3].marks == ("cond", "d", "bh")
    written = table_module.markdown(table)
    assert written.index("What would decide") < written.index("| Table |")
    assumed = cells.assign(reason="Up to 3 times ours is assumed.", verdict="reproduced")
    notes = verdict_summary.verdict_summary(assumed).notes
    assert any(note.endswith("IQL on hopper-medium-v2: Up to 3 times ours is assumed.") for note in notes)
    nothing = verdict_summary.verdict_summary(cells.iloc[:0])
    assert nothing.lead == ["No reported number has a run of ours."]


def test_nothing_heavy_is_imported_before_it_is_used():
    code = (
        "import sys\n"
        "import paper_tables.audit.rules, paper_tables.scores.read_runs, paper_tables.tables.reference_runs\n"
        "heavy = ('torch', 'rliable', 'matplotlib', 'snakemake', 'arch')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- Rendering ---


def test_the_three_forms_of_a_small_table():
    table = Table(
        "A & B",
        ["Task", "x_1"],
        [
            [Cell("hopper_a"), Cell("1.0 ± 0.1", True, "reproduced", ("u", "h"))],
            None,
            [Cell("b|c"), Cell("–")],
        ],
        ["50% of #1."],
    )
    assert table_module.markdown(table) == (
        "### A & B\n\n| Task | x_1 |\n| --- | ---: |\n| hopper_a | **1.0 ± 0.1** ✓<sup>u,h</sup> |\n"
        "| b\\|c | – |\n\n- 50% of #1.\n"
    )
    assert table_module.as_csv(table) == 'Task,x_1\nhopper_a,"1.0 ± 0.1 [reproduced] (u,h)"\nb|c,–\n'
    assert table_module.latex(table) == (
        "% A & B\n\\begin{tabular}{lr}\n\\toprule\nTask & x\\_1 \\\\\n\\midrule\n"
        "hopper\\_a & \\textbf{1.0 $\\pm$ 0.1} $\\surd$\\textsuperscript{u,h} \\\\\n\\midrule\n"
        "b$|$c & -- \\\\\n\\bottomrule\n\\end{tabular}\n\n"
        "\\medskip\n\\noindent\\begin{minipage}{\\linewidth}\\footnotesize\n"
        "50\\% of \\#1.\\par\n\\end{minipage}\n"
    )


def test_a_long_table_is_cut_between_groups_for_latex():
    rows: list[list[Cell] | None] = []
    for group in range(5):
        rows += [None] if group else []
        rows += [[Cell(f"{group} {number}")] for number in range(20)]
    parts = table_module.pages(rows)
    assert [len(part) for part in parts] == [41, 41, 20]
    assert [row for part in parts for row in part if row] == [row for row in rows if row]
    assert all(part[0] is not None and part[-1] is not None for part in parts)
    assert [len(part) for part in table_module.pages([[Cell(str(number))] for number in range(100)])] == [
        45,
        45,
        10,
    ]
    written = table_module.latex(Table("Long", ["Task"], rows))
    assert written.count("\\toprule") == written.count("Task \\\\") == 3


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


def test_every_verdict_has_a_sign():
    from paper_tables.verdicts.rule import VERDICTS

    assert set(table_module.MARKS) == set(VERDICTS)
    assert len({sign for sign, _ in table_module.MARKS.values()}) == len(VERDICTS)


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
