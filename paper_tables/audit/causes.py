"""Why a copied number differs from its original: the mistakes that people make when they copy a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paper_tables.audit.numbers import (
    EPSILON,
    PrintedNumber,
    agree,
    equal_scores,
    grouped_by,
    number_text,
)

# Ratios of two spreads of one column that are one to the printed digits differ by no more than this share.
RATIO_TOLERANCE = 0.06


@dataclass(frozen=True)
class Mismatch:
    """A copied number and the nearest place of its original."""

    number: PrintedNumber
    original: PrintedNumber


@dataclass(frozen=True)
class Cause:
    """An explanation of one mismatch.

    Attributes:
        rule: name of the finding.
        place: the number that was copied in place of the right one; None where digits were changed.
        group: mismatches of one column with an equal group are one error.
        text: the explanation for one number.
    """

    rule: str
    place: PrintedNumber | None
    group: str
    text: str


class Library:
    """All printed numbers, by what the causes look for.

    Args:
        numbers: all printed numbers.
    """

    def __init__(self, numbers: Sequence[PrintedNumber]) -> None:
        self.cells = grouped_by(numbers, "suite", "aggregate", "task")
        self.methods = grouped_by(numbers, "method_key")
        self.columns = grouped_by(numbers, "document", "table", "method")
        self.tables = grouped_by(numbers, "document", "table", "task")


def mean_and_spread_swapped(mismatch: Mismatch, _: Library) -> Cause | None:
    """The spread is printed as the mean, and the mean as the spread."""
    number, original = mismatch.number, mismatch.original
    if number.spread_percent is None or original.spread_percent is None:
        return None
    if not equal_spreads(number.score_percent, original.spread_percent):
        return None
    if not equal_spreads(number.spread_percent, original.score_percent):
        return None
    return Cause("mean_and_spread_swapped", original, "", "the mean and the spread are swapped")


def sign_lost(mismatch: Mismatch, _: Library) -> Cause | None:
    """The number with the other sign."""
    number, original = mismatch.number, mismatch.original
    if number.score_percent == 0 or not equal_scores(
        number.score_percent, number.decimals, -original.score_percent, original.decimals
    ):
        return None
    return Cause("sign_differs", original, number.task, "the sign differs")


def another_version(mismatch: Mismatch, library: Library) -> Cause | None:
    """The number of the same task in another version of the dataset."""
    number = mismatch.number
    own = number.base_and_version
    if own is None or number.score_percent == 0:
        return None
    for other in library.methods[(number.method_key,)]:
        version = other.base_and_version
        if (
            version
            and version[0] == own[0]
            and version[1] != own[1]
            and other.document != number.document
            and other.origin == "own"
            and agree(number, other)
        ):
            text = f"it is the number of {other.task}, another version of the dataset"
            return Cause("copied_from_another_version", other, f"{other.document} v{version[1]}", text)
    return None


def earlier_version(mismatch: Mismatch, library: Library) -> Cause | None:
    """The number of an earlier version of the document that is copied from."""
    number = mismatch.number
    for other in library.cells[(number.suite, number.aggregate, number.task)]:
        if other.method_key == number.method_key and other.is_superseded and agree(number, other):
            text = f"it is the number of an earlier version ({other.table})"
            return Cause("copied_from_an_earlier_version", other, other.place, text)
    return None


def another_selection(mismatch: Mismatch, library: Library) -> Cause | None:
    """The number of the same runs under another selection rule, such as best for last."""
    number, original = mismatch.number, mismatch.original
    for other in library.cells[(number.suite, number.aggregate, number.task)]:
        if (
            other.method_key == number.method_key
            and other.document == original.document
            and other.selection not in (original.selection, "unknown")
            and agree(number, other)
        ):
            text = f"it is the number under the rule {other.selection}; the rule here is {original.selection}"
            return Cause("copied_under_another_rule", other, other.selection, text)
    return None


def another_column(mismatch: Mismatch, library: Library) -> Cause | None:
    """The number of a variant, of somebody's rerun, or of another method of the same table."""
    number, original = mismatch.number, mismatch.original
    if number.score_percent == 0:
        return None
    same_cell = [
        other
        for other in library.cells[(number.suite, number.aggregate, number.task)]
        if other.document != number.document and other.origin != "copied" and agree(number, other)
    ]
    related = [
        other
        for other in same_cell
        if other.method_key.startswith(number.method_key + "_")
        or (other.method_key == number.method_key and other.origin == "rerun")
    ]
    neighbours = [
        other
        for other in library.tables[(original.document, original.table, number.task)]
        if other.method != original.method and agree(number, other)
    ]
    for other in (*related, *neighbours):
        text = f"it is {other.method} of {other.place}"
        return Cause("copied_from_another_column", other, f"{other.place} ({other.method})", text)
    return None


def another_row(mismatch: Mismatch, library: Library) -> Cause | None:
    """The number of another task of the same column."""
    number, original = mismatch.number, mismatch.original
    if number.score_percent == 0 or number.aggregate != "cell":
        return None
    for other in library.columns[(original.document, original.table, original.method)]:
        if other.task != number.task and _same_kind(other, number) and agree(number, other):
            return Cause("copied_from_another_row", other, "rows", f"it is the number of {other.task}")
    return None


def another_row_and_version(mismatch: Mismatch, library: Library) -> Cause | None:
    """The number of another task in another version of the dataset: rows of an older table were exchanged."""
    number = mismatch.number
    version = number.base_and_version
    if version is None or number.score_percent == 0:
        return None
    for other in library.methods[(number.method_key,)]:
        theirs = other.base_and_version
        if (
            theirs
            and theirs[0] != version[0]
            and theirs[1] != version[1]
            and other.suite == number.suite
            and other.origin == "own"
            and agree(number, other)
        ):
            text = f"it is the number of {other.task}, another row of another version of the dataset"
            return Cause("copied_from_another_row", other, f"{other.document} v{theirs[1]}", text)
    return None


def digits_changed(mismatch: Mismatch, _: Library) -> Cause | None:
    """One digit changed, two digits exchanged, a digit lost, or the decimal point moved."""
    number, original = mismatch.number, mismatch.original
    decimals = min(number.decimals, original.decimals)
    mine, theirs = number.text, number_text(original.score_percent, number.decimals)
    texts = {theirs, original.text, number_text(original.score_percent, decimals)}
    digits = {text.replace(".", "") for text in texts if len(text) == len(mine)}
    if any(one_slip(mine, text) for text in texts) or any(
        one_slip(mine.replace(".", ""), text) for text in digits
    ):
        return Cause("digits_differ", None, number.task, "one digit differs, or two are exchanged")
    ratio = abs(original.score_percent / number.score_percent) if number.score_percent else 0.0
    if any(math.isclose(ratio, factor, rel_tol=1e-2) for factor in (0.01, 0.1, 10.0, 100.0)):
        return Cause("digits_differ", None, number.task, "the decimal point is moved")
    return None


CAUSES: tuple[Callable[[Mismatch, Library], Cause | None], ...] = (
    mean_and_spread_swapped,
    sign_lost,
    another_version,
    earlier_version,
    another_selection,
    another_column,
    another_row,
    another_row_and_version,
    digits_changed,
)


def _same_kind(first: PrintedNumber, second: PrintedNumber) -> bool:
    return (first.suite, first.aggregate) == (second.suite, second.aggregate)


def one_slip(first: str, second: str) -> bool:
    """Whether two numbers as text differ by one changed, exchanged, added or lost character."""
    if first == second:
        return False
    if len(first) == len(second):
        places = [place for place, pair in enumerate(zip(first, second, strict=True)) if pair[0] != pair[1]]
        if len(places) == 1:
            return True
        exchanged = len(places) == 2 and places[1] - places[0] == 1
        return exchanged and first[places[0]] == second[places[1]] and first[places[1]] == second[places[0]]
    shorter, longer = sorted((first, second), key=len)
    if len(longer) - len(shorter) != 1:
        return False
    return any(longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer)))


def equal_spreads(first: float, second: float) -> bool:
    """Whether two printed values are equal up to rounding to the coarser one's decimals."""
    return equal_scores(first, decimals_of(first), second, decimals_of(second))


def decimals_of(value: float) -> int:
    """The decimals of a number as it was typed: 2 for 8.67."""
    text = f"{value:.6f}".rstrip("0")
    return len(text.partition(".")[2])


def is_multiple(spread: float, original: float, ratio: float) -> bool:
    """Whether a printed spread can be a multiple of the original one, up to `RATIO_TOLERANCE` or rounding."""
    rounding = 0.5 * 10.0 ** -decimals_of(spread) + ratio * 0.5 * 10.0 ** -decimals_of(original)
    return abs(spread - ratio * original) <= max(rounding, RATIO_TOLERANCE * ratio * original) + EPSILON


def ratio_meaning(ratio: float, seeds: int | None) -> str | None:
    """What a constant ratio of copied to original spreads means; None for nothing that is known.

    Args:
        ratio: copied spread over original spread.
        seeds: number of training seeds of the original.
    """
    known: list[tuple[float, str]] = [(0.5, "half of the original"), (2.0, "twice the original")]
    if seeds and seeds > 1:
        root = math.sqrt(seeds)
        exact = math.sqrt(seeds / (seeds - 1))
        known = [
            (1 / root, f"the standard error over {seeds} seeds in place of the standard deviation"),
            (root, f"the standard deviation over {seeds} seeds in place of the standard error"),
            (exact, "the sample standard deviation in place of the population one"),
            (1 / exact, "the population standard deviation in place of the sample one"),
            *known,
        ]
    for value, meaning in known:
        if abs(ratio / value - 1) <= RATIO_TOLERANCE + EPSILON:
            return meaning
    return None
