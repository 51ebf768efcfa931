"""TD3+BC (Fujimoto & Gu 2021, arXiv 2106.06860).

TD3 whose actor also clones the dataset: the Q term is divided by the critic's mean absolute value, so that
one weight serves all tasks. Released code: sfujim/TD3_BC@8791ad7, TD3_BC.py ("released" below).
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


class TD3BC(Method):
    """TD3+BC as released: the actor and both targets move in every second update."""

    name = "td3_bc"
    format_version = 1
    # The actor's loss is 0 where it is not trained, and as often more where it is, so that means over updates
    # are those of the updates that train it.
    LOSSES = ("critic_loss", "actor_loss")
    COMPILED = ("critic_target", "critic_loss", "actor_loss")
    HYPERPARAMETERS = {
        "batch_size": "transitions per update",
        "discount": "gamma",
        "alpha": "weight of the normalised Q term",
        "target_rate": "step of both targets towards their networks, per update of the actor",
        "policy_noise": "standard deviation of the noise on the next action",
        "noise_clip": "largest noise on the next action",
        "policy_frequency": "updates of the critic per update of the actor",
        "actor_learning_rate": "Adam's rate, actor",
        "critic_learning_rate": "Adam's rate, both Q",
        "hidden_sizes": "widths of the hidden layers of every network",
        "initialiser": "torch_default (released)",
    }

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h = self.hyperparameters
        check_at_least("policy_frequency", h["policy_frequency"], 1)
        streams = SeedStreams(self.seeds, "initialise")
        initialisers = (h["initialiser"], h["initialiser"])
        self.actor = TanhActor(self.problem, h["hidden_sizes"], initialisers, streams, self.device)
        critic = CriticSpec(h["hidden_sizes"], initialiser=h["initialiser"])
        self.critic = TwinCritic(self.problem, critic, streams, self.device)
        self.actor_optimiser = Adam(self.actor.group, h["actor_learning_rate"])
        self.critic_optimiser = Adam(self.critic.group, h["critic_learning_rate"])

    # --- Losses, per seed [K] ---

    @torch.no_grad()
    def critic_target(self, batch: Batch, noise: Tensor) -> Tensor:
        """The target y = r + gamma m min_j Q'_j(s', a'), ``[K, B]`` (released 112-125)."""
        h = self.hyperparameters
        next_actions = self.actor.smoothed_target(
            batch.next_observations, noise, h["policy_noise"], h["noise_clip"]
        )
        inputs = torch.cat([batch.next_observations, next_actions], dim=-1)
        values = self.critic(self.critic.target_group.frozen, inputs).amin(dim=1)
        discount: float = h["discount"]
        return batch.rewards + discount * batch.continues * values

    def critic_loss(self, batch: Batch, target: Tensor) -> Tensor:
        """Sum of both critics' mean squared errors (released 128-131)."""
        values = self.critic(self.critic.group.parameters, batch.state_actions)
        return (values - target.unsqueeze(1)).square().mean(dim=2).sum(dim=1)

    def actor_loss(self, batch: Batch) -> Tensor:
        """-alpha mean Q_1 / mean |Q_1| + mean squared distance to the data (eq. 5; released 142-147).

        No gradient through the normaliser; the distance is a mean over batch and dimensions.
        """
        actions = self.actor(self.actor.group.parameters, batch.observations)
        values = self.critic.first(torch.cat([batch.observations, actions], dim=-1))
        weight: Tensor = self.hyperparameters["alpha"] / values.abs().mean(dim=1).detach()
        return -weight * values.mean(dim=1) + (actions - batch.actions).square().mean(dim=(1, 2))

    # --- Update ---

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        batch_size = self.hyperparameters["batch_size"]
        return [
            RandomInput("index", "index", (batch_size,)),
            RandomInput("next_noise", "normal", (batch_size, self.problem.action_dim)),
        ]

    def update_variant(self, update: int) -> Hashable:
        """Whether the actor is trained and the targets move (released 138; counted from 1)."""
        frequency: int = self.hyperparameters["policy_frequency"]
        return (update + 1) % frequency == 0

    def update(self, data: TrainingData, draw: Mapping[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        """Critic; in the actor's updates also actor, then both targets (released 105-158)."""
        h = self.hyperparameters
        batch = data.batch(draw["index"])
        critic_loss = self.critic_loss(batch, self.critic_target(batch, draw["next_noise"]))
        self.critic.group.backward(critic_loss.sum())
        self.critic_optimiser.step()
        if not variant:
            return critic_loss.detach(), torch.zeros_like(critic_loss)
        actor_loss = self.actor_loss(batch)
        self.actor.group.backward(actor_loss.sum())
        self.actor_optimiser.step()
        self.critic.target_group.move_towards(self.critic.group, h["target_rate"])
        self.actor.target_group.move_towards(self.actor.group, h["target_rate"])
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
        """The actor's action (released 94-96)."""
        return self.actor(self.actor.group.frozen, observations).clamp(-1.0, 1.0)
