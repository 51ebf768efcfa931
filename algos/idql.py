"""Implicit diffusion Q-learning (Hansen-Estruch et al. 2023, arXiv 2304.10573).

IQL's critic values the dataset's actions; a diffusion model clones the dataset, unweighted; the
critic chooses among its samples when acting. Released code: philippe-eecs/IDQL@7582571 ("released"
below). `IDQLWeighted` is the weighted behaviour cloning that circulates in notes, an ablation.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from recheck.errors import MethodError
from torch import Tensor

from algos.base import MethodSpec, Sampling, check_choice, cosine_decay
from algos.diffusion.noise_networks import FourierTime, NoiseResNet, ResidualBlocks, layer_norm
from algos.diffusion.policy import (
    DiffusionMethod,
    choose_best,
    choose_by_softmax,
    choose_by_weight,
    join_candidates,
    noise_loss_inputs,
)
from algos.diffusion.samplers import noise_loss
from algos.iql import ImplicitCritic, advantage_weights, expectile_loss
from algos.seed_parallel.adam import Adam
from algos.seed_parallel.batches import Batch, ProblemSpec, TrainingData
from algos.seed_parallel.parameters import ParameterGroup
from algos.seed_parallel.random_streams import RandomInput, SeedStreams

VALUE_LOSSES = ("expectile", "quantile", "exponential")

# --- Losses: f(u), u = Q - V ---


def quantile_loss(difference: Tensor, quantile: float) -> Tensor:
    """Pinball loss, elementwise: |quantile - 1(u < 0)| |u|."""
    weight = torch.where(difference > 0, quantile, 1.0 - quantile)
    return weight * difference.abs()


def exponential_loss(difference: Tensor, alpha: float, clip: float) -> Tensor:
    """Has the gradient of exp(alpha u) - alpha u, the exponential clipped; elementwise.

    The value is not that of the loss but that of the released surrogate, (min(exp(alpha u), clip) - 1)
    alpha u with no gradient through the exponential (ddpm_iql_learner.py:26-39; there without the
    factor alpha, which is 1 in the paper).

    Args:
        difference: u = Q - V, any shape.
        alpha: of the exponential.
        clip: largest exponential, 6.
    """
    exponential = torch.exp(alpha * difference).clamp(max=clip).detach()
    return alpha * (exponential - 1.0) * difference


# --- Extraction: weights of the implied policy ---


def implicit_weights(advantage: Tensor, value_loss: str, parameter: float, form: str = "paper") -> Tensor:
    """|f'(u)| / |u|, the weight of an action under the policy that V implies.

    Args:
        advantage: u = Q - V, any shape; candidates along the last axis.
        value_loss: name in `VALUE_LOSSES`.
        parameter: expectile, quantile or alpha.
        form: ``paper``; ``released``: the quantile's divided by u with its sign, the exponential's a
            constant (ddpm_iql_learner.py:391-403; it is drawn from unnormalised, which is uniform), and
            u = 0 weighs as a negative one.

    Returns:
        Weights along the last axis, finite at u = 0, largest 1 for ``paper``.
    """
    tiny = 1e-6
    if value_loss == "exponential":
        if form == "released":
            return torch.full_like(advantage, parameter**2)
        # alpha |exp(alpha u) - 1| / |u| in logarithms, which do not overflow; alpha^2 at u = 0.
        scaled = parameter * advantage
        size = scaled.abs().clamp(min=tiny)
        log_weights = scaled.clamp(min=0.0) + torch.log(-torch.expm1(-size)) - torch.log(size)
        return torch.exp(log_weights - log_weights.amax(dim=-1, keepdim=True))
    above = advantage > 0 if form == "released" else advantage >= 0
    weights = torch.where(above, parameter, 1.0 - parameter)
    if value_loss == "quantile":
        if form == "released":
            sign = torch.where(advantage < 0, -1.0, 1.0)
            return weights / (sign * advantage.abs().clamp(min=tiny))
        weights = weights / advantage.abs().clamp(min=tiny)
    return weights / weights.amax(dim=-1, keepdim=True)


# --- The critic ---


class NormedValueCritic(ImplicitCritic):
    """IQL's critic, on request with a layer norm on V's input (released mlp.py:34-35)."""

    def __init__(
        self,
        problem: ProblemSpec,
        hidden_sizes: Sequence[int],
        initialiser: str,
        value_layer_norm: bool,
        streams: SeedStreams,
        device: torch.device,
    ) -> None:
        super().__init__(problem, hidden_sizes, initialiser, streams, device)
        self.value_layer_norm = value_layer_norm
        if value_layer_norm:
            plain = self.value_group
            width = (problem.observation_dim,)
            shapes = {"norm.scale": width, "norm.shift": width, **plain.shapes}
            self.value_group = ParameterGroup(shapes, plain.num_seeds, device)
            ones, zeros = torch.ones(plain.num_seeds, *width), torch.zeros(plain.num_seeds, *width)
            self.value_group.load({**plain.frozen, "norm.scale": ones, "norm.shift": zeros})

    def value(self, parameters: Mapping[str, Tensor], observations: Tensor) -> Tensor:
        """V(s), ``[K, B]``."""
        if self.value_layer_norm:
            observations = layer_norm(observations, parameters["norm.scale"], parameters["norm.shift"])
        return super().value(parameters, observations)


# --- The method ---


class IDQL(DiffusionMethod):
    """IDQL with every difference between paper and release as a hyperparameter."""

    name = "idql"
    format_version = 1
    LOSSES = ("noise_loss", "value_loss", "critic_loss")
    COMPILED = ("noise_loss", "target_minimum", "value_loss", "next_value", "critic_loss")
    HYPERPARAMETERS = {
        "critic_batch_size": "transitions per update of V and Q",
        "actor_batch_size": "transitions per update of the actor",
        "actor_updates": "of the actor per update of the critics, each on a fresh batch",
        "shared_batch": "released: actor and critics learn from one batch; needs one actor update",
        "discount": "gamma",
        "value_loss": "expectile, quantile or exponential",
        "expectile": "tau of the expectile loss, in [0.5, 1)",
        "quantile": "tau of the quantile loss, in [0.5, 1)",
        "exponential_alpha": "alpha of the exponential loss, above 0",
        "exponential_clip": "largest exponential in its gradient",
        "critic_loss": "sum: of both Q's squared errors; half_sum: their mean (released)",
        "value_layer_norm": "released: layer norm on V's input",
        "target_rate": "step of the target critic towards the critic, per update",
        "actor_target_rate": "step of the target score network, which samples, per actor update",
        "actor_learning_rate": "rate of the actor",
        "critic_learning_rate": "Adam's rate, both Q",
        "value_learning_rate": "Adam's rate, V",
        "actor_decay": "cosine: to 0; none",
        "actor_decay_updates": "actor updates to the end of the cosine; null: those of the run",
        "optimiser": "of the actor: adam (paper) or adamw (released)",
        "weight_decay": "of adamw",
        "hidden_sizes": "widths of the hidden layers of V and Q",
        "initialiser": "of V and Q: xavier_uniform (released)",
        "actor_width": "width of the score network's residual stream",
        "actor_blocks": "residual blocks",
        "actor_layer_norm": "layer norm in each block",
        "dropout": "in each block, before its layer norm; null for none",
        "activation": "of the score network: swish or mish",
        "time_features": "Fourier features of the step, cosines and sines together",
        "time_hidden_sizes": "widths of the MLP on them",
        "implicit_weights": "formulas of the extraction implicit: paper or released",
        **DiffusionMethod.POLICY_HYPERPARAMETERS,
        **DiffusionMethod.CANDIDATE_HYPERPARAMETERS,
    }
    EXTRACTIONS = ("argmax", "softmax", "implicit")

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h, problem = self.hyperparameters, self.problem
        check_choice("value_loss", h["value_loss"], VALUE_LOSSES)
        check_choice("critic_loss", h["critic_loss"], ("sum", "half_sum"))
        check_choice("actor_decay", h["actor_decay"], ("cosine", "none"))
        check_choice("optimiser", h["optimiser"], ("adam", "adamw"))
        check_choice("activation", h["activation"], ("swish", "mish"))
        check_choice("implicit_weights", h["implicit_weights"], ("paper", "released"))
        check_value_parameters(h)
        if h["actor_updates"] < 1:
            raise MethodError(
                f"hyperparameter actor_updates is {h['actor_updates']}; allowed are integers from 1"
            )
        if h["shared_batch"] and (h["actor_updates"] != 1 or h["actor_batch_size"] != h["critic_batch_size"]):
            raise MethodError(
                "hyperparameter shared_batch is true; allowed with actor_updates 1 and equal "
                "actor_batch_size and critic_batch_size only"
            )
        streams = SeedStreams(self.seeds, "initialise")
        self.network = NoiseResNet(
            self.network_spec(),
            ResidualBlocks(
                h["actor_width"],
                h["actor_blocks"],
                h["dropout"],
                h["actor_layer_norm"],
                h["activation"],
            ),
            FourierTime(h["time_features"], h["time_hidden_sizes"]),
        )
        self.actor_group = self.network.new_group(streams)
        self.target_actor_group = self.actor_group.duplicate()
        self.critic = NormedValueCritic(
            problem, h["hidden_sizes"], h["initialiser"], h["value_layer_norm"], streams, self.device
        )
        weight_decay = h["weight_decay"] if h["optimiser"] == "adamw" else 0.0
        self.actor_optimiser = Adam(self.actor_group, h["actor_learning_rate"], weight_decay=weight_decay)
        self.critic_optimiser = Adam(self.critic.critic_group, h["critic_learning_rate"])
        self.value_optimiser = Adam(self.critic.value_group, h["value_learning_rate"])

    # --- Losses, per seed [K] ---

    def sample_weights(self, batch: Batch) -> Tensor | None:
        """Weights ``[K, B]`` of the noise loss; None for none."""
        return None

    def noise_loss(self, batch: Batch, draw: Mapping[str, Tensor]) -> Tensor:
        """Squared error of the noise predicted in a noised dataset action, unweighted.

        Args:
            batch: of the actor.
            draw: of one actor update, names without suffix.
        """
        noisy = self.diffusion.q_sample(batch.actions, draw["step"], draw["noise"])
        predicted = self.network(self.actor_group.parameters, noisy, draw["step"], batch.observations, draw)
        losses = noise_loss(predicted, draw["noise"], self.hyperparameters["noise_loss_reduction"])
        weights = self.sample_weights(batch)
        return losses.mean(dim=1) if weights is None else (weights * losses).mean(dim=1)

    @torch.no_grad()
    def target_minimum(self, batch: Batch) -> Tensor:
        """Minimum over the target pair of Q(s, a), ``[K, B]``."""
        return self.critic.target_minimum(batch.state_actions)

    @torch.no_grad()
    def next_value(self, batch: Batch) -> Tensor:
        """V(s') as it is now, ``[K, B]``."""
        return self.critic.value(self.critic.value_group.frozen, batch.next_observations)

    def value_loss(self, batch: Batch, target_q: Tensor) -> Tensor:
        """f(Q - V) with the target critic (expectile, quantile or exponential)."""
        h = self.hyperparameters
        value = self.critic.value(self.critic.value_group.parameters, batch.observations)
        difference = target_q - value
        if h["value_loss"] == "expectile":
            return expectile_loss(difference, h["expectile"]).mean(dim=1)
        if h["value_loss"] == "quantile":
            return quantile_loss(difference, h["quantile"]).mean(dim=1)
        return exponential_loss(difference, h["exponential_alpha"], h["exponential_clip"]).mean(dim=1)

    def critic_loss(self, batch: Batch, next_value: Tensor) -> Tensor:
        """Squared Bellman error of both Q towards r + gamma m V(s')."""
        target: Tensor = batch.rewards + self.hyperparameters["discount"] * batch.continues * next_value
        values = self.critic.critics(self.critic.critic_group.parameters, batch.state_actions)
        loss: Tensor = (values - target.unsqueeze(1)).square().mean(dim=2).sum(dim=1)
        return loss * 0.5 if self.hyperparameters["critic_loss"] == "half_sum" else loss

    # --- Update ---

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        h = self.hyperparameters
        inputs = [RandomInput("index", "index", (h["critic_batch_size"],))]
        for k in range(h["actor_updates"]):
            size = h["actor_batch_size"]
            if not h["shared_batch"]:
                inputs.append(RandomInput(f"index_actor{k}", "index", (size,)))
            inputs += noise_loss_inputs(size, self.diffusion_steps, self.problem.action_dim, f"_actor{k}")
            inputs += self.network.random_inputs(size, f"_actor{k}")
        return inputs

    def schedules(self, update: int) -> dict[str, float]:
        """The rate of each actor update; only the actor's decays."""
        h = self.hyperparameters
        horizon = h["actor_decay_updates"] or self.num_updates * h["actor_updates"]
        rates = {}
        for k in range(h["actor_updates"]):
            rate = h["actor_learning_rate"]
            if h["actor_decay"] == "cosine":
                rate = cosine_decay(rate, update * h["actor_updates"] + k, horizon)
            rates[f"learning_rate_actor{k}"] = rate
        return rates

    def update(self, data: TrainingData, draw: Mapping[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        """Actor, V, Q, targets (released ddpm_iql_simple_learner.py:306-311)."""
        h = self.hyperparameters
        critic = self.critic
        batch = data.batch(draw["index"])

        # --- Actor ---
        noise_losses = []
        for k in range(h["actor_updates"]):
            suffix = f"_actor{k}"
            own = {
                name.removesuffix(suffix): tensor for name, tensor in draw.items() if name.endswith(suffix)
            }
            actor_batch = batch if h["shared_batch"] else data.batch(own["index"])
            loss = self.noise_loss(actor_batch, own)
            self.actor_group.backward(loss.sum())
            self.actor_optimiser.step(own["learning_rate"])
            self.target_actor_group.move_towards(self.actor_group, h["actor_target_rate"])
            noise_losses.append(loss.detach())

        # --- V ---
        value_loss = self.value_loss(batch, self.target_minimum(batch))
        critic.value_group.backward(value_loss.sum())
        self.value_optimiser.step()

        # --- Q ---
        critic_loss = self.critic_loss(batch, self.next_value(batch))
        critic.critic_group.backward(critic_loss.sum())
        self.critic_optimiser.step()
        critic.target_group.move_towards(critic.critic_group, h["target_rate"])
        mean_noise_loss = torch.stack(noise_losses).mean(dim=0)
        return mean_noise_loss, value_loss.detach(), critic_loss.detach()

    def groups(self) -> dict[str, Any]:
        """All that training changes."""
        return {
            "actor": self.actor_group,
            "target_actor": self.target_actor_group,
            "value": self.critic.value_group,
            "critic": self.critic.critic_group,
            "target_critic": self.critic.target_group,
            "actor_optimiser": self.actor_optimiser,
            "critic_optimiser": self.critic_optimiser,
            "value_optimiser": self.value_optimiser,
        }

    # --- Acting ---

    def policy_groups(self) -> dict[str, Any]:
        """What acting needs."""
        return {
            "target_actor": self.target_actor_group,
            "target_critic": self.critic.target_group,
            "value": self.critic.value_group,
        }

    @torch.no_grad()
    def act(self, observations: Tensor, sampling: Sampling, streams: SeedStreams) -> Tensor:
        """Candidates of the target score network; one of them by `extraction`."""
        resolved = self.resolve_sampling(sampling)
        actions = self.sample_candidates(
            self.network, self.target_actor_group.frozen, observations, resolved, streams
        )
        if actions.shape[2] == 1:
            return actions.squeeze(2)
        values = self.critic.target_minimum(join_candidates(observations, actions)).view(actions.shape[:3])
        if resolved.extraction == "argmax":
            return choose_best(actions, values)
        uniform = streams.uniform(actions.shape[1], 1)
        if resolved.extraction == "softmax":
            assert resolved.candidate_temperature is not None
            return choose_by_softmax(actions, values, resolved.candidate_temperature, uniform)
        h = self.hyperparameters
        value = self.critic.value(self.critic.value_group.frozen, observations)
        parameter = {
            "expectile": h["expectile"],
            "quantile": h["quantile"],
            "exponential": h["exponential_alpha"],
        }[h["value_loss"]]
        weights = implicit_weights(
            values - value.unsqueeze(2), h["value_loss"], parameter, h["implicit_weights"]
        )
        return choose_by_weight(actions, weights, uniform)


class IDQLWeighted(IDQL):
    """Noise loss per sample times min(exp(beta u), clip), no gradient through it.

    The released `exp_adv` (ddpm_iql_learner.py:324-341), which no result of the paper uses.
    """

    name = "idql_weighted"
    format_version = 1
    HYPERPARAMETERS = {
        **IDQL.HYPERPARAMETERS,
        "beta": "inverse temperature of the advantage weights",
        "advantage_clip": "largest advantage weight",
    }

    @torch.no_grad()
    def sample_weights(self, batch: Batch) -> Tensor:
        """min(exp(beta (min target Q - V)), clip), ``[K, B]``."""
        h = self.hyperparameters
        target_q = self.critic.target_minimum(batch.state_actions)
        value = self.critic.value(self.critic.value_group.frozen, batch.observations)
        return advantage_weights(target_q - value, h["beta"], h["advantage_clip"])


def check_value_parameters(hyperparameters: Mapping[str, Any]) -> None:
    """0.5 is the one-step baseline.

    Raises:
        MethodError: expectile or quantile outside [0.5, 1), alpha not above 0.
    """
    for name in ("expectile", "quantile"):
        if not 0.5 <= hyperparameters[name] < 1.0:
            raise MethodError(
                f"hyperparameter {name} is {hyperparameters[name]}; allowed are values in [0.5, 1)"
            )
    if not hyperparameters["exponential_alpha"] > 0:
        raise MethodError(
            f"hyperparameter exponential_alpha is {hyperparameters['exponential_alpha']}; allowed are "
            "values above 0"
        )
