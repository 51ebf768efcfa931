"""The weakest cuts that fit a number of hours."""

import pytest
from recheck import budget, step_costs
from recheck.forecast import Cut, Forecaster

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
