"""A column under another checkpoint rule than its table: the best of each run for its last, or so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.user_tables.numbers import UserTable
from paper_tables.user_tables.sources import cells_agree

BEST = "best_online"
SELECTIONS = ("last", "best")
LEAST_OTHERS = 2
"""So many other columns, all under one rule, say that of a table whose columns are from several documents."""


@dataclass(frozen=True)
class OtherRule:
    """A column whose numbers are a document's under another rule than the table's.

    Attributes:
        heading: the column.
        document: whose numbers they are.
        rule: under which the document has them.
        wanted: the document's rule that fits the table.
        reason: what says the table's rule.
        certainty: how sure it is.
        rows: cells that differ: the user's and the document's, columns ending in `_x` and `_y`.
    """

    heading: str
    document: str
    rule: str
    wanted: str
    reason: str
    certainty: str
    rows: pd.DataFrame


def other_rules(table: UserTable, cells: pd.DataFrame, stated: str | None = None) -> Iterator[OtherRule]:
    """The columns under another rule than the rest of the table.

    The table's rule is what the user states; else that of most columns from the same document (of as many
    that which is not the best: the best is the optimistic one); else that of all other columns, of which
    there must be two. Nothing is found where the document has no number of the method under the table's rule.

    Args:
        table: the user's, its columns compared with their documents.
        cells: all reported numbers of tasks.
        stated: `last` (or any rule that is not the best) or `best`, where the user says it.

    Raises:
        TablesError: `stated` is neither.
    """
    if stated is not None and stated not in SELECTIONS:
        raise TablesError(f"select is '{stated}'; allowed are {' and '.join(SELECTIONS)}.")
    numbers = table.numbers
    copied = numbers[numbers["copied_from"].notna() & (numbers["selection"] != "unknown")]
    columns = frames.records(copied.drop_duplicates("method")[["method", "copied_from", "selection"]])
    for column in columns:
        same = [other for other in columns if other["copied_from"] == column["copied_from"]]
        others = [other["selection"] == BEST for other in columns if other is not column]
        if stated is not None:
            wants_best, reason, certainty = stated == "best", "as is stated", "likely"
        elif len(same) > 1:
            best = sum(other["selection"] == BEST for other in same)
            wants_best, certainty = 2 * best > len(same), "likely"
            reason = f"as the other columns of {column['copied_from']} here are"
        elif len(others) >= LEAST_OTHERS and len(set(others)) == 1:
            wants_best, reason, certainty = others[0], "as all other columns here are", "possible"
        else:
            continue
        if wants_best == (column["selection"] == BEST):
            continue
        theirs = cells[(cells["document"] == column["copied_from"]) & (cells["selection"] != "unknown")]
        theirs = theirs[(theirs["selection"] == BEST) == wants_best]
        found = _differing(copied[copied["method"] == column["method"]], theirs)
        if found is not None:
            wanted = str(found["selection"].iloc[0])
            document, rule = column["copied_from"], column["selection"]
            yield OtherRule(column["method"], document, rule, wanted, reason, certainty, found)


def _differing(column: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame | None:
    """The cells that differ under the other rule; None where the document has too few of them to say."""
    names = ["method_key", "task", "score_percent", "decimals"]
    other = theirs[[*names, "selection"]].drop_duplicates(["method_key", "task"])
    mine = column[names].drop_duplicates("task")
    both = mine.merge(other, on=["method_key", "task"])
    if 2 * len(both) < len(mine):
        return None
    ends = ("_x", "_y")
    agree = [
        cells_agree(*({name: row[name + end] for name in ("score_percent", "decimals")} for end in ends))
        for row in frames.records(both)
    ]
    differing = both[[not same for same in agree]]
    return None if differing.empty else differing
