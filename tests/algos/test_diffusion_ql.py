"""Diffusion-QL and diffusion BC against a plain, unstacked implementation in float64."""

import copy
import math

import numpy as np
import pytest
import torch
from recheck.errors import MethodError
from torch import nn
from torch.nn.utils import clip_grad_norm_

from algos import diffusion_ql
from algos.base import MethodSpec, Sampling
from algos.diffusion_ql import DiffusionBC, DiffusionQL, normalised_q_term
from algos.methods import method_class
from algos.seed_parallel import kernels
from algos.seed_parallel.batches import ProblemSpec
from algos.seed_parallel.critics import TwinCritic
from algos.seed_parallel.parameters import ParameterGroup
from algos.seed_parallel.random_streams import SeedStreams
from algos.training.device import cpu_compiler
from tests.algos.diffusion_ql_values import BC_HYPERPARAMETERS, HYPERPARAMETERS

STEPS = 5
UPDATES = 50
TOLERANCE = 5e-6


def make(data, seeds=(0, 1), **changes):
    return DiffusionQL(MethodSpec({**HYPERPARAMETERS, **changes}, data.problem, UPDATES, STEPS, seeds))


# --- The plain implementation, one seed ---


class PlainActor(nn.Module):
    """e(a_t, t, s) and the reverse chain, written from METHODS.md, sampler D."""

    def __init__(self, method, row, build):
        super().__init__()
        self.time = build(method.actor_group, row, ["time.layer0", "time.layer1"], nn.Mish)
        self.body = build(method.actor_group, row, [f"layer{i}" for i in range(4)], nn.Mish)
        i = np.arange(1, STEPS + 1)
        self.betas = 1.0 - np.exp(-0.1 / STEPS - 0.5 * 9.9 * (2 * i - 1) / STEPS**2)
        self.bars = np.cumprod(1.0 - self.betas)
        self.width = method.hyperparameters["time_embedding_size"]

    def forward(self, noisy, step, states):
        half = self.width // 2
        frequencies = torch.exp(-math.log(10000.0) / (half - 1) * torch.arange(half, dtype=torch.float64))
        angles = step.double()[:, None] * frequencies
        embedding = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        return self.body(torch.cat([noisy, embedding, states], dim=1))

    def noise_loss(self, actions, states, step, noise):
        bar = torch.tensor(self.bars)[step][:, None]
        noisy = bar.sqrt() * actions + (1 - bar).sqrt() * noise
        return ((self(noisy, step, states) - noise) ** 2).mean()

    def sample(self, states, noises):
        actions = noises[0]
        for call, i in enumerate(reversed(range(STEPS))):
            step = torch.full((len(states),), i)
            bar, before = self.bars[i], self.bars[i - 1] if i else 1.0
            noise = self(actions, step, states)
            start = ((actions - math.sqrt(1 - bar) * noise) / math.sqrt(bar)).clamp(-1, 1)
            mean = (
                self.betas[i] * math.sqrt(before) / (1 - bar) * start
                + (1 - before) * math.sqrt(1 - self.betas[i]) / (1 - bar) * actions
            )
            deviation = math.sqrt(self.betas[i] * (1 - before) / (1 - bar))
            actions = mean + deviation * noises[call + 1] if i else mean
        return actions.clamp(-1, 1)


class PlainDiffusionQL:
    def __init__(self, method, row, build):
        self.h = method.hyperparameters
        self.actor = PlainActor(method, row, build)
        self.average = copy.deepcopy(self.actor)
        self.critics = nn.ModuleList(
            build(method.critic.group, 2 * row + j, [f"layer{i}" for i in range(4)], nn.Mish)
            for j in range(2)
        )
        self.targets = copy.deepcopy(self.critics)
        self.actor_optimiser = torch.optim.Adam(self.actor.parameters(), lr=1.0)
        self.critic_optimiser = torch.optim.Adam(self.critics.parameters(), lr=1.0)

    @staticmethod
    def q(critics, states, actions):
        return [critic(torch.cat([states, actions], dim=1))[:, 0] for critic in critics]

    def update(self, k, batch, draw):
        states, actions, next_states, rewards, continues = batch
        h = self.h
        horizon = UPDATES // h["epoch_updates"]
        factor = (1 + math.cos(math.pi * (k // h["epoch_updates"]) / horizon)) / 2
        for optimiser, name in ((self.actor_optimiser, "actor"), (self.critic_optimiser, "critic")):
            optimiser.param_groups[0]["lr"] = factor * h[f"{name}_learning_rate"]

        with torch.no_grad():
            repeats = h["max_q_backup_actions"] if h["max_q_backup"] else 1
            repeated = next_states.repeat_interleave(repeats, dim=0)
            next_actions = self.average.sample(repeated, draw["next_noise"])
            values = [
                q.view(-1, repeats).max(dim=1).values for q in self.q(self.targets, repeated, next_actions)
            ]
            y = rewards + h["discount"] * continues * torch.minimum(*values)
        critic_loss = sum(((q - y) ** 2).mean() for q in self.q(self.critics, states, actions))
        self.critic_optimiser.zero_grad()
        critic_loss.backward()
        critic_norm = clip_grad_norm_(self.critics.parameters(), h["gradient_clip"])
        self.critic_optimiser.step()

        noise_loss = self.actor.noise_loss(actions, states, draw["step"], draw["noise"])
        q1, q2 = self.q(self.critics, states, self.actor.sample(states, draw["chain_noise"]))
        if draw["coin"] > 0.5:
            q_term = -q1.mean() / q2.abs().mean().detach()
        else:
            q_term = -q2.mean() / q1.abs().mean().detach()
        actor_loss = noise_loss + h["eta"] * q_term
        self.actor_optimiser.zero_grad()
        actor_loss.backward()
        actor_norm = clip_grad_norm_(self.actor.parameters(), h["gradient_clip"])
        self.actor_optimiser.step()

        if k % h["ema_every"] == 0 and k >= h["ema_start"]:
            move(self.average, self.actor, 1 - h["ema_decay"])
        move(self.targets, self.critics, h["target_rate"])
        self.norms = (float(critic_norm), float(actor_norm))
        return {
            "critic_loss": critic_loss,
            "actor_loss": actor_loss,
            "noise_loss": noise_loss,
            "q_term": q_term,
        }


@torch.no_grad()
def move(slow, fast, rate):
    for a, b in zip(slow.parameters(), fast.parameters()):
        a.copy_((1 - rate) * a + rate * b)


def plain_batch(data, index):
    rows = data.packed[index].double()
    return rows[:, :4], rows[:, 4:6], rows[:, 6:10], rows[:, -2], rows[:, -1]


def own(draw, row):
    return {
        name: tensor[row].double() if tensor.is_floating_point() else tensor[row]
        for name, tensor in draw.items()
    }


@pytest.fixture
def compare(small_data, replay, plain_network, assert_same_network):
    """Trains both for 50 updates and holds every loss and every parameter together."""

    def run(**changes):
        method = make(small_data, **changes)
        plains = [PlainDiffusionQL(method, row, plain_network) for row in range(method.num_seeds)]
        clipped = 0
        for k, (draw, _, losses) in enumerate(replay(method, small_data, UPDATES)):
            for row, plain in enumerate(plains):
                given = own(draw, row)
                expected = plain.update(k, plain_batch(small_data, given["index"]), given)
                clipped += sum(norm > method.hyperparameters["gradient_clip"] for norm in plain.norms)
                for name, value in expected.items():
                    assert float(losses[name][row]) == pytest.approx(value.item(), rel=1e-3, abs=1e-3), (
                        f"{name} of seed {row} at update {k}"
                    )
        body, time = [f"layer{i}" for i in range(4)], ["time.layer0", "time.layer1"]
        for row, plain in enumerate(plains):
            for actor, group in ((plain.actor, method.actor_group), (plain.average, method.average_group)):
                assert_same_network(actor.body, group, row, body, TOLERANCE)
                assert_same_network(actor.time, group, row, time, TOLERANCE)
            for j in range(2):
                assert_same_network(plain.critics[j], method.critic.group, 2 * row + j, body, TOLERANCE)
                assert_same_network(
                    plain.targets[j], method.critic.target_group, 2 * row + j, body, TOLERANCE
                )
        assert 10 < clipped < 4 * UPDATES  # the clip acts, and not always
        return method

    return run


@pytest.mark.parametrize("max_q_backup", [False, True])
def test_update_equals_plain_implementation(compare, max_q_backup):
    method = compare(max_q_backup=max_q_backup)
    assert not torch.equal(method.average_group.flat, method.actor_group.flat)


@pytest.mark.skipif(not kernels.onednn_available(), reason="this build of torch has no oneDNN")
@pytest.mark.parametrize("small_product", [0, kernels.SMALL_PRODUCT])
def test_update_with_the_fast_kernels_equals_plain_implementation(compare, monkeypatch, small_product):
    monkeypatch.setattr(kernels, "SMALL_PRODUCT", small_product)  # these widths are small ones by themselves
    with kernels.using("onednn"):
        compare()


@pytest.mark.skipif(
    not cpu_compiler()[1] or not kernels.onednn_available(),
    reason="torch compiles for a CPU with a C++ compiler, and oneDNN is not in every build of it",
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # of torch's compiler, about itself
def test_compiled_losses_train_alike_and_each_object_by_its_own_settings(small_data, replay, monkeypatch):
    """A compiled loss takes its object's settings for fixed, so that two objects must not share one."""
    monkeypatch.setattr(kernels, "SMALL_PRODUCT", 0)  # every product takes the way of the large ones

    def trained(compiled, reduction):
        values = {**BC_HYPERPARAMETERS, "hidden_sizes": [16], "noise_loss_reduction": reduction}
        method = DiffusionBC(MethodSpec(values, small_data.problem, UPDATES, STEPS, (0, 1)))
        if compiled:
            method.compile_functions()
        record = replay(method, small_data, 6)
        return method.actor_group.flat, torch.stack([losses["noise_loss"] for _, _, losses in record])

    with kernels.using("onednn"):
        for reduction in ("mean", "sum"):
            torch.testing.assert_close(
                trained(True, reduction), trained(False, reduction), rtol=1e-4, atol=1e-5
            )


# --- Each of these bugs must be found ---


def normaliser_with_gradient(patch):
    def q_term(self, batch, draw):
        actions = self.sample(self.actor_group.parameters, batch.observations, draw["chain_noise"])
        values = self.critic(self.critic.group.frozen, torch.cat([batch.observations, actions], dim=-1))
        terms = -values.mean(dim=2) / values.abs().mean(dim=2).flip(1)
        return torch.where(draw["coin"] > 0.5, terms[:, 0], terms[:, 1])

    patch.setattr(DiffusionQL, "q_term", q_term)


def chain_gradient_cut(patch):
    def sample(self, parameters, observations, noises, repeats=1):
        predict = self.network.chain(parameters, observations, self.sampler.times, repeats)
        cut = lambda noisy, call: predict(noisy.detach(), call)  # noqa: E731
        return self.sampler(cut, noises.transpose(0, 1))

    patch.setattr(DiffusionQL, "sample", sample)


def critic_output_detached(patch):
    original = DiffusionQL.q_term
    patch.setattr(DiffusionQL, "q_term", lambda self, batch, draw: original(self, batch, draw).detach())


def decay_per_update(patch):
    patch.setattr(
        diffusion_ql,
        "epoch_decay",
        lambda initial, form, update, num_updates, epoch, held: (
            initial * (1 + math.cos(math.pi * update / num_updates)) / 2
        ),
    )


def noise_loss_summed(patch):
    patch.setattr(
        diffusion_ql, "noise_loss", lambda predicted, noise, _: (predicted - noise).square().sum(dim=-1)
    )


def coin_shared(patch):
    original = TwinCritic.of_one
    patch.setattr(
        TwinCritic, "of_one", lambda self, coin, inputs: original(self, coin[:1].expand_as(coin), inputs)
    )


def critics_clipped_apart(patch):
    def clip(self, max_norm):
        norm = self.gradient.norm(dim=1, keepdim=True)
        self.gradient.mul_((max_norm / (norm + 1e-6)).clamp(max=1.0))

    patch.setattr(ParameterGroup, "clip_gradient", clip)


def average_moves_from_the_start(patch):
    patch.setattr(
        DiffusionQL, "update_variant", lambda self, update: update % self.hyperparameters["ema_every"] == 0
    )


def next_action_of_the_online_actor(patch):
    def target(self, batch, draw, original=DiffusionQL.critic_target):
        average, self.average_group = self.average_group, self.actor_group
        try:
            return original(self, batch, draw)
        finally:
            self.average_group = average

    patch.setattr(DiffusionQL, "critic_target", target)


@pytest.mark.parametrize(
    "bug",
    [
        normaliser_with_gradient,
        chain_gradient_cut,
        critic_output_detached,
        decay_per_update,
        noise_loss_summed,
        coin_shared,
        critics_clipped_apart,
        average_moves_from_the_start,
        next_action_of_the_online_actor,
    ],
)
def test_bug_is_found(compare, monkeypatch, bug):
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        compare()


# --- Evaluation ---


def expected_actions(method, row, build, observations, seeds):
    """50 candidates (here 6) of the online actor, one by softmax of the minimum target Q."""
    plain = PlainDiffusionQL(method, row, build)
    for j in range(2):
        names = [f"layer{i}" for i in range(4)]
        plain.targets[j] = build(method.critic.target_group, 2 * row + j, names, nn.Mish)
    streams = SeedStreams(seeds, "evaluate")
    candidates = method.hyperparameters["candidates"]
    num_states = observations.shape[1]
    drawn = streams.normal(num_states, STEPS, candidates, 2)[row].double()
    noises = drawn.transpose(0, 1).reshape(STEPS, num_states * candidates, 2)
    uniform = streams.uniform(num_states, 1)[row, :, 0]
    states = observations[row].double().repeat_interleave(candidates, dim=0)
    actions = plain.actor.sample(states, noises)
    values = torch.minimum(*plain.q(plain.targets, states, actions)).view(num_states, candidates)
    shares = torch.exp(values) / torch.exp(values).sum(dim=1, keepdim=True)
    index = (shares.cumsum(dim=1) < (1 - uniform.double())[:, None]).sum(dim=1)
    return actions.view(num_states, candidates, 2)[torch.arange(num_states), index].detach()


@pytest.fixture
def trained(small_data, replay):
    method = make(small_data, actor_learning_rate=1e-2)
    replay(method, small_data, 40)
    return method


def check_evaluation(method, build):
    observations = torch.randn(2, 12, 4, generator=torch.Generator().manual_seed(1))
    actions = method.act(observations, Sampling(), SeedStreams((0, 1), "evaluate"))
    assert actions.shape == (2, 12, 2)
    for row in range(2):
        expected = expected_actions(method, row, build, observations, (0, 1))
        np.testing.assert_allclose(actions[row].numpy(), expected.numpy(), atol=1e-5)


def test_evaluation_draws_from_the_online_actor_by_softmax(trained, plain_network):
    check_evaluation(trained, plain_network)


def test_the_target_critic_alone_chooses_among_the_candidates(trained, plain_network):
    """The target's values are spread, the online critic's all alike: they choose differently."""
    trained.critic.target_group.frozen["layer3.weight"].mul_(50.0)
    trained.critic.group.flat.zero_()
    check_evaluation(trained, plain_network)


def test_average_actor_swapped_at_evaluation_is_found(trained, plain_network):
    trained.actor_group, trained.average_group = trained.average_group, trained.actor_group
    swapped = trained.average_group  # what a swap would sample from while the plain actor is the online one
    online = trained.actor_group
    trained.policy_groups = lambda: {"actor": swapped, "target_critic": trained.critic.target_group}
    assert not torch.equal(swapped.flat, online.flat)
    with pytest.raises(AssertionError):
        check_evaluation(trained, plain_network)


def test_checkpoint_holds_the_online_actor_and_the_target_critic(trained):
    tensors = trained.policy()
    assert {name.split("/")[0] for name in tensors} == {"actor", "target_critic"}
    assert torch.equal(tensors["actor/layer1.weight"], trained.actor_group.frozen["layer1.weight"])
    assert tensors["target_critic/layer0.weight"].shape[0] == 4


def test_policy_acts_alike_after_loading(trained, small_data):
    other = make(small_data)
    other.load_policy(trained.policy())
    observations = torch.randn(2, 5, 4)
    first = trained.act(observations, Sampling(), SeedStreams((0, 1), "e"))
    assert torch.equal(first, other.act(observations, Sampling(), SeedStreams((0, 1), "e")))


# --- Losses, schedules, seeds ---


def test_q_term_by_hand():
    values = torch.tensor([[1.0, -3.0], [2.0, 6.0]], requires_grad=True)
    terms = normalised_q_term(values, values.flip(0))
    # means -1 and 4, mean absolute values 2 and 4
    torch.testing.assert_close(terms, torch.tensor([1.0 / 4.0, -4.0 / 2.0]))
    (gradient,) = torch.autograd.grad(terms[0], values)
    torch.testing.assert_close(gradient, torch.tensor([[-0.125, -0.125], [0.0, 0.0]]))


def test_coin_is_fair_and_each_seeds_own(small_data):
    from algos.seed_parallel.random_streams import ChunkedInputs

    inputs = ChunkedInputs(make(small_data).random_inputs(), SeedStreams((0, 1), "train"), 50)
    coins = []
    for chunk in range(40):
        inputs.fill(chunk)
        coins.append(inputs.buffers["coin"].clone())
    coins = torch.cat(coins, dim=1)
    assert coins.shape == (2, 40 * 64)
    np.testing.assert_allclose(coins.mean(dim=1).numpy(), 0.5, atol=0.05)
    assert 0.4 < (coins[0] != coins[1]).double().mean().item() < 0.6


def schedule_of(lr_decay, update):
    changes = {"lr_decay": lr_decay, "epoch_updates": 1000, "released_decay_epochs": 50}
    method = DiffusionQL(
        MethodSpec({**HYPERPARAMETERS, **changes}, ProblemSpec(4, 2), 2_000_000, STEPS, (0,))
    )
    rates = method.schedules(update)
    assert rates["critic_learning_rate"] == pytest.approx(3.0 * rates["actor_learning_rate"])
    return rates["actor_learning_rate"] / 1e-3


def test_described_decay_is_constant_within_an_epoch_and_ends_at_zero():
    assert schedule_of("described", 0) == schedule_of("described", 999) == 1.0
    assert schedule_of("described", 1000) == pytest.approx((1 + math.cos(math.pi / 2000)) / 2)
    assert schedule_of("described", 1000) == schedule_of("described", 1999)
    assert schedule_of("described", 1_000_000) == pytest.approx(0.5)
    assert schedule_of("described", 1_999_999) == pytest.approx((1 - math.cos(math.pi / 2000)) / 2)


def test_released_decay_leaves_999_thousandths():
    assert schedule_of("released", 49_999) == 1.0
    assert schedule_of("released", 50_000) == pytest.approx((1 + math.cos(math.pi / 2000)) / 2)
    # 40 calls of the released train, 39 of them before the last updates
    assert schedule_of("released", 1_999_999) == pytest.approx((1 + math.cos(39 * math.pi / 2000)) / 2)
    assert schedule_of("released", 2_000_000) == pytest.approx(0.99901, abs=5e-6)


def test_no_decay():
    assert schedule_of("none", 1_999_999) == 1.0


def test_average_actor_is_the_initial_network_until_its_start(small_data, replay):
    method = make(small_data)
    initial = method.actor_group.flat.clone()
    replay(method, small_data, 10)
    assert torch.equal(method.average_group.flat, initial)
    method = make(small_data)
    replay(method, small_data, 11)
    torch.testing.assert_close(method.average_group.flat, 0.8 * initial + 0.2 * method.actor_group.flat)


def test_average_actor_moves_every_fifth_update_from_1000(small_data):
    method = make(small_data, ema_start=1000)
    moving = [update for update in range(1020) if method.update_variant(update)]
    assert moving == [1000, 1005, 1010, 1015]


@pytest.mark.parametrize("method_name", ["diffusion_ql", "diffusion_bc"])
def test_a_seed_in_a_block_equals_it_alone(small_data, assert_seed_equals_it_alone, method_name):
    values = HYPERPARAMETERS if method_name == "diffusion_ql" else BC_HYPERPARAMETERS
    # Bitwise where widths fill vector registers, as the papers' do: the rest of an array goes through
    # other instructions, and where the rest begins depends on K.
    values = {**values, "time_embedding_size": 16}
    kind, problem = method_class(method_name), small_data.problem
    assert_seed_equals_it_alone(
        lambda seeds: kind(MethodSpec(values, problem, UPDATES, STEPS, seeds)), small_data
    )


# --- Diffusion BC ---


def test_diffusion_bc_equals_plain_implementation(small_data, replay, plain_network, assert_same_network):
    method = DiffusionBC(MethodSpec(BC_HYPERPARAMETERS, small_data.problem, UPDATES, STEPS, (0, 1)))
    plains = [PlainActor(method, row, plain_network) for row in range(2)]
    optimisers = [torch.optim.Adam(plain.parameters(), lr=1e-3) for plain in plains]
    for draw, rates, losses in replay(method, small_data, UPDATES):
        assert rates == {}
        for row, (plain, optimiser) in enumerate(zip(plains, optimisers)):
            given = own(draw, row)
            states, actions, *_ = plain_batch(small_data, given["index"])
            loss = plain.noise_loss(actions, states, given["step"], given["noise"])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            assert float(losses["noise_loss"][row]) == pytest.approx(loss.item(), rel=1e-4)
    for row, plain in enumerate(plains):
        names = [f"layer{i}" for i in range(4)]
        assert_same_network(plain.body, method.actor_group, row, names, TOLERANCE)
        assert_same_network(plain.time, method.actor_group, row, ["time.layer0", "time.layer1"], TOLERANCE)
    observations = torch.randn(2, 3, 4)
    actions = method.act(observations, Sampling(), SeedStreams((0, 1), "e"))
    noises = SeedStreams((0, 1), "e").normal(3, STEPS, 1, 2).double().squeeze(3).transpose(1, 2)
    for row in range(2):
        expected = plains[row].sample(observations[row].double(), noises[row])
        np.testing.assert_allclose(actions[row].numpy(), expected.detach().numpy(), atol=1e-5)


# --- Refusals ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr_decay": "linear"}, "allowed are released, described, none"),
        ({"schedule": "quadratic"}, "allowed are linear, linear_scaled, cosine, vp"),
        ({"schedule": "linear_scaled"}, "allowed are more than 20 steps"),
        ({"ddpm_form": "both"}, "allowed are posterior, beta"),
        ({"noise_loss_reduction": "max"}, "allowed are mean, sum"),
        ({"evaluation_actor": "target"}, "allowed are online, ema"),
        ({"candidates": 0}, "candidates is 0; allowed are integers from 1"),
        ({"candidate_temperature": 0.0}, "allowed are numbers above 0"),
        ({"extraction": "implicit"}, "allowed are softmax, argmax"),
        ({"max_q_backup": True, "max_q_backup_actions": 0}, "allowed are values from 1"),
        ({"typo": 1}, "has no hyperparameter 'typo'"),
    ],
)
def test_bad_hyperparameters_are_refused(small_data, changes, message):
    with pytest.raises(MethodError, match=message):
        make(small_data, **changes)


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        ({"steps": 6}, "6 sampling steps with 5 diffusion steps; allowed are 1 to 5"),
        ({"steps": 0}, "allowed are 1 to 5"),
        ({"candidates": 0}, "allowed are integers from 1"),
        ({"sampler": "euler"}, "allowed are ddpm, ddim, dpm_solver"),
        ({"extraction": "implicit"}, "allowed are softmax, argmax"),
        ({"candidate_temperature": -1.0}, "allowed are numbers above 0"),
        ({"noise_scale": -1.0}, "allowed are numbers from 0"),
    ],
)
def test_bad_sampling_is_refused(small_data, sampling, message):
    with pytest.raises(MethodError, match=message):
        make(small_data).check_sampling(Sampling(**sampling))


def test_diffusion_bc_takes_one_sample(small_data):
    method = DiffusionBC(MethodSpec(BC_HYPERPARAMETERS, small_data.problem, UPDATES, STEPS, (0,)))
    method.check_sampling(Sampling(candidates=1, sampler="ddim", steps=3))
    with pytest.raises(MethodError, match="without a critic takes 1"):
        method.check_sampling(Sampling(candidates=2))
    with pytest.raises(MethodError, match="has no extraction"):
        method.check_sampling(Sampling(extraction="argmax"))


@pytest.mark.parametrize(
    "sampling",
    [
        {"sampler": "ddim", "steps": 2},
        {"sampler": "dpm_solver"},
        {"steps": 3, "noise_scale": 0.5, "initial_noise_scale": 0.5},
        {"extraction": "argmax", "candidates": 4},
        {"candidates": 1},
    ],
)
def test_every_sampling_setting_acts_within_bounds(small_data, sampling):
    actions = make(small_data).act(torch.randn(2, 3, 4), Sampling(**sampling), SeedStreams((0, 1), "e"))
    assert actions.shape == (2, 3, 2)
    assert actions.abs().max() <= 1.0
