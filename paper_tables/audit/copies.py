"""Rules: one number in several documents."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from paper_tables.audit.claims import (
    EPSILON,
    LEAST_REPEATED_NUMBERS,
    LEAST_REPEATED_WHOLE_NUMBERS,
    Claim,
    Finding,
    agree,
    grouped_by,
    make_finding,
    number_text,
    place_of,
    places_of,
    same_selection,
    stated_in,
    value_text,
)

LEAST_EQUAL_ROWS = 5
SHARE_OF_EQUAL_ROWS = 0.8
"""Rows of two columns that are equal to the last digit: so many and such a share are no chance."""


def reported_differently(claims: list[Claim]) -> Iterator[Finding]:
    """One cell or aggregate that several places print with different values.

    Held against each other are the numbers of a method by its own authors and copies of them; reruns are
    other experiments and may differ. Numbers of two stated selection rules are not held against each other.
    """
    candidates = [claim for claim in claims if claim["origin"] in ("own", "copied")]
    for _, group in sorted(grouped_by(candidates, "method_key", "suite", "aggregate", "task").items()):
        own = [claim for claim in group if claim["origin"] == "own"]
        usual = Counter(value_text(claim) for claim in group).most_common()
        commonest = min((value for value, count in usual if count == usual[0][1]), key=float)
        references = own or [claim for claim in group if value_text(claim) == commonest]
        deviating: dict[str, list[Claim]] = defaultdict(list)
        for claim in group:
            comparable = [
                other for other in references if other is not claim and same_selection(claim, other)
            ]
            if comparable and not any(agree(claim, other) for other in comparable):
                deviating[value_text(claim)].append(claim)
        reported_pairs: set[frozenset[str]] = set()
        for value, places in sorted(deviating.items()):
            comparable = [other for other in references if same_selection(places[0], other)]
            nearest = min(
                (other for other in comparable if not agree(other, places[0])),
                key=lambda other: (abs(other["score_percent"] - places[0]["score_percent"]), place_of(other)),
            )
            pair = frozenset((value, value_text(nearest)))
            if pair in reported_pairs:
                continue
            reported_pairs.add(pair)
            printed_alike = [other for other in comparable if agree(other, nearest)]
            yield make_finding(
                "reported_differently",
                "contradiction",
                places[0],
                value,
                places_of(printed_alike),
                value_text(nearest),
                f"{places[0]['method']} on {places[0]['task']} is {value} here and "
                f"{value_text(nearest)} there.",
                source=places_of(places),
                read_in=stated_in(*places, nearest),
            )
    yield from _printed_twice(candidates)


def _printed_twice(claims: list[Claim]) -> Iterator[Finding]:
    """One table that prints one cell twice with two values."""
    columns = ("document", "table", "method", "suite", "task", "selection")
    for _, group in sorted(grouped_by(claims, *columns).items()):
        for other in group[1:]:
            if not agree(group[0], other):
                yield make_finding(
                    "reported_differently",
                    "contradiction",
                    group[0],
                    value_text(group[0]),
                    place_of(other),
                    value_text(other),
                    f"The table prints {other['method']} on {other['task']} twice, as {value_text(group[0])} "
                    f"and as {value_text(other)}.",
                    read_in=stated_in(group[0], other),
                )


def copy_is_not_the_original(claims: list[Claim]) -> Iterator[Finding]:
    """A number that says which document it is copied from and is another one there."""
    originals = grouped_by(claims, "document", "method_key", "suite", "aggregate", "task")
    for claim in claims:
        if not claim["copied_from"]:
            continue
        key = (
            claim["copied_from"],
            claim["method_key"],
            claim["suite"],
            claim["aggregate"],
            claim["task"],
        )
        sources = [other for other in originals.get(key, []) if same_selection(claim, other)]
        if sources and not any(agree(claim, other) for other in sources):
            yield make_finding(
                "copy_is_not_the_original",
                "contradiction",
                claim,
                value_text(claim),
                places_of(sources),
                value_text(sources[0]),
                f"{place_of(claim)} gives {value_text(claim)} as copied from {claim['copied_from']}, "
                "which prints "
                f"{value_text(sources[0])}.",
                read_in=stated_in(claim, sources[0]),
            )


def value_of_another_column(claims: list[Claim]) -> Iterator[Finding]:
    """A copy that is not its original's number but that of a variant of the method or of somebody's rerun."""
    cells = grouped_by((claim for claim in claims if claim["aggregate"] == "cell"), "suite", "task")
    for _, group in sorted(cells.items()):
        for claim in group:
            if claim["origin"] != "copied":
                continue
            own = [
                other
                for other in group
                if other["origin"] == "own" and other["method_key"] == claim["method_key"]
            ]
            if not own or any(agree(claim, other) for other in own):
                continue
            others = [
                other
                for other in group
                if other["document"] != claim["document"]
                and other["origin"] != "copied"
                and (
                    other["method_key"].startswith(claim["method_key"] + "_")
                    or (other["method_key"] == claim["method_key"] and other["origin"] == "rerun")
                )
                and agree(claim, other)
            ]
            if others:
                yield make_finding(
                    "value_of_another_column",
                    "contradiction",
                    claim,
                    value_text(claim),
                    places_of(others),
                    value_text(others[0]),
                    f"{value_text(claim)} stands as {claim['method']} but is {others[0]['method']} of "
                    f"{place_of(others[0])}; {place_of(own[0])} prints {value_text(own[0])} for "
                    f"{own[0]['method']}.",
                    read_in=stated_in(claim, others[0]),
                )


def columns_that_repeat(claims: list[Claim]) -> Iterator[Finding]:
    """Two columns of one table, headed differently, with the same numbers in all rows of a suite."""
    cells = [claim for claim in claims if claim["aggregate"] == "cell"]
    for _, rows in sorted(grouped_by(cells, "document", "table", "suite").items()):
        columns: dict[tuple[str, str], dict[str, Claim]] = defaultdict(dict)
        for row in rows:
            columns[(row["method"], row["selection"])][row["task"]] = row
        names = list(columns)
        for position, name in enumerate(names):
            for other_name in names[position + 1 :]:
                first, second = columns[name], columns[other_name]
                common = [task for task in first if task in second]
                # One column may have more rows, but what the shorter one has must be the other's.
                if name[0] == other_name[0] or len(common) < min(len(first), len(second)):
                    continue
                different = {first[task]["score_percent"] for task in common}
                whole = max((first[task]["decimals"] for task in common), default=0) == 0
                if len(different) < (LEAST_REPEATED_WHOLE_NUMBERS if whole else LEAST_REPEATED_NUMBERS):
                    continue
                if any(first[task]["score_percent"] != second[task]["score_percent"] for task in common):
                    continue
                task = common[0]
                printed = ", ".join(value_text(first[task]) for task in common)
                yield make_finding(
                    "columns_that_repeat",
                    "contradiction",
                    second[task],
                    printed,
                    f"{place_of(first[task])} ({name[0]})",
                    printed,
                    f"The column {other_name[0]} repeats the column {name[0]} in all {len(common)} rows.",
                    task=f"{len(common)} rows",
                    read_in=stated_in(second[task], first[task]),
                )


def column_equals_another(claims: list[Claim]) -> Iterator[Finding]:
    """A rerun that equals another document's column in nearly all rows: a copy that is called a rerun.

    The later document, by arXiv number, is the copy. Two runs of one method agree to the last digit in one
    row of dozens; `SHARE_OF_EQUAL_ROWS` of at least `LEAST_EQUAL_ROWS` different numbers is no chance.
    """
    columns: dict[tuple[str, str], dict[tuple[str, str, str], dict[str, Claim]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for claim in claims:
        if claim["aggregate"] == "cell" and claim["origin"] != "copied":
            place = (claim["document"], claim["table"], claim["method"])
            columns[claim["method_key"], claim["suite"]][place][claim["task"]] = claim
    for _, places in sorted(columns.items()):
        for place, column in sorted(places.items()):
            if any(claim["origin"] != "rerun" for claim in column.values()):
                continue
            for other_place, other in sorted(places.items()):
                first, second = next(iter(column.values())), next(iter(other.values()))
                if other_place[0] == place[0] or not _may_be_the_copy(first, second):
                    continue
                common = [task for task in column if task in other and column[task]["score_percent"]]
                equal = [
                    task for task in common if column[task]["score_percent"] == other[task]["score_percent"]
                ]
                if (
                    len({column[task]["score_percent"] for task in equal}) < LEAST_EQUAL_ROWS
                    or len(equal) < SHARE_OF_EQUAL_ROWS * len(common)
                    or max(column[task]["decimals"] for task in equal) == 0
                ):
                    continue
                printed = ", ".join(value_text(column[task]) for task in equal)
                yield make_finding(
                    "column_equals_another",
                    "contradiction",
                    first,
                    printed,
                    f"{place_of(second)} ({second['method']})",
                    printed,
                    f"The column is called a rerun and equals {second['method']} of {place_of(second)} in "
                    f"{len(equal)} of {len(common)} rows.",
                    task=f"{len(equal)} of {len(common)} rows",
                    read_in=stated_in(first, second),
                )


def _may_be_the_copy(claim: Claim, other: Claim) -> bool:
    """Whether the other is the original: older by arXiv number, or the authors' own where one has none."""
    if claim["arxiv"] and other["arxiv"]:
        return bool(other["arxiv"] < claim["arxiv"])
    return bool(other["origin"] == "own")


def sub_task_for_the_group(claims: list[Claim]) -> Iterator[Finding]:
    """The value of one sub-task given for the mean of its group."""
    cells = grouped_by(
        (claim for claim in claims if claim["aggregate"] == "cell" and claim["group"]), "group", "method_key"
    )
    means = grouped_by(
        (claim for claim in claims if claim["aggregate"] == "group_mean"), "group", "method_key"
    )
    for key, group in sorted(means.items()):
        for claim in group:
            for document, rows in sorted(grouped_by(cells.get(key, []), "document", "table").items()):
                if len(rows) < 2:
                    continue
                mean = sum(row["score_percent"] for row in rows) / len(rows)
                half_digit = 0.5 * 10.0 ** -claim["decimals"]
                from_rows = sum(0.5 * 10.0 ** -row["decimals"] for row in rows) / len(rows)
                equal = [row for row in rows if agree(row, claim)]
                if equal and abs(mean - claim["score_percent"]) > half_digit + from_rows + EPSILON:
                    yield make_finding(
                        "sub_task_for_the_group",
                        "contradiction",
                        claim,
                        value_text(claim),
                        f"{document[0]}, {document[1]} ({equal[0]['method']}, {equal[0]['task']})",
                        value_text(equal[0]),
                        f"{value_text(claim)} is given for {claim['task']} but is {equal[0]['task']} alone; "
                        f"the mean of the {len(rows)} sub-tasks there is "
                        f"{number_text(mean, claim['decimals'] + 1)}.",
                        read_in=stated_in(claim, equal[0]),
                    )
