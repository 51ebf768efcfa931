"""Versions of datasets that are mixed in one table or differ between documents."""

from __future__ import annotations

from paper_tables.audit.versions import versions_differ, versions_mixed
from tests.paper_tables.audit.printed import printed


def test_one_task_in_two_versions_in_one_table_is_a_contradiction():
    numbers = [printed("hopper-medium-v2", 60.0), printed("hopper-medium-v0", 50.0), printed("ant-v2", 1.0)]
    (found,) = versions_mixed(numbers)
    assert (found.severity, found.task) == ("contradiction", "hopper-medium")
    assert (found.value, found.other_value) == ("hopper-medium-v0: 50.0", "hopper-medium-v2: 60.0")
    assert found.explanation == "One table prints hopper-medium in versions v0, v2."


def test_one_task_of_a_suite_in_another_version_is_a_doubt():
    numbers = [printed("a-v2"), printed("b-v2"), printed("c-v0", 7.0)]
    (found,) = versions_mixed(numbers)
    assert (found.severity, found.task, found.value) == ("doubt", "c-v0", "c-v0: 7.0")
    assert found.explanation == "One table prints c-v0 among 2 tasks of gym-locomotion in v2."


def test_what_is_in_different_tables_or_has_no_version_is_not_mixed():
    assert list(versions_mixed([printed("a-v2"), printed("a-v0", table="Table 2")])) == []
    assert list(versions_mixed([printed("a-v2"), printed("b-v0", suite="antmaze")])) == []
    assert list(versions_mixed([printed("a-v2"), printed("TOTAL", aggregate="total")])) == []


def test_documents_that_use_different_versions_are_named_once_for_all_their_tasks():
    numbers = [
        printed(f"{task}-v{version}", document=document)
        for document, version in (("a", 2), ("b", 0), ("c", 2))
        for task in ("hopper", "ant")
    ]
    (found,) = versions_differ(numbers)
    assert (found.value, found.source, found.other_value, found.other_source) == ("v0", "b", "v2", "a, c")
    assert found.task == "ant, hopper"
    assert found.severity == "remark"
    assert list(versions_differ([number for number in numbers if number.document != "b"])) == []
