"""What an experiment is predicted to cost."""

import json

import pytest
from recheck import budget, cost_estimate, step_costs
from recheck.forecast import EVALUATE, STAGES, TRAIN, Cut, Forecaster
from recheck.schedule import Capacity

from tests.recheck.cells import finish

HOPPER = "hopper-medium-expert-recollected-v0"
EVALUATION = {"episodes": 2, "episodes_last": 5, "episodes_reevaluated": 1}


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


def left(jobs, stage):
    return [job for job in jobs if job.stage == stage and not job.finished]


@pytest.fixture
def rates(repository):
    return step_costs.read(repository, "cpu").rates


def test_cost_is_steps_times_their_cost(copy, mine, rates):
    content = {
        "grid": [entry(methods=["diffusion_ql"], seeds=3, checkpoints=4)],
        "evaluation": EVALUATION,
    }
    loaded = mine(content)
    jobs = cost_estimate.predict(loaded)
    train, evaluate = left(jobs, TRAIN), left(jobs, EVALUATE)
    assert [len(train), len(evaluate)] == [3, 3]
    rate = rates["methods"]["diffusion_ql"]["cpu"]
    per_update = rate["seconds"][1] + 5 * rate["seconds_per_diffusion_step"][1]
    start = rates["job_seconds"]["train"]["seconds"][1]
    assert train[0].work_seconds[1] == pytest.approx(1000 * per_update + start)
    # 3 checkpoints of 2 episodes, the last of 5, 1 fresh one; of 1,000 steps the share that Hopper stands.
    hopper = rates["environments"]["Hopper"]
    steps = 12 * 1000 * hopper["length_share"][1]
    action = 50 * 5 * rates["acting"]["diffusion_ql"]["seconds_per_candidate_step"][1]
    start = rates["job_seconds"]["evaluate"]["seconds"][1]
    assert evaluate[0].amount == steps
    assert evaluate[0].work_seconds[1] == pytest.approx(
        steps * (hopper["step_seconds"][1] + action) + 4 * start
    )
    assert evaluate[0].wall_seconds[1] < evaluate[0].work_seconds[1]
    for job in train + evaluate:
        assert job.work_seconds[0] < job.work_seconds[1] < job.work_seconds[2]
    finish(copy, loaded.cells[0])
    again = cost_estimate.predict(mine(content))
    assert [len(left(again, stage)) for stage in STAGES] == [2, 3]
    text = cost_estimate.report(loaded, jobs, {"largest job (train)": {"gpu": 1}}, {"cores": 2})
    for part in ("CPU-hours", rate["source"], "largest job (train): gpu=1", "2 cores", "its limit is 1.0 h"):
        assert part in text
    on_gpu = cost_estimate.predict(mine(content, train_on="gpu"))
    assert {job.stage: job.unit for job in on_gpu if job.stage in STAGES} == {
        "train": "GPU-hours",
        "evaluate": "CPU-hours",
    }


def test_candidates_count(mine):
    content = {"grid": [entry(methods=["idql"], variants=["paper", "release"], seeds=1, checkpoints=1)]}
    jobs = {job.cell["variant"]: job for job in left(cost_estimate.predict(mine(content)), EVALUATE)}
    assert (jobs["paper"].cell["candidates"], jobs["release"].cell["candidates"]) == (128, 64)
    assert jobs["paper"].work_seconds[1] > 1.5 * jobs["release"].work_seconds[1]


def test_stacked_seeds_are_not_linear_on_a_gpu(mine):
    def hours(seeds):
        content = {"grid": [entry(seeds=seeds, checkpoints=1)]}
        (job,) = left(cost_estimate.predict(mine(content, train_on="gpu")), TRAIN)
        return job.wall_seconds[1]

    assert hours(10) < 1.7 * hours(5)


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


def test_every_rate_is_of_a_method(repository, rates):
    from recheck import hyperparameters

    known = hyperparameters.known_methods(repository)
    for table in ("methods", "acting", "training_memory_mb", "policy_mb"):
        for name in set(rates[table]) - {"other"}:
            method, _, variant = name.partition("/")
            assert method in known
            assert not variant or variant in hyperparameters.read(repository, method).variants


def test_a_method_without_a_rate_costs_what_is_not_known(mine, rates):
    both = mine({"grid": [entry(methods=["iql", "bc"], seeds=1, checkpoints=1)]})
    methods = {name: rate for name, rate in rates["methods"].items() if name != "bc"}
    jobs = Forecaster(both, step_costs.StepCosts({**rates, "methods": methods})).jobs()
    text = cost_estimate.report(both, jobs)
    row = next(line for line in text.splitlines() if line.startswith("train") and " bc " in line)
    assert row.endswith("CPU-hours  not known  not known")
    assert "without bc: not known." in text
    assert "`snakemake benchmark` measures one" in text
    assert "nan" not in text
    assert "NaN" not in json.dumps(cost_estimate.document(jobs))


def test_wall_times_are_for_the_gpus_asked_for(mine):
    loaded = mine({"grid": [entry()]}, train_on="gpu", gpus=3)
    jobs = cost_estimate.predict(loaded)
    assert list(cost_estimate.capacities(loaded, jobs, {"cores": 8}).values()) == [Capacity(3, 8)]
    several = mine({"grid": [entry()]}, train_on="gpu")
    assert len(cost_estimate.capacities(several, jobs, {"jobs": 500})) == len(cost_estimate.GPUS_SHOWN)


def test_each_way_to_fit_is_the_weakest_that_fits(mine):
    tasks = [HOPPER, "hopper-medium-recollected-v0"]
    grid = [entry(methods=["idql"], variants=["release"], tasks=tasks, seeds=5, checkpoints=4)]
    loaded = mine(
        {"grid": grid, "evaluation": {"episodes": 20, "episodes_last": 20, "episodes_reevaluated": 20}}
    )
    forecaster = Forecaster(loaded, step_costs.read(loaded.root, "cpu"))
    whole = budget.hours(forecaster.jobs(), "CPU-hours")[1]
    limit = 0.7 * whole
    found = {option.lever: option for option in budget.options(forecaster, limit, "CPU-hours")}
    assert set(found) == {"checkpoints", "episodes", "seeds", "all three", "tasks"}
    assert found["seeds"].cut == Cut(seeds=3)
    assert found["tasks"].cut == Cut(tasks=found["tasks"].cut.tasks)
    assert len(found["tasks"].cut.tasks) == 1
    for option in found.values():
        assert option.fits == (option.hours[1] <= limit)
    assert budget.hours(forecaster.jobs(Cut(seeds=4)), "CPU-hours")[1] > limit
    document = budget.as_document(list(found.values()), forecaster, limit, "CPU-hours")
    assert document["whole"] == {
        "hours": pytest.approx(list(budget.hours(forecaster.jobs(), "CPU-hours"))),
        "seeds": 5,
        "checkpoints": 4,
        "episodes": 20,
        "tasks": 2,
    }
    none = {option.lever: option for option in budget.options(forecaster, 1e-6, "CPU-hours")}
    assert not any(option.fits for option in none.values())
    assert none["seeds"].cut == Cut(seeds=2)
