"""The weakest cuts that fit a number of hours."""

import pytest
from recheck.cost import budget, step_costs
from recheck.cost.forecast import TRAIN, Cut, Forecaster, Job

HOPPER = "hopper-medium-expert-recollected-v0"


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


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


def job(name, hours, **changes):
    seconds = (1800 * hours, 3600 * hours, 7200 * hours)
    return Job(name, TRAIN, {"task": "t"}, seconds, seconds, **changes)


def test_hours_are_those_of_unfinished_work_of_the_unit_and_known_cost():
    jobs = [
        job("a", 1.0),
        job("b", 2.0),
        job("done", 10.0, finished=True),
        job("gpu", 20.0, gpus=1),
        job("unknown", float("nan")),
        Job("data", "dataset", {}, (1e6,) * 3, (1e6,) * 3),
    ]
    assert budget.hours(jobs, "CPU-hours") == pytest.approx((1.5, 3.0, 6.0))
    assert budget.hours(jobs, "GPU-hours") == pytest.approx((10.0, 20.0, 40.0))


def test_all_three_are_cut_by_one_share_and_never_to_nothing():
    cuts = list(budget._together(budget.Size(seeds=10, checkpoints=4, episodes=20)))
    assert cuts[0] == Cut(seeds=10, checkpoints=4, episodes=19)  # 95%, rounded up
    assert cuts[9] == Cut(seeds=5, checkpoints=2, episodes=10)
    assert cuts[-1] == Cut(seeds=2, checkpoints=1, episodes=1)


def test_one_of_a_kind_cannot_be_cut(mine):
    loaded = mine({"grid": [entry(seeds=2, checkpoints=1)]})
    forecaster = Forecaster(loaded, step_costs.read(loaded.root, "cpu"))
    levers = [option.lever for option in budget.options(forecaster, 1e9, "CPU-hours")]
    assert "seeds" not in levers  # two are the fewest
    assert "checkpoints" not in levers
    assert "tasks" not in levers
