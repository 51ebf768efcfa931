"""Spreads that have columns or rows of their own: joined with the mean that they belong to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from paper_tables.user_tables.grid import PrintedCell

_WORDS = (
    r"±|\+/-|std\.?|s\.?d\.?|stdev|std\.? ?dev\.?|stderr|std\.? ?err\.?|s\.?e\.?m?\.?|spread|"
    r"standard (?:deviation|error)|ci"
)
IS_SPREAD = re.compile(rf"^(?:{_WORDS})$", re.IGNORECASE)
IS_MEAN = re.compile(r"^(?:mean|score|avg\.?|average|normali[sz]ed score|result)$", re.IGNORECASE)
_OF_SPREAD = re.compile(rf"^(?P<of>.*[^\s_.:/(\[|-])(?:[\s_.:/(\[|-]+)(?:{_WORDS})[)\]]*$", re.IGNORECASE)
_OF_MEAN = re.compile(
    r"^(?P<of>.*[^\s_.:/(\[|-])[\s_.:/(\[|-]+(?:mean|score|avg\.?|average|result)[)\]]*$", re.IGNORECASE
)
_SIGN = re.compile(r"^(?:±|\+/-|\+-)$")
_SIGN_AND_NUMBER = re.compile(r"^(?:±|\+/-|\+-)\s*(?:\d+(?:\.\d+)?|\.\d+)$")
Grid = list[list[PrintedCell]]


def join_columns(table: Grid) -> Grid:
    """A table without columns of plus-minus signs: ``66.3 | ± | 4.2`` and ``66.3 | ± 4.2`` are one cell.

    Args:
        table: rows of equal length.
    """
    place = 1
    while place < len(table[0]):
        rows = [row for row in table if row[place - 1].number is not None and row[place].text]
        signs = [bool(_SIGN.match(row[place].text)) for row in rows]
        if signs and all(signs) and place + 1 < len(table[0]):
            table = [_without(row, place, place + 1) for row in table]
        elif rows and all(_SIGN_AND_NUMBER.match(row[place].text) for row in rows):
            table = [_without(row, place - 1, place) for row in table]
        else:
            place += 1
    return table


def _without(row: list[PrintedCell], left: int, right: int) -> list[PrintedCell]:
    """A row with two of its cells as one; the heading of the left, or else of the right."""
    one, two = row[left], row[right]
    if _SIGN.match(one.text) or _SIGN_AND_NUMBER.match(two.text):
        text = f"{one.text} {two.text}".strip()
    else:
        text = one.text or two.text
    return [*row[:left], replace(one, text=text, bold=one.bold or two.bold), *row[right + 1 :]]


def columns_of_spreads(parts: list[list[str]]) -> dict[int, int]:
    """Which column has the spreads of which, by the headings; a mean's heading loses its word for mean.

    Args:
        parts: texts of the headings above each column; changed in place.

    Returns:
        Place of the means -> place of their spreads.
    """
    spreads: dict[int, int] = {}
    for place, part in enumerate(parts):
        if not part:
            continue
        if IS_SPREAD.match(part[-1]):
            if place and place - 1 not in spreads.values():
                spreads[place - 1] = place
                if parts[place - 1] and IS_MEAN.match(parts[place - 1][-1]) and len(parts[place - 1]) > 1:
                    parts[place - 1] = parts[place - 1][:-1]
        elif match := _OF_SPREAD.match(part[-1]):
            means = [other for other in range(len(parts)) if other != place and parts[other]]
            means = [other for other in means if _plain(_stem(parts[other][-1])) == _plain(match["of"])]
            means = [other for other in means if parts[other][:-1] == part[:-1]]
            if len(means) == 1:
                spreads[means[0]] = place
                parts[means[0]] = [*parts[means[0]][:-1], match["of"]]
    return spreads


def _stem(heading: str) -> str:
    match = _OF_MEAN.match(heading)
    return match["of"] if match else heading


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter == "+")


def with_spread(body: Sequence[PrintedCell], place: int, spreads: dict[int, int]) -> PrintedCell:
    """A mean with the spread that has a column of its own."""
    other = body[spreads[place]] if place in spreads and spreads[place] < len(body) else None
    return joined(body[place], other)


def joined(cell: PrintedCell, spread: PrintedCell | None) -> PrintedCell:
    """A mean with its spread in one cell; unchanged where it has one, or the other is empty."""
    if spread is None or not spread.text or cell.number is None or cell.number[1] is not None:
        return cell
    return replace(cell, text=f"{cell.text} ± {spread.text.lstrip('±+/- ')}")
