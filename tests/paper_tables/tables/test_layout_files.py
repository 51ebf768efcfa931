"""The papers' own layouts: every number has its place; bad layouts are refused."""

from pathlib import Path

import pytest
import yaml
from recheck.errors import TablesError

from paper_tables import literature
from paper_tables.rendering import table as table_module
from paper_tables.tables import __main__ as tables
from paper_tables.tables import layout_files, paper_table

LAYOUTS = layout_files.layout_names()


# --- Layouts ---


def test_the_four_tables_of_the_issue_are_there():
    assert {"iql_table_1", "diffusion_ql_table_1", "diffusion_ql_table_2", "idql_table_1"} <= set(LAYOUTS)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_number_of_a_layouts_tables_has_its_place(name):
    """No reported number of the tables is left out of the layout, and none is in two places."""
    layout = layout_files.read_layout(name)
    numbers = literature.read_document(layout["document"])
    numbers = numbers[numbers["table"].isin(layout["tables"])]
    headings = [column["reported"] for column in layout["columns"] if "reported" in column]
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
def test_the_papers_columns_show_the_printed_numbers(name):
    layout = layout_files.read_layout(name)
    cells, shown = paper_table.layout_cells(layout)
    assert shown.empty
    text = table_module.markdown(paper_table.layout_table(layout, cells, shown))
    visible = cells[~cells["hidden"].astype(bool) & cells["reported_mean"].notna()]
    for task, rows in visible.groupby("task"):
        line = next(line for line in text.splitlines() if line.startswith(f"| {task} |"))
        for mean in rows["reported_mean"]:
            # What rounds to zero is shown without a sign, as CORL's -0.00.
            assert f"{round(mean, layout['decimals']) + 0.0:.{layout['decimals']}f}" in line
    assert "No runs of ours." in text


def test_order_groups_totals_and_weight_of_iql_table_1():
    layout = layout_files.read_layout("iql_table_1")
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
    assert "672.6<sup>m</sup>" in "\n".join(lines)  # noted from memory, and shown as such


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_runs_shown_with_a_paper_are_variants_that_exist(name):
    folder = Path(__file__).parents[3] / "workflow" / "config" / "hyperparameters"
    if not folder.is_dir():
        pytest.skip("paper_tables is installed without the workflow")
    for column in layout_files.read_layout(name)["columns"]:
        if "ours" in column:
            known = yaml.safe_load((folder / f"{column['ours']['method']}.yaml").read_text(encoding="utf-8"))
            variant = known["variants"][column["ours"]["variant"]]
            while "num_updates" not in variant.get("common", {}):
                variant = known["variants"][variant["extends"]]
            assert variant["common"]["num_updates"]["value"] == column["ours"]["num_updates"]


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
def test_a_bad_layout_is_refused_in_one_message(tmp_path, change, words, capsys):
    layout = yaml.safe_load((layout_files.LAYOUT_FOLDER / "iql_table_1.yaml").read_text()) | change
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(layout))
    assert tables.main(["--layout", str(path), "--output", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_layout_is_refused_with_the_known_ones():
    with pytest.raises(TablesError, match="iql_table_1"):
        layout_files.read_layout("table_of_wonders")
