"""Margins and other settings of the tables."""

from __future__ import annotations

import pytest
from recheck import tasks
from recheck.errors import TablesError

from paper_tables import literature
from paper_tables.config import load, load_margins


def test_margins_are_data():
    margins = load_margins()
    assert margins.of_suite("gym-locomotion") == 5
    assert margins.of_suite("something else") == margins.default_percent == 5
    assert margins.curve_ratio == 0.10
    assert margins.uninformative_within_percent == 10


def test_suites_have_one_name_in_all_files():
    known = set(literature.read_suites().index)
    assert set(load_margins().suites) <= known
    assert {task.suite for task in tasks.load_tasks().values()} <= known
    assert set(literature.read_all()["suite"]) <= known


def test_a_wrong_setting_is_named(tmp_path):
    file = tmp_path / "margins.yaml"
    file.write_text(
        "format: 1\ndefault_margin_percent: 5\nsuites: {kitchen: {margin_percent: -1}}\n"
        "uninformative_within_percent: 10\ncurve_margin_ratio: 0.1\n"
    )
    with pytest.raises(TablesError, match=r"suites\.kitchen\.margin_percent"):
        load_margins(file)
    with pytest.raises(TablesError, match="There is no file"):
        load("margins", tmp_path / "absent.yaml")
    file.write_text("format: 1\nformat: 1\n")
    with pytest.raises(TablesError, match="format"):
        load_margins(file)
    file.write_text("a: [")
    with pytest.raises(TablesError, match="this is not YAML"):
        load_margins(file)
