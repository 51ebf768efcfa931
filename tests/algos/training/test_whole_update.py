"""A whole update compiled as one program: the same training up to rounding."""

import json

import pytest
import torch
from recheck.errors import TrainingError
from recheck.methods import benchmark_configs

from algos.benchmark import programs
from algos.training.whole_update import WholeUpdate

CPU = torch.device("cpu")
SIZES = {
    "batch_size": 8,
    "critic_batch_size": 8,
    "actor_batch_size": 8,
    "hidden_sizes": [32, 32],
    "actor_width": 32,
}


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    path = tmp_path_factory.mktemp("configs") / "configs.json"
    assert benchmark_configs.main(["--output", str(path)]) == 0
    found = json.loads(path.read_text())
    for config in found:
        given = config["hyperparameters"]
        given.update({name: value for name, value in SIZES.items() if name in given})
    return found


def program_of(config, data, compiled, seeds=(0, 1)):
    method = programs.build(config, seeds, CPU)
    program = programs.build_program(method, data, False)
    if compiled:
        # Recorded, and taken through the compiler's front end; what is left is the writing of loops.
        program.compiled_update = WholeUpdate(method, data, backend="aot_eager")
    return program


@pytest.mark.parametrize("name", ["iql", "diffusion_ql", "idql"])
def test_a_compiled_update_trains_alike(configs, monkeypatch, name):
    """Losses, parameters, moments and averages after updates of every variant, of two seeds."""
    monkeypatch.setattr(programs, "NUM_ROWS", 500)
    config = next(config for config in configs if config["method"] == name)
    if "ema_start" in config["hyperparameters"]:
        config["hyperparameters"]["ema_start"] = 0
    data = programs.synthetic_data(CPU, config)
    plain, compiled = (program_of(config, data, compiled) for compiled in (False, True))
    for program in (plain, compiled):
        programs.run_updates(program, 0, 6)
    torch.testing.assert_close(compiled.history[:6], plain.history[:6], rtol=1e-4, atol=1e-6)
    states = compiled.method.state(), plain.method.state()
    assert states[0].keys() == states[1].keys()
    for key, value in states[1].items():
        torch.testing.assert_close(states[0][key], value, rtol=1e-3, atol=1e-5, msg=key)
        assert value.abs().sum() > 0 or key.endswith("bias"), key


def test_a_method_that_keeps_more_than_networks_is_refused(configs, monkeypatch):
    monkeypatch.setattr(programs, "NUM_ROWS", 500)
    config = next(config for config in configs if config["method"] == "awr")
    data = programs.synthetic_data(CPU, config)
    with pytest.raises(TrainingError, match="compile is 'update', which method awr cannot serve"):
        WholeUpdate(programs.build(config, [0], CPU), data)
