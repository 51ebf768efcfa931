"""Diffusion-QL against Zhendong-Wang/Diffusion-Policies-for-Offline-RL@d871f5c, agents/ql_diffusion.py."""

import pytest
import torch

from algos.base import MethodSpec
from algos.diffusion_ql import DiffusionQL

pytestmark = [
    pytest.mark.released,
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),  # the release, on a newer numpy
]
UPDATES, EMA_START = 25, 10


def layers(*modules):
    return [x for module in modules for x in module.modules() if isinstance(x, torch.nn.Linear)]


def pairs_of(method, theirs):
    """Their linear layers with ours: layer, group, row, name; networks, average actor and target critics."""
    found = []
    names = [*method.network.time_layers.names, *method.network.layers.names]
    for actor, group in ((theirs.actor, method.actor_group), (theirs.ema_model, method.average_group)):
        model = actor.model
        actor_layers = layers(model.time_mlp, model.mid_layer, model.final_layer)
        found += [(x, group, 0, name) for x, name in zip(actor_layers, names, strict=True)]
    critics = ((theirs.critic, method.critic.group), (theirs.critic_target, method.critic.target_group))
    for critic, group in critics:
        for row, network in enumerate((critic.q1_model, critic.q2_model)):
            names_of_critic = method.critic.network.names
            found += [(x, group, row, n) for x, n in zip(layers(network), names_of_critic, strict=True)]
    return found


class Noises:
    """In place of torch's random numbers: ours, in the order in which the release asks for them."""

    def __init__(self, draw):
        self.steps = draw["step"][0]
        self.queue = [
            *self.chain(draw["next_noise"][0]),
            draw["noise"][0],
            *self.chain(draw["chain_noise"][0]),
        ]

    @staticmethod
    def chain(noises):
        """The start, the noise of every step, and that of the last, which the release multiplies by 0."""
        return [*noises, torch.full_like(noises[0], 1e6)]

    def normal(self, shape):
        noise = self.queue.pop(0)
        assert noise.shape == tuple(shape)
        return noise


@pytest.mark.parametrize("task", ["hopper-medium-v2", "antmaze-medium-play-v0"])
def test_updates_agree(
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
    task,
):
    """Locomotion; antmaze: max-Q backup over ten next actions, another eta and clip."""
    module = released("Diffusion-Policies-for-Offline-RL", "agents/ql_diffusion.py")
    exact_schedule(module.Diffusion)
    changed = {"batch_size": 32, "ema_start": EMA_START, "lr_decay": "none"}
    values = {**paper_values("diffusion_ql", "paper", task), **changed}
    method = DiffusionQL(MethodSpec(values, data.problem, UPDATES, 5, (3,)))
    exact_rates(method)
    theirs = module.Diffusion_QL(
        11,
        3,
        1.0,
        "cpu",
        0.99,
        0.005,
        max_q_backup=values["max_q_backup"],
        eta=values["eta"],
        beta_schedule="vp",
        n_timesteps=5,
        step_start_ema=EMA_START,
        lr=float32_rate(values["actor_learning_rate"]),
        grad_norm=values["gradient_clip"],
    )
    theirs.critic_optimizer.param_groups[0]["lr"] = float32_rate(3e-4)
    pairs = pairs_of(method, theirs)
    linear_layers.copy(pairs)
    start = method.average_group.flat.clone()
    for update, draw, given in random_inputs(method, data, UPDATES):
        one_batch.hold(data.batch(draw["index"]))
        noises = Noises(draw)
        with monkeypatch.context() as patch:
            patch.setattr(torch, "randn", lambda shape, noises=noises, **_: noises.normal(shape))
            patch.setattr(torch, "randn_like", lambda like, noises=noises: noises.normal(like.shape))
            patch.setattr(torch, "randint", lambda *_, noises=noises, **__: noises.steps)
            patch.setattr(module.np.random, "uniform", lambda draw=draw: float(draw["coin"][0]))
            theirs.train(one_batch, 1, 32)
        assert not noises.queue
        method.update(data, given, method.update_variant(update))
    assert not torch.equal(start, method.average_group.flat)
    largest = linear_layers.largest_difference(pairs)
    report(f"Diffusion-QL on {task}, {UPDATES} updates, all parameters", largest, 1e-9)
