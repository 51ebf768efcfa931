"""How seeds are distributed in the simulated studies: made-up laws, and the residuals of real runs.

A law draws scores with mean 0, in points, so that the true difference of two sides is the one asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np

from paper_tables.public_runs import reader
from paper_tables.scores.d3rlpy import read_d3rlpy_runs

COLLAPSE_POINTS = 40.0
"""A collapsed seed loses this many points."""

SMOOTHING = 0.2
"""Residuals of real runs are smoothed by this share of their standard deviation."""


class Law(Protocol):
    """A distribution of seeds with mean 0."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Independent scores, in points."""
        ...


@dataclass(frozen=True)
class Normal:
    """Normal seeds."""

    sd_percent: float

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Independent scores, in points."""
        return self.sd_percent * rng.standard_normal(shape)


@dataclass(frozen=True)
class Collapse:
    """Normal seeds of which a share loses `points`."""

    chance: float
    sd_percent: float = 3.0
    points: float = COLLAPSE_POINTS

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Independent scores, in points."""
        collapsed = rng.random(shape) < self.chance
        return self.sd_percent * rng.standard_normal(shape) + self.points * (self.chance - collapsed)


@dataclass(frozen=True)
class TypicalWithCollapse:
    """As `Collapse`, but the mean of the seeds that do not collapse is 0."""

    chance: float
    sd_percent: float = 3.0
    points: float = COLLAPSE_POINTS

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Independent scores, in points."""
        collapsed = rng.random(shape) < self.chance
        return self.sd_percent * rng.standard_normal(shape) - self.points * collapsed


@dataclass(frozen=True)
class Exponential:
    """Exponential seeds; a negative scale has its long tail below the mean."""

    scale_percent: float

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Independent scores, in points."""
        return self.scale_percent * (rng.standard_exponential(shape) - 1.0)


@dataclass(frozen=True)
class StudentT:
    """Seeds with heavy tails on both sides."""

    scale_percent: float
    df: int = 3

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Independent scores, in points."""
        return self.scale_percent * rng.standard_t(self.df, shape)


@dataclass(frozen=True)
class Residuals:
    """Residuals of real runs of one method on one task, drawn with replacement and smoothed."""

    residuals_percent: tuple[float, ...]

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Independent scores, in points."""
        values = np.asarray(self.residuals_percent)
        smooth = SMOOTHING * float(values.std(ddof=1))
        return values[rng.integers(0, len(values), shape)] + smooth * rng.standard_normal(shape)


@cache
def real_laws() -> Mapping[str, Residuals]:
    """One law for every method and task of the d3rlpy benchmark runs, ten seeds each."""
    runs = read_d3rlpy_runs()
    laws = {}
    for (method, task), rows in runs[runs["selection"] == "last"].groupby(["method", "task"], sort=True):
        scores = rows["score_percent"].to_numpy(dtype=float)
        laws[f"{method} {task}"] = Residuals(tuple(scores - scores.mean()))
    return laws


LEAST_PUBLIC_RUNS = 20
"""Groups of public runs with at least as many seeds serve as finite populations."""


@cache
def public_groups() -> Mapping[str, np.ndarray]:
    """Scores less their mean of every group of public runs with many seeds, `[seeds]`, in points.

    The rule was not chosen on these runs: they confirm it.
    """
    runs = reader.read_runs()
    key = ["source", "method", "variant", "settings", "task"]
    groups = {}
    for name, rows in runs[runs["selection"] == "last"].groupby(key, sort=True, dropna=False):
        scores = rows["score_percent"].to_numpy(dtype=float)
        if len(scores) >= LEAST_PUBLIC_RUNS:
            groups[" ".join(map(str, name))] = scores - scores.mean()
    return groups


@dataclass(frozen=True)
class Mixture:
    """In each study one of several laws, the same for all its seeds: `shape[0]` studies."""

    laws: tuple[Residuals, ...]

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Scores `[studies, seeds]`; study i has the law i modulo their number, whatever was drawn before."""
        scores = np.empty(shape)
        for place, law in enumerate(self.laws):
            rows = scores[place :: len(self.laws)]
            scores[place :: len(self.laws)] = law.draw(rng, rows.shape)
        return scores


MADE_UP: Mapping[str, tuple[Law, Law]] = {
    **{f"normal, sds 1:{ratio:g}": (Normal(0.1), Normal(0.1 * ratio)) for ratio in (1, 2, 3, 4, 8)},
    **{f"normal, sds {ratio:g}:1": (Normal(0.1 * ratio), Normal(0.1)) for ratio in (2, 3, 4, 8)},
    **{
        f"collapse {chance:.0%}": (Collapse(chance), Collapse(chance))
        for chance in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
    },
    "minus exponential": (Exponential(-0.3), Exponential(-0.3)),
    "exponential": (Exponential(0.3), Exponential(0.3)),
    "t, 3 df": (StudentT(0.3), StudentT(0.3)),
}
"""Name -> laws of our and the reported side. Small scales: there a claim on either side errs."""
