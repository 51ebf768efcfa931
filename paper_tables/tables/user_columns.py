"""A paper's layout with the columns of a user's methods: next to their reported numbers, or after them."""

from __future__ import annotations

import copy
from typing import Any

import pandas as pd

from paper_tables import frames
from paper_tables.scores.tables import STATED
from paper_tables.tables.column_layout import reported_of_column


def with_user_methods(layout: dict[str, Any], runs: pd.DataFrame | None) -> dict[str, Any]:
    """The layout with a user's methods in it; the layout itself where no scores are a user's.

    A method that the paper has in a column is shown next to it and judged, in the paper's own column before
    columns that only copy or vary it. Any other method gets a column at the end. Bold, totals and marks take
    the user's columns in, and each method is compared at its own length of training.

    Args:
        layout: as `read_layout` gives it.
        runs: rows of the schema ``scores``.
    """
    if runs is None or runs.empty or STATED not in set(runs["comparability"]):
        return layout
    methods = sorted(set(runs.loc[runs["comparability"] == STATED, "method"]))
    changed = copy.deepcopy(layout)
    changed["bold"]["over"] = "all"
    rules = list(frames.load_schema("scores")["items"]["properties"]["selection"]["enum"])
    present = [rule for rule in rules if rule in set(runs["selection"])]
    if changed["our_selection"] not in present:
        changed["our_selection"] = present[0]
    for column in changed["columns"]:
        if "ours" in column and column["ours"]["method"] not in methods:
            del column["ours"]
    for method in methods:
        column = _column_of(changed, method)
        if column is None:
            headings = {item["heading"] for item in changed["columns"]}
            heading = method if method not in headings else f"{method} (yours)"
            changed["columns"].append({"heading": heading, "ours": {"method": method, "variant": STATED}})
        elif "ours" not in column:
            column["ours"] = {"method": method, "variant": STATED}
    return changed


def _column_of(layout: dict[str, Any], method: str) -> dict[str, Any] | None:
    """The column that prints a method; the layout's own choice, then the one with most numbers."""
    with_ours = [item for item in layout["columns"] if item.get("ours", {}).get("method") == method]
    first: dict[str, Any] | None = with_ours[0] if with_ours else None
    for extra in with_ours[1:]:
        # One column judges a user's scores; further variants of the method are the paper's alone.
        del extra["ours"]
    if first is not None:
        return first
    found = []
    for column in layout["columns"]:
        if "reported" not in column:
            continue
        numbers = reported_of_column(layout, column)
        keys = set(numbers.loc[numbers["method"] == column["reported"], "method_key"])
        if keys == {method}:
            found.append((int((numbers["method"] == column["reported"]).sum()), column))
    return max(found, key=lambda item: item[0])[1] if found else None
