"""Rules: versions of the datasets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from paper_tables.audit.claims import (
    Claim,
    Finding,
    agree,
    grouped_by,
    make_finding,
    place_of,
    places_of,
    stated_in,
    value_text,
    version_of,
)


def versions_mixed(claims: list[Claim]) -> Iterator[Finding]:
    """A number that stands under one dataset version and belongs to another; two versions in one table."""
    cells = [claim for claim in claims if claim["aggregate"] == "cell" and version_of(claim["task"])]
    by_base: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim in cells:
        by_base[(claim["method_key"], version_of(claim["task"])[0])].append(claim)  # type: ignore[index]
    # A zero equals every other zero, so single equal rows are gathered per copy and judged together.
    relabelled: dict[tuple[str, ...], list[tuple[Claim, Claim]]] = defaultdict(list)
    for _, group in sorted(by_base.items()):
        for claim in group:
            if claim["origin"] != "copied":
                continue
            # Another copy that repeats the number is no evidence that it belongs here; a run of it is.
            same = [
                other for other in group if other["task"] == claim["task"] and other["origin"] != "copied"
            ]
            if any(agree(claim, other) and other["document"] != claim["document"] for other in same):
                continue
            for other in group:
                if (
                    other["task"] != claim["task"]
                    and other["document"] != claim["document"]
                    and other["origin"] == "own"
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
        yield make_finding(
            "versions_mixed",
            "contradiction",
            claim,
            ", ".join(value_text(pair[0]) for pair in pairs),
            places_of([other]),
            ", ".join(value_text(pair[1]) for pair in pairs),
            f"{len(pairs)} number(s) stand under {claim['task']}"
            f"{' and others' if len(pairs) > 1 else ''} but equal those of {other['task']}"
            f"{' and others' if len(pairs) > 1 else ''}.",
            task=", ".join(pair[0]["task"] for pair in pairs),
            read_in=stated_in(claim, other),
        )
    for _, group in sorted(grouped_by(cells, "document", "table").items()):
        families: dict[str, dict[str, Claim]] = defaultdict(dict)
        for claim in group:
            base, version = version_of(claim["task"])  # type: ignore[misc]
            families[base].setdefault(version, claim)
        for base, versions in sorted(families.items()):
            if len(versions) > 1:
                first, second = (versions[version] for version in sorted(versions)[:2])
                yield make_finding(
                    "versions_mixed",
                    "contradiction",
                    first,
                    f"{first['task']}: {value_text(first)}",
                    place_of(second),
                    f"{second['task']}: {value_text(second)}",
                    f"One table prints {base} in versions {', '.join('v' + v for v in sorted(versions))}.",
                    task=base,
                    read_in=stated_in(first, second),
                )
    yield from _versions_within_a_suite(cells)


def _versions_within_a_suite(cells: list[Claim]) -> Iterator[Finding]:
    """One table in which the tasks of one suite stand under different versions, none of them under two."""
    for _, group in sorted(grouped_by(cells, "document", "table", "suite").items()):
        of_version: dict[str, dict[str, Claim]] = defaultdict(dict)
        for claim in group:
            base, version = version_of(claim["task"])  # type: ignore[misc]
            of_version[version].setdefault(base, claim)
        bases = [base for claims in of_version.values() for base in claims]
        if len(of_version) < 2 or len(set(bases)) < len(bases):
            continue
        usual = max(sorted(of_version), key=lambda version: len(of_version[version]))
        for version in sorted(set(of_version) - {usual}):
            first, second = next(iter(of_version[version].values())), next(iter(of_version[usual].values()))
            tasks = ", ".join(sorted(claim["task"] for claim in of_version[version].values()))
            yield make_finding(
                "versions_mixed",
                "doubt",
                first,
                f"{first['task']}: {value_text(first)}",
                place_of(second),
                f"{second['task']}: {value_text(second)}",
                f"One table prints {tasks} among {len(of_version[usual])} task(s) of {first['suite']} in "
                f"v{usual}.",
                task=tasks,
                read_in=stated_in(first, second),
            )


def versions_differ(claims: list[Claim]) -> Iterator[Finding]:
    """Documents that report one task in different dataset versions, so that their numbers do not compare."""
    families: dict[str, dict[str, dict[str, Claim]]] = defaultdict(lambda: defaultdict(dict))
    for claim in claims:
        parts = version_of(claim["task"]) if claim["aggregate"] == "cell" else None
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
        yield make_finding(
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
            read_in=stated_in(claim, other),
        )
