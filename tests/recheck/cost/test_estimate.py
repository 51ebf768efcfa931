"""What an experiment is predicted to cost."""

import json

import pytest
from recheck.cost import estimate, step_costs
from recheck.cost.forecast import EVALUATE, STAGES, TRAIN, Forecaster
from recheck.cost.schedule import Capacity

from tests.recheck.cells import finish

HOPPER = "hopper-medium-expert-recollected-v0"
EVALUATION = {"episodes": 2, "episodes_last": 5, "episodes_reevaluated": 1}


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


def left(jobs, stage):
    return [job for job in jobs if job.stage == stage and not job.finished]


def test_cost_is_steps_times_their_cost(copy, mine, recorded_rates):
    content = {
        "grid": [entry(methods=["diffusion_ql"], seeds=3, checkpoints=4, num_updates=400_000)],
        "evaluation": EVALUATION,
    }
    loaded = mine(content)
    jobs = estimate.predict(loaded)
    train, evaluate = left(jobs, TRAIN), left(jobs, EVALUATE)
    assert [len(train), len(evaluate)] == [3, 3]
    rate = recorded_rates["methods"]["diffusion_ql"]["cpu"]
    per_update = rate["seconds"][1] + 5 * rate["seconds_per_diffusion_step"][1]
    per_update *= recorded_rates["another_cpu"]["factor"][1]
    start = recorded_rates["job_seconds"]["train"]["seconds"][1]
    assert train[0].work_seconds[1] == pytest.approx(400_000 * per_update + start)
    # 3 checkpoints of 2 episodes, the last of 5, 1 fresh one; of 1,000 steps the share before Hopper falls.
    hopper = recorded_rates["environments"]["Hopper"]
    steps = 12 * 1000 * hopper["length_share"][1]
    # Five places in a call, 2, 2, 2, 5 and 1 episodes: 25 places for 12 episodes.
    action = 25 / 12 * 50 * 5 * recorded_rates["acting"]["diffusion_ql"]["seconds_per_candidate_step"][1]
    start = recorded_rates["job_seconds"]["evaluate"]["seconds"][1]
    assert evaluate[0].amount == steps
    assert evaluate[0].work_seconds[1] == pytest.approx(
        steps * (hopper["step_seconds"][1] + action) + 5 * start
    )
    # Four processes play; they record their own start, not that of the one that starts them and waits.
    assert evaluate[0].recorded_seconds[1] == pytest.approx(evaluate[0].step_seconds[1] + 4 * start)
    assert evaluate[0].wall_seconds[1] == pytest.approx(evaluate[0].step_seconds[1] / 4 + 2 * start)
    assert train[0].recorded_seconds == train[0].step_seconds
    for job in train + evaluate:
        assert job.work_seconds[0] < job.work_seconds[1] < job.work_seconds[2]
    finish(copy, loaded.cells[0])
    again = estimate.predict(mine(content))
    assert [len(left(again, stage)) for stage in STAGES] == [2, 3]
    text = estimate.report(loaded, jobs, {"largest job (train)": {"gpu": 1}}, {"cores": 2})
    for part in ("CPU-hours", rate["source"], "largest job (train): gpu=1", "2 cores", "its limit is 1.0 h"):
        assert part in text
    # 12 episodes of three seeds, 1,000 steps at most.
    assert "Steps of evaluation: 18,000 likely, 36,000 if every episode lasts to its horizon." in text
    on_gpu = estimate.predict(mine(content, train_on="gpu"))
    assert {job.stage: job.unit for job in on_gpu if job.stage in STAGES} == {
        "train": "GPU-hours",
        "evaluate": "CPU-hours",
    }


def test_a_method_without_a_rate_costs_what_is_not_known(mine, recorded_rates):
    both = mine({"grid": [entry(methods=["iql", "bc"], seeds=1, checkpoints=1)]})
    methods = {name: rate for name, rate in recorded_rates["methods"].items() if name != "bc"}
    jobs = Forecaster(both, step_costs.StepCosts({**recorded_rates, "methods": methods})).jobs()
    text = estimate.report(both, jobs)
    row = next(line for line in text.splitlines() if line.startswith("train") and " bc " in line)
    assert row.endswith("CPU-hours  not known  not known")
    assert "without bc: not known." in text
    assert "`snakemake benchmark` measures one" in text
    assert "nan" not in text
    assert "NaN" not in json.dumps(estimate.document(jobs))


def test_what_is_chosen_is_reported_and_cores_are_counted(load_plan):
    loaded = load_plan(experiment="d4rl", train_on="cpu", methods="iql", tasks="hopper-medium-v2", seeds=1)
    text = estimate.report(loaded, estimate.predict(loaded), given={"cores": 1})
    assert "\nOf experiment 'd4rl': methods iql; tasks hopper-medium-v2; seeds 0.\n" in text
    assert "Missing" not in text
    assert "\n  1 core " in text
    assert "\n  2 cores " in estimate.report(loaded, estimate.predict(loaded), given={"cores": 2})


def test_wall_times_are_for_the_gpus_asked_for(mine):
    loaded = mine({"grid": [entry()]}, train_on="gpu", gpus=3)
    jobs = estimate.predict(loaded)
    assert list(estimate.capacities(loaded, jobs, {"cores": 8}).values()) == [Capacity(3, 8)]
    several = mine({"grid": [entry()]}, train_on="gpu")
    assert len(estimate.capacities(several, jobs, {"jobs": 500})) == len(estimate.GPUS_SHOWN)
