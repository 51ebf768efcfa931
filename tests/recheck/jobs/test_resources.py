"""What jobs ask for follows from task, seeds and method, by the measured parts."""

import dataclasses

import pytest
from recheck.errors import ConfigError
from recheck.jobs import resources
from recheck.jobs.resources import Evaluated, Machine

RATES = {
    "environments": {
        "other": {"memory_mb": 10.0, "step_seconds": [1e-4, 2e-4, 3e-4]},
        "FrankaKitchen": {"memory_mb": 80.0, "step_seconds": [1e-3, 2e-3, 3e-3]},
        "Franka": {"memory_mb": 1.0, "step_seconds": [1e-3, 2e-3, 3e-3]},
    },
    "acting": {
        "other": {"seconds": [0, 0, 1e-3], "seconds_per_candidate_step": [0, 0, 0]},
        "idql": {"seconds": [0, 1e-3, 2e-3], "seconds_per_candidate_step": [0, 1e-5, 2e-5]},
    },
    "process_memory_mb": {"value": 400.0},
    "training_memory_mb": {
        "other": {"seed": 0.0, "seed_and_diffusion_step": 0.0},
        "idql": {"seed": 100.0, "seed_and_diffusion_step": 2.0},
    },
    "methods": {
        "idql": {"cpu": {"seconds": [0, 0, 0.01], "seconds_per_diffusion_step": [0, 0, 0.002]}},
    },
}
KITCHEN = {"environment_id": "FrankaKitchen-v1", "horizon": 280, "action_dim": 9, "observation_dim": 60}
AMOUNTS = {"episodes": 100, "episodes_last": 100, "episodes_reevaluated": 0}
CPU = Machine(workers=2, gpu=False, memory_mb=16_000, runtime=720)


def job(method="iql", num_seeds=10, sampling=None, **config):
    whole = {
        "method": method,
        "variant": "paper",
        "hyperparameters": {},
        "diffusion_steps": 0,
        "checkpoints": [1, 2],
        "num_updates": 1000,
        **config,
    }
    return Evaluated(whole, sampling or {}, AMOUNTS, KITCHEN, num_seeds)


def test_a_large_policy_takes_its_own_memory():
    large = {**RATES, "acting": {**RATES["acting"], "iql": {**RATES["acting"]["other"], "memory_mb": 1060}}}
    one = dataclasses.replace(job(), evaluation={**AMOUNTS, "episodes": 1, "episodes_last": 1})
    # Three processes of 1,000 MB more, with a quarter as margin.
    more = resources.evaluation_memory_mb(one, CPU, large) - resources.evaluation_memory_mb(one, CPU, RATES)
    assert 3700 <= more <= 3800


def test_the_pool_is_what_the_processes_can_use():
    # A call of the policy has twenty states, and a gigabyte holds twelve kitchens.
    assert resources.environments(job(), CPU, RATES) == 2 * 12
    other = dataclasses.replace(job(), row={**KITCHEN, "environment_id": "Hopper-v4"})
    assert resources.environments(other, CPU, RATES) == 2 * 20
    few = dataclasses.replace(job(num_seeds=1), evaluation={**AMOUNTS, "episodes": 1, "episodes_last": 2})
    assert resources.environments(few, CPU, RATES) == 3
    # 256 rows of 128 candidates are two states.
    assert resources.environments(job(sampling={"candidates": 128}), CPU, RATES) == 2 * 2
    # On a GPU ten seeds act together.
    assert resources.environments(job(), dataclasses.replace(CPU, gpu=True), RATES) == 122
    # 16,000 / 1.25 - 3 x (400 + 10 x 60) MB - 2 x 200 rows of 24.6 KB: 9,790 MB, of 80 MB each 122, not 250.


def test_the_pool_shrinks_to_the_memory():
    small = dataclasses.replace(CPU, memory_mb=2500)
    # 2,500 / 1.25 = 2,000 MB, less three processes of 460 MB (one hands out the work), 620 MB: seven.
    assert resources.environments(job(), small, RATES) == 7
    assert resources.evaluation_memory_mb(job(), small, RATES) <= 2500


def test_memory_is_the_sum_of_its_parts_with_a_margin():
    alone = dataclasses.replace(CPU, workers=1)
    # 400 + 60 + 12 x 80, and twenty rows of the policy's call: 0.5 MB; x 1.25, in whole hundreds.
    assert resources.evaluation_memory_mb(job(), alone, RATES) == 1800
    # Two processes and the one that hands out the work: 3 x 460 + 24 x 80.
    assert resources.evaluation_memory_mb(job(), CPU, RATES) == 4200


def test_more_candidates_than_the_memory_holds_are_refused_when_planned():
    wide = job(sampling={"candidates": 1_000_000})
    with pytest.raises(ConfigError, match=r"^Sampling 'x' draws 1000000 candidates .* allows 16000"):
        resources.check_evaluation(wide, CPU, RATES, "Sampling 'x'")
    resources.check_evaluation(job(sampling={"candidates": 1000}), CPU, RATES, "Sampling 'x'")


def test_time_is_the_highest_rate_with_a_margin_up_to_the_limit():
    config = {"diffusion_steps": 5, "hyperparameters": {"candidates": 128}}
    # 10 seeds x 200 episodes x 280 steps x (3 + 14.8) ms x 1.5 / 2 processes = 7,476 s.
    assert resources.evaluation_minutes(job("idql", **config), CPU, RATES) == 125
    assert resources.evaluation_minutes(job("idql", num_seeds=1, **config), CPU, RATES) == 60
    short = dataclasses.replace(CPU, runtime=30)
    assert resources.evaluation_minutes(job("idql", **config), short, RATES) == 30


def test_training_asks_by_rows_seeds_method_and_updates():
    row = {**KITCHEN, "expected_transitions": 100_000}
    config = job("idql", diffusion_steps=5).config
    # 400 + 3 x 100,000 x (2 x 60 + 2 x 9 + 3) x 4 bytes = 169 MB, + 10 x 110; x 1.25.
    assert resources.training_memory_mb(config, row, 10, RATES) == 2100
    # 1.5 x 0.02 s x 1,000,000 updates = 500 min.
    assert resources.training_minutes({**config, "num_updates": 1_000_000}, 1, "cpu", 1440, RATES) == 500
    assert resources.training_minutes({**config, "num_updates": 1_000_000}, 5, "cpu", 1440, RATES) == 1440
    assert resources.training_minutes(config, 1, "cpu", 1440, RATES) == 60
    assert resources.training_minutes({**config, "method": "new"}, 1, "cpu", 1440, RATES) == 1440
