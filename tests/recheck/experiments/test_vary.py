"""An ablation from the command line: its runs, what they share, what is refused."""

import json

import pytest
from recheck import plan
from recheck.errors import ConfigError
from recheck.experiments import vary
from recheck.results import score_index

HOPPER = "hopper-medium-expert-recollected-v0"


def points(loaded):
    return score_index._variation(loaded.experiment)["points"]


def test_the_runs_are_those_of_the_experiment_file_that_says_the_same(load_plan):
    """experiments/ablations.yaml has expectile_0.5 and others by hand."""
    by_hand = set(load_plan(experiment="ablations").episodes())
    loaded = load_plan(experiment="learning", methods="iql", vary="expectile:0.5,0.6,0.7,0.8,0.9")
    assert set(loaded.episodes()) <= by_hand
    assert len(loaded.experiment.runs) == 5
    assert [point["value"] for point in points(loaded) if point["reference"]] == [0.7]
    assert len({point["digest"] for point in points(loaded)}) == 5


def test_the_own_value_is_the_experiments_own_run_and_is_run_in_any_case(load_plan):
    whole = load_plan(experiment="smoke")
    loaded = load_plan(experiment="smoke", methods="iql", vary="expectile:0.5")
    own = [group for group in loaded.experiment.runs if group in whole.experiment.runs]
    assert len(own) == 1
    assert len(loaded.experiment.runs) == 2
    assert any("own value (0.7) is run too" in message for message in loaded.missing)


def test_the_own_value_is_that_of_each_task(load_plan):
    loaded = load_plan(
        experiment="d4rl", methods="iql", tasks="hopper-medium-v2,antmaze-umaze-v0", vary="expectile:0.7,0.9"
    )
    own = {point["task"]: point["value"] for point in points(loaded) if point["reference"]}
    assert own == {"hopper-medium-v2": 0.7, "antmaze-umaze-v0": 0.9}
    assert set(loaded.experiment.runs) & set(load_plan(experiment="d4rl").experiment.runs) == {
        group for group, run in loaded.experiment.runs.items() if run.config["variant"] == "paper"
    }


@pytest.mark.parametrize(
    ("given", "trained", "values"),
    [
        # A setting of the sampler is varied in evaluation alone.
        ({"methods": "diffusion_ql", "vary": "candidates:1,10"}, 1, [50, 1, 10]),
        ({"methods": "diffusion_ql", "vary": "noise_scale:0.5"}, 1, [1.0, 0.5]),
        ({"methods": "diffusion_ql", "vary": "diffusion_steps:2,5,10"}, 3, [5, 2, 10]),
        ({"methods": "bc", "vary": "train_fraction:0.1,1"}, 2, [1.0, 0.1]),
        ({"methods": "iql", "vary": "dropout:null,0.1"}, 2, [None, 0.1]),
        ({"methods": "iql", "vary": "hidden_sizes:[64,64],[256,256]"}, 2, [[256, 256], [64, 64]]),
        ({"methods": "iql", "vary": "actor_learning_rate:1e-3"}, 2, [0.0003, 0.001]),
        ({"methods": "diffusion_ql", "vary": "eta:2"}, 2, [1.0, 2.0]),
    ],
)
def test_any_hyperparameter(load_plan, given, trained, values):
    loaded = load_plan(experiment="smoke", seeds=1, **given)
    assert [point["value"] for point in points(loaded)] == values
    assert len(loaded.experiment.runs) == trained
    changed = [point for point in points(loaded) if not point["reference"]]
    assert len({(point["digest"], point["sampling"]) for point in points(loaded)}) == len(changed) + 1


def test_a_variant_of_the_method_is_varied_as_it_is(load_plan):
    loaded = load_plan(experiment="smoke", methods="idql", vary="expectile:0.9")
    release, varied = loaded.experiment.runs.values()
    difference = {
        name
        for name, value in varied.config["hyperparameters"].items()
        if value != release.config["hyperparameters"][name]
    }
    assert release.config["variant"] == "release"
    assert difference == {"expectile"}


def test_the_folder_and_the_commands_that_plan_again(load_plan):
    one = load_plan(experiment="ablations", methods="iql", seeds=5, vary="expectile:0.5,0.9")
    other = load_plan(experiment="ablations", methods="iql", seeds=5, vary="expectile:0.9,0.5")
    assert one.name == other.name
    assert "-vary_expectile-" in one.name
    assert one.name != load_plan(experiment="ablations", methods="iql", seeds=5, vary="expectile:0.5").name
    again = plan.load(json.loads(one.identity()), plan.Path())
    assert score_index._variation(again.experiment) == score_index._variation(one.experiment)
    assert again.varies
    assert not load_plan(experiment="ablations").varies
    assert "vary" not in score_index.content(load_plan(experiment="ci"))


def test_an_own_value_in_another_place_is_no_value_of_yaml_1_1():
    assert vary.read("actor_decay:none,cosine").values == ("none", "cosine")
    assert vary.read("x:1e-3, 2").values == (0.001, 2)
    assert [vary.slug(value) for value in (0.0003, 1e-5, -5.0, None, True, [256, 256], 2)] == [
        "0.0003",
        "1em05",
        "m5",
        "null",
        "true",
        "256_256",
        "2",
    ]


def test_a_space_behind_the_colon_changes_nothing(load_plan):
    spaced, plain = (load_plan(methods="iql", vary=given) for given in ({"expectile": 0.5}, "expectile:0.5"))
    assert spaced.episodes() == plain.episodes()
    assert spaced.name == plain.name
    assert vary.as_text({"a": 1, "b": 2}) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"vary": "eta:1", "methods": "iql"},
            "vary=eta: no method of experiment 'smoke' has it",
        ),
        ({"vary": "expectile"}, "allowed is a hyperparameter and its values, as expectile:0.5,0.7,0.9"),
        ({"vary": "expectile:"}, "vary=expectile: gives no value"),
        # As Snakemake reads that from the command line.
        ({"vary": {"expectile": ""}}, "vary=expectile: gives no value"),
        ({"vary": {"expectile": None}}, "vary=expectile: gives no value"),
        ({"vary": "expectile:0.5,0.50"}, "gives 0.5 twice; keep one"),
        ({"vary": "expectile:[0.5"}, "the values cannot be read"),
        ({"vary": "expectile:0.3"}, "expectile is 0.3; it has to be at least 0.5 and less than 1"),
        ({"vary": "expectile:high"}, "expectile is 'high'; it has to be a number"),
        ({"vary": "batch_size:12.5", "methods": "iql"}, "batch_size is 12.5; it has to be a whole number"),
        ({"vary": "candidates:0", "methods": "idql"}, "candidates is 0; it has to be at least 1"),
        ({"vary": "diffusion_steps:0", "methods": "idql"}, "diffusion_steps.1 is 0; it has to be at least 1"),
        ({"vary": "steps:9", "methods": "idql"}, "takes 9 steps, but idql on"),
        ({"vary": "expectile:0.5", "seeds": 0}, "seeds is 0; it has to be at least 1"),
        ({"vary": "expectile:0.5", "table": "iql_table_1"}, "gives table and vary=expectile:0.5"),
        ({"vary": "expectile:0.5", "scores": "published"}, "gives vary and scores=published"),
    ],
)
def test_a_wrong_ablation_is_refused_in_one_message(load_plan, given, words):
    with pytest.raises(ConfigError) as refusal:
        load_plan(**given)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
