"""Experiments: the grid and its exclusions, identities, and all that is refused before a job starts."""

import hashlib
import json
from pathlib import Path

import pytest
from recheck import blocks, cost_estimate, experiments, paths, plan, runs, score_index, tasks, user_datasets
from recheck.errors import ConfigError

HOPPER = "hopper-medium-expert-recollected-v0"


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


@pytest.fixture
def mine(copy, write_experiment, load_plan):
    """Plan an experiment written for the test."""

    def load(content, **changes):
        write_experiment(content)
        return load_plan(copy, experiment="mine", **changes)

    return load


# --- The grid ---


def test_the_grid_is_the_product_of_its_axes(mine):
    found = mine(
        {
            "samplings": {"ddim_2": {"sampler": "ddim", "steps": 2}},
            "grid": [
                entry(
                    methods=["diffusion_ql", "idql"],
                    tasks=[HOPPER, "hopper-medium-recollected-v0"],
                    variants=["paper", "release"],
                    diffusion_steps=[5, 10],
                    seeds=[0, 3, 4],
                    sampling=["default", "ddim_2"],
                )
            ],
        }
    ).experiment
    assert len(found.runs) == 2 * 2 * 2 * 2
    assert all(len(run.samplings) == 2 for run in found.runs.values())
    assert all(run.seeds == [0, 3, 4] for run in found.runs.values())
    # Seeds 3 and 4 fit one block of two.
    assert experiments.job_count(found, 2) == {"dataset": 2, "train": 16 * 2, "evaluate": 16 * 2 * 2}
    assert experiments.job_count(found, 1) == {"dataset": 2, "train": 16 * 3, "evaluate": 16 * 3 * 2}


def test_one_training_run_serves_all_its_sampling_settings(mine):
    found = mine(
        {
            "samplings": {"few": {"candidates": 10}},
            "grid": [
                entry(methods=["diffusion_ql"], seeds=3),
                entry(methods=["diffusion_ql"], seeds=[0], sampling=["few"]),
            ],
        }
    )
    (run,) = found.experiment.runs.values()
    assert {sampling.name: sorted(seeds) for sampling, seeds in run.samplings.values()} == {
        "default": [0, 1, 2],
        "few": [0],
    }
    assert len({cell.run_folder for cell in found.cells}) == 3
    assert len(found.cells) == 4


@pytest.mark.parametrize(("method", "sampler"), [("diffusion_ql", None), ("idql", "ddpm"), ("edp", "ddim")])
def test_any_number_of_sampling_steps_up_to_the_training_steps_is_planned(mine, method, sampler):
    settings = {f"s{steps}": {"sampler": sampler, "steps": steps} for steps in (1, 17, 50)}
    content = {
        "samplings": settings,
        "grid": [entry(methods=[method], diffusion_steps=[50], seeds=1, sampling=[*settings])],
    }
    (run,) = mine(content).experiment.runs.values()
    assert [sampling.setting["steps"] for sampling, _ in run.samplings.values()] == [1, 17, 50]


def test_exclusions_leave_out_what_they_match(mine):
    content = {
        "grid": [entry(methods=["iql", "bc"], tasks=[HOPPER, "hopper-medium-recollected-v0"], seeds=3)],
        "exclude": [
            {"method": "bc", "task": "hopper-medium-recollected-v0"},
            {"method": "iql", "task": HOPPER, "seed": [1, 2]},
        ],
    }
    found = mine(content).experiment
    assert {(run.config["method"], run.config["task"]): run.seeds for run in found.runs.values()} == {
        ("iql", HOPPER): [0],
        ("iql", "hopper-medium-recollected-v0"): [0, 1, 2],
        ("bc", HOPPER): [0, 1, 2],
    }


def test_exclusions_know_the_values_that_an_entry_leaves_out(mine):
    """The default variant has a name, and the method's own N is a number."""
    grid = [entry(methods=["iql", "bc"]), entry(methods=["diffusion_ql", "edp", "idql"])]
    content = {
        "grid": grid,
        "exclude": [{"variant": "paper", "method": ["bc", "idql"]}, {"diffusion_steps": [5, 0]}],
    }
    assert [run.config["method"] for run in mine(content).experiment.runs.values()] == ["edp"]


def test_variants_of_an_experiment_change_the_values_they_name(mine):
    found = mine(
        {
            "variants": {"tau_half": {"base": "corl_paper_settings", "hyperparameters": {"expectile": 0.5}}},
            "grid": [entry(variants=["corl_paper_settings", "tau_half"])],
        }
    ).experiment
    plain, changed = (run.config for run in found.runs.values())
    assert changed["hyperparameters"] == {**plain["hyperparameters"], "expectile": 0.5}
    assert (plain["variant"], changed["variant"]) == ("corl_paper_settings", "tau_half")


def test_checkpoints_are_even_and_end_with_the_last_update(mine):
    def checkpoints(given, updates=1000):
        (run,) = mine({"grid": [entry(num_updates=updates, checkpoints=given)]}).experiment.runs.values()
        return run.config["checkpoints"]

    assert checkpoints(4) == [250, 500, 750, 1000]
    assert checkpoints(3) == [333, 666, 1000]
    assert checkpoints([200, 100]) == [100, 200, 1000]
    assert checkpoints(10, updates=3) == [1, 2, 3]


def test_updates_may_be_given_for_each_method(mine):
    found = mine({"grid": [entry(methods=["iql", "bc"], num_updates={"iql": 30, "bc": 70})]}).experiment
    assert [run.config["num_updates"] for run in found.runs.values()] == [30, 70]
    own_number = mine({"grid": [entry(num_updates=None)]}).experiment
    assert [run.config["num_updates"] for run in own_number.runs.values()] == [1_000_000]


# --- Identity ---


def test_the_digest_covers_what_changes_a_result_and_nothing_else(mine, write_experiment, copy, load_plan):
    def group(content, **changes):
        (run,) = mine({"grid": [content]}, **changes).experiment.runs.values()
        return run.group

    base = group(entry())
    assert group(entry(seeds=5)) == base
    assert group(entry(), train_on="gpu") == base
    assert group(entry(evaluation={"episodes": 3})) == base
    assert group(entry(num_updates=1001)) != base
    assert group(entry(checkpoints=2)) != base
    # Another experiment of another name shares the run.
    write_experiment({"grid": [entry(), entry(methods=["bc"])]}, name="other")
    assert base in load_plan(copy, experiment="other").experiment.runs


def test_a_changed_value_is_another_path_and_back_again(copy, mine):
    path = copy / "workflow/config/hyperparameters/iql.yaml"
    before = path.read_text()
    content = {"grid": [entry(methods=["iql", "bc"])]}

    def groups(loaded):
        return {run.config["method"]: group for group, run in loaded.experiment.runs.items()}

    first = groups(mine(content))
    from recheck import hyperparameters

    path.write_text(before.replace("advantage_clip: {value: 100.0", "advantage_clip: {value: 50.0"))
    hyperparameters.read.cache_clear()
    second = groups(mine(content))
    assert second["iql"] != first["iql"]
    assert second["bc"] == first["bc"]
    path.write_text(before)
    hyperparameters.read.cache_clear()
    assert groups(mine(content)) == first


def test_the_method_format_version_is_in_the_digest(mine):
    (run,) = mine({"grid": [entry()]}).experiment.runs.values()
    raised = {**run.config, "method_format": run.config["method_format"] + 1}
    assert runs.Run(config=raised, like=None).digest != run.digest


def test_the_digest_is_that_of_the_canonical_json():
    # SHA-256 of {"a":[1,2.5],"b":"ü"} in UTF-8, computed apart.
    assert runs.digest({"b": "ü", "a": [1, 2.5]}) == "4453b0fd"


def test_the_sampling_label_covers_setting_evaluation_and_environment():
    setting = {"name": "default", **runs.SAMPLING_DEFAULTS}

    def label(setting=setting, environment="Hopper-v4", **evaluation):
        full = {**runs.EVALUATION_DEFAULTS, **evaluation}
        return runs.Sampling(setting, full, environment).label

    base = label()
    assert base.startswith("default-")
    changed = [
        label(episodes=11),
        label(environment="Hopper-v5"),
        label(setting={**setting, "noise_scale": 0.5}),
    ]
    assert len({base, *changed}) == 4


def test_a_blocks_configuration_holds_what_the_trainer_needs(load_plan):
    found = load_plan(experiment="ci")
    run = next(iter(found.experiment.runs.values()))
    config = json.loads(run.config_text(0, 1))
    assert config["seeds"] == [0, 1]
    assert config["digest"] == run.digest
    without = {key: value for key, value in config.items() if key not in ("digest", "seeds")}
    assert runs.digest(without) == run.digest
    assert config["checkpoints"][-1] == config["num_updates"]


# --- The experiments of the repository ---


@pytest.mark.parametrize(
    "name", ["smoke", "lite", "steps", "ablations", "ci", "d4rl", "reference", "learning", "steps_reduced"]
)
def test_every_experiment_expands(repository, load_plan, name):
    content = experiments.read_file(repository, name)
    found = experiments.expand(repository, name, content, tasks.read(repository))
    assert found.runs
    assert experiments.job_count(found, 10)["train"] <= experiments.job_count(found, 1)["train"]


def test_d4rl_holds_the_pairs_that_the_papers_report(load_plan):
    found = load_plan(experiment="d4rl").experiment
    pairs = {}
    for run in found.runs.values():
        pairs.setdefault(run.config["method"], set()).add(run.config["task"])
    assert {method: len(names) for method, names in pairs.items()} == {
        "iql": 20,
        "diffusion_ql": 20,
        "idql": 15,
    }
    assert {"pen-human-v0", "pen-cloned-v0"} <= pairs["iql"]
    assert {"pen-human-v1", "pen-cloned-v1"} <= pairs["diffusion_ql"]
    assert pairs["iql"] - pairs["diffusion_ql"] == {"pen-human-v0", "pen-cloned-v0"}
    suites = {tasks.read(plan.Path())[task]["suite"] for task in pairs["idql"]}
    assert suites == {"locomotion", "antmaze"}
    assert not any(run.like for run in found.runs.values())


def test_the_index_says_whose_hyperparameters_a_method_took(mine):
    """pen-human-v0 is one of IQL's own tasks; Diffusion-QL has v1."""
    grid = [entry(methods=["iql", "diffusion_ql"], tasks=["pen-human-v0"], seeds=1)]
    blocks = score_index.content(mine({"grid": grid}))["blocks"]
    likes = {block["run_dir"].split("/")[2]: block["hyperparameters_like"] for block in blocks}
    assert likes == {"iql": None, "diffusion_ql": "pen-human-v1"}


def test_what_an_experiment_changes_is_checked_after_the_change(mine):
    """EDP's own schedule and sampler need many steps; a variant that changes both brings it to few."""
    few = {"hyperparameters": {"schedule": "vp", "sampler": "ddim", "sampling_steps": None}}
    grid = [entry(methods=["edp"], variants=["few"], diffusion_steps=[5])]
    (run,) = mine({"variants": {"few": few}, "grid": grid}).experiment.runs.values()
    assert (run.config["diffusion_steps"], run.config["hyperparameters"]["schedule"]) == (5, "vp")


def test_the_extraction_that_a_method_has_may_be_named(mine):
    grid = [entry(methods=["iql"], sampling=["plain"])]
    assert mine({"samplings": {"plain": {"extraction": "awr"}}, "grid": grid}).experiment.runs


def test_the_twins_have_the_settings_of_the_reference_runs(repository, facts):
    import csv

    content = experiments.read_file(repository, "reference")
    found = experiments.expand(repository, "reference", content, tasks.read(repository))
    with (facts / "official_runs.csv").open(encoding="utf-8") as stream:
        wanted = {(row["method"], row["task"], int(row["horizon_updates"])) for row in csv.DictReader(stream)}
    variants = {"iql": "corl_paper_settings", "diffusion_ql": "paper"}
    planned = {
        (run.config["method"], run.config["task"], run.config["num_updates"])
        for run in found.runs.values()
        if run.config["variant"] == variants.get(run.config["method"])
    }
    assert wanted <= planned


# --- Refusals ---


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"grid": [entry(methods=["cql"])]}, "no method 'cql'; known are bc, diffusion_bc"),
        ({"grid": [entry(tasks=["hopper-v9"])]}, "no task 'hopper-v9'; known are antmaze"),
        ({"grid": [entry(variants=["best"])]}, "no variant 'best'; known are paper, corl_paper_settings"),
        ({"grid": [entry(sampling=["fast"])]}, "no sampling setting 'fast'; known are default"),
        ({"grid": [entry(seeds=[0, -1])]}, "grid.0.seeds.1 is -1; it has to be at least 0"),
        ({"grid": [entry(seeds=0)]}, "seeds is 0; it has to be at least 1"),
        ({"grid": [entry(seeds=[1, 1])]}, "names something twice"),
        (
            {"grid": [entry(sedes=3)]},
            "does not know sedes; known are checkpoints, diffusion_steps, evaluation",
        ),
        ({"grid": []}, "grid is empty"),
        ({"grid": [entry(num_updates=0)]}, "num_updates is 0; it has to be at least 1"),
        ({"grid": [entry(checkpoints=[2000])]}, "checkpoint 2000 lies beyond num_updates 1000"),
        ({"grid": [entry(diffusion_steps=[5])]}, "'iql', which has no diffusion steps"),
        (
            {"grid": [entry(methods=["diffusion_ql"], num_updates={"iql": 5})]},
            "num_updates names no value for method 'diffusion_ql'",
        ),
        (
            {
                "samplings": {"many": {"sampler": "ddim", "steps": 6}},
                "grid": [entry(methods=["diffusion_ql"], diffusion_steps=[5], sampling=["many"])],
            },
            "takes 6 steps, but diffusion_ql on hopper-medium-expert-recollected-v0 is trained with 5; "
            "allowed are 1 to 5",
        ),
        (
            {
                "samplings": {"many": {"steps": 6}},
                "grid": [entry(methods=["idql"], diffusion_steps=[5], sampling=["many"])],
            },
            "takes 6 steps, but idql on hopper-medium-expert-recollected-v0 is trained with 5",
        ),
        (
            {"samplings": {"none": {"steps": 0}}, "grid": [entry()]},
            "samplings.none.steps is 0; it has to be at least 1",
        ),
        (
            {"samplings": {"none": {"candidates": 0}}, "grid": [entry()]},
            "samplings.none.candidates is 0; it has to be at least 1",
        ),
        (
            {"samplings": {"x": {"sampler": "euler"}}, "grid": [entry()]},
            "'euler'; allowed are ddpm, ddim, dpm_solver",
        ),
        (
            {"samplings": {"x": {"candidates": 5}}, "grid": [entry(sampling=["x"])]},
            "gives candidates, which method 'iql' does not have",
        ),
        (
            {
                "samplings": {"x": {"extraction": "implicit"}},
                "grid": [entry(methods=["diffusion_ql"], sampling=["x"])],
            },
            "extracts by 'implicit'; method 'diffusion_ql' allows softmax, argmax",
        ),
        (
            {"samplings": {"x": {"extraction": "argmax"}}, "grid": [entry(sampling=["x"])]},
            "gives extraction, which method 'iql' does not have",
        ),
        (
            {
                "variants": {"v": {"hyperparameters": {"extraction": "implicit"}}},
                "grid": [entry(methods=["diffusion_ql"], variants=["v"])],
            },
            "extraction is 'implicit'; method 'diffusion_ql' allows softmax, argmax",
        ),
        (
            {
                "variants": {"paper": {"hyperparameters": {"eta": 0}}},
                "grid": [entry(methods=["diffusion_ql"], variants=["paper"])],
            },
            "method 'diffusion_ql' has a variant of that name",
        ),
        (
            {"variants": {"v": {"transforms": [{"name": "clip_actions"}]}}, "grid": [entry(variants=["v"])]},
            "limit is missing",
        ),
        (
            {
                "variants": {"v": {"transforms": [{"name": "minus_one", "fraction": 0.1}]}},
                "grid": [entry(variants=["v"])],
            },
            "'minus_one'; allowed are top_fraction",
        ),
        (
            {
                "variants": {
                    "v": {
                        "transforms": [
                            {"name": "minus_one"},
                            {"name": "return_range", "boundaries": "unfiltered"},
                        ]
                    }
                },
                "grid": [entry(variants=["v"])],
            },
            "return_range with boundaries unfiltered follows minus_one",
        ),
        (
            {"variants": {"v": {"hyperparameters": {"expectile": 0.3}}}, "grid": [entry(variants=["v"])]},
            "expectile is 0.3; it has to be at least 0.5",
        ),
        (
            {"variants": {"v": {"hyperparameters": {"expectile": 1}}}, "grid": [entry(variants=["v"])]},
            "expectile is 1; it has to be less than 1 and at least 0.5",
        ),
        (
            {
                "variants": {"v": {"hyperparameters": {"expectile": float("nan")}}},
                "grid": [entry(variants=["v"])],
            },
            "expectile is nan; it has to be a finite number",
        ),
        (
            {
                "variants": {"v": {"hyperparameters": {"gradient_clip": float("inf")}}},
                "grid": [entry(methods=["diffusion_ql"], variants=["v"])],
            },
            "gradient_clip is inf; it has to be a finite number",
        ),
        (
            {
                "variants": {"v": {"hyperparameters": {"quantile": 0.4, "value_loss": "quantile"}}},
                "grid": [entry(methods=["idql"], variants=["v"])],
            },
            "quantile is 0.4; it has to be at least 0.5 and less than 1",
        ),
        (
            {
                "variants": {"v": {"hyperparameters": {"schedule": "sigmoid"}}},
                "grid": [entry(methods=["idql"], variants=["v"])],
            },
            "schedule is 'sigmoid'; allowed are linear, linear_scaled, cosine, vp",
        ),
        (
            {
                "variants": {"v": {"hyperparameters": {"candidates": 8.0}}},
                "grid": [entry(methods=["idql"], variants=["v"])],
            },
            "candidates is 8.0; it has to be a whole number",
        ),
        ({"grid": [entry(num_updates=1000.0)]}, "num_updates is 1000.0"),
        ({"grid": [entry(seeds=2.0)]}, "seeds is 2.0"),
        (
            {"variants": {"v": {"hyperparameters": {"eta": 1.0}}}, "grid": [entry(variants=["v"])]},
            "sets eta, which method 'iql' does not have; known are actor_decay",
        ),
        (
            {
                "variants": {"v": {"hyperparameters": {"schedule": "linear_scaled"}}},
                "grid": [entry(methods=["diffusion_ql"], variants=["v"], diffusion_steps=[20])],
            },
            "'linear_scaled' with diffusion_steps 20; it needs more than 20",
        ),
        (
            {
                "variants": {"v": {"hyperparameters": {"exponential_alpha": 0}}},
                "grid": [entry(methods=["idql"], variants=["v"])],
            },
            "exponential_alpha is 0; it has to be greater than 0",
        ),
        (
            {"grid": [entry(methods=["idql"], tasks=["kitchen-mixed-v0"])]},
            "no hyperparameters for task 'kitchen-mixed-v0'",
        ),
        (
            {"variants": {"v": {"transforms": [{"name": "double"}]}}, "grid": [entry(variants=["v"])]},
            "name is 'double'; allowed are clip_actions, minus_one",
        ),
        (
            {
                "samplings": {"x": {"candidates": 5}},
                "grid": [entry(methods=["diffusion_bc"], sampling=["x"])],
            },
            "gives candidates, but method 'diffusion_bc' draws no candidates",
        ),
        (
            {
                "variants": {"v": {"hyperparameters": {"shared_batch": True}}},
                "grid": [entry(methods=["idql"], variants=["v"])],
            },
            "needs one actor update and equal sizes",
        ),
        ({"grid": [entry()], "exclude": [{"method": "bc"}]}, "excludes nothing"),
        ({"grid": [entry()], "exclude": [{"task": "hopper-v9"}]}, "no task 'hopper-v9'"),
        ({"grid": [entry()], "exclude": [{"method": "iql"}]}, "leave nothing to run"),
        ({"grid": [entry()], "evaluation": {"episodes": 501}}, "can be at most 500"),
    ],
)
def test_a_wrong_experiment_is_refused_in_one_sentence(mine, content, sentence):
    with pytest.raises(ConfigError) as refusal:
        mine(content)
    message = str(refusal.value)
    assert sentence in message
    assert "\n" not in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"experiment": "smok"}, "no experiment 'smok'; known are ablations, ci, d4rl"),
        ({"train_on": "tpu"}, "train_on is 'tpu'; allowed are cpu, gpu"),
        ({"expriment": "ci"}, "does not know expriment; known are "),
        ({"methods": "bc"}, "gives methods, which only experiment=own reads"),
        ({"experiment": "a b;touch X"}, "experiment is 'a b;touch X'; "),
        (
            {"scores": "mine"},
            "scores=mine: there is no such file or folder; allowed are a path, published, d3rlpy",
        ),
    ],
)
def test_a_wrong_configuration_is_refused_in_one_sentence(load_plan, changes, sentence):
    with pytest.raises(ConfigError) as refusal:
        load_plan(**changes)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (",locomotion,recollected,", ",locomotions,recollected,", "suite is 'locomotions'; allowed are"),
        ("hopper-medium-expert-v2,,false", "hopper-v9,,false", "takes hyperparameters like 'hopper-v9'"),
        ("hopper-mixed-v0,", "hopper-sac-tqc-v0,", "is there twice"),
    ],
)
def test_a_wrong_task_table_is_refused_in_one_sentence(copy, load_plan, old, new, sentence):
    path = copy / tasks.FILE
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    tasks.read.cache_clear()
    with pytest.raises(ConfigError) as refusal:
        load_plan(copy, experiment="ci")
    assert sentence in str(refusal.value)


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
        ({"methods": "iql,cql"}, "no method 'cql'; known are bc"),
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
        "evaluation": {"episodes": 2, "episodes_last": 5, "episodes_honest": 1},
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
