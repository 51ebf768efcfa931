"""Measurements of a small method: what is divided by what."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from recheck.errors import TrainingError

from algos.benchmark import measure
from algos.benchmark.measure import measure_evaluation, measure_latency, train_windows
from algos.envs.make import make

CPU = torch.device("cpu")
OPTIONS = {
    "device": "cpu",
    "threads": 1,
    "kernels": "plain",
    "compile": None,
    "capture": False,
    "windows": 2,
    "window_seconds": 1.0,
    "processes": 1,
}


class Clock:
    """A clock that only updates move: each takes a hundredth of a second for each seed."""

    def __init__(self):
        self.now = 0.0
        self.updates = 0

    def perf_counter(self):
        return self.now

    def run(self, program, first, count):
        self.updates += count
        # What is done first is compiled: four seconds more.
        self.now += 0.01 * count + (4.0 if first == 0 else 0.0)
        return first + count


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(measure, "time", found)
    monkeypatch.setattr(measure, "run_updates", found.run)
    return found


def test_a_rate_is_seed_updates_over_seconds(configs, clock):
    found = train_windows(configs[0], OPTIONS, 3)
    # 100 updates a second, of three seeds each.
    assert found["rates"] == pytest.approx([300.0, 300.0])
    assert found["compile_seconds"] == pytest.approx(4.0)
    assert found["peak_memory_bytes"] > 10_000_000


def test_processes_start_each_window_together(configs, clock):
    waited = []

    class Barrier:
        def wait(self):
            waited.append(clock.now)

    train_windows(configs[0], OPTIONS, 1, Barrier())
    # After two batches that warm up, then a second or a little more later.
    assert len(waited) == 2
    assert 1.0 <= waited[1] - waited[0] < 1.0 + 0.01 * measure.CAPTURED_UPDATES


def test_a_latency_is_the_median_of_calls_in_milliseconds(configs, monkeypatch):
    now = [0.0]

    class Steps:
        """Three calls that warm up take long; the others 1 ms, one of them 100."""

        calls = 0

        def perf_counter(self):
            self.calls += 1
            if self.calls % 2 == 0:
                call = self.calls // 2
                place = (call - 1) % 8
                now[0] += 5.0 if place < 3 else 0.1 if place == 6 else 0.001
            return now[0]

    monkeypatch.setattr(measure, "time", Steps())
    found = measure_latency(configs[0], CPU, calls=5)
    assert found == {"1": pytest.approx(1.0), "10": pytest.approx(1.0)}


def test_a_process_that_ends_early_is_reported(configs, monkeypatch):
    class Pipe:
        def close(self):
            pass

        def recv(self):
            raise EOFError

    class Context:
        def Barrier(self, count):
            return self

        def Pipe(self):
            return Pipe(), Pipe()

        def Process(self, **_):
            return self

        def start(self):
            pass

        def join(self):
            pass

        def abort(self):
            pass

    monkeypatch.setattr(measure.multiprocessing, "get_context", lambda how: Context())
    with pytest.raises(
        TrainingError, match="a process of the benchmark ended early at bc, K = 4; its message"
    ):
        measure.measure_training(configs[0], OPTIONS, 4)


def test_environment_steps_are_counted_with_and_without_the_policy(configs, monkeypatch):
    """By a clock that moves one second between two looks a rate is a number of steps."""
    ticks = itertools.count()
    monkeypatch.setattr(measure, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    found = measure_evaluation(configs[0], CPU, num_episodes=2)
    assert found is not None
    assert 2 <= found["steps_per_second"] <= 2000
    standing = 0
    for place in range(2):
        with make("Hopper-v4", None, 1000) as env:
            env.reset(seed=place)
            over = False
            while not over:
                _, _, terminated, truncated, _ = env.step(np.zeros(3, dtype=np.float32))
                over = terminated or truncated
                standing += 1
    assert found["steps_per_second_without_policy"] == standing
