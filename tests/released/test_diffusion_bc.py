"""BC-Diffusion against Zhendong-Wang/Diffusion-Policies-for-Offline-RL@d871f5c, agents/bc_diffusion.py."""

import pytest
import torch

from algos.base import MethodSpec, Sampling
from algos.diffusion_ql import DiffusionBC
from algos.seed_parallel.random_streams import SeedStreams

pytestmark = [
    pytest.mark.released,
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),  # the release, on a newer numpy
]
UPDATES = 30


def test_updates_and_a_sampled_action_agree(
    released,
    data,
    random_inputs,
    one_batch,
    paper_values,
    report,
    float32_rate,
    monkeypatch,
    linear_layers,
    exact_rates,
    exact_schedule,
):
    module = released("Diffusion-Policies-for-Offline-RL", "agents/bc_diffusion.py")
    exact_schedule(module.Diffusion)
    values = {**paper_values("diffusion_bc", "paper"), "batch_size": 32}
    method = DiffusionBC(MethodSpec(values, data.problem, UPDATES, 5, (3,)))
    exact_rates(method)
    rate = float32_rate(values["actor_learning_rate"])
    theirs = module.Diffusion_BC(11, 3, 1.0, "cpu", 0.99, 0.005, beta_schedule="vp", n_timesteps=5, lr=rate)
    model = theirs.model
    linear = [
        x
        for part in (model.time_mlp, model.mid_layer, model.final_layer)
        for x in part.modules()
        if isinstance(x, torch.nn.Linear)
    ]
    names = [*method.network.time_layers.names, *method.network.layers.names]
    pairs = [(x, method.actor_group, 0, name) for x, name in zip(linear, names, strict=True)]
    linear_layers.copy(pairs)
    start = method.actor_group.flat.clone()
    for update, draw, given in random_inputs(method, data, UPDATES):
        one_batch.hold(data.batch(draw["index"]))
        with monkeypatch.context() as patch:
            patch.setattr(torch, "randn_like", lambda _, noise=draw["noise"][0]: noise)
            patch.setattr(torch, "randint", lambda *_, steps=draw["step"][0], **__: steps)
            theirs.train(one_batch, 1, 32)
        method.update(data, given, method.update_variant(update))
    assert not torch.equal(start, method.actor_group.flat)
    report(f"BC-Diffusion, {UPDATES} updates", linear_layers.largest_difference(pairs), 1e-9)

    class Given(SeedStreams):
        def normal(self, *shape):
            return chain.transpose(0, 1).reshape(1, *shape)

    generator = torch.Generator().manual_seed(11)
    chain = torch.randn(5, 1, 1, 3, generator=generator)
    # The last step's noise is multiplied by 0 in the release.
    queue = [*chain[:, 0], torch.zeros(1, 3)]
    state = data.packed[7, :11]
    with monkeypatch.context() as patch:
        patch.setattr(torch, "randn", lambda *_, **__: queue.pop(0))
        patch.setattr(torch, "randn_like", lambda _: queue.pop(0))
        expected = theirs.actor.sample(state.view(1, 11))
    assert not queue
    acted = method.act(state.view(1, 1, 11), Sampling(), Given((3,), "action"))[0]
    report("BC-Diffusion, a sampled action", float((expected - acted).detach().abs().max()), 1e-12)
