"""The plan: existing files, blocks on disk, cost, and the index of the scores."""

import hashlib
import json
from pathlib import Path

import pytest
from recheck import blocks, cost_estimate, paths, score_index, user_datasets
from recheck.errors import ConfigError

HOPPER = "hopper-medium-expert-recollected-v0"


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


# --- Files that have to be brought ---


def test_cells_without_their_file_are_listed_and_the_rest_is_planned(copy, load_plan):
    found = load_plan(copy, experiment="lite").experiment
    assert [sentence.split("'")[1] for sentence in found.missing] == [
        "hopper-mixed-v0",
        "halfcheetah-mixed-v0",
    ]
    assert all("data_folder=" in sentence for sentence in found.missing)
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


# --- A file of the user's ---


@pytest.fixture
def hdf5(tmp_path):
    import h5py
    import numpy as np

    def write(name="my file.hdf5", observation_dim=11, action_dim=3):
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            file["observations"] = np.zeros((4, observation_dim), dtype=np.float32)
            file["actions"] = np.zeros((4, action_dim), dtype=np.float32)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("../data/hopper-mixed-v0.hdf5", "own-hopper-mixed-v0"),
        ("my file (2).hdf5", "own-my-file-2"),
        ("https://example.org/x/über.h5", "own-ber"),
        ("a;rm -rf $HOME.hdf5", "own-a-rm--rf-HOME"),
    ],
)
def test_the_task_is_named_after_the_file(dataset, name):
    assert user_datasets.clean_name(dataset) == name


def test_own_takes_the_file_and_the_medium_expert_values(load_plan, hdf5):
    found = load_plan(experiment="own", dataset=hdf5(), env="Hopper-v4", num_updates=1e3, seeds="1,4")
    assert {run.config["method"] for run in found.experiment.runs.values()} == {"iql", "bc"}
    task = f"own-my-file-{hashlib.sha256(Path(hdf5()).read_bytes()).hexdigest()[:8]}"
    assert found.name == task, "tables of other data go elsewhere"
    for run in found.experiment.runs.values():
        assert run.config["task"] == task
        assert run.like == "hopper-medium-expert-v2"
        assert run.config["num_updates"] == 1000
        assert run.seeds == [1, 4]
    row = json.loads(found.task_row(task))
    assert (row["environment_id"], row["horizon"], row["comparability"]) == ("Hopper-v4", 1000, "unverified")
    assert row["reference_max_score"] == 3234.3
    # A changed file without its hash is another dataset.
    assert found.unhashed_file(task) == [row["path"]]
    with_hash = load_plan(experiment="own", dataset=hdf5(), env="Hopper-v4", sha256="a" * 64)
    assert with_hash.unhashed_file(task) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dataset": None}, "needs dataset="),
        ({"dataset": "absent.hdf5"}, "absent.hdf5: there is no such file"),
        ({"env": None}, "widths are 11 (observations) and 3 (actions), which fit Hopper-v4, Hopper-v5"),
        ({"env": "Hoper-v4"}, "no environment 'Hoper-v4'; did you mean Hopper-v4"),
        ({"env": "HalfCheetah-v4"}, "has 17 and 6; environments that fit are Hopper-v4"),
        ({"methods": "iql,nope"}, "no method 'nope'; known are "),
        ({"seeds": "-1"}, "'-1' is no seed; allowed are whole numbers from 0 on"),
        ({"seeds": "0,x"}, "'x' is no seed"),
        ({"seeds": 0}, "seeds is 0; it has to be at least 1"),
        ({"num_updates": 0.5}, "num_updates"),
        ({"num_updates": 10.5}, "num_updates is 10.5; it has to be a whole number"),
        ({"sha256": "abc"}, "64 hexadecimal digits"),
        (
            {"hyperparameters_like": "hopper"},
            "needs hyperparameters_like=, the task whose hyperparameters are taken; 'hopper' is no task",
        ),
    ],
)
def test_a_wrong_word_about_ones_own_file_is_refused_in_one_sentence(load_plan, hdf5, changes, sentence):
    settings = {"experiment": "own", "dataset": hdf5(), "env": "Hopper-v4", **changes}
    with pytest.raises(ConfigError) as refusal:
        load_plan(**settings)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_outside_locomotion_hyperparameters_like_is_required(load_plan, hdf5):
    dataset = hdf5("door.hdf5", 39, 28)
    with pytest.raises(ConfigError, match="needs hyperparameters_like="):
        load_plan(experiment="own", dataset=dataset, env="AdroitHandDoor-v1")
    found = load_plan(
        experiment="own", dataset=dataset, env="AdroitHandDoor-v1", hyperparameters_like="pen-human-v0"
    )
    assert {run.like for run in found.experiment.runs.values()} == {"pen-human-v0"}


# --- Blocks on disk, cost, index ---


def finish(root, cell):
    folder = root / cell.run_folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in paths.RUN_FILES:
        (folder / name).write_text("x")


def test_a_study_grows_from_three_seeds_to_five_and_from_one_machine_to_another(copy, mine):
    first = mine({"grid": [entry(seeds=3)]})
    assert [cell.block for cell in first.cells] == [blocks.Block(seed, seed) for seed in range(3)]
    for cell in first.cells:
        finish(copy, cell)
    second = mine({"grid": [entry(seeds=5)]}, train_on="gpu")
    new = [cell.block for cell in second.cells if not (copy / cell.run_folder).exists()]
    assert new == [blocks.Block(3, 4)]


def test_cost_counts_what_is_left(copy, mine, repository):
    content = {
        "grid": [entry(methods=["diffusion_ql"], seeds=3, checkpoints=4)],
        "evaluation": {"episodes": 2, "episodes_last": 5, "episodes_reevaluated": 1},
    }
    rates = cost_estimate.read_rates(repository)
    loaded = mine(content)
    train, evaluate = sorted(cost_estimate.predict(loaded, rates), key=lambda line: line.stage != "train")
    assert (train.stage, train.num_jobs, train.amount, train.unit) == ("train", 3, 3000, "CPU-hours")
    # 3 checkpoints of 2 episodes, the last of 5, 1 fresh one; 1,000 steps each; 3 seeds.
    assert (evaluate.num_jobs, evaluate.amount) == (3, 3 * 12 * 1000)
    rate = rates["methods"]["diffusion_ql"]["cpu"]
    per_update = rate["seconds"][1] + 5 * rate["seconds_per_diffusion_step"][1]
    assert train.hours[1] == pytest.approx(3000 * per_update / 3600)
    assert train.hours[0] < train.hours[1] < train.hours[2]
    finish(copy, loaded.cells[0])
    again = cost_estimate.predict(mine(content), rates)
    assert {line.stage: line.num_jobs for line in again} == {"train": 2, "evaluate": 3}
    text = cost_estimate.report(loaded, [train, evaluate], {"first job (train)": {"gpu": 1}})
    assert "CPU-hours" in text
    assert rate["source"] in text
    assert "first job (train): gpu=1" in text
    on_gpu = cost_estimate.predict(mine(content, train_on="gpu"), rates)
    assert {line.stage: line.unit for line in on_gpu} == {"train": "GPU-hours", "evaluate": "CPU-hours"}


def test_every_rate_is_of_a_method(repository):
    from recheck import hyperparameters

    assert set(cost_estimate.read_rates(repository)["methods"]) <= set(
        hyperparameters.known_methods(repository)
    )


def test_a_method_without_a_rate_costs_what_is_not_known(mine, repository):
    rates = cost_estimate.read_rates(repository)
    both = mine({"grid": [entry(methods=["iql", "bc"], seeds=1, checkpoints=1)]})
    known = cost_estimate.predict(both, rates)
    del rates["methods"]["bc"]
    lines = cost_estimate.predict(both, rates)
    text = cost_estimate.report(both, lines)
    assert len(lines) == len(known) == 4
    row = next(line for line in text.splitlines() if line.startswith("train") and " bc " in line)
    row = next(line for line in text.splitlines() if line.startswith("train") and " bc " in line)
    assert row.endswith("CPU-hours  not known  not known")
    assert "without bc: not known." in text
    assert "workflow/config/cost_rates.yaml has no rate for this method" in text
    assert "nan" not in text


def test_the_index_names_each_block_and_the_seeds_asked_for(copy, mine, repository, monkeypatch):
    import jsonschema

    for cell in mine({"grid": [entry(seeds=5)]}, train_on="gpu").cells:
        finish(copy, cell)
    loaded = mine({"grid": [entry(seeds=[1, 2])]})
    content = score_index.content(loaded)
    schema = json.loads((repository / "paper_tables/schemas/scores_index.schema.json").read_text())
    jsonschema.validate(content, schema)
    (block,) = content["blocks"]
    assert block["seeds"] == [1, 2]
    assert block["run_dir"].endswith("/seeds0-4")
    assert block["episodes"].endswith("/seeds0-4.parquet")
    # The command line needs no word about the machine.
    monkeypatch.chdir(copy)
    output = copy / "out/index.json"
    assert score_index.main(["--config", loaded.identity(), "--output", str(output)]) == 0
    assert json.loads(output.read_text()) == content
    assert "machines" not in json.loads(loaded.identity())


def test_a_command_line_says_one_sentence_and_ends_with_two(copy, monkeypatch, capsys):
    monkeypatch.chdir(copy)
    assert score_index.main(["--config", '{"experiment": "nope"}', "--output", "x.json"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("There is no experiment 'nope'; known are")
    assert error.count("\n") == 1
    assert not (copy / "x.json").exists()


# --- What planning may import ---


def test_planning_imports_neither_torch_nor_snakemake_nor_pandas():
    import pkgutil
    import subprocess
    import sys

    import recheck

    modules = [f"recheck.{module.name}" for module in pkgutil.iter_modules(recheck.__path__)]
    assert "recheck.plan" in modules
    program = (
        f"import importlib, sys; [importlib.import_module(name) for name in {modules!r}]; "
        "print(sorted({'torch', 'snakemake', 'pandas', 'numpy', 'h5py'} & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout == "[]\n"
