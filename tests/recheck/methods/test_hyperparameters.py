"""Hyperparameter files: layers, agreement with the methods, refusals, deviations."""

import inspect
import json
from pathlib import Path

import pytest
import yaml
from recheck import tasks
from recheck.errors import ConfigError
from recheck.methods import deviations, hyperparameters

from algos import base, methods
from algos.datasets import transforms
from algos.diffusion import schedule as diffusion_schedule
from tests.recheck.methods.resolved import resolve

ROOT = Path(__file__).resolve().parents[3]
METHODS = hyperparameters.known_methods(ROOT)


# --- Layers ---


def test_every_value_has_a_source_and_every_variant_resolves_on_every_task_it_covers():
    for name in METHODS:
        method = hyperparameters.read(ROOT, name)
        for variant in method.variants:
            assert hyperparameters.covered(method, variant)
            for task in hyperparameters.covered(method, variant):
                found = resolve(name, task, variant)
                assert set(found.values) <= set(found.sources)
                assert found.like is None
                assert found.num_updates > 0
                assert (found.diffusion_steps > 0) is method.diffusion


def test_a_task_without_values_takes_those_it_is_like_and_says_so():
    found = resolve("diffusion_ql", "halfcheetah-mixed-v0")
    assert found.like == "halfcheetah-medium-expert-v2"
    assert found.values == resolve("diffusion_ql", "halfcheetah-medium-expert-v2").values
    # pen: the papers differ in the version, so each version takes the other's values where it has none.
    assert resolve("diffusion_ql", "pen-human-v0").like == "pen-human-v1"
    assert resolve("diffusion_ql", "pen-human-v1").like is None
    assert resolve("iql", "pen-human-v1").like == "pen-human-v0"


def test_made_tasks_take_the_values_of_the_nearest_task_of_the_papers():
    """Mixed, re-collected: their environment's medium-expert-v2; antmaze v2: v0; pointmaze: antmaze-umaze."""
    expected = {}
    for name, row in tasks.read(ROOT).items():
        if row["suite"] == "gym-locomotion" and row["comparability"] == "recollected":
            if row["source_kind"] != "minari":
                expected[name] = f"{row['environment_id'].split('-')[0].lower()}-medium-expert-v2"
        elif row["source_kind"] == "hdf5" and name.startswith("antmaze") and name.endswith("-v2"):
            expected[name] = name.removesuffix("v2") + "v0"
        elif name.startswith("pointmaze"):
            expected[name] = "antmaze-umaze-v0"
    assert len(expected) == 3 + 9 + 6 + 1
    assert {name: tasks.likes(tasks.read(ROOT))[name] for name in expected} == expected


def test_later_layers_override_earlier_ones(copy):
    path = copy / "workflow/config/hyperparameters/iql.yaml"
    content = yaml.safe_load(path.read_text())
    changed = {"beta": {"value": 7.5, "source": "a test"}}
    content["variants"]["paper"]["tasks"] = {"antmaze-umaze-v0": {"hyperparameters": changed}}
    content["variants"]["mine"] = {
        "description": "a test",
        "extends": "paper",
        "common": {"hyperparameters": {"expectile": {"value": 0.8, "source": "a test"}}},
    }
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    method = hyperparameters.read(copy, "iql")

    def value(variant, task, name):
        return hyperparameters.resolve(copy, method, variant, task, {}).values[name]

    assert value("paper", "antmaze-umaze-v0", "beta") == 7.5
    assert value("paper", "antmaze-medium-play-v0", "beta") == 10.0
    assert value("paper", "hopper-medium-v2", "beta") == 3.0
    # A variant's layers come after all of its base's.
    assert value("paper", "antmaze-umaze-v0", "expectile") == 0.9
    assert value("mine", "antmaze-umaze-v0", "expectile") == 0.8
    assert value("mine", "antmaze-umaze-v0", "beta") == 7.5


# --- Agreement with the methods ---


@pytest.mark.parametrize("name", METHODS)
def test_the_files_agree_with_the_classes(name):
    method, cls = hyperparameters.read(ROOT, name), methods.method_class(name)
    assert method.format_version == cls.format_version
    assert method.extraction == list(getattr(cls, "EXTRACTIONS", ()))
    for variant in method.variants:
        for task in sorted(hyperparameters.covered(method, variant)):
            base.check_hyperparameters(cls, resolve(name, task, variant).values)


def test_a_method_is_known_by_its_file_alone():
    assert methods.known_methods() == METHODS
    assert hyperparameters.class_path(ROOT, "bc") == "algos.bc:BC"


def test_the_schema_lists_the_schedules_and_samplers_that_exist(repository):
    read = json.loads((repository / "workflow/schemas/hyperparameters.schema.json").read_text())
    values = read["$defs"]["values"]["properties"]
    assert values["schedule"]["enum"] == list(diffusion_schedule.SCHEDULES)
    assert values["sampler"]["enum"] == list(diffusion_schedule.SAMPLERS)
    assert values["ddpm_form"]["enum"] == list(diffusion_schedule.DDPM_FORMS)
    experiment = json.loads((repository / "workflow/schemas/experiment.schema.json").read_text())
    assert experiment["$defs"]["sampling"]["properties"]["sampler"]["enum"] == [
        *diffusion_schedule.SAMPLERS,
        None,
    ]


def test_the_schema_lists_the_transforms_that_exist(repository):
    read = json.loads((repository / "workflow/schemas/hyperparameters.schema.json").read_text())
    properties = read["$defs"]["transforms"]["items"]["properties"]
    assert sorted(properties["name"]["enum"]) == sorted(transforms.TRANSFORMS)
    # The first two parameters are the rows and the state; the others are options.
    functions = transforms.TRANSFORMS.values()
    options = {name for function in functions for name in list(inspect.signature(function).parameters)[2:]}
    assert set(properties) == {"name", *options}


# --- Refusals ---


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("expectile", 0.49, "expectile is 0.49; it has to be at least 0.5"),
        ("expectile", 1.0, "expectile is 1.0; it has to be less than 1"),
        ("quantile", 0.4, "quantile is 0.4; it has to be at least 0.5"),
        ("exponential_alpha", 0, "exponential_alpha is 0; it has to be greater than 0"),
        ("schedule", "sigmoid", "allowed are linear, linear_scaled, cosine, vp"),
        ("candidates", 0, "candidates is 0; it has to be at least 1"),
        ("learning_rate", 0.1, "gives learning_rate, which its class does not have; known are activation"),
        ("critic_batch_size", "256", "critic_batch_size is '256'; it has to be a whole number"),
    ],
)
def test_values_outside_the_allowed_ones_are_refused(name, value, words):
    method = hyperparameters.read(ROOT, "idql")
    values = {**resolve("idql", "hopper-medium-v2").values, name: value}
    with pytest.raises(ConfigError) as refusal:
        hyperparameters.check_values(ROOT, method, values, 5, "here")
    assert words in str(refusal.value)
    assert str(refusal.value).startswith("here")
    assert "\n" not in str(refusal.value)


def test_half_is_allowed_as_expectile():
    method = hyperparameters.read(ROOT, "iql")
    values = {**resolve("iql", "hopper-medium-v2").values, "expectile": 0.5}
    hyperparameters.check_values(ROOT, method, values, 0, "here")


@pytest.mark.parametrize(("steps", "refused"), [(5, True), (20, True), (21, False), (1000, False)])
def test_linear_scaled_needs_more_than_twenty_steps(steps, refused):
    method = hyperparameters.read(ROOT, "diffusion_ql")
    values = {**resolve("diffusion_ql", "hopper-medium-v2").values, "schedule": "linear_scaled"}
    if not refused:
        hyperparameters.check_values(ROOT, method, values, steps, "here")
        return
    with pytest.raises(ConfigError, match="needs more than 20") as refusal:
        hyperparameters.check_values(ROOT, method, values, steps, "here")
    assert "linear, cosine, vp" in str(refusal.value)


def test_unknown_methods_variants_and_uncovered_tasks_are_refused_with_what_is_known():
    with pytest.raises(ConfigError, match="no method 'nope'; known are "):
        hyperparameters.read(ROOT, "nope")
    with pytest.raises(ConfigError, match="no variant 'mine'; known are paper, corl_paper_settings"):
        resolve("iql", "hopper-medium-v2", "mine")
    with pytest.raises(ConfigError, match="no hyperparameters for task 'kitchen-mixed-v0'") as refusal:
        resolve("idql", "kitchen-mixed-v0")
    assert "antmaze-large-diverse-v0" in str(refusal.value)


def test_a_value_written_twice_is_refused(copy):
    path = copy / "workflow/config/hyperparameters/bc.yaml"
    path.write_text(path.read_text().replace("method: bc\n", "method: bc\nmethod: bc\n"))
    with pytest.raises(ConfigError, match="'method' appears twice"):
        hyperparameters.read(copy, "bc")


def test_yaml_runs_nothing(copy):
    path = copy / "workflow/config/hyperparameters/bc.yaml"
    path.write_text(path.read_text() + "\nnote: !!python/object/apply:os.system ['touch ran']\n")
    with pytest.raises(ConfigError, match="not YAML"):
        hyperparameters.read(copy, "bc")
    assert not (copy / "ran").exists()


def test_a_variant_that_extends_itself_is_refused(copy):
    path = copy / "workflow/config/hyperparameters/bc.yaml"
    content = yaml.safe_load(path.read_text())
    content["variants"]["mine"] = {"description": "a test", "extends": "mine"}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(ConfigError, match="extends itself"):
        hyperparameters.read(copy, "bc")


# --- Deviations ---


def test_the_table_of_deviations_is_up_to_date(repository):
    written = (repository / deviations.FILE).read_text(encoding="utf-8")
    assert written == deviations.table(repository), "run python -m recheck.methods.deviations"


def test_the_default_shown_is_the_one_that_runs():
    method = hyperparameters.read(ROOT, "iql")
    assert deviations.default_values(method, "expectile") == "0.7; 0.9 antmaze"
    assert deviations.default_values(method, "beta") == "3.0; 10.0 antmaze; 0.5 kitchen_and_adroit"
    assert deviations.default_values(hyperparameters.read(ROOT, "idql"), "optimiser") == "adam"
    for name in METHODS:
        read = hyperparameters.read(ROOT, name)
        for row in read.deviations:
            if "default" not in row:
                assert deviations.default_values(read, row["switch"])
