"""A stacked network and the plain one of one row."""

import torch

from algos.seed_parallel.networks import MLP
from algos.seed_parallel.parameters import (
    ParameterGroup,
    initialise,
)
from algos.seed_parallel.random_streams import SeedStreams


def stacked_group(seeds, copies=1, sizes=(5, 8, 8, 2), initialiser="torch_default"):
    network = MLP(sizes, "relu")
    group = ParameterGroup(network.shapes(), len(seeds), copies=copies)
    initialise(group, SeedStreams(seeds, "test"), initialiser)
    return network, group


def plain_network(group, row, depth=3):
    """torch's own modules with the weights of one row of a group."""
    layers = []
    for i in range(depth):
        weight = group.frozen[f"layer{i}.weight"][row]
        layer = torch.nn.Linear(*weight.shape)
        layer.weight.data.copy_(weight.T)
        layer.bias.data.copy_(group.frozen[f"layer{i}.bias"][row])
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])
