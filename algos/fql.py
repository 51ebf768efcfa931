"""Flow Q-learning (Park et al. 2025, arXiv 2502.02538).

A flow-matching policy clones the dataset; a one-step policy is distilled from it and also climbs Q. Only the
one-step policy acts, and no gradient runs through the chain of Euler steps. Released code:
seohongpark/fql@719d044, agents/fql.py ("released" below).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from recheck.errors import MethodError
from torch import Tensor

from algos.base import Method, MethodSpec, Sampling, check_choice
from algos.seed_parallel.adam import Adam
from algos.seed_parallel.batches import Batch, TrainingData
from algos.seed_parallel.critics import CriticSpec, TwinCritic
from algos.seed_parallel.networks import MLP
from algos.seed_parallel.parameters import ParameterGroup, initialise
from algos.seed_parallel.random_streams import RandomInput, SeedStreams


class FQL(Method):
    """FQL as released; N, the number of diffusion steps in paths and tables, is its Euler steps."""

    name = "fql"
    format_version = 1
    LOSSES = ("critic_loss", "flow_loss", "distillation_loss", "q_term")
    COMPILED = ("critic_target", "critic_loss", "flow_loss", "flow_actions", "one_step_terms")
    HYPERPARAMETERS = {
        "batch_size": "transitions per update",
        "discount": "gamma",
        "distillation_weight": "alpha, weight of the distance of the one-step policy to the flow's actions",
        "target_aggregate": "of both target critics: mean or min",
        "target_rate": "step of the target critics towards the critics, per update",
        "learning_rate": "Adam's rate, of every network",
        "hidden_sizes": "widths of the hidden layers of every network",
        "critic_layer_norm": "layer norm after each hidden activation of the critics",
        "initialiser": "xavier_uniform (released: variance scaling, fan_avg, uniform)",
    }

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h, problem = self.hyperparameters, self.problem
        check_choice("target_aggregate", h["target_aggregate"], ("mean", "min"))
        if self.diffusion_steps < 1:
            raise MethodError(
                f"method fql has {self.diffusion_steps} Euler steps (diffusion_steps); allowed are integers "
                "from 1"
            )
        streams = SeedStreams(self.seeds, "initialise")
        d, a = problem.observation_dim, problem.action_dim
        self.flow_network = MLP((d + a + 1, *h["hidden_sizes"], a), "gelu")
        self.one_step_network = MLP((d + a, *h["hidden_sizes"], a), "gelu")
        self.flow_group = ParameterGroup(self.flow_network.shapes(), self.num_seeds, self.device)
        self.one_step_group = ParameterGroup(self.one_step_network.shapes(), self.num_seeds, self.device)
        initialise(self.flow_group, streams, h["initialiser"])
        initialise(self.one_step_group, streams, h["initialiser"])
        critic = CriticSpec(h["hidden_sizes"], "gelu", h["initialiser"], layer_norm=h["critic_layer_norm"])
        self.critic = TwinCritic(problem, critic, streams, self.device)
        # One Adam over all in the release: elementwise, so that three are the same.
        self.flow_optimiser = Adam(self.flow_group, h["learning_rate"])
        self.one_step_optimiser = Adam(self.one_step_group, h["learning_rate"])
        self.critic_optimiser = Adam(self.critic.group, h["learning_rate"])

    # --- Losses, per seed [K] ---

    def one_step(self, parameters: Mapping[str, Tensor], observations: Tensor, noise: Tensor) -> Tensor:
        """The one-step policy's actions ``[K, B, a]``, not clipped."""
        return self.one_step_network(parameters, torch.cat([observations, noise], dim=-1))

    @torch.no_grad()
    def critic_target(self, batch: Batch, noise: Tensor) -> Tensor:
        """The target r + gamma m Q'(s', a'), a' the one-step policy's, ``[K, B]`` (released 21-33)."""
        h = self.hyperparameters
        actions = self.one_step(self.one_step_group.frozen, batch.next_observations, noise).clamp(-1.0, 1.0)
        inputs = torch.cat([batch.next_observations, actions], dim=-1)
        values = self.critic(self.critic.target_group.frozen, inputs)
        value = values.amin(dim=1) if h["target_aggregate"] == "min" else values.mean(dim=1)
        discount: float = h["discount"]
        return batch.rewards + discount * batch.continues * value

    def critic_loss(self, batch: Batch, target: Tensor) -> Tensor:
        """Squared error, a mean over both critics and the batch (released 35-36)."""
        values = self.critic(self.critic.group.parameters, batch.state_actions)
        return (values - target.unsqueeze(1)).square().mean(dim=(1, 2))

    def flow_loss(self, batch: Batch, draw: Mapping[str, Tensor]) -> Tensor:
        """Squared error of the velocity a - z at (1 - t) z + t a, t uniform (released 50-58)."""
        noise, time = draw["flow_noise"], draw["time"]
        between = (1.0 - time) * noise + time * batch.actions
        inputs = torch.cat([batch.observations, between, time], dim=-1)
        velocity = self.flow_network(self.flow_group.parameters, inputs)
        return (velocity - (batch.actions - noise)).square().mean(dim=(1, 2))

    @torch.no_grad()
    def flow_actions(self, observations: Tensor, noise: Tensor) -> Tensor:
        """The flow's actions by N Euler steps from noise, clipped, ``[K, B, a]`` (released 150-166)."""
        actions = noise
        for step in range(self.diffusion_steps):
            time = torch.full_like(actions[..., :1], step / self.diffusion_steps)
            inputs = torch.cat([observations, actions, time], dim=-1)
            actions = actions + self.flow_network(self.flow_group.frozen, inputs) / self.diffusion_steps
        return actions.clamp(-1.0, 1.0)

    def one_step_terms(self, batch: Batch, noise: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Distance to the flow's actions of the same noise, and -mean Q (released 60-76).

        No gradient for the flow and the critics; Q is the mean of both, at the clipped action.
        """
        actions = self.one_step(self.one_step_group.parameters, batch.observations, noise)
        distance = (actions - target).square().mean(dim=(1, 2))
        inputs = torch.cat([batch.observations, actions.clamp(-1.0, 1.0)], dim=-1)
        values = self.critic(self.critic.group.frozen, inputs)
        return distance, -values.mean(dim=(1, 2))

    # --- Update ---

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        size, a = self.hyperparameters["batch_size"], self.problem.action_dim
        return [
            RandomInput("index", "index", (size,)),
            RandomInput("next_noise", "normal", (size, a)),
            RandomInput("flow_noise", "normal", (size, a)),
            RandomInput("time", "uniform", (size, 1)),
            RandomInput("noise", "normal", (size, a)),
        ]

    def update(self, data: TrainingData, draw: Mapping[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        """All gradients from the same parameters, then one step (released 93-130).

        The target critics move towards the critics as they were before the step: the released `target_update`
        reads the old network's parameters (released 108-115).
        """
        h = self.hyperparameters
        batch = data.batch(draw["index"])
        critic_loss = self.critic_loss(batch, self.critic_target(batch, draw["next_noise"]))
        self.critic.group.backward(critic_loss.sum())
        flow_loss = self.flow_loss(batch, draw)
        self.flow_group.backward(flow_loss.sum())
        target = self.flow_actions(batch.observations, draw["noise"])
        distance, q_term = self.one_step_terms(batch, draw["noise"], target)
        self.one_step_group.backward((h["distillation_weight"] * distance + q_term).sum())
        self.critic.target_group.move_towards(self.critic.group, h["target_rate"])
        for optimiser in (self.critic_optimiser, self.flow_optimiser, self.one_step_optimiser):
            optimiser.step()
        return tuple(loss.detach() for loss in (critic_loss, flow_loss, distance, q_term))

    def groups(self) -> dict[str, Any]:
        """All that training changes."""
        return {
            "one_step_actor": self.one_step_group,
            "flow": self.flow_group,
            **self.critic.groups(),
            "one_step_optimiser": self.one_step_optimiser,
            "flow_optimiser": self.flow_optimiser,
            "critic_optimiser": self.critic_optimiser,
        }

    # --- Acting ---

    def policy_groups(self) -> dict[str, Any]:
        """What acting needs, and the critics."""
        return {"one_step_actor": self.one_step_group, "critic": self.critic.group}

    @torch.no_grad()
    def act(self, observations: Tensor, sampling: Sampling, streams: SeedStreams) -> Tensor:
        """One action of the one-step policy, from noise (released 134-149)."""
        noise = streams.normal(observations.shape[1], self.problem.action_dim)
        return self.one_step(self.one_step_group.frozen, observations, noise).clamp(-1.0, 1.0)
