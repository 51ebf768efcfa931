"""Behaviour cloning: the IQL actor with every weight 1, the baseline of all papers' tables.

`10% BC` is this on the transitions of the best trajectories (transform `top_fraction`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from torch import Tensor

from algos.base import Method, MethodSpec, Sampling, check_choice, cosine_decay
from algos.seed_parallel.actors import GaussianActor, GaussianSpec
from algos.seed_parallel.adam import Adam
from algos.seed_parallel.batches import Batch, TrainingData
from algos.seed_parallel.random_streams import RandomInput, SeedStreams


class BC(Method):
    """Maximum likelihood of the dataset's actions under a Gaussian policy."""

    name = "bc"
    format_version = 1
    LOSSES = ("actor_loss",)
    COMPILED = ("actor_loss",)
    HYPERPARAMETERS = {
        "batch_size": "transitions per update",
        "actor_learning_rate": "Adam's rate",
        "actor_decay": "cosine: to 0 over the run; none",
        "hidden_sizes": "widths of the hidden layers",
        "dropout": "after each hidden relu; null for none",
        "initialiser": "orthogonal or torch_default",
        "log_std_min": "lower clip of the policy's log standard deviation",
        "log_std_max": "upper clip of the policy's log standard deviation",
    }

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h, problem = self.hyperparameters, self.problem
        check_choice("actor_decay", h["actor_decay"], ("cosine", "none"))
        self.actor = GaussianActor(
            problem, GaussianSpec.from_hyperparameters(h), SeedStreams(self.seeds, "initialise"), self.device
        )
        self.actor_optimiser = Adam(self.actor.group, h["actor_learning_rate"])

    # --- Losses, per seed [K] ---

    def actor_loss(self, batch: Batch, draw: Mapping[str, Tensor]) -> Tensor:
        """Negative log-likelihood of the dataset's actions."""
        return -self.actor.log_density(batch.observations, batch.actions, draw).mean(dim=1)

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
        """One step of the actor."""
        loss = self.actor_loss(data.batch(draw["index"]), draw)
        self.actor.group.backward(loss.sum())
        self.actor_optimiser.step(draw["actor_learning_rate"])
        return (loss.detach(),)

    def groups(self) -> dict[str, Any]:
        """All that training changes."""
        return {**self.policy_groups(), "actor_optimiser": self.actor_optimiser}

    # --- Acting ---

    def policy_groups(self) -> dict[str, Any]:
        """What acting needs."""
        return {"actor": self.actor.group}

    def act(self, observations: Tensor, sampling: Sampling, streams: SeedStreams) -> Tensor:
        """The mean action."""
        return self.actor.mode(observations)
