"""What makes a run itself: digests and labels."""

import json

from recheck.experiments import runs

HOPPER = "hopper-medium-expert-recollected-v0"


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


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
    from recheck.methods import hyperparameters

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
