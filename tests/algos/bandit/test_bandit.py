"""The bandit: its data and numbers by hand, losses and gradients against independent code, whole runs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F

from algos.bandit import __main__ as bandit_command
from algos.bandit import data as data_module
from algos.bandit import networks, policies, results
from algos.bandit import settings as settings_module
from algos.seed_parallel.random_streams import ChunkedInputs, SeedStreams

FACTS = Path(__file__).resolve().parents[4] / "shared" / "facts" / "hyperparameters.json"
SMALL = settings_module.Settings(num_data=400, batch_size=16, policy_batch=8, num_samples=50, updates=3)


def shared_of(settings: settings_module.Settings, actions: torch.Tensor | None = None) -> networks.Shared:
    """A batch of data with an untrained critic and CVAE."""
    if actions is None:
        actions = data_module.make_data(settings).actions[: settings.batch_size].unsqueeze(0)
    return networks.Shared(actions, networks.Critic(settings), networks.CVAE(settings))


def drawn(policy: policies.Policy) -> dict[str, torch.Tensor]:
    """The randomness of one update."""
    chunk = ChunkedInputs(policy.random_inputs(), policy.streams("train"), policy.settings.num_data)
    chunk.fill(0)
    return chunk.at(0)


# --- Constants and data ---


@pytest.mark.skipif(not FACTS.is_file(), reason="the facts are not in the repository")
def test_constants_are_the_released_ones() -> None:
    facts = json.loads(FACTS.read_text(encoding="utf-8"))["Diffusion-QL"]["toy"]
    settings = settings_module.Settings()
    assert settings.updates == facts["updates"] == facts["epochs"] * 100
    assert settings.batch_size == settings.policy_batch == facts["batch_size"]
    assert settings.num_data == facts["num_data"]
    assert settings.hidden_width == facts["hidden"]
    assert settings.time_dim == facts["time_dim"]
    assert settings.learning_rate == settings.gaussian_learning_rate == facts["lr"]
    assert settings.eta == facts["eta"]
    assert settings.schedule == facts["beta_schedule"]
    assert settings.num_samples == facts["num_eval"]["bc"]
    assert settings.diffusion_steps[-1] == facts["T"]
    assert facts["reward_means"] == {mode.name: mode.reward_mean for mode in settings_module.MODES}
    assert {abs(x) for mode in settings_module.MODES for x in mode.centre} == {facts["centres"]}
    assert (facts["action_sd"], facts["reward_sd"]) == (settings_module.ACTION_SD, settings_module.REWARD_SD)


def test_data_lie_where_the_paper_puts_them() -> None:
    data = data_module.make_data(settings_module.Settings())
    assert data.actions.shape == (10_000, 2)
    assert data.actions.abs().max() <= 1.0
    expected = [((-0.8, 0.8), 3.0), ((-0.8, -0.8), 0.0), ((0.8, 0.8), 1.5), ((0.8, -0.8), 5.0)]
    for quarter, (centre, reward) in enumerate(expected):
        rows = slice(2_500 * quarter, 2_500 * (quarter + 1))
        mean, sd = data.actions[rows].mean(dim=0), data.actions[rows].std(dim=0)
        assert torch.allclose(mean, torch.tensor(centre), atol=4 * 0.05 / 50)
        assert torch.allclose(sd, torch.tensor(0.05), atol=4 * 0.05 / math.sqrt(5_000))
        assert abs(data.rewards[rows].mean() - reward) < 4 * 0.5 / 50
        assert abs(data.rewards[rows].std() - 0.5) < 4 * 0.5 / math.sqrt(5_000)


def test_actions_are_clipped_to_the_unit_square(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_module, "ACTION_SD", 0.5)
    actions = data_module.make_data(settings_module.Settings()).actions
    assert actions.max() == 1.0
    assert actions.min() == -1.0


def test_data_belong_to_their_seed() -> None:
    first, again, other = (data_module.make_data(replace(SMALL, seed=seed)).actions for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


# --- Numbers ---


def test_shares_and_reward_of_known_samples() -> None:
    actions = np.array(
        [
            [-0.8, 0.8],  # pays 3
            [-0.8, 0.99],  # 0.19 away: still there
            [-0.8, 1.01],  # 0.21 away: off
            [-0.8, -0.8],  # pays 0, and is not off
            [0.7, 0.9],  # 0.141 away: pays 1.5
            [0.8, -0.8],  # pays 5
            [0.65, -0.65],  # 0.212 away, though 0.15 per axis: off
            [0.0, 0.0],
            [7.0, -7.0],
            [0.8, -0.61],  # pays 5
        ]
    )
    assert results.nearest_modes(actions).tolist() == [0, 0, -1, 1, 2, 3, -1, -1, -1, 3]
    assert results.sample_numbers(actions) == {
        "share_left_up": 0.2,
        "share_left_bottom": 0.1,
        "share_right_up": 0.1,
        "share_right_bottom": 0.2,
        "share_off_modes": 0.4,
        "mean_true_reward": 1.75,  # (3 + 3 + 0 + 1.5 + 5 + 5) / 10
    }


def test_the_data_are_on_the_modes() -> None:
    numbers = results.sample_numbers(data_module.make_data(settings_module.Settings()).actions.numpy())
    assert numbers["share_off_modes"] < 0.002  # exp(-8) = 0.0003 of a Gaussian is beyond 4 sd in 2-D
    assert numbers["mean_true_reward"] == pytest.approx(2.375, abs=0.005)


# --- Losses ---


def test_vae_loss_by_hand() -> None:
    actions = torch.tensor([[[0.5, -0.5]]])
    reconstruction = torch.tensor([[[0.0, 0.5]]])
    mean = torch.tensor([[[1.0, 0.0]]])
    log_std = torch.tensor([[[0.0, math.log(2.0)]]])
    squared = (0.25 + 1.0) / 2
    divergence = (0.5 * 1.0 + 0.5 * (4.0 - 1.0 - 2.0 * math.log(2.0))) / 2
    loss = networks.vae_loss(reconstruction, actions, mean, log_std, 0.5)
    assert loss.tolist() == pytest.approx([squared + 0.5 * divergence])


def test_mmd_against_loops() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 4, 2))

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return math.exp(-float(np.abs(x - y).sum()) / (2 * 1.5))

    expected = []
    for a, b in zip(first, second):
        within_a = np.mean([kernel(x, y) for x in a for y in a])
        within_b = np.mean([kernel(x, y) for x in b for y in b])
        between = np.mean([kernel(x, y) for x in a for y in b])
        expected.append(math.sqrt(within_a + within_b - 2 * between + 1e-6))
    mmd = networks.laplacian_mmd(torch.tensor(first), torch.tensor(second), 1.5)
    assert mmd.tolist() == pytest.approx(expected)
    same = networks.laplacian_mmd(torch.tensor(first), torch.tensor(first), 1.5)
    assert same.tolist() == pytest.approx([1e-3, 1e-3])


def test_q_loss_is_normalised_by_the_other_critic_without_gradient() -> None:
    values = torch.tensor([[[1.0, -3.0], [2.0, 6.0]], [[1.0, -3.0], [2.0, 6.0]]], requires_grad=True)
    loss = networks.normalised_q_loss(values, torch.tensor([1.0, 0.0]), eta=2.5)
    assert loss.tolist() == pytest.approx([-2.5 * -1.0 / 4.0, -2.5 * 4.0 / 2.0])
    (gradient,) = torch.autograd.grad(loss.sum(), values)
    expected = [[[-2.5 / 4 / 2] * 2, [0.0] * 2], [[0.0] * 2, [-2.5 / 2 / 2] * 2]]
    assert gradient.tolist() == expected


# --- Policies ---


def test_sinusoidal_embedding_by_hand() -> None:
    rows = networks.sinusoidal_embedding(3, 4).tolist()
    for step, row in enumerate(rows):
        expected = [math.sin(step), math.sin(1e-4 * step), math.cos(step), math.cos(1e-4 * step)]
        assert row == pytest.approx(expected, abs=1e-7)


class PlainDiffusion:
    """The released network and chain, written out: one row at a time knows its step and the state."""

    def __init__(self, policy: policies.DiffusionPolicy) -> None:
        self.weights = {
            name: tensor[0].clone().requires_grad_() for name, tensor in policy.group.frozen.items()
        }
        self.diffusion_steps = policy.diffusion_steps
        i = torch.arange(1, policy.diffusion_steps + 1, dtype=torch.float64)
        n = policy.diffusion_steps
        self.betas = 1 - torch.exp(-0.1 / n - 0.5 * 9.9 * (2 * i - 1) / n**2)
        self.alpha_bars = torch.cumprod(1 - self.betas, 0)

    def layer(self, name: str, inputs: torch.Tensor) -> torch.Tensor:
        return inputs @ self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def __call__(self, actions: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        angles = steps[:, None].double() * torch.tensor([1.0, 1e-4], dtype=torch.float64)
        time = torch.cat([angles.sin(), angles.cos()], dim=1).float()
        time = self.layer("time_layer1", F.mish(self.layer("time_layer0", time)))
        hidden = torch.cat([actions, time, torch.zeros(len(actions), 2)], dim=1)
        for i in range(3):
            hidden = F.mish(self.layer(f"layer{i}", hidden))
        return self.layer("layer3", hidden)

    def chain(self, noises: torch.Tensor) -> torch.Tensor:
        actions = noises[0]
        for call, i in enumerate(reversed(range(self.diffusion_steps))):
            bar = float(self.alpha_bars[i])
            before = float(self.alpha_bars[i - 1]) if i else 1.0
            beta = float(self.betas[i])
            predicted = self(actions, torch.full((len(actions),), i))
            start = ((actions - math.sqrt(1 - bar) * predicted) / math.sqrt(bar)).clamp(-1, 1)
            mean = (math.sqrt(before) * beta * start + math.sqrt(1 - beta) * (1 - before) * actions) / (
                1 - bar
            )
            deviation = math.sqrt(beta * (1 - before) / (1 - bar))
            actions = mean + (deviation * noises[call + 1] if i else 0.0)
        return actions.clamp(-1, 1)


def test_diffusion_ql_gradient_against_plain_code() -> None:
    """Value and gradient of noise loss plus Q term, through all steps of the chain."""
    settings = replace(SMALL, diffusion_steps=(4,))
    policy = policies.build_policy(settings, ("diffusion_ql", 4))
    assert isinstance(policy, policies.DiffusionPolicy)
    shared, draw = shared_of(settings), drawn(policy)
    plain = PlainDiffusion(policy)

    steps, noise = draw["step"][0], draw["noise"][0]
    bars = plain.alpha_bars[steps].float().unsqueeze(1)
    noisy = bars.sqrt() * shared.actions[0] + (1 - bars).sqrt() * noise
    loss = (plain(noisy, steps) - noise).square().mean()
    actions = plain.chain(draw["chain_noise"][0])
    values = shared.critic.values(shared.critic.group.frozen, actions.unsqueeze(0))[0]
    mine, other = (0, 1) if draw["coin"].item() else (1, 0)
    loss = loss - settings.eta * values[mine].mean() / values[other].abs().mean().detach()
    expected = torch.autograd.grad(loss, list(plain.weights.values()))

    policy.update(shared, draw)
    for name, gradient in zip(plain.weights, expected):
        start = policy.group.offsets[name]
        found = policy.group.gradient[0, start : start + gradient.numel()].view(gradient.shape)
        assert torch.allclose(found, gradient, rtol=1e-4, atol=1e-6), name
    assert expected[0].abs().max() > 0


def test_q_term_comes_every_interval_and_is_weighted_by_it() -> None:
    gradients = []
    for name, interval in (("bc_diffusion", 1), ("diffusion_ql", 1), ("diffusion_ql", 3)):
        settings = replace(SMALL, diffusion_steps=(2,), q_interval=interval)
        policy = policies.build_policy(settings, (name, 2))
        assert isinstance(policy, policies.DiffusionPolicy)
        reference = policies.build_policy(settings, ("diffusion_ql", 2))
        assert isinstance(reference, policies.DiffusionPolicy)
        policy.group.flat.copy_(reference.group.flat)
        draw = drawn(reference)
        policy.update(shared_of(settings), draw)
        gradients.append(policy.group.gradient.clone())
    cloning, with_q, thrice = gradients
    assert torch.allclose(thrice - cloning, 3 * (with_q - cloning), rtol=1e-4, atol=1e-6)
    assert not torch.equal(cloning, with_q)

    policy.num_updates = 1
    policy.group.flat.copy_(reference.group.flat)
    policy.update(shared_of(settings), draw)
    assert torch.allclose(policy.group.gradient, cloning, atol=1e-7)


def test_policies_do_not_train_the_critic() -> None:
    shared = shared_of(SMALL)
    before = shared.critic.group.flat.clone(), shared.cvae.group.flat.clone()
    for key in policies.policy_keys(SMALL):
        policy = policies.build_policy(SMALL, key)
        policy.update(shared, drawn(policy))
    assert torch.equal(before[0], shared.critic.group.flat)
    assert torch.equal(before[1], shared.cvae.group.flat)


def test_bear_multiplier_rises_while_the_constraint_is_broken() -> None:
    for threshold, sign in ((0.0, 1.0), (10.0, -1.0)):
        policy = policies.build_policy(replace(SMALL, bear_threshold=threshold), ("bear_mmd", 0))
        assert isinstance(policy, policies.MMDPolicy)
        before = policy.multiplier_group["log_multiplier"].item()
        policy.update(shared_of(SMALL), drawn(policy))
        step = policy.multiplier_group["log_multiplier"].item() - before
        assert step == pytest.approx(sign * SMALL.bear_multiplier_rate, rel=1e-3)
    policy.multiplier_group.flat.fill_(-100.0)
    policy.update(shared_of(SMALL), drawn(policy))
    assert policy.multiplier_group["log_multiplier"].item() == SMALL.bear_log_multiplier_min


def test_bcq_perturbs_little_and_takes_the_best_candidate() -> None:
    settings = replace(SMALL, bcq_candidates=4)
    policy = policies.build_policy(settings, ("bcq_described", 0))
    assert isinstance(policy, policies.BCQ)
    policy.group.flat.mul_(30.0)  # saturates the tanh
    shared = shared_of(settings)
    actions = shared.actions
    shift = (policy.perturb(policy.group.frozen, actions) - actions).abs()
    assert 0.049 < shift.max() <= 0.05 + 1e-6
    found = policy.sample(shared, 5, SeedStreams((0,), "draw"))
    latents = SeedStreams((0,), "draw").normal(20, settings.latent_dim)
    candidates = policy.perturb(policy.group.frozen, shared.cvae.sample(latents))
    values = shared.critic.of_policy(candidates)[0, 0]
    for row in range(5):
        best = max(range(4 * row, 4 * row + 4), key=lambda i: float(values[i]))
        assert torch.equal(found[0, row], candidates[0, best])


def test_latents_are_clipped_when_sampled() -> None:
    cvae = networks.CVAE(SMALL)
    far, edge = torch.full((1, 1, 4), 9.0), torch.full((1, 1, 4), 0.5)
    assert torch.equal(cvae.sample(far), cvae.sample(edge))


# --- Learning ---


def test_maximum_likelihood_finds_the_moments() -> None:
    settings = settings_module.Settings(updates=400, gaussian_learning_rate=3e-3, num_samples=4_000)
    samples = bandit_command.train(settings, [("bc_mle", 0)])["bc_mle", 0]
    # The data's moments: mean 0, variance 0.8^2 + 0.05^2.
    assert np.abs(samples.mean(axis=0)).max() < 0.15
    assert np.abs(samples.std(axis=0) - 0.8016).max() < 0.1


def test_diffusion_ql_prefers_the_best_mode() -> None:
    """Among samples on a mode; after few updates Q still pulls many past the best one, into the corner."""
    settings = replace(settings_module.resolve_settings("reduced"), updates=900)
    keys = [("bc_diffusion", 5), ("diffusion_ql", 5)]
    samples = bandit_command.train(settings, keys)
    quadrant = {key: float(np.mean((a[:, 0] > 0.4) & (a[:, 1] < -0.4))) for key, a in samples.items()}
    assert 0.03 < quadrant["bc_diffusion", 5] < 0.4  # one mode of four, and some off all modes
    assert quadrant["diffusion_ql", 5] > 0.7
    on_mode = {key: results.nearest_modes(a) for key, a in samples.items()}
    best = {key: float(np.mean(modes[modes >= 0] == 3)) for key, modes in on_mode.items()}
    assert best["bc_diffusion", 5] < 0.5
    assert best["diffusion_ql", 5] > 0.9


# --- Whole runs ---


def test_samples_do_not_depend_on_the_company() -> None:
    settings = replace(SMALL, diffusion_steps=(2, 3))
    keys = policies.policy_keys(settings)
    together = bandit_command.train(settings, keys)
    for key in keys:
        assert np.array_equal(bandit_command.train(settings, [key])[key], together[key]), key


def test_work_is_shared_out_once() -> None:
    keys = policies.policy_keys(settings_module.Settings())
    assert len(keys) == len(set(keys)) == 17
    for workers in (1, 2, 3, 40):
        groups = bandit_command.share_work(keys, workers)
        assert sorted(key for group in groups for key in group) == sorted(keys)
        assert ("diffusion_ql", 50) in groups[0]


def test_same_seed_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    arguments = ["--size", "reduced", "--updates", "2", "--policy-batch", "5"]
    for name, more in (("one", ["--workers", "1"]), ("two", ["--workers", "2"]), ("other", ["--seed", "1"])):
        assert bandit_command.main([*arguments, *more, "--output", str(tmp_path / name)]) == 0
    names = ("config.json", "numbers.csv", "samples.parquet")
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(names)
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        assert (tmp_path / "one" / name).read_bytes() != (tmp_path / "other" / name).read_bytes()

    table = pq.read_table(tmp_path / "one" / "samples.parquet").to_pandas()
    assert len(table) == 18 * 1_000
    steps = table[table["method"] == "diffusion_ql"]["diffusion_steps"].unique().tolist()
    assert steps == [2, 5, 10, 20, 50]
    assert table.groupby("method")["reward"].count()["data"] == 1_000
    assert table[table["method"] != "data"]["reward"].isna().all()
    config = json.loads((tmp_path / "one" / "config.json").read_text(encoding="utf-8"))
    assert config["reduced"].startswith("2 updates of 100,000; 5 draws")
    assert config["settings"]["updates"] == 2


def test_only_the_released_setting_is_not_called_reduced() -> None:
    assert settings_module.reduction(settings_module.resolve_settings("full")) is None
    assert settings_module.reduction(settings_module.resolve_settings("full", seed=3)) is None
    for cut in (
        {"updates": 99_999},
        {"policy_batch": 99},
        {"q_interval": 2},
        {"learning_rate": 1e-3},
        {"gaussian_learning_rate": 1e-3},
    ):
        assert settings_module.reduction(replace(settings_module.Settings(), **cut)) is not None
    reduced = settings_module.reduction(settings_module.resolve_settings("reduced"))
    assert reduced is not None
    assert "learning rate 0.003 for 0.0003; of the Gaussians 0.001" in reduced


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "tiny"], "unknown size 'tiny'; allowed are full, reduced"),
        (["--updates", "0"], "number of updates is 0; allowed are integers from 1"),
        (["--policy-batch", "101"], "policy batch is 101; allowed are integers from 1 to 100"),
        (["--seed", "-1"], "seed is -1; allowed are integers from 0"),
        (["--workers", "0"], "number of workers is 0"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bandit_command.main([*arguments, "--output", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_output_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file"
    path.write_text("kept", encoding="utf-8")
    assert bandit_command.main(["--updates", "1", "--output", str(path)]) == 2
    assert "it has to be a folder" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == "kept"
