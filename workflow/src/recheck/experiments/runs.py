"""Runs and sampling settings, and their identity."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from recheck import paths
from recheck.former_names import hashed_form

SAMPLING_FIELDS = (
    "sampler",
    "steps",
    "candidates",
    "noise_scale",
    "initial_noise_scale",
    "candidate_temperature",
    "extraction",
)
SAMPLING_DEFAULTS: dict[str, Any] = {
    "sampler": None,
    "steps": None,
    "candidates": None,
    "noise_scale": 1.0,
    "initial_noise_scale": 1.0,
    "candidate_temperature": None,
    "extraction": None,
}
EVALUATION_DEFAULTS: dict[str, int] = {
    "episodes": 10,
    "episodes_last": 20,
    "episodes_reevaluated": 10,
    "first_episode_seed": 1_000_000,
    "seed_stride": 1_000,
}
# Where the evaluator's fresh episodes begin within a training seed's range of episode seeds.
REEVALUATED_OFFSET = 500


def digest(value: Any) -> str:
    """The first 8 hex digits of SHA-256 over the canonical JSON of ``value``."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Sampling:
    """One sampling setting together with its evaluation setting, as `<name>-<digest>` in paths."""

    setting: dict[str, Any]
    evaluation: dict[str, int]
    environment_id: str

    @property
    def name(self) -> str:
        """The name that the experiment gave it."""
        return str(self.setting["name"])

    @cached_property
    def label(self) -> str:
        """`<name>-<digest of sampling, evaluation and environment>`."""
        content = {
            "sampling": self.setting,
            "evaluation": hashed_form(self.evaluation),
            "environment": self.environment_id,
        }
        return f"{self.name}-{digest(content)}"

    @cached_property
    def setting_text(self) -> str:
        """The setting as JSON."""
        return json.dumps(self.setting, sort_keys=True)

    @cached_property
    def evaluation_text(self) -> str:
        """The evaluation setting as JSON; a rule's parameter, so with the hashed names."""
        return json.dumps(hashed_form(self.evaluation), sort_keys=True)


@dataclass
class Run:
    """All seeds of one (method, task, variant, N): what is trained, and how it is evaluated.

    config: the resolved configuration without digest and seeds. samplings: setting -> the seeds wanted
    under it.
    """

    config: dict[str, Any]
    like: str | None
    samplings: dict[str, tuple[Sampling, set[int]]] = field(default_factory=dict)

    @property
    def seeds(self) -> list[int]:
        """Every seed that some sampling setting needs."""
        return sorted(set().union(*(seeds for _, seeds in self.samplings.values())))

    @cached_property
    def digest(self) -> str:
        """8 hex digits of everything that changes the result."""
        return digest(hashed_form(self.config))

    @cached_property
    def group(self) -> str:
        """`<method>/<task>/<variant>-<digest>/N<steps>`."""
        config = self.config
        return paths.run_group(
            config["method"], config["task"], config["variant"], self.digest, config["diffusion_steps"]
        )

    def config_text(self, first: int, last: int) -> str:
        """The resolved configuration of one block, as JSON; a rule's parameter, so with the hashed names."""
        before, after = self._around_seeds
        return f"{before}{json.dumps(list(range(first, last + 1)))}{after}"

    @cached_property
    def _around_seeds(self) -> tuple[str, str]:
        """The configuration as JSON before and after the list of its seeds; one run has many blocks."""
        mark = "the seeds are here"
        full = {**hashed_form(self.config), "digest": self.digest, "seeds": mark}
        before, _, after = json.dumps(full, sort_keys=True).partition(json.dumps(mark))
        return before, after
