"""IDQL: losses and extraction weights by hand, whole updates against a plain implementation in float64."""

import copy
import math

import numpy as np
import pytest
import torch
from recheck.errors import MethodError
from torch import nn

from algos import idql
from algos.base import MethodSpec, Sampling
from algos.idql import IDQL, IDQLWeighted, exponential_loss, implicit_weights, quantile_loss
from algos.seed_parallel import kernels
from algos.seed_parallel.adam import Adam
from algos.seed_parallel.random_streams import SeedStreams

STEPS = 5
UPDATES = 50
TOLERANCE = 5e-6

PAPER = {
    "critic_batch_size": 8,
    "actor_batch_size": 12,
    "actor_updates": 2,
    "shared_batch": False,
    "discount": 0.99,
    "value_loss": "expectile",
    "expectile": 0.7,
    "quantile": 0.6,
    "exponential_alpha": 1.0,
    "exponential_clip": 6.0,
    "critic_loss": "sum",
    "value_layer_norm": False,
    "target_rate": 0.05,
    "actor_target_rate": 0.01,
    "actor_learning_rate": 3e-3,
    "critic_learning_rate": 3e-3,
    "value_learning_rate": 3e-3,
    "actor_decay": "cosine",
    "actor_decay_updates": None,
    "optimiser": "adam",
    "weight_decay": 0.1,
    "hidden_sizes": [16, 16],
    "initialiser": "xavier_uniform",
    "actor_width": 16,
    "actor_blocks": 2,
    "actor_layer_norm": True,
    "dropout": 0.1,
    "activation": "swish",
    "time_features": 8,
    "time_hidden_sizes": [16, 16],
    "implicit_weights": "paper",
    "schedule": "vp",
    "ddpm_form": "beta",
    "noise_loss_reduction": "sum",
    "candidates": 6,
    "candidate_temperature": 1.0,
    "extraction": "argmax",
}
RELEASE = {
    **PAPER,
    "actor_batch_size": 8,
    "actor_updates": 1,
    "shared_batch": True,
    "critic_loss": "half_sum",
    "value_layer_norm": True,
    "optimiser": "adamw",
    "actor_decay_updates": 80,
}
WEIGHTED = {**PAPER, "beta": 3.0, "advantage_clip": 5.0}
NAMES = ["layer0", "layer1", "layer2"]


def make(data, values=PAPER, seeds=(0, 1), **changes):
    kind = IDQLWeighted if "beta" in values else IDQL
    return kind(MethodSpec({**values, **changes}, data.problem, UPDATES, STEPS, seeds))


# --- Losses by hand ---


def test_quantile_loss_by_hand():
    difference = torch.tensor([2.0, -1.0], requires_grad=True)
    loss = quantile_loss(difference, 0.6)
    torch.testing.assert_close(loss, torch.tensor([1.2, 0.4]))
    loss.sum().backward()
    torch.testing.assert_close(difference.grad, torch.tensor([0.6, -0.4]))


def test_exponential_loss_has_the_stated_gradient():
    """That of exp(alpha u) - alpha u, the exponential at most 6."""
    difference = torch.tensor([-2.0, 0.0, 0.5, 4.0], requires_grad=True)
    exponential_loss(difference, 1.5, 6.0).sum().backward()
    expected = [1.5 * (math.exp(-3.0) - 1), 0.0, 1.5 * (math.exp(0.75) - 1), 1.5 * 5.0]
    torch.testing.assert_close(difference.grad, torch.tensor(expected))


# --- Extraction by hand ---


def shares(weights):
    return (weights / weights.sum(dim=-1, keepdim=True)).tolist()


def test_implicit_weights_of_the_paper_by_hand():
    u = torch.tensor([2.0, 0.5, -1.0])
    assert shares(implicit_weights(u, "expectile", 0.7)) == pytest.approx([0.7 / 1.7, 0.7 / 1.7, 0.3 / 1.7])
    raw = np.array([0.6 / 2.0, 0.6 / 0.5, 0.4 / 1.0])
    assert shares(implicit_weights(u, "quantile", 0.6)) == pytest.approx(list(raw / raw.sum()))
    raw = np.abs(np.exp(1.5 * u.numpy()) - 1) / np.abs(u.numpy())
    assert shares(implicit_weights(u, "exponential", 1.5)) == pytest.approx(list(raw / raw.sum()), rel=1e-5)


@pytest.mark.parametrize("value_loss", ["expectile", "quantile", "exponential"])
@pytest.mark.parametrize("form", ["paper", "released"])
def test_implicit_weights_are_finite_at_zero_and_far_out(value_loss, form):
    u = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1e-9, -1e-9], [500.0, -500.0, 0.0]])
    assert torch.isfinite(implicit_weights(u, value_loss, 0.6, form)).all()


def test_no_advantage_weighs_as_a_positive_one_in_the_paper_and_as_a_negative_one_in_the_release():
    """|tau - 1(u < 0)| against the release's `where(adv > 0, tau, 1 - tau)`."""
    u = torch.tensor([0.0, 1.0, -1.0])
    assert shares(implicit_weights(u, "expectile", 0.7)) == pytest.approx([0.7 / 1.7, 0.7 / 1.7, 0.3 / 1.7])
    released = implicit_weights(u, "expectile", 0.7, "released")
    assert shares(released) == pytest.approx([0.3 / 1.3, 0.7 / 1.3, 0.3 / 1.3])


def test_exponential_weight_at_zero_is_the_limit():
    weights = implicit_weights(torch.tensor([0.0, 1e-3, -1e-3]), "exponential", 2.0)
    np.testing.assert_allclose((weights / weights[0]).numpy(), [1.0, 1.001, 0.999], atol=1e-5)


def test_released_formulas_by_hand():
    u = torch.tensor([2.0, -0.5])
    torch.testing.assert_close(
        implicit_weights(u, "expectile", 0.7, "released") * 0.7, torch.tensor([0.7, 0.3])
    )
    torch.testing.assert_close(implicit_weights(u, "quantile", 0.6, "released"), torch.tensor([0.3, -0.8]))
    torch.testing.assert_close(implicit_weights(u, "exponential", 2.0, "released"), torch.tensor([4.0, 4.0]))


# --- The plain implementation, one seed ---


class PlainScore(nn.Module):
    """[a_t, s, time] -> blocks -> noise, written from METHODS.md; weights of one seed."""

    def __init__(self, method, row, build, group=None):
        super().__init__()
        self.h = method.hyperparameters
        group = method.actor_group if group is None else group
        take = lambda name: nn.Parameter(group.frozen[name][row].double().clone())  # noqa: E731
        self.frequencies = take("time.frequencies")
        self.time = build(group, row, ["time.layer0", "time.layer1"], nn.SiLU)
        self.first = build(group, row, ["first"], nn.Identity)
        self.last = build(group, row, ["last"], nn.Identity)
        self.blocks = nn.ModuleList()
        for i in range(self.h["actor_blocks"]):
            norm = nn.LayerNorm(self.h["actor_width"], eps=1e-6, dtype=torch.float64)
            norm.weight, norm.bias = take(f"block{i}.norm.scale"), take(f"block{i}.norm.shift")
            dense = build(group, row, [f"block{i}.expand", f"block{i}.contract"], nn.SiLU)
            self.blocks.append(nn.ModuleList([norm, dense]))

    def forward(self, noisy, step, states, draw=None):
        angles = 2 * math.pi * step.double()[:, None] * self.frequencies
        time = self.time(torch.cat([angles.cos(), angles.sin()], dim=1))
        x = self.first(torch.cat([noisy, states, time], dim=1))
        for i, (norm, dense) in enumerate(self.blocks):
            inner = x
            if draw is not None and self.h["dropout"]:
                inner = inner * draw[f"dropout{i}"] / (1 - self.h["dropout"])
            x = x + dense(norm(inner))
        return self.last(nn.functional.silu(x))


BETAS = 1 - np.exp(-0.1 / STEPS - 0.5 * 9.9 * (2 * np.arange(1, STEPS + 1) - 1) / STEPS**2)
BARS = np.cumprod(1 - BETAS)


def sample(score, states, noises):
    """Sampler H of METHODS.md."""
    actions = noises[0]
    for call, i in enumerate(reversed(range(STEPS))):
        noise = score(actions, torch.full((len(states),), i), states)
        actions = (actions - BETAS[i] / math.sqrt(1 - BARS[i]) * noise) / math.sqrt(1 - BETAS[i])
        if i > 0:
            actions = actions + math.sqrt(BETAS[i]) * noises[call + 1]
        actions = actions.clamp(-1, 1)
    return actions


class PlainValue(nn.Module):
    def __init__(self, method, row, build):
        super().__init__()
        self.norm = nn.Identity()
        if method.hyperparameters["value_layer_norm"]:
            self.norm = nn.LayerNorm(4, eps=1e-6, dtype=torch.float64)
            for parameter, name in ((self.norm.weight, "scale"), (self.norm.bias, "shift")):
                parameter.data.copy_(method.critic.value_group.frozen[f"norm.{name}"][row])
        self.net = build(method.critic.value_group, row, NAMES, nn.ReLU)

    def forward(self, states):
        return self.net(self.norm(states))[:, 0]


class PlainIDQL:
    def __init__(self, method, row, build):
        self.h = h = method.hyperparameters
        self.score = PlainScore(method, row, build)
        self.target_score = copy.deepcopy(self.score)
        self.value = PlainValue(method, row, build)
        self.critics = nn.ModuleList(
            build(method.critic.critic_group, 2 * row + j, NAMES, nn.ReLU) for j in range(2)
        )
        self.targets = copy.deepcopy(self.critics)
        if h["optimiser"] == "adamw":
            self.actor_optimiser = torch.optim.AdamW(
                self.score.parameters(), lr=1.0, weight_decay=h["weight_decay"]
            )
        else:
            self.actor_optimiser = torch.optim.Adam(self.score.parameters(), lr=1.0)
        self.value_optimiser = torch.optim.Adam(self.value.parameters(), lr=h["value_learning_rate"])
        self.critic_optimiser = torch.optim.Adam(self.critics.parameters(), lr=h["critic_learning_rate"])

    def minimum(self, critics, states, actions):
        return torch.minimum(*[critic(torch.cat([states, actions], dim=1))[:, 0] for critic in critics])

    def update(self, k, data, draw):
        h = self.h
        noise_losses = []
        horizon = h["actor_decay_updates"] or UPDATES * h["actor_updates"]
        for j in range(h["actor_updates"]):
            name = "index" if h["shared_batch"] else f"index_actor{j}"
            states, actions, *_ = plain_batch(data, draw[name])
            step, noise = draw[f"step_actor{j}"], draw[f"noise_actor{j}"].double()
            bar = torch.tensor(BARS)[step][:, None]
            noisy = bar.sqrt() * actions + (1 - bar).sqrt() * noise
            masks = {f"dropout{i}": draw[f"dropout{i}_actor{j}"] for i in range(h["actor_blocks"])}
            losses = ((self.score(noisy, step, states, masks) - noise) ** 2).sum(dim=1)
            if "beta" in h:
                with torch.no_grad():
                    u = self.minimum(self.targets, states, actions) - self.value(states)
                losses = torch.exp(h["beta"] * u).clamp(max=h["advantage_clip"]) * losses
            loss = losses.mean()
            position = min(k * h["actor_updates"] + j, horizon)
            self.actor_optimiser.param_groups[0]["lr"] = (
                h["actor_learning_rate"] * (1 + math.cos(math.pi * position / horizon)) / 2
            )
            step_once(self.actor_optimiser, loss)
            move(self.target_score, self.score, h["actor_target_rate"])
            noise_losses.append(loss.item())

        states, actions, next_states, rewards, continues = plain_batch(data, draw["index"])
        with torch.no_grad():
            target_q = self.minimum(self.targets, states, actions)
        u = target_q - self.value(states)
        if h["value_loss"] == "expectile":
            value_loss = (torch.where(u > 0, h["expectile"], 1 - h["expectile"]) * u**2).mean()
        elif h["value_loss"] == "quantile":
            value_loss = (torch.where(u > 0, h["quantile"], 1 - h["quantile"]) * u.abs()).mean()
        else:
            alpha = h["exponential_alpha"]
            slope = alpha * (torch.exp(alpha * u).clamp(max=h["exponential_clip"]) - 1)
            value_loss = (slope.detach() * u).mean()
        step_once(self.value_optimiser, value_loss)
        with torch.no_grad():
            y = rewards + h["discount"] * continues * self.value(next_states)
        pairs = torch.cat([states, actions], dim=1)
        errors = torch.stack([(critic(pairs)[:, 0] - y) ** 2 for critic in self.critics])
        critic_loss = errors.mean(dim=1).sum() if h["critic_loss"] == "sum" else errors.mean()
        step_once(self.critic_optimiser, critic_loss)
        move(self.targets, self.critics, h["target_rate"])
        return {
            "noise_loss": float(np.mean(noise_losses)),
            "value_loss": value_loss.item(),
            "critic_loss": critic_loss.item(),
        }


def step_once(optimiser, loss):
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


@torch.no_grad()
def move(slow, fast, rate):
    for a, b in zip(slow.parameters(), fast.parameters()):
        a.copy_((1 - rate) * a + rate * b)


def plain_batch(data, index):
    rows = data.packed[index].double()
    return rows[:, :4], rows[:, 4:6], rows[:, 6:10], rows[:, -2], rows[:, -1]


@pytest.fixture
def compare(small_data, replay, plain_network, assert_same_network):
    def run(values, **changes):
        # The quantile's gradients are sums of two numbers, tau and 1 - tau: of the paper's 0.6 two and
        # three cancel, and Adam enlarges the rounding. Of 0.65 no sum of eight does.
        if changes.get("value_loss") == "quantile":
            changes = {**changes, "quantile": 0.65}
        method = make(small_data, values, **changes)
        plains = [PlainIDQL(method, row, plain_network) for row in range(2)]
        for k, (draw, _, losses) in enumerate(replay(method, small_data, UPDATES)):
            for row, plain in enumerate(plains):
                expected = plain.update(k, small_data, {name: tensor[row] for name, tensor in draw.items()})
                for name, value in expected.items():
                    assert float(losses[name][row]) == pytest.approx(value, rel=1e-3, abs=1e-5), (
                        f"{name} of seed {row} at update {k}"
                    )
        critic = method.critic
        for row, plain in enumerate(plains):
            for score, group in (
                (plain.score, method.actor_group),
                (plain.target_score, method.target_actor_group),
            ):
                held = PlainScore(method, row, plain_network, group)
                for (name, ours), theirs in zip(held.named_parameters(), score.parameters()):
                    np.testing.assert_allclose(
                        ours.detach().numpy(), theirs.detach().numpy(), rtol=0, atol=TOLERANCE, err_msg=name
                    )
            assert_same_network(plain.value.net, critic.value_group, row, NAMES, TOLERANCE)
            for j in range(2):
                assert_same_network(plain.critics[j], critic.critic_group, 2 * row + j, NAMES, TOLERANCE)
                assert_same_network(plain.targets[j], critic.target_group, 2 * row + j, NAMES, TOLERANCE)
        return method, plains

    return run


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        (PAPER, {}),
        (RELEASE, {}),
        (WEIGHTED, {}),
        (PAPER, {"value_loss": "quantile"}),
        (PAPER, {"value_loss": "exponential", "exponential_alpha": 1.5}),
    ],
    ids=["paper", "release", "weighted", "quantile", "exponential"],
)
def test_update_equals_plain_implementation(compare, values, changes):
    compare(values, **changes)


@pytest.mark.skipif(not kernels.onednn_available(), reason="this build of torch has no oneDNN")
@pytest.mark.parametrize("small_product", [0, kernels.SMALL_PRODUCT])
def test_update_with_the_fast_kernels_equals_plain_implementation(compare, monkeypatch, small_product):
    monkeypatch.setattr(kernels, "SMALL_PRODUCT", small_product)  # these widths are small ones by themselves
    with kernels.using("onednn"):
        compare(RELEASE)


def test_the_score_network_starts_as_released(small_data):
    """Frequencies N(0, 0.2^2); flax's normal inside the blocks, xavier-uniform around them, scales 1."""
    method = make(small_data, actor_width=64, time_features=2000, time_hidden_sizes=[64, 64])
    group = method.actor_group.frozen
    assert group["time.frequencies"].shape == (2, 1000)
    assert group["time.frequencies"].std(dim=1).numpy() == pytest.approx([0.2, 0.2], rel=0.08)
    assert group["block0.expand.weight"].std().item() == pytest.approx(1 / math.sqrt(64), rel=0.03)
    assert group["block1.contract.weight"].std().item() == pytest.approx(1 / math.sqrt(256), rel=0.03)
    for name, widths in (("first", (4 + 2 + 64) + 64), ("last", 64 + 2), ("time.layer1", 64 + 64)):
        largest = group[f"{name}.weight"].abs().max().item()
        assert 0.95 * math.sqrt(6 / widths) < largest <= math.sqrt(6 / widths), name
    for name, tensor in group.items():
        if name.endswith("norm.scale"):
            assert (tensor == 1.0).all()
        elif name.endswith(("bias", "norm.shift")):
            assert (tensor == 0.0).all()


# --- Each of these bugs must be found ---


def noise_loss_averaged(patch):
    patch.setattr(idql, "noise_loss", lambda predicted, noise, _: (predicted - noise).square().mean(dim=-1))


def actor_updates_share_a_batch(patch):
    original = IDQL.update

    def update(self, data, draw, variant):
        return original(self, data, {**draw, "index_actor1": draw["index_actor0"]}, variant)

    patch.setattr(IDQL, "update", update)


def dropout_left_out(patch):
    original = IDQL.noise_loss
    patch.setattr(
        IDQL,
        "noise_loss",
        lambda self, batch, draw: original(
            self, batch, {n: torch.ones_like(t) if n.startswith("dropout") else t for n, t in draw.items()}
        ),
    )


def critics_rate_decays_too(patch):
    original = IDQL.update

    def update(self, data, draw, variant):
        for optimiser in (self.critic_optimiser, self.value_optimiser):
            optimiser.learning_rate.copy_(draw["learning_rate_actor0"])
        return original(self, data, draw, variant)

    patch.setattr(IDQL, "update", update)


def old_value_in_the_critic(patch):
    original = IDQL.critic_loss

    def critic_loss(self, batch, next_value):
        return original(self, batch, self.old_next_value)

    def value_loss(self, batch, target_q, wrapped=IDQL.value_loss):
        with torch.no_grad():
            group = self.critic.value_group.frozen
            self.old_next_value = self.critic.value(group, batch.next_observations)
        return wrapped(self, batch, target_q)

    patch.setattr(IDQL, "critic_loss", critic_loss)
    patch.setattr(IDQL, "value_loss", value_loss)


def target_score_network_of_the_critics_rate(patch):
    original = IDQL.update

    def update(self, data, draw, variant):
        kept = self.hyperparameters
        self.hyperparameters = {**kept, "actor_target_rate": kept["target_rate"]}
        try:
            return original(self, data, draw, variant)
        finally:
            self.hyperparameters = kept

    patch.setattr(IDQL, "update", update)


@pytest.mark.parametrize(
    "bug",
    [
        noise_loss_averaged,
        actor_updates_share_a_batch,
        dropout_left_out,
        critics_rate_decays_too,
        old_value_in_the_critic,
        target_score_network_of_the_critics_rate,
    ],
)
def test_bug_is_found(compare, monkeypatch, bug):
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        compare(PAPER)


def test_missing_weight_decay_is_found(compare, monkeypatch):
    original = Adam.__init__
    monkeypatch.setattr(
        Adam,
        "__init__",
        lambda self, group, rate, eps=1e-8, weight_decay=0.0: original(self, group, rate, eps, 0.0),
    )
    with pytest.raises(AssertionError):
        compare(RELEASE)


def test_unclamped_weights_are_found(compare, monkeypatch):
    monkeypatch.setattr(idql, "advantage_weights", lambda u, beta, clip: torch.exp(beta * u))
    with pytest.raises(AssertionError):
        compare(WEIGHTED)


# --- Evaluation ---


@pytest.fixture
def trained(small_data, replay):
    method = make(small_data, actor_target_rate=0.05)
    replay(method, small_data, 40)
    return method


def candidates_of(method, row, build, observations, count):
    """Candidates of the *target* score network, and both minimum target Q and V."""
    plain = PlainIDQL(method, row, build)
    score = PlainScore(method, row, build, method.target_actor_group)
    targets = [build(method.critic.target_group, 2 * row + j, NAMES, nn.ReLU) for j in range(2)]
    num_states = observations.shape[1]
    drawn = SeedStreams((0, 1), "evaluate").normal(num_states, STEPS, count, 2)[row].double()
    noises = drawn.transpose(0, 1).reshape(STEPS, num_states * count, 2)
    states = observations[row].double().repeat_interleave(count, dim=0)
    actions = sample(score, states, noises).detach()
    values = plain.minimum(targets, states, actions).view(num_states, count).detach()
    return actions.view(num_states, count, 2), values, plain.value(observations[row].double()).detach()


def test_evaluation_takes_the_best_of_the_target_score_network(trained, plain_network):
    observations = torch.randn(2, 9, 4, generator=torch.Generator().manual_seed(1))
    actions = trained.act(observations, Sampling(), SeedStreams((0, 1), "evaluate"))
    for row in range(2):
        candidates, values, _ = candidates_of(trained, row, plain_network, observations, 6)
        expected = candidates[torch.arange(9), values.argmax(dim=1)]
        np.testing.assert_allclose(actions[row].numpy(), expected.numpy(), atol=1e-5)
    assert not torch.equal(trained.actor_group.flat, trained.target_actor_group.flat)
    # Neither the online score network nor the online critic has a say.
    trained.actor_group.flat.zero_()
    trained.critic.critic_group.flat.zero_()
    again = trained.act(observations, Sampling(), SeedStreams((0, 1), "evaluate"))
    assert torch.equal(actions, again)


def test_implicit_extraction_draws_by_the_weights_of_q_minus_v(trained, plain_network):
    observations = torch.randn(2, 9, 4, generator=torch.Generator().manual_seed(1))
    sampling = Sampling(extraction="implicit", candidates=4)
    actions = trained.act(observations, sampling, SeedStreams((0, 1), "evaluate"))
    streams = SeedStreams((0, 1), "evaluate")
    streams.normal(9, STEPS, 4, 2)
    uniform = streams.uniform(9, 1)
    for row in range(2):
        candidates, values, value = candidates_of(trained, row, plain_network, observations, 4)
        u = values - value[:, None]
        weights = torch.where(u > 0, 0.7, 0.3)
        total = weights.sum(dim=1, keepdim=True)
        index = (weights.cumsum(dim=1) < total * (1 - uniform[row].double()) - 1e-9).sum(dim=1)
        expected = candidates[torch.arange(9), index]
        np.testing.assert_allclose(actions[row].numpy(), expected.numpy(), atol=1e-5)


def test_checkpoint_holds_what_sampling_and_extraction_need(trained, small_data):
    tensors = trained.policy()
    assert {name.split("/")[0] for name in tensors} == {"target_actor", "target_critic", "value"}
    other = make(small_data)
    other.load_policy(tensors)
    observations = torch.randn(2, 5, 4)
    for extraction in IDQL.EXTRACTIONS:
        sampling = Sampling(extraction=extraction)
        first = trained.act(observations, sampling, SeedStreams((0, 1), "e"))
        assert torch.equal(first, other.act(observations, sampling, SeedStreams((0, 1), "e")))
        assert first.abs().max() <= 1.0


@pytest.mark.parametrize("value_loss", ["quantile", "exponential"])
@pytest.mark.parametrize("form", ["paper", "released"])
def test_implicit_extraction_of_the_other_losses(small_data, value_loss, form):
    method = make(small_data, value_loss=value_loss, implicit_weights=form, extraction="implicit")
    actions = method.act(torch.randn(2, 5, 4), Sampling(), SeedStreams((0, 1), "e"))
    assert torch.isfinite(actions).all()


# --- Schedules, seeds, draws ---


def test_only_the_actor_decays_and_per_actor_update(small_data):
    method = make(small_data)
    rates = [rate for k in range(UPDATES) for rate in method.schedules(k).values()]
    expected = [3e-3 * (1 + math.cos(math.pi * j / (2 * UPDATES))) / 2 for j in range(2 * UPDATES)]
    assert rates == pytest.approx(expected)
    assert set(method.schedules(0)) == {"learning_rate_actor0", "learning_rate_actor1"}
    assert set(make(small_data, actor_decay="none").schedules(40).values()) == {3e-3}


def test_actor_updates_have_batches_of_their_own(small_data):
    inputs = {draw.name: draw for draw in make(small_data).random_inputs()}
    assert inputs["index"].shape == (8,)
    assert inputs["index_actor0"].shape == inputs["index_actor1"].shape == (12,)
    assert "index_actor0" not in {draw.name for draw in make(small_data, RELEASE).random_inputs()}


@pytest.mark.parametrize("values", [PAPER, RELEASE, WEIGHTED], ids=["paper", "release", "weighted"])
def test_a_seed_in_a_block_equals_it_alone(small_data, assert_seed_equals_it_alone, values):
    values = {**values, "actor_width": 32, "time_hidden_sizes": [32, 32], "time_features": 64}
    assert_seed_equals_it_alone(lambda seeds: make(small_data, values, seeds), small_data)


# --- Refusals ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expectile": 0.4}, r"expectile is 0.4; allowed are values in \[0.5, 1\)"),
        ({"quantile": 1.0}, r"quantile is 1.0; allowed are values in \[0.5, 1\)"),
        ({"exponential_alpha": 0.0}, "allowed are values above 0"),
        ({"value_loss": "huber"}, "allowed are expectile, quantile, exponential"),
        ({"optimiser": "sgd"}, "allowed are adam, adamw"),
        ({"extraction": "awr"}, "allowed are argmax, softmax, implicit"),
        ({"candidates": 0}, "candidates is 0; allowed are integers from 1"),
        ({"actor_updates": 0}, "allowed are integers from 1"),
        ({"shared_batch": True}, "allowed with actor_updates 1"),
        ({"implicit_weights": "both"}, "allowed are paper, released"),
        ({"schedule": "linear_scaled"}, "allowed are more than 20 steps"),
    ],
)
def test_bad_hyperparameters_are_refused(small_data, changes, message):
    with pytest.raises(MethodError, match=message):
        make(small_data, **changes)
