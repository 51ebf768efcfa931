"""The papers' tables with our columns: verdicts, marks, provenance."""

import pandas as pd
import yaml

from paper_tables.rendering import table as table_module
from paper_tables.tables import layout_files, paper_table, verdict_summary, write
from tests.paper_tables.tables.runs import some_runs


def cell_of(cells: pd.DataFrame, task: str, column: str) -> pd.Series:
    return cells[(cells["task"] == task) & (cells["column"] == column)].iloc[0]


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
    layout = layout_files.read_layout("diffusion_ql_table_1")
    cells, shown = paper_table.layout_cells(layout, runs)
    assert cell_of(cells, "halfcheetah-medium-expert-v2", "Diffusion-QL")["verdict"] == "reproduced"
    assert cell_of(cells, "hopper-medium-v2", "Diffusion-QL")["verdict"] == "different (lower)"
    assert cell_of(cells, "walker2d-medium-v2", "Diffusion-QL")["verdict"] == "inconclusive"
    text = table_module.markdown(paper_table.layout_table(layout, cells, shown))
    assert "**96.8 ± 0.3** | 96.8 ± 0.1 (5) ✓" in text
    assert "20.2 ± 0.6 (5) ↓<sup>d</sup>" in text
    assert "**87.0 ± 0.9** | 84.4 ± 19.9 (5) ?" in text
    assert "1 reproduced (✓), 1 different (lower) (↓), 1 inconclusive (?)" in text
    assert "– (3 of 9 rows)" in text
    assert "code c0ffee; torch 2.11.0; gymnasium 1.3.0; mujoco 3.11.0; environment Hopper-v4" in text
    assert "content SHA-256 abababababab" in text


def test_totals_of_ours_need_all_rows():
    layout = layout_files.read_layout("diffusion_ql_table_2")
    tasks = [row["task"] for row in layout["groups"][0]["rows"]]
    runs = some_runs({task: [90.0 + k, 91.0 + k] for k, task in enumerate(tasks)}, selection="best_online")
    text = table_module.markdown(paper_table.layout_table(layout, *paper_table.layout_cells(layout, runs)))
    assert next(line for line in text.splitlines() if line.startswith("| Average")).endswith(
        "| **106.9** | 91.5 |"
    )


def test_another_selection_rule_is_a_flag_and_a_family_of_its_own(tmp_path):
    text = (layout_files.LAYOUT_FOLDER / "diffusion_ql_table_1.yaml").read_text()
    layout = yaml.safe_load(text) | {"our_selection": "last"}
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(layout))
    layout = layout_files.read_layout(str(path))
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


def test_a_users_number_without_a_verdict_has_its_reason():
    """IQL prints 87.5 on antmaze-umaze-v0: seeds that are all perfect have no spread to judge by."""
    runs = some_runs(
        {"antmaze-umaze-v0": [100.0] * 5}, method="iql", comparability="stated", variant="stated"
    )
    layout = layout_files.read_layout("iql_table_1")
    cells, shown = paper_table.layout_cells(layout, runs)
    assert cell_of(cells, "antmaze-umaze-v0", "IQL")["verdict"] == "not_judged"
    text = table_module.markdown(paper_table.layout_table(layout, cells, shown, runs))
    assert "Not judged, IQL on antmaze-umaze-v0: Neither side has a spread between seeds" in text


def test_marks_for_version_environment_and_hyperparameters():
    runs = some_runs(
        {"antmaze-umaze-v2": [90.0, 91.0]},
        update=1_000_000,
        environment_match="adapted",
        hyperparameters_like="antmaze-umaze-v0",
    )
    layout = layout_files.read_layout("diffusion_ql_table_1")
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
