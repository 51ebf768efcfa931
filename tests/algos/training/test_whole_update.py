"""A whole update compiled as one program: the same training up to rounding."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from recheck.errors import TrainingError
from recheck.methods import benchmark_configs, hyperparameters
from torch._dynamo.backends.debugging import aot_eager

from algos.benchmark import programs
from algos.methods import method_class
from algos.training.whole_update import WholeUpdate, torch_compile

CPU = torch.device("cpu")
METHODS = hyperparameters.known_methods(Path(__file__).resolve().parents[3])
# Small networks, one block where there may be several, and every variant of an update among the first six.
CHANGED = {
    "batch_size": 8,
    "critic_batch_size": 8,
    "actor_batch_size": 8,
    "hidden_sizes": [32, 32],
    "critic_hidden_sizes": [32, 32],
    "actor_width": 32,
    "network_width": 32,
    "attention_heads": 2,
    "embedding_size": 16,
    "horizon": 8,
    "ema_start": 0,
    "actor_target_start": 0,
    "warm_up_updates": 3,
    "actor_blocks": 1,
    "attention_blocks": 1,
    "sampling_steps": 3,
    # So that a target or an average that does not move is seen within six updates.
    "target_rate": 0.5,
    "actor_target_rate": 0.5,
    "ema_decay": 0.5,
}
# The fewest of a schedule; a chain has a first, a middle and a last step.
LEAST_STEPS = {"linear_scaled": 21}


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    path = tmp_path_factory.mktemp("configs") / "configs.json"
    assert benchmark_configs.main(["--output", str(path)]) == 0
    found = json.loads(path.read_text())
    for config in found:
        given = config["hyperparameters"]
        given.update({name: value for name, value in CHANGED.items() if name in given})
        least = LEAST_STEPS.get(given.get("schedule"), 3)
        config["diffusion_steps"] = min(config["diffusion_steps"], least)
    return {config["method"]: config for config in reversed(found)}


# The recorded operations through the compiler's front end; what is left is the writing of loops, and
# `torch.compile` in front, which is of no method and half of the time.
def program_of(config, data, compiler=None, seeds=(0, 1)):
    method = programs.build(config, seeds, CPU)
    program = programs.build_program(method, data, False)
    if compiler is not None:
        program.compiled_update = WholeUpdate(method, data, compiler)
    return program


def assert_trains_alike(config, compiler):
    """Losses, parameters, moments and averages after updates of every variant, of two seeds."""
    data = programs.synthetic_data(CPU, config)
    plain, compiled = program_of(config, data), program_of(config, data, compiler)
    for program in (plain, compiled):
        programs.run_updates(program, 0, 6)
    torch.testing.assert_close(compiled.history[:6], plain.history[:6], rtol=1e-4, atol=1e-6)
    states = compiled.method.state(), plain.method.state()
    assert states[0].keys() == states[1].keys()
    for key, value in states[1].items():
        torch.testing.assert_close(states[0][key], value, rtol=1e-3, atol=1e-5, msg=key)
        # Nothing is left at zero but biases, and a multiplier that its variant does not learn.
        assert value.abs().sum() > 0 or key.endswith("bias") or key.startswith("lagrange"), key
    return compiled.compiled_update.programs


@pytest.mark.parametrize("name", METHODS)
def test_a_compiled_update_trains_alike_or_is_refused(configs, monkeypatch, name):
    monkeypatch.setattr(programs, "NUM_ROWS", 500)
    config = configs[name]
    if method_class(name).COMPILES_WHOLE_UPDATE:
        assert_trains_alike(config, aot_eager)
        return
    with pytest.raises(TrainingError, match=f"compile is 'update', which method {name} cannot serve"):
        program_of(config, programs.synthetic_data(CPU, config), aot_eager)


def test_torch_takes_no_variants_program_for_anothers(configs, monkeypatch):
    """It keeps programs by the code that they begin with, and its checks of settings are off."""
    monkeypatch.setattr(programs, "NUM_ROWS", 500)
    found = assert_trains_alike(configs["td3_bc"], partial(torch_compile, backend="eager"))
    assert found.keys() == {False, True}


def test_a_holder_of_another_kind_is_refused_whatever_its_class_says(configs, monkeypatch):
    """A class that is silent about what it keeps besides networks and optimisers."""
    monkeypatch.setattr(programs, "NUM_ROWS", 500)
    monkeypatch.setattr(method_class("awr"), "COMPILES_WHOLE_UPDATE", True)
    data = programs.synthetic_data(CPU, configs["awr"])
    with pytest.raises(TrainingError, match="compile is 'update', which method awr cannot serve"):
        WholeUpdate(programs.build(configs["awr"], [0], CPU), data)
