"""The cells of a paper's table: which runs of ours are in them, and what cannot be compared."""

import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.rendering import table as table_module
from paper_tables.tables import layout_files, paper_cells, paper_table
from tests.paper_tables.tables.runs import some_runs


def cell_of(cells: pd.DataFrame, task: str, column: str) -> pd.Series:
    return cells[(cells["task"] == task) & (cells["column"] == column)].iloc[0]


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
def test_what_cannot_be_compared_is_reported(other, reason):
    runs = some_runs({"hopper-medium-v2": [90.0, 91.0, 92.0]}, **other)
    cells, _ = paper_cells.layout_cells(layout_files.read_layout("diffusion_ql_table_1"), runs)
    cell = cell_of(cells, "hopper-medium-v2", "Diffusion-QL")
    assert cell["verdict"] == "not_judged"
    assert reason in cell["not_judged_reason"]
    assert reason in cell["reason"]


def test_an_unverified_number_is_not_judged():
    runs = some_runs({"pen-human-v1": [70.0, 71.0, 72.0]}, update=1_000_000)
    cells, _ = paper_cells.layout_cells(layout_files.read_layout("diffusion_ql_table_1"), runs)
    cell = cell_of(cells, "pen-human-v1", "Diffusion-QL")
    assert cell["confidence"] == "from_memory"
    assert cell["verdict"] == "not_judged"


def test_the_papers_own_length_of_training_is_taken_where_there_are_several():
    task = "hopper-medium-v2"
    long = some_runs({task: [90.0, 91.0]})
    short = some_runs({task: [10.0, 11.0]}, update=20_000, digest="ffffffff")
    cells, _ = paper_cells.layout_cells(
        layout_files.read_layout("diffusion_ql_table_1"), pd.concat([short, long])
    )
    assert cell_of(cells, task, "Diffusion-QL")["our_scores_percent"] == (90.0, 91.0)
    other = some_runs({task: [10.0, 11.0]}, digest="ffffffff")
    layout = layout_files.read_layout("diffusion_ql_table_1")
    cells, shown = paper_cells.layout_cells(layout, pd.concat([other, long]))
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
    layout = layout_files.read_layout("diffusion_ql_table_2")
    with pytest.raises(TablesError, match=rf"Row {task} .*mixes {field} .*--allow-mixed-provenance {field}"):
        paper_cells.layout_cells(layout, both)
    cells, _ = paper_cells.layout_cells(layout, both, [field])
    assert (cells["our_scores_percent"].str.len() > 0).sum() == 2
    with pytest.raises(TablesError, match="not a field of provenance"):
        paper_cells.layout_cells(layout, both, ["mood"])


def test_seeds_of_one_cell_must_share_their_provenance_too():
    runs = some_runs({"hopper-medium-v2": [90.0, 91.0]})
    runs.loc[runs["seed"] == 1, "mujoco_version"] = "3.3.0"
    with pytest.raises(TablesError, match=r"mixes mujoco_version 3\.11\.0 and 3\.3\.0"):
        paper_cells.layout_cells(layout_files.read_layout("diffusion_ql_table_1"), runs)
