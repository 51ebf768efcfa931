"""Rules: printed totals and averages against the rows that they add up."""

from __future__ import annotations

from collections.abc import Iterator

from paper_tables.audit.claims import (
    EPSILON,
    Claim,
    Finding,
    grouped_by,
    make_finding,
    number_text,
    place_of,
    same_selection,
    stated_in,
    value_text,
)


def rows_of(aggregate: Claim, claims: list[Claim]) -> list[Claim] | None:
    """The rows that a total, average or group mean is printed over; None where they are not all here.

    They are the cells of the same document, column and suite (or group). The same table is looked in
    first, then the whole document, because a paper may print averages in one table and rows in another;
    the same selection rule first, then any that can be the same because one of the two is not stated.
    """
    column = [
        claim
        for claim in claims
        if claim["document"] == aggregate["document"]
        and claim["method"] == aggregate["method"]
        and claim["suite"] == aggregate["suite"]
        and claim["aggregate"] == "cell"
        and (aggregate["aggregate"] != "group_mean" or claim["group"] == aggregate["group"])
    ]
    exactly = [claim for claim in column if claim["selection"] == aggregate["selection"]]
    possibly = [claim for claim in column if same_selection(claim, aggregate)]
    if len({claim["selection"] for claim in possibly} - {"unknown"}) > 1:
        possibly = []
    for cells, here in ((exactly, True), (possibly, True), (exactly, False), (possibly, False)):
        rows = [cell for cell in cells if not here or cell["table"] == aggregate["table"]]
        tasks = {row["task"] for row in rows}
        complete = len(rows) == aggregate["num_rows"] if aggregate["num_rows"] else len(rows) >= 2
        if complete and len(tasks) == len(rows):
            return rows
    return None


def totals(claims: list[Claim]) -> Iterator[Finding]:
    """A total or average against its printed rows.

    ``impossible``: farther off than half a last digit per row plus the aggregate's own rounding can explain.
    ``not_the_sum_of_the_printed_rows``: within that, yet not what the printed rows give.
    """
    by_document = grouped_by(claims, "document")
    for claim in claims:
        if claim["aggregate"] == "cell":
            continue
        rows = rows_of(claim, by_document[(claim["document"],)])
        if rows is None:
            continue
        total = claim["aggregate"] == "total"
        divisor = 1 if total else len(rows)
        computed = sum(row["score_percent"] for row in rows) / divisor
        own = 0.5 * 10.0 ** -claim["decimals"]
        # A total printed with the rows' decimals is their sum exactly; only a coarser one is rounded.
        finest = max(row["decimals"] for row in rows)
        exact = total and claim["decimals"] >= finest
        from_rows = sum(0.5 * 10.0 ** -row["decimals"] for row in rows) / divisor
        difference = abs(claim["score_percent"] - computed)
        if difference <= (0.0 if exact else own) + EPSILON:
            continue
        impossible = difference > own + from_rows + EPSILON
        name = {"total": "total", "average": "average", "group_mean": "mean"}[claim["aggregate"]]
        yield make_finding(
            "totals",
            "impossible" if impossible else "not_the_sum_of_the_printed_rows",
            claim,
            value_text(claim),
            f"{place_of(rows[0])}, its {len(rows)} rows",
            number_text(computed, claim["decimals"] + (0 if total else 2)),
            f"The printed {name} is {value_text(claim)}; the {len(rows)} printed rows give "
            f"{number_text(computed, claim['decimals'] + (0 if total else 2))}, which rounding "
            f"{'cannot' if impossible else 'can'} explain.",
            read_in=stated_in(claim, rows[0]),
        )
