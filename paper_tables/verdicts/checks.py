"""What no verdict can be computed from: refused here, in one message each, by every module of the package.

The checks take numbers and arrays alike. They return what they have checked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from recheck.errors import TablesError
from recheck.words import how_many

LARGEST_PERCENT = 1e9
"""No score, spread or margin in percent is larger. Its square must stay a finite number."""

SAME_SHARE = 1e-6
SAME_PERCENT = 1e-9
"""Seeds that differ by less than this share of the largest, or by less than this, differ by rounding only."""


def numbers(values: Any, what: str) -> np.ndarray:
    """As an array of numbers with one axis or more; infinite and NaN are let through.

    Args:
        values: one number or an array.
        what: their name in the message.

    Raises:
        TablesError: text, true or false, None, or anything else that is not a number.
    """
    try:
        return np.atleast_1d(_as_floats(values))
    except (TypeError, ValueError, OverflowError) as error:
        raise TablesError(f"{what} is {_short(values)}; it must be a number.") from error


def finite(values: Any, what: str) -> Any:
    """Numbers in percent: finite and not beyond `LARGEST_PERCENT`.

    Args:
        values: one number or an array.
        what: their name in the message, such as `The reported score`.

    Raises:
        TablesError: one of them is not a number, is not finite, or is too large.
    """
    found = numbers(values, what)
    wrong = found[~(np.abs(found) <= LARGEST_PERCENT)]
    if wrong.size == 0:
        return values
    if math.isfinite(wrong[0]):
        raise TablesError(f"{what} is {wrong[0]:g}, which is not a figure in percent.")
    raise TablesError(f"{what} is {wrong[0]:g}; it must be a finite number.")


def number(value: Any, what: str) -> float:
    """One finite number, not an array.

    Args:
        value: the number.
        what: its name in the message.

    Raises:
        TablesError: it is not a single number, is not finite, or is too large.
    """
    if numbers(value, what).shape != (1,) or np.ndim(value) != 0:
        raise TablesError(f"{what} is {_short(value)}; it must be one number.")
    return float(finite(value, what))


def between(value: Any, what: str, low: float, high: float) -> float:
    """One number above `low` and below `high`.

    Args:
        value: the number.
        what: its name in the message.
        low: lower border, not allowed itself.
        high: upper border, not allowed itself.

    Raises:
        TablesError: it is not a single number, or outside.
    """
    single = np.ndim(value) == 0 and float(numbers(value, what)[0])
    if single is False or not low < single < high:
        raise TablesError(f"{what} is {_short(value)}; it must be above {low:g} and below {high:g}.")
    return float(value)


def not_negative(values: Any, what: str) -> Any:
    """As `finite`, and 0 or more.

    Args:
        values: one number or an array.
        what: their name in the message.

    Raises:
        TablesError: as `finite`, or one of them is below 0.
    """
    found = numbers(finite(values, what), what)
    if (found < 0).any():
        raise TablesError(f"{what} is {found.min():g}; it must be 0 or more.")
    return values


def margin(values: Any) -> Any:
    """A margin in points, finite and above 0.

    Args:
        values: one margin or an array of them.

    Raises:
        TablesError: as `finite`, or one of them is not above 0.
    """
    found = numbers(values, "The margin")
    if found.size == 0:
        raise TablesError("The margin is not given.")
    finite(found[~np.isnan(found)], "The margin")
    if not (found > 0).all():
        raise TablesError(f"The margin is {found[~(found > 0)][0]:g} points; it must be above 0.")
    return values


def level(value: float) -> float:
    """The level of a one-sided test, above 0 and below 0.5.

    Raises:
        TablesError: it is not.
    """
    return between(value, "The level of a one-sided test", 0.0, 0.5)


def p_values(values: Any) -> np.ndarray:
    """P values, from 0 to 1, as an array.

    Raises:
        TablesError: one of them is not.
    """
    if not isinstance(values, Iterable) or isinstance(values, str | Mapping):
        raise TablesError(f"P values must be a list of numbers, not {_short(values)}.")
    found = numbers(values if isinstance(values, np.ndarray) else list(values), "A p value")
    if not ((found >= 0) & (found <= 1)).all():
        wrong = found[~((found >= 0) & (found <= 1))][0]
        raise TablesError(f"A p value is {wrong:g}; it must be from 0 to 1.")
    return found


def count(value: Any, what: str, least: int = 1) -> int:
    """A whole number, given as an int or as a float such as 5.0.

    Args:
        value: the number.
        what: its name in the message, such as `The reported number of seeds`.
        least: the smallest that is allowed.

    Raises:
        TablesError: it is not a whole number, or below `least`.
    """
    whole = (
        isinstance(value, int | float | np.integer | np.floating)
        and not isinstance(value, bool)
        and least <= value <= LARGEST_PERCENT
        and value == int(value)
    )
    if not whole:
        raise TablesError(f"{what} is {_short(value)}; it must be a whole number, {least} or more.")
    return int(value)


def counts(values: Any, what: str, least: int) -> np.ndarray:
    """Whole numbers, as an array.

    Args:
        values: one number or an array.
        what: their name in the message.
        least: the smallest that is allowed.

    Raises:
        TablesError: one of them is not a whole number, or below `least`.
    """
    try:
        numbers = np.asarray(values)
    except ValueError as error:
        raise TablesError(f"{what} is {_short(values)}; it must be a whole number.") from error
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
        TablesError: they are not a list of finite numbers, or too few.
    """
    try:
        found = _as_floats(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise TablesError(
            f"A verdict needs one score per seed, in numbers; {whose} are not: {error}."
        ) from error
    if found.ndim != 1:
        raise TablesError(
            f"A verdict needs a list with one score per seed, not an array of shape {found.shape}."
        )
    if found.size < least:
        raise TablesError(
            f"A verdict needs at least {how_many(least, 'seed')} on a side; {whose} are {found.size}."
        )
    if not np.isfinite(found).all():
        raise TablesError(
            f"A verdict needs finite scores; one of {whose} is {found[~np.isfinite(found)][0]}."
        )
    result: np.ndarray = finite(found, f"One score of {whose}")
    return result


def of_kind(value: Any, kind: type, what: str) -> None:
    """An argument that must be an object of one class.

    Args:
        value: the argument.
        kind: the class.
        what: its name in the message.

    Raises:
        TablesError: it is something else.
    """
    if not isinstance(value, kind):
        raise TablesError(f"{what} must be a {kind.__name__}, not {_short(value)}.")


def list_of(values: Any, kind: type, what: str) -> None:
    """A list or tuple of objects of one class.

    Args:
        values: the argument.
        kind: the class of its members.
        what: its name in the message.

    Raises:
        TablesError: it is something else, or a member is.
    """
    if not isinstance(values, list | tuple) or not all(isinstance(value, kind) for value in values):
        raise TablesError(f"{what} must be a list of {kind.__name__}, not {_short(values)}.")


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
    """As an array of numbers; text that looks like one is not a number, nor are true and false.

    Raises:
        TypeError: it holds text, true or false, or complex numbers.
        ValueError: it is not an array.
        OverflowError: a whole number is too large.
    """
    found = np.asarray(values)
    if found.dtype.kind in "US":
        raise TypeError("text is not a number")
    if found.dtype.kind == "b" or (isinstance(values, list | tuple) and any(map(_is_bool, values))):
        raise TypeError("true and false are not numbers")
    if found.dtype.kind == "O" and any(value is None for value in found.flat):
        raise TypeError("None is not a number")
    if found.dtype.kind == "c":
        raise TypeError("a complex number is not a score")
    return np.asarray(values, dtype=float)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _short(value: Any) -> str:
    """What was given, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
