"""The plan: existing files, blocks on disk, what planning may import."""

import json

import pytest
from recheck import paths
from recheck.errors import ConfigError
from recheck.experiments import seed_blocks

from tests.recheck.cells import finish

HOPPER = "hopper-medium-expert-recollected-v0"


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


# --- Files that have to be brought ---


def test_cells_without_their_file_are_listed_and_the_rest_is_planned(copy, load_plan):
    found = load_plan(copy, experiment="lite").experiment
    assert [message.split("'")[1] for message in found.missing] == [
        "hopper-mixed-v0",
        "halfcheetah-mixed-v0",
    ]
    assert all("data_folder=" in message for message in found.missing)
    assert len(found.task_names) == 3
    # By name in a folder of the user's.
    folder = copy / "mine"
    folder.mkdir()
    (folder / "hopper-mixed-v0.hdf5").write_bytes(b"")
    found = load_plan(copy, experiment="lite", data_folder="mine")
    assert len(found.experiment.task_names) == 4
    assert json.loads(found.task_row("hopper-mixed-v0"))["path"] == "mine/hopper-mixed-v0.hdf5"
    # Prepared already: the file is needed no more.
    prepared = copy / paths.dataset("halfcheetah-mixed-v0")
    prepared.mkdir(parents=True)
    for name in paths.DATASET_FILES:
        (prepared / name).write_bytes(b"")
    assert len(load_plan(copy, experiment="lite").experiment.task_names) == 4


def test_an_experiment_without_any_of_its_files_is_refused(mine):
    with pytest.raises(ConfigError, match="nothing to run: Task 'hopper-mixed-v0' is left out"):
        mine({"grid": [entry(tasks=["hopper-mixed-v0"])]})


def test_a_collected_dataset_depends_on_the_policies_that_play_it(repository, load_plan):
    found = load_plan(experiment="ci")
    files = found.behavior_files(HOPPER)
    assert files
    assert all((repository / file).is_file() for file in files)
    # Every collected task is written of.
    for name, row in found.rows.items():
        if row["source_kind"] == "recollected":
            assert found.recollection(name)["environment_id"] == row["environment_id"]


def test_a_study_grows_from_three_seeds_to_five_and_from_one_machine_to_another(copy, mine):
    first = mine({"grid": [entry(seeds=3)]})
    assert [cell.block for cell in first.cells] == [seed_blocks.Block(seed, seed) for seed in range(3)]
    for cell in first.cells:
        finish(copy, cell)
    second = mine({"grid": [entry(seeds=5)]}, train_on="gpu")
    new = [cell.block for cell in second.cells if not (copy / cell.run_folder).exists()]
    assert new == [seed_blocks.Block(3, 4)]


# --- What planning may import ---


def test_planning_imports_neither_torch_nor_snakemake_nor_pandas():
    import pkgutil
    import subprocess
    import sys

    import recheck

    modules = [module.name for module in pkgutil.walk_packages(recheck.__path__, "recheck.")]
    assert {"recheck.plan", "recheck.cost.forecast"} <= set(modules)
    program = (
        f"import importlib, sys; [importlib.import_module(name) for name in {modules!r}]; "
        "print(sorted({'torch', 'snakemake', 'pandas', 'numpy', 'h5py'} & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout == "[]\n"
