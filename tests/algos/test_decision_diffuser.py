"""Decision Diffuser against plain networks of torch's own layers, one seed at a time, in float64."""

import copy
import math

import numpy as np
import pytest
import torch
from recheck.errors import MethodError
from torch import nn

from algos.base import MethodSpec, Sampling
from algos.decision_diffuser import DecisionDiffuser
from algos.seed_parallel.batches import ProblemSpec
from algos.seed_parallel.random_streams import SeedStreams
from tests.algos.diffusion.plain_trajectory_networks import (
    KINDS,
    PlainTransformer,
    PlainUNet,
    pairs_of,
    transformer_names,
    unet_names,
)

UPDATES = 8
SHARED = {
    "ddpm_form": "posterior",
    "noise_loss_reduction": "mean",
    "batch_size": 6,
    "horizon": 8,
    "longest_trajectory": 1000,
    "last_start": "included",
    "filling": "zeros",
    "discount": 0.9,
    "return_scale": 5.0,
    "terminal_penalty": -3.0,
    "network_width": 16,
    "condition_dropout": 0.5,
    "hidden_sizes": [12, 12],
    "learning_rate": 1e-3,
    "ema_decay": 0.8,
    "ema_every": 2,
    "target_return": 0.7,
    "return_guidance": 1.5,
    "sampling_noise_scale": 0.5,
}
UNET = {
    **SHARED,
    "diffusion_time": "discrete",
    "schedule": "cosine",
    "sampler": "ddpm",
    "clip_plans": True,
    "penalty_form": "added",
    "network": "temporal_unet",
    "channel_multipliers": [1, 2],
    "attention_heads": None,
    "attention_blocks": None,
    "embedding_size": None,
    "positions": None,
    "next_state_weight": 1.0,
    "loss_weight": 0.5,
    "inverse_initialiser": "torch_default",
    "inverse_output": "linear",
    "inverse_fraction": 1.0,
    "inverse_average": True,
    "rate_decay": "none",
    "weight_decay": 0.0,
    "ema_start": 4,
}
TRANSFORMER = {
    **SHARED,
    "diffusion_time": "continuous",
    "schedule": "linear",
    "sampler": "ddim",
    "clip_plans": False,
    "penalty_form": "replaced",
    "network": "transformer",
    "channel_multipliers": None,
    "attention_heads": 2,
    "attention_blocks": 2,
    "embedding_size": 16,
    "positions": "sinusoidal",
    "next_state_weight": 10.0,
    "loss_weight": 1.0,
    "inverse_initialiser": "orthogonal_1",
    "inverse_output": "tanh",
    "inverse_fraction": 0.5,
    "inverse_average": False,
    "rate_decay": "cosine",
    "weight_decay": 0.01,
    "ema_start": 0,
}
STEPS = 5


@pytest.fixture(autouse=True)
def double_precision():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def build(values, seeds=(0, 1), steps=STEPS, **changes):
    return DecisionDiffuser(MethodSpec({**values, **changes}, ProblemSpec(4, 2), UPDATES, steps, seeds))


def in_double(method, rows):
    data = method.training_data(method.hyperparameters, rows)
    data.packed, data.returns = data.packed.double(), data.returns.double()
    if method.hyperparameters["diffusion_time"] == "discrete":
        alpha_bars = torch.from_numpy(method.diffusion.alpha_bars)
        method.diffusion.signal_rates = alpha_bars.sqrt()
        method.diffusion.noise_rates = (1 - alpha_bars).sqrt()
    return data


# --- The plain networks ---


class Plain:
    """One seed's networks, and the release's update and plan in few words."""

    def __init__(self, method, row):
        h = self.h = method.hyperparameters
        unet = h["network"] == "temporal_unet"
        self.network = PlainUNet() if unet else PlainTransformer()
        self.inverse = nn.Sequential(
            nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 2)
        )
        if not unet:
            self.inverse.append(nn.Tanh())
            self.network.frequencies = method.fixed_group.frozen["time.frequencies"][row]
        names = unet_names() if unet else transformer_names()
        own = [f"layer{i}.{kind}" for i in range(3) for kind in KINDS]
        self.pairs = pairs_of(self.network, method.group, names, row)
        self.pairs += pairs_of(self.inverse, method.inverse_group, own, row)
        with torch.no_grad():
            for parameter, tensor in self.pairs:
                parameter.copy_(tensor)
        self.average = copy.deepcopy(self.network)
        if not unet:
            self.average.frequencies = self.network.frequencies
        rate = float(np.float32(h["learning_rate"]))
        self.adam = torch.optim.AdamW(self.network.parameters(), rate, weight_decay=h["weight_decay"])
        self.inverse_adam = torch.optim.Adam(self.inverse.parameters(), rate)

    def levels(self, times):
        if self.h["diffusion_time"] == "continuous":
            alpha = torch.exp(-19.9 / 4 * times**2 - 0.05 * times)
            return alpha, (1 - alpha**2).sqrt()
        f = torch.cos((torch.arange(STEPS + 1) / STEPS + 0.008) / 1.008 * math.pi / 2) ** 2
        bars = torch.cumprod(1 - (1 - f[1:] / f[:-1]).clamp(0, 0.999), 0)
        return bars[times].sqrt(), (1 - bars[times]).sqrt()

    def update(self, batch, draw, rates, update):
        states, actions, returns = batch
        times = draw["time"]
        if self.h["diffusion_time"] == "continuous":
            times = 0.001 + 0.999 * times
        alpha, sigma = (level[:, None, None] for level in self.levels(times))
        noisy = alpha * states + sigma * draw["noise"]
        noisy[:, 0] = states[:, 0]
        errors = (self.network(noisy, times.double(), returns, draw["keep"]) - draw["noise"]) ** 2
        weights = torch.tensor([0.0, self.h["next_state_weight"], *[1.0] * 6])
        diffusion_loss = (errors * weights[:, None]).mean()
        pairs = torch.cat([states[:, :-1], states[:, 1:]], 2)
        inverse_loss = nn.functional.mse_loss(self.inverse(pairs), actions[:, :-1])
        for adam, loss, name in (
            (self.adam, diffusion_loss, "learning_rate"),
            (self.inverse_adam, inverse_loss, "inverse_learning_rate"),
        ):
            adam.param_groups[0]["lr"] = float(np.float32(rates[name]))
            adam.zero_grad()
            (self.h["loss_weight"] * loss).backward()
            adam.step()
        if update % self.h["ema_every"] == 0:
            decay = self.h["ema_decay"] if update >= self.h["ema_start"] else 0.0
            with torch.no_grad():
                for p, a in zip(self.network.parameters(), self.average.parameters()):
                    a.mul_(decay).add_((1 - decay) * p)
        return diffusion_loss.item(), inverse_loss.item()

    @torch.no_grad()
    def guided(self, x, time):
        seen = [self.average(x, time.expand(len(x)), torch.full((len(x), 1), 0.7), keep) for keep in (1, 0)]
        return 1.5 * seen[0] - 0.5 * seen[1]

    def plan(self, states, noises):
        """DDPM with the posterior's variance (discrete) or DDIM (continuous), the first state fixed."""
        x = 0.5 * noises[0]
        x[:, 0] = states
        if self.h["diffusion_time"] == "continuous":
            grid = torch.linspace(0.001, 1.0, STEPS + 1)
            alphas, sigmas = self.levels(grid)
            for i in range(STEPS, 0, -1):
                e = self.guided(x, grid[i])
                x = alphas[i - 1] * (x - sigmas[i] * e) / alphas[i] + sigmas[i - 1] * e
                x[:, 0] = states
            return x
        alphas, sigmas = self.levels(torch.arange(STEPS))
        for i in reversed(range(STEPS)):
            e = self.guided(x, torch.tensor(float(i)))
            clean = ((x - sigmas[i] * e) / alphas[i]).clamp(-1, 1)
            bar, before = alphas[i] ** 2, alphas[i - 1] ** 2 if i else torch.tensor(1.0)
            beta = 1 - bar / before
            mean = (beta * before.sqrt() * clean + (1 - before) * (1 - beta).sqrt() * x) / (1 - bar)
            deviation = (beta * (1 - before) / (1 - bar)).sqrt()
            x = mean + (0.5 * deviation * noises[STEPS - i] if i else 0.0)
            x[:, 0] = states
        return x


@pytest.mark.parametrize("values", [UNET, TRANSFORMER], ids=["unet", "transformer"])
def test_updates_and_plans_are_those_of_plain_networks(small_rows, replay, values):
    method = build(values)
    data = in_double(method, small_rows)
    plain = [Plain(method, row) for row in (0, 1)]
    for update, (draw, rates, losses) in enumerate(replay(method, data, UPDATES)):
        windows = data.windows(draw["index"])
        for row, one in enumerate(plain):
            own = {name: t[row].double() if name in ("noise", "keep") else t[row] for name, t in draw.items()}
            found = one.update([part[row] for part in windows], own, rates, update)
            for name, value in zip(method.LOSSES, found):
                assert losses[name][row].item() == pytest.approx(value, rel=1e-9), (name, update)
    for one in plain:
        assert max(float((p.detach() - t).abs().max()) for p, t in one.pairs) < 1e-9
    sampler = method.build_sampler(method.default_sampling())
    noises = torch.randn(sampler.num_noises, 2, 3, 8, 4, generator=torch.Generator().manual_seed(1))
    states = torch.tanh(noises[0, :, :, 0])
    plans = method.plan(states, sampler, noises)
    for row, one in enumerate(plain):
        expected = one.plan(states[row], noises[:, row].clone())
        torch.testing.assert_close(plans[row], expected, rtol=1e-8, atol=1e-8)


def test_the_action_is_that_between_the_first_two_states_of_the_plan(monkeypatch):
    method = build(UNET)
    states = torch.zeros(2, 3, 4)
    plan = torch.randn(2, 3, 8, 4, generator=torch.Generator().manual_seed(2))
    monkeypatch.setattr(method, "plan", lambda *_: plan)
    pairs = torch.cat([states, plan[:, :, 1]], dim=-1)
    expected = method.inverse(method.inverse_average_group.frozen, pairs).clamp(-1, 1)
    assert torch.equal(method.act(states, Sampling(), SeedStreams((0, 1), "e")), expected)


def test_fewer_steps_make_shorter_plans():
    method = build(UNET, steps=20)
    calls = []
    network = method.network
    method.network = lambda *arguments: calls.append(1) or network(*arguments)
    method.act(torch.zeros(2, 1, 4), Sampling(sampler="ddim", steps=3), SeedStreams((0, 1), "e"))
    assert len(calls) == 3


def test_the_average_is_set_before_its_start_and_the_inverse_dynamics_stops():
    method = build({**TRANSFORMER, "ema_start": 4})
    averages = ["set", None, "set", None, "move", None]
    trained = [True] * 4 + [False] * 2
    assert [method.update_variant(update) for update in range(6)] == list(zip(averages, trained))
    rates = [method.schedules(update) for update in (0, 2, 4, 7)]
    assert [rate["inverse_learning_rate"] for rate in rates] == pytest.approx([1e-3, 5e-4, 0, 0])
    assert [rate["learning_rate"] for rate in rates[:3]] == pytest.approx([1e-3, 8.5355e-4, 5e-4], rel=1e-4)


@pytest.mark.parametrize(
    ("values", "changes", "message"),
    [
        (UNET, {"horizon": 7}, "horizon is 7; with 2 levels .* allowed are multiples of 2"),
        (UNET, {"network_width": 12}, "network_width is 12; allowed are multiples of 8"),
        (UNET, {"channel_multipliers": None}, "channel_multipliers is null, but network temporal_unet needs"),
        (UNET, {"last_start": "first"}, "last_start is 'first'; allowed are included, excluded"),
        (TRANSFORMER, {"attention_heads": 3}, "network_width is 16; with 3 attention_heads allowed are"),
        (TRANSFORMER, {"embedding_size": 12}, "embedding_size is 12; allowed are multiples of 8"),
        (TRANSFORMER, {"schedule": "cosine"}, "schedule 'cosine' in continuous time; allowed is linear"),
        (TRANSFORMER, {"sampler": "ddpm"}, "sampler 'ddpm' with diffusion_time continuous; allowed is ddim"),
    ],
)
def test_what_does_not_go_together_is_refused(values, changes, message):
    with pytest.raises(MethodError, match=message):
        build(values, **changes)


def test_more_steps_than_n_are_refused():
    with pytest.raises(MethodError, match="9 sampling steps with 5 diffusion steps; allowed are 1 to 5"):
        build(UNET).check_sampling(Sampling(steps=9))
