"""ReBRAC (Tarasov et al. 2023, arXiv 2305.09836): TD3+BC with layer norm, deeper networks and two penalties.

The critic's target is lowered by the squared distance of the next action to the dataset's next action; the
actor's own penalty has its own weight. Released code: corl-team/CORL@eeeeef2, algorithms/offline/rebrac.py
("released" below).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from torch import Tensor

from algos.base import Method, MethodSpec, Sampling, check_at_least
from algos.seed_parallel.actors import TanhActor
from algos.seed_parallel.adam import Adam
from algos.seed_parallel.batches import Batch, TrainingData
from algos.seed_parallel.critics import CriticSpec, TwinCritic
from algos.seed_parallel.random_streams import RandomInput, SeedStreams


class ReBRAC(Method):
    """ReBRAC as released: the actor moves in the first of each two updates."""

    name = "rebrac"
    format_version = 1
    # The actor's loss is 0 where it is not trained, and as often more where it is, so that means over updates
    # are those of the updates that train it.
    LOSSES = ("critic_loss", "actor_loss")
    COMPILED = ("critic_target", "critic_loss", "actor_loss")
    NEEDS_NEXT_ACTIONS = True
    HYPERPARAMETERS = {
        "batch_size": "transitions per update",
        "discount": "gamma",
        "actor_penalty": "beta_1, weight of the actor's squared distance to the data",
        "critic_penalty": "beta_2, weight of the next action's squared distance to the data's",
        "target_rate": "step of both targets towards their networks, per update of the actor",
        "policy_noise": "standard deviation of the noise on the next action",
        "noise_clip": "largest noise on the next action",
        "policy_frequency": "updates of the critic per update of the actor",
        "actor_learning_rate": "Adam's rate, actor",
        "critic_learning_rate": "Adam's rate, both Q",
        "hidden_sizes": "widths of the hidden layers of every network",
        "critic_layer_norm": "layer norm after each hidden activation of the critics",
        "initialiser": "of the hidden layers: fan_in_bias_0.1 (released)",
    }

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h = self.hyperparameters
        check_at_least("policy_frequency", h["policy_frequency"], 1)
        streams = SeedStreams(self.seeds, "initialise")
        initialisers = (h["initialiser"], "uniform_0.001")
        self.actor = TanhActor(self.problem, h["hidden_sizes"], initialisers, streams, self.device)
        critic = CriticSpec(
            h["hidden_sizes"],
            initialiser=h["initialiser"],
            last_initialiser="uniform_0.003",
            layer_norm=h["critic_layer_norm"],
        )
        self.critic = TwinCritic(self.problem, critic, streams, self.device)
        self.actor_optimiser = Adam(self.actor.group, h["actor_learning_rate"])
        self.critic_optimiser = Adam(self.critic.group, h["critic_learning_rate"])

    # --- Losses, per seed [K] ---

    @torch.no_grad()
    def critic_target(self, batch: Batch, noise: Tensor) -> Tensor:
        """The target r + gamma m (min_j Q'_j(s', a') - beta_2 |a' - a'_data|^2), ``[K, B]``.

        Released 492-508; the norm is a sum over dimensions.
        """
        h = self.hyperparameters
        assert batch.next_actions is not None
        next_actions = self.actor.smoothed_target(
            batch.next_observations, noise, h["policy_noise"], h["noise_clip"]
        )
        inputs = torch.cat([batch.next_observations, next_actions], dim=-1)
        values = self.critic(self.critic.target_group.frozen, inputs).amin(dim=1)
        penalty = (next_actions - batch.next_actions).square().sum(dim=-1)
        target: Tensor = batch.rewards + h["discount"] * batch.continues * (
            values - h["critic_penalty"] * penalty
        )
        return target

    def critic_loss(self, batch: Batch, target: Tensor) -> Tensor:
        """Sum of both critics' mean squared errors (released 510-515)."""
        values = self.critic(self.critic.group.parameters, batch.state_actions)
        return (values - target.unsqueeze(1)).square().mean(dim=2).sum(dim=1)

    def actor_loss(self, batch: Batch) -> Tensor:
        """Mean of beta_1 |pi - a|^2 - min_j Q_j / mean |min_j Q_j| (released 434-446).

        The norm is a sum over dimensions; no gradient through the divisor.
        """
        actions = self.actor(self.actor.group.parameters, batch.observations)
        inputs = torch.cat([batch.observations, actions], dim=-1)
        values = self.critic(self.critic.group.frozen, inputs).amin(dim=1)
        penalty = (actions - batch.actions).square().sum(dim=-1)
        scale = values.abs().mean(dim=1, keepdim=True).detach()
        loss: Tensor = self.hyperparameters["actor_penalty"] * penalty - values / scale
        return loss.mean(dim=1)

    # --- Update ---

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        batch_size = self.hyperparameters["batch_size"]
        return [
            RandomInput("index", "index", (batch_size,)),
            RandomInput("next_noise", "normal", (batch_size, self.problem.action_dim)),
        ]

    def update_variant(self, update: int) -> Hashable:
        """Whether the actor is trained and the targets move (released `i % policy_freq == 0`, from 0)."""
        frequency: int = self.hyperparameters["policy_frequency"]
        return update % frequency == 0

    def update(self, data: TrainingData, draw: Mapping[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        """Critic; in the actor's updates also actor, then the targets (released 526-560).

        The target actor moves towards the actor as it was before its step, the target critic towards the
        critic after its step (released 466-471).
        """
        h = self.hyperparameters
        batch = data.batch(draw["index"])
        critic_loss = self.critic_loss(batch, self.critic_target(batch, draw["next_noise"]))
        self.critic.group.backward(critic_loss.sum())
        self.critic_optimiser.step()
        if not variant:
            return critic_loss.detach(), torch.zeros_like(critic_loss)
        actor_loss = self.actor_loss(batch)
        self.actor.group.backward(actor_loss.sum())
        self.actor.target_group.move_towards(self.actor.group, h["target_rate"])
        self.actor_optimiser.step()
        self.critic.target_group.move_towards(self.critic.group, h["target_rate"])
        return critic_loss.detach(), h["policy_frequency"] * actor_loss.detach()

    def groups(self) -> dict[str, Any]:
        """All that training changes."""
        return {
            **self.actor.groups(),
            **self.critic.groups(),
            "actor_optimiser": self.actor_optimiser,
            "critic_optimiser": self.critic_optimiser,
        }

    # --- Acting ---

    def policy_groups(self) -> dict[str, Any]:
        """What acting needs, and the critic."""
        return {"actor": self.actor.group, "critic": self.critic.group}

    @torch.no_grad()
    def act(self, observations: Tensor, sampling: Sampling, streams: SeedStreams) -> Tensor:
        """The actor's action."""
        return self.actor(self.actor.group.frozen, observations).clamp(-1.0, 1.0)
