"""Conservative Q-learning (Kumar et al. 2020, arXiv 2006.04779), the variant CQL(H) on top of SAC.

The critics' loss is SAC's plus w (logsumexp_a Q(s, a) - Q(s, a_data)), the logsumexp estimated from uniform
actions and from actions of the policy at s and at s'. Released code: aviralkumar2907/CQL@d67dbe9,
d4rl/rlkit/torch/sac/cql.py ("authors" below), and the re-implementations young-geng/JaxCQL@bac4299,
JaxCQL/conservative_sac.py, and corl-team/CORL@eeeeef2, algorithms/offline/cql.py ("CORL"), which
`update_order: corl` follows.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import torch
from torch import Tensor

from algos.base import Method, MethodSpec, Sampling, check_at_least, check_choice
from algos.seed_parallel.adam import Adam
from algos.seed_parallel.batches import Batch, TrainingData
from algos.seed_parallel.critics import CriticSpec, TwinCritic
from algos.seed_parallel.parameters import ParameterGroup
from algos.seed_parallel.random_streams import RandomInput, SeedStreams
from algos.seed_parallel.tanh_gaussian import TanhGaussianActor, TanhGaussianSpec

# Initial weights of the critics' last layer and of the actor's hidden and last layers, by `initialiser`.
LAST_LAYERS = {
    "orthogonal": ("orthogonal_0.01", ("torch_default", "xavier_uniform_0.01")),  # CORL
    "torch_default": ("xavier_uniform_0.01", ("torch_default", "xavier_uniform_0.01")),
    "lecun_normal": ("fan_in_uniform_0.01", ("lecun_normal", "fan_in_uniform_0.01")),  # JaxCQL
    "fan_out_bias_0.1": ("uniform_0.003", ("fan_out_bias_0.1", "uniform_0.001")),  # authors
}
LARGEST_LAGRANGE_WEIGHT = 1e6


class CQL(Method):
    """CQL(H) with every difference between the authors' code and CORL as a hyperparameter."""

    name = "cql"
    format_version = 1
    # lagrange_loss is 0 without the Lagrange form.
    LOSSES = ("actor_loss", "temperature_loss", "critic_loss", "conservative_loss", "lagrange_loss")
    COMPILED = ("actor_loss", "critic_target", "critic_terms")
    HYPERPARAMETERS = {
        "batch_size": "transitions per update",
        "discount": "gamma",
        "target_rate": "step of the target critics towards the critics, per update",
        "conservative_weight": "w, weight of the conservative term",
        "sampled_actions": "actions of each of the three kinds in the conservative term",
        "lagrange_threshold": "tau of the Lagrange form; null for a fixed weight",
        "lagrange_start": "log of the Lagrange form's learnt weight at the start",
        "difference_min": "lower clip of the conservative term per transition; null for none",
        "max_q_backup": "whether the critic's target takes the best of several next actions",
        "max_q_backup_actions": "next actions of the max-Q backup",
        "warm_up_updates": "updates in which the actor clones the data",
        "actor_learning_rate": "Adam's rate, actor and temperature",
        "critic_learning_rate": "Adam's rate, both Q and the Lagrange weight",
        "hidden_sizes": "widths of the hidden layers of the actor",
        "critic_hidden_sizes": "widths of the hidden layers of the critics",
        "initialiser": "orthogonal (CORL; critics alone), fan_out_bias_0.1 (authors), lecun_normal (JaxCQL) "
        "or torch_default",
        "learnt_log_std_scale": "whether the log-std has a learnt scale and shift (CORL, JaxCQL)",
        "mean_limit": "clip of the policy's mean before the tanh (authors); null for none",
        "log_std_min": "lower clip of the policy's log standard deviation",
        "log_std_max": "upper clip of the policy's log standard deviation",
        "update_order": "paper (authors): temperature, losses, critics, actor; corl: all losses from the "
        "same parameters",
    }

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h = self.hyperparameters
        check_choice("update_order", h["update_order"], ("paper", "corl"))
        check_choice("initialiser", h["initialiser"], tuple(LAST_LAYERS))
        check_at_least("sampled_actions", h["sampled_actions"], 1)
        if h["max_q_backup"]:
            check_at_least("max_q_backup_actions", h["max_q_backup_actions"], 1)
        streams = SeedStreams(self.seeds, "initialise")
        last, actor_initialisers = LAST_LAYERS[h["initialiser"]]
        actor = TanhGaussianSpec(
            h["hidden_sizes"],
            (h["log_std_min"], h["log_std_max"]),
            actor_initialisers,
            h["learnt_log_std_scale"],
            h["mean_limit"],
        )
        self.actor = TanhGaussianActor(self.problem, actor, streams, self.device)
        critic = CriticSpec(h["critic_hidden_sizes"], initialiser=h["initialiser"], last_initialiser=last)
        self.critic = TwinCritic(self.problem, critic, streams, self.device)
        self.temperature = ParameterGroup({"log_alpha": (1,)}, self.num_seeds, self.device)
        self.lagrange = ParameterGroup({"log_weight": (1,)}, self.num_seeds, self.device)
        self.lagrange.frozen["log_weight"].fill_(h["lagrange_start"])
        self.actor_optimiser = Adam(self.actor.group, h["actor_learning_rate"])
        self.temperature_optimiser = Adam(self.temperature, h["actor_learning_rate"])
        self.critic_optimiser = Adam(self.critic.group, h["critic_learning_rate"])
        self.lagrange_optimiser = Adam(self.lagrange, h["critic_learning_rate"])
        self.target_entropy = -float(self.problem.action_dim)

    # --- Losses, per seed [K] ---

    def actor_loss(self, batch: Batch, noise: Tensor, warm_up: bool) -> tuple[Tensor, Tensor]:
        """Mean of alpha log pi - min_j Q_j(s, a~), and mean log pi (authors 175-182, CORL 519-526).

        While warming up log pi of the data takes the place of Q (authors 184-191). In CORL `log_prob`
        takes new actions instead of the data's there; its files have no warm-up.
        """
        parameters = self.actor.group.parameters
        actions, log_density = self.actor.sample(parameters, batch.observations, noise)
        alpha = torch.exp(self.temperature.frozen["log_alpha"])
        if warm_up:
            gain = self.actor.log_density(parameters, batch.observations, batch.actions)
        else:
            inputs = torch.cat([batch.observations, actions], dim=-1)
            gain = self.critic(self.critic.group.frozen, inputs).amin(dim=1)
        return (alpha * log_density - gain).mean(dim=1), log_density.mean(dim=1).detach()

    def temperature_loss(self, mean_log_density: Tensor) -> Tensor:
        """-log alpha (mean log pi + target entropy), the target -dim(a) (authors 163, CORL 501-503)."""
        return -self.temperature["log_alpha"].squeeze(1) * (mean_log_density + self.target_entropy)

    @torch.no_grad()
    def critic_target(self, batch: Batch, noise: Tensor) -> Tensor:
        """The target r + gamma m min_j Q'_j(s', a'), a' ~ pi, without entropy, ``[K, B]`` (authors 203-227).

        With max-Q backup the authors take the best action per critic, then the minimum; CORL the minimum per
        action, then the best.
        """
        h = self.hyperparameters
        actions, _ = self.actor.sample(self.actor.group.frozen, batch.next_observations, noise)
        if noise.dim() == 3:
            actions = actions.unsqueeze(2)
        values = self._values_of_many(self.critic.target_group.frozen, batch.next_observations, actions)
        if h["update_order"] == "paper":
            best = values.amax(dim=3).amin(dim=1)
        else:
            best = values.amin(dim=1).amax(dim=2)
        discount: float = h["discount"]
        return batch.rewards + discount * batch.continues * best

    def critic_terms(self, batch: Batch, target: Tensor, draw: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Sum of both squared errors, and of both conservative terms before their weight.

        The conservative term is logsumexp over 3 n actions of Q - log density, minus Q of the data (authors
        229-268, min_q_version 3; CORL 590-672). Actions and densities carry no gradient; those of the next
        state are valued at this state.
        """
        parameters = self.critic.group.parameters
        predicted = self.critic(parameters, batch.state_actions)
        squared = (predicted - target.unsqueeze(1)).square().mean(dim=2).sum(dim=1)
        with torch.no_grad():
            frozen = self.actor.group.frozen
            now, log_now = self.actor.sample(frozen, batch.observations, draw["noise_now"])
            following, log_following = self.actor.sample(
                frozen, batch.next_observations, draw["noise_following"]
            )
            uniform = 2.0 * draw["uniform"] - 1.0
            log_uniform = torch.full_like(log_now, self.problem.action_dim * math.log(0.5))
            actions = torch.cat([uniform, following, now], dim=2)
            log_densities = torch.cat([log_uniform, log_following, log_now], dim=2)
        values = self._values_of_many(parameters, batch.observations, actions)
        soft_maximum = torch.logsumexp(values - log_densities.unsqueeze(1), dim=3)
        difference = soft_maximum - predicted
        if self.hyperparameters["difference_min"] is not None:
            difference = difference.clamp(min=self.hyperparameters["difference_min"])
        return squared, difference.mean(dim=2)

    def _values_of_many(
        self, parameters: Mapping[str, Tensor], observations: Tensor, actions: Tensor
    ) -> Tensor:
        """Both Q of n actions a state: ``[K, B, n, a]`` to ``[K, 2, B, n]``."""
        num_seeds, batch_size, count, _ = actions.shape
        repeated = observations.unsqueeze(2).expand(-1, -1, count, -1)
        inputs = torch.cat([repeated, actions], dim=-1).view(num_seeds, batch_size * count, -1)
        return self.critic(parameters, inputs).view(num_seeds, 2, batch_size, count)

    def conservative_loss(self, difference: Tensor, weight: Tensor) -> Tensor:
        """The weighted conservative terms of both critics, ``[K, 2]``.

        Args:
            difference: `critic_terms`, ``[K, 2]``.
            weight: of the Lagrange form, ``[K, 1]``; 1 without it.
        """
        h = self.hyperparameters
        w, threshold = h["conservative_weight"], h["lagrange_threshold"] or 0.0
        loss: Tensor
        if h["update_order"] == "paper":
            loss = weight * (w * difference - threshold)  # authors 263-273
        else:
            loss = weight * w * (difference - threshold)  # CORL 675-686
        return loss

    # --- Update ---

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        h = self.hyperparameters
        size, a, count = h["batch_size"], self.problem.action_dim, h["sampled_actions"]
        target = (size, h["max_q_backup_actions"], a) if h["max_q_backup"] else (size, a)
        return [
            RandomInput("index", "index", (size,)),
            RandomInput("noise", "normal", (size, a)),
            RandomInput("next_noise", "normal", target),
            RandomInput("uniform", "uniform", (size, count, a)),
            RandomInput("noise_now", "normal", (size, count, a)),
            RandomInput("noise_following", "normal", (size, count, a)),
        ]

    def update_variant(self, update: int) -> Hashable:
        """Whether the actor clones (CORL 519; the authors stop one update earlier, 184)."""
        warm_up: int = self.hyperparameters["warm_up_updates"]
        first = update + 1 if self.hyperparameters["update_order"] == "paper" else update
        return first < warm_up

    def update(self, data: TrainingData, draw: Mapping[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        """All gradients from the same networks, then the steps; the authors step alpha before it is used."""
        h = self.hyperparameters
        batch = data.batch(draw["index"])
        if h["update_order"] == "paper":
            with torch.no_grad():
                _, log_density = self.actor.sample(self.actor.group.frozen, batch.observations, draw["noise"])
            temperature_loss = self._step_temperature(log_density.mean(dim=1))
            actor_loss, _ = self.actor_loss(batch, draw["noise"], bool(variant))
        else:
            actor_loss, mean_log_density = self.actor_loss(batch, draw["noise"], bool(variant))
        self.actor.group.backward(actor_loss.sum())

        # --- Critics ---
        squared, difference = self.critic_terms(batch, self.critic_target(batch, draw["next_noise"]), draw)
        weight = torch.ones_like(difference[:, :1])
        lagrange_loss = torch.zeros_like(squared)
        if h["lagrange_threshold"] is not None:
            weight = torch.exp(self.lagrange["log_weight"]).clamp(max=LARGEST_LAGRANGE_WEIGHT)
            lagrange_loss = -0.5 * self.conservative_loss(difference.detach(), weight).sum(dim=1)
            self.lagrange.backward(lagrange_loss.sum())
        conservative_loss = self.conservative_loss(difference, weight.detach()).sum(dim=1)
        self.critic.group.backward((squared + conservative_loss).sum())

        # --- Steps ---
        if h["lagrange_threshold"] is not None:
            self.lagrange_optimiser.step()
        if h["update_order"] == "corl":
            temperature_loss = self._step_temperature(mean_log_density)
        self.critic_optimiser.step()
        self.actor_optimiser.step()
        self.critic.target_group.move_towards(self.critic.group, h["target_rate"])
        losses = (actor_loss, temperature_loss, squared, conservative_loss, lagrange_loss)
        return tuple(loss.detach() for loss in losses)

    def _step_temperature(self, mean_log_density: Tensor) -> Tensor:
        loss = self.temperature_loss(mean_log_density)
        self.temperature.backward(loss.sum())
        self.temperature_optimiser.step()
        return loss.detach()

    def groups(self) -> dict[str, Any]:
        """All that training changes."""
        return {
            "actor": self.actor.group,
            **self.critic.groups(),
            "temperature": self.temperature,
            "lagrange": self.lagrange,
            "actor_optimiser": self.actor_optimiser,
            "critic_optimiser": self.critic_optimiser,
            "temperature_optimiser": self.temperature_optimiser,
            "lagrange_optimiser": self.lagrange_optimiser,
        }

    # --- Acting ---

    def policy_groups(self) -> dict[str, Any]:
        """What acting needs, and the critics."""
        return {"actor": self.actor.group, "critic": self.critic.group}

    def act(self, observations: Tensor, sampling: Sampling, streams: SeedStreams) -> Tensor:
        """tanh of the mean."""
        return self.actor.mode(observations)
