"""What the diffusion methods share: sampling settings, candidate actions and the choice among them.

Diffusion policies are evaluated by drawing `candidates` actions per state and choosing one by the
critic. Rules: ``argmax`` (IDQL), ``softmax`` (Diffusion-QL, EDP), ``implicit`` (IDQL's weights of the
policy that its value loss implies; `algos.idql`). IQL takes no candidates: its rule, advantage-weighted
regression while training, is called ``awr`` where rules are listed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from typing import ClassVar

import torch
from recheck.errors import MethodError
from torch import Tensor

from algos.base import Method, MethodSpec, Sampling, check_choice, cosine_decay
from algos.diffusion.noise_networks import NoiseNetwork, NoiseNetworkSpec, Parameters
from algos.diffusion.samplers import Sampler, check_sampling_steps
from algos.diffusion.schedule import SAMPLERS, Diffusion
from algos.seed_parallel.random_streams import RandomInput, SeedStreams

# --- Choice among candidates ---


def choose_by_weight(actions: Tensor, weights: Tensor, uniform: Tensor) -> Tensor:
    """One candidate per state, drawn in proportion to its weight.

    Args:
        actions: ``[K, E, C, a]``.
        weights: ``[K, E, C]``, any scale.
        uniform: in [0, 1), ``[K, E, 1]``.

    Returns:
        ``[K, E, a]``.
    """
    cumulative = weights.cumsum(dim=-1)
    # The largest product with 1 - u > 0 is the total itself, so that the index exists.
    index = torch.searchsorted(cumulative, cumulative[..., -1:] * (1.0 - uniform))
    return _take(actions, index.clamp(max=weights.shape[-1] - 1))


def choose_by_softmax(actions: Tensor, values: Tensor, temperature: float, uniform: Tensor) -> Tensor:
    """One candidate per state, drawn with probability softmax(values / temperature); shapes as above."""
    return choose_by_weight(actions, torch.softmax(values / temperature, dim=-1), uniform)


def choose_best(actions: Tensor, values: Tensor) -> Tensor:
    """The candidate of the largest value per state; shapes as above."""
    return _take(actions, values.argmax(dim=-1, keepdim=True))


def _take(actions: Tensor, index: Tensor) -> Tensor:
    index = index.unsqueeze(-1).expand(*index.shape, actions.shape[-1])
    return actions.gather(2, index).squeeze(2)


# --- Parts shared by the methods ---


class DiffusionMethod(Method):
    """A method whose policy is a diffusion model: settings of sampling, resolved and checked.

    Hyperparameters that every such method has are `POLICY_HYPERPARAMETERS`; those of a choice among
    candidates `CANDIDATE_HYPERPARAMETERS`.
    """

    POLICY_HYPERPARAMETERS: ClassVar[Mapping[str, str]] = {
        "schedule": "noise schedule: linear, linear_scaled, cosine, vp",
        "ddpm_form": "of a DDPM step: posterior (a0 clipped, posterior variance) or beta (iterate clipped, "
        "variance beta)",
        "noise_loss_reduction": "over the action's dimensions: mean or sum",
    }
    CANDIDATE_HYPERPARAMETERS: ClassVar[Mapping[str, str]] = {
        "candidates": "actions sampled per state in evaluation, of which one is taken",
        "candidate_temperature": "of the softmax over the candidates' Q",
        "extraction": "rule that takes one of the candidates",
    }
    # What `extraction` may be; empty for a method without a critic.
    EXTRACTIONS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: MethodSpec) -> None:
        super().__init__(spec)
        h = self.hyperparameters
        check_choice("ddpm_form", h["ddpm_form"], ("posterior", "beta"))
        check_choice("noise_loss_reduction", h["noise_loss_reduction"], ("mean", "sum"))
        self.diffusion = self.new_diffusion()
        self._samplers: dict[Sampling, Sampler] = {}
        self.resolve_sampling(Sampling())

    def new_diffusion(self) -> Diffusion:
        """The noise schedule of the hyperparameters."""
        return Diffusion(self.hyperparameters["schedule"], self.diffusion_steps, self.device)

    def network_spec(self) -> NoiseNetworkSpec:
        """What this method's noise network is built for."""
        return NoiseNetworkSpec(
            self.problem.observation_dim, self.problem.action_dim, self.diffusion_steps, self.device
        )

    # --- Sampling settings ---

    def default_sampling(self) -> Sampling:
        """The method's own settings, none of them None where the method has it."""
        h = self.hyperparameters
        return Sampling(
            sampler=h.get("sampler", "ddpm"),
            steps=h.get("sampling_steps") or self.diffusion_steps,
            candidates=h.get("candidates", 1),
            noise_scale=1.0,
            initial_noise_scale=1.0,
            candidate_temperature=h.get("candidate_temperature"),
            extraction=h.get("extraction"),
        )

    def check_sampling(self, sampling: Sampling) -> None:
        """Refuse a setting that `resolve_sampling` refuses."""
        self.resolve_sampling(sampling)

    def resolve_sampling(self, sampling: Sampling) -> Sampling:
        """`sampling` with the method's own value where it has None.

        A sampler that is named without steps takes as many as there are diffusion steps.

        Raises:
            MethodError: a value that the method cannot serve, with the allowed ones.
        """
        default = self.default_sampling()
        given = {k: v for k, v in dataclasses.asdict(sampling).items() if v is not None}
        if given.get("sampler", default.sampler) != default.sampler:
            given.setdefault("steps", self.diffusion_steps)
        resolved = dataclasses.replace(default, **given)
        where = f"method {self.name}, sampling {sampling.name!r}"
        if resolved.sampler not in SAMPLERS:
            raise MethodError(
                f"{where}: unknown sampler {resolved.sampler!r}; allowed are {', '.join(SAMPLERS)}"
            )
        assert resolved.steps is not None
        check_sampling_steps(resolved.steps, self.diffusion_steps)
        if resolved.candidates is None or resolved.candidates < 1:
            raise MethodError(f"{where}: candidates is {resolved.candidates}; allowed are integers from 1")
        for name in ("noise_scale", "initial_noise_scale"):
            if getattr(resolved, name) < 0:
                raise MethodError(f"{where}: {name} is {getattr(resolved, name)}; allowed are numbers from 0")
        self._check_choice_among_candidates(resolved, where)
        return resolved

    def _check_choice_among_candidates(self, resolved: Sampling, where: str) -> None:
        if not self.EXTRACTIONS:
            if resolved.candidates != 1:
                raise MethodError(
                    f"{where}: candidates is {resolved.candidates}; a method without a critic takes 1"
                )
            if resolved.extraction is not None:
                raise MethodError(f"{where}: a method without a critic has no extraction; leave it out")
            return
        if resolved.extraction not in self.EXTRACTIONS:
            raise MethodError(
                f"{where}: unknown extraction {resolved.extraction!r}; allowed are "
                f"{', '.join(self.EXTRACTIONS)}"
            )
        if resolved.candidate_temperature is None or resolved.candidate_temperature <= 0:
            raise MethodError(
                f"{where}: candidate_temperature is {resolved.candidate_temperature}; allowed are "
                "numbers above 0"
            )

    def acting_rows(self, sampling: Sampling) -> int:
        """One row per candidate."""
        return self.resolve_sampling(sampling).candidates or 1

    def build_sampler(self, sampling: Sampling) -> Sampler:
        """The reverse process of resolved settings, built once."""
        if sampling not in self._samplers:
            self._samplers[sampling] = self._new_sampler(sampling)
        return self._samplers[sampling]

    def _new_sampler(self, sampling: Sampling) -> Sampler:
        assert sampling.sampler is not None
        assert sampling.noise_scale is not None
        assert sampling.initial_noise_scale is not None
        return self.diffusion.sampler(
            sampling.sampler,
            sampling.steps,
            ddpm_form=self.hyperparameters["ddpm_form"],
            noise_scale=sampling.noise_scale,
            initial_noise_scale=sampling.initial_noise_scale,
            clip=self.sample_bound(),
        )

    def sample_bound(self) -> float | None:
        """What is sampled is kept in [-bound, bound], as actions are; None for no bound."""
        return 1.0

    # --- Candidates ---

    @torch.no_grad()
    def sample_candidates(
        self,
        network: NoiseNetwork,
        parameters: Parameters,
        observations: Tensor,
        sampling: Sampling,
        streams: SeedStreams,
    ) -> Tensor:
        """Candidate actions ``[K, E, C, a]`` for observations ``[K, E, d]`` under resolved settings."""
        assert sampling.candidates is not None
        num_seeds, num_states, _ = observations.shape
        sampler = self.build_sampler(sampling)
        action_dim = self.problem.action_dim
        noises = streams.normal(num_states, sampler.num_noises, sampling.candidates, action_dim)
        # [n, K, E * C, a]: of the whole chain's calls, one after another.
        noises = noises.permute(2, 0, 1, 3, 4).reshape(sampler.num_noises, num_seeds, -1, action_dim)
        predict = network.chain(parameters, observations, sampler.times, sampling.candidates)
        actions = sampler(predict, noises)
        return actions.view(num_seeds, num_states, sampling.candidates, self.problem.action_dim)


def join_candidates(observations: Tensor, actions: Tensor) -> Tensor:
    """``[K, E, d]`` and ``[K, E, C, a]`` to the critic's inputs ``[K, E * C, d + a]``."""
    num_seeds, num_states, candidates, _ = actions.shape
    expanded = observations.unsqueeze(2).expand(-1, -1, candidates, -1)
    return torch.cat([expanded, actions], dim=-1).view(num_seeds, num_states * candidates, -1)


def noise_loss_inputs(
    batch_size: int, diffusion_steps: int, action_dim: int, suffix: str = ""
) -> list[RandomInput]:
    """Step and noise of one pass of the noise loss."""
    return [
        RandomInput(f"step{suffix}", "integer", (batch_size,), high=diffusion_steps),
        RandomInput(f"noise{suffix}", "normal", (batch_size, action_dim)),
    ]


def every(update: int, period: int, start: int) -> Hashable:
    """The update variant of an average that acts in each `period`-th update from `start` on."""
    return update >= start and update % period == 0


def epoch_decay(
    initial: float, form: str, update: int, num_updates: int, epoch_updates: int, held: int
) -> float:
    """Diffusion-QL's cosine, which is constant within an epoch.

    Args:
        initial: rate at update 0.
        num_updates: of the run.
        form: ``described``: one cosine step per epoch, to 0 at the end. ``released``: one per `held`
            epochs with the horizon in epochs, so that 99.9% of the rate is left at the end
            (ql_diffusion.py:181-183, main.py:60, 84-88). ``none``.
        update: 0-based.
        epoch_updates: updates per epoch, 1,000.
        held: epochs per call of the released `train`, 50.
    """
    if form == "none":
        return initial
    num_epochs = max(1, -(-num_updates // epoch_updates))
    epochs = update // epoch_updates
    return cosine_decay(initial, epochs if form == "described" else epochs // held, num_epochs)
