"""Public runs: scores, seeds and tasks that cannot be are refused."""

import csv
from pathlib import Path

import pytest

from paper_tables.public_runs import checks
from tests.paper_tables.public_runs.files import copy_source, refused, rows_of, write_rows


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


@pytest.mark.parametrize(
    ("task", "method"),
    [
        ("antmaze-umaze-v2", "iql"),
        ("pen-cloned-v1", "iql"),
        ("pen-cloned-v1", "rebrac"),
        ("pen-cloned-v1", "cql"),
    ],
)
def test_one_score_that_is_a_fraction_is_refused(tmp_path, task, method):
    path = copy_source(tmp_path)
    header, rows = rows_of(path)
    wanted = {"task": task, "method": method, "selection": "last"}
    row = next(
        i for i, cells in enumerate(rows) if all(cells[header.index(c)] == v for c, v in wanted.items())
    )
    rows[row][header.index("score_percent")] = "0.73"
    write_rows(path, header, rows)
    message = refused(tmp_path)
    assert f"{path}, line {row + 2}: score 0.73" in message
    assert "fraction" in message


def test_a_whole_file_or_group_of_fractions_is_refused(tmp_path):
    path = copy_source(tmp_path)
    header, rows = rows_of(path)
    score, task = header.index("score_percent"), header.index("task")
    whole = [[*cells[:score], f"{float(cells[score]) / 100:.6f}", *cells[score + 1 :]] for cells in rows]
    write_rows(path, header, whole)
    assert "fraction" in refused(tmp_path)
    one_task = [new if new[task] == "pen-cloned-v1" else old for new, old in zip(whole, rows, strict=True)]
    write_rows(path, header, one_task)
    message = refused(tmp_path)
    assert "fraction" in message
    assert rows[int(message.split("line ")[1].split(":")[0]) - 2][task] == "pen-cloned-v1"


def test_scores_near_zero_pass_where_they_were_checked_and_only_there(tmp_path, runs):
    """Relocate, and runs that collapsed: marked in the data, refused without the mark."""
    marked = runs[runs["near_zero_checked"].fillna(False).astype(bool)]
    assert len(marked) == 703
    assert (marked["score_percent"].abs() <= checks.LARGEST_FRACTION).all()
    path = copy_source(tmp_path)
    header, rows = rows_of(path)
    row = next(i for i, cells in enumerate(rows) if cells[header.index("near_zero_checked")])
    rows[row][header.index("near_zero_checked")] = ""
    write_rows(path, header, rows)
    assert f"{path}, line {row + 2}: score" in refused(tmp_path)


def test_a_seed_twice_in_one_group_and_a_duplicate_row_are_refused(tmp_path):
    path = copy_source(tmp_path)
    header, rows = rows_of(path)
    write_rows(path, header, [*rows, rows[0]])
    assert f"lines 2 and {len(rows) + 2}: seed 0 of" in refused(tmp_path)
    again = list(rows[0])
    again[header.index("score_percent")] = "50.0"
    write_rows(path, header, [*rows, again])
    assert "appears twice" in refused(tmp_path)


def test_other_data_must_not_bear_d4rls_names(tmp_path):
    copy_source(tmp_path)
    sources = tmp_path / "sources.csv"
    sources.write_text(sources.read_text(encoding="utf-8").replace(",d4rl,", ",other,"), encoding="utf-8")
    assert "is a task of D4RL" in refused(tmp_path)
