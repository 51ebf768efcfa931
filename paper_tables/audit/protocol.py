"""Rules: selection of the checkpoint, spread, seeds, and the range of a score."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterator

import pandas as pd
from recheck.words import how_many

from paper_tables import task_table
from paper_tables.audit.numbers import (
    Finding,
    PrintedNumber,
    agree,
    grouped_by,
    read_in,
)

STATED_SELECTIONS = ("last", "average_last_k", "best_online", "offline")
SELECTIONS_BELOW_BEST = ("last", "average_last_k", "offline")


def best_below_its_average(numbers: list[PrintedNumber]) -> Iterator[Finding]:
    """A best-over-training score below the same document's score of the same runs under another rule."""
    cells = [number for number in numbers if number.aggregate == "cell" and number.origin != "copied"]
    for _, group in sorted(grouped_by(cells, "document", "method", "task").items()):
        for best in group:
            if best.selection != "best_online":
                continue
            for other in group:
                if other.selection not in SELECTIONS_BELOW_BEST or agree(best, other):
                    continue
                if best.score_percent < other.score_percent:
                    yield best.finding(
                        "best_below_its_average",
                        "impossible" if other.selection != "offline" else "contradiction",
                        (
                            f"The best over training is {best.text}, below the "
                            f"{other.text} that the same document prints under the rule "
                            f"{other.selection}."
                        ),
                        other_source=f"{other.place} ({other.selection})",
                        other_value=other.text,
                        read_in=read_in(best, other),
                    )


def selections_mixed(numbers: list[PrintedNumber]) -> Iterator[Finding]:
    """Two checkpoint selection rules where a reader takes the numbers for comparable.

    Within one table; for one column across the tables of a document when the rule is not stated; in a copied
    column whose rows follow different rules of the original.
    """
    cells = [number for number in numbers if number.aggregate == "cell"]
    for _, group in sorted(grouped_by(cells, "document", "table").items()):
        first_of = {number.selection: number for number in reversed(group) if number.selection != "unknown"}
        stated = [rule for rule in STATED_SELECTIONS if rule in first_of]
        if len(stated) > 1:
            first, second = first_of[stated[0]], first_of[stated[1]]
            yield _selection_finding(first, second, "One table prints numbers of both rules.")
    for _, group in sorted(grouped_by(cells, "document", "method").items()):
        for table, inferred in sorted(
            grouped_by((c for c in group if c.selection_inferred), "table").items()
        ):
            tasks = {number.task for number in inferred}
            for other in group:
                if (
                    other.table != table[0]
                    and not other.selection_inferred
                    and other.selection not in ("unknown", inferred[0].selection)
                    and other.task in tasks
                ):
                    number = next(c for c in inferred if c.task == other.task)
                    yield _selection_finding(
                        number,
                        other,
                        f"{number.place} does not state its rule and follows {number.selection}, while "
                        f"{other.place} follows {other.selection}.",
                    )
                    break
    yield from _copied_from_two_rules(cells)


def _copied_from_two_rules(cells: list[PrintedNumber]) -> Iterator[Finding]:
    own = grouped_by((number for number in cells if number.origin == "own"), "method_key", "task")
    copied = (number for number in cells if number.origin == "copied" and number.selection == "unknown")
    for _, column in sorted(grouped_by(copied, "document", "table", "method").items()):
        only: dict[str, PrintedNumber] = {}
        for number in column:
            rules = {
                other.selection
                for other in own.get((number.method_key, number.task), [])
                if other.selection != "unknown" and agree(number, other)
            }
            if len(rules) == 1:
                only.setdefault(rules.pop(), number)
        if len(only) > 1:
            (rule, first), (other_rule, second) = sorted(only.items())[:2]
            yield first.finding(
                "selections_mixed",
                "contradiction",
                (
                    f"The copied column takes {first.task} from the rule {rule} and {second.task} from "
                    f"{other_rule}."
                ),
                value=f"{first.text} ({rule})",
                other_source=f"{second.place}, {second.task}",
                other_value=f"{second.text} ({other_rule})",
                read_in=read_in(first, second),
            )


def _selection_finding(first: PrintedNumber, second: PrintedNumber, explanation: str) -> Finding:
    return first.finding(
        "selections_mixed",
        "contradiction",
        explanation,
        value=f"{first.text} ({first.selection})",
        other_source=f"{second.place} ({second.method}, {second.task})",
        other_value=f"{second.text} ({second.selection})",
        read_in=read_in(first, second),
    )


def spreads(numbers: list[PrintedNumber]) -> Iterator[Finding]:
    """An unknown meaning of +/-, none at all, or meanings that differ between documents with common tasks."""
    cells = [number for number in numbers if number.aggregate == "cell"]
    for _, group in sorted(grouped_by(cells, "document", "table").items()):
        unknown = [
            number
            for number in group
            if number.spread_percent is not None and number.spread_kind == "unknown"
        ]
        if unknown:
            number = unknown[0]
            yield number.finding(
                "spread_unknown",
                "doubt",
                f"The meaning of +/- is not stated ({len(unknown)} numbers).",
                value=f"{number.text} +/- {number.spread_percent:g}",
                other_source="(not stated)",
                other_value="unknown",
                task=f"{len(unknown)} numbers",
                method=", ".join(sorted({item.method for item in unknown})),
            )
        silent = [number for number in group if number.origin == "own" and number.spread_percent is None]
        if silent and all(number.origin != "own" or number.spread_percent is None for number in group):
            number = silent[0]
            yield number.finding(
                "spread_absent",
                "remark",
                f"No spread is printed for the document's own {len(silent)} numbers.",
                other_source="(nothing printed)",
                other_value="none",
                task=f"{len(silent)} numbers",
                method=", ".join(sorted({item.method for item in silent})),
            )
    first_of: dict[tuple[str, str], PrintedNumber] = {}
    tasks: dict[tuple[str, str], set[str]] = defaultdict(set)
    for number in cells:
        if number.spread_percent is not None and number.spread_kind not in ("unknown", "none"):
            key = (number.spread_kind, number.document)
            first_of.setdefault(key, number)
            tasks[key].add(number.task)
    for (kind, document), number in sorted(first_of.items()):
        for (other_kind, other_document), other in sorted(first_of.items()):
            common = tasks[(kind, document)] & tasks[(other_kind, other_document)]
            if document < other_document and kind != other_kind and common:
                yield number.finding(
                    "spreads_differ",
                    "remark",
                    (
                        f"+/- is a {kind.replace('_', ' ')} in {document} and a "
                        f"{other_kind.replace('_', ' ')} in {other_document}, in {len(common)} common tasks."
                    ),
                    value=kind,
                    other_source=other_document,
                    other_value=other_kind,
                    task=f"{len(common)} common tasks",
                    method="all",
                    source=document,
                    read_in=read_in(number, other),
                )


def seeds_unclear(numbers: list[PrintedNumber]) -> Iterator[Finding]:
    """A number of training seeds that the document states in two ways or only as episodes."""
    unclear = (number for number in numbers if number.seeds_stated and not str(number.num_seeds).isdigit())
    for key, group in sorted(grouped_by(unclear, "document", "table", "seeds_stated").items()):
        yield group[0].finding(
            "seeds_unclear",
            "doubt",
            f"The number of training seeds is given as '{key[2]}' ({len(group)} numbers).",
            value=key[2],
            other_source="(the same document)",
            other_value="no single number",
            task=f"{len(group)} numbers",
            method=", ".join(sorted({number.method for number in group})),
        )


def out_of_range(numbers: list[PrintedNumber], suites: pd.DataFrame) -> Iterator[Finding]:
    """A score that its suite cannot have, or an unusual one where the suite has no bounds."""
    limits = suites.to_dict("index")
    for number in numbers:
        if number.aggregate == "total" or number.suite not in limits:
            continue
        limit = limits[number.suite]
        score = number.score_percent
        for low, high, severity, word in (
            ("min_percent", "max_percent", "impossible", "possible"),
            ("warn_below_percent", "warn_above_percent", "doubt", "usual"),
        ):
            too_low = pd.notna(limit[low]) and score < limit[low]
            too_high = pd.notna(limit[high]) and score > limit[high]
            if too_low or too_high:
                span = f"{limit[low]:g} to {limit[high]:g}"
                yield number.finding(
                    "out_of_range",
                    severity,
                    f"{number.text} is outside the {word} range {span} of {number.suite}.",
                    other_source=f"range of {number.suite}",
                    other_value=span,
                )


def unverified(numbers: list[PrintedNumber]) -> Iterator[Finding]:
    """Numbers of which no copy was found; they support no verdict."""
    remembered = (number for number in numbers if number.confidence == "from_memory")
    for _, group in sorted(grouped_by(remembered, "document", "table", "method").items()):
        tasks = ", ".join(sorted({number.task for number in group}))
        yield group[0].finding(
            "unverified",
            "doubt",
            f"{how_many(len(group), 'number')}, noted from memory and unverified.",
            value=", ".join(number.text for number in sorted(group, key=lambda number: number.task)),
            other_source="(no copy found)",
            other_value="from memory",
            task=tasks,
        )


def unknown_names(numbers: list[PrintedNumber]) -> Iterator[Finding]:
    """A task or method that no other document has and that is one slip away from a known one."""
    places_of_task: dict[str, set[str]] = defaultdict(set)
    places_of_method: dict[str, set[str]] = defaultdict(set)
    cells = [number for number in numbers if number.aggregate == "cell"]
    for number in cells:
        places_of_task[number.task].add(number.document)
        places_of_method[number.method_key].add(number.document)
    known = task_table.tasks()
    for (_, task), group in sorted(grouped_by(cells, "document", "task").items()):
        if task in known or len(places_of_task[task]) > 1:
            continue
        near = difflib.get_close_matches(task, known, 1, cutoff=task_table.SLIP)
        if near:
            yield _unknown(group, "task", task, near[0])
    for (document, key), group in sorted(grouped_by(cells, "document", "method_key").items()):
        others = sorted(other for other, places in places_of_method.items() if places - {document})
        form = task_table.normal_form(key)
        near = [other for other in others if task_table.normal_form(other) == form]
        if near and key not in others:
            yield _unknown(group, "method", key, near[0])


def _unknown(group: list[PrintedNumber], kind: str, name: str, near: str) -> Finding:
    return group[0].finding(
        "unknown_names",
        "doubt",
        f"The {kind} '{name}' is not known, so its {how_many(len(group), 'number')} cannot be "
        f"compared with anything; is '{near}' meant?",
        task=", ".join(sorted({number.task for number in group})),
        method=", ".join(sorted({number.method for number in group})),
        value=name,
        other_source=f"the known {kind}s",
        other_value=near,
    )
