"""Rules: selection of the checkpoint, spread, seeds, and the range of a score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pandas as pd

from paper_tables.audit.claims import (
    SELECTIONS_BELOW_BEST,
    STATED_SELECTIONS,
    Claim,
    Finding,
    agree,
    grouped_by,
    make_finding,
    place_of,
    stated_in,
    value_text,
)


def best_below_its_average(claims: list[Claim]) -> Iterator[Finding]:
    """A best-over-training score below the same document's score of the same runs under another rule."""
    cells = [claim for claim in claims if claim["aggregate"] == "cell" and claim["origin"] != "copied"]
    for _, group in sorted(grouped_by(cells, "document", "method", "task").items()):
        for best in group:
            if best["selection"] != "best_online":
                continue
            for other in group:
                if other["selection"] not in SELECTIONS_BELOW_BEST or agree(best, other):
                    continue
                if best["score_percent"] < other["score_percent"]:
                    yield make_finding(
                        "best_below_its_average",
                        "impossible" if other["selection"] != "offline" else "contradiction",
                        best,
                        value_text(best),
                        f"{place_of(other)} ({other['selection']})",
                        value_text(other),
                        f"The best over training is {value_text(best)}, below the "
                        f"{value_text(other)} that the same document prints under the rule "
                        f"{other['selection']}.",
                        read_in=stated_in(best, other),
                    )


def selections_mixed(claims: list[Claim]) -> Iterator[Finding]:
    """Two checkpoint selection rules where a reader takes the numbers for comparable.

    Within one table; for one column across the tables of a document when the rule is not stated; in a copied
    column whose rows follow different rules of the original.
    """
    cells = [claim for claim in claims if claim["aggregate"] == "cell"]
    for _, group in sorted(grouped_by(cells, "document", "table").items()):
        first_of = {claim["selection"]: claim for claim in reversed(group) if claim["selection"] != "unknown"}
        stated = [rule for rule in STATED_SELECTIONS if rule in first_of]
        if len(stated) > 1:
            first, second = first_of[stated[0]], first_of[stated[1]]
            yield _selection_finding(first, second, "One table prints numbers of both rules.")
    for _, group in sorted(grouped_by(cells, "document", "method").items()):
        for table, inferred in sorted(
            grouped_by((c for c in group if c["selection_inferred"]), "table").items()
        ):
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
                        f"{place_of(claim)} does not state its rule and follows {claim['selection']}, while "
                        f"{place_of(other)} follows {other['selection']}.",
                    )
                    break
    yield from _copied_from_two_rules(cells)


def _copied_from_two_rules(cells: list[Claim]) -> Iterator[Finding]:
    own = grouped_by((claim for claim in cells if claim["origin"] == "own"), "method_key", "task")
    copied = (claim for claim in cells if claim["origin"] == "copied" and claim["selection"] == "unknown")
    for _, column in sorted(grouped_by(copied, "document", "table", "method").items()):
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
            yield make_finding(
                "selections_mixed",
                "contradiction",
                first,
                f"{value_text(first)} ({rule})",
                f"{place_of(second)}, {second['task']}",
                f"{value_text(second)} ({other_rule})",
                f"The copied column takes {first['task']} from the rule {rule} and {second['task']} from "
                f"{other_rule}.",
                read_in=stated_in(first, second),
            )


def _selection_finding(first: Claim, second: Claim, explanation: str) -> Finding:
    return make_finding(
        "selections_mixed",
        "contradiction",
        first,
        f"{value_text(first)} ({first['selection']})",
        f"{place_of(second)} ({second['method']}, {second['task']})",
        f"{value_text(second)} ({second['selection']})",
        explanation,
        read_in=stated_in(first, second),
    )


def spreads(claims: list[Claim]) -> Iterator[Finding]:
    """An unknown meaning of +/-, none at all, or meanings that differ between documents with common tasks."""
    cells = [claim for claim in claims if claim["aggregate"] == "cell"]
    for _, group in sorted(grouped_by(cells, "document", "table").items()):
        unknown = [
            claim
            for claim in group
            if claim["spread_percent"] is not None and claim["spread_kind"] == "unknown"
        ]
        if unknown:
            claim = unknown[0]
            yield make_finding(
                "spread_unknown",
                "doubt",
                claim,
                f"{value_text(claim)} +/- {claim['spread_percent']:g}",
                "(not stated)",
                "unknown",
                f"The meaning of +/- is not stated ({len(unknown)} numbers).",
                task=f"{len(unknown)} numbers",
                method=", ".join(sorted({item["method"] for item in unknown})),
            )
        silent = [claim for claim in group if claim["origin"] == "own" and claim["spread_percent"] is None]
        if silent and all(claim["origin"] != "own" or claim["spread_percent"] is None for claim in group):
            claim = silent[0]
            yield make_finding(
                "spread_absent",
                "remark",
                claim,
                value_text(claim),
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
                yield make_finding(
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
                    read_in=stated_in(claim, other),
                )


def seeds_unclear(claims: list[Claim]) -> Iterator[Finding]:
    """A number of training seeds that the document states in two ways or only as episodes."""
    unclear = (claim for claim in claims if claim["seeds_stated"] and not str(claim["num_seeds"]).isdigit())
    for key, group in sorted(grouped_by(unclear, "document", "table", "seeds_stated").items()):
        yield make_finding(
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
                yield make_finding(
                    "out_of_range",
                    grade,
                    claim,
                    value_text(claim),
                    f"range of {claim['suite']}",
                    span,
                    f"{value_text(claim)} lies outside the {word} range {span} of {claim['suite']}.",
                )


def unverified(claims: list[Claim]) -> Iterator[Finding]:
    """Numbers of which no copy was found; they support no verdict."""
    remembered = (claim for claim in claims if claim["confidence"] == "from_memory")
    for _, group in sorted(grouped_by(remembered, "document", "table", "method").items()):
        tasks = ", ".join(sorted({claim["task"] for claim in group}))
        yield make_finding(
            "unverified",
            "doubt",
            group[0],
            ", ".join(value_text(claim) for claim in sorted(group, key=lambda claim: claim["task"])),
            "(no copy found)",
            "from memory",
            f"{len(group)} number(s) were noted from memory and are unverified.",
            task=tasks,
        )
