"""The papers' tables with our columns: verdicts, marks, provenance."""

import numpy as np
import pandas as pd
import pytest
import yaml
from recheck.errors import TablesError

from paper_tables.rendering import table as table_module
from paper_tables.tables import layout as layout_module
from paper_tables.tables import paper_table, verdict_summary, write
from tests.paper_tables.tables.runs import some_runs


def cell_of(cells: pd.DataFrame, task: str, column: str) -> pd.Series:
    return cells[(cells["task"] == task) & (cells["column"] == column)].iloc[0]


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


def test_ours_are_next_to_theirs_with_the_verdict():
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
