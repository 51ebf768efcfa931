"""What a method is: the protocol that trainer and evaluator know, and the sampling settings.

A method holds the parameters of K seeds. One call of `update` is one full update of all of them: a fixed
program of tensors without host synchronisation or randomness of its own, so that it can be captured. What
differs between updates on the host's side (a moving average that acts every fifth update) is its variant:
one program is captured for each.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import torch
from recheck.errors import MethodError
from torch import Tensor

from algos.seed_parallel import kernels
from algos.seed_parallel.batches import ProblemSpec, Rows, TrainingData
from algos.seed_parallel.random_streams import RandomInput, SeedStreams


def check_choice(name: str, value: object, allowed: Sequence[str]) -> None:
    """Refuse a switch's unknown value.

    Raises:
        MethodError: with the allowed values.
    """
    if value not in allowed:
        raise MethodError(f"hyperparameter {name} is {value!r}; allowed are {', '.join(allowed)}")


def check_at_least(name: str, value: float, smallest: float) -> None:
    """Refuse a number that is too small.

    Raises:
        MethodError: with the smallest allowed value.
    """
    if not value >= smallest:
        raise MethodError(f"hyperparameter {name} is {value}; allowed are values from {smallest}")


@dataclass(frozen=True)
class Sampling:
    """How actions are drawn from a trained policy; None is the method's own default.

    Attributes:
        name: of the setting, for tables.
        sampler: ``ddpm``, ``ddim``, ``dpm_solver``.
        steps: reverse steps per action, at most the diffusion steps.
        candidates: actions drawn per state, of which one is chosen.
        noise_scale: factor on the noise that each reverse step adds.
        initial_noise_scale: factor on the noise that the chain starts from.
        candidate_temperature: of the softmax over the candidates' Q.
        extraction: rule that chooses among the candidates (``argmax``, ``softmax``, ``implicit``).
    """

    name: str = "default"
    sampler: str | None = None
    steps: int | None = None
    candidates: int | None = None
    noise_scale: float | None = None
    initial_noise_scale: float | None = None
    candidate_temperature: float | None = None
    extraction: str | None = None

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Sampling:
        """Build from a configuration's mapping.

        Raises:
            MethodError: a key is not a sampling setting, or a value is not of its kind.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise MethodError(
                f"unknown sampling setting {unknown[0]!r}; known are {', '.join(sorted(known))}"
            )
        for key, (kinds, is_allowed, allowed) in _SAMPLING_VALUES.items():
            value = values.get(key)
            if value is not None and not (
                type(value) in kinds and math.isfinite(value) and is_allowed(value)
            ):
                raise MethodError(f"sampling setting {key} is {value!r}; it has to be {allowed}")
        return cls(**values)


# What the schema of experiments allows: kinds of numbers, and which of them.
_WHOLE = ((int,), lambda value: value >= 1, "a whole number, at least 1")
_SCALE = ((int, float), lambda value: value >= 0, "a number, at least 0")
_SAMPLING_VALUES: dict[str, tuple[tuple[type, ...], Callable[[float], bool], str]] = {
    "steps": _WHOLE,
    "candidates": _WHOLE,
    "noise_scale": _SCALE,
    "initial_noise_scale": _SCALE,
    "candidate_temperature": ((int, float), lambda value: value > 0, "a number, greater than 0"),
}


@dataclass(frozen=True)
class MethodSpec:
    """What a method's constructor takes.

    Attributes:
        hyperparameters: resolved values by name.
        problem: widths of the task.
        num_updates: length of the run in updates, for schedules.
        diffusion_steps: diffusion steps N of training; 0 for methods without diffusion.
        seeds: the K training seeds, in the order of the leading axis.
        device: where the parameters are.
    """

    hyperparameters: Mapping[str, Any]
    problem: ProblemSpec
    num_updates: int
    diffusion_steps: int = 0
    seeds: Sequence[int] = (0,)
    device: torch.device | str = "cpu"


def _keep_guards_of_arguments(guards: Sequence[Any]) -> list[bool]:
    return [guard.guard_type == "TENSOR_MATCH" and "self" not in guard.name for guard in guards]


def own_call(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` behind code of its own.

    torch keeps compiled programs by the code that they begin with, which objects of a class share, and
    all functions under one decorator; without its checks of settings it would take one's for another's.
    """

    def call(*arguments: Any) -> Any:
        return function(*arguments)

    call.__code__ = call.__code__.replace()
    return call


class Method(abc.ABC):
    """K seeds of one method: parameters, update and policy.

    A subclass writes ``__init__(self, spec)``, calls this one first and then builds its networks.

    Args:
        spec: what is built; every method reads all of its own hyperparameters and refuses others.

    Raises:
        MethodError: a hyperparameter is missing, unknown or outside its allowed values.
    """

    name: ClassVar[str]
    # Raised by a change that changes results; part of a run's digest.
    format_version: ClassVar[int]
    # Names of what `update` returns, in order.
    LOSSES: ClassVar[tuple[str, ...]]
    # Functions of tensors that `compile_functions` replaces by compiled ones.
    COMPILED: ClassVar[tuple[str, ...]] = ()
    # Whether a whole update can be one compiled program: training changes networks and optimisers alone.
    COMPILES_WHOLE_UPDATE: ClassVar[bool] = True
    # Names of the hyperparameters, with a phrase each.
    HYPERPARAMETERS: ClassVar[Mapping[str, str]]
    # Whether a batch has to hold the dataset's action at the next state.
    NEEDS_NEXT_ACTIONS: ClassVar[bool] = False
    # Whether the rows have to hold whole trajectories, in order; `training_data` then finds their numbers.
    NEEDS_TRAJECTORIES: ClassVar[bool] = False

    def __init__(self, spec: MethodSpec) -> None:
        check_hyperparameters(type(self), spec.hyperparameters)
        self.hyperparameters = dict(spec.hyperparameters)
        self.problem = spec.problem
        self.num_updates = spec.num_updates
        self.diffusion_steps = spec.diffusion_steps
        self.seeds = tuple(spec.seeds)
        self.num_seeds = len(self.seeds)
        self.device = torch.device(spec.device)

    # --- Training ---

    @classmethod
    def training_data(
        cls,
        hyperparameters: Mapping[str, Any],
        arrays: Rows,
        device: torch.device | str = "cpu",
        rows: np.ndarray | None = None,
    ) -> TrainingData:
        """The data of a run in the form in which `update` takes them.

        Args:
            hyperparameters: of the run.
            arrays: of the transitions.
            device: where the data are.
            rows: ``[K, n']`` indices of the rows that each seed may train on; None for all of them.
        """
        return TrainingData(arrays, device, rows)

    @abc.abstractmethod
    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""

    def schedules(self, update: int) -> dict[str, float]:
        """Scheduled numbers of 0-based update `update`; `update` finds them in `draw` as scalars."""
        return {}

    def update_variant(self, update: int) -> Hashable:
        """What distinguishes the program of 0-based update `update` from another's."""
        return None

    @abc.abstractmethod
    def update(self, data: TrainingData, draw: Mapping[str, Tensor], variant: Hashable) -> tuple[Tensor, ...]:
        """One update of all seeds, in place.

        Args:
            data: that the batch's rows are taken from.
            draw: what `random_inputs` asked for, each ``[K, *shape]``, and `schedules` as 0-dim tensors.
            variant: of this update.

        Returns:
            The losses in the order of `LOSSES`, each ``[K]``, detached.
        """

    def compile_functions(self, backend: str = "inductor") -> None:
        """Let torch compile the losses: the same numbers up to rounding, in fewer and larger kernels.

        A compiled loss is this object's own and takes what it found in it for fixed: of all that torch would
        check in every call (hundreds of attributes) only the shapes of the arguments are left. So call this
        last, and do not change the method's settings afterwards.

        Args:
            backend: of `torch.compile`.
        """
        kernels.prepare_compiler()
        for name in self.COMPILED:
            # A dictionary each: torch.compile takes the filter out of the one it is given.
            options: dict[str, Any] = {"guard_filter_fn": _keep_guards_of_arguments}
            if backend == "inductor":
                options["size_asserts"] = False
            call = own_call(getattr(self, name))
            setattr(self, name, torch.compile(call, dynamic=False, backend=backend, options=options))

    @abc.abstractmethod
    def groups(self) -> dict[str, Any]:
        """Everything that training changes: name to `ParameterGroup` or `Adam`."""

    def state(self) -> dict[str, Tensor]:
        """All that a resumed run needs, flat, on the CPU."""
        return {
            f"{group}/{name}": tensor
            for group, holder in self.groups().items()
            for name, tensor in holder.state().items()
        }

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from `state`."""
        for group, holder in self.groups().items():
            prefix = f"{group}/"
            holder.load({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})

    # --- Acting ---

    @abc.abstractmethod
    def policy_groups(self) -> dict[str, Any]:
        """What acting needs, the critic too: part name to `ParameterGroup`; kept in checkpoints."""

    def policy(self) -> dict[str, Tensor]:
        """A checkpoint: ``<part>/<parameter>`` to a tensor with the seeds leading."""
        return {
            f"{part}/{name}": tensor
            for part, group in self.policy_groups().items()
            for name, tensor in group.state().items()
        }

    def load_policy(self, tensors: Mapping[str, Tensor]) -> None:
        """Act as the checkpoint did."""
        for part, group in self.policy_groups().items():
            prefix = f"{part}/"
            group.load({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})

    def check_sampling(self, sampling: Sampling) -> None:
        """Refuse a sampling setting that the method cannot serve.

        Raises:
            MethodError: with the allowed values.
        """
        for field in ("sampler", "steps", "candidates", "extraction"):
            if getattr(sampling, field) is not None:
                raise MethodError(
                    f"method {self.name} has no sampling setting {field!r}; leave it out of "
                    f"sampling {sampling.name!r}"
                )

    @abc.abstractmethod
    def act(self, observations: Tensor, sampling: Sampling, streams: SeedStreams) -> Tensor:
        """Actions ``[K, E, a]`` in [-1, 1] for observations ``[K, E, d]``, as evaluation takes them.

        Args:
            observations: transformed as in training.
            sampling: how actions are drawn.
            streams: for whatever is drawn; the first axis of every shape is E, the states.
        """

    def acting_rows(self, sampling: Sampling) -> int:
        """Rows of the networks' batch that `act` computes for one state: its candidate actions."""
        return 1


def check_hyperparameters(method: type[Method], hyperparameters: Mapping[str, Any]) -> None:
    """Refuse missing and unknown hyperparameters.

    Raises:
        MethodError: naming the first one and what is allowed.
    """
    missing = sorted(set(method.HYPERPARAMETERS) - set(hyperparameters))
    unknown = sorted(set(hyperparameters) - set(method.HYPERPARAMETERS))
    if missing:
        raise MethodError(f"method {method.name} needs a value for hyperparameter {missing[0]!r}")
    if unknown:
        raise MethodError(
            f"method {method.name} has no hyperparameter {unknown[0]!r}; known are "
            f"{', '.join(sorted(method.HYPERPARAMETERS))}"
        )


def cosine_decay(initial: float, update: int, horizon: int) -> float:
    """Cosine from `initial` at update 0 to 0 at `horizon`: initial (1 + cos(pi k / horizon)) / 2."""
    return initial * 0.5 * (1.0 + float(np.cos(np.pi * min(update, horizon) / horizon)))
