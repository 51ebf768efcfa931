"""What one update and one environment step cost here: by this machine's benchmark, else by the shipped rates.

`snakemake benchmark` writes into `results/benchmark`: `benchmark.json` (updates), `acting.json` (actions),
`environments.json` (steps), `starts.json` (starts of processes). A file counts if it names this machine's
processor, or for training on a GPU a GPU. Updates of compiled programs are in a `benchmark.json` of their own
(`recheck.paths.benchmark`). Every figure is a range: lowest, most likely, highest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from recheck import files, paths
from recheck.errors import ConfigError
from recheck.jobs import rates as rates_module
from recheck.versions import cpu_model

Range = tuple[float, float, float]
Measured = TypeVar("Measured")

SHIPPED = "shipped rates"
BENCHMARK = "benchmark of this machine"
# What of an update is compiled, in words.
FORMS = {"losses": "losses compiled", "update": "whole update compiled"}
COMPILED_ELSEWHERE = "of the time without (shipped factor"
# How far a measured figure is from what the same work takes at another hour of the same machine.
MEASURED_FACTOR = 1.3


def around(value: float) -> Range:
    """The range of a figure that was measured here."""
    return value / MEASURED_FACTOR, value, value * MEASURED_FACTOR


def total(ranges: Iterable[Range]) -> Range:
    """The sum of ranges, ends by ends: all low together, all high together."""
    listed = list(ranges)
    low, likely, high = (math.fsum(each[i] for each in listed) for i in range(3))
    return low, likely, high


def scaled(one: Range, factor: float) -> Range:
    """A range times a number."""
    return one[0] * factor, one[1] * factor, one[2] * factor


def product(one: Range, other: Range) -> Range:
    """The product of two independent ranges; the distances of the ends add up as squares of logarithms."""
    likely = one[1] * other[1]
    if likely <= 0:
        return one[0] * other[0], likely, one[2] * other[2]

    def reach(end: int) -> float:
        ratios = [each[end] / each[1] for each in (one, other)]
        if min(ratios) <= 0:
            return math.inf
        return math.hypot(*(math.log(ratio) for ratio in ratios))

    return likely * math.exp(-reach(0)), likely, likely * math.exp(reach(2))


def at(points: Mapping[int, float], where: int) -> float:
    """Piecewise linear through measured points; beyond them along the nearest piece, one point in proportion.

    Args:
        points: size -> cost, at least one.
        where: a size above 0.
    """
    known = sorted(points)
    if where in points:
        return points[where]
    if len(known) == 1:
        return points[known[0]]
    right = next((i for i, size in enumerate(known) if size > where), len(known) - 1)
    right = max(1, right)
    first, second = known[right - 1], known[right]
    slope = (points[second] - points[first]) / (second - first)
    return max(0.0, points[first] + slope * (where - first))


Updates = Mapping[tuple[str, str], Mapping[int, Mapping[int, float]]]


@dataclass(frozen=True)
class Compiled:
    """Compiled updates, as measured here.

    Attributes:
        what: is compiled, ``losses`` or ``update``.
        updates: as those of `StepCosts`; empty without such a benchmark.
        seconds: method, variant -> diffusion steps -> seconds of compiling in one process.
    """

    what: str
    updates: Updates = field(default_factory=dict)
    seconds: Mapping[tuple[str, str], Mapping[int, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class StepCosts:
    """Costs of one update and one step.

    Attributes:
        rates: of `cost_rates.yaml`.
        updates: method, variant -> diffusion steps -> seeds in a block -> seconds of an update of the block,
            as measured here and not compiled; empty without a benchmark.
        acting: method, variant -> seconds for one state, for each candidate and step of the sampler.
        steps: environment's id -> seconds of one step.
        starts: stage -> seconds until the work of a process begins.
        compiled: what the plan's training compiles; None for nothing.
    """

    rates: Mapping[str, Any]
    updates: Updates = field(default_factory=dict)
    acting: Mapping[tuple[str, str], float] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)
    starts: Mapping[str, float] = field(default_factory=dict)
    compiled: Compiled | None = None

    def update(self, config: Mapping[str, Any], num_seeds: int, device: str) -> tuple[Range, str] | None:
        """Seconds of one update of a block of seeds, and where they come from.

        Args:
            config: of the run: method, variant, diffusion_steps.
            num_seeds: trained together.
            device: cpu or gpu.

        Returns:
            None where nothing is known of the method.
        """
        if self.compiled is None:
            return self._not_compiled(config, num_seeds, device)
        form = FORMS[self.compiled.what]
        measured = _measured(self.compiled.updates, config, num_seeds)
        if measured is not None:
            return around(measured), f"{BENCHMARK}, {form}"
        known = self._not_compiled(config, num_seeds, device)
        if known is None:
            return None
        if device != "cpu":
            # Captured programs have no Python left to save; what else it gains there nobody has measured.
            return known[0], f"{known[1]}; of updates without compilation: its gain on a GPU is not measured"
        entry = self._compiled_entry(config)
        low, likely, high = map(float, entry["factor"])
        return (
            product(known[0], (low, likely, high)),
            f"{known[1]}; {form}: {likely:g} {COMPILED_ELSEWHERE}: {entry['source']})",
        )

    def compiling(self, config: Mapping[str, Any]) -> Range:
        """Seconds of compiling in one process of training; none where nothing is compiled."""
        if self.compiled is None:
            return 0.0, 0.0, 0.0
        measured = _of_variant(self.compiled.seconds, config["method"], config["variant"])
        if measured is not None:
            return around(at(measured, int(config["diffusion_steps"])))
        low, likely, high = self.rates["compiled"][self.compiled.what]["seconds"]
        return float(low), float(likely), float(high)

    def _compiled_entry(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        assert self.compiled is not None
        known: Mapping[str, Mapping[str, Any]] = self.rates["compiled"][self.compiled.what]["methods"]
        found = rates_module.of_method(known, config["method"], config["variant"])
        return found or known[rates_module.OTHER]

    def _not_compiled(
        self, config: Mapping[str, Any], num_seeds: int, device: str
    ) -> tuple[Range, str] | None:
        """As `update`, of updates that are not compiled."""
        measured = _measured(self.updates, config, num_seeds)
        if measured is not None:
            return around(measured), BENCHMARK
        entry = rates_module.of_method(self.rates["methods"], config["method"], config["variant"])
        if entry is None:
            return None
        rate = entry[device]
        per_seed = [
            base + int(config["diffusion_steps"]) * step
            for base, step in zip(rate["seconds"], rate["seconds_per_diffusion_step"], strict=True)
        ]
        low, likely, high = (
            seconds * stacked
            for seconds, stacked in zip(per_seed, self._stacked(device, num_seeds), strict=True)
        )
        source = f"{SHIPPED}: {rate['source']}"
        if device == "cpu":
            other = self.rates["another_cpu"]["factor"]
            return product((low, likely, high), (other[0], other[1], other[2])), source
        return (low, likely, high), source

    def _stacked(self, device: str, num_seeds: int) -> Range:
        """By what the rate of one of several stacked seeds is multiplied for a block."""
        entry = self.rates["stacking"][device]
        seeds = int(entry["seeds"])
        low, likely, high = (
            seeds * (1 + share * (num_seeds - 1)) / (1 + share * (seeds - 1)) for share in entry["seed_share"]
        )
        return low, likely, high

    def act(self, config: Mapping[str, Any], candidates: int, steps: int) -> Range:
        """Seconds of one core to act for one state."""
        measured = _of_variant(self.acting, config["method"], config["variant"])
        if measured is not None:
            return around(measured * candidates * max(1, steps))
        entry = rates_module.acting_entry(self.rates, config["method"], config["variant"])
        return rates_module.acting_seconds(entry, candidates, steps)

    def played_source(self, config: Mapping[str, Any], environment_id: str) -> str:
        """Where the costs of an action and of a step come from."""
        measured = _of_variant(self.acting, config["method"], config["variant"]) is not None
        action, step = (BENCHMARK if own else SHIPPED for own in (measured, environment_id in self.steps))
        return action if action == step else f"actions: {action}; steps: {step}"

    def step(self, environment_id: str) -> Range:
        """Seconds of one core for one step of an environment."""
        if environment_id in self.steps:
            return around(self.steps[environment_id])
        low, likely, high = rates_module.environment(self.rates, environment_id)["step_seconds"]
        return float(low), float(likely), float(high)

    def length_share(
        self, environment_id: str, updates: float = math.inf, of_data: float | None = None
    ) -> Range:
        """Mean length of the episodes of an experiment's policies, as a share of the horizon.

        Args:
            environment_id: of the environment.
            updates: that a policy was trained for. Where an episode ends with a fall, policies of few updates
                fall early: in between the share is linear in the logarithm of the updates.
            of_data: mean length of the dataset's own episodes as such a share, the likely one of its trained
                policies where an episode ends with a fall; None where it is not known.
        """
        entry = rates_module.environment(self.rates, environment_id)
        low, likely, high = map(float, entry["length_share"])
        early = entry.get("early_length_share")
        if early is None:
            return low, likely, high
        if of_data is not None:
            middle = min(high, max(low, of_data))
            low, likely, high = low * middle / likely, middle, min(1.0, high * middle / likely)
        first, last = float(early["updates"]), float(early["trained_updates"])
        way = min(1.0, max(0.0, math.log(max(updates, 1.0) / first) / math.log(last / first)))
        begin = early["length_share"]
        low, likely, high = (
            one + way * (other - one) for one, other in zip(begin, (low, likely, high), strict=True)
        )
        return low, likely, high

    def start(self, stage: str) -> Range:
        """Seconds of a job before its work and after it: interpreter, imports, data, record."""
        if stage in self.starts:
            return around(self.starts[stage])
        low, likely, high = self.rates["job_seconds"][stage]["seconds"]
        return float(low), float(likely), float(high)


def read(root: Path, device: str, compiled: str | None = None) -> StepCosts:
    """The shipped rates, and in their place what was measured on this machine.

    Args:
        root: of the repository.
        device: that trains, cpu or gpu.
        compiled: what torch compiles in training, ``losses`` or ``update``; None for nothing.

    Raises:
        ConfigError: the rates do not follow their schema, or a benchmark's file cannot be read.
    """
    folder = root / paths.BENCHMARK
    found = _trained(root, compiled, device)
    own = Compiled(compiled, _updates(found), _compiling(found)) if compiled else None
    return StepCosts(
        rates_module.read_rates(root),
        _updates(_trained(root, None, device)),
        _acting(_file(folder / "acting.json")),
        _steps(_file(folder / "environments.json")),
        _starts(_file(folder / "starts.json")),
        own,
    )


def _file(path: Path) -> Mapping[str, Any]:
    """A benchmark's file, nothing where it is absent, has no machine, or is of another one."""
    found = files.read_json(path, ConfigError) if path.is_file() else {}
    if not isinstance(found, dict) or not isinstance(found.get("machine"), dict):
        return {}
    return found if found["machine"].get("cpu") == cpu_model() else {}


def _trained(root: Path, compiled: str | None, device: str) -> Mapping[str, Any]:
    """This machine's `benchmark.json` of training; nothing of another device or form of update."""
    found = _file(root / paths.benchmark(compiled) / "benchmark.json")
    if not found or found["machine"]["device"].startswith("CPU") != (device == "cpu"):
        return {}
    return found if (found["machine"].get("compiled") or None) == compiled else {}


def _updates(found: Mapping[str, Any]) -> dict[tuple[str, str], dict[int, dict[int, float]]]:
    if not found:
        return {}
    processes = int(found["machine"]["processes"])
    updates: dict[tuple[str, str], dict[int, dict[int, float]]] = {}
    for row in found["rows"]:
        seconds = row["block"] * processes / row["seed_updates_per_second"]
        of_method = updates.setdefault((row["method"], row["variant"]), {})
        of_method.setdefault(int(row["diffusion_steps"]), {})[int(row["block"])] = seconds
    return updates


def _compiling(found: Mapping[str, Any]) -> dict[tuple[str, str], dict[int, float]]:
    """Of several blocks the longest; each is of one process."""
    seconds: dict[tuple[str, str], dict[int, float]] = {}
    for row in found.get("rows", ()):
        of_method = seconds.setdefault((row["method"], row["variant"]), {})
        steps = int(row["diffusion_steps"])
        of_method[steps] = max(of_method.get(steps, 0.0), float(row["compile_seconds"]))
    return seconds


def _acting(found: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    return {
        (row["method"], row["variant"]): row["acting_ms"] / 1000 / (row["candidates"] * max(1, row["steps"]))
        for row in found.get("rows", ())
        if "steps" in row
    }


def _steps(found: Mapping[str, Any]) -> dict[str, float]:
    return {row["environment_id"]: float(row["step_seconds"]) for row in found.get("rows", ())}


def _starts(found: Mapping[str, Any]) -> dict[str, float]:
    return {row["stage"]: float(row["seconds"]) for row in found.get("rows", ())}


def _measured(updates: Updates, config: Mapping[str, Any], num_seeds: int) -> float | None:
    """Seconds of an update of a block of seeds by a benchmark; None where it has no row of the method."""
    found = _of_variant(updates, config["method"], config["variant"])
    if found is None:
        return None
    by_steps = {steps: _at_seeds(of_seeds, num_seeds) for steps, of_seeds in found.items()}
    return at(by_steps, int(config["diffusion_steps"]))


def _at_seeds(of_seeds: Mapping[int, float], num_seeds: int) -> float:
    """Seconds of an update of a block; where one size alone was measured, in proportion."""
    if len(of_seeds) == 1:
        ((seeds, seconds),) = of_seeds.items()
        return seconds * num_seeds / seeds
    return at(of_seeds, num_seeds)


def _of_variant(measured: Mapping[tuple[str, str], Measured], method: str, variant: str) -> Measured | None:
    """What was measured of a variant, else of the method's first one."""
    if (method, variant) in measured:
        return measured[method, variant]
    return next((found for (name, _), found in measured.items() if name == method), None)
