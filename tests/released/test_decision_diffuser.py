"""Decision Diffuser against anuragajay/decision-diffuser@01ce528: windows, updates, one plan."""

import warnings

import numpy as np
import pytest
import torch

from algos.base import MethodSpec
from algos.datasets import transforms
from algos.datasets.transitions import Transitions
from algos.decision_diffuser import DecisionDiffuser
from algos.seed_parallel.batches import ProblemSpec, Rows
from algos.seed_parallel.random_streams import SeedStreams
from tests.released.libraries import library

pytestmark = [
    pytest.mark.released,
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),
]
UPDATES = 20
# What the release imports for simulators, pictures and logs.
SILENCED = ("d4rl", "gym", "ml_logger")
SILENCED_PARTS = tuple(
    f"diffuser.{name}"
    for name in (
        "environments",
        "utils.cloud",
        "utils.colab",
        "utils.config",
        "utils.rendering",
        "utils.serialization",
        "utils.setup",
    )
)


@pytest.fixture
def diffuser(monkeypatch, released_package):
    """A function that imports a module of the released package."""
    library("einops", "scipy")
    monkeypatch.setattr(np, "int", int, raising=False)
    return released_package("decision-diffuser/code", "diffuser", (*SILENCED, *SILENCED_PARTS))


@pytest.fixture
def values(paper_values):
    return paper_values("decision_diffuser", "release", "hopper-medium-expert-v2")


LENGTHS = (150, 40, 1000, 260)


@pytest.fixture
def rows():
    """Trajectories of Hopper's widths, each with a terminal, some values of which occur often."""
    generator = np.random.default_rng(7)
    number = sum(LENGTHS)
    ends = np.cumsum(LENGTHS) - 1
    terminals = np.zeros(number, dtype=np.uint8)
    terminals[ends] = 1
    observations = generator.standard_normal((number, 11)).astype(np.float32)
    observations[:, 3] = np.round(observations[:, 3], 1)
    return Transitions(
        observations=observations,
        actions=np.tanh(generator.standard_normal((number, 3))).astype(np.float32),
        rewards=generator.standard_normal(number).astype(np.float32),
        next_observations=observations,
        terminals=terminals,
        episodes=np.repeat(np.arange(len(LENGTHS)), LENGTHS),
    )


def prepared(rows, values):
    changed, state = transforms.apply(rows, [{"name": "marginal_shares"}])
    arrays = Rows(
        changed.observations,
        changed.actions,
        changed.rewards,
        changed.next_observations,
        changed.terminals,
        episodes=changed.episodes,
        transformed_zeros=state.zeros(11, 3),
    )
    return DecisionDiffuser.training_data(values, arrays), state


def test_windows_returns_and_normaliser_agree(diffuser, rows, values, report):
    module = diffuser("datasets.sequence")

    class Environment:
        name = "hopper"

        def get_dataset(self):
            arrays = rows.arrays()
            names = ("observations", "actions", "rewards", "terminals")
            return {name: arrays[name] for name in names} | {"timeouts": np.zeros(len(rows), dtype=bool)}

    theirs = module.SequenceDataset(
        env=Environment(),
        horizon=values["horizon"],
        normalizer="CDFNormalizer",
        max_n_episodes=len(LENGTHS),
        termination_penalty=values["terminal_penalty"],
        discount=values["discount"],
        returns_scale=values["return_scale"],
        include_returns=True,
    )
    data, state = prepared(rows, values)
    assert data.num_rows == len(theirs) == 149 + 39 + 900 + 259
    ours = data.windows(torch.arange(data.num_rows)[None])
    batches = [theirs[i] for i in range(len(theirs))]
    windows = np.stack([batch.trajectories for batch in batches])
    joined = torch.cat([ours.actions, ours.observations], dim=-1)[0].numpy()
    report("windows, filled ones too", np.abs(windows - joined).max(), 2e-7)
    returns = np.stack([batch.returns for batch in batches])
    report("returns", np.abs(returns - ours.returns[0].numpy()).max(), 1e-6)
    unit = np.linspace(-1.2, 1.2, 300).reshape(100, 3).astype(np.float32)
    inside = np.clip(unit, -1.0, 1.0)
    actions = theirs.normalizer.unnormalize(inside, "actions")
    report("actions", np.abs(actions - state.actions(inside)).max(), 1e-5)


# --- Updates and plans ---


def copy_into(theirs, method):
    """Our parameters under the names of the release's modules, as pairs of tensors."""
    network, inverse = theirs.model, theirs.inv_model
    ours = {name: tensor[0] for name, tensor in method.group.frozen.items()}
    own_inverse = {name: tensor[0] for name, tensor in method.inverse_group.frozen.items()}
    pairs = []

    def linear(layer, tensors, name):
        pairs.append((layer.weight, tensors[f"{name}.weight"].T))
        pairs.append((layer.bias, tensors[f"{name}.bias"]))

    def convolution(layer, name):
        pairs.append((layer.weight, ours[f"{name}.kernel"]))
        pairs.append((layer.bias, ours[f"{name}.offset"]))

    def normed(block, name):
        convolution(block.block[0], name)
        pairs.append((block.block[2].weight, ours[f"{name}.norm.scale"]))
        pairs.append((block.block[2].bias, ours[f"{name}.norm.shift"]))

    def residual(block, name):
        for i in (0, 1):
            normed(block.blocks[i], f"{name}.conv{i}")
        linear(block.time_mlp[1], ours, f"{name}.embedding")
        if f"{name}.skip.kernel" in ours:
            convolution(block.residual_conv, f"{name}.skip")

    for i, place in enumerate((1, 3)):
        linear(network.time_mlp[place], ours, f"time.layer{i}")
    for i, place in enumerate((0, 2, 4)):
        linear(network.returns_mlp[place], ours, f"return.layer{i}")
        linear(inverse[place], own_inverse, f"layer{i}")
    for level, name in ((network.downs, "down"), (network.ups, "up")):
        for i, (first, second, between) in enumerate(level):
            residual(first, f"{name}{i}.block0")
            residual(second, f"{name}{i}.block1")
            if hasattr(between, "conv"):
                convolution(between.conv, f"{name}{i}.{'halve' if name == 'down' else 'double'}")
    for i, block in enumerate((network.mid_block1, network.mid_block2)):
        residual(block, f"middle.block{i}")
    normed(network.final_conv[0], "last.conv")
    convolution(network.final_conv[1], "last.out")
    assert len(pairs) == len(list(theirs.parameters())) == len(ours) + len(own_inverse)
    return pairs


def takes_from(numbers):
    return lambda *_, **__: numbers.pop(0)


@pytest.mark.parametrize("width", [32, 128])
def test_updates_and_a_plan_agree(diffuser, rows, values, report, float32_rate, monkeypatch, width):
    """At the release's width of 128 too; with four windows an update, of which it takes two at a time."""
    models, training = diffuser("models"), diffuser("utils.training")
    module = diffuser("models.diffusion")
    schedule = module.cosine_beta_schedule
    monkeypatch.setattr(module, "cosine_beta_schedule", lambda n: schedule(n, dtype=torch.float64))
    values |= {"network_width": width, "batch_size": 4, "ema_start": 8, "ema_every": 2}
    data, _ = prepared(rows, values)
    data.packed, data.returns = data.packed.double(), data.returns.double()
    method = DecisionDiffuser(MethodSpec(values, ProblemSpec(11, 3), UPDATES, 200, (3,)))
    alpha_bars = torch.from_numpy(method.diffusion.alpha_bars)
    method.diffusion.signal_rates, method.diffusion.noise_rates = alpha_bars.sqrt(), (1 - alpha_bars).sqrt()
    network = models.TemporalUnet(
        horizon=100,
        transition_dim=11,
        cond_dim=11,
        dim=width,
        dim_mults=(1, 4, 8),
        returns_condition=True,
        condition_dropout=0.25,
    )
    theirs = models.GaussianInvDynDiffusion(
        network,
        horizon=100,
        observation_dim=11,
        action_dim=3,
        n_timesteps=200,
        loss_type="l2",
        clip_denoised=True,
        hidden_dim=256,
        returns_condition=True,
        condition_guidance_w=1.2,
    )
    pairs = copy_into(theirs, method)
    with torch.no_grad():
        for parameter, tensor in pairs:
            parameter.copy_(tensor)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = training.Trainer(
            theirs,
            [0, 1],
            None,
            train_batch_size=2,
            train_lr=float32_rate(2e-4),
            step_start_ema=8,
            update_ema_every=2,
            sample_freq=0,
            train_device="cpu",
        )
    monkeypatch.setattr(trainer, "save", lambda: None)
    generator = torch.Generator().manual_seed(11)
    for update in range(UPDATES):
        draw = {
            "index": torch.randint(0, data.num_rows, (1, 4), generator=generator),
            "time": torch.randint(0, 200, (1, 4), generator=generator),
            "noise": torch.randn(1, 4, 100, 11, generator=generator),
            "keep": (torch.rand(1, 4, 1, generator=generator) > 0.25).double(),
        }
        windows = data.windows(draw["index"])
        parts = [slice(0, 2), slice(2, 4)]
        batches = [
            (
                torch.cat([windows.actions, windows.observations], dim=-1)[0, part],
                {0: windows.observations[0, part, 0]},
                windows.returns[0, part],
            )
            for part in parts
        ]
        times, noise, keep = ([draw[name][0, part] for part in parts] for name in ("time", "noise", "keep"))
        with monkeypatch.context() as patch:
            patch.setattr(trainer, "dataloader", iter(batches))
            patch.setattr(training, "batch_to_device", lambda batch, device: batch)
            patch.setattr(module.torch, "randint", takes_from(times))
            patch.setattr(module.torch, "randn_like", takes_from(noise))
            patch.setattr(network.mask_dist, "sample", takes_from(keep))
            trainer.train(1)
        rates = {name: torch.tensor(rate) for name, rate in method.schedules(update).items()}
        method.update(data, {**draw, **rates}, method.update_variant(update))
    difference = max(float((parameter.data - tensor).abs().max()) for parameter, tensor in pairs)
    report(f"{UPDATES} updates, width {width}, all parameters", difference, 1e-9)

    # One plan of the averages, with the release's 200 steps.
    sampler = method.build_sampler(method.default_sampling())
    noises = torch.randn(200, 1, 1, 100, 11, generator=generator)
    state = data.packed[5, :11].view(1, 1, 11)
    queue = list(noises[:, 0])
    with monkeypatch.context() as patch:
        patch.setattr(module.torch, "randn", lambda *_, **__: queue.pop(0))
        patch.setattr(module.torch, "randn_like", lambda x: queue.pop(0) if queue else torch.zeros_like(x))
        returns = torch.full((1, 1), 0.9)
        plan = trainer.ema_model.conditional_sample({0: state[0]}, returns=returns, verbose=False)
    ours = method.plan(state, sampler, noises)[0]
    report(f"one plan, width {width}", float((plan - ours).abs().max()), 1e-9)

    class Given(SeedStreams):
        def normal(self, *shape):
            return noises.movedim(0, 2)

    action = trainer.ema_model.inv_model(torch.cat([plan[:, 0], plan[:, 1]], dim=-1)).clamp(-1.0, 1.0)
    acted = method.act(state, method.default_sampling(), Given((3,), "plan"))[0]
    report(f"its action, width {width}", float((action.detach() - acted).abs().max()), 1e-9)
