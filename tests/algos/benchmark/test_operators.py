"""Operators of an update: products, calls."""

import json

import torch
from recheck.methods import benchmark_configs

from algos.benchmark import operators, programs

DEVICE = torch.device("cpu")


# Operator calls of one update as of this version, a few to spare: a change that raises one has to say why.
# With the papers' hyperparameters and N = 5 (EDP: 1,000), three seeds, plain kernels.
MOST_OPERATOR_CALLS = {
    ("bc", "paper"): 60,
    ("iql", "paper"): 158,
    ("diffusion_bc", "paper"): 57,
    ("diffusion_ql", "paper"): 560,
    ("idql", "paper"): 360,
    ("idql", "release"): 240,
    ("idql_weighted", "paper"): 405,
    ("edp", "paper"): 440,
    ("awac", "corl"): 172,
    ("awr", "d4rl"): 45,  # of the critic; the actor's update is of this size
    ("cql", "authors"): 405,
    # A seed after the other: of three seeds here.
    ("decision_diffuser", "cleandiffuser"): 780,
    ("fql", "release"): 400,
    ("td3_bc", "paper"): 120,
    ("rebrac", "release"): 112,
}


def test_flops_are_those_of_the_products(configs):
    """BC, by hand: forward, weights' gradients, and the inputs' gradients of all layers but the first."""
    count = operators.count_operators(configs[0], 1, programs.synthetic_data(DEVICE, configs[0]))
    batch, d, h, a = 16, 11, 32, 3
    forward = 2 * batch * (d * h + h * h + h * a)
    assert count.flops == 2 * forward + 2 * batch * (h * h + h * a)


def test_flops_grow_with_the_seeds_and_calls_do_not(configs):
    data = programs.synthetic_data(DEVICE, configs[0])
    one, five = (operators.count_operators(configs[1], k, data) for k in (1, 5))
    assert five.flops == 5 * one.flops
    assert five.num_calls <= one.num_calls + 10  # rows of several seeds are copied together here and there


def test_operator_calls_of_an_update(tmp_path):
    """A count, not a time: on a GPU each is a launch, and launches are what small networks cost."""
    assert benchmark_configs.main(["--output", str(tmp_path / "configs.json")]) == 0
    counted = {}
    for config in json.loads((tmp_path / "configs.json").read_text()):
        data = programs.synthetic_data(DEVICE, config)
        count = operators.count_operators(config, 3, data)
        counted[config["method"], config["variant"]] = count.num_calls
    assert counted.keys() == MOST_OPERATOR_CALLS.keys()
    assert {key: n for key, n in counted.items() if n > MOST_OPERATOR_CALLS[key]} == {}
