"""From an entry of a grid to runs: variants, exclusions, samplings."""

import pytest
from recheck.errors import ConfigError

HOPPER = "hopper-medium-expert-recollected-v0"


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


# --- The grid ---


def test_the_grid_is_the_product_of_its_axes(mine, job_count):
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
    assert job_count(found, 2) == {"dataset": 2, "train": 16 * 2, "evaluate": 16 * 2 * 2}
    assert job_count(found, 1) == {"dataset": 2, "train": 16 * 3, "evaluate": 16 * 3 * 2}


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


def test_another_precision_is_a_run_of_its_own_and_float32_is_none(mine):
    found = mine(
        {
            "variants": {"rounded": {"precision": "bfloat16"}, "same": {"precision": "float32"}},
            "grid": [entry(variants=["paper", "rounded", "same"])],
        }
    ).experiment
    configs = {run.config["variant"]: run.config for run in found.runs.values()}
    assert configs["rounded"]["precision"] == "bfloat16"
    assert "precision" not in configs["paper"]
    assert configs["same"] == {**configs["paper"], "variant": "same"}


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


def test_a_group_of_tasks_means_all_of_them(mine):
    found = mine({"grid": [entry(tasks=["kitchen_v0", "pen-human-v0"])]}).experiment
    tasks = [run.config["task"] for run in found.runs.values()]
    assert tasks == ["kitchen-complete-v0", "kitchen-partial-v0", "kitchen-mixed-v0", "pen-human-v0"]


def test_a_task_of_a_group_and_by_name_is_refused(mine):
    with pytest.raises(ConfigError, match="an entry of the grid names kitchen-mixed-v0 twice; keep one"):
        mine({"grid": [entry(tasks=["kitchen_v0", "kitchen-mixed-v0"])]})
