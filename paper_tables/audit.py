"""The literature audited as data: which reported numbers contradict themselves, their rows or each other.

    python -m paper_tables.audit --output results/audit

writes ``audit.csv`` (one row per finding) and ``audit.md`` (to read). Nothing is trained. ``--reported
FOLDER`` audits other documents than those of ``reported/``, in the same columns. Each rule below is a
function of the reported numbers alone; ``audit`` runs them all. Two numbers agree when the one printed with
fewer decimals is a rounding of the other.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from paper_tables import reported_numbers, table_schema
from paper_tables.errors import TablesError

Claim = dict[str, Any]
Finding = dict[str, Any]

KNOWN_ERRORS = Path(__file__).parent / "reported" / "known_errors.yaml"
EPSILON = 1e-9
# Fewer different numbers than this, repeated, may be chance or a table of zeros; whole numbers repeat sooner.
LEAST_REPEATED_NUMBERS = 3
LEAST_REPEATED_WHOLE_NUMBERS = 4
GRADES = ("impossible", "contradiction", "not_the_sum_of_the_printed_rows", "doubt", "remark")
STATED_SELECTIONS = ("last", "average_last_k", "best_online", "offline")
SELECTIONS_BELOW_BEST = ("last", "average_last_k", "offline")
_VERSION = re.compile(r"^(?P<base>.+)-v(?P<version>\d+)$")


# --- Words for a claim ---


def _number(value: float, decimals: int) -> str:
    return f"{value:.{int(decimals)}f}"


def _value(claim: Claim) -> str:
    return _number(claim["score_percent"], claim["decimals"])


def _place(claim: Claim) -> str:
    return f"{claim['document']}, {claim['table']}"


def _places(claims: Iterable[Claim]) -> str:
    return "; ".join(sorted({f"{_place(claim)} ({claim['method']})" for claim in claims}))


def _read_in(*claims: Claim) -> str:
    return " | ".join(dict.fromkeys(claim["source"] for claim in claims))


def _finding(
    rule: str,
    grade: str,
    claim: Claim,
    value: str,
    other_source: str,
    other_value: str,
    explanation: str,
    *,
    task: str | None = None,
    method: str | None = None,
    source: str | None = None,
    read_in: str | None = None,
) -> Finding:
    return {
        "rule": rule,
        "grade": grade,
        "suite": claim["suite"],
        "task": claim["task"] if task is None else task,
        "method": claim["method"] if method is None else method,
        "source": _place(claim) if source is None else source,
        "value": value,
        "other_source": other_source,
        "other_value": other_value,
        "explanation": explanation,
        "read_in": _read_in(claim) if read_in is None else read_in,
    }


def agree(first: Claim, second: Claim) -> bool:
    """Whether two printed numbers can be roundings of one: equal to half a last digit of the coarser one."""
    coarser = min(first["decimals"], second["decimals"])
    difference = abs(first["score_percent"] - second["score_percent"])
    tolerance = 0.0 if first["decimals"] == second["decimals"] else 0.5 * 10.0**-coarser
    return difference <= tolerance + EPSILON


def _by(claims: Iterable[Claim], *columns: str) -> dict[tuple[Any, ...], list[Claim]]:
    groups: dict[tuple[Any, ...], list[Claim]] = defaultdict(list)
    for claim in claims:
        groups[tuple(claim[column] for column in columns)].append(claim)
    return groups


def _same_selection(first: Claim, second: Claim) -> bool:
    """Whether two claims can be of one selection rule (an unstated one can be any)."""
    rules = {first["selection"], second["selection"]} - {"unknown"}
    return len(rules) <= 1


def _version(task: str) -> tuple[str, str] | None:
    match = _VERSION.match(task)
    return (match["base"], match["version"]) if match else None


# --- Rules: totals ---


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
    possibly = [claim for claim in column if _same_selection(claim, aggregate)]
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
    by_document = _by(claims, "document")
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
        yield _finding(
            "totals",
            "impossible" if impossible else "not_the_sum_of_the_printed_rows",
            claim,
            _value(claim),
            f"{_place(rows[0])}, its {len(rows)} rows",
            _number(computed, claim["decimals"] + (0 if total else 2)),
            f"The printed {name} is {_value(claim)}; the {len(rows)} printed rows give "
            f"{_number(computed, claim['decimals'] + (0 if total else 2))}, which rounding "
            f"{'cannot' if impossible else 'can'} explain.",
            read_in=_read_in(claim, rows[0]),
        )


# --- Rules: one number in several places ---


def reported_differently(claims: list[Claim]) -> Iterator[Finding]:
    """One cell or aggregate that several places print with different values.

    Held against each other are the numbers of a method by its own authors and copies of them; reruns are
    other experiments and may differ. Numbers of two stated selection rules are not held against each other.
    """
    candidates = [claim for claim in claims if claim["origin"] in ("own", "copied")]
    for _, group in sorted(_by(candidates, "method_key", "suite", "aggregate", "task").items()):
        own = [claim for claim in group if claim["origin"] == "own"]
        usual = Counter(_value(claim) for claim in group).most_common()
        commonest = min((value for value, count in usual if count == usual[0][1]), key=float)
        references = own or [claim for claim in group if _value(claim) == commonest]
        deviating: dict[str, list[Claim]] = defaultdict(list)
        for claim in group:
            comparable = [
                other for other in references if other is not claim and _same_selection(claim, other)
            ]
            if comparable and not any(agree(claim, other) for other in comparable):
                deviating[_value(claim)].append(claim)
        reported_pairs: set[frozenset[str]] = set()
        for value, places in sorted(deviating.items()):
            comparable = [other for other in references if _same_selection(places[0], other)]
            nearest = min(
                (other for other in comparable if not agree(other, places[0])),
                key=lambda other: (abs(other["score_percent"] - places[0]["score_percent"]), _place(other)),
            )
            pair = frozenset((value, _value(nearest)))
            if pair in reported_pairs:
                continue
            reported_pairs.add(pair)
            printed_alike = [other for other in comparable if agree(other, nearest)]
            yield _finding(
                "reported_differently",
                "contradiction",
                places[0],
                value,
                _places(printed_alike),
                _value(nearest),
                f"{places[0]['method']} on {places[0]['task']} is {value} here and {_value(nearest)} there.",
                source=_places(places),
                read_in=_read_in(*places, nearest),
            )
    yield from _printed_twice(candidates)


def _printed_twice(claims: list[Claim]) -> Iterator[Finding]:
    """One table that prints one cell twice with two values."""
    columns = ("document", "table", "method", "suite", "task", "selection")
    for _, group in sorted(_by(claims, *columns).items()):
        for other in group[1:]:
            if not agree(group[0], other):
                yield _finding(
                    "reported_differently",
                    "contradiction",
                    group[0],
                    _value(group[0]),
                    _place(other),
                    _value(other),
                    f"The table prints {other['method']} on {other['task']} twice, as {_value(group[0])} "
                    f"and as {_value(other)}.",
                    read_in=_read_in(group[0], other),
                )


def copy_is_not_the_original(claims: list[Claim]) -> Iterator[Finding]:
    """A number that says which document it is copied from and is another one there."""
    originals = _by(claims, "document", "method_key", "suite", "aggregate", "task")
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
        sources = [other for other in originals.get(key, []) if _same_selection(claim, other)]
        if sources and not any(agree(claim, other) for other in sources):
            yield _finding(
                "copy_is_not_the_original",
                "contradiction",
                claim,
                _value(claim),
                _places(sources),
                _value(sources[0]),
                f"{_place(claim)} gives {_value(claim)} as copied from {claim['copied_from']}, which prints "
                f"{_value(sources[0])}.",
                read_in=_read_in(claim, sources[0]),
            )


def value_of_another_column(claims: list[Claim]) -> Iterator[Finding]:
    """A copy that is not its original's number but that of a variant of the method or of somebody's rerun."""
    cells = _by((claim for claim in claims if claim["aggregate"] == "cell"), "suite", "task")
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
                yield _finding(
                    "value_of_another_column",
                    "contradiction",
                    claim,
                    _value(claim),
                    _places(others),
                    _value(others[0]),
                    f"{_value(claim)} stands as {claim['method']} but is {others[0]['method']} of "
                    f"{_place(others[0])}; {_place(own[0])} prints {_value(own[0])} for {own[0]['method']}.",
                    read_in=_read_in(claim, others[0]),
                )


def columns_that_repeat(claims: list[Claim]) -> Iterator[Finding]:
    """Two columns of one table, headed differently, with the same numbers in all rows of a suite."""
    cells = [claim for claim in claims if claim["aggregate"] == "cell"]
    for _, rows in sorted(_by(cells, "document", "table", "suite").items()):
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
                printed = ", ".join(_value(first[task]) for task in common)
                yield _finding(
                    "columns_that_repeat",
                    "contradiction",
                    second[task],
                    printed,
                    f"{_place(first[task])} ({name[0]})",
                    printed,
                    f"The column {other_name[0]} repeats the column {name[0]} in all {len(common)} rows.",
                    task=f"{len(common)} rows",
                    read_in=_read_in(second[task], first[task]),
                )


def best_below_its_average(claims: list[Claim]) -> Iterator[Finding]:
    """A best-over-training score below the same document's score of the same runs under another rule."""
    cells = [claim for claim in claims if claim["aggregate"] == "cell" and claim["origin"] != "copied"]
    for _, group in sorted(_by(cells, "document", "method", "task").items()):
        for best in group:
            if best["selection"] != "best_online":
                continue
            for other in group:
                if other["selection"] not in SELECTIONS_BELOW_BEST or agree(best, other):
                    continue
                if best["score_percent"] < other["score_percent"]:
                    yield _finding(
                        "best_below_its_average",
                        "impossible" if other["selection"] != "offline" else "contradiction",
                        best,
                        _value(best),
                        f"{_place(other)} ({other['selection']})",
                        _value(other),
                        f"The best over training is {_value(best)}, below the {_value(other)} that the same "
                        f"document prints under the rule {other['selection']}.",
                        read_in=_read_in(best, other),
                    )


def sub_task_for_the_group(claims: list[Claim]) -> Iterator[Finding]:
    """The value of one sub-task given for the mean of its group."""
    cells = _by(
        (claim for claim in claims if claim["aggregate"] == "cell" and claim["group"]), "group", "method_key"
    )
    means = _by((claim for claim in claims if claim["aggregate"] == "group_mean"), "group", "method_key")
    for key, group in sorted(means.items()):
        for claim in group:
            for document, rows in sorted(_by(cells.get(key, []), "document", "table").items()):
                if len(rows) < 2:
                    continue
                mean = sum(row["score_percent"] for row in rows) / len(rows)
                half_digit = 0.5 * 10.0 ** -claim["decimals"]
                from_rows = sum(0.5 * 10.0 ** -row["decimals"] for row in rows) / len(rows)
                equal = [row for row in rows if agree(row, claim)]
                if equal and abs(mean - claim["score_percent"]) > half_digit + from_rows + EPSILON:
                    yield _finding(
                        "sub_task_for_the_group",
                        "contradiction",
                        claim,
                        _value(claim),
                        f"{document[0]}, {document[1]} ({equal[0]['method']}, {equal[0]['task']})",
                        _value(equal[0]),
                        f"{_value(claim)} is given for {claim['task']} but is {equal[0]['task']} alone; "
                        f"the mean of the {len(rows)} sub-tasks there is "
                        f"{_number(mean, claim['decimals'] + 1)}.",
                        read_in=_read_in(claim, equal[0]),
                    )


# --- Rules: dataset versions ---


def versions_mixed(claims: list[Claim]) -> Iterator[Finding]:
    """A number that stands under one dataset version and belongs to another; two versions in one table."""
    cells = [claim for claim in claims if claim["aggregate"] == "cell" and _version(claim["task"])]
    by_base: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim in cells:
        by_base[(claim["method_key"], _version(claim["task"])[0])].append(claim)  # type: ignore[index]
    # A zero equals every other zero, so single equal rows are gathered per copy and judged together.
    relabelled: dict[tuple[str, ...], list[tuple[Claim, Claim]]] = defaultdict(list)
    for _, group in sorted(by_base.items()):
        for claim in group:
            if claim["origin"] != "copied":
                continue
            same = [other for other in group if other is not claim and other["task"] == claim["task"]]
            if any(agree(claim, other) and other["document"] != claim["document"] for other in same):
                continue
            for other in group:
                if (
                    other["task"] != claim["task"]
                    and other["document"] != claim["document"]
                    and other["origin"] != "rerun"
                    and agree(claim, other)
                ):
                    key = (
                        claim["document"],
                        claim["table"],
                        claim["method"],
                        other["document"],
                        other["method"],
                    )
                    relabelled[key].append((claim, other))
    for _, pairs in sorted(relabelled.items()):
        if not any(claim["score_percent"] for claim, _ in pairs):
            continue
        pairs.sort(key=lambda pair: pair[0]["task"])
        claim, other = pairs[0]
        yield _finding(
            "versions_mixed",
            "contradiction",
            claim,
            ", ".join(_value(pair[0]) for pair in pairs),
            _places([other]),
            ", ".join(_value(pair[1]) for pair in pairs),
            f"{len(pairs)} number(s) stand under {claim['task']}"
            f"{' and others' if len(pairs) > 1 else ''} but equal those of {other['task']}"
            f"{' and others' if len(pairs) > 1 else ''}.",
            task=", ".join(pair[0]["task"] for pair in pairs),
            read_in=_read_in(claim, other),
        )
    for _, group in sorted(_by(cells, "document", "table").items()):
        families: dict[str, dict[str, Claim]] = defaultdict(dict)
        for claim in group:
            base, version = _version(claim["task"])  # type: ignore[misc]
            families[base].setdefault(version, claim)
        for base, versions in sorted(families.items()):
            if len(versions) > 1:
                first, second = (versions[version] for version in sorted(versions)[:2])
                yield _finding(
                    "versions_mixed",
                    "contradiction",
                    first,
                    f"{first['task']}: {_value(first)}",
                    _place(second),
                    f"{second['task']}: {_value(second)}",
                    f"One table prints {base} in versions {', '.join('v' + v for v in sorted(versions))}.",
                    task=base,
                    read_in=_read_in(first, second),
                )
    yield from _versions_within_a_suite(cells)


def _versions_within_a_suite(cells: list[Claim]) -> Iterator[Finding]:
    """One table in which the tasks of one suite stand under different versions, none of them under two."""
    for _, group in sorted(_by(cells, "document", "table", "suite").items()):
        of_version: dict[str, dict[str, Claim]] = defaultdict(dict)
        for claim in group:
            base, version = _version(claim["task"])  # type: ignore[misc]
            of_version[version].setdefault(base, claim)
        bases = [base for claims in of_version.values() for base in claims]
        if len(of_version) < 2 or len(set(bases)) < len(bases):
            continue
        usual = max(sorted(of_version), key=lambda version: len(of_version[version]))
        for version in sorted(set(of_version) - {usual}):
            first, second = next(iter(of_version[version].values())), next(iter(of_version[usual].values()))
            tasks = ", ".join(sorted(claim["task"] for claim in of_version[version].values()))
            yield _finding(
                "versions_mixed",
                "doubt",
                first,
                f"{first['task']}: {_value(first)}",
                _place(second),
                f"{second['task']}: {_value(second)}",
                f"One table prints {tasks} among {len(of_version[usual])} task(s) of {first['suite']} in "
                f"v{usual}.",
                task=tasks,
                read_in=_read_in(first, second),
            )


def versions_differ(claims: list[Claim]) -> Iterator[Finding]:
    """Documents that report one task in different dataset versions, so that their numbers do not compare."""
    families: dict[str, dict[str, dict[str, Claim]]] = defaultdict(lambda: defaultdict(dict))
    for claim in claims:
        parts = _version(claim["task"]) if claim["aggregate"] == "cell" else None
        if parts:
            families[parts[0]][parts[1]].setdefault(claim["document"], claim)
    # Tasks in which the same documents use the same versions are told in one sentence.
    alike: dict[tuple[tuple[str, tuple[str, ...]], ...], list[str]] = defaultdict(list)
    for base, versions in families.items():
        if len(versions) > 1:
            alike[tuple((version, tuple(sorted(versions[version]))) for version in sorted(versions))].append(
                base
            )
    for versions_used, bases in sorted(alike.items(), key=lambda item: sorted(item[1])):
        (version, documents), (other_version, other_documents) = versions_used[:2]
        claim = families[bases[0]][version][documents[0]]
        other = families[bases[0]][other_version][other_documents[0]]
        yield _finding(
            "versions_differ",
            "remark",
            claim,
            f"v{version}",
            ", ".join(other_documents),
            f"v{other_version}",
            f"v{version} in {', '.join(documents)}; v{other_version} in {', '.join(other_documents)}: their "
            "numbers are of different data.",
            task=", ".join(sorted(bases)),
            method="all",
            source=", ".join(documents),
            read_in=_read_in(claim, other),
        )


# --- Rules: selection ---


def selections_mixed(claims: list[Claim]) -> Iterator[Finding]:
    """Two checkpoint selection rules where a reader takes the numbers for comparable.

    Within one table; for one column across the tables of a document when the rule is not stated; in a copied
    column whose rows follow different rules of the original.
    """
    cells = [claim for claim in claims if claim["aggregate"] == "cell"]
    for _, group in sorted(_by(cells, "document", "table").items()):
        first_of = {claim["selection"]: claim for claim in reversed(group) if claim["selection"] != "unknown"}
        stated = [rule for rule in STATED_SELECTIONS if rule in first_of]
        if len(stated) > 1:
            first, second = first_of[stated[0]], first_of[stated[1]]
            yield _selection_finding(first, second, "One table prints numbers of both rules.")
    for _, group in sorted(_by(cells, "document", "method").items()):
        for table, inferred in sorted(_by((c for c in group if c["selection_inferred"]), "table").items()):
            tasks = {claim["task"] for claim in inferred}
            for other in group:
                if (
                    other["table"] != table[0]
                    and not other["selection_inferred"]
                    and other["selection"] not in ("unknown", inferred[0]["selection"])
                    and other["task"] in tasks
                ):
                    claim = next(c for c in inferred if c["task"] == other["task"])
                    yield _selection_finding(
                        claim,
                        other,
                        f"{_place(claim)} does not state its rule and follows {claim['selection']}, while "
                        f"{_place(other)} follows {other['selection']}.",
                    )
                    break
    yield from _copied_from_two_rules(cells)


def _copied_from_two_rules(cells: list[Claim]) -> Iterator[Finding]:
    own = _by((claim for claim in cells if claim["origin"] == "own"), "method_key", "task")
    copied = (claim for claim in cells if claim["origin"] == "copied" and claim["selection"] == "unknown")
    for _, column in sorted(_by(copied, "document", "table", "method").items()):
        only: dict[str, Claim] = {}
        for claim in column:
            rules = {
                other["selection"]
                for other in own.get((claim["method_key"], claim["task"]), [])
                if other["selection"] != "unknown" and agree(claim, other)
            }
            if len(rules) == 1:
                only.setdefault(rules.pop(), claim)
        if len(only) > 1:
            (rule, first), (other_rule, second) = sorted(only.items())[:2]
            yield _finding(
                "selections_mixed",
                "contradiction",
                first,
                f"{_value(first)} ({rule})",
                f"{_place(second)}, {second['task']}",
                f"{_value(second)} ({other_rule})",
                f"The copied column takes {first['task']} from the rule {rule} and {second['task']} from "
                f"{other_rule}.",
                read_in=_read_in(first, second),
            )


def _selection_finding(first: Claim, second: Claim, explanation: str) -> Finding:
    return _finding(
        "selections_mixed",
        "contradiction",
        first,
        f"{_value(first)} ({first['selection']})",
        f"{_place(second)} ({second['method']}, {second['task']})",
        f"{_value(second)} ({second['selection']})",
        explanation,
        read_in=_read_in(first, second),
    )


# --- Rules: what the numbers mean ---


def spreads(claims: list[Claim]) -> Iterator[Finding]:
    """An unknown meaning of +/-, none at all, or meanings that differ between documents with common tasks."""
    cells = [claim for claim in claims if claim["aggregate"] == "cell"]
    for _, group in sorted(_by(cells, "document", "table").items()):
        unknown = [
            claim
            for claim in group
            if claim["spread_percent"] is not None and claim["spread_kind"] == "unknown"
        ]
        if unknown:
            claim = unknown[0]
            yield _finding(
                "spread_unknown",
                "doubt",
                claim,
                f"{_value(claim)} +/- {claim['spread_percent']:g}",
                "(not stated)",
                "unknown",
                f"The meaning of +/- is not stated ({len(unknown)} numbers).",
                task=f"{len(unknown)} numbers",
                method=", ".join(sorted({item["method"] for item in unknown})),
            )
        silent = [claim for claim in group if claim["origin"] == "own" and claim["spread_percent"] is None]
        if silent and all(claim["origin"] != "own" or claim["spread_percent"] is None for claim in group):
            claim = silent[0]
            yield _finding(
                "spread_absent",
                "remark",
                claim,
                _value(claim),
                "(nothing printed)",
                "none",
                f"No spread is printed for the document's own {len(silent)} numbers.",
                task=f"{len(silent)} numbers",
                method=", ".join(sorted({item["method"] for item in silent})),
            )
    first_of: dict[tuple[str, str], Claim] = {}
    tasks: dict[tuple[str, str], set[str]] = defaultdict(set)
    for claim in cells:
        if claim["spread_percent"] is not None and claim["spread_kind"] not in ("unknown", "none"):
            key = (claim["spread_kind"], claim["document"])
            first_of.setdefault(key, claim)
            tasks[key].add(claim["task"])
    for (kind, document), claim in sorted(first_of.items()):
        for (other_kind, other_document), other in sorted(first_of.items()):
            common = tasks[(kind, document)] & tasks[(other_kind, other_document)]
            if document < other_document and kind != other_kind and common:
                yield _finding(
                    "spreads_differ",
                    "remark",
                    claim,
                    kind,
                    other_document,
                    other_kind,
                    f"+/- is a {kind.replace('_', ' ')} in {document} and a "
                    f"{other_kind.replace('_', ' ')} in {other_document}, in {len(common)} common tasks.",
                    task=f"{len(common)} common tasks",
                    method="all",
                    source=document,
                    read_in=_read_in(claim, other),
                )


def seeds_unclear(claims: list[Claim]) -> Iterator[Finding]:
    """A number of training seeds that the document states in two ways or only as episodes."""
    unclear = (claim for claim in claims if claim["seeds_stated"] and not str(claim["num_seeds"]).isdigit())
    for key, group in sorted(_by(unclear, "document", "table", "seeds_stated").items()):
        yield _finding(
            "seeds_unclear",
            "doubt",
            group[0],
            key[2],
            "(the same document)",
            "no single number",
            f"The number of training seeds is given as '{key[2]}' ({len(group)} numbers).",
            task=f"{len(group)} numbers",
            method=", ".join(sorted({claim["method"] for claim in group})),
        )


def out_of_range(claims: list[Claim], suites: pd.DataFrame) -> Iterator[Finding]:
    """A score that its suite cannot have, or an unusual one where the suite has no bounds."""
    limits = suites.to_dict("index")
    for claim in claims:
        if claim["aggregate"] == "total" or claim["suite"] not in limits:
            continue
        limit = limits[claim["suite"]]
        score = claim["score_percent"]
        for low, high, grade, word in (
            ("min_percent", "max_percent", "impossible", "possible"),
            ("warn_below_percent", "warn_above_percent", "doubt", "usual"),
        ):
            too_low = pd.notna(limit[low]) and score < limit[low]
            too_high = pd.notna(limit[high]) and score > limit[high]
            if too_low or too_high:
                span = f"{limit[low]:g} to {limit[high]:g}"
                yield _finding(
                    "out_of_range",
                    grade,
                    claim,
                    _value(claim),
                    f"range of {claim['suite']}",
                    span,
                    f"{_value(claim)} lies outside the {word} range {span} of {claim['suite']}.",
                )


def unverified(claims: list[Claim]) -> Iterator[Finding]:
    """Numbers of which no copy was found; they support no verdict."""
    remembered = (claim for claim in claims if claim["confidence"] == "from_memory")
    for _, group in sorted(_by(remembered, "document", "table", "method").items()):
        tasks = ", ".join(sorted({claim["task"] for claim in group}))
        yield _finding(
            "unverified",
            "doubt",
            group[0],
            ", ".join(_value(claim) for claim in sorted(group, key=lambda claim: claim["task"])),
            "(no copy found)",
            "from memory",
            f"{len(group)} number(s) were noted from memory and are unverified.",
            task=tasks,
        )


RULES: tuple[Callable[[list[Claim]], Iterator[Finding]], ...] = (
    totals,
    reported_differently,
    copy_is_not_the_original,
    value_of_another_column,
    columns_that_repeat,
    best_below_its_average,
    sub_task_for_the_group,
    versions_mixed,
    versions_differ,
    selections_mixed,
    spreads,
    seeds_unclear,
    unverified,
)


def _claims(reported: pd.DataFrame) -> list[Claim]:
    """Rows as dictionaries, missing values and columns as None."""
    columns = {str(name): values.tolist() for name, values in reported.items()}
    absent = {str(name): values.isna().tolist() for name, values in reported.items()}
    required = table_schema.load_schema("reported")["items"]["required"]
    missing = [name for name in required if name not in columns]
    if missing:
        raise TablesError(f"The reported numbers lack the column(s) {', '.join(missing)}.")
    for name in table_schema.columns("reported"):
        if name not in columns:
            columns[name], absent[name] = [None] * len(reported), [True] * len(reported)
    return [
        {name: None if absent[name][row] else values[row] for name, values in columns.items()}
        for row in range(len(reported))
    ]


def audit(reported: pd.DataFrame, suites: pd.DataFrame | None = None) -> pd.DataFrame:
    """All findings in a table of reported numbers.

    Args:
        reported: rows of the schema ``reported``.
        suites: ranges of scores by suite; those of ``reported/suites.csv`` by default.

    Returns:
        Rows of the schema ``findings``, the gravest first, in an order that depends on the numbers alone.

    Raises:
        TablesError: a column that the schema requires is missing.
    """
    claims = sorted(_claims(reported), key=lambda claim: [str(value) for value in claim.values()])
    findings = [finding for rule in RULES for finding in rule(claims)]
    findings += out_of_range(claims, reported_numbers.read_suites() if suites is None else suites)
    columns = table_schema.columns("findings")
    findings.sort(
        key=lambda finding: (GRADES.index(finding["grade"]), *(str(finding[column]) for column in columns))
    )
    return pd.DataFrame(findings, columns=columns)


# --- Known errors and the readable report ---


def read_known_errors(path: Path = KNOWN_ERRORS) -> list[dict[str, Any]]:
    """The errors known from the literature, each with what the data can show of it.

    Raises:
        TablesError: the file breaks ``schemas/known_errors.schema.json``.
    """
    from jsonschema import Draft202012Validator

    entries: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    error = next(Draft202012Validator(table_schema.load_schema("known_errors")).iter_errors(entries), None)
    if error is not None:
        raise TablesError(f"{path}: {'/'.join(map(str, error.path))}: {error.message}.")
    return entries


def shows(findings: pd.DataFrame, wanted: dict[str, str]) -> pd.DataFrame:
    """The findings that match: equal in ``rule`` and ``grade``, containing the text in other columns."""
    mask = pd.Series(True, index=findings.index)
    for column, text in wanted.items():
        if column in ("rule", "grade"):
            mask &= findings[column] == text
        else:
            mask &= findings[column].astype(str).str.contains(str(text), regex=False)
    return findings[mask]


def known_errors_table(known_errors: list[dict[str, Any]]) -> list[str]:
    """The known errors as lines of a Markdown table."""
    lines = ["| no. | error | shown by the data | found as, or why not |", "|---|---|---|---|"]
    for entry in known_errors:
        rules = ", ".join(sorted({wanted["rule"] for wanted in entry.get("findings", [])}))
        found = ". ".join(part for part in (rules, entry.get("reason", "")) if part)
        lines.append(f"| {entry['number']} | {entry['error']} | {entry['shown']} | {found} |")
    return lines


def unchecked_totals(reported: pd.DataFrame) -> list[str]:
    """Totals and averages whose rows are not all here, so that nothing can be said of them."""
    claims = _claims(reported)
    by_document = _by(claims, "document")
    unchecked = [
        claim
        for claim in claims
        if claim["aggregate"] != "cell" and rows_of(claim, by_document[(claim["document"],)]) is None
    ]
    return [
        f"{document}, {table}, {suite} {task}: {', '.join(sorted({claim['method'] for claim in group}))}"
        for (document, table, suite, task), group in sorted(
            _by(unchecked, "document", "table", "suite", "task").items()
        )
    ]


def report(reported: pd.DataFrame, findings: pd.DataFrame, known_errors: list[dict[str, Any]]) -> str:
    """The audit in Markdown: counts, findings by rule, known errors, what could not be checked."""
    functions = {rule.__name__: rule for rule in (*RULES, out_of_range)}
    meaning = {name: (function.__doc__ or "").strip().split("\n")[0] for name, function in functions.items()}
    meaning |= {
        "spread_unknown": "A +/- whose meaning the document does not state.",
        "spread_absent": "No +/- at all for a document's own numbers.",
        "spreads_differ": "Two documents with common tasks whose +/- means different things.",
    }
    memory = int((reported["confidence"] == "from_memory").sum())
    lines = [
        "# Audit of the reported numbers",
        "",
        f"{len(reported)} numbers of {reported['document'].nunique()} documents; {memory} of them are "
        f"unverified (noted from memory) and support no verdict. {len(findings)} findings:",
        "",
        "| grade | findings |",
        "|---|---|",
    ]
    lines += [
        f"| {grade.replace('_', ' ')} | {int((findings['grade'] == grade).sum())} |" for grade in GRADES
    ]
    for grade in GRADES:
        part = findings[findings["grade"] == grade]
        if part.empty:
            continue
        lines += ["", f"## {grade.replace('_', ' ').capitalize()}"]
        for rule in sorted(part["rule"].unique()):
            rows = part[part["rule"] == rule]
            lines += ["", f"### {rule.replace('_', ' ').capitalize()}", "", meaning.get(rule, ""), ""]
            lines += [
                "| source | method | task | value | against | its value | |",
                "|---|---|---|---|---|---|---|",
            ]
            lines += [
                "| "
                + " | ".join(
                    str(row[column]).replace("|", "/")
                    for column in (
                        "source",
                        "method",
                        "task",
                        "value",
                        "other_source",
                        "other_value",
                        "explanation",
                    )
                )
                + " |"
                for row in rows.to_dict("records")
            ]
    lines += ["", "## Known errors", "", "Errors known from reading papers, notes and code, and whether the"]
    lines += ["reported numbers alone can show them.", "", *known_errors_table(known_errors)]
    unchecked = unchecked_totals(reported)
    if unchecked:
        lines += ["", "## Not checked", "", "Totals and averages whose rows are not all transcribed:", ""]
        lines += [f"- {line}" for line in unchecked]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.audit", description="Audit the reported numbers."
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of audit.csv and audit.md")
    parser.add_argument(
        "--reported",
        type=Path,
        default=reported_numbers.FOLDER,
        help="folder of the reported numbers, one CSV file per document",
    )
    options = parser.parse_args(arguments)
    try:
        reported = reported_numbers.read_all(options.reported)
        findings = table_schema.check(audit(reported), "findings", "the audit")
        text = report(reported, findings, read_known_errors())
        table_schema.write_text(
            findings.to_csv(index=False, lineterminator="\n"), options.output / "audit.csv"
        )
        table_schema.write_text(text, options.output / "audit.md")
    except TablesError as error:
        print(error, file=sys.stderr)
        return 2
    counts = ", ".join(
        f"{int((findings['grade'] == grade).sum())} {grade.replace('_', ' ')}" for grade in GRADES
    )
    print(f"{len(reported)} numbers, {len(findings)} findings: {counts}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
