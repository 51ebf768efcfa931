"""What a step costs: recorded rates, or the benchmark of this machine."""

import json
import math

import pytest
from recheck import paths
from recheck.cost import estimate, step_costs
from recheck.cost.forecast import EVALUATE, TRAIN
from recheck.errors import ConfigError

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
    started = {"stage": "train", "seconds": 3.5}
    (folder / "starts.json").write_text(json.dumps({"machine": machine, "rows": [started]}))
    loaded = mine({"grid": [entry(seeds=1, checkpoints=1, num_updates=100_000)]})
    jobs = estimate.predict(loaded)
    train, evaluate = left(jobs, TRAIN)[0], left(jobs, EVALUATE)[0]
    start = step_costs.read(copy, "cpu").start("train")[1]
    assert start == 3.5
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


def write_updates(folder, compiled, rate, compile_seconds=0.0):
    """This machine's benchmark of IQL where torch compiles `compiled`."""
    row = {
        "method": "iql",
        "variant": "paper",
        "diffusion_steps": 0,
        "block": 1,
        "seed_updates_per_second": rate,
        "compile_seconds": compile_seconds,
    }
    machine = {"device": "CPU: Mine", "cpu": "Mine", "processes": 1, "compiled": compiled}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmark.json").write_text(json.dumps({"machine": machine, "rows": [row]}))


def test_compiled_training_is_forecast_by_a_benchmark_that_compiled(copy, mine, monkeypatch):
    monkeypatch.setattr(step_costs, "cpu_model", lambda: "Mine")
    content = {"grid": [entry(seeds=1, checkpoints=1, num_updates=100_000)]}

    def trained(**settings):
        (job,) = left(estimate.predict(mine(content, **settings)), TRAIN)
        return job.step_seconds[1], job.source

    write_updates(copy / paths.benchmark("update"), "update", 200.0, compile_seconds=20.0)
    seconds, source = trained(compile="update")
    assert seconds == pytest.approx(100_000 / 200 + 20)
    assert source == "benchmark of this machine, whole update compiled"
    # It says nothing of training that is not compiled. What is not compiled says something of all.
    assert trained(compile="false")[1].startswith("shipped rates: ")
    write_updates(copy / paths.benchmark(None), None, 100.0)
    assert trained() == (pytest.approx(100_000 / 100), step_costs.BENCHMARK)
    seconds, source = trained(compile="true")
    shipped = step_costs.read(copy, "cpu").rates["compiled"]["losses"]
    gain = shipped["methods"]["iql"]["factor"][1]
    assert seconds == pytest.approx(100_000 / 100 * gain + shipped["seconds"][1])
    assert source.startswith(
        f"benchmark of this machine; losses compiled: {gain} of the time without (shipped"
    )


def test_a_file_in_the_wrong_place_counts_for_nothing(copy, monkeypatch):
    """`python -m algos.benchmark --compile` writes wherever it is told to."""
    monkeypatch.setattr(step_costs, "cpu_model", lambda: "Mine")
    write_updates(copy / paths.BENCHMARK, "update", 200.0)
    assert not step_costs.read(copy, "cpu").updates
    write_updates(copy / paths.BENCHMARK, None, 200.0)
    assert step_costs.read(copy, "cpu").updates


def test_independent_ranges_multiply_to_less_than_their_ends():
    low, likely, high = step_costs.product((0.5, 1.0, 2.0), (1.0, 2.0, 4.0))
    assert likely == 2.0
    assert 0.5 < low < 1.0
    assert 4.0 < high < 8.0
    assert step_costs.product((1, 1, 1), (2, 3, 4)) == pytest.approx((2, 3, 4))


# --- Ranges ---


def test_ranges_are_added_ends_by_ends_and_multiplied_by_numbers():
    assert step_costs.total([(1.0, 2.0, 3.0), (10.0, 20.0, 30.0)]) == (11.0, 22.0, 33.0)
    assert step_costs.total([]) == (0.0, 0.0, 0.0)
    assert step_costs.scaled((1.0, 2.0, 3.0), 2) == (2.0, 4.0, 6.0)
    assert step_costs.around(1.3) == pytest.approx((1.0, 1.3, 1.69))


def test_a_product_with_nothing_is_nothing():
    assert step_costs.product((0.0, 0.0, 0.0), (1.0, 2.0, 3.0)) == (0.0, 0.0, 0.0)
    # A lower end of 0 is as far as can be.
    low, likely, high = step_costs.product((0.0, 1.0, 2.0), (1.0, 1.0, 2.0))
    assert (low, likely) == (0.0, 1.0)
    # log 2 twice: exp(sqrt(2) log 2).
    assert high == pytest.approx(2 ** (2**0.5))


@pytest.mark.parametrize(
    ("size", "cost"),
    [(1, 10.0), (5, 30.0), (3, 20.0), (10, 40.0), (7.5, 35.0), (20, 60.0), (0.5, 7.5)],
)
def test_costs_between_and_beyond_what_was_measured(size, cost):
    assert step_costs.at({1: 10.0, 5: 30.0, 10: 40.0}, size) == pytest.approx(cost)


def test_what_falls_with_size_does_not_fall_below_nothing():
    assert step_costs.at({1: 10.0, 5: 2.0}, 50) == 0.0
    assert step_costs.at({5: 2.0}, 50) == 2.0


# --- Lookups ---

RATES = {
    "methods": {
        "iql": {
            "cpu": {
                "seconds": [1.0, 2.0, 4.0],
                "seconds_per_diffusion_step": [0.0, 0.5, 1.0],
                "source": "here",
            }
        }
    },
    "stacking": {
        "cpu": {"seeds": 1, "seed_share": [1.0, 1.0, 1.0]},
        "gpu": {"seeds": 5, "seed_share": [0, 0.25, 1]},
    },
    "acting": {"other": {"seconds": [1.0, 1.0, 1.0], "seconds_per_candidate_step": [0.0, 0.1, 0.2]}},
    "environments": {"other": {"step_seconds": [1, 2, 3], "length_share": [0.1, 0.5, 1]}},
    "job_seconds": {"train": {"seconds": [5, 6, 7]}},
    "another_cpu": {"factor": [1.0, 1.0, 1.0]},
    "compiled": {
        "update": {
            "seconds": [10.0, 20.0, 40.0],
            "methods": {
                "other": {"factor": [1.0, 1.0, 1.0], "source": "nowhere"},
                "iql": {"factor": [0.5, 0.5, 0.5], "source": "there"},
            },
        }
    },
}
CONFIG = {"method": "iql", "variant": "paper", "diffusion_steps": 4}


def test_a_shipped_rate_is_of_one_seed_and_is_multiplied_for_a_block():
    costs = step_costs.StepCosts(RATES)
    assert costs.update(CONFIG, 3, "cpu") == ((3.0, 12.0, 24.0), "shipped rates: here")
    assert costs.update({**CONFIG, "method": "new"}, 3, "cpu") is None
    # On the GPU five stacked seeds were measured: their rate is a seed's share of 1, 2 or 5 times one seed.
    assert costs._stacked("gpu", 5) == pytest.approx((5.0, 5.0, 5.0))
    assert costs._stacked("gpu", 1) == pytest.approx((5.0, 5 / 2, 1.0))
    assert costs._stacked("gpu", 9) == pytest.approx((5.0, 5 * 3 / 2, 9.0))


def test_a_shipped_rate_of_a_processor_is_of_another_machine():
    """4 s likely, 2 to 12; other machines take 1 to 9 times that, likely 3: 12, and both ranges together."""
    costs = step_costs.StepCosts({**RATES, "another_cpu": {"factor": [1.0, 3.0, 9.0]}})
    (low, likely, high), _ = costs.update(CONFIG, 1, "cpu")
    assert likely == pytest.approx(12.0)
    assert low == pytest.approx(12 / math.exp(math.hypot(math.log(4), math.log(3))))
    assert high == pytest.approx(12 * math.exp(math.hypot(math.log(2), math.log(3))))
    # A GPU's rates are of GPUs, and what was measured here is of this machine.
    rates = {"iql": {"gpu": {**RATES["methods"]["iql"]["cpu"]}}}
    on_gpu = step_costs.StepCosts({**costs.rates, "methods": rates})
    assert on_gpu.update(CONFIG, 5, "gpu")[0] == pytest.approx((5.0, 5 * 4.0, 5 * 8.0))
    here = step_costs.StepCosts(costs.rates, updates={("iql", "paper"): {4: {1: 5.0}}})
    assert here.update(CONFIG, 1, "cpu")[0][1] == 5.0


@pytest.mark.parametrize(
    ("acting", "steps", "source"),
    [
        ({}, {}, "shipped rates"),
        ({("iql", "release"): 0.1}, {"Hopper-v4": 0.1}, "benchmark of this machine"),
        ({("iql", "paper"): 0.1}, {}, "actions: benchmark of this machine; steps: shipped rates"),
        (
            {("bc", "paper"): 0.1},
            {"Hopper-v4": 1},
            "actions: shipped rates; steps: benchmark of this machine",
        ),
    ],
)
def test_where_an_evaluations_costs_come_from(acting, steps, source):
    costs = step_costs.StepCosts(RATES, acting=acting, steps=steps)
    assert costs.played_source(CONFIG, "Hopper-v4") == source


def test_measured_costs_take_the_place_of_rates():
    costs = step_costs.StepCosts(
        RATES,
        updates={("iql", "release"): {0: {2: 1.0}, 10: {2: 3.0}}},
        acting={("iql", "paper"): 0.01},
        steps={"Hopper-v4": 0.002},
    )
    # Another variant of the method serves; four of ten steps on, and twice the seeds.
    (low, likely, _), source = costs.update(CONFIG, 4, "cpu")
    assert (likely, source) == (pytest.approx(2 * 1.8), step_costs.BENCHMARK)
    assert low == pytest.approx(3.6 / 1.3)
    assert costs.act(CONFIG, 8, 5)[1] == pytest.approx(0.4)
    assert costs.act(CONFIG, 8, 0)[1] == pytest.approx(0.08)
    assert costs.act({**CONFIG, "method": "new"}, 8, 5) == pytest.approx((1.0, 5.0, 9.0))
    assert costs.step("Hopper-v4")[1] == 0.002
    assert costs.step("Walker2d-v4") == (1.0, 2.0, 3.0)
    assert costs.length_share("Hopper-v4") == (0.1, 0.5, 1.0)
    assert costs.start("train") == (5.0, 6.0, 7.0)
    measured = step_costs.StepCosts(RATES, starts={"train": 1.3})
    assert measured.start("train") == pytest.approx((1.0, 1.3, 1.69))


def test_compiled_updates_by_the_next_best_source():
    """Measured compiled; else measured or shipped, times a shipped gain; of a GPU not known."""
    compiled = step_costs.Compiled("update")
    costs = step_costs.StepCosts(RATES, compiled=compiled)
    assert costs.update(CONFIG, 3, "cpu") == (
        pytest.approx((1.5, 6.0, 12.0)),
        "shipped rates: here; whole update compiled: 0.5 of the time without (shipped factor: there)",
    )
    assert costs.compiling(CONFIG) == (10.0, 20.0, 40.0)
    assert costs.update({**CONFIG, "method": "new"}, 3, "cpu") is None
    plain = step_costs.StepCosts(RATES, updates={("bc", "paper"): {0: {1: 2.0}}}, compiled=compiled)
    (_, likely, _), source = plain.update({**CONFIG, "method": "bc"}, 1, "cpu")
    assert (likely, source) == (
        2.0,
        "benchmark of this machine; whole update compiled: 1 of the time without (shipped factor: nowhere)",
    )
    rates = {**RATES, "methods": {"iql": {"gpu": RATES["methods"]["iql"]["cpu"]}}}
    (_, likely, _), source = step_costs.StepCosts(rates, compiled=compiled).update(CONFIG, 5, "gpu")
    assert likely == pytest.approx(5 * 4.0)
    assert source == (
        "shipped rates: here; of updates without compilation: its gain on a GPU is not measured"
    )


def test_seconds_of_compiling_follow_the_diffusion_steps():
    measured = step_costs.Compiled("update", seconds={("iql", "paper"): {5: 30.0, 20: 90.0}})
    costs = step_costs.StepCosts(RATES, compiled=measured)
    assert costs.compiling({**CONFIG, "diffusion_steps": 10})[1] == pytest.approx(50.0)
    assert step_costs.StepCosts(RATES).compiling(CONFIG) == (0.0, 0.0, 0.0)
    rows = [
        {"method": "iql", "variant": "paper", "diffusion_steps": 5, "compile_seconds": seconds}
        for seconds in (30.0, 40.0, 20.0)
    ]
    assert step_costs._compiling({"rows": rows}) == {("iql", "paper"): {5: 40.0}}


def falling(**changes):
    early = {"updates": 100, "trained_updates": 10_000, "length_share": [0.02, 0.1, 0.2]}
    body = {"length_share": [0.4, 0.5, 0.8], "early_length_share": early, **changes}
    return step_costs.StepCosts({**RATES, "environments": {"other": body}})


def test_policies_of_few_updates_fall_early():
    costs = falling()
    assert costs.length_share("Hopper-v4", 0) == (0.02, 0.1, 0.2)
    assert costs.length_share("Hopper-v4", 100) == (0.02, 0.1, 0.2)
    # Halfway in the logarithm between 100 and 10,000.
    assert costs.length_share("Hopper-v4", 1000) == pytest.approx((0.21, 0.3, 0.5))
    assert costs.length_share("Hopper-v4", 10_000) == costs.length_share("Hopper-v4") == (0.4, 0.5, 0.8)


def test_a_prepared_dataset_says_how_long_its_trained_policies_last():
    costs = falling()
    assert costs.length_share("Hopper-v4", 10**6, 0.6) == pytest.approx((0.48, 0.6, 0.96))
    assert costs.length_share("Hopper-v4", 1000, 0.6)[1] == pytest.approx(0.35)
    # No further than the rates reach: nobody imitates a dataset that well.
    assert costs.length_share("Hopper-v4", 10**6, 0.05)[1] == 0.4
    assert costs.length_share("Hopper-v4", 10**6, 1.0) == pytest.approx((0.64, 0.8, 1.0))
    # Where no episode ends with a fall, the data say nothing that the rates do not.
    assert step_costs.StepCosts(RATES).length_share("Hopper-v4", 10, 0.9) == (0.1, 0.5, 1.0)


@pytest.mark.parametrize("content", ["[]", "{}", '{"machine": "mine", "rows": []}'])
def test_a_benchmark_of_no_machine_counts_for_nothing(tmp_path, content):
    path = tmp_path / "acting.json"
    path.write_text(content)
    assert step_costs._file(path) == {}
    assert step_costs._file(tmp_path / "none.json") == {}
    path.write_text("{")
    with pytest.raises(ConfigError, match=r"acting\.json"):
        step_costs._file(path)
