"""The synthetic problem, and updates cut into batches."""

import numpy as np
import pytest
import torch

from algos.benchmark import programs
from algos.benchmark.programs import build, build_program, run_updates, synthetic_data
from algos.seed_parallel.random_streams import CHUNK_UPDATES

CPU = torch.device("cpu")


def test_every_thousandth_row_ends_an_episode(configs):
    data = synthetic_data(CPU, configs[0])
    assert (data.num_rows, data.problem.observation_dim, data.problem.action_dim) == (2000, 11, 3)
    continues = data.batch(torch.arange(2000)[None]).continues[0]
    assert (continues == 0).nonzero().flatten().tolist() == [999, 1999]
    assert float(data.batch(torch.arange(2000)[None]).actions.abs().max()) < 1.0
    again = synthetic_data(CPU, configs[1])
    assert torch.equal(data.packed, again.packed)


def test_a_method_that_needs_next_actions_gets_those_of_the_following_row(configs, monkeypatch):
    kind = programs.method_class(configs[0]["method"])
    monkeypatch.setattr(kind, "NEEDS_NEXT_ACTIONS", True)
    batch = synthetic_data(CPU, configs[0]).batch(torch.tensor([[0, 5, 1999]]))
    following = synthetic_data(CPU, configs[0]).batch(torch.tensor([[1, 6, 0]])).actions
    assert torch.equal(batch.next_actions, following)


def test_a_method_is_built_for_the_seeds_and_the_rows(configs):
    method = build(configs[1], range(3), CPU)
    assert (method.name, tuple(method.seeds), method.num_updates) == ("iql", (0, 1, 2), 1000)
    assert method.problem.num_rows == 2000


class Recorded:
    """A program that writes down what it is asked for."""

    def __init__(self):
        self.calls = []
        self.random_inputs = self
        self.chunk_start = -1

    def load_chunk(self, start):
        self.chunk_start = start
        self.calls.append(("chunk", start))

    def run(self, first, count):
        assert self.chunk_start <= first
        assert first + count <= self.chunk_start + CHUNK_UPDATES
        self.calls.append(("run", first, count))


def test_batches_never_cross_a_chunk(monkeypatch):
    monkeypatch.setattr(programs, "CAPTURED_UPDATES", 24)
    program = Recorded()
    program.load_chunk(0)
    assert run_updates(program, 0, 100) == 100
    assert run_updates(program, 100, 30) == 130
    runs = [call[1:] for call in program.calls if call[0] == "run"]
    assert runs == [(0, 24), (24, 24), (48, 16), (64, 24), (88, 12), (100, 24), (124, 4), (128, 2)]
    assert [call[1] for call in program.calls if call[0] == "chunk"] == [0, 64, 128]


@pytest.mark.parametrize("count", [1, 7, 70])
def test_updates_are_done_one_for_one(configs, count):
    method = build(configs[0], [0], CPU)
    data = synthetic_data(CPU, configs[0])
    program = build_program(method, data, capture=False)
    updates = []
    update = method.update
    method.update = lambda *given: updates.append(1) or update(*given)
    assert run_updates(program, 0, count) == count
    assert len(updates) == count
    assert np.isfinite(method.actor.group.flat.numpy()).all()


@pytest.mark.parametrize(
    ("own", "sampling_steps", "ddpm", "measured"),
    [
        (5, None, True, [5, 20]),
        # EDP acts by fifteen steps and learns from one, whatever N is.
        (1000, 15, False, [1000]),
        (0, None, False, [0]),
    ],
)
def test_a_sampler_with_steps_of_its_own_keeps_its_schedule(own, sampling_steps, ddpm, measured):
    config = {"diffusion_steps": own, "hyperparameters": {"sampling_steps": sampling_steps}}
    assert programs.sampled_by_ddpm(config) is ddpm
    assert list(programs.steps_to_measure(config, [5, 20])) == measured
