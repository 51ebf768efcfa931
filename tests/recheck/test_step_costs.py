"""What a step costs: recorded rates, or the benchmark of this machine."""

import json

import pytest
from recheck import cost_estimate, step_costs
from recheck.forecast import EVALUATE, TRAIN

HOPPER = "hopper-medium-expert-recollected-v0"


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


def left(jobs, stage):
    return [job for job in jobs if job.stage == stage and not job.finished]


def test_the_benchmark_of_this_machine_takes_the_place_of_the_rates(copy, mine, monkeypatch):
    monkeypatch.setattr(step_costs, "cpu_model", lambda: "Mine")
    folder = copy / "results" / "benchmark"
    folder.mkdir(parents=True)
    rows = [
        {
            "method": "iql",
            "variant": "paper",
            "diffusion_steps": 0,
            "block": block,
            "seed_updates_per_second": rate,
        }
        for block, rate in ((1, 100.0), (10, 200.0))
    ]
    machine = {"device": "CPU: Mine", "cpu": "Mine", "processes": 1}
    (folder / "benchmark.json").write_text(json.dumps({"machine": machine, "rows": rows}))
    acting = {"method": "iql", "variant": "paper", "candidates": 1, "steps": 0, "acting_ms": 3.0}
    (folder / "acting.json").write_text(json.dumps({"machine": machine, "rows": [acting]}))
    steps = {"environment_id": "Hopper-v4", "step_seconds": 0.001}
    (folder / "environments.json").write_text(json.dumps({"machine": machine, "rows": [steps]}))
    loaded = mine({"grid": [entry(seeds=1, checkpoints=1, num_updates=100_000)]})
    jobs = cost_estimate.predict(loaded)
    train, evaluate = left(jobs, TRAIN)[0], left(jobs, EVALUATE)[0]
    start = step_costs.read(copy, "cpu").start("train")[1]
    assert train.work_seconds[1] == pytest.approx(100_000 / 100 + start)
    assert train.source == step_costs.BENCHMARK
    assert train.work_seconds[2] < 3 * train.work_seconds[0]
    assert evaluate.work_seconds[1] > evaluate.amount * 0.004
    costs = step_costs.read(copy, "cpu")
    config = {"method": "iql", "variant": "paper", "diffusion_steps": 0}
    # 0.01 s and 0.05 s were measured: four ninths of the way between them.
    assert costs.update(config, 5, "cpu")[0][1] == pytest.approx(0.01 + 0.04 * 4 / 9)
    # One of a CPU says nothing of a GPU, one of another machine nothing of this one.
    assert step_costs.read(copy, "gpu").updates == {}
    monkeypatch.setattr(step_costs, "cpu_model", lambda: "Another")
    assert not step_costs.read(copy, "cpu").updates
    assert not step_costs.read(copy, "cpu").acting


def test_independent_ranges_multiply_to_less_than_their_ends():
    low, likely, high = step_costs.product((0.5, 1.0, 2.0), (1.0, 2.0, 4.0))
    assert likely == 2.0
    assert 0.5 < low < 1.0
    assert 4.0 < high < 8.0
    assert step_costs.product((1, 1, 1), (2, 3, 4)) == pytest.approx((2, 3, 4))
