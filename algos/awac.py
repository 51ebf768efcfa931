"""Advantage-weighted actor-critic (Nair et al. 2020, arXiv 2006.09359), offline.

A SAC-like critic bootstraps from the policy's own actions; the policy is extracted by advantage-weighted
regression, the value being the critic at one action of the policy. Released code: corl-team/CORL@eeeeef2,
algorithms/offline/awac.py ("CORL" below).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from recheck.errors import MethodError
from torch import Tensor

from algos.base import Method, MethodSpec, Sampling
from algos.seed_parallel.actors import GaussianActor, GaussianSpec
from algos.seed_parallel.adam import Adam
from algos.seed_parallel.batches import Batch, TrainingData
from algos.seed_parallel.critics import CriticSpec, TwinCritic
from algos.seed_parallel.random_streams import RandomInput, SeedStreams


class AWAC(Method):
    """AWAC as CORL has it: a Gaussian actor without squashing, one free log-std per dimension."""

    name = "awac"
    format_version = 1
    LOSSES = ("critic_loss", "actor_loss")
    COMPILED = ("critic_target", "critic_loss", "weights", "actor_loss")
    HYPERPARAMETERS = {
        "batch_size": "transitions per update",
        "discount": "gamma",
        "advantage_temperature": "lambda of the advantage weights exp(A / lambda)",
        "advantage_clip": "largest advantage weight",
        "target_rate": "step of the target critics towards the critics, per update",
        "actor_learning_rate": "Adam's rate, actor",
        "critic_learning_rate": "Adam's rate, both Q",
        "hidden_sizes": "widths of the hidden layers of every network",
        "initialiser": "torch_default (CORL)",
        "log_std_min": "lower clip of the policy's log standard deviation",
        "log_std_max": "upper clip of the policy's log standard deviation",
    }

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h = self.hyperparameters
        if not h["advantage_temperature"] > 0:
            raise MethodError(
                f"hyperparameter advantage_temperature is {h['advantage_temperature']}; allowed are numbers "
                "above 0"
            )
        streams = SeedStreams(self.seeds, "initialise")
        actor = GaussianSpec(
            h["hidden_sizes"], None, (h["log_std_min"], h["log_std_max"]), h["initialiser"], squashed=False
        )
        self.actor = GaussianActor(self.problem, actor, streams, self.device)
        critic = CriticSpec(h["hidden_sizes"], initialiser=h["initialiser"])
        self.critic = TwinCritic(self.problem, critic, streams, self.device)
        self.actor_optimiser = Adam(self.actor.group, h["actor_learning_rate"])
        self.critic_optimiser = Adam(self.critic.group, h["critic_learning_rate"])

    # --- Losses, per seed [K] ---

    @torch.no_grad()
    def critic_target(self, batch: Batch, noise: Tensor) -> Tensor:
        """The target r + gamma m min_j Q'_j(s', a'), a' ~ pi, ``[K, B]`` (CORL `_critic_loss`)."""
        actions = self.actor.sample(batch.next_observations, noise)
        inputs = torch.cat([batch.next_observations, actions], dim=-1)
        values = self.critic(self.critic.target_group.frozen, inputs).amin(dim=1)
        discount: float = self.hyperparameters["discount"]
        return batch.rewards + discount * batch.continues * values

    def critic_loss(self, batch: Batch, target: Tensor) -> Tensor:
        """Sum of both critics' mean squared errors."""
        values = self.critic(self.critic.group.parameters, batch.state_actions)
        return (values - target.unsqueeze(1)).square().mean(dim=2).sum(dim=1)

    @torch.no_grad()
    def weights(self, batch: Batch, noise: Tensor) -> Tensor:
        """min(exp(A / lambda), clip), A = min Q(s, a) - min Q(s, a~), a~ ~ pi, ``[K, B]``."""
        h = self.hyperparameters
        actions = self.actor.sample(batch.observations, noise)
        frozen = self.critic.group.frozen
        value = self.critic(frozen, torch.cat([batch.observations, actions], dim=-1)).amin(dim=1)
        advantage = self.critic(frozen, batch.state_actions).amin(dim=1) - value
        return torch.exp(advantage / h["advantage_temperature"]).clamp(max=h["advantage_clip"])

    def actor_loss(self, batch: Batch, weights: Tensor) -> Tensor:
        """-mean[weight log pi(a | s)]."""
        return -(weights * self.actor.log_density(batch.observations, batch.actions, {})).mean(dim=1)

    # --- Update ---

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        shape = (self.hyperparameters["batch_size"], self.problem.action_dim)
        return [
            RandomInput("index", "index", shape[:1]),
            RandomInput("next_noise", "normal", shape),
            RandomInput("noise", "normal", shape),
        ]

    def update(self, data: TrainingData, draw: Mapping[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        """Both critics, the actor with the new critics, the targets (CORL `update`)."""
        batch = data.batch(draw["index"])
        critic_loss = self.critic_loss(batch, self.critic_target(batch, draw["next_noise"]))
        self.critic.group.backward(critic_loss.sum())
        self.critic_optimiser.step()
        actor_loss = self.actor_loss(batch, self.weights(batch, draw["noise"]))
        self.actor.group.backward(actor_loss.sum())
        self.actor_optimiser.step()
        self.critic.target_group.move_towards(self.critic.group, self.hyperparameters["target_rate"])
        return critic_loss.detach(), actor_loss.detach()

    def groups(self) -> dict[str, Any]:
        """All that training changes."""
        return {
            "actor": self.actor.group,
            **self.critic.groups(),
            "actor_optimiser": self.actor_optimiser,
            "critic_optimiser": self.critic_optimiser,
        }

    # --- Acting ---

    def policy_groups(self) -> dict[str, Any]:
        """What acting needs, and the critics."""
        return {"actor": self.actor.group, "critic": self.critic.group}

    def act(self, observations: Tensor, sampling: Sampling, streams: SeedStreams) -> Tensor:
        """The mean action, clipped."""
        return self.actor.mode(observations)
