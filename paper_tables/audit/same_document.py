"""Rules: what one document prints, against itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from paper_tables.audit.copies import Copies
from paper_tables.audit.numbers import (
    EPSILON,
    Finding,
    PrintedNumber,
    agree,
    grouped_by,
    number_text,
    read_in,
)


def printed_twice(numbers: Iterable[PrintedNumber], copies: Copies) -> Iterator[Finding]:
    """One table that prints one cell twice with two values."""
    columns = ("document", "table", "method", "suite", "task", "selection")
    own = (number for number in numbers if number.origin != "rerun")
    for _, group in sorted(grouped_by(own, *columns).items()):
        for other in group[1:]:
            if agree(group[0], other) or (group[0] in copies.wrong) != (other in copies.wrong):
                continue
            yield group[0].finding(
                "printed_twice",
                "contradiction",
                f"The table prints {other.method} on {other.task} twice, as {group[0].text} and as "
                f"{other.text}.",
                other_source=other.place,
                other_value=other.text,
                read_in=read_in(group[0], other),
            )


def revised(numbers: Iterable[PrintedNumber]) -> Iterator[Finding]:
    """An earlier version of a document whose numbers differ from those of the current one."""
    old = grouped_by((number for number in numbers if number.is_superseded), "document", "table", "method")
    current = grouped_by(
        (number for number in numbers if not number.is_superseded), "document", "method_key", "task"
    )
    for _, group in sorted(old.items()):
        pairs = [
            (number, other)
            for number in group
            for other in current[(number.document, number.method_key, number.task)]
            if other.selection == number.selection and other.origin == number.origin
        ]
        changed = [(number, other) for number, other in pairs if not agree(number, other)]
        if changed:
            number, other = changed[0]
            yield number.finding(
                "revised",
                "remark",
                f"{len(changed)} of {len(pairs)} numbers were changed in a later version; a copy of the "
                "earlier one is out of date.",
                task=f"{len(changed)} numbers",
                value=", ".join(pair[0].text for pair in changed),
                other_source=other.place,
                other_value=", ".join(pair[1].text for pair in changed),
                read_in=read_in(number, other),
            )


def sub_task_for_the_group(numbers: Iterable[PrintedNumber]) -> Iterator[Finding]:
    """The value of one sub-task given for the mean of its group."""
    numbers = list(numbers)
    cells = grouped_by(
        (number for number in numbers if number.aggregate == "cell" and number.group), "group", "method_key"
    )
    means = grouped_by(
        (number for number in numbers if number.aggregate == "group_mean"), "group", "method_key"
    )
    for key, group in sorted(means.items()):
        for number in group:
            for document, rows in sorted(grouped_by(cells.get(key, []), "document", "table").items()):
                if len(rows) < 2:
                    continue
                mean = sum(row.score_percent for row in rows) / len(rows)
                half_digit = 0.5 * 10.0**-number.decimals
                from_rows = sum(0.5 * 10.0**-row.decimals for row in rows) / len(rows)
                equal = [row for row in rows if agree(row, number)]
                if equal and abs(mean - number.score_percent) > half_digit + from_rows + EPSILON:
                    yield number.finding(
                        "sub_task_for_the_group",
                        "contradiction",
                        f"{number.text} is given for {number.task} but is {equal[0].task} alone; the mean of "
                        f"the {len(rows)} sub-tasks there is {number_text(mean, number.decimals + 1)}.",
                        other_source=f"{document[0]}, {document[1]} ({equal[0].method}, {equal[0].task})",
                        other_value=equal[0].text,
                        read_in=read_in(number, equal[0]),
                    )
