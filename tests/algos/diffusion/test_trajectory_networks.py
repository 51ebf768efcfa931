"""Seeds of a trajectory network are computed in turn, each from its own inputs."""

import torch

from algos.diffusion.trajectory_networks import TrajectoryNetwork
from algos.seed_parallel.parameters import ParameterGroup


class Scaled(TrajectoryNetwork):
    """windows * a + times * b + return where it may be seen."""

    def shapes(self):
        return {"a": (1,), "b": (2,)}

    def initialise(self, group, streams):
        raise NotImplementedError

    def one(self, parameters, windows, times, returns):
        assert windows.dim() == 3
        seen = returns[:, 0] * returns[:, 1]
        return windows * parameters["a"] + (times[:, None] * parameters["b"] + seen[:, None])[:, None, :]


def test_each_seed_has_its_parameters_windows_times_and_returns():
    network = Scaled()
    group = ParameterGroup(network.shapes(), 2)
    group.frozen["a"].copy_(torch.tensor([[2.0], [3.0]]))
    group.frozen["b"].copy_(torch.tensor([[1.0, 10.0], [0.0, 0.0]]))
    windows = torch.ones(2, 1, 3, 2)
    found = network(
        group.frozen, windows, torch.tensor([[5.0], [5.0]]), torch.tensor([[[7.0, 1.0]], [[7.0, 0.0]]])
    )
    assert found[0, 0].tolist() == [[14.0, 59.0]] * 3
    assert found[1, 0].tolist() == [[3.0, 3.0]] * 3


def test_gradients_reach_each_seed_alone_and_nothing_is_fixed_by_default():
    network = Scaled()
    group = ParameterGroup(network.shapes(), 2)
    found = network(group.parameters, torch.ones(2, 1, 3, 2), torch.zeros(2, 1), torch.zeros(2, 1, 2))
    group.backward(found[1].sum())
    start = group.offsets["a"]
    assert group.gradient[:, start].tolist() == [0.0, 6.0]
    assert network.fixed_shapes() == {}
