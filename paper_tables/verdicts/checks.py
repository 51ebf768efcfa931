"""What no verdict can be computed from: refused here, in one sentence each, by every module of the package.

The checks take numbers and arrays alike. They return what they have checked.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from recheck.errors import TablesError

LARGEST_PERCENT = 1e9
"""No score, spread or margin in percent is larger. Its square must stay a finite number."""

SAME_SHARE = 1e-6
SAME_PERCENT = 1e-9
"""Seeds that differ by less than this share of the largest, or by less than this, differ by rounding only."""


def finite(values: Any, what: str) -> Any:
    """Numbers in percent: finite and not beyond `LARGEST_PERCENT`.

    Args:
        values: one number or an array.
        what: their name in the message, such as `The reported score`.

    Raises:
        TablesError: one of them is no number, is not finite, or is too large.
    """
    numbers = _numbers(values, what)
    wrong = numbers[~(np.abs(numbers) <= LARGEST_PERCENT)]
    if wrong.size == 0:
        return values
    if math.isfinite(wrong[0]):
        raise TablesError(f"{what} is {wrong[0]:g}, which is no figure in percent.")
    raise TablesError(f"{what} is {wrong[0]:g}; it must be a finite number.")


def not_negative(values: Any, what: str) -> Any:
    """As `finite`, and 0 or more.

    Args:
        values: one number or an array.
        what: their name in the message.

    Raises:
        TablesError: as `finite`, or one of them is below 0.
    """
    numbers = _numbers(finite(values, what), what)
    if (numbers < 0).any():
        raise TablesError(f"{what} is {numbers.min():g}; it must be 0 or more.")
    return values


def margin(values: Any) -> Any:
    """A margin in points, finite and above 0.

    Args:
        values: one margin or an array of them.

    Raises:
        TablesError: as `finite`, or one of them is not above 0.
    """
    numbers = _numbers(values, "The margin")
    finite(numbers[~np.isnan(numbers)], "The margin")
    if not (numbers > 0).all():
        raise TablesError(f"The margin is {numbers[~(numbers > 0)][0]:g} points; it must be above 0.")
    return values


def level(value: float) -> float:
    """The level of a one-sided test, above 0 and below 0.5.

    Raises:
        TablesError: it is not.
    """
    if not 0 < float(_numbers(value, "The level")[0]) < 0.5:
        raise TablesError(f"The level of a one-sided test is {value:g}; it must be above 0 and below 0.5.")
    return value


def p_values(values: Any) -> np.ndarray:
    """P values, from 0 to 1, as an array.

    Raises:
        TablesError: one of them is not.
    """
    numbers = _numbers(values, "A p value")
    if not ((numbers >= 0) & (numbers <= 1)).all():
        wrong = numbers[~((numbers >= 0) & (numbers <= 1))][0]
        raise TablesError(f"A p value is {wrong:g}; it must be from 0 to 1.")
    return numbers


def count(value: Any, what: str, least: int = 1) -> int:
    """A whole number, given as an int or as a float such as 5.0.

    Args:
        value: the number.
        what: its name in the message, such as `The reported number of seeds`.
        least: the smallest that is allowed.

    Raises:
        TablesError: it is no whole number, or below `least`.
    """
    whole = (
        isinstance(value, int | float | np.integer | np.floating)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value == int(value)
    )
    if not whole or value < least:
        raise TablesError(f"{what} is {value}; it must be a whole number, {least} or more.")
    return int(value)


def counts(values: Any, what: str, least: int) -> np.ndarray:
    """Whole numbers, as an array.

    Args:
        values: one number or an array.
        what: their name in the message.
        least: the smallest that is allowed.

    Raises:
        TablesError: one of them is no whole number, or below `least`.
    """
    numbers = np.asarray(values)
    if numbers.dtype.kind in "iu" and numbers.size and numbers.min() >= least:
        return numbers
    if numbers.size == 0:
        raise TablesError(f"{what} is not given.")
    return np.vectorize(lambda value: count(value, what, least), otypes=[int])(numbers)  # type: ignore[no-any-return]


def scores(values: Any, whose: str, least: int = 1) -> np.ndarray:
    """One score per training seed, `[seeds]`, as an array.

    Args:
        values: the scores, in percent.
        whose: `ours`, for the message.
        least: the smallest number of seeds.

    Raises:
        TablesError: they are no list of finite numbers, or too few.
    """
    try:
        found = _as_floats(values)
    except (TypeError, ValueError) as error:
        raise TablesError(
            f"A verdict needs one score per seed, in numbers; {whose} are not: {error}."
        ) from error
    if found.ndim != 1:
        raise TablesError(
            f"A verdict needs a list with one score per seed, not an array of shape {found.shape}."
        )
    if found.size < least:
        raise TablesError(f"A verdict needs at least {least} seed(s) on a side; {whose} are {found.size}.")
    if not np.isfinite(found).all():
        raise TablesError(
            f"A verdict needs finite scores; one of {whose} is {found[~np.isfinite(found)][0]}."
        )
    result: np.ndarray = finite(found, f"One score of {whose}")
    return result


def identical(values: np.ndarray) -> bool:
    """Whether all scores are the same up to the rounding of floating point.

    Args:
        values: at least one score, `[seeds]`.
    """
    return bool(np.ptp(values) <= max(SAME_PERCENT, SAME_SHARE * float(np.abs(values).max())))


def sample_sd(values: np.ndarray) -> float:
    """Sample standard deviation over seeds, exactly 0 where the seeds differ by rounding only.

    Args:
        values: at least two scores, `[seeds]`.
    """
    return 0.0 if identical(values) else float(values.std(ddof=1))


def at_bound(score_percent: float) -> bool:
    """Whether a score is 0 or 100 up to rounding, where all seeds can agree without a mistake."""
    return min(abs(score_percent), abs(score_percent - 100.0)) <= SAME_PERCENT


def _as_floats(values: Any) -> np.ndarray:
    """As an array of numbers; text that looks like one is no number.

    Raises:
        TypeError: it holds text.
        ValueError: it is no array.
    """
    if np.asarray(values).dtype.kind in "US":
        raise TypeError("text is no number")
    return np.asarray(values, dtype=float)


def _numbers(values: Any, what: str) -> np.ndarray:
    try:
        return np.atleast_1d(_as_floats(values))
    except (TypeError, ValueError) as error:
        raise TablesError(f"{what} is {values!r}; it must be a number.") from error
