"""Named changes to a dataset's rewards, actions and observations.

Papers change the data before training: rewards are shifted or scaled, actions clipped, observations
standardised. Each such change has a name here, is listed in a run's configuration and so is part of
its identity. Only numpy is imported.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets.marginals import Marginals
from algos.datasets.trajectories import CORL_MAX_EPISODE_STEPS, corl_ends, official_ends, returns_at
from algos.datasets.transitions import Transitions


@dataclass(frozen=True)
class TransformState:
    """What evaluation and provenance need to know about the transforms of a run.

    A policy acts on (observation - observation_mean) / observation_scale where these are given, on
    the shares of `observation_marginals` where these are, and else on the observation itself; its action is a
    share of `action_marginals` where these are given. `constants` holds the numbers that were found in the
    data (for example the return range), for provenance.
    """

    observation_mean: np.ndarray | None = None  # [d] float32
    observation_scale: np.ndarray | None = None  # [d] float32, std + epsilon
    observation_marginals: Marginals | None = None
    action_marginals: Marginals | None = None
    constants: Mapping[str, float] = field(default_factory=dict)
    rewards_changed: bool = False

    @property
    def changes_observations(self) -> bool:
        """Whether the policy sees something else than the environment's observations."""
        return self.observation_mean is not None or self.observation_marginals is not None

    def observations(self, observations: np.ndarray) -> np.ndarray:
        """The environment's observations [..., d] as the policy was trained on them, float32."""
        if self.observation_marginals is not None:
            return self.observation_marginals.to_unit(observations)
        if self.observation_mean is None or self.observation_scale is None:
            return np.asarray(observations, dtype=np.float32)
        result: np.ndarray = ((observations - self.observation_mean) / self.observation_scale).astype(
            np.float32
        )
        return result

    def actions(self, actions: np.ndarray) -> np.ndarray:
        """The policy's actions [..., a] as the environment takes them, in [-1, 1]."""
        return actions if self.action_marginals is None else self.action_marginals.from_unit(actions)

    def zeros(self, observation_dim: int, action_dim: int) -> np.ndarray:
        """What an observation and an action of zeros are to the policy, [d + a] float32."""
        actions = np.zeros(action_dim, dtype=np.float32)
        if self.action_marginals is not None:
            actions = self.action_marginals.to_unit(actions)
        return np.concatenate([self.observations(np.zeros(observation_dim)), actions])

    def tensors(self) -> dict[str, np.ndarray]:
        """The arrays to store with a policy, empty where observations are left raw."""
        if self.observation_marginals is not None and self.action_marginals is not None:
            return {
                "observation_marginals": self.observation_marginals.ordered,
                "action_marginals": self.action_marginals.ordered,
            }
        if self.observation_mean is None or self.observation_scale is None:
            return {}
        return {"observation_mean": self.observation_mean, "observation_scale": self.observation_scale}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> "TransformState":
        """The state back from `tensors()`; other keys are ignored."""
        marginals = {
            name: Marginals(tensors[name])
            for name in ("observation_marginals", "action_marginals")
            if name in tensors
        }
        return cls(
            tensors.get("observation_mean"),
            tensors.get("observation_scale"),
            marginals.get("observation_marginals"),
            marginals.get("action_marginals"),
        )


def apply(
    transitions: Transitions, transforms: Sequence[Mapping[str, Any]]
) -> tuple[Transitions, TransformState]:
    """Apply the transforms in their order; the input is left as it is.

    Args: transforms: [{"name": ..., **options}], names as in `TRANSFORMS`.
    Raises DatasetError for an unknown name or option, or where the data do not allow the transform.
    """
    state = TransformState()
    for entry in transforms:
        options = {key: value for key, value in entry.items() if key != "name"}
        name = entry.get("name")
        if name not in TRANSFORMS:
            raise DatasetError(
                f"The transform {name!r} is unknown; known are {', '.join(sorted(TRANSFORMS))}."
            )
        _check_options(str(name), options)
        changed, state = TRANSFORMS[name](transitions, state, **options)
        if changed.rewards is not transitions.rewards:
            state = replace(state, rewards_changed=True)
        transitions = changed
    return transitions, state


Result = tuple[Transitions, TransformState]
ONCE = "changes observations that are changed already; one such transform is allowed."


def _check_options(name: str, options: Mapping[str, Any]) -> None:
    parameters = list(inspect.signature(TRANSFORMS[name]).parameters.values())[2:]
    allowed = [parameter.name for parameter in parameters]
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise DatasetError(
            f"The transform {name} has no option {', '.join(unknown)}; it has {', '.join(allowed) or 'none'}."
        )
    missing = [p.name for p in parameters if p.default is inspect.Parameter.empty and p.name not in options]
    if missing:
        raise DatasetError(f"The transform {name} needs {', '.join(missing)}.")


def clip_actions(transitions: Transitions, state: TransformState, limit: float) -> Result:
    """Actions clipped to +-limit; 1 - 1e-5 in IQL and IDQL (dataset_utils.py:74-80)."""
    if not limit > 0:
        raise DatasetError(f"clip_actions needs a limit above 0, not {limit}.")
    bound = np.float32(limit)
    return _with_actions(transitions, lambda actions: np.clip(actions, -bound, bound)), state


def _with_actions(transitions: Transitions, change: Callable[[np.ndarray], np.ndarray]) -> Transitions:
    """The rows with changed actions, those at the next states too."""
    following = transitions.next_actions
    return replace(
        transitions,
        actions=change(transitions.actions),
        next_actions=None if following is None else change(following),
    )


def minus_one(transitions: Transitions, state: TransformState) -> Result:
    """r - 1: antmaze in IQL and IDQL (train_offline.py:68-71)."""
    return replace(transitions, rewards=transitions.rewards - np.float32(1)), state


def shift_scale(transitions: Transitions, state: TransformState) -> Result:
    """(r - 0.5) * 4: antmaze in Diffusion-QL, after CQL (utils/data_sampler.py:25-34)."""
    rewards = (transitions.rewards - np.float32(0.5)) * np.float32(4)
    return replace(transitions, rewards=rewards), state


def affine(
    transitions: Transitions, state: TransformState, factor: float = 1.0, offset: float = 0.0
) -> Result:
    """r * factor + offset: antmaze in ReBRAC (100, 0) and in CORL's CQL (10, -5)."""
    rewards = transitions.rewards * np.float32(factor) + np.float32(offset)
    return replace(transitions, rewards=rewards), state


def return_range(
    transitions: Transitions,
    state: TransformState,
    boundaries: str = "official",
    scale: float = 1000.0,
    max_episode_steps: int = CORL_MAX_EPISODE_STEPS,
) -> Result:
    """r * 1000 / (largest - smallest trajectory return): locomotion in IQL (train_offline.py:35-52).

    boundaries: `official` cuts filtered rows at state jumps and terminals; `corl` at terminals and every
    `max_episode_steps` filtered rows; `unfiltered` takes the trajectories of the source file before any
    row was dropped, those cut short included, whose range only the manifest knows.
    """
    smallest, largest = _return_extremes(transitions, state, boundaries, max_episode_steps)
    span = largest - smallest
    if not span > 0:
        raise DatasetError(
            f"return_range cannot scale: the trajectories by the rule {boundaries!r} all have the return "
            f"{smallest:g}."
        )
    rewards = (transitions.rewards * (scale / span)).astype(np.float32)
    constants = {**state.constants, "smallest_return": smallest, "largest_return": largest}
    return replace(transitions, rewards=rewards), replace(state, constants=constants)


def _return_extremes(
    transitions: Transitions, state: TransformState, boundaries: str, max_episode_steps: int
) -> tuple[float, float]:
    if boundaries in ("official", "corl") and not transitions.in_order:
        returns = _linked_returns(transitions, "return_range")
        return float(returns.min()), float(returns.max())
    if boundaries == "official":
        ends = official_ends(transitions.observations, transitions.next_observations, transitions.terminals)
    elif boundaries == "corl":
        ends = corl_ends(transitions.terminals, max_episode_steps)
        if len(ends) == 0:
            raise DatasetError(
                f"return_range with the boundaries 'corl' finds no trajectory in {len(transitions)} rows: "
                f"no terminal and fewer than {max_episode_steps} rows."
            )
    elif boundaries == "unfiltered":
        stored = transitions.manifest.get("return_ranges", {}).get("unfiltered")
        if stored is None:
            raise DatasetError(
                "return_range with the boundaries 'unfiltered' needs a prepared dataset whose manifest "
                "holds return_ranges; prepare the dataset again."
            )
        if state.rewards_changed:
            raise DatasetError(
                "return_range with the boundaries 'unfiltered' has to come before every other change of "
                "the rewards: its range is that of the stored rewards."
            )
        return float(stored[0]), float(stored[1])
    else:
        raise DatasetError(
            f"return_range knows no boundaries {boundaries!r}; known are official, corl, unfiltered."
        )
    returns = returns_at(transitions.rewards, ends)
    return float(returns.min()), float(returns.max())


def _linked_returns(transitions: Transitions, transform: str) -> np.ndarray:
    """[e] returns of the trajectories that were linked by their states, for rows in no order.

    Raises:
        DatasetError: most rows belong to no trajectory, so that their returns are not known.
    """
    count = int(transitions.episodes.max()) + 1
    if count > len(transitions) // 2:
        raise DatasetError(
            f"{transform} needs whole trajectories, but the rows here are independent transitions: "
            f"{len(transitions):,} rows link to {count:,} trajectories. Use a variant without {transform}."
        )
    return np.bincount(transitions.episodes, weights=transitions.rewards.astype(np.float64), minlength=count)


def normalize(transitions: Transitions, state: TransformState) -> Result:
    """(r - mean) / std with n - 1 in the variance: adroit in Diffusion-QL (torch's std)."""
    rewards = transitions.rewards.astype(np.float64)
    mean = float(rewards.mean())
    std = float(rewards.std(ddof=1)) if len(rewards) > 1 else 0.0
    if not std > 0:
        raise DatasetError(f"normalize cannot scale: all {len(rewards)} rewards are {mean:g}.")
    constants = {**state.constants, "reward_mean": mean, "reward_std": std}
    scaled = ((rewards - mean) / std).astype(np.float32)
    return replace(transitions, rewards=scaled), replace(state, constants=constants)


def min_max(transitions: Transitions, state: TransformState) -> Result:
    """Rewards to [-1, 1] by their minimum and maximum: adroit and kitchen in EDP (trainer.py:451-453)."""
    rewards = transitions.rewards.astype(np.float64)
    smallest, largest = float(rewards.min()), float(rewards.max())
    if not largest > smallest:
        raise DatasetError(f"min_max cannot scale: all {len(rewards)} rewards are {smallest:g}.")
    constants = {**state.constants, "reward_min": smallest, "reward_max": largest}
    scaled = (2 * (rewards - smallest) / (largest - smallest) - 1).astype(np.float32)
    return replace(transitions, rewards=scaled), replace(state, constants=constants)


def standardise_observations(
    transitions: Transitions, state: TransformState, epsilon: float = 1e-3
) -> Result:
    """(s - mean) / (std + epsilon) with the statistics of s, on s and s' and in the environment.

    CORL, iql.py:93-100, 552-563 (std with n).
    """
    if state.changes_observations:
        raise DatasetError(f"standardise_observations {ONCE}")
    observations = transitions.observations.astype(np.float64)
    mean = observations.mean(axis=0).astype(np.float32)
    scale = (observations.std(axis=0) + epsilon).astype(np.float32)
    state = replace(state, observation_mean=mean, observation_scale=scale)
    changed = replace(
        transitions,
        observations=state.observations(transitions.observations),
        next_observations=state.observations(transitions.next_observations),
    )
    return changed, state


def marginal_shares(transitions: Transitions, state: TransformState) -> Result:
    """Each entry of s and a as its share in [-1, 1] of the data's own distribution.

    See `algos.datasets.marginals`. Decision Diffuser (decision-diffuser config/locomotion_config.py,
    CDFNormalizer). The environment's observations are changed alike, and the policy's actions changed back.
    """
    if state.changes_observations:
        raise DatasetError(f"marginal_shares {ONCE}")
    observations, actions = Marginals(transitions.observations), Marginals(transitions.actions)
    state = replace(state, observation_marginals=observations, action_marginals=actions)
    changed = replace(
        _with_actions(transitions, actions.to_unit),
        observations=state.observations(transitions.observations),
        next_observations=state.observations(transitions.next_observations),
    )
    return changed, state


def top_fraction(transitions: Transitions, state: TransformState, fraction: float) -> Result:
    """The rows of the trajectories with the highest returns: percentile behaviour cloning.

    Trajectories are taken from the best one down as long as all together hold at most `fraction` of the
    rows, the best one always (Chen et al. 2021, arXiv 2106.01345, section 5.1: "the top X% of timesteps,
    ordered by episode returns"). Returns are those of the rewards as they are at this point.
    """
    if not 0 < fraction <= 1:
        raise DatasetError(f"top_fraction needs a fraction in (0, 1], not {fraction}.")
    if transitions.in_order:
        ends = np.flatnonzero(np.diff(transitions.episodes, append=transitions.episodes[-1] + 1))
        lengths = np.diff(ends, prepend=-1)
        returns, numbers = returns_at(transitions.rewards, ends), transitions.episodes[ends]
    else:
        returns = _linked_returns(transitions, "top_fraction")
        lengths, numbers = np.bincount(transitions.episodes), np.arange(len(returns))
    best_first = np.argsort(-returns, kind="stable")
    together = np.cumsum(lengths[best_first])
    chosen = best_first[: max(1, int(np.sum(together <= fraction * len(transitions))))]
    keep = np.isin(transitions.episodes, numbers[chosen])
    rows: dict[str, Any] = {name: array[keep] for name, array in transitions.arrays().items()}
    return replace(transitions, **rows), state


TRANSFORMS: dict[str, Callable[..., Result]] = {
    "clip_actions": clip_actions,
    "minus_one": minus_one,
    "shift_scale": shift_scale,
    "affine": affine,
    "return_range": return_range,
    "normalize": normalize,
    "min_max": min_max,
    "standardise_observations": standardise_observations,
    "marginal_shares": marginal_shares,
    "top_fraction": top_fraction,
}
