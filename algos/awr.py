"""Advantage-weighted regression (Peng et al. 2019, arXiv 1910.00177), offline.

Two supervised problems in turn: the value of a state is regressed on the data's returns, and the policy
on the data's actions, weighted by their standardised advantages. Released code ("released" below):
rail-berkeley/d4rl_evaluations@c93b9d2, awr, which is xbpeng/awr@831442f with D4RL's datasets as the
replay buffer.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from recheck.errors import MethodError
from torch import Tensor

from algos.base import Method, MethodSpec, Sampling
from algos.seed_parallel.actors import gaussian_log_density
from algos.seed_parallel.batches import Batch, Rows, TrainingData
from algos.seed_parallel.momentum import Momentum
from algos.seed_parallel.networks import MLP
from algos.seed_parallel.parameters import ParameterGroup, initialise
from algos.seed_parallel.random_streams import RandomInput, SeedStreams
from algos.seed_parallel.returns import ReturnData

# Added to the standard deviation of the advantages (released awr_agent.py:14, 403).
ADVANTAGE_EPSILON = 1e-5
# Rows whose values are computed at once: memory, not results.
ROWS_AT_ONCE = 65_536


class RowNumbers:
    """What one iteration keeps: each row's target and weight ``[K, n]``, and the last losses ``[K]``."""

    def __init__(self, num_seeds: int, num_rows: int, device: torch.device) -> None:
        self.targets = torch.zeros((num_seeds, num_rows), device=device)
        self.weights = torch.zeros((num_seeds, num_rows), device=device)
        self.critic_loss = torch.zeros(num_seeds, device=device)
        self.actor_loss = torch.zeros(num_seeds, device=device)

    def _tensors(self) -> dict[str, Tensor]:
        return dict(vars(self))

    def state(self) -> dict[str, Tensor]:
        """Copies, on the CPU."""
        return {name: tensor.cpu().clone() for name, tensor in self._tensors().items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from `state`."""
        for name, tensor in self._tensors().items():
            tensor.copy_(tensors[name])


class AWR(Method):
    """AWR with the dataset as its replay buffer: iterations of critic updates, then actor updates."""

    name = "awr"
    format_version = 1
    LOSSES = ("critic_loss", "actor_loss")
    COMPILED = ("critic_loss", "actor_loss")
    NEEDS_TRAJECTORIES = True
    COMPILES_WHOLE_UPDATE = False  # targets and weights of all rows are kept between updates
    HYPERPARAMETERS = {
        "batch_size": "transitions per update",
        "discount": "gamma, below 1: values are learned in units of 1 / (1 - gamma)",
        "td_lambda": "lambda of the returns; 1 for Monte Carlo",
        "advantage_temperature": "beta of the weights exp(A / beta), A standardised over all rows",
        "advantage_clip": "largest advantage weight",
        "action_std": "standard deviation of the policy, which is not learned",
        "bound_weight": "of the squared distance of the mean action beyond [-1, 1]",
        "critic_phase_updates": "updates of the critic in an iteration",
        "actor_phase_updates": "updates of the actor, which follow them",
        "actor_learning_rate": "rate, actor",
        "critic_learning_rate": "rate, V",
        "momentum": "of both",
        "hidden_sizes": "widths of the hidden layers of both networks",
        "initialiser": "xavier_uniform (released); the actor's last layer: uniform in +-0.01",
    }

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h, problem = self.hyperparameters, self.problem
        if not h["discount"] < 1.0:
            raise MethodError(
                f"hyperparameter discount is {h['discount']}; allowed for awr are values below 1"
            )
        streams = SeedStreams(self.seeds, "initialise")
        self.actor = MLP((problem.observation_dim, *h["hidden_sizes"], problem.action_dim), "relu")
        self.actor_group = ParameterGroup(self.actor.shapes(), self.num_seeds, self.device)
        initialise(self.actor_group, streams, h["initialiser"], self.actor.names[:-1])
        initialise(self.actor_group, streams, "uniform_0.01_bias_0", self.actor.names[-1:])
        self.critic = MLP((problem.observation_dim, *h["hidden_sizes"], 1), "relu")
        self.critic_group = ParameterGroup(self.critic.shapes(), self.num_seeds, self.device)
        initialise(self.critic_group, streams, h["initialiser"])
        self.actor_optimiser = Momentum(self.actor_group, h["actor_learning_rate"], h["momentum"])
        self.critic_optimiser = Momentum(self.critic_group, h["critic_learning_rate"], h["momentum"])
        self.rows = RowNumbers(self.num_seeds, problem.num_rows, self.device)
        self.value_scale = 1.0 / (1.0 - h["discount"])
        self.log_std = torch.tensor(math.log(h["action_std"]), device=self.device)

    # --- Data ---

    @classmethod
    def training_data(
        cls,
        hyperparameters: Mapping[str, Any],
        arrays: Rows,
        device: torch.device | str = "cpu",
        rows: np.ndarray | None = None,
    ) -> TrainingData:
        """Transitions with their trajectories; parts of them are refused before (`whole_trajectories`)."""
        return ReturnData(arrays, device)

    # --- Losses, per seed [K] ---

    def critic_loss(self, observations: Tensor, targets: Tensor) -> Tensor:
        """Half the mean squared error of V in units of 1 / (1 - gamma) (released awr_agent.py:161-163)."""
        values = self.critic(self.critic_group.parameters, observations).squeeze(-1)
        loss: Tensor = 0.5 * (targets / self.value_scale - values).square().mean(dim=1)
        return loss

    def actor_loss(self, batch: Batch, weights: Tensor) -> Tensor:
        """-mean[weight log pi(a | s)] + the penalty of means beyond [-1, 1].

        Released awr_agent.py:165-168, rl_agent.py:421-442.
        """
        mean = self.actor(self.actor_group.parameters, batch.observations)
        likelihood = weights * gaussian_log_density(batch.actions, mean, self.log_std)
        beyond = (mean - mean.clamp(-1.0, 1.0)).square().sum(dim=-1)
        weight: float = self.hyperparameters["bound_weight"]
        return -likelihood.mean(dim=1) + weight * 0.5 * beyond.mean(dim=1)

    # --- Returns and advantages of all rows ---

    @torch.no_grad()
    def values(self, observations: Tensor) -> Tensor:
        """V ``[K, n]`` of states ``[n, d]``."""
        parts = [
            self.critic(self.critic_group.frozen, part.expand(self.num_seeds, *part.shape)).squeeze(-1)
            for part in torch.split(observations, ROWS_AT_ONCE)
        ]
        values: Tensor = torch.cat(parts, dim=1) * self.value_scale
        return values

    @torch.no_grad()
    def returns(self, data: ReturnData) -> tuple[Tensor, Tensor]:
        """TD(lambda) returns and V of all rows, ``[K, n]`` each (released awr_agent.py:341-394)."""
        h = self.hyperparameters
        values = self.values(data.observations)
        end_values = self.values(data.end_observations) * data.end_continues
        return data.lambda_returns(values, end_values, h["discount"], h["td_lambda"]), values

    @torch.no_grad()
    def advantage_weights(self, data: ReturnData) -> Tensor:
        """min(exp(A / beta), clip), ``[K, n]``; A is standardised over all rows.

        Released awr_agent.py:396-415.
        """
        h = self.hyperparameters
        returns, values = self.returns(data)
        advantages = returns - values
        deviation, mean = torch.std_mean(advantages, dim=1, correction=0, keepdim=True)
        standardised = (advantages - mean) / (deviation + ADVANTAGE_EPSILON)
        return torch.exp(standardised / h["advantage_temperature"]).clamp(max=h["advantage_clip"])

    # --- Update ---

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        return [RandomInput("index", "index", (self.hyperparameters["batch_size"],))]

    def update_variant(self, update: int) -> Hashable:
        """Which network is trained, and whether its phase begins (released awr_agent.py:213-236)."""
        h = self.hyperparameters
        place = update % (h["critic_phase_updates"] + h["actor_phase_updates"])
        if place < h["critic_phase_updates"]:
            return "critic", place == 0
        return "actor", place == h["critic_phase_updates"]

    def update(self, data: TrainingData, draw: Mapping[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        """One step of the critic or of the actor; at a phase's beginning new targets or weights."""
        assert isinstance(data, ReturnData)
        rows, index, batch = self.rows, draw["index"], data.batch(draw["index"])
        if variant in (("critic", True), ("critic", False)):
            if variant == ("critic", True):
                rows.targets.copy_(self.returns(data)[0])
            loss = self.critic_loss(batch.observations, rows.targets.gather(1, index))
            self.critic_group.backward(loss.sum())
            self.critic_optimiser.step()
            rows.critic_loss.copy_(loss.detach())
        else:
            if variant == ("actor", True):
                rows.weights.copy_(self.advantage_weights(data))
            loss = self.actor_loss(batch, rows.weights.gather(1, index))
            self.actor_group.backward(loss.sum())
            self.actor_optimiser.step()
            rows.actor_loss.copy_(loss.detach())
        return rows.critic_loss.clone(), rows.actor_loss.clone()

    def groups(self) -> dict[str, Any]:
        """All that training changes."""
        return {
            **self.policy_groups(),
            "actor_optimiser": self.actor_optimiser,
            "critic_optimiser": self.critic_optimiser,
            "rows": self.rows,
        }

    # --- Acting ---

    def policy_groups(self) -> dict[str, Any]:
        """What acting needs, and the critic."""
        return {"actor": self.actor_group, "critic": self.critic_group}

    @torch.no_grad()
    def act(self, observations: Tensor, sampling: Sampling, streams: SeedStreams) -> Tensor:
        """The mean action, clipped."""
        return self.actor(self.actor_group.frozen, observations).clamp(-1.0, 1.0)
