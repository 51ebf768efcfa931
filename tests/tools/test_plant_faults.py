"""Planted faults: each of the list can be planted today, one is found, and what changes nothing is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tools import plant_faults

ROOT = Path(__file__).resolve().parents[2]

FAULTS = plant_faults.read_faults()


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.fault for fault in FAULTS])
def test_a_fault_can_be_planted(fault):
    """Its text is in the file once, what takes its place compiles, and its tests are there."""
    text = (ROOT / fault.file).read_text(encoding="utf-8")
    planted = fault.planted(text)
    assert planted != text
    compile(planted, fault.file, "exec")
    assert (ROOT / fault.tests).is_file()


def test_faults_have_names_of_their_own_and_are_in_every_part():
    assert len({fault.fault for fault in FAULTS}) == len(FAULTS) > 20
    assert {fault.file.split("/")[0] for fault in FAULTS} == {"algos", "paper_tables"}


def test_a_text_that_is_not_there_once_is_refused():
    fault = plant_faults.Fault("x", "a.py", "a = 1", "a = 2", "t.py")
    for text in ("b = 1", "a = 1\na = 1"):
        with pytest.raises(ValueError, match=r"a\.py has [02] times"):
            fault.planted(text)


def test_one_fault_is_found_and_a_change_of_nothing_is_not(tmp_path: Path):
    """The whole way, on the quickest of the list."""
    fault = next(fault for fault in FAULTS if "Scores: divided" in fault.fault)
    nothing = replace(fault, new=f"+{fault.old}")
    folder = plant_faults.copy_of_the_repository(tmp_path)
    result = dict(zip(("fault", "nothing"), plant_faults.found([fault, nothing], folder), strict=True))
    assert result == {"fault": (fault, True), "nothing": (nothing, False)}
    assert (folder / fault.file).read_text() == (ROOT / fault.file).read_text()
