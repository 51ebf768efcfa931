"""Efficient diffusion policies (Kang et al. 2023, arXiv 2305.20081), the answer to the cost of N.

The actor's loss needs no reverse chain: the action that guides it is the clean action predicted from
the noised dataset action of the noise loss, so that an update costs the same for every N. Two heads:
TD3 (Diffusion-QL's Q term) and IQL (advantage-weighted likelihood); CRR is not built. Released code:
sail-sg/edp@b019648 ("released" below).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import torch
from torch import Tensor

from algos.base import MethodSpec, Sampling, check_at_least, check_choice
from algos.diffusion.noise_networks import NoiseMLP, Sinusoid
from algos.diffusion.policy import (
    DiffusionMethod,
    choose_best,
    choose_by_softmax,
    every,
    join_candidates,
    noise_loss_inputs,
)
from algos.diffusion.samplers import noise_loss
from algos.diffusion.schedule import SAMPLERS
from algos.iql import advantage_weights, check_expectile, expectile_loss
from algos.seed_parallel.adam import Adam
from algos.seed_parallel.batches import Batch, TrainingData
from algos.seed_parallel.critics import CriticSpec, TwinCritic
from algos.seed_parallel.networks import MLP
from algos.seed_parallel.parameters import ParameterGroup, initialise
from algos.seed_parallel.random_streams import RandomInput, SeedStreams

# --- Losses ---


def self_normalised_q_term(values: Tensor, alpha: float) -> Tensor:
    """-alpha mean Q / |mean |Q||, the critic by itself, no gradient through the normaliser (dql.py:322-333).

    Args:
        values: of the critic that the coin names, at the guiding actions, ``[K, B]``.
        alpha: weight of the term.

    Returns:
        ``[K]``.
    """
    return -alpha * values.mean(dim=1) / values.abs().mean(dim=1).detach()


def unit_gaussian_log_density(actions: Tensor, mean: Tensor) -> Tensor:
    """Log N(actions; mean, I), summed over the last axis (dql.py:186-190, `fixed_std`)."""
    return (-0.5 * (actions - mean).square() - 0.5 * math.log(2.0 * math.pi)).sum(dim=-1)


def clip_rows(group: ParameterGroup, max_norm: float) -> None:
    """Scale each network's gradient, copies of a seed apart, to a norm of at most `max_norm`.

    As optax's `clip_by_global_norm` in every network's own optimiser (dql.py:127-136).
    """
    norm = group.gradient.norm(dim=1, keepdim=True)
    group.gradient.mul_(torch.where(norm < max_norm, torch.ones_like(norm), max_norm / norm))


# --- The method ---


class EDP(DiffusionMethod):
    """EDP with the TD3 or the IQL head."""

    name = "edp"
    format_version = 1
    # value_loss is 0 with the TD3 head, which has no V.
    LOSSES = ("value_loss", "critic_loss", "actor_loss", "noise_loss", "guidance_term")
    COMPILED = (
        "target_minimum",
        "value_loss",
        "advantage",
        "noise_loss_and_start",
        "q_term",
        "weighted_likelihood",
        "next_value",
        "next_target_q",
        "critic_loss",
    )
    HYPERPARAMETERS = {
        "head": "td3 or iql",
        "batch_size": "transitions per update",
        "discount": "gamma",
        "alpha": "weight of the TD3 head's Q term",
        "guidance_weight": "weight of the guiding term",
        "max_q_backup": "whether the TD3 head's target takes the best of several next actions",
        "max_q_backup_actions": "next actions of the max-Q backup",
        "expectile": "tau of the IQL head's V, in [0.5, 1)",
        "beta": "inverse temperature of the IQL head's advantage weights",
        "advantage_clip": "largest advantage weight",
        "actor_learning_rate": "Adam's rate, actor",
        "critic_learning_rate": "Adam's rate, both critics",
        "value_learning_rate": "Adam's rate, V",
        "gradient_clip": "largest gradient norm, each network apart; null for no clip",
        "target_rate": "step of the targets towards their networks",
        "actor_target_start": "the target actor moves in updates (counted from 1) after this one",
        "actor_target_every": "updates between its moves",
        "sampler": "of next actions in training and of evaluation: ddpm, ddim, dpm_solver",
        "sampling_steps": "calls of the network per sampled action; null for all diffusion steps",
        "hidden_sizes": "widths of the hidden layers of every network",
        "time_embedding_size": "width of the time embedding",
        "initialiser": "lecun_normal (released)",
        **DiffusionMethod.POLICY_HYPERPARAMETERS,
        **DiffusionMethod.CANDIDATE_HYPERPARAMETERS,
    }
    EXTRACTIONS = ("softmax", "argmax")

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h, problem = self.hyperparameters, self.problem
        check_choice("head", h["head"], ("td3", "iql"))
        check_choice("sampler", h["sampler"], SAMPLERS)
        check_expectile(h["expectile"])
        if h["max_q_backup"]:
            check_at_least("max_q_backup_actions", h["max_q_backup_actions"], 1)
        streams = SeedStreams(self.seeds, "initialise")
        self.network = NoiseMLP(
            self.network_spec(),
            h["hidden_sizes"],
            Sinusoid(h["time_embedding_size"], form="edp"),
            h["initialiser"],
        )
        self.actor_group = self.network.new_group(streams)
        self.target_actor_group = self.actor_group.duplicate()
        critic = CriticSpec(h["hidden_sizes"], activation="mish", initialiser=h["initialiser"])
        self.critic = TwinCritic(problem, critic, streams, self.device)
        self.actor_optimiser = Adam(self.actor_group, h["actor_learning_rate"])
        self.critic_optimiser = Adam(self.critic.group, h["critic_learning_rate"])
        self.next_actions = h["max_q_backup_actions"] if h["max_q_backup"] else 1
        self.sampler = self.build_sampler(self.resolve_sampling(Sampling()))
        self.network.time_table(self.sampler.times)
        if h["head"] == "iql":
            self.value_network = MLP((problem.observation_dim, *h["hidden_sizes"], 1), "mish")
            self.value_group = ParameterGroup(self.value_network.shapes(), self.num_seeds, self.device)
            initialise(self.value_group, streams, h["initialiser"])
            self.value_optimiser = Adam(self.value_group, h["value_learning_rate"])

    # --- Losses, per seed [K] ---

    def noise_loss_and_start(self, batch: Batch, draw: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The noise loss ``[K]`` and clip(a0) ``[K, B, a]`` of the same prediction (dql.py:242-258)."""
        noisy = self.diffusion.q_sample(batch.actions, draw["step"], draw["noise"])
        predicted = self.network(self.actor_group.parameters, noisy, draw["step"], batch.observations)
        loss = noise_loss(predicted, draw["noise"], self.hyperparameters["noise_loss_reduction"]).mean(dim=1)
        return loss, self.diffusion.predict_start(noisy, draw["step"], predicted).clamp(-1.0, 1.0)

    def q_term(self, batch: Batch, start: Tensor, draw: Mapping[str, Tensor]) -> Tensor:
        """TD3 head: the Q of the predicted clean action, of the critic that the coin names."""
        values = self.critic.of_one(draw["coin"], torch.cat([batch.observations, start], dim=-1))
        return self_normalised_q_term(values, self.hyperparameters["alpha"])

    def weighted_likelihood(self, batch: Batch, start: Tensor, advantage: Tensor) -> Tensor:
        """IQL head: -mean[min(exp(beta u), clip) log N(a; clip(a0), I)] (dql.py:575-599)."""
        h = self.hyperparameters
        weights = advantage_weights(advantage, h["beta"], h["advantage_clip"])
        return -(weights * unit_gaussian_log_density(batch.actions, start)).mean(dim=1)

    def value(self, parameters: Mapping[str, Tensor], observations: Tensor) -> Tensor:
        """V(s), ``[K, B]``."""
        return self.value_network(parameters, observations).squeeze(-1)

    @torch.no_grad()
    def target_minimum(self, batch: Batch) -> Tensor:
        """IQL head: min over the target pair of Q(s, a), ``[K, B]``."""
        return self.critic(self.critic.target_group.frozen, batch.state_actions).amin(dim=1)

    @torch.no_grad()
    def advantage(self, batch: Batch, target_q: Tensor) -> Tensor:
        """IQL head: u = min target Q - V with V as it is now, ``[K, B]``."""
        return target_q - self.value(self.value_group.frozen, batch.observations)

    @torch.no_grad()
    def next_value(self, batch: Batch) -> Tensor:
        """IQL head: V(s') as it is now, ``[K, B]``."""
        return self.value(self.value_group.frozen, batch.next_observations)

    def value_loss(self, batch: Batch, target_q: Tensor) -> Tensor:
        """IQL head: expectile regression of V on the target critic."""
        value = self.value(self.value_group.parameters, batch.observations)
        return expectile_loss(target_q - value, self.hyperparameters["expectile"]).mean(dim=1)

    def critic_loss(self, batch: Batch, next_value: Tensor) -> Tensor:
        """Sum of both critics' mean squared errors towards r + gamma m V(s')."""
        target: Tensor = batch.rewards + self.hyperparameters["discount"] * batch.continues * next_value
        values = self.critic(self.critic.group.parameters, batch.state_actions)
        return (values - target.unsqueeze(1)).square().mean(dim=2).sum(dim=1)

    @torch.no_grad()
    def next_target_q(self, batch: Batch, draw: Mapping[str, Tensor]) -> Tensor:
        """TD3 head: min_j Q'_j(s', a'), a' of the target actor, ``[K, B]``; max-Q backup as Diffusion-QL."""
        predict = self.network.chain(
            self.target_actor_group.frozen, batch.next_observations, self.sampler.times, self.next_actions
        )
        next_actions = self.sampler(predict, draw["next_noise"].transpose(0, 1))
        num_seeds, batch_size = batch.rewards.shape
        candidates = next_actions.view(num_seeds, batch_size, self.next_actions, -1)
        values = self.critic(
            self.critic.target_group.frozen, join_candidates(batch.next_observations, candidates)
        )
        return values.view(num_seeds, 2, batch_size, self.next_actions).amax(dim=3).amin(dim=1)

    # --- Update ---

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        batch_size, a = self.hyperparameters["batch_size"], self.problem.action_dim
        inputs = [
            RandomInput("index", "index", (batch_size,)),
            *noise_loss_inputs(batch_size, self.diffusion_steps, a),
        ]
        if self.hyperparameters["head"] == "td3":
            noises = (self.sampler.num_noises, batch_size * self.next_actions, a)
            inputs += [RandomInput("coin", "bernoulli", ()), RandomInput("next_noise", "normal", noises)]
        return inputs

    def update_variant(self, update: int) -> Hashable:
        """Whether the target actor moves: every 5th update after 1,000, counted from 1 (dql.py, `train`)."""
        h = self.hyperparameters
        return every(update + 1, h["actor_target_every"], h["actor_target_start"] + 1)

    def update(self, data: TrainingData, draw: Mapping[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        """One update by the head's order, then the targets."""
        batch = data.batch(draw["index"])
        losses = (
            self._update_td3(batch, draw)
            if self.hyperparameters["head"] == "td3"
            else (self._update_iql(batch, draw))
        )
        if variant:
            self.target_actor_group.move_towards(self.actor_group, self.hyperparameters["target_rate"])
        self.critic.target_group.move_towards(self.critic.group, self.hyperparameters["target_rate"])
        return losses

    def _update_td3(self, batch: Batch, draw: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Released dql.py:300-360: both gradients from the same parameters, then both steps."""
        critic_loss = self.critic_loss(batch, self.next_target_q(batch, draw))
        self.critic.group.backward(critic_loss.sum())
        noise_loss, start = self.noise_loss_and_start(batch, draw)
        guidance_term = self.q_term(batch, start, draw)
        actor_loss = noise_loss + self.hyperparameters["guidance_weight"] * guidance_term
        self.actor_group.backward(actor_loss.sum())
        self._step(self.critic.group, self.critic_optimiser)
        self._step(self.actor_group, self.actor_optimiser)
        losses = (torch.zeros_like(critic_loss), critic_loss, actor_loss, noise_loss, guidance_term)
        return tuple(loss.detach() for loss in losses)

    def _update_iql(self, batch: Batch, draw: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Released dql.py:520-660: V, actor with the new V, Q with the new V."""
        target_q = self.target_minimum(batch)
        value_loss = self.value_loss(batch, target_q)
        self.value_group.backward(value_loss.sum())
        self._step(self.value_group, self.value_optimiser)

        noise_loss, start = self.noise_loss_and_start(batch, draw)
        guidance_term = self.weighted_likelihood(batch, start, self.advantage(batch, target_q))
        actor_loss = noise_loss + self.hyperparameters["guidance_weight"] * guidance_term
        self.actor_group.backward(actor_loss.sum())
        self._step(self.actor_group, self.actor_optimiser)

        critic_loss = self.critic_loss(batch, self.next_value(batch))
        self.critic.group.backward(critic_loss.sum())
        self._step(self.critic.group, self.critic_optimiser)
        losses = (value_loss, critic_loss, actor_loss, noise_loss, guidance_term)
        return tuple(loss.detach() for loss in losses)

    def _step(self, group: ParameterGroup, optimiser: Adam) -> None:
        if self.hyperparameters["gradient_clip"]:
            clip_rows(group, self.hyperparameters["gradient_clip"])
        optimiser.step()

    def groups(self) -> dict[str, Any]:
        """All that training changes."""
        groups = {
            "actor": self.actor_group,
            "target_actor": self.target_actor_group,
            **self.critic.groups(),
            "actor_optimiser": self.actor_optimiser,
            "critic_optimiser": self.critic_optimiser,
        }
        if self.hyperparameters["head"] == "iql":
            groups |= {"value": self.value_group, "value_optimiser": self.value_optimiser}
        return groups

    # --- Acting ---

    def policy_groups(self) -> dict[str, Any]:
        """What acting needs."""
        return {"actor": self.actor_group, "critic": self.critic.group}

    @torch.no_grad()
    def act(self, observations: Tensor, sampling: Sampling, streams: SeedStreams) -> Tensor:
        """One of many candidates, by softmax of the minimum *online* Q (trainer.py:119-133)."""
        resolved = self.resolve_sampling(sampling)
        actions = self.sample_candidates(
            self.network, self.actor_group.frozen, observations, resolved, streams
        )
        if actions.shape[2] == 1:
            return actions.squeeze(2)
        values = self.critic(self.critic.group.frozen, join_candidates(observations, actions))
        values = values.amin(dim=1).view(actions.shape[:3])
        if resolved.extraction == "argmax":
            return choose_best(actions, values)
        assert resolved.candidate_temperature is not None
        uniform = streams.uniform(actions.shape[1], 1)
        return choose_by_softmax(actions, values, resolved.candidate_temperature, uniform)
