"""Implicit Q-learning (Kostrikov et al. 2021, arXiv 2110.06169).

The value function is an expectile of the target critic over the dataset's actions, so that no
action outside the dataset is ever valued; the policy is extracted by advantage-weighted regression.
Released code: ikostrikov/implicit_q_learning@09d7002 ("released" below) and the re-implementation
corl-team/CORL@eeeeef2, which `update_order: corl` follows.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from recheck.errors import MethodError
from torch import Tensor

from algos.base import Method, MethodSpec, Sampling, check_choice, cosine_decay
from algos.seed_parallel.actors import GaussianActor, GaussianSpec
from algos.seed_parallel.adam import Adam
from algos.seed_parallel.batches import Batch, ProblemSpec, TrainingData
from algos.seed_parallel.networks import MLP
from algos.seed_parallel.parameters import ParameterGroup, initialise, repeat_copies
from algos.seed_parallel.random_streams import RandomInput, SeedStreams


def expectile_loss(difference: Tensor, expectile: float) -> Tensor:
    """Asymmetric squared error, elementwise: |expectile - 1(u <= 0)| u^2 (eq. 5).

    Args:
        difference: u = Q - V, any shape.
        expectile: weight where u is positive, in [0.5, 1) for a value function.
    """
    weight = torch.where(difference > 0, expectile, 1.0 - expectile)
    return weight * difference.square()


def advantage_weights(advantage: Tensor, beta: float, clip: float) -> Tensor:
    """min(exp(beta A), clip), elementwise (eq. 7; the clip is the released code's, actor.py:14-15)."""
    return torch.exp(beta * advantage).clamp(max=clip)


class ImplicitCritic:
    """V, a pair of Q and the target pair, as IQL and IDQL train them."""

    def __init__(
        self,
        problem: ProblemSpec,
        hidden_sizes: Sequence[int],
        initialiser: str,
        streams: SeedStreams,
        device: torch.device,
    ) -> None:
        d, a = problem.observation_dim, problem.action_dim
        self.value_network = MLP((d, *hidden_sizes, 1), "relu")
        self.critic_network = MLP((d + a, *hidden_sizes, 1), "relu")
        num_seeds = len(streams)
        self.value_group = ParameterGroup(self.value_network.shapes(), num_seeds, device)
        self.critic_group = ParameterGroup(self.critic_network.shapes(), num_seeds, device, copies=2)
        initialise(self.critic_group, streams, initialiser)
        initialise(self.value_group, streams, initialiser)
        self.target_group = self.critic_group.duplicate()

    def value(self, parameters: Mapping[str, Tensor], observations: Tensor) -> Tensor:
        """V(s), ``[K, B]``."""
        return self.value_network(parameters, observations).squeeze(-1)

    def critics(self, parameters: Mapping[str, Tensor], state_actions: Tensor) -> Tensor:
        """Both Q(s, a), ``[K, 2, B]``."""
        values = self.critic_network(parameters, repeat_copies(state_actions, 2)).squeeze(-1)
        return values.view(state_actions.shape[0], 2, -1)

    @torch.no_grad()
    def target_minimum(self, state_actions: Tensor) -> Tensor:
        """Minimum over the target pair of Q(s, a), ``[K, B]``."""
        return self.critics(self.target_group.frozen, state_actions).amin(dim=1)


class IQL(Method):
    """IQL with every difference between paper, release and CORL as a hyperparameter."""

    name = "iql"
    format_version = 1
    LOSSES = ("value_loss", "actor_loss", "critic_loss")
    EXTRACTIONS = ("awr",)
    COMPILED = ("target_minimum", "values_now", "value_loss", "actor_loss", "critic_loss")
    HYPERPARAMETERS = {
        "batch_size": "transitions per update",
        "discount": "gamma",
        "expectile": "tau of the value loss, in [0.5, 1)",
        "beta": "inverse temperature of the advantage weights",
        "advantage_clip": "largest advantage weight",
        "target_rate": "step of the target critic towards the critic, per update",
        "actor_learning_rate": "Adam's rate, actor",
        "critic_learning_rate": "Adam's rate, both Q",
        "value_learning_rate": "Adam's rate, V",
        "actor_decay": "cosine: to 0 over the run; none",
        "hidden_sizes": "widths of the hidden layers of every network",
        "dropout": "after each hidden relu of the actor; null for none",
        "initialiser": "orthogonal (released) or torch_default (CORL)",
        "log_std_min": "lower clip of the policy's log standard deviation",
        "log_std_max": "upper clip of the policy's log standard deviation",
        "update_order": "paper: V, actor, Q, target, each with the newest V; corl: V, Q, target, actor, all "
        "with V before its update",
        "critic_loss": "sum: of both squared errors; half_sum (CORL)",
    }

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h, problem = self.hyperparameters, self.problem
        check_expectile(h["expectile"])
        check_choice("update_order", h["update_order"], ("paper", "corl"))
        check_choice("critic_loss", h["critic_loss"], ("sum", "half_sum"))
        check_choice("actor_decay", h["actor_decay"], ("cosine", "none"))
        streams = SeedStreams(self.seeds, "initialise")
        self.actor = GaussianActor(problem, GaussianSpec.from_hyperparameters(h), streams, self.device)
        self.critic = ImplicitCritic(problem, h["hidden_sizes"], h["initialiser"], streams, self.device)
        self.actor_optimiser = Adam(self.actor.group, h["actor_learning_rate"])
        self.critic_optimiser = Adam(self.critic.critic_group, h["critic_learning_rate"])
        self.value_optimiser = Adam(self.critic.value_group, h["value_learning_rate"])

    # --- Losses, per seed [K] ---

    def target_minimum(self, batch: Batch) -> Tensor:
        """Minimum over the target pair of Q(s, a), ``[K, B]``."""
        return self.critic.target_minimum(batch.state_actions)

    @torch.no_grad()
    def values_now(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """V(s) and V(s') as V is now, each ``[K, B]``, in one pass."""
        observations = torch.cat([batch.observations, batch.next_observations], dim=1)
        value, next_value = self.critic.value(self.critic.value_group.frozen, observations).chunk(2, dim=1)
        return value, next_value

    def value_loss(self, batch: Batch, target_q: Tensor) -> Tensor:
        """Expectile regression of V on the target critic (eq. 5)."""
        value = self.critic.value(self.critic.value_group.parameters, batch.observations)
        return expectile_loss(target_q - value, self.hyperparameters["expectile"]).mean(dim=1)

    def actor_loss(self, batch: Batch, advantage: Tensor, draw: Mapping[str, Tensor]) -> Tensor:
        """Advantage-weighted regression (eq. 7)."""
        h = self.hyperparameters
        weights = advantage_weights(advantage, h["beta"], h["advantage_clip"])
        log_density = self.actor.log_density(batch.observations, batch.actions, draw)
        return -(weights * log_density).mean(dim=1)

    def critic_loss(self, batch: Batch, next_value: Tensor) -> Tensor:
        """Squared Bellman error of both Q towards r + gamma m V(s') (eq. 6)."""
        target: Tensor = batch.rewards + self.hyperparameters["discount"] * batch.continues * next_value
        values = self.critic.critics(self.critic.critic_group.parameters, batch.state_actions)
        loss: Tensor = (values - target.unsqueeze(1)).square().mean(dim=2).sum(dim=1)
        return loss * 0.5 if self.hyperparameters["critic_loss"] == "half_sum" else loss

    # --- Update ---

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        batch_size = self.hyperparameters["batch_size"]
        return [RandomInput("index", "index", (batch_size,)), *self.actor.random_inputs(batch_size)]

    def schedules(self, update: int) -> dict[str, float]:
        """The learning rates that change."""
        rate = self.hyperparameters["actor_learning_rate"]
        if self.hyperparameters["actor_decay"] == "cosine":
            rate = cosine_decay(rate, update, self.num_updates)
        return {"actor_learning_rate": rate}

    def update(self, data: TrainingData, draw: Mapping[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        """V, actor and Q in the order that `update_order` names."""
        batch = data.batch(draw["index"])
        target_q = self.target_minimum(batch)
        if self.hyperparameters["update_order"] == "paper":
            return self._update_paper(batch, target_q, draw)
        return self._update_corl(batch, target_q, draw)

    def _update_paper(self, batch: Batch, target_q: Tensor, draw: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Released learner.py:32-39: each step sees what the steps before it changed."""
        value_loss = self._step_value(batch, target_q)
        value, next_value = self.values_now(batch)  # the actor's step leaves V as it is
        actor_loss = self._step_actor(batch, target_q - value, draw)
        critic_loss = self._step_critic(batch, next_value)
        return value_loss, actor_loss, critic_loss

    def _update_corl(self, batch: Batch, target_q: Tensor, draw: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """CORL iql.py:428-511: y and u use V as it was before its update."""
        value, next_value = self.values_now(batch)
        value_loss = self._step_value(batch, target_q)
        critic_loss = self._step_critic(batch, next_value)
        actor_loss = self._step_actor(batch, target_q - value, draw)
        return value_loss, actor_loss, critic_loss

    def _step_value(self, batch: Batch, target_q: Tensor) -> Tensor:
        loss = self.value_loss(batch, target_q)
        self.critic.value_group.backward(loss.sum())
        self.value_optimiser.step()
        return loss.detach()

    def _step_actor(self, batch: Batch, advantage: Tensor, draw: Mapping[str, Tensor]) -> Tensor:
        loss = self.actor_loss(batch, advantage, draw)
        self.actor.group.backward(loss.sum())
        self.actor_optimiser.step(draw["actor_learning_rate"])
        return loss.detach()

    def _step_critic(self, batch: Batch, next_value: Tensor) -> Tensor:
        loss = self.critic_loss(batch, next_value)
        self.critic.critic_group.backward(loss.sum())
        self.critic_optimiser.step()
        self.critic.target_group.move_towards(self.critic.critic_group, self.hyperparameters["target_rate"])
        return loss.detach()

    def groups(self) -> dict[str, Any]:
        """All that training changes."""
        return {
            **self.policy_groups(),
            "value": self.critic.value_group,
            "critic": self.critic.critic_group,
            "actor_optimiser": self.actor_optimiser,
            "critic_optimiser": self.critic_optimiser,
            "value_optimiser": self.value_optimiser,
        }

    # --- Acting ---

    def check_sampling(self, sampling: Sampling) -> None:
        """The extraction is `awr`, the advantage-weighted actor: nothing is chosen among candidates."""
        if sampling.extraction not in (None, "awr"):
            raise MethodError(f"method iql extracts by 'awr' alone, not by {sampling.extraction!r}")
        super().check_sampling(replace(sampling, extraction=None))

    def policy_groups(self) -> dict[str, Any]:
        """What acting needs."""
        return {"actor": self.actor.group, "target_critic": self.critic.target_group}

    def act(self, observations: Tensor, sampling: Sampling, streams: SeedStreams) -> Tensor:
        """The mean action."""
        return self.actor.mode(observations)


def check_expectile(expectile: float) -> None:
    """0.5 is the one-step baseline, and CORL's value for hopper-medium-expert.

    Raises:
        MethodError: outside [0.5, 1).
    """
    if not 0.5 <= expectile < 1.0:
        raise MethodError(f"hyperparameter expectile is {expectile}; allowed are values in [0.5, 1)")
