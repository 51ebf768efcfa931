"""Diffusion-QL (Wang et al. 2023, arXiv 2208.06193) and its ablation, diffusion BC.

The policy is a diffusion model trained on the noise loss plus eta times a normalised Q term, whose
gradient runs through the whole reverse chain. Released code:
Zhendong-Wang/Diffusion-Policies-for-Offline-RL@d871f5c ("released" below).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from torch import Tensor

from algos.base import MethodSpec, Sampling, check_at_least, check_choice
from algos.diffusion.noise_networks import NoiseMLP, Parameters, Sinusoid
from algos.diffusion.policy import (
    DiffusionMethod,
    choose_best,
    choose_by_softmax,
    epoch_decay,
    every,
    join_candidates,
    noise_loss_inputs,
)
from algos.diffusion.samplers import noise_loss
from algos.seed_parallel.adam import Adam
from algos.seed_parallel.batches import Batch, TrainingData
from algos.seed_parallel.critics import CriticSpec, TwinCritic
from algos.seed_parallel.random_streams import RandomInput, SeedStreams

# --- Losses ---


def normalised_q_term(values: Tensor, others: Tensor) -> Tensor:
    """-mean Q / mean |Q'|, no gradient through the normaliser (ql_diffusion.py:143-147).

    Args:
        values: of the critic that the coin names, at the policy's actions, ``[K, B]``.
        others: of the other critic.

    Returns:
        ``[K]``.
    """
    return -values.mean(dim=1) / others.abs().mean(dim=1).detach()


# --- Diffusion BC ---


class DiffusionBC(DiffusionMethod):
    """The noise loss alone, one sample per state, no clip, no decay, no average (agents/bc_diffusion.py)."""

    name = "diffusion_bc"
    format_version = 1
    LOSSES = ("noise_loss",)
    COMPILED = ("noise_loss",)
    HYPERPARAMETERS = {
        "batch_size": "transitions per update",
        "actor_learning_rate": "Adam's rate",
        "hidden_sizes": "widths of the hidden layers",
        "time_embedding_size": "width of the time embedding",
        "initialiser": "torch_default (released)",
        **DiffusionMethod.POLICY_HYPERPARAMETERS,
    }

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h = self.hyperparameters
        self.network = NoiseMLP(
            self.network_spec(),
            h["hidden_sizes"],
            Sinusoid(h["time_embedding_size"]),
            h["initialiser"],
        )
        self.actor_group = self.network.new_group(SeedStreams(self.seeds, "initialise"))
        self.actor_optimiser = Adam(self.actor_group, h["actor_learning_rate"])

    # --- Losses, per seed [K] ---

    def noise_loss(self, batch: Batch, draw: Mapping[str, Tensor]) -> Tensor:
        """Squared error of the noise predicted in a noised dataset action (eq. 2)."""
        noisy = self.diffusion.q_sample(batch.actions, draw["step"], draw["noise"])
        predicted = self.network(self.actor_group.parameters, noisy, draw["step"], batch.observations)
        return noise_loss(predicted, draw["noise"], self.hyperparameters["noise_loss_reduction"]).mean(dim=1)

    # --- Update ---

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        batch_size = self.hyperparameters["batch_size"]
        return [
            RandomInput("index", "index", (batch_size,)),
            *noise_loss_inputs(batch_size, self.diffusion_steps, self.problem.action_dim),
        ]

    def update(self, data: TrainingData, draw: Mapping[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        """One step of the actor."""
        loss = self.noise_loss(data.batch(draw["index"]), draw)
        self.actor_group.backward(loss.sum())
        self.actor_optimiser.step()
        return (loss.detach(),)

    def groups(self) -> dict[str, Any]:
        """All that training changes."""
        return {**self.policy_groups(), "actor_optimiser": self.actor_optimiser}

    # --- Acting ---

    def policy_groups(self) -> dict[str, Any]:
        """What acting needs."""
        return {"actor": self.actor_group}

    def act(self, observations: Tensor, sampling: Sampling, streams: SeedStreams) -> Tensor:
        """One sampled action per state."""
        resolved = self.resolve_sampling(sampling)
        frozen = self.actor_group.frozen
        return self.sample_candidates(self.network, frozen, observations, resolved, streams).squeeze(2)


# --- Diffusion-QL ---


class DiffusionQL(DiffusionMethod):
    """Diffusion-QL with every difference between paper and release as a hyperparameter."""

    name = "diffusion_ql"
    format_version = 1
    LOSSES = ("critic_loss", "actor_loss", "noise_loss", "q_term")
    COMPILED = ("critic_loss_of_batch", "actor_terms")
    HYPERPARAMETERS = {
        "batch_size": "transitions per update",
        "discount": "gamma",
        "eta": "weight of the Q term",
        "max_q_backup": "whether the critic's target takes the best of several next actions",
        "max_q_backup_actions": "next actions of the max-Q backup",
        "actor_learning_rate": "Adam's rate, actor",
        "critic_learning_rate": "Adam's rate, both critics",
        "lr_decay": "of both rates: released (99.9% left at the end), described (to 0), none",
        "epoch_updates": "updates per epoch, within which the rates are constant",
        "released_decay_epochs": "epochs per cosine step of the released decay",
        "gradient_clip": "largest gradient norm, both critics jointly, the actor apart; null for no clip",
        "target_rate": "step of the target critic towards the critic, per update",
        "ema_decay": "of the average actor, whose actions are the critic's next actions",
        "ema_start": "first update (0-based) in which the average actor moves",
        "ema_every": "updates between its moves",
        "hidden_sizes": "widths of the hidden layers of every network",
        "time_embedding_size": "width of the time embedding",
        "initialiser": "torch_default (released)",
        "evaluation_actor": "online (released) or ema",
        "offline_top_k": "rank of the noise loss that the offline selection takes, 0 for the least; training "
        "does not look at it",
        **DiffusionMethod.POLICY_HYPERPARAMETERS,
        **DiffusionMethod.CANDIDATE_HYPERPARAMETERS,
    }
    EXTRACTIONS = ("softmax", "argmax")

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h, problem = self.hyperparameters, self.problem
        check_choice("lr_decay", h["lr_decay"], ("released", "described", "none"))
        check_choice("evaluation_actor", h["evaluation_actor"], ("online", "ema"))
        if h["max_q_backup"]:
            check_at_least("max_q_backup_actions", h["max_q_backup_actions"], 1)
        streams = SeedStreams(self.seeds, "initialise")
        self.network = NoiseMLP(
            self.network_spec(),
            h["hidden_sizes"],
            Sinusoid(h["time_embedding_size"]),
            h["initialiser"],
        )
        self.actor_group = self.network.new_group(streams)
        self.average_group = self.actor_group.duplicate()
        # Hidden Mish layers (ql_diffusion.py:17-46).
        critic = CriticSpec(h["hidden_sizes"], activation="mish", initialiser=h["initialiser"])
        self.critic = TwinCritic(problem, critic, streams, self.device)
        self.actor_optimiser = Adam(self.actor_group, h["actor_learning_rate"])
        self.critic_optimiser = Adam(self.critic.group, h["critic_learning_rate"])
        self.sampler = self.diffusion.sampler("ddpm", ddpm_form=h["ddpm_form"])
        self.network.time_table(self.sampler.times)
        self.next_actions = h["max_q_backup_actions"] if h["max_q_backup"] else 1

    # --- Losses, per seed [K] ---

    def sample(
        self, parameters: Parameters, observations: Tensor, noises: Tensor, repeats: int = 1
    ) -> Tensor:
        """Actions of the full reverse chain, ``[K, B * repeats, a]``, with gradient where `parameters` have.

        Args:
            parameters: of the noise network.
            observations: ``[K, B, d]``.
            noises: ``[K, N, B * repeats, a]``.
            repeats: actions per state.
        """
        predict = self.network.chain(parameters, observations, self.sampler.times, repeats)
        return self.sampler(predict, noises.transpose(0, 1))

    @torch.no_grad()
    def critic_target(self, batch: Batch, draw: Mapping[str, Tensor]) -> Tensor:
        """The target y = r + gamma m min_j Q'_j(s', a'), a' of the average actor, ``[K, B]`` (eq. 4).

        With max-Q backup the maximum over several a' is taken per critic, then the minimum.
        """
        next_actions = self.sample(
            self.average_group.frozen, batch.next_observations, draw["next_noise"], self.next_actions
        )
        num_seeds, batch_size = batch.rewards.shape
        candidates = next_actions.view(num_seeds, batch_size, self.next_actions, -1)
        inputs = join_candidates(batch.next_observations, candidates)
        values = self.critic(self.critic.target_group.frozen, inputs)
        values = values.view(num_seeds, 2, batch_size, self.next_actions).amax(dim=3)
        discount: float = self.hyperparameters["discount"]
        return batch.rewards + discount * batch.continues * values.amin(dim=1)

    def critic_loss(self, batch: Batch, target: Tensor) -> Tensor:
        """Sum of both critics' mean squared errors (eq. 4)."""
        values = self.critic(self.critic.group.parameters, batch.state_actions)
        return (values - target.unsqueeze(1)).square().mean(dim=2).sum(dim=1)

    def noise_loss(self, batch: Batch, draw: Mapping[str, Tensor]) -> Tensor:
        """Squared error of the noise predicted in a noised dataset action (eq. 2)."""
        noisy = self.diffusion.q_sample(batch.actions, draw["step"], draw["noise"])
        predicted = self.network(self.actor_group.parameters, noisy, draw["step"], batch.observations)
        return noise_loss(predicted, draw["noise"], self.hyperparameters["noise_loss_reduction"]).mean(dim=1)

    def q_term(self, batch: Batch, draw: Mapping[str, Tensor]) -> Tensor:
        """The normalised Q of new actions (eq. 3); the gradient runs through all N steps.

        The critic's weights get no gradient, its input does.
        """
        actions = self.sample(self.actor_group.parameters, batch.observations, draw["chain_noise"])
        inputs = torch.cat([batch.observations, actions], dim=-1)
        values = self.critic.of_one(draw["coin"], inputs)
        with torch.no_grad():
            others = self.critic.of_one(1.0 - draw["coin"], inputs)
        return normalised_q_term(values, others)

    # Each is one backward pass, and compiled as one program: every program costs a call of its own.

    def critic_loss_of_batch(self, batch: Batch, draw: Mapping[str, Tensor]) -> Tensor:
        """`critic_loss` against `critic_target`."""
        return self.critic_loss(batch, self.critic_target(batch, draw))

    def actor_terms(self, batch: Batch, draw: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """`noise_loss` and `q_term`."""
        return self.noise_loss(batch, draw), self.q_term(batch, draw)

    # --- Update ---

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        batch_size, a, n = self.hyperparameters["batch_size"], self.problem.action_dim, self.diffusion_steps
        return [
            RandomInput("index", "index", (batch_size,)),
            *noise_loss_inputs(batch_size, n, a),
            RandomInput("coin", "bernoulli", ()),
            RandomInput("next_noise", "normal", (self.sampler.num_noises, batch_size * self.next_actions, a)),
            RandomInput("chain_noise", "normal", (self.sampler.num_noises, batch_size, a)),
        ]

    def schedules(self, update: int) -> dict[str, float]:
        """The learning rates that change."""
        h = self.hyperparameters
        return {
            name: epoch_decay(
                h[name],
                h["lr_decay"],
                update,
                self.num_updates,
                h["epoch_updates"],
                h["released_decay_epochs"],
            )
            for name in ("actor_learning_rate", "critic_learning_rate")
        }

    def update_variant(self, update: int) -> Hashable:
        """Whether the average actor moves (ql_diffusion.py:100-103, 156-157)."""
        return every(update, self.hyperparameters["ema_every"], self.hyperparameters["ema_start"])

    def update(self, data: TrainingData, draw: Mapping[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        """Released ql_diffusion.py:110-164: critic, actor with the new critic, averages."""
        h = self.hyperparameters
        batch = data.batch(draw["index"])

        # --- Critic ---
        critic_loss = self.critic_loss_of_batch(batch, draw)
        self.critic.group.backward(critic_loss.sum())
        if h["gradient_clip"]:
            self.critic.group.clip_gradient(h["gradient_clip"])
        self.critic_optimiser.step(draw["critic_learning_rate"])

        # --- Actor ---
        noise_loss, q_term = self.actor_terms(batch, draw)
        actor_loss = noise_loss + h["eta"] * q_term
        self.actor_group.backward(actor_loss.sum())
        if h["gradient_clip"]:
            self.actor_group.clip_gradient(h["gradient_clip"])
        self.actor_optimiser.step(draw["actor_learning_rate"])

        # --- Averages ---
        if variant:
            self.average_group.move_towards(self.actor_group, 1.0 - h["ema_decay"])
        self.critic.target_group.move_towards(self.critic.group, h["target_rate"])
        return critic_loss.detach(), actor_loss.detach(), noise_loss.detach(), q_term.detach()

    def groups(self) -> dict[str, Any]:
        """All that training changes."""
        return {
            "actor": self.actor_group,
            "average_actor": self.average_group,
            **self.critic.groups(),
            "actor_optimiser": self.actor_optimiser,
            "critic_optimiser": self.critic_optimiser,
        }

    # --- Acting ---

    def policy_groups(self) -> dict[str, Any]:
        """What acting needs."""
        online = self.hyperparameters["evaluation_actor"] == "online"
        actor = self.actor_group if online else self.average_group
        return {"actor": actor, "target_critic": self.critic.target_group}

    @torch.no_grad()
    def act(self, observations: Tensor, sampling: Sampling, streams: SeedStreams) -> Tensor:
        """One of many candidates, by softmax of the minimum target Q (ql_diffusion.py:187-194)."""
        resolved = self.resolve_sampling(sampling)
        parameters = self.policy_groups()["actor"].frozen
        actions = self.sample_candidates(self.network, parameters, observations, resolved, streams)
        if actions.shape[2] == 1:
            return actions.squeeze(2)
        inputs = join_candidates(observations, actions)
        values = self.critic(self.critic.target_group.frozen, inputs).amin(dim=1).view(actions.shape[:3])
        if resolved.extraction == "argmax":
            return choose_best(actions, values)
        assert resolved.candidate_temperature is not None
        uniform = streams.uniform(actions.shape[1], 1)
        return choose_by_softmax(actions, values, resolved.candidate_temperature, uniform)
