"""The forecast as text, of jobs that can be added up by hand."""

import math
from dataclasses import replace

import pytest
from recheck.cost import forecast_text, step_costs
from recheck.cost.forecast import Job
from recheck.cost.schedule import Capacity

HOUR = 3600.0
NAN = (math.nan,) * 3


def job(name, stage="train", hours=1.0, **changes):
    seconds = NAN if hours is None else (hours * HOUR / 2, hours * HOUR, hours * HOUR * 2)
    cell = {
        "method": "iql",
        "task": "hopper-medium-v2",
        "variant": "paper",
        "family": "gym",
        "diffusion_steps": 0,
        "candidates": 1,
        "steps": 0,
        **changes.pop("cell", {}),
    }
    usual = {"limit_minutes": 120, "amount": 1000, "memory_mb": 2000, "disk_mb": 500.0, "source": "measured"}
    return Job(name, stage, cell, seconds, seconds, seconds, **{**usual, **changes})


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0, "0.00"),
        (0.00136, "0.0014"),
        (0.05, "0.050"),
        (0.123, "0.12"),
        (1.26, "1.3"),
        (99.94, "99.9"),
        (1234.4, "1,234"),
        (math.nan, "not known"),
    ],
)
def test_hours_have_two_or_three_digits(hours, text):
    assert forecast_text.number(hours) == text


def test_bounds_of_hours():
    assert forecast_text.bounds((0.5, 1.0, 2.0)) == "0.50 to 2.0"
    assert forecast_text.bounds(NAN) == "not known"


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.4, "59 s"), (599, "599 s"), (600, "10 min"), (5400, "1.5 h")]
)
def test_durations(seconds, text):
    assert forecast_text._duration(seconds) == text


def test_jobs_alike_are_a_line_and_stages_are_added_up():
    diffusion = {"method": "idql", "diffusion_steps": 5, "candidates": 128, "steps": 5}
    jobs = [
        job("b", "evaluate", 0.5, cell=diffusion),
        job("a"),
        job("a2", hours=3.0),
        job("g", hours=2.0, gpus=1, cell={"method": "idql", "diffusion_steps": 5}),
    ]
    lines = forecast_text.stages(jobs)
    words = [line.split() for line in lines]
    assert words[1][:6] == ["train", "idql", "paper", "gym", "5", "-"]
    assert words[2] == [
        "train",
        "iql",
        "paper",
        "gym",
        "-",
        "-",
        "2",
        "2,000",
        "CPU-hours",
        *_range(4.0, 2.0, 8.0),
    ]
    assert words[3][4:9] == ["5", "128", "x", "5", "1"]
    assert "Together, train: 4.0 CPU-hours (2.0 to 8.0)." in lines
    assert "Together, evaluate: 0.50 CPU-hours (0.25 to 1.0)." in lines
    assert "Together, train: 2.0 GPU-hours (1.0 to 4.0)." in lines


def _range(likely, low, high):
    return [forecast_text.number(likely), forecast_text.number(low), "to", forecast_text.number(high)]


def test_what_is_not_known_is_left_out_of_sums_and_named():
    lines = forecast_text.stages([job("a"), job("b", hours=None, cell={"method": "bc"})])
    assert "Together, train: 1.0 CPU-hours (0.50 to 2.0), without bc: not known." in lines


def test_a_row_for_each_task_and_a_column_for_each_method():
    jobs = [
        job("a"),
        job("e", "evaluate", 0.25),
        job("b", cell={"method": "bc", "task": "walker2d-medium-v2"}, hours=2.0),
    ]
    lines = forecast_text.by_task(jobs)
    assert lines[0] == ("Likely hours by task and method (CPU-hours of training + CPU-hours of evaluation):")
    assert [line.split() for line in lines[1:]] == [
        ["task", "iql", "bc"],
        ["hopper-medium-v2", "1.0", "+", "0.25", "-"],
        ["walker2d-medium-v2", "-", "2.0"],
    ]


def test_wall_time_of_a_greedy_schedule():
    """Three hours of work on two cores, one after the other where they wait."""
    jobs = [job("a"), job("b"), job("c", after=("a",))]
    lines = forecast_text.wall(jobs, {"2 cores": Capacity(0, 2)})
    row = lines[2].split("  ")
    assert [part.strip() for part in row if part.strip()] == [
        "2 cores",
        "2.0 h",
        "1.0 h to 4.0 h",
        "2.0 h",
        "4.0 GB",
    ]


def test_the_longest_job_beside_its_limit():
    jobs = [job("a"), job("b", hours=5.0), job("c", hours=None)]
    (line,) = forecast_text.longest(jobs)
    # 5 h (2.5 to 10) at a limit of 2 h: stopped after 2 and 4 h, or up to 4 times.
    assert line == (
        "Longest job, train: iql on hopper-medium-v2, 5.0 h (2.5 h to 10.0 h); its limit is 2.0 h: it is "
        "stopped there and resumed 2 to 4 times. 1 of 2 jobs are likely longer than their limit."
    )
    (short,) = forecast_text.longest([job("a", hours=0.5)])
    assert "stopped" not in short
    assert forecast_text.longest([job("c", hours=None)]) == []


def test_disk_memory_and_sources():
    jobs = [job("a"), job("b", "evaluate", memory_mb=700, source="guessed"), job("c", memory_mb=3000)]
    assert forecast_text.space(jobs) == [
        "Disk: 1.50 GB of data sets, policies and episodes.",
        "Memory, the largest job: training 3,000 MB, evaluation 700 MB.",
    ]
    assert forecast_text.sources(jobs) == ["Sources:", "  train iql: measured", "  evaluate iql: guessed"]


def test_methods_of_one_source_are_a_line_and_shipped_rates_are_said_to_be_of_other_machines():
    cells = [job(name) for name in "abc"]
    cells[1] = replace(cells[1], cell={**cells[1].cell, "method": "bc"})
    cells[2] = replace(cells[2], source="shipped rates: a study")
    assert forecast_text.sources(cells) == [
        "Sources:",
        "  train iql, bc: measured",
        "  train iql: shipped rates: a study",
        "  Shipped rates are of other machines: `snakemake benchmark` measures this one.",
    ]


def test_a_gain_of_compiling_that_was_measured_elsewhere_is_said_to_be():
    compiled = f"benchmark of this machine; losses compiled: 0.9 {step_costs.COMPILED_ELSEWHERE}: a study)"
    assert forecast_text.sources([job("a", source=compiled)])[2:] == [
        "  What compiling gains was measured on other machines: `snakemake benchmark` with the same "
        "`compile=` measures it here."
    ]


def test_what_is_neither_trained_nor_evaluated_is_a_line():
    jobs = [job("a"), job("p", "reevaluate", 0.05), job("q", "reevaluate", 0.05), job("r", "results", 0.02)]
    assert forecast_text.besides(jobs) == [
        "Besides, CPU-hours: published policies played again 0.10 (0.050 to 0.20), "
        "scores, tables and figures 0.020 (0.010 to 0.040)."
    ]
    assert forecast_text.besides(jobs[:1]) == []
