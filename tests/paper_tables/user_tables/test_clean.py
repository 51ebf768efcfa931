"""Clean copies of every reported table, through the command: what the known errors list, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from recheck.errors import TablesError
from recheck_command import actions

from paper_tables import literature
from paper_tables.audit import rules
from paper_tables.audit.known_errors import read_known_errors

from .printed import copy_of

TABLES = sorted(
    set(literature.read_all()[["document", "table"]].itertuples(index=False, name=None)),
)
# Only averages of these tables are transcribed: no row of theirs is a task.
WITHOUT_TASKS = {("edp", "Table 1"), ("fql", "Table 2/3"), ("ofql", "Table 2")}
# An earlier version of a document is stale as a whole, which is known error 25.
STALE = ("diffuser", "Table 2, earlier version")
FORMS = ("t.md", "t.csv", "t.tex", "turned.md", "integers.md", "one_digit.tex")


@pytest.fixture(scope="module")
def known() -> set[tuple[str, str]]:
    """Document and rule of what the audit of the literature finds and the known errors list."""
    found = {(finding.document, finding.rule) for finding in rules.find_errors(literature.read_all())}
    listed = {wanted["rule"] for entry in read_known_errors() for wanted in entry.get("findings", [])}
    return {(document, rule) for document, rule in found if rule in listed}


@pytest.mark.parametrize("place", TABLES, ids=lambda place: f"{place[0]}, {place[1]}")
def test_a_clean_copy_has_the_known_errors_alone(
    place: tuple[str, str], known: set[tuple[str, str]], tmp_path: Path
):
    document, table = place
    numbers = literature.read_document(document)
    form = FORMS[TABLES.index(place) % len(FORMS)]
    printed = copy_of(numbers[numbers["table"] == table], {"integers.md": 0, "one_digit.tex": 1}.get(form))
    printed = printed.turned() if form.startswith("turned") else printed
    path = printed.write(tmp_path / form)
    if place in WITHOUT_TASKS:
        with pytest.raises(TablesError, match="holds no number of a task"):
            actions.audit(path)
        return
    for found in actions.audit(path).data["findings"]:
        if place == STALE:
            assert found.rule == "copied_from_an_earlier_version"
        else:
            assert (document, found.rule) in known, found
