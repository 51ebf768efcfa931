"""Datasets of the user's own: tasks like any other, named by their content."""

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from recheck import plan
from recheck.configuration import user_datasets
from recheck.errors import ConfigError
from recheck.experiments import runs

REPOSITORY = Path(__file__).resolve().parents[3]
OTHER = "hopper-medium-expert-recollected-v0"
CONFIGURATION = yaml.safe_load((REPOSITORY / "workflow/config/config.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def write(tmp_path):
    def file(name, observation_dim=11, action_dim=3, fill=0.0):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as stream:
            stream["observations"] = np.full((4, observation_dim), fill, dtype=np.float32)
            stream["actions"] = np.zeros((4, action_dim), dtype=np.float32)
        return str(path)

    return file


@pytest.fixture
def declare(tmp_path):
    def file(content, name="my.yaml"):
        path = tmp_path / name
        path.write_text(yaml.safe_dump(content))
        return str(path)

    return file


def load(**settings):
    return plan.load({**CONFIGURATION, "experiment": "own", **settings}, REPOSITORY)


def digits(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:8]


def tasks_of(loaded):
    return {run.config["task"] for run in loaded.experiment.runs.values()}


def test_files_of_one_name_are_two_tasks_with_tables_of_their_own(write):
    first, second = write("a/data.hdf5"), write("b/data.hdf5", fill=1.0)
    one, two = (load(dataset=path, env="Hopper-v4") for path in (first, second))
    assert tasks_of(one) == {f"own-data-{digits(first)}"}
    assert tasks_of(two) == {f"own-data-{digits(second)}"}
    assert one.name != two.name
    assert not set(one.episodes()) & set(two.episodes())
    moved = write("c/data.hdf5")
    assert set(load(dataset=moved, env="Hopper-v4").episodes()) == set(one.episodes()), "content, not place"


def test_curly_brackets_in_a_path_are_refused(write):
    """A rule's input file with them is a pattern."""
    for path in (write("größe [1] {task}/data.hdf5"), "http://a.example/{task}/data.hdf5"):
        with pytest.raises(ConfigError, match=r"\{task\}/data.hdf5 has curly brackets.*; rename the file"):
            load(dataset=path, env="Hopper-v4")
    assert tasks_of(load(dataset=write("größe [1] (2)/data.hdf5"), env="Hopper-v4"))


def test_an_environment_that_no_task_has_is_taken(write):
    path = write("Ant-v4.hdf5", 27, 8)
    loaded = load(dataset=path, env="Ant-v4")
    (task,) = tasks_of(loaded)
    row = json.loads(loaded.task_row(task))
    assert (row["environment_id"], row["horizon"], row["reference_min_score"]) == ("Ant-v4", 1000, None)
    assert any("takes the hyperparameters of hopper-medium-expert-v2" in text for text in loaded.missing)


def test_an_unknown_environment_is_refused_with_near_ones(write):
    with pytest.raises(ConfigError, match=r"no environment 'Ant-v14'; did you mean Ant-v4"):
        load(dataset=write("Ant.hdf5", 27, 8), env="Ant-v14")


def test_a_folder_is_a_dataset_too(write, tmp_path):
    write("minari/data/main_data.hdf5")
    loaded = load(dataset=str(tmp_path / "minari"), env="Hopper-v4")
    (task,) = tasks_of(loaded)
    assert task.startswith("own-minari-")
    write("minari/data/main_data.hdf5", fill=1.0)
    assert tasks_of(load(dataset=str(tmp_path / "minari"), env="Hopper-v4")) != {task}


def test_a_file_declares_datasets_for_own(write, declare):
    first, second = write("a.hdf5"), write("b.hdf5", 17, 6)
    file = declare(
        {
            "mine": {"path": first, "environment": "Hopper-v4"},
            "other": {"path": second, "environment": "Walker2d-v4", "action_clip": 0.9, "horizon": 500},
        }
    )
    loaded = load(datasets=file, methods="bc", seeds=2)
    names = tasks_of(loaded)
    # The second is read with options, which are part of its name as its content is.
    (other,) = names - {f"mine-{digits(first)}"}
    assert other.startswith("other-")
    assert other != f"other-{digits(second)}"
    row = json.loads(loaded.task_row(other))
    assert (row["action_clip"], row["horizon"], row["observation_dim"]) == (0.9, 500, 17)
    assert loaded.name == f"own-my-{runs.digest(sorted(names))}"


def own_experiment(root, content):
    path = root / "workflow/config/experiments/mine.yaml"
    path.write_text(yaml.safe_dump({"description": "a test", **content}))


@pytest.fixture
def copied(tmp_path):
    import shutil

    shutil.copytree(
        REPOSITORY / "workflow", tmp_path / "workflow", ignore=shutil.ignore_patterns("src", "__pycache__")
    )
    return tmp_path


def test_an_experiment_has_variants_steps_samplings_and_updates_for_own_data(copied, write):
    path = write("a.hdf5")
    own_experiment(
        copied,
        {
            "datasets": {"mine": {"path": path, "environment": "Hopper-v4"}},
            "samplings": {"few": {"sampler": "ddim", "steps": 2}},
            "variants": {"half": {"hyperparameters": {"batch_size": 128}}},
            "grid": [
                {"methods": ["bc", "iql"], "tasks": ["mine"], "variants": ["paper"], "seeds": 2,
                 "num_updates": {"bc": 10, "iql": 20}},
                {"methods": ["bc"], "tasks": ["mine"], "variants": ["half"], "seeds": 1},
                {"methods": ["diffusion_ql"], "tasks": ["mine", OTHER], "seeds": 1,
                 "diffusion_steps": [5, 10], "sampling": ["default", "few"]},
            ],
            "exclude": [{"task": "mine", "method": "diffusion_ql", "diffusion_steps": 10}],
        },
    )  # fmt: skip
    loaded = plan.load({**CONFIGURATION, "experiment": "mine"}, copied)
    own = f"mine-{digits(path)}"
    found = [
        (config["method"], config["task"], config["variant"], config["diffusion_steps"], len(run.samplings))
        for run in loaded.experiment.runs.values()
        for config in [run.config]
    ]
    assert found == [
        ("bc", own, "paper", 0, 1),
        ("iql", own, "paper", 0, 1),
        ("bc", own, "half", 0, 1),
        ("diffusion_ql", own, "paper", 5, 2),
        ("diffusion_ql", OTHER, "paper", 5, 2),
        ("diffusion_ql", OTHER, "paper", 10, 2),
    ]
    assert loaded.name == "mine"
    assert {run.config["num_updates"] for run in loaded.experiment.runs.values()} >= {10, 20}


def test_transforms_of_a_dataset_take_the_place_of_the_methods(copied, write):
    transforms = [{"name": "minus_one"}]
    entry = {"path": write("a.hdf5"), "environment": "Hopper-v4", "transforms": transforms}
    grid = [{"methods": ["iql"], "tasks": ["mine"], "seeds": 1}]
    own_experiment(copied, {"datasets": {"mine": entry}, "grid": grid})
    loaded = plan.load({**CONFIGURATION, "experiment": "mine"}, copied)
    (run,) = loaded.experiment.runs.values()
    assert run.config["transforms"] == transforms
    json.loads(loaded.task_row(run.config["task"]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"mine": {"environment": "Hopper-v4"}}, "mine: path is missing."),
        (
            {"mine": {"path": "absent.hdf5", "environment": "Hopper-v4"}},
            "mine: there is no such file: absent",
        ),
        ({"a b": {"path": "x", "environment": "y"}}, "a name begins with a letter or digit"),
        ({"mine": {"path": "x", "environment": "y", "colour": 1}}, "mine does not know colour; known are"),
        (
            {"hopper-medium-v2": {"path": "x", "environment": "y"}},
            "'hopper-medium-v2' is a task of tasks.csv",
        ),
        ({}, "is empty; it needs at least 1 entry"),
    ],
)
def test_a_wrong_declaration_is_one_message(declare, content, message):
    with pytest.raises(ConfigError) as refusal:
        load(datasets=declare(content))
    assert message in str(refusal.value)
    assert "my.yaml" in str(refusal.value)


def test_a_declared_dataset_that_nothing_asks_for_is_reported(write, declare):
    file = declare({"mine": {"path": write("a.hdf5"), "environment": "Hopper-v4"}})
    with pytest.raises(ConfigError, match="declares mine, but experiment 'ci' names none of them"):
        load(experiment="ci", datasets=file)


@pytest.mark.parametrize("given", ["[0,1,2]", "0,1,2", [0, 1, 2], ["0", "1", "2"]])
@pytest.mark.parametrize("experiment", ["own", "ci"])
def test_seeds_are_taken_as_a_list_of_any_form(write, given, experiment):
    own = {"dataset": write("a.hdf5"), "env": "Hopper-v4"} if experiment == "own" else {}
    loaded = load(experiment=experiment, seeds=given, **own)
    assert {tuple(run.seeds) for run in loaded.experiment.runs.values()} == {(0, 1, 2)}


def test_options_of_reading_are_given_on_the_command_line_and_are_part_of_the_name(write):
    path = write("data.hdf5")
    plain = tasks_of(load(dataset=path, env="Hopper-v4"))
    names = [plain]
    for options in (
        {"ends": "terminal"},
        {"ends": "timeout"},
        {"next_observations": "file"},
        {"action_clip": 1},
        {"ends": "terminal", "action_clip": 1.0},
    ):
        loaded = load(dataset=path, env="Hopper-v4", **options)
        (task,) = tasks_of(loaded)
        row = json.loads(loaded.task_row(task))
        assert {key: row[key] for key in options} == options
        names.append({task})
    assert len(set.union(*names)) == 6, "two ways of reading one file are two datasets"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ends": "terminals"}, "ends"),
        ({"next_observations": "yes"}, "next_observations"),
        ({"action_clip": -1}, "action_clip"),
        ({"action_clip": 0}, "action_clip"),
    ],
)
def test_a_wrong_option_of_reading_is_one_message(write, options, message):
    with pytest.raises(ConfigError, match=message):
        load(dataset=write("data.hdf5"), env="Hopper-v4", **options)


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
    assert found.name == f"{task}-1000updates", "tables of other data, and of other runs of it, go elsewhere"
    same = load_plan(experiment="own", dataset=hdf5(), env="Hopper-v4", num_updates=20000, seeds=1)
    assert same.name == task, "own's own number"
    asked = {"num_updates": 5, "hyperparameters_like": "walker2d-medium-v2"}
    other = load_plan(experiment="own", dataset=hdf5(), env="Hopper-v4", **asked)
    assert other.name == f"{task}-5updates-like-walker2d-medium-v2"
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
    ("changes", "words"),
    [
        ({"dataset": None}, "needs dataset="),
        ({"dataset": "absent.hdf5"}, "absent.hdf5: there is no such file"),
        ({"env": None}, "widths are 11 (observations) and 3 (actions), which fit Hopper-v4, Hopper-v5"),
        ({"env": "Hoper-v4"}, "no environment 'Hoper-v4'; did you mean Hopper-v4"),
        ({"env": "HalfCheetah-v4"}, "has 17 and 6; environments that fit are Hopper-v4"),
        ({"methods": "iql,nope"}, "no method 'nope'; known are "),
        ({"seeds": "-1"}, "'-1' is not a seed; allowed are whole numbers from 0 to"),
        ({"seeds": "0,x"}, "'x' is not a seed"),
        ({"seeds": 0}, "seeds is 0; it has to be at least 1"),
        ({"num_updates": 0.5}, "num_updates"),
        ({"num_updates": 10.5}, "num_updates is 10.5; it has to be a whole number"),
        ({"sha256": "abc"}, "64 hexadecimal digits"),
        (
            {"hyperparameters_like": "hopper"},
            "needs hyperparameters_like=, the task whose hyperparameters are taken; 'hopper' is not a task",
        ),
    ],
)
def test_a_wrong_word_about_ones_own_file_is_refused_in_one_message(load_plan, hdf5, changes, words):
    settings = {"experiment": "own", "dataset": hdf5(), "env": "Hopper-v4", **changes}
    with pytest.raises(ConfigError) as refusal:
        load_plan(**settings)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_outside_locomotion_hyperparameters_like_is_required(load_plan, hdf5):
    dataset = hdf5("door.hdf5", 39, 28)
    with pytest.raises(ConfigError, match="needs hyperparameters_like="):
        load_plan(experiment="own", dataset=dataset, env="AdroitHandDoor-v1")
    found = load_plan(
        experiment="own", dataset=dataset, env="AdroitHandDoor-v1", hyperparameters_like="pen-human-v0"
    )
    assert {run.like for run in found.experiment.runs.values()} == {"pen-human-v0"}
