"""EDP: losses by hand, whole updates of both heads against a plain implementation in float64."""

import copy
import math

import numpy as np
import pytest
import torch
from recheck.errors import MethodError
from torch import nn

from algos import edp
from algos.base import MethodSpec, Sampling
from algos.diffusion.schedule import noise_schedule
from algos.edp import EDP, self_normalised_q_term, unit_gaussian_log_density
from algos.seed_parallel import kernels
from algos.seed_parallel.parameters import ParameterGroup
from algos.seed_parallel.random_streams import SeedStreams

STEPS = 30
UPDATES = 50
TOLERANCE = 1e-5
BODY, TIME = [f"layer{i}" for i in range(4)], ["time.layer0", "time.layer1"]

TD3 = {
    "head": "td3",
    "batch_size": 8,
    "discount": 0.99,
    "alpha": 2.0,
    "guidance_weight": 0.7,
    "max_q_backup": False,
    "max_q_backup_actions": 3,
    "expectile": 0.7,
    "beta": 3.0,
    "advantage_clip": 5.0,
    "actor_learning_rate": 1e-3,
    "critic_learning_rate": 3e-3,
    "value_learning_rate": 3e-3,
    "gradient_clip": 1.5,
    "target_rate": 0.05,
    "actor_target_start": 10,
    "actor_target_every": 5,
    "sampler": "ddim",
    "sampling_steps": 6,
    "hidden_sizes": [16, 16, 16],
    "time_embedding_size": 16,
    "initialiser": "lecun_normal",
    "schedule": "linear_scaled",
    "ddpm_form": "posterior",
    "noise_loss_reduction": "mean",
    "candidates": 4,
    "candidate_temperature": 1.0,
    "extraction": "softmax",
}
IQL_HEAD = {**TD3, "head": "iql"}


def make(data, values=TD3, seeds=(0, 1), **changes):
    return EDP(MethodSpec({**values, **changes}, data.problem, UPDATES, STEPS, seeds))


# --- Losses by hand ---


def test_q_term_is_normalised_by_itself():
    values = torch.tensor([[1.0, -3.0], [2.0, 6.0]], requires_grad=True)
    terms = self_normalised_q_term(values, 2.0)
    torch.testing.assert_close(terms, torch.tensor([1.0, -2.0]))
    (gradient,) = torch.autograd.grad(terms.sum(), values)
    torch.testing.assert_close(gradient, torch.tensor([[-0.5, -0.5], [-0.25, -0.25]]))


def test_unit_gaussian_density_against_torch():
    actions, mean = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    normal = torch.distributions.Normal(mean, 1.0)
    torch.testing.assert_close(unit_gaussian_log_density(actions, mean), normal.log_prob(actions).sum(dim=-1))


# --- The plain implementation, one seed ---


class PlainActor(nn.Module):
    def __init__(self, group, row, build):
        super().__init__()
        self.time, self.body = build(group, row, TIME, nn.Mish), build(group, row, BODY, nn.Mish)
        self.bars = np.cumprod(1 - noise_schedule("linear_scaled", STEPS))

    def forward(self, noisy, step, states):
        frequencies = torch.exp(-math.log(10000.0) * torch.arange(8, dtype=torch.float64) / 8)
        angles = step.double()[:, None] * frequencies
        time = self.time(torch.cat([angles.cos(), angles.sin()], dim=1))
        return self.body(torch.cat([noisy, time, states], dim=1))

    def ddim(self, states, noise, steps):
        """guided-diffusion's DDIM on 6 of the 30 steps, as EDP has it."""
        actions = noise
        chosen = np.rint(np.linspace(STEPS - 1, 0, steps)).astype(int)
        for position, i in enumerate(chosen):
            bar = self.bars[i]
            before = self.bars[chosen[position + 1]] if position + 1 < steps else 1.0
            prediction = self(actions, torch.full((len(states),), int(i)), states)
            start = ((actions - math.sqrt(1 - bar) * prediction) / math.sqrt(bar)).clamp(-1, 1)
            noise_of_start = (actions - math.sqrt(bar) * start) / math.sqrt(1 - bar)
            actions = math.sqrt(before) * start + math.sqrt(1 - before) * noise_of_start
        return actions.clamp(-1, 1)


class PlainEDP:
    def __init__(self, method, row, build):
        self.h = h = method.hyperparameters
        self.actor = PlainActor(method.actor_group, row, build)
        self.target_actor = copy.deepcopy(self.actor)
        self.critics = nn.ModuleList(build(method.critic.group, 2 * row + j, BODY, nn.Mish) for j in range(2))
        self.targets = copy.deepcopy(self.critics)
        self.networks = {"actor": self.actor, "q1": self.critics[0], "q2": self.critics[1]}
        if h["head"] == "iql":
            self.value = build(method.value_group, row, BODY, nn.Mish)
            self.networks["value"] = self.value
        rates = {"actor": "actor", "q1": "critic", "q2": "critic", "value": "value"}
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), lr=h[f"{rates[name]}_learning_rate"])
            for name, network in self.networks.items()
        }

    def gradient(self, loss, names):
        """Clipped gradients, each network's by its own norm, as optax's chain does."""
        norms = []
        for name in names:
            parameters = list(self.networks[name].parameters())
            gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
            norm = torch.sqrt(sum((g**2).sum() for g in gradients))
            scale = 1.0 if norm < self.h["gradient_clip"] else self.h["gradient_clip"] / norm
            for parameter, gradient in zip(parameters, gradients):
                parameter.grad = gradient * scale
            norms.append(norm.item())
        return norms

    def update(self, k, batch, draw):
        states, actions, next_states, rewards, continues = batch
        h, norms = self.h, []
        q = lambda critics, s, a: [c(torch.cat([s, a], dim=1))[:, 0] for c in critics]  # noqa: E731
        value_loss = torch.zeros(())
        if h["head"] == "iql":
            with torch.no_grad():
                target_q = torch.minimum(*q(self.targets, states, actions))
            u = target_q - self.value(states)[:, 0]
            value_loss = (torch.where(u > 0, h["expectile"], 1 - h["expectile"]) * u**2).mean()
            norms += self.gradient(value_loss, ["value"])
            self.optimisers["value"].step()

        bar = torch.tensor(self.actor.bars)[draw["step"]][:, None]
        noisy = bar.sqrt() * actions + (1 - bar).sqrt() * draw["noise"]
        prediction = self.actor(noisy, draw["step"], states)
        noise_loss = ((prediction - draw["noise"]) ** 2).mean()
        start = ((noisy - (1 - bar).sqrt() * prediction) / bar.sqrt()).clamp(-1, 1)
        if h["head"] == "td3":
            q1, q2 = q(self.critics, states, start)
            chosen = q1 if draw["coin"] > 0.5 else q2
            guidance = -h["alpha"] * chosen.mean() / chosen.abs().mean().detach()
            with torch.no_grad():
                repeats = h["max_q_backup_actions"] if h["max_q_backup"] else 1
                repeated = next_states.repeat_interleave(repeats, dim=0)
                a = self.target_actor.ddim(repeated, draw["next_noise"][0], h["sampling_steps"])
                best = [t.view(-1, repeats).amax(dim=1) for t in q(self.targets, repeated, a)]
                next_value = torch.minimum(*best)
        else:
            with torch.no_grad():
                u = target_q - self.value(states)[:, 0]
                next_value = self.value(next_states)[:, 0]
            weights = torch.exp(h["beta"] * u).clamp(max=h["advantage_clip"])
            guidance = -(weights * torch.distributions.Normal(start, 1.0).log_prob(actions).sum(dim=1)).mean()
        actor_loss = noise_loss + h["guidance_weight"] * guidance
        y = rewards + h["discount"] * continues * next_value
        critic_loss = sum(((value - y) ** 2).mean() for value in q(self.critics, states, actions))
        # With the TD3 head both gradients come from the same parameters; with the IQL head the actor's
        # loss does not see the critic that is trained.
        norms += self.gradient(actor_loss, ["actor"]) + self.gradient(critic_loss, ["q1", "q2"])
        for name in ("actor", "q1", "q2"):
            self.optimisers[name].step()

        with torch.no_grad():
            if k + 1 > h["actor_target_start"] and (k + 1) % h["actor_target_every"] == 0:
                move(self.target_actor, self.actor, h["target_rate"])
            move(self.targets, self.critics, h["target_rate"])
        losses = (value_loss, critic_loss, actor_loss, noise_loss, guidance)
        return dict(zip(EDP.LOSSES, losses)), norms


def move(slow, fast, rate):
    for a, b in zip(slow.parameters(), fast.parameters()):
        a.copy_((1 - rate) * a + rate * b)


def plain_batch(data, index):
    rows = data.packed[index].double()
    return rows[:, :4], rows[:, 4:6], rows[:, 6:10], rows[:, -2], rows[:, -1]


@pytest.fixture
def compare(small_data, replay, plain_network, assert_same_network):
    def run(values=TD3, **changes):
        method = make(small_data, values, **changes)
        plains = [PlainEDP(method, row, plain_network) for row in range(2)]
        clipped = 0
        for k, (draw, _, losses) in enumerate(replay(method, small_data, UPDATES)):
            for row, plain in enumerate(plains):
                given = {
                    name: tensor[row].double() if tensor.is_floating_point() else tensor[row]
                    for name, tensor in draw.items()
                }
                expected, norms = plain.update(k, plain_batch(small_data, given["index"]), given)
                clipped += sum(norm > method.hyperparameters["gradient_clip"] for norm in norms)
                for name, value in expected.items():
                    assert float(losses[name][row]) == pytest.approx(value.item(), rel=1e-3, abs=1e-4), (
                        f"{name} of seed {row} at update {k}"
                    )
        assert clipped > 20
        for row, plain in enumerate(plains):
            for actor, group in (
                (plain.actor, method.actor_group),
                (plain.target_actor, method.target_actor_group),
            ):
                assert_same_network(actor.body, group, row, BODY, TOLERANCE)
                assert_same_network(actor.time, group, row, TIME, TOLERANCE)
            for j in range(2):
                assert_same_network(plain.critics[j], method.critic.group, 2 * row + j, BODY, TOLERANCE)
                target = method.critic.target_group
                assert_same_network(plain.targets[j], target, 2 * row + j, BODY, TOLERANCE)
            if method.hyperparameters["head"] == "iql":
                assert_same_network(plain.value, method.value_group, row, BODY, TOLERANCE)
        return method

    return run


@pytest.mark.parametrize(
    ("values", "changes"),
    [(TD3, {}), (TD3, {"max_q_backup": True}), (IQL_HEAD, {})],
    ids=["td3", "max_q_backup", "iql"],
)
def test_update_equals_plain_implementation(compare, values, changes):
    method = compare(values, **changes)
    assert not torch.equal(method.target_actor_group.flat, method.actor_group.flat)


@pytest.mark.skipif(not kernels.onednn_available(), reason="this build of torch has no oneDNN")
@pytest.mark.parametrize("small_product", [0, kernels.SMALL_PRODUCT])
def test_update_with_the_fast_kernels_equals_plain_implementation(compare, monkeypatch, small_product):
    monkeypatch.setattr(kernels, "SMALL_PRODUCT", small_product)  # these widths are small ones by themselves
    with kernels.using("onednn"):
        compare(IQL_HEAD)


# --- Each of these bugs must be found ---


def normalised_by_the_other_critic(patch):
    def q_term(self, batch, start, draw):
        inputs = torch.cat([batch.observations, start], dim=-1)
        values, others = (self.critic.of_one(coin, inputs) for coin in (draw["coin"], 1.0 - draw["coin"]))
        return -self.hyperparameters["alpha"] * values.mean(dim=1) / others.abs().mean(dim=1).detach()

    patch.setattr(EDP, "q_term", q_term)


def critics_clipped_jointly(patch):
    patch.setattr(edp, "clip_rows", lambda group, max_norm: group.clip_gradient(max_norm))


def start_not_clipped(patch):
    def loss_and_start(self, batch, draw):
        noisy = self.diffusion.q_sample(batch.actions, draw["step"], draw["noise"])
        predicted = self.network(self.actor_group.parameters, noisy, draw["step"], batch.observations)
        loss = (predicted - draw["noise"]).square().mean(dim=(1, 2))
        return loss, self.diffusion.predict_start(noisy, draw["step"], predicted)

    patch.setattr(EDP, "noise_loss_and_start", loss_and_start)


def actor_sees_the_new_critic(patch):
    original = ParameterGroup.backward

    def update(self, batch, draw):
        critic_loss = self.critic_loss(batch, self.next_target_q(batch, draw))
        original(self.critic.group, critic_loss.sum())
        self._step(self.critic.group, self.critic_optimiser)
        noise_loss, start = self.noise_loss_and_start(batch, draw)
        guidance = self.q_term(batch, start, draw)
        actor_loss = noise_loss + self.hyperparameters["guidance_weight"] * guidance
        original(self.actor_group, actor_loss.sum())
        self._step(self.actor_group, self.actor_optimiser)
        losses = (torch.zeros_like(critic_loss), critic_loss, actor_loss, noise_loss, guidance)
        return tuple(loss.detach() for loss in losses)

    patch.setattr(EDP, "_update_td3", update)


@pytest.mark.parametrize(
    "bug",
    [
        normalised_by_the_other_critic,
        critics_clipped_jointly,
        start_not_clipped,
        actor_sees_the_new_critic,
    ],
)
def test_bug_is_found(compare, monkeypatch, bug):
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        compare()


# --- Cost, variants, evaluation, seeds ---


def test_the_iql_head_draws_no_chain(small_data):
    names = {draw.name for draw in make(small_data, IQL_HEAD).random_inputs()}
    assert names == {"index", "step", "noise"}


def test_the_actor_loss_calls_its_network_once_whatever_the_steps(small_data, replay, monkeypatch):
    calls = []
    original = edp.NoiseMLP.__call__

    def count(self, *arguments, **named):
        calls.append(1)
        return original(self, *arguments, **named)

    monkeypatch.setattr(edp.NoiseMLP, "__call__", count)
    replay(make(small_data, IQL_HEAD), small_data, 3)
    assert len(calls) == 3


def test_target_actor_moves_every_fifth_update_after_1000(small_data):
    method = make(small_data, actor_target_start=1000)
    # counted from 1: 1005, 1010, ...
    assert [update for update in range(1020) if method.update_variant(update)] == [1004, 1009, 1014, 1019]


def test_evaluation_draws_by_softmax_of_the_online_critic(small_data, replay, plain_network):
    method = make(small_data, IQL_HEAD, actor_learning_rate=1e-2)
    replay(method, small_data, 40)
    observations = torch.randn(2, 9, 4, generator=torch.Generator().manual_seed(1))
    actions = method.act(observations, Sampling(), SeedStreams((0, 1), "evaluate"))
    streams = SeedStreams((0, 1), "evaluate")
    noises = streams.normal(9, 1, 4, 2).double().view(2, 1, 9 * 4, 2)
    uniform = streams.uniform(9, 1).double()
    for row in range(2):
        plain = PlainEDP(method, row, plain_network)
        states = observations[row].double().repeat_interleave(4, dim=0)
        candidates = plain.actor.ddim(states, noises[row, 0], 6)
        pairs = torch.cat([states, candidates], dim=1)
        values = torch.minimum(*[critic(pairs)[:, 0] for critic in plain.critics]).view(9, 4)
        cumulative = torch.softmax(values, dim=1).cumsum(dim=1)
        index = (cumulative < 1 - uniform[row]).sum(dim=1)
        expected = candidates.view(9, 4, 2)[torch.arange(9), index].detach()
        np.testing.assert_allclose(actions[row].numpy(), expected.numpy(), atol=1e-5)
    # Neither target has a say.
    method.critic.target_group.flat.zero_()
    method.target_actor_group.flat.zero_()
    again = method.act(observations, Sampling(), SeedStreams((0, 1), "evaluate"))
    assert torch.equal(actions, again)


def test_checkpoint_acts_alike_after_loading(small_data, replay):
    method, other = make(small_data, sampler="dpm_solver"), make(small_data, sampler="dpm_solver")
    replay(method, small_data, 5)
    other.load_policy(method.policy())
    observations = torch.randn(2, 5, 4)
    first = method.act(observations, Sampling(), SeedStreams((0, 1), "e"))
    assert torch.equal(first, other.act(observations, Sampling(), SeedStreams((0, 1), "e")))


@pytest.mark.parametrize("values", [TD3, IQL_HEAD], ids=["td3", "iql"])
@pytest.mark.parametrize("sampler", ["ddim", "dpm_solver"])
def test_a_seed_in_a_block_equals_it_alone(small_data, assert_seed_equals_it_alone, values, sampler):
    # 16 calls: the time layers' arrays fill vector registers whatever K.
    values = {**values, "sampler": sampler, "sampling_steps": 16}
    assert_seed_equals_it_alone(lambda seeds: make(small_data, values, seeds), small_data)


# --- Refusals ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head": "crr"}, "head is 'crr'; allowed are td3, iql"),
        ({"sampler": "euler"}, "allowed are ddpm, ddim, dpm_solver"),
        ({"sampling_steps": 31}, "31 sampling steps with 30 diffusion steps; allowed are 1 to 30"),
        ({"expectile": 0.3}, r"allowed are values in \[0.5, 1\)"),
        ({"candidates": 0}, "allowed are integers from 1"),
        ({"max_q_backup": True, "max_q_backup_actions": 0}, "allowed are values from 1"),
    ],
)
def test_bad_hyperparameters_are_refused(small_data, changes, message):
    with pytest.raises(MethodError, match=message):
        make(small_data, **changes)


def test_scaled_linear_schedule_needs_more_than_20_steps(small_data):
    with pytest.raises(MethodError, match="allowed are more than 20 steps"):
        EDP(MethodSpec({**TD3, "sampling_steps": 5}, small_data.problem, UPDATES, 20, (0,)))
