"""Planted errors of a copied table, through the command: one finding each, and none on the clean copy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from recheck.errors import TablesError
from recheck_command import actions

from paper_tables import literature
from paper_tables.user_tables.audit import TableFinding

from .printed import Printed, copy_of

METHODS = ("BC", "TD3+BC", "CQL", "IQL", "ReBRAC")


@pytest.fixture(scope="module")
def clean() -> Printed:
    """Five columns of CORL's last scores on locomotion, with a total, and a method of the user's."""
    numbers = literature.read_document("corl")
    part = numbers[(numbers["table"] == "Last Scores") & (numbers["suite"] == "gym-locomotion")]
    printed = copy_of(part[part["method"].isin(METHODS)])
    printed.headings.append("Ours")
    for place, row in enumerate(printed.rows):
        row.append(f"{60 + 3 * place}.5 ± 1.0")
    add_total(printed)
    return printed


def mean(text: str) -> float:
    return float(text.strip("*").split(" ")[0])


def add_total(printed: Printed) -> None:
    columns = range(1, len(printed.headings))
    sums = [sum(mean(row[place]) for row in printed.rows) for place in columns]
    printed.rows.append(["Total", *[f"{value:.2f}" for value in sums]])


def audit(printed: Printed, path: Path) -> list[TableFinding]:
    found: list[TableFinding] = actions.audit(printed.write(path)).data["findings"]
    return found


@pytest.mark.parametrize("name", ["clean.md", "clean.tex", "clean.csv"])
def test_the_clean_copy_has_no_finding(name: str, clean: Printed, tmp_path: Path):
    answer = actions.audit(clean.write(tmp_path / name))
    assert answer.data["findings"] == []
    assert answer.status == 0
    assert answer.text == "60 numbers, 0 findings."


def test_the_clean_copy_turned_has_no_finding(clean: Printed, tmp_path: Path):
    assert audit(clean.turned(), tmp_path / "turned.md") == []


MEDIUM = "hopper-medium-v2"


def one_digit(printed: Printed) -> None:
    printed.set(MEDIUM, "IQL", "67.58 ± 3.78")


def digits_exchanged(printed: Printed) -> None:
    printed.set(MEDIUM, "IQL", "76.53 ± 3.78")


def digit_lost(printed: Printed) -> None:
    printed.set("hopper-medium-expert-v2", "IQL", "10.42 ± 7.8")


def point_moved(printed: Printed) -> None:
    printed.set(MEDIUM, "IQL", "6.75 ± 3.78")


def sign(printed: Printed) -> None:
    printed.set("halfcheetah-medium-replay-v2", "CQL", "-45.04 ± 0.27")


def mean_and_spread(printed: Printed) -> None:
    printed.set("walker2d-medium-replay-v2", "CQL", "13.22 ± 73.09")


def rows_exchanged(printed: Printed) -> None:
    place = printed.headings.index("CQL")
    one, two = printed.rows[printed.find(MEDIUM)], printed.rows[printed.find("walker2d-medium-v2")]
    one[place], two[place] = two[place], one[place]


def column_shifted(printed: Printed) -> None:
    place = printed.headings.index("TD3+BC")
    cells = [row[place] for row in printed.rows[:-1]]
    for row, cell in zip(printed.rows[:-1], [cells[-1], *cells[:-1]], strict=True):
        row[place] = cell


def neighbour(printed: Printed) -> None:
    printed.set(MEDIUM, "IQL", printed.get(MEDIUM, "CQL"))


def columns_swapped_heading(printed: Printed) -> None:
    place = printed.headings.index("IQL")
    other = printed.headings.index("ReBRAC")
    for row in printed.rows[:-1]:
        row[place] = row[other]
    printed.rows[-1][place] = printed.rows[-1][other]
    del printed.headings[other]
    for row in printed.rows:
        del row[other]


def best_for_last(printed: Printed) -> None:
    printed.set(MEDIUM, "IQL", "80.46 ± 3.09")


def column_of_best(printed: Printed) -> None:
    """The whole column is CORL's best scores; its total fits."""
    other_rule(printed, "IQL", "Best Scores")


def other_rule(printed: Printed, column: str, table: str) -> None:
    numbers = literature.read_document("corl")
    part = numbers[(numbers["table"] == table) & (numbers["suite"] == "gym-locomotion")]
    theirs = copy_of(part[part["method"] == column])
    for task, text in theirs.rows:
        if any(row[0] == task for row in printed.rows):
            printed.set(task, column, text)
    sums = sum(mean(row[printed.headings.index(column)]) for row in printed.rows[:-1])
    printed.set("Total", column, f"{sums:.2f}")


def columns_of_best_but_one(printed: Printed) -> None:
    """All columns of CORL are its best scores, and one is its last."""
    for column in ("BC", "TD3+BC", "CQL", "ReBRAC"):
        other_rule(printed, column, "Best Scores")


def standard_errors(printed: Printed) -> None:
    """The spreads of a column over the root of its four seeds."""
    scale_spreads(printed, "IQL", 1 / math.sqrt(4))


def scale_spreads(printed: Printed, column: str, factor: float) -> None:
    place = printed.headings.index(column)
    for row in printed.rows[:-1]:
        value, spread = row[place].split(" ± ")
        row[place] = f"{value} ± {float(spread) * factor:.2f}"


def spreads_doubled(printed: Printed) -> None:
    scale_spreads(printed, "CQL", 2.0)


def spread_halved_once(printed: Printed) -> None:
    printed.set(MEDIUM, "IQL", "67.53 ± 1.89")


def spreads_exchanged(printed: Printed) -> None:
    printed.set(MEDIUM, "IQL", "67.53 ± 6.39")
    printed.set("hopper-medium-replay-v2", "IQL", "97.43 ± 3.78")


def total(printed: Printed) -> None:
    place = printed.headings.index("IQL")
    printed.rows[-1][place] = f"{mean(printed.rows[-1][place]) + 9:.2f}"


def bold_not_highest(printed: Printed) -> None:
    printed.set(MEDIUM, "Ours", "**69.5 ± 1.0**")


def bold_within_noise(printed: Printed) -> None:
    printed.set(MEDIUM, "Ours", "**102.5 ± 1.0**")
    place = printed.headings.index("Ours")
    printed.rows[-1][place] = f"{sum(mean(row[place]) for row in printed.rows[:-1]):.2f}"


def column_repeated(printed: Printed) -> None:
    place, other = printed.headings.index("Ours"), printed.headings.index("IQL")
    for row in printed.rows:
        row[place] = row[other]


def row_twice(printed: Printed) -> None:
    row = list(printed.rows[printed.find(MEDIUM)])
    row[printed.headings.index("Ours")] = "12.3 ± 1.0"
    del printed.rows[-1]
    printed.rows.append(row)


# Change; rule; cell; what is printed there begins with; what the source has begins with; how sure.
PLANTED: dict[str, tuple[Callable[[Printed], None], str, str, str, str, str]] = {
    "one digit": (one_digit, "digits_differ", f"IQL on {MEDIUM}", "67.58", "67.53", "certain"),
    "digits exchanged": (digits_exchanged, "digits_differ", f"IQL on {MEDIUM}", "76.53", "67.53", "certain"),
    "digit lost": (
        *(digit_lost, "digits_differ", "IQL on hopper-medium-expert-v2", "10.42", "107.42", "certain"),
    ),
    "point moved": (point_moved, "digits_differ", f"IQL on {MEDIUM}", "6.75", "67.53", "certain"),
    "sign": (sign, "sign_differs", "CQL on halfcheetah-medium-replay-v2", "-45.04", "45.04", "certain"),
    "mean and spread swapped": (
        *(mean_and_spread, "mean_and_spread_swapped", "CQL on walker2d-medium-replay-v2"),
        *("13.22", "73.09", "certain"),
    ),
    "rows exchanged": (
        *(rows_exchanged, "copied_from_another_row", f"CQL on {MEDIUM}, walker2d-medium-v2"),
        *("80.75, 59.08", "59.08, 80.75", "certain"),
    ),
    "column shifted": (
        *(column_shifted, "copied_from_another_row", "TD3+BC on halfcheetah-medium-expert-v2, "),
        *("44.84", "90.78", "certain"),
    ),
    "neighbouring column": (
        *(neighbour, "copied_from_another_column", f"IQL on {MEDIUM}", "59.08", "67.53", "certain"),
    ),
    "column under another heading": (
        *(columns_swapped_heading, "copied_from_another_column", "IQL on halfcheetah-medium-expert-v2, "),
        *("103.80", "94.74", "certain"),
    ),
    "best for last": (
        *(best_for_last, "copied_under_another_rule", f"IQL on {MEDIUM}", "80.46", "67.53", "certain"),
    ),
    "column of best for last": (
        *(column_of_best, "column_under_another_rule", "IQL on halfcheetah-medium-v2 and 8 more rows"),
        *("48.84 ± 0.07", "48.31", "likely"),
    ),
    "column of last for best": (
        *(columns_of_best_but_one, "column_under_another_rule", "IQL on halfcheetah-medium-v2 and 8"),
        *("48.31 ± 0.22", "48.84", "likely"),
    ),
    "standard errors": (
        *(standard_errors, "spread_of_another_kind", "IQL on halfcheetah-medium-expert-v2, "),
        *("94.74 +/- 0.26", "94.74 +/- 0.52", "likely"),
    ),
    "spreads doubled": (
        *(spreads_doubled, "spread_of_another_kind", "CQL on halfcheetah-medium-expert-v2, "),
        *("95.63 +/- 0.84", "95.63 +/- 0.42", "likely"),
    ),
    "one spread halved": (
        *(spread_halved_once, "spread_differs", f"IQL on {MEDIUM}", "67.53 +/- 1.89", "67.53 +/- 3.78"),
        "likely",
    ),
    "spreads exchanged": (
        *(spreads_exchanged, "spread_of_another_row", f"IQL on hopper-medium-replay-v2, {MEDIUM}"),
        *("97.43 +/- 3.78", "97.43 +/- 6.39", "likely"),
    ),
    "total": (total, "totals", "IQL on Total", "743.67", "734.67", "certain"),
    "bold is not the highest": (
        *(bold_not_highest, "bold_is_not_the_highest", f"Ours on {MEDIUM}", "69.5", "102.29", "likely"),
    ),
    "bold within noise": (
        *(bold_within_noise, "bold_within_noise", f"Ours on {MEDIUM}", "102.5", "102.29", "likely"),
    ),
    "column repeated": (
        column_repeated,
        "columns_that_repeat",
        "Ours on 9 rows",
        "94.74",
        "94.74",
        "certain",
    ),
    "row twice": (row_twice, "printed_twice", f"Ours on {MEDIUM}", "12.3", "69.5", "certain"),
}


FORMS = ("table.tex", "table.md", "table.csv")
# A CSV file has no bold.
CASES = [
    (name, form)
    for name in PLANTED
    for form in FORMS
    if not (name.startswith("bold") and form == "table.csv")
]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_a_planted_error_is_one_finding_about_the_table(name: str, form: str, clean: Printed, tmp_path: Path):
    change, rule, cell, printed, source, sure = PLANTED[name]
    changed = clean.copy()
    change(changed)
    path = changed.write(tmp_path / form)
    answer = actions.audit(path)
    (found,) = answer.data["findings"]
    assert (found.rule, found.certainty) == (rule, sure)
    assert found.cell.startswith(cell)
    assert found.printed.startswith(printed)
    assert found.source_value.startswith(source)
    assert answer.status == 1
    # The line is that of the user's file, and has the number.
    if found.line:
        line = path.read_text().splitlines()[found.line - 1]
        assert re.split(r"[ ,]", found.printed)[0] in line


def test_a_whole_column_under_another_rule_can_be_stated(tmp_path: Path):
    """A table of one document's best scores alone is clean until it is said to report the last."""
    numbers = literature.read_document("corl")
    part = numbers[(numbers["table"] == "Best Scores") & (numbers["suite"] == "gym-locomotion")]
    path = copy_of(part[part["method"].isin(("IQL", "CQL"))]).write(tmp_path / "t.csv")
    assert actions.audit(path).data["findings"] == []
    assert actions.audit(path, select="best").data["findings"] == []
    found = actions.audit(path, select="last").data["findings"]
    assert [item.rule for item in found] == ["column_under_another_rule"] * 2
    with pytest.raises(TablesError, match="select is 'first'; allowed are last and best"):
        actions.audit(path, select="first")


def test_a_known_wrong_number_that_is_copied_is_found(tmp_path: Path):
    """ReBRAC's table has two numbers of EDAC's CQL changed (known error 27); a copy of it has them too."""
    numbers = literature.read_document("rebrac")
    part = numbers[numbers["table"] == "Table 2"]
    found = audit(copy_of(part), tmp_path / "t.md")
    assert [(item.cell, item.printed, item.source_value) for item in found] == [
        ("CQL on halfcheetah-random-v2", "31.1", "31.3"),
        ("CQL on walker2d-random-v2", "5.1", "5.4"),
    ]
    for item in found:
        assert re.search(r"It is repeated by \S.*, which is no evidence for it\.", item.explanation)


def test_numbers_of_another_version_and_of_an_earlier_document(tmp_path: Path):
    """CQL's v0 numbers under v2, and Diffuser's numbers of its first version: one finding a column."""
    numbers = literature.read_all()
    cql = numbers[(numbers["document"] == "cql") & (numbers["table"] == "Table 1")]
    old = numbers[numbers["table"] == "Table 2, earlier version"]
    cells = {row["task"].replace("-v0", "-v2"): f"{row['score_percent']}" for row in cql.to_dict("records")}
    printed = Printed(["Task", "CQL", "Diffuser"])
    printed.rows = [
        [row["task"], cells.get(row["task"], "-"), f"{row['score_percent']}"]
        for row in old.to_dict("records")
    ]
    found = audit(printed, tmp_path / "t.md")
    rules = {item.cell.split(" on ")[0]: item for item in found}
    assert len(found) == len(rules)
    assert rules["Diffuser"].rule == "copied_from_an_earlier_version"
    assert rules["CQL"].rule == "copied_from_another_version"


def test_a_wrong_total_is_found_next_to_wrong_cells_of_other_columns(clean: Printed, tmp_path: Path):
    changed = clean.copy()
    for change in (digits_exchanged, sign):
        change(changed)
    for name in ("TD3+BC", "ReBRAC", "Ours"):
        place = changed.headings.index(name)
        del changed.headings[place]
        for row in changed.rows:
            del row[place]
    place = changed.headings.index("BC")
    changed.rows[-1][place] = f"{mean(changed.rows[-1][place]) + 9:.2f}"
    found = {item.cell: item.rule for item in audit(changed, tmp_path / "t.md")}
    assert found == {
        f"IQL on {MEDIUM}": "digits_differ",
        "CQL on halfcheetah-medium-replay-v2": "sign_differs",
        "BC on Total": "totals",
    }


def test_rows_exchanged_between_suites_are_one_finding(tmp_path: Path):
    numbers = literature.read_document("corl")
    part = numbers[(numbers["table"] == "Last Scores") & numbers["method"].isin(("IQL", "CQL"))]
    printed = copy_of(part[part["aggregate"] == "cell"])
    one, other = printed.get(MEDIUM, "IQL"), printed.get("pen-human-v1", "IQL")
    printed.set(MEDIUM, "IQL", other)
    printed.set("pen-human-v1", "IQL", one)
    (found,) = audit(printed, tmp_path / "t.csv")
    assert found.rule == "copied_from_another_row"
    assert set(found.cell.removeprefix("IQL on ").split(", ")) == {MEDIUM, "pen-human-v1"}


def test_a_bold_number_that_a_wrong_cell_beats_is_no_second_error(tmp_path: Path):
    """Diffusion-QL has 90.5 there: the digits are exchanged, and the bold is right."""
    printed = Printed(["Task", "Diffusion-QL", "Ours"])
    printed.rows = [
        ["halfcheetah-medium-v2", "51.1 ± 0.5", "45.1 ± 0.5"],
        [MEDIUM, "95.0 ± 4.6", "**93.0 ± 0.1**"],
        ["walker2d-medium-v2", "87.0 ± 0.9", "80.0 ± 1.0"],
    ]
    assert [item.rule for item in audit(printed, tmp_path / "t.tex")] == ["digits_differ"]


def test_a_single_number_is_compared_with_the_document_of_its_neighbours(tmp_path: Path):
    printed = Printed(["Task", "BC", "CQL", "IQL"], [[MEDIUM, "52.9", "58.5", "63.3"]])
    (found,) = audit(printed, tmp_path / "t.md")
    assert (found.cell, found.source_value) == (f"IQL on {MEDIUM}", "66.3")


def test_a_copy_of_a_documents_own_reruns_is_compared_with_it(tmp_path: Path):
    numbers = literature.read_document("rebrac")
    part = numbers[(numbers["table"] == "Table 2") & (numbers["method"] == "ReBRAC, our")]
    printed = copy_of(part[part["aggregate"] == "cell"])
    printed.set("halfcheetah-full-replay-v2", "ReBRAC, our", "82.6 ± 1.1")
    (found,) = audit(printed, tmp_path / "t.md")
    assert (found.printed, found.source_value) == ("82.6", "82.1")


def test_a_cell_below_no_heading_is_reported(tmp_path: Path):
    (tmp_path / "t.csv").write_text(
        "Task,BC,CQL\nhopper-medium-v2,52.9,58.5,99\nwalker2d-medium-v2,75.3,72.5\n"
    )
    assert "Not used (1): '99' (line 2, below no heading)." in actions.audit(tmp_path / "t.csv").messages
