"""The repository's experiments, and all that is refused before a job starts."""

import pytest
from recheck import plan, tasks
from recheck.errors import ConfigError
from recheck.experiments import expansion
from recheck.results import score_index

HOPPER = "hopper-medium-expert-recollected-v0"


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


# --- The experiments of the repository ---


@pytest.mark.parametrize(
    "name",
    [
        "smoke",
        "lite",
        "steps",
        "ablations",
        "ci",
        "d4rl",
        "reference",
        "learning",
        "baselines",
        "planner",
        "steps_reduced",
        "faithfulness",
    ],
)
def test_every_experiment_expands(repository, job_count, name):
    content = expansion.read_file(repository, name)
    found = expansion.expand(repository, name, content, tasks.read(repository))
    assert found.runs
    assert job_count(found, 10)["train"] <= job_count(found, 1)["train"]


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
    assert suites == {"gym-locomotion", "antmaze"}
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


def test_runs_compared_with_reference_runs_have_their_settings(repository, facts):
    import csv

    content = expansion.read_file(repository, "reference")
    found = expansion.expand(repository, "reference", content, tasks.read(repository))
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
    ("content", "words"),
    [
        ({"grid": [entry(methods=["nope"])]}, "no method 'nope'; known are "),
        ({"grid": [entry(tasks=["hopper-v9"])]}, "no task 'hopper-v9'; known are antmaze"),
        ({"grid": [entry(variants=["best"])]}, "no variant 'best'; known are paper, corl_paper_settings"),
        ({"grid": [entry(sampling=["fast"])]}, "no sampling setting 'fast'; known are default"),
        ({"grid": [entry(seeds=[0, -1])]}, "grid.0.seeds.1 is -1; it has to be at least 0"),
        ({"grid": [entry(seeds=0)]}, "seeds is 0; it has to be at least 1"),
        ({"grid": [entry(seeds=10**9)]}, "seeds is 1000000000; it has to be at most 10000"),
        ({"grid": [entry(seeds=[2**31])]}, "grid.0.seeds.0 is 2147483648; it has to be at most 2147483647"),
        ({"grid": [entry(checkpoints=10**9)]}, "checkpoints is 1000000000; it has to be at most 10000"),
        ({"grid": [entry(seeds=[1, 1])]}, "names something twice"),
        (
            {"grid": [entry(sedes=3)]},
            "does not know sedes; known are checkpoints, diffusion_steps, evaluation",
        ),
        ({"grid": []}, "grid is empty"),
        ({"grid": [entry(num_updates=0)]}, "num_updates is 0; it has to be at least 1"),
        ({"grid": [entry(checkpoints=[2000])]}, "checkpoint 2000 is beyond num_updates 1000"),
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
def test_a_wrong_experiment_is_refused_in_one_message(mine, content, words):
    with pytest.raises(ConfigError) as refusal:
        mine(content)
    message = str(refusal.value)
    assert words in message
    assert "\n" not in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"experiment": "smok"}, "no experiment 'smok'; known are ablations, baselines, ci"),
        ({"train_on": "tpu"}, "train_on is 'tpu'; allowed are cpu, gpu"),
        ({"expriment": "ci"}, "does not know expriment; known are "),
        ({"num_updates": 5}, "gives num_updates, which only experiment=own reads"),
        ({"experiment": "a b;touch X"}, "experiment is 'a b;touch X'; "),
        (
            {"scores": "mine"},
            "scores=mine: there is no such file or folder; allowed are a path, published, d3rlpy",
        ),
    ],
)
def test_a_wrong_configuration_is_refused_in_one_message(load_plan, changes, words):
    with pytest.raises(ConfigError) as refusal:
        load_plan(**changes)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (",gym-locomotion,recollected,", ",locomotions,recollected,", "suite is 'locomotions'; allowed are"),
        ("hopper-medium-expert-v2,,false", "hopper-v9,,false", "takes hyperparameters like 'hopper-v9'"),
        ("hopper-mixed-v0,", "hopper-sac-tqc-v0,", "appears twice"),
    ],
)
def test_a_wrong_task_table_is_refused_in_one_message(copy, load_plan, old, new, words):
    path = copy / tasks.FILE
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    tasks.read.cache_clear()
    with pytest.raises(ConfigError) as refusal:
        load_plan(copy, experiment="ci")
    assert words in str(refusal.value)
