"""A paper's table as what is run: exactly its cells, shared with the experiment that has them."""

import pytest
import yaml
from recheck.errors import ConfigError

HOPPER = "hopper-medium-expert-recollected-v0"
LAYOUTS = ("iql_table_1", "idql_table_1", "diffusion_ql_table_1", "diffusion_ql_table_2", "locomotion")


def cells_of(repository, name):
    """(method, variant, N, task, updates) of every cell of ours, by hand."""
    path = next((repository / "paper_tables/layouts").rglob(f"{name}.yaml"))
    layout = yaml.safe_load(path.read_text())
    found = set()
    for column in layout["columns"]:
        ours = column.get("ours")
        for group in layout["groups"] if ours else []:
            for row in group["rows"]:
                updates = row.get("num_updates", group.get("num_updates", ours["num_updates"]))
                found.add(
                    (ours["method"], ours["variant"], ours.get("diffusion_steps", 0), row["task"], updates)
                )
    return found


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_table_plans_its_cells_and_no_others(repository, load_plan, name):
    runs = load_plan(table=name).experiment.runs.values()
    planned = {
        (
            run.config["method"],
            run.config["variant"],
            run.config["diffusion_steps"],
            run.config["task"],
            run.config["num_updates"],
        )
        for run in runs
    }
    assert planned == cells_of(repository, name)


def test_its_runs_are_those_of_the_experiment_that_has_them(load_plan):
    whole = set(load_plan(experiment="d4rl").episodes())
    for name in ("idql_table_1", "diffusion_ql_table_1", "locomotion"):
        assert set(load_plan(table=name).episodes()) <= whole
    # IQL's table also needs six Adroit tasks that d4rl does not run.
    others = {path.split("/")[3] for path in set(load_plan(table="iql_table_1").episodes()) - whole}
    assert others == {
        f"{name}-{data}-v0" for name in ("hammer", "door", "relocate") for data in ("human", "cloned")
    }


def test_the_folder_of_the_filled_table_and_the_layout_that_is_written(load_plan):
    loaded = load_plan(table="IQL Table 1")
    assert loaded.name == "table-iql_table_1"
    assert loaded.layouts() == ["paper_tables/layouts/iql_table_1.yaml"]
    assert load_plan(experiment="d4rl").layouts() == ["all"]
    part = load_plan(table="iql_table_1", seeds=2, tasks="antmaze_v0")
    assert part.name.startswith("table-iql_table_1-6tasks-2seeds-")
    assert set(part.episodes()) <= set(load_plan(table="iql_table_1").episodes())


def test_cells_that_cannot_be_run_are_named_and_another_version_is_taken(copy, repository, load_plan):
    (copy / "paper_tables").symlink_to(repository / "paper_tables")
    rows = [
        {"task": "antmaze-umaze-v9", "our_tasks": ["antmaze-umaze-v2"]},
        {"task": "hopper-medium-v2", "our_tasks": ["hopper-medium-replay-v2"]},
        {"task": "walker2d-absent-v2"},
    ]
    layout = {
        "format": 1,
        "name": "own",
        "title": "Own",
        "decimals": 1,
        "our_selection": "last",
        "bold": {"rule": "none"},
        "columns": [{"heading": "IQL", "ours": {"method": "iql", "variant": "paper"}}],
        "groups": [{"name": "all", "suite": "gym-locomotion", "rows": rows}],
    }
    (copy / "own.yaml").write_text(yaml.safe_dump(layout))
    loaded = load_plan(copy, table="own.yaml")
    assert loaded.name == "table-own"
    assert loaded.experiment.task_names == ["antmaze-umaze-v2", "hopper-medium-v2"]
    assert any("no run on walker2d-absent-v2" in text and "stay empty" in text for text in loaded.missing)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"table": "nope"}, "table=nope: there is no such table; known are "),
        ({"table": "cql_table_1"}, "table=cql_table_1 has nothing to run: no run on halfcheetah-random-v0"),
        ({"table": "iql_table_1", "experiment": "d4rl"}, "experiment=d4rl and table=iql_table_1"),
        ({"experiment": "table"}, "experiment=table needs table="),
        ({"table": "iql_table_1", "datasets": "x.yaml"}, "gives table and datasets"),
        ({"table": "iql_table_1", "scores": "published"}, "gives table and scores=published"),
        ({"table": "iql_table_1", "methods": "idql"}, "it runs iql."),
        ({"table": "iql_table_1", "num_updates": 5}, "gives num_updates, which only experiment=own reads"),
    ],
)
def test_a_wrong_table_is_refused_in_one_message(load_plan, given, words):
    with pytest.raises(ConfigError) as refusal:
        load_plan(**given)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
