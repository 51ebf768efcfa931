"""What an experiment is predicted to cost."""

import pytest
from recheck import cost_estimate

from tests.recheck.cells import finish

HOPPER = "hopper-medium-expert-recollected-v0"


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


def test_cost_counts_what_is_left(copy, mine, repository):
    content = {
        "grid": [entry(methods=["diffusion_ql"], seeds=3, checkpoints=4)],
        "evaluation": {"episodes": 2, "episodes_last": 5, "episodes_reevaluated": 1},
    }
    rates = cost_estimate.read_rates(repository)
    loaded = mine(content)
    train, evaluate = sorted(cost_estimate.predict(loaded, rates), key=lambda line: line.stage != "train")
    assert (train.stage, train.num_jobs, train.amount, train.unit) == ("train", 3, 3000, "CPU-hours")
    # 3 checkpoints of 2 episodes, the last of 5, 1 fresh one; 1,000 steps each; 3 seeds.
    assert (evaluate.num_jobs, evaluate.amount) == (3, 3 * 12 * 1000)
    rate = rates["methods"]["diffusion_ql"]["cpu"]
    per_update = rate["seconds"][1] + 5 * rate["seconds_per_diffusion_step"][1]
    assert train.hours[1] == pytest.approx(3000 * per_update / 3600)
    assert train.hours[0] < train.hours[1] < train.hours[2]
    finish(copy, loaded.cells[0])
    again = cost_estimate.predict(mine(content), rates)
    assert {line.stage: line.num_jobs for line in again} == {"train": 2, "evaluate": 3}
    text = cost_estimate.report(loaded, [train, evaluate], {"largest job (train)": {"gpu": 1}})
    assert "CPU-hours" in text
    assert rate["source"] in text
    assert "largest job (train): gpu=1" in text
    on_gpu = cost_estimate.predict(mine(content, train_on="gpu"), rates)
    assert {line.stage: line.unit for line in on_gpu} == {"train": "GPU-hours", "evaluate": "CPU-hours"}


def test_every_rate_is_of_a_method(repository):
    from recheck import hyperparameters

    known = hyperparameters.known_methods(repository)
    for name in cost_estimate.read_rates(repository)["methods"]:
        method, _, variant = name.partition("/")
        assert method in known
        assert not variant or variant in hyperparameters.read(repository, method).variants


def test_a_method_without_a_rate_costs_what_is_not_known(mine, repository):
    rates = cost_estimate.read_rates(repository)
    both = mine({"grid": [entry(methods=["iql", "bc"], seeds=1, checkpoints=1)]})
    known = cost_estimate.predict(both, rates)
    del rates["methods"]["bc"]
    lines = cost_estimate.predict(both, rates)
    text = cost_estimate.report(both, lines)
    assert len(lines) == len(known) == 4
    row = next(line for line in text.splitlines() if line.startswith("train") and " bc " in line)
    row = next(line for line in text.splitlines() if line.startswith("train") and " bc " in line)
    assert row.endswith("CPU-hours  not known  not known")
    assert "without bc: not known." in text
    assert "workflow/config/cost_rates.yaml has no rate for this method" in text
    assert "nan" not in text
