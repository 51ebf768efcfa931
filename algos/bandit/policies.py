"""The bandit's policies: Gaussian, CVAE, BCQ, MMD and diffusion, for behaviour cloning and for Q-learning."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from algos.bandit.networks import Shared, laplacian_mmd, normalised_q_loss, sinusoidal_embedding, with_state
from algos.bandit.settings import ACTION_DIM, STATE_DIM, Settings
from algos.diffusion.samplers import noise_loss
from algos.diffusion.schedule import Diffusion
from algos.seed_parallel.actors import gaussian_log_density
from algos.seed_parallel.adam import Adam
from algos.seed_parallel.kernels import mish
from algos.seed_parallel.networks import MLP, linear
from algos.seed_parallel.parameters import ParameterGroup, initialise
from algos.seed_parallel.random_streams import RandomInput, SeedStreams


class Policy(abc.ABC):
    """A policy and its update; the leading axis K is 1, the toy's one seed.

    Args:
        name: method, as in the tables.
        diffusion_steps: N; 0 without diffusion.
    """

    # Shared networks that its update or its sample looks at; one that no policy needs is not trained.
    uses_critic = False
    uses_cvae = False

    def __init__(self, settings: Settings, name: str, diffusion_steps: int = 0) -> None:
        self.settings = settings
        self.name = name
        self.diffusion_steps = diffusion_steps

    def streams(self, purpose: str) -> SeedStreams:
        """The policy's own stream for `purpose`, independent of which others are trained with it."""
        path = f"bandit/{self.name}/{self.diffusion_steps}/{purpose}"
        return SeedStreams((self.settings.seed,), path)

    def build_group(self, shapes: Mapping[str, Sequence[int]]) -> ParameterGroup:
        """Parameters with torch's default initialisation."""
        group = ParameterGroup(shapes, 1)
        initialise(group, self.streams("initialise"), "torch_default")
        return group

    @abc.abstractmethod
    def random_inputs(self) -> list[RandomInput]:
        """The randomness of one update."""

    @abc.abstractmethod
    def update(self, shared: Shared, draw: Mapping[str, Tensor]) -> None:
        """One update in place."""

    @abc.abstractmethod
    def sample(self, shared: Shared, count: int, streams: SeedStreams) -> Tensor:
        """Actions ``[1, count, 2]`` of the trained policy."""


class GaussianPolicy(Policy):
    """A Gaussian: BC-MLE by maximum likelihood; with `eta` the figure's TD3+BC.

    Released bc_mle.py, ql_mle.py. TD3+BC (Fujimoto & Gu 2021, eq. 3-5) has a deterministic policy and a
    squared error; the toy keeps its normalised Q term with alpha = 2.5 and clones by likelihood.
    Samples are not clipped.
    """

    def __init__(self, settings: Settings, name: str, eta: float | None) -> None:
        super().__init__(settings, name)
        width = settings.hidden_width
        self.eta = eta
        self.uses_critic = eta is not None
        self.network = MLP((STATE_DIM, width, width, 2 * ACTION_DIM), "relu")
        self.group = self.build_group(self.network.shapes())
        self.optimiser = Adam(self.group, settings.gaussian_learning_rate)

    def heads(self, parameters: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation, ``[K, 1, 2]`` each: the state is the same for every row."""
        outputs = self.network(parameters, torch.zeros(1, 1, STATE_DIM))
        mean, log_std = outputs.chunk(2, dim=-1)
        return mean, log_std.clamp(self.settings.log_std_min, self.settings.log_std_max)

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        if self.eta is None:
            return []
        return [
            RandomInput("action_noise", "normal", (self.settings.policy_batch, ACTION_DIM)),
            RandomInput("coin", "bernoulli", ()),
        ]

    def update(self, shared: Shared, draw: Mapping[str, Tensor]) -> None:
        """One step of the policy."""
        mean, log_std = self.heads(self.group.parameters)
        loss = -gaussian_log_density(shared.actions, mean, log_std).mean(dim=1)
        if self.eta is not None:
            actions = mean + torch.exp(log_std) * draw["action_noise"]
            loss = loss + normalised_q_loss(shared.critic.of_policy(actions), draw["coin"], self.eta)
        self.group.backward(loss.sum())
        self.optimiser.step()

    @torch.no_grad()
    def sample(self, shared: Shared, count: int, streams: SeedStreams) -> Tensor:
        """Actions ``[1, count, 2]`` of the trained policy."""
        mean, log_std = self.heads(self.group.frozen)
        return mean + torch.exp(log_std) * streams.normal(count, ACTION_DIM)


class CVAEPolicy(Policy):
    """BC-CVAE, and the figure's BCQ: the shared CVAE itself, latents clipped when sampled."""

    uses_cvae = True

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        return []

    def update(self, shared: Shared, draw: Mapping[str, Tensor]) -> None:
        """Nothing: the CVAE is updated before the policies."""

    def sample(self, shared: Shared, count: int, streams: SeedStreams) -> Tensor:
        """Actions ``[1, count, 2]`` of the trained policy."""
        return shared.cvae.sample(streams.normal(count, self.settings.latent_dim))


class BCQ(Policy):
    """BCQ: the CVAE's actions, perturbed by at most `bcq_perturbation` towards higher Q_1.

    Sampled as the algorithm is described (Fujimoto et al. 2019, algorithm 1): 10 candidates, perturbed,
    the one of highest Q_1. Method `bcq_described`; what run_toy_ql.py draws into the figure as BCQ is
    the CVAE alone (``agent.vae.sample``), which neither the perturbation nor Q enters: method `bcq`, a
    `CVAEPolicy`.
    """

    uses_critic = True
    uses_cvae = True

    def __init__(self, settings: Settings, name: str) -> None:
        super().__init__(settings, name)
        width = settings.hidden_width
        self.network = MLP((ACTION_DIM + STATE_DIM, width, width, ACTION_DIM), "relu")
        self.group = self.build_group(self.network.shapes())
        self.optimiser = Adam(self.group, settings.learning_rate)

    def perturb(self, parameters: Mapping[str, Tensor], actions: Tensor) -> Tensor:
        """Actions moved by at most the perturbation's bound."""
        shift = torch.tanh(self.network(parameters, with_state(actions)))
        return (actions + self.settings.bcq_perturbation * shift).clamp(-1.0, 1.0)

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        return [RandomInput("latent_noise", "normal", (self.settings.policy_batch, self.settings.latent_dim))]

    def update(self, shared: Shared, draw: Mapping[str, Tensor]) -> None:
        """One step of the policy."""
        actions = shared.cvae.sample(draw["latent_noise"])
        values = shared.critic.of_policy(self.perturb(self.group.parameters, actions))
        self.group.backward(-values[:, 0].mean(dim=1).sum())
        self.optimiser.step()

    @torch.no_grad()
    def sample(self, shared: Shared, count: int, streams: SeedStreams) -> Tensor:
        """Actions ``[1, count, 2]`` of the trained policy."""
        candidates = self.settings.bcq_candidates
        latents = streams.normal(count * candidates, self.settings.latent_dim)
        actions = self.perturb(self.group.frozen, shared.cvae.sample(latents))
        values = shared.critic.of_policy(actions)[:, 0].view(count, candidates)
        best = values.argmax(dim=1)
        return actions.view(count, candidates, ACTION_DIM)[torch.arange(count), best].unsqueeze(0)


class MMDPolicy(Policy):
    """A squashed Gaussian matched to the CVAE's support by MMD: BC-MMD; with `eta` BEAR-MMD.

    Both sample sets of the discrepancy are raw (before the tanh) and their noise is clipped to +-0.5;
    actions for Q and for the figure are not (released bc_mmd.py:60-111, ql_mmd.py). In BEAR (Kumar et
    al. 2019, eq. 1) the discrepancy's weight is a multiplier that rises while MMD exceeds 0.05.
    """

    NOISE_CLIP = 0.5
    uses_cvae = True

    def __init__(self, settings: Settings, name: str, eta: float | None) -> None:
        super().__init__(settings, name)
        width = settings.hidden_width
        self.eta = eta
        self.uses_critic = eta is not None
        self.network = MLP((STATE_DIM, width, width, 2 * ACTION_DIM), "relu")
        self.group = self.build_group(self.network.shapes())
        self.optimiser = Adam(self.group, settings.learning_rate)
        self.multiplier_group = ParameterGroup({"log_multiplier": (1,)}, 1)
        # Released: a standard normal number.
        self.multiplier_group.flat[:, :1] = self.streams("multiplier").normal(1)
        self.multiplier_optimiser = Adam(self.multiplier_group, settings.bear_multiplier_rate)

    def heads(self, parameters: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation before the tanh, ``[K, 1, 2]`` each."""
        mean, log_std = self.network(parameters, torch.zeros(1, 1, STATE_DIM)).chunk(2, dim=-1)
        return mean, torch.exp(log_std)

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        s = self.settings
        inputs = [
            RandomInput("latent_noise", "normal", (s.policy_batch * s.mmd_samples, s.latent_dim)),
            RandomInput("match_noise", "normal", (s.policy_batch, s.mmd_samples, ACTION_DIM)),
        ]
        if self.eta is not None:
            inputs.append(RandomInput("action_noise", "normal", (s.policy_batch, ACTION_DIM)))
            inputs.append(RandomInput("coin", "bernoulli", ()))
        return inputs

    def discrepancy(self, mean: Tensor, std: Tensor, shared: Shared, draw: Mapping[str, Tensor]) -> Tensor:
        """MMD between the CVAE's samples and the policy's, mean over the batch, ``[K]``."""
        s = self.settings
        shape = (s.policy_batch, s.mmd_samples, ACTION_DIM)
        target = shared.cvae.decode(draw["latent_noise"]).view(shape)
        noise = draw["match_noise"][0].clamp(-self.NOISE_CLIP, self.NOISE_CLIP)
        return laplacian_mmd(target, mean + std * noise, s.mmd_sigma).mean().unsqueeze(0)

    def update(self, shared: Shared, draw: Mapping[str, Tensor]) -> None:
        """One step of the policy."""
        mean, std = self.heads(self.group.parameters)
        discrepancy = self.discrepancy(mean, std, shared, draw)
        if self.eta is None:
            self.group.backward(discrepancy.sum())
            self.optimiser.step()
            return
        log_multiplier = self.multiplier_group["log_multiplier"]
        actions = torch.tanh(mean + std * draw["action_noise"])
        q_loss = normalised_q_loss(shared.critic.of_policy(actions), draw["coin"], self.eta)
        weight = torch.exp(log_multiplier.detach()).squeeze(-1)
        self.group.backward((weight * discrepancy + q_loss).sum())
        # Ascent of the multiplier, which the actor's loss used as it was.
        excess = discrepancy.detach() - self.settings.bear_threshold
        self.multiplier_group.backward(-(torch.exp(log_multiplier).squeeze(-1) * excess).sum())
        self.optimiser.step()
        self.multiplier_optimiser.step()
        self.multiplier_group.flat.clamp_(
            self.settings.bear_log_multiplier_min, self.settings.bear_log_multiplier_max
        )

    @torch.no_grad()
    def sample(self, shared: Shared, count: int, streams: SeedStreams) -> Tensor:
        """Actions ``[1, count, 2]`` of the trained policy."""
        mean, std = self.heads(self.group.frozen)
        return torch.tanh(mean + std * streams.normal(count, ACTION_DIM))


class DiffusionPolicy(Policy):
    """BC-Diffusion by the noise loss; with `eta` Diffusion-QL, whose Q term reaches through the chain.

    The network is Diffusion-QL's: [a_t, time, s], three hidden layers, Mish; time is a sinusoid of the
    step, Linear 2 x `time_dim`, Mish, Linear (released bc_diffusion.py:13-46). Steps are few and the
    state is fixed, so what the first layer makes of the time is computed once per step, not per row.
    A sample is one draw from the chain, without candidates (released ql_diffusion.py:203-206).
    """

    def __init__(self, settings: Settings, name: str, diffusion_steps: int, eta: float | None) -> None:
        super().__init__(settings, name, diffusion_steps)
        width, time_dim = settings.hidden_width, settings.time_dim
        self.eta = eta
        self.uses_critic = eta is not None
        self.num_updates = 0
        self.diffusion = Diffusion(settings.schedule, diffusion_steps)
        self.sampler = self.diffusion.sampler("ddpm", ddpm_form="posterior")
        self.time_network = MLP((time_dim, 2 * time_dim, time_dim), "mish", "time_")
        self.network = MLP((ACTION_DIM + time_dim + STATE_DIM, width, width, width, ACTION_DIM), "mish")
        self.group = self.build_group({**self.time_network.shapes(), **self.network.shapes()})
        self.optimiser = Adam(self.group, settings.learning_rate)
        self.sinusoids = sinusoidal_embedding(diffusion_steps, time_dim).unsqueeze(0)

    def predictor(
        self, parameters: Mapping[str, Tensor]
    ) -> tuple[Tensor, Callable[[Tensor, Tensor], Tensor]]:
        """The first layer's offset for every step ``[K, N, width]``, and the network given one.

        The network takes noisy actions ``[K, B, 2]`` and the offsets of their steps ``[K, B or 1, width]``.
        """
        first, *others = self.network.names
        weight, bias = parameters[f"{first}.weight"], parameters[f"{first}.bias"]
        action_weight = weight[:, :ACTION_DIM]
        time_weight = weight[:, ACTION_DIM : ACTION_DIM + self.settings.time_dim]
        offsets = linear(self.time_network(parameters, self.sinusoids), time_weight, bias)

        def predict(actions: Tensor, offset: Tensor) -> Tensor:
            hidden = torch.baddbmm(offset, actions, action_weight)
            for name in others:
                hidden = linear(mish(hidden), parameters[f"{name}.weight"], parameters[f"{name}.bias"])
            return hidden

        return offsets, predict

    def noise_loss(
        self,
        actions: Tensor,
        draw: Mapping[str, Tensor],
        offsets: Tensor,
        predict: Callable[[Tensor, Tensor], Tensor],
    ) -> Tensor:
        """Squared error of the predicted noise, mean over batch and dimensions, ``[K]``."""
        noisy = self.diffusion.q_sample(actions, draw["step"], draw["noise"])
        predicted = predict(noisy, offsets[:, draw["step"][0]])
        return noise_loss(predicted, draw["noise"], "mean").mean(dim=1)

    def chain(
        self, offsets: Tensor, predict: Callable[[Tensor, Tensor], Tensor], noises: Sequence[Tensor]
    ) -> Tensor:
        """Actions of the reverse process, all N steps; gradient passes where a0 is not clipped."""
        step_offsets = [offset.unsqueeze(1) for offset in offsets.unbind(dim=1)]
        steps = [int(time) for time in self.sampler.times]
        return self.sampler(lambda actions, call: predict(actions, step_offsets[steps[call]]), noises)

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        s = self.settings
        inputs = [
            RandomInput("step", "integer", (s.batch_size,), high=self.diffusion_steps),
            RandomInput("noise", "normal", (s.batch_size, ACTION_DIM)),
        ]
        if self.eta is not None:
            shape = (self.sampler.num_noises, s.policy_batch, ACTION_DIM)
            inputs.append(RandomInput("chain_noise", "normal", shape))
            inputs.append(RandomInput("coin", "bernoulli", ()))
        return inputs

    def update(self, shared: Shared, draw: Mapping[str, Tensor]) -> None:
        """One step of the policy."""
        offsets, predict = self.predictor(self.group.parameters)
        loss = self.noise_loss(shared.actions, draw, offsets, predict)
        interval = self.settings.q_interval
        if self.eta is not None and self.num_updates % interval == 0:
            actions = self.chain(offsets, predict, draw["chain_noise"].unbind(dim=1))
            values = shared.critic.of_policy(actions)
            loss = loss + normalised_q_loss(values, draw["coin"], interval * self.eta)
        self.num_updates += 1
        self.group.backward(loss.sum())
        self.optimiser.step()

    @torch.no_grad()
    def sample(self, shared: Shared, count: int, streams: SeedStreams) -> Tensor:
        """Actions ``[1, count, 2]`` of the trained policy."""
        offsets, predict = self.predictor(self.group.frozen)
        noises = streams.normal(self.sampler.num_noises, count, ACTION_DIM)
        return self.chain(offsets, predict, noises.unbind(dim=1))


# Name of a policy in the tables, and N.
PolicyKey = tuple[str, int]


def policy_keys(settings: Settings) -> list[PolicyKey]:
    """Every trained policy, in the order of the figure: first row, second row; N from small to large."""
    first = ["bc_mle", "bc_cvae", "bc_mmd"]
    second = ["td3_bc", "bcq", "bcq_described", "bear_mmd"]
    return [
        *((name, 0) for name in first),
        *(("bc_diffusion", steps) for steps in settings.diffusion_steps),
        *((name, 0) for name in second),
        *(("diffusion_ql", steps) for steps in settings.diffusion_steps),
    ]


def build_policy(settings: Settings, key: PolicyKey) -> Policy:
    """The untrained policy of a key of `policy_keys`."""
    name, diffusion_steps = key
    builders: dict[str, Callable[[], Policy]] = {
        "bc_mle": lambda: GaussianPolicy(settings, name, None),
        "bc_cvae": lambda: CVAEPolicy(settings, name),
        "bc_mmd": lambda: MMDPolicy(settings, name, None),
        "bc_diffusion": lambda: DiffusionPolicy(settings, name, diffusion_steps, None),
        "td3_bc": lambda: GaussianPolicy(settings, name, settings.eta),
        "bcq": lambda: CVAEPolicy(settings, name),
        "bcq_described": lambda: BCQ(settings, name),
        "bear_mmd": lambda: MMDPolicy(settings, name, settings.bear_eta),
        "diffusion_ql": lambda: DiffusionPolicy(settings, name, diffusion_steps, settings.eta),
    }
    return builders[name]()
