"""Rules: versions of the datasets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from recheck.words import how_many

from paper_tables.audit.numbers import Finding, PrintedNumber, grouped_by, read_in


def versions_mixed(numbers: list[PrintedNumber]) -> Iterator[Finding]:
    """Two dataset versions in one table."""
    cells = [number for number in numbers if number.aggregate == "cell" and number.base_and_version]
    for _, group in sorted(grouped_by(cells, "document", "table").items()):
        families: dict[str, dict[str, PrintedNumber]] = defaultdict(dict)
        for number in group:
            base, version = number.base_and_version  # type: ignore[misc]
            families[base].setdefault(version, number)
        for base, versions in sorted(families.items()):
            if len(versions) > 1:
                first, second = (versions[version] for version in sorted(versions)[:2])
                yield first.finding(
                    "versions_mixed",
                    "contradiction",
                    f"One table prints {base} in versions {', '.join('v' + v for v in sorted(versions))}.",
                    value=f"{first.task}: {first.text}",
                    other_source=second.place,
                    other_value=f"{second.task}: {second.text}",
                    task=base,
                    read_in=read_in(first, second),
                )
    yield from _versions_within_a_suite(cells)


def _versions_within_a_suite(cells: list[PrintedNumber]) -> Iterator[Finding]:
    """One table in which the tasks of one suite are in different versions, none of them in two."""
    for _, group in sorted(grouped_by(cells, "document", "table", "suite").items()):
        of_version: dict[str, dict[str, PrintedNumber]] = defaultdict(dict)
        for number in group:
            base, version = number.base_and_version  # type: ignore[misc]
            of_version[version].setdefault(base, number)
        bases = [base for numbers in of_version.values() for base in numbers]
        if len(of_version) < 2 or len(set(bases)) < len(bases):
            continue
        usual = max(sorted(of_version), key=lambda version: len(of_version[version]))
        for version in sorted(set(of_version) - {usual}):
            first, second = next(iter(of_version[version].values())), next(iter(of_version[usual].values()))
            tasks = ", ".join(sorted(number.task for number in of_version[version].values()))
            yield first.finding(
                "versions_mixed",
                "doubt",
                (
                    f"One table prints {tasks} among {how_many(len(of_version[usual]), 'task')} of "
                    f"{first.suite} in v{usual}."
                ),
                value=f"{first.task}: {first.text}",
                other_source=second.place,
                other_value=f"{second.task}: {second.text}",
                task=tasks,
                read_in=read_in(first, second),
            )


def versions_differ(numbers: list[PrintedNumber]) -> Iterator[Finding]:
    """Documents that report one task in different dataset versions, so that their numbers do not compare."""
    families: dict[str, dict[str, dict[str, PrintedNumber]]] = defaultdict(lambda: defaultdict(dict))
    for number in numbers:
        parts = number.base_and_version if number.aggregate == "cell" else None
        if parts:
            families[parts[0]][parts[1]].setdefault(number.document, number)
    # Tasks in which the same documents use the same versions are reported in one message.
    alike: dict[tuple[tuple[str, tuple[str, ...]], ...], list[str]] = defaultdict(list)
    for base, versions in families.items():
        if len(versions) > 1:
            alike[tuple((version, tuple(sorted(versions[version]))) for version in sorted(versions))].append(
                base
            )
    for versions_used, bases in sorted(alike.items(), key=lambda item: sorted(item[1])):
        (version, documents), (other_version, other_documents) = versions_used[:2]
        number = families[bases[0]][version][documents[0]]
        other = families[bases[0]][other_version][other_documents[0]]
        yield number.finding(
            "versions_differ",
            "remark",
            (
                f"v{version} in {', '.join(documents)}; v{other_version} in {', '.join(other_documents)}: "
                "their numbers are of different data."
            ),
            value=f"v{version}",
            other_source=", ".join(other_documents),
            other_value=f"v{other_version}",
            task=", ".join(sorted(bases)),
            method="all",
            source=", ".join(documents),
            read_in=read_in(number, other),
        )
