"""What the trainer and the evaluator rely on, for every configured method and variant."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from recheck.errors import MethodError
from recheck.methods import hyperparameters as planning

from algos.base import Method, MethodSpec, Sampling, check_hyperparameters
from algos.methods import known_methods, method_class
from algos.seed_parallel.batches import ProblemSpec
from algos.seed_parallel.parameters import ParameterGroup
from algos.seed_parallel.random_streams import ChunkedInputs, SeedStreams
from algos.training.cuda_graphs import Program

ROOT = Path(__file__).parents[2]
UPDATES = 30
PROBLEM = ProblemSpec(4, 2, num_rows=50)  # small_rows
# Widths that make a test of a paper's configuration small; nothing else of it is changed.
SMALL = {
    "batch_size": 8,
    "critic_batch_size": 8,
    "actor_batch_size": 8,
    "time_embedding_size": 8,
    "actor_width": 16,
    "time_features": 8,
    "time_hidden_sizes": [16, 16],
    "candidates": 4,
    "sampled_actions": 3,
    "warm_up_updates": 3,
    "critic_phase_updates": 3,
    "actor_phase_updates": 4,
    "ema_start": 5,
    "actor_target_start": 5,
    "horizon": 8,
    "network_width": 16,
    "attention_heads": 2,
    "embedding_size": 8,
}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"candidates": 0}, "candidates is 0; it has to be a whole number, at least 1"),
        ({"candidates": 2.5}, "candidates is 2.5"),
        ({"steps": "many"}, "steps is 'many'"),
        ({"steps": True}, "steps is True"),
        ({"noise_scale": -1.0}, "noise_scale is -1.0; it has to be a number, at least 0"),
        ({"initial_noise_scale": float("nan")}, "initial_noise_scale is nan"),
        ({"candidate_temperature": 0}, "candidate_temperature is 0; it has to be a number, greater than 0"),
        ({"colour": 1}, "unknown sampling setting 'colour'"),
    ],
)
def test_a_wrong_sampling_setting_is_refused(setting, message):
    with pytest.raises(MethodError, match=re.escape(message)):
        Sampling.from_mapping(setting)


def test_a_sampling_setting_is_taken_as_it_is():
    setting = {"name": "fast", "steps": 3, "candidates": 7, "noise_scale": 0, "candidate_temperature": 0.5}
    assert Sampling.from_mapping(setting) == Sampling("fast", None, 3, 7, 0, None, 0.5)


def configurations():
    return [
        (name, variant)
        for name in planning.known_methods(ROOT)
        for variant in planning.read(ROOT, name).variants
    ]


def build(name, variant, seeds=(0, 1), task="hopper-medium-expert-v2"):
    resolved = planning.resolve(ROOT, planning.read(ROOT, name), variant, task, {})
    values = dict(resolved.values)
    values.update({key: small for key, small in SMALL.items() if key in values})
    for key in ("hidden_sizes", "critic_hidden_sizes"):
        if key in values:
            values[key] = [16] * len(values[key])
    # A null names what another network of the method has, and stays.
    values = {key: None if resolved.values[key] is None else value for key, value in values.items()}
    return method_class(name)(MethodSpec(values, PROBLEM, UPDATES, resolved.diffusion_steps, seeds))


def program(method, rows, indexed=False):
    data = method.training_data(method.hyperparameters, rows)
    inputs = ChunkedInputs(method.random_inputs(), SeedStreams(method.seeds, "train"), data.num_rows)
    made = Program(method, data, inputs, indexed=indexed)
    made.load_chunk(0)
    return made


@pytest.mark.parametrize(("name", "variant"), configurations())
def test_configured_variant_trains_resumes_and_acts(small_rows, name, variant):
    whole = build(name, variant)
    assert isinstance(whole, Method)
    steps = program(whole, small_rows)
    steps.run(0, 12)

    # The losses are finite, one per name and seed.
    assert steps.history[:12].shape == (12, len(whole.LOSSES), 2)
    assert torch.isfinite(steps.history[:12]).all()

    # Randomness read through a counter, as a captured program reads it, changes nothing.
    indexed = build(name, variant)
    program(indexed, small_rows, indexed=True).run(0, 12)
    # A state carries all there is: half the way, into a new instance, and on.
    first, second = build(name, variant), build(name, variant, seeds=(0, 1))
    program(first, small_rows).run(0, 5)
    second.load_state(first.state())
    program(second, small_rows).run(5, 7)
    for other in (indexed, second):
        for key, tensor in whole.state().items():
            assert torch.equal(tensor, other.state()[key]), key

    # A checkpoint is contiguous, leads with the seeds and acts alike in a new instance.
    policy = whole.policy()
    assert all(tensor.shape[0] in (2, 4) and tensor.is_contiguous() for tensor in policy.values())
    fresh = build(name, variant)
    fresh.load_policy(policy)
    observations = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32))
    actions = whole.act(observations, Sampling(), SeedStreams((0, 1), "e"))
    assert torch.equal(actions, fresh.act(observations, Sampling(), SeedStreams((0, 1), "e")))
    assert actions.shape == (2, 3, 2)
    assert actions.abs().max() <= 1.0
    assert not actions.requires_grad


@pytest.mark.parametrize(("name", "variant"), configurations())
def test_a_seed_that_diverges_leaves_the_others_alone(small_rows, name, variant):
    healthy, ill = build(name, variant), build(name, variant)
    for group in ill.groups().values():
        if isinstance(group, ParameterGroup):
            group.flat[: group.copies] = float("nan")
    runs = [program(method, small_rows) for method in (healthy, ill)]
    for run in runs:
        run.run(0, 6)
    # A delayed actor's loss is 0 in between.
    assert torch.isnan(runs[1].history[:6, :, 0]).any(dim=1).all()
    assert torch.equal(runs[0].history[:6, :, 1], runs[1].history[:6, :, 1])
    for key, tensor in healthy.state().items():
        if tensor.ndim:
            half = tensor.shape[0] // 2
            assert torch.equal(tensor[half:], ill.state()[key][half:]), key


@pytest.mark.parametrize("name", known_methods())
def test_missing_and_unknown_hyperparameters_are_refused(name):
    kind = method_class(name)
    values = dict.fromkeys(kind.HYPERPARAMETERS, 1)
    check_hyperparameters(kind, values)
    with pytest.raises(MethodError, match="has no hyperparameter 'typo'"):
        check_hyperparameters(kind, {**values, "typo": 1})
    values.pop("batch_size" if "batch_size" in values else "actor_batch_size")
    with pytest.raises(MethodError, match="needs a value for hyperparameter '"):
        check_hyperparameters(kind, values)


def test_hyperparameters_and_functions_exist():
    for name in known_methods():
        kind = method_class(name)
        assert kind.name == name
        assert all(phrase for phrase in kind.HYPERPARAMETERS.values())
        assert all(callable(getattr(kind, function)) for function in kind.COMPILED)


def test_problem_widths_reach_every_network():
    problem = ProblemSpec(7, 5)
    resolved = planning.resolve(
        ROOT, planning.read(ROOT, "diffusion_ql"), "paper", "hopper-medium-expert-v2", {}
    )
    method = method_class("diffusion_ql")(MethodSpec(resolved.values, problem, 10, 5, (0,)))
    assert method.act(torch.zeros(1, 2, 7), Sampling(candidates=2), SeedStreams((0,), "e")).shape == (1, 2, 5)
