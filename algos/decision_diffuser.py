"""Decision Diffuser (Ajay et al. 2023, arXiv 2211.15657): plan states under a wished return, then act.

A diffusion model over windows of states, conditioned on the return from their first step on and guided
without a classifier; an inverse dynamics model gives the action between two states. At each step of an
episode a whole window is planned from the current state, and its first action taken. Released code:
anuragajay/decision-diffuser@01ce528, code/diffuser ("released" below), is the variant `release`;
CleanDiffuserTeam/CleanDiffuser@05f17fc, pipelines/dd_d4rl_mujoco.py, is the variant `cleandiffuser`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from recheck.errors import MethodError
from torch import Tensor

from algos.base import MethodSpec, Sampling, check_choice, cosine_decay
from algos.diffusion.continuous import ContinuousDiffusion
from algos.diffusion.policy import DiffusionMethod, every
from algos.diffusion.samplers import Sampler, noise_loss
from algos.diffusion.schedule import SAMPLERS, Diffusion
from algos.diffusion.temporal_unet import TemporalUNet
from algos.diffusion.trajectory_networks import Parameters, TrajectoryNetwork
from algos.diffusion.trajectory_transformer import TrajectoryTransformer, TransformerSize
from algos.seed_parallel.adam import Adam
from algos.seed_parallel.batches import Rows, TrainingData
from algos.seed_parallel.networks import MLP
from algos.seed_parallel.parameters import ParameterGroup, initialise
from algos.seed_parallel.random_streams import RandomInput, SeedStreams
from algos.seed_parallel.windows import WindowData, Windows, WindowSpec


class DecisionDiffuser(DiffusionMethod):
    """Decision Diffuser in the settings of its release and of CleanDiffuser."""

    name = "decision_diffuser"
    format_version = 1
    LOSSES = ("diffusion_loss", "inverse_loss")
    COMPILED = ("diffusion_loss", "inverse_loss")
    NEEDS_TRAJECTORIES = True
    HYPERPARAMETERS = {
        **DiffusionMethod.POLICY_HYPERPARAMETERS,
        "diffusion_time": "discrete (N steps of the schedule) or continuous (N steps of a plan alone)",
        "sampler": "of plans; in continuous time ddim",
        "clip_plans": "whether a plan's clean states are kept in [-1, 1]",
        "sampling_noise_scale": "factor on all noise of a plan, the initial one included (low temperature)",
        "batch_size": "windows per update",
        "horizon": "steps of a window",
        "longest_trajectory": "steps; no window reaches beyond",
        "last_start": "whether a trajectory's last possible window is included or excluded",
        "filling": "of windows beyond a trajectory's end: transformed_zeros or zeros",
        "discount": "of the return that the plan is conditioned on",
        "return_scale": "the return is divided by it",
        "terminal_penalty": "of a terminal step's reward",
        "penalty_form": "added to this reward, or it is replaced",
        "network": "of the noise: temporal_unet or transformer",
        "network_width": "channels of the U-Net's first level, or width of the transformer",
        "channel_multipliers": "of the U-Net's levels; null for the transformer",
        "attention_heads": "of the transformer; null for the U-Net",
        "attention_blocks": "of the transformer; null for the U-Net",
        "embedding_size": "of time and return in the transformer; null for the U-Net",
        "positions": "of a window's steps in the transformer: sinusoidal or released; null for the U-Net",
        "condition_dropout": "probability that training hides the return",
        "next_state_weight": "of the second state in the noise's loss",
        "loss_weight": "of both losses",
        "hidden_sizes": "widths of the inverse dynamics",
        "inverse_initialiser": "of the inverse dynamics",
        "inverse_output": "of the inverse dynamics: linear or tanh",
        "inverse_fraction": "share of the updates, from the first on, that train the inverse dynamics",
        "inverse_average": "whether the inverse dynamics acts with averaged parameters, as the network does",
        "learning_rate": "Adam's rate, of both",
        "rate_decay": "cosine (to 0 over the updates that train) or none",
        "weight_decay": "decoupled, of the network of the noise",
        "ema_decay": "decay of the average that plans",
        "ema_start": "first update, counted from 0, in which it moves; before, it is set to the parameters",
        "ema_every": "updates between its moves",
        "target_return": "that plans are conditioned on, in units of return_scale",
        "return_guidance": "w: w e(R) + (1 - w) e(no return)",
    }

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h = self.hyperparameters
        for name, allowed in (
            ("inverse_output", ("linear", "tanh")),
            ("rate_decay", ("cosine", "none")),
            ("last_start", ("included", "excluded")),
            ("filling", ("transformed_zeros", "zeros")),
            ("penalty_form", ("added", "replaced")),
        ):
            check_choice(name, h[name], allowed)
        d = self.problem.observation_dim
        streams = SeedStreams(self.seeds, "initialise")
        self.network = self._new_network()
        self.group = ParameterGroup(self.network.shapes(), self.num_seeds, self.device)
        self.fixed_group = ParameterGroup(self.network.fixed_shapes(), self.num_seeds, self.device)
        self.network.initialise(self.group, streams)
        self.network.initialise_fixed(self.fixed_group, streams)
        self.inverse = MLP((2 * d, *h["hidden_sizes"], self.problem.action_dim), "relu")
        self.inverse_group = ParameterGroup(self.inverse.shapes(), self.num_seeds, self.device)
        initialise(self.inverse_group, streams, h["inverse_initialiser"])
        self.average_group = self.group.duplicate()
        self.inverse_average_group = self.inverse_group.duplicate()
        # One Adam over both in the release: elementwise, so that two are the same.
        self.optimiser = Adam(self.group, h["learning_rate"], weight_decay=h["weight_decay"])
        self.inverse_optimiser = Adam(self.inverse_group, h["learning_rate"])
        weights = torch.ones(h["horizon"], device=self.device)
        weights[0] = 0.0  # the first state is given, and its noise not to be found
        weights[1] = h["next_state_weight"]
        self.step_weights = weights

    def new_diffusion(self) -> Diffusion:
        """In discrete or continuous time."""
        h = self.hyperparameters
        check_choice("diffusion_time", h["diffusion_time"], ("discrete", "continuous"))
        if h["diffusion_time"] == "discrete":
            return super().new_diffusion()
        return ContinuousDiffusion(h["schedule"], self.diffusion_steps)

    def _new_network(self) -> TrajectoryNetwork:
        h, d = self.hyperparameters, self.problem.observation_dim
        check_choice("network", h["network"], ("temporal_unet", "transformer"))
        own: tuple[str, ...] = ("attention_heads", "attention_blocks", "embedding_size", "positions")
        if h["network"] == "temporal_unet":
            own = ("channel_multipliers",)
        lacking = [name for name in own if h[name] is None]
        if lacking:
            raise MethodError(f"hyperparameter {lacking[0]} is null, but network {h['network']} needs it")
        if h["network"] == "temporal_unet":
            return TemporalUNet(d, h["horizon"], h["network_width"], h["channel_multipliers"])
        check_choice("positions", h["positions"], ("sinusoidal", "released"))
        sizes = TransformerSize(h["network_width"], *(h[name] for name in own))
        return TrajectoryTransformer(d, h["horizon"], sizes)

    # --- Data ---

    @classmethod
    def training_data(
        cls,
        hyperparameters: Mapping[str, Any],
        arrays: Rows,
        device: torch.device | str = "cpu",
        rows: np.ndarray | None = None,
    ) -> TrainingData:
        """Windows of the trajectories; all seeds train on all of them."""
        fields = [field.name for field in dataclasses.fields(WindowSpec)]
        return WindowData(arrays, WindowSpec(**{name: hyperparameters[name] for name in fields}), device)

    # --- Losses, per seed [K] ---

    def diffusion_loss(self, windows: Windows, draw: Mapping[str, Tensor]) -> Tensor:
        """Squared error of the noise in all states but the first, which is given.

        Released models/diffusion.py:354-376 and `p_losses`.
        """
        clean, noise, times = windows.observations, draw["noise"], draw["time"]
        if isinstance(self.diffusion, ContinuousDiffusion):
            times = self.diffusion.times(times)
        noisy = self.diffusion.q_sample(clean.flatten(2), times, noise.flatten(2)).view(clean.shape)
        noisy = torch.cat([clean[:, :, :1], noisy[:, :, 1:]], dim=2)
        returns = torch.cat([windows.returns, draw["keep"]], dim=-1)
        parameters = {**self.group.parameters, **self.fixed_group.frozen}
        predicted = self.network(parameters, noisy, times.to(clean.dtype), returns)
        reduction = self.hyperparameters["noise_loss_reduction"]
        return (noise_loss(predicted, noise, reduction) * self.step_weights).mean(dim=(1, 2))

    def inverse_loss(self, windows: Windows) -> Tensor:
        """Squared error of the action between each two states (released `loss`)."""
        states = windows.observations
        pairs = torch.cat([states[:, :, :-1], states[:, :, 1:]], dim=-1).flatten(1, 2)
        actions = self.inverse_actions(self.inverse_group.parameters, pairs)
        return (actions - windows.actions[:, :, :-1].flatten(1, 2)).square().mean(dim=(1, 2))

    def inverse_actions(self, parameters: Parameters, pairs: Tensor) -> Tensor:
        """Actions ``[K, B, a]`` between pairs of states ``[K, B, 2 d]``."""
        actions = self.inverse(parameters, pairs)
        return torch.tanh(actions) if self.hyperparameters["inverse_output"] == "tanh" else actions

    # --- Update ---

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        h, d = self.hyperparameters, self.problem.observation_dim
        size = h["batch_size"]
        time = RandomInput("time", "integer", (size,), high=self.diffusion_steps)
        if isinstance(self.diffusion, ContinuousDiffusion):
            time = RandomInput("time", "uniform", (size,))
        return [
            RandomInput("index", "index", (size,)),
            time,
            RandomInput("noise", "normal", (size, h["horizon"], d)),
            RandomInput("keep", "bernoulli", (size, 1), probability=1.0 - h["condition_dropout"]),
        ]

    def _inverse_updates(self) -> int:
        """Updates that train the inverse dynamics, one at least: a run of a few has to train it too."""
        share: float = self.hyperparameters["inverse_fraction"]
        return max(1, round(share * self.num_updates))

    def schedules(self, update: int) -> dict[str, float]:
        """The learning rates; the inverse dynamics' is 0 once its share of the run is over."""
        h = self.hyperparameters
        rate, inverse_rate = h["learning_rate"], h["learning_rate"]
        inverse_updates = self._inverse_updates()
        if h["rate_decay"] == "cosine":
            rate = cosine_decay(rate, update, self.num_updates)
            inverse_rate = cosine_decay(inverse_rate, update, inverse_updates)
        return {
            "learning_rate": rate,
            "inverse_learning_rate": inverse_rate if update < inverse_updates else 0.0,
        }

    def update_variant(self, update: int) -> Hashable:
        """What the average does, and whether the inverse dynamics is trained.

        The average does nothing, is ``set`` or ``move``s (released utils/training.py:78-87, 106-107).
        """
        h = self.hyperparameters
        average = None
        if every(update, h["ema_every"], 0):
            average = "move" if update >= h["ema_start"] else "set"
        return average, update < self._inverse_updates()

    def update(self, data: TrainingData, draw: Mapping[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        """One step of the network and of the inverse dynamics, then the average.

        Once the inverse dynamics is trained, its loss is computed for the log alone.
        """
        assert isinstance(data, WindowData)
        h = self.hyperparameters
        assert isinstance(variant, tuple)
        average, trains_inverse = variant
        windows = data.windows(draw["index"])
        diffusion_loss = self.diffusion_loss(windows, draw)
        self.group.backward(h["loss_weight"] * diffusion_loss.sum())
        inverse_loss = self.inverse_loss(windows)
        if trains_inverse:
            self.inverse_group.backward(h["loss_weight"] * inverse_loss.sum())
        self.optimiser.step(draw["learning_rate"])
        if trains_inverse:
            self.inverse_optimiser.step(draw["inverse_learning_rate"])
        if average is not None:
            rate = 1.0 if average == "set" else 1.0 - h["ema_decay"]
            self.average_group.move_towards(self.group, rate)
            self.inverse_average_group.move_towards(self.inverse_group, rate)
        return diffusion_loss.detach(), inverse_loss.detach()

    def groups(self) -> dict[str, Any]:
        """All that training changes, and the fixed numbers."""
        return {
            "network": self.group,
            "fixed": self.fixed_group,
            "inverse": self.inverse_group,
            "network_average": self.average_group,
            "inverse_average": self.inverse_average_group,
            "network_optimiser": self.optimiser,
            "inverse_optimiser": self.inverse_optimiser,
        }

    # --- Acting ---

    def policy_groups(self) -> dict[str, Any]:
        """What plans and acts."""
        averaged = self.hyperparameters["inverse_average"]
        return {
            "network_average": self.average_group,
            "fixed": self.fixed_group,
            "inverse": self.inverse_average_group if averaged else self.inverse_group,
        }

    def default_sampling(self) -> Sampling:
        """The method's own settings."""
        scale = self.hyperparameters["sampling_noise_scale"]
        return dataclasses.replace(super().default_sampling(), noise_scale=scale, initial_noise_scale=scale)

    def resolve_sampling(self, sampling: Sampling) -> Sampling:
        """As every diffusion method's; continuous time has DDIM only."""
        resolved = super().resolve_sampling(sampling)
        allowed = ("ddim",) if isinstance(self.diffusion, ContinuousDiffusion) else SAMPLERS
        if resolved.sampler not in allowed:
            raise MethodError(
                f"method {self.name}, sampling {sampling.name!r}: sampler {resolved.sampler!r} with "
                f"diffusion_time continuous; allowed is {', '.join(allowed)}"
            )
        return resolved

    def sample_bound(self) -> float | None:
        """Of a plan's clean states."""
        return 1.0 if self.hyperparameters["clip_plans"] else None

    @torch.no_grad()
    def plan(self, observations: Tensor, sampler: Sampler, noises: Tensor) -> Tensor:
        """States ``[K, E, H, d]`` that begin with `observations` (released models/diffusion.py:402-457).

        The first state is set again before each call of the network, which is the same as after each step:
        every step is elementwise.

        Args:
            observations: ``[K, E, d]``.
            sampler: the reverse process.
            noises: standard normal, ``[n, K, E, H, d]``.
        """
        first = observations.unsqueeze(2)
        parameters = {**self.average_group.frozen, **self.fixed_group.frozen}
        shown, hidden = (torch.full_like(observations[..., :1], value) for value in (1.0, 0.0))
        wished = torch.full_like(shown, self.hyperparameters["target_return"])
        returns = torch.cat([torch.cat([wished, shown], -1), torch.cat([wished, hidden], -1)], dim=1)
        weight = self.hyperparameters["return_guidance"]

        def predict(noisy: Tensor, call: int) -> Tensor:
            noisy = torch.cat([first, noisy[:, :, 1:]], dim=2)
            both = torch.cat([noisy, noisy], dim=1)
            times = torch.full_like(returns[..., 0], sampler.times[call])
            with_return, without = self.network(parameters, both, times, returns).chunk(2, dim=1)
            guided: Tensor = without + weight * (with_return - without)
            return guided

        return torch.cat([first, sampler(predict, noises)[:, :, 1:]], dim=2)

    @torch.no_grad()
    def act(self, observations: Tensor, sampling: Sampling, streams: SeedStreams) -> Tensor:
        """The action between the first two states of a new plan, clipped."""
        resolved = self.resolve_sampling(sampling)
        sampler = self.build_sampler(resolved)
        num_states, d = observations.shape[1:]
        noises = streams.normal(num_states, sampler.num_noises, self.hyperparameters["horizon"], d)
        states = self.plan(observations, sampler, noises.movedim(2, 0))
        pairs = torch.cat([observations, states[:, :, 1]], dim=-1)
        group = self.policy_groups()["inverse"]
        return self.inverse_actions(group.frozen, pairs).clamp(-1.0, 1.0)

    def acting_rows(self, sampling: Sampling) -> int:
        """Both windows of a guided plan, step by step."""
        return 2 * int(self.hyperparameters["horizon"])
