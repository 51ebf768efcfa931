"""Counts and names with their noun, as messages print them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def ended(said: object) -> str:
    """What a library says, on one line and with one full stop, as the end of a sentence of ours."""
    return " ".join(str(said).split()).rstrip(".") + "."


def how_many(count: int, noun: str) -> str:
    """A count with its noun: "1 finding", "2 findings"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def first_of(texts: Sequence[str], most: int) -> str:
    """The first of several texts and how many more there are: "a, b and 3 more"."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def named(noun: str, names: Iterable[str]) -> str:
    """Names after their noun: "column a", "columns a, b"."""
    listed = list(names)
    return f"{noun}{'' if len(listed) == 1 else 's'} {', '.join(listed)}"
