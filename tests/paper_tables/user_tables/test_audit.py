"""Planted errors of a copied table: one finding each, about the user's table, with the source's value."""

from __future__ import annotations

from pathlib import Path

import pytest

from paper_tables.user_tables.audit import TableFinding, audit_table

PLANTED = """Task,BC,TD3+BC,CQL,IQL
halfcheetah-medium-v2,42.6,48.3,44.0,47.4
hopper-medium-v2,52.9,59.3,58.5,63.6
walker2d-medium-v2,75.3,87.3,72.5,78.3
halfcheetah-medium-replay-v2,36.6,44.6,45.5,-44.2
hopper-medium-replay-v2,18.1,60.9,95.0,94.7
walker2d-medium-replay-v2,26.0,81.8,77.2,73.9
halfcheetah-medium-expert-v2,55.2,90.7,105.4,86.7
hopper-medium-expert-v2,52.5,98.0,91.6,91.5
walker2d-medium-expert-v2,107.5,110.1,108.8,109.6
total,466.7,677.4,698.5,700.4
"""


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TableFinding]:
    path = tmp_path_factory.mktemp("planted") / "planted.csv"
    path.write_text(PLANTED)
    _, found = audit_table(path)
    assert len({finding.cell for finding in found}) == len(found)
    return {finding.cell: finding for finding in found}


@pytest.mark.parametrize(
    ("cell", "rule", "line", "printed", "source"),
    [
        ("IQL on hopper-medium-v2", "digits_differ", 3, "63.6", "66.3"),
        ("TD3+BC on walker2d-medium-v2", "digits_differ", 4, "87.3", "83.7"),
        ("IQL on halfcheetah-medium-replay-v2", "sign_differs", 5, "-44.2", "44.2"),
        ("IQL on total", "totals", 11, "700.4", "601.5"),
    ],
)
def test_each_planted_error_is_one_finding(
    findings: dict[str, TableFinding], cell: str, rule: str, line: int, printed: str, source: str
):
    found = findings[cell]
    assert (found.rule, found.line, found.printed, found.source_value) == (rule, line, printed, source)
    assert found.certainty == "certain"


def test_shifted_rows_are_one_finding_and_nothing_else_is_found(findings: dict[str, TableFinding]):
    shifted = [finding for finding in findings.values() if finding.rule == "copied_from_another_row"]
    assert len(shifted) == 1
    assert shifted[0].cell.startswith("CQL on halfcheetah-medium-expert-v2")
    assert len(findings) == 5


TWICE = """Task,Mine
hopper-medium-v2,52.9
walker2d-medium-v2,75.3
hopper-medium-v2,{}
"""


@pytest.mark.parametrize("turned", [False, True])
def test_a_task_in_two_rows_is_a_finding(turned: bool, tmp_path: Path):
    path = tmp_path / "t.csv"
    lines = [line.split(",") for line in TWICE.format("60.1").split()]
    path.write_text("\n".join(",".join(line) for line in (zip(*lines) if turned else lines)))
    _, (found,) = audit_table(path)
    assert (found.rule, found.line) == ("printed_twice", 2)
    assert "60.1" in f"{found.printed} {found.source_value}"


def test_the_same_numbers_twice_are_reported(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text(TWICE.format("52.9"))
    table, found = audit_table(path)
    assert not found
    assert "Task hopper-medium-v2 appears twice, with the same numbers." in table.messages
