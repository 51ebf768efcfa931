"""Decision Diffuser's second variant against CleanDiffuserTeam/CleanDiffuser@05f17fc."""

import numpy as np
import pytest
import torch

from algos.base import MethodSpec
from algos.decision_diffuser import DecisionDiffuser
from algos.seed_parallel.batches import ProblemSpec, Rows
from tests.released.libraries import library

pytestmark = pytest.mark.released
UPDATES = 20
# What the release imports for images.
SILENCED = ("torchvision",)


@pytest.fixture
def clean(released_package):
    """A function that imports a module of the released package."""
    library("einops")
    return released_package("CleanDiffuser", "cleandiffuser", SILENCED)


LENGTHS = (150, 40, 260)


def rows():
    generator = np.random.default_rng(7)
    number = sum(LENGTHS)
    terminals = np.zeros(number, dtype=np.uint8)
    terminals[np.cumsum(LENGTHS)[:2] - 1] = 1
    observations = generator.standard_normal((number, 11)).astype(np.float32)
    return Rows(
        observations=observations,
        actions=np.tanh(generator.standard_normal((number, 3))).astype(np.float32),
        rewards=generator.standard_normal(number).astype(np.float32),
        next_observations=observations,
        terminals=terminals,
        episodes=np.repeat(np.arange(len(LENGTHS)), LENGTHS),
    )


def copy_of(network, condition, inverse, method):
    """The release's parameters with ours, as pairs of tensors, and the frequencies set."""
    ours = {name: tensor[0] for name, tensor in method.group.frozen.items()}
    own_inverse = {name: tensor[0] for name, tensor in method.inverse_group.frozen.items()}
    pairs = []

    def linear(layer, name, tensors=ours):
        pairs.append((layer.weight, tensors[f"{name}.weight"].T))
        pairs.append((layer.bias, tensors[f"{name}.bias"]))

    def layers(module):
        return [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]

    for module, name, tensors in (
        (condition.mlp, "return.", ours),
        (network.map_noise, "time.", ours),
        (network.map_emb, "embedding.", ours),
        (inverse.mlp, "", own_inverse),
    ):
        for i, layer in enumerate(layers(module)):
            linear(layer, f"{name}layer{i}", tensors)
    linear(network.x_proj, "input")
    for i, block in enumerate(network.blocks):
        linear(block.adaLN_modulation[1], f"block{i}.modulation")
        pairs.append((block.attn.in_proj_weight, ours[f"block{i}.attention.input.weight"].T))
        pairs.append((block.attn.in_proj_bias, ours[f"block{i}.attention.input.bias"]))
        linear(block.attn.out_proj, f"block{i}.attention.output")
        for j, layer in enumerate(layers(block.mlp)):
            linear(layer, f"block{i}.layer{j}")
    linear(network.final_layer.adaLN_modulation[1], "last.modulation")
    linear(network.final_layer.linear, "last")
    network.map_noise.freqs.data = method.fixed_group.frozen["time.frequencies"][0].clone()
    assert len(pairs) == len(ours) + len(own_inverse)
    return pairs


def test_updates_and_a_plan_agree(clean, paper_values, report, float32_rate, monkeypatch):
    """All sizes are the release's but the batch of 8; the last update is one of a whole run's cosine."""
    nets, conditions = clean("nn_diffusion"), clean("nn_condition")
    inverses, module = clean("invdynamic"), clean("diffusion.diffusionsde")
    conditions_base = clean("nn_condition.base_nn_condition")
    values = paper_values("decision_diffuser", "cleandiffuser", "hopper-medium-expert-v2")
    values |= {"batch_size": 8, "ema_decay": 0.9, "inverse_fraction": 1.0}
    data = DecisionDiffuser.training_data(values, rows())
    data.packed, data.returns = data.packed.double(), data.returns.double()
    method = DecisionDiffuser(MethodSpec(values, ProblemSpec(11, 3), UPDATES, 20, (3,)))
    generator = torch.Generator().manual_seed(11)
    # The last layers start at zero, where most gradients are zero too.
    for name, tensor in method.group.frozen.items():
        if name.startswith("last") or "modulation" in name:
            tensor.copy_(0.1 * torch.randn(tensor.shape, generator=generator))
    method.average_group.flat.copy_(method.group.flat)
    network = nets.DiT1d(11, emb_dim=128, d_model=320, n_heads=10, depth=2, timestep_emb_type="fourier")
    condition = conditions.MLPCondition(
        in_dim=1, out_dim=128, hidden_dims=[128], act=torch.nn.SiLU(), dropout=0.25
    )
    inverse = inverses.MlpInvDynamic(11, 3, 512, torch.nn.Tanh(), {"lr": float32_rate(2e-4)})
    pairs = copy_of(network, condition, inverse, method)
    with torch.no_grad():
        for parameter, tensor in pairs:
            parameter.copy_(tensor)
    fix, weight = torch.zeros(32, 11), torch.ones(32, 11)
    fix[0], weight[1] = 1.0, 10.0
    agent = module.ContinuousDiffusionSDE(
        network,
        condition,
        fix_mask=fix,
        loss_weight=weight,
        ema_rate=0.9,
        optim_params={"lr": float32_rate(2e-4), "weight_decay": 1e-5},
        predict_noise=True,
        noise_schedule="linear",
    )
    for update in range(UPDATES):
        draw = {
            "index": torch.randint(0, data.num_rows, (1, 8), generator=generator),
            "time": torch.rand(1, 8, generator=generator),
            "noise": torch.randn(1, 8, 32, 11, generator=generator),
            "keep": (torch.rand(1, 8, 1, generator=generator) > 0.25).double(),
        }
        rates = {name: torch.tensor(rate) for name, rate in method.schedules(update).items()}
        windows = data.windows(draw["index"])
        agent.optimizer.param_groups[0]["lr"] = float32_rate(rates["learning_rate"])
        inverse.optim.param_groups[0]["lr"] = float32_rate(rates["inverse_learning_rate"])
        states, actions = windows.observations[0], windows.actions[0]
        with monkeypatch.context() as patch:
            patch.setattr(module.torch, "rand", lambda *_, time=draw["time"][0], **__: time)
            patch.setattr(module.torch, "randn_like", lambda _, noise=draw["noise"][0]: noise)
            patch.setattr(conditions.mlp, "get_mask", lambda *_, keep=draw["keep"][0, :, 0]: keep)
            agent.update(states, windows.returns[0])
        inverse.update(states[:, :-1], actions[:, :-1], states[:, 1:])
        method.update(data, {**draw, **rates}, method.update_variant(update))
    assert conditions_base.get_mask is not None
    difference = max(float((parameter.data - tensor).abs().max()) for parameter, tensor in pairs)
    report(f"{UPDATES} updates, all parameters", difference, 1e-9)

    agent.eval()
    inverse.eval()
    noise = torch.randn(1, 1, 1, 32, 11, generator=generator)
    state = data.packed[5, :11].view(1, 1, 11)
    prior = torch.zeros(1, 32, 11)
    prior[:, 0] = state[0]
    # The release keeps its levels in float32.
    steps = torch.linspace(1e-3, 1.0, 21)
    with monkeypatch.context() as patch:
        patch.setattr(module.torch, "randn_like", lambda _: noise[0, 0])
        patch.setattr(module.torch, "float32", torch.float64)
        plan, _ = agent.sample(
            prior,
            solver="ddim",
            n_samples=1,
            sample_steps=20,
            sample_step_schedule=lambda *_: steps,
            use_ema=True,
            condition_cfg=torch.full((1, 1), 0.95),
            w_cfg=1.2,
            temperature=0.5,
        )
    sampler = method.build_sampler(method.default_sampling())
    ours = method.plan(state, sampler, noise)[0]
    scale = float(plan.abs().max())
    report("one plan, relative", float((plan - ours).abs().max()) / scale, 1e-9)
    action = inverse.predict(state[0], plan[:, 1])
    pair = torch.cat([state, ours[None, :, 1]], dim=-1)
    acted = method.inverse_actions(method.inverse_group.frozen, pair)[0]
    report("its action", float((action - acted).abs().max()), 1e-9)
