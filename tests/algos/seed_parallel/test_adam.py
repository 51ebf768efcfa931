"""Adam for all seeds at once against torch's."""

import torch

from algos.seed_parallel.adam import Adam
from tests.algos.seed_parallel.stacked import plain_network, stacked_group


def test_adam_equals_torch_for_every_seed():
    network, group = stacked_group([0, 1])
    optimiser = Adam(group, 1e-2)
    inputs, plains, plain_optimisers = torch.randn(2, 6, 5), [], []
    for row in range(2):
        plains.append(plain_network(group, row))
        plain_optimisers.append(torch.optim.Adam(plains[-1].parameters(), lr=1e-2))
    for _ in range(20):
        group.backward(network(group.parameters, inputs).square().mean(dim=(1, 2)).sum())
        optimiser.step()
        for row in range(2):
            plain_optimisers[row].zero_grad()
            plains[row](inputs[row]).square().mean().backward()
            plain_optimisers[row].step()
    for row in range(2):
        weight = plains[row][0].weight.T
        torch.testing.assert_close(group.frozen["layer0.weight"][row], weight, rtol=1e-5, atol=1e-6)


def test_adamw_decay_is_decoupled():
    _, group = stacked_group([0])
    before = group.flat.clone()
    group.gradient.zero_()
    Adam(group, 0.1, weight_decay=0.5).step()
    torch.testing.assert_close(group.flat, before * (1 - 0.1 * 0.5))


def test_gradient_norm_is_clipped_per_seed_over_all_copies():
    _, group = stacked_group([0, 1], copies=2)
    group.gradient.zero_()
    group.gradient[0, 0], group.gradient[1, 0] = 3.0, 4.0  # seed 0: norm 5 over its two copies
    group.gradient[2, 0] = 0.5  # seed 1: below the limit, left alone
    norms = group.clip_gradient(1.0)
    torch.testing.assert_close(norms, torch.tensor([5.0, 0.5]))
    torch.testing.assert_close(group.gradient[:3, 0], torch.tensor([0.6, 0.8, 0.5]), rtol=1e-5, atol=0)
