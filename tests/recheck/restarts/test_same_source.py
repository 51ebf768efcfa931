"""Whether two descriptions of rows are of one file."""

import pytest
from recheck.restarts.same_source import is_same_source

A, B = "a" * 64, "b" * 64
BROUGHT = {"source_kind": "hdf5", "ends": None, "sha256": None, "file": [A], "urls": None}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"file": []}, True),  # it is no longer there
        ({"file": [B]}, False),
        ({"file": [], "sha256": A}, True),  # its hash was filled in
        ({"file": [], "sha256": B}, False),
        ({"file": [], "urls": ["https://example.org/a.hdf5"]}, True),
        ({"ends": "terminal"}, False),
        ({"source_kind": "minari"}, False),
        ({"action_clip": 0.5}, False),
    ],
)
def test_a_brought_file(changes, same):
    assert is_same_source(BROUGHT, {**BROUGHT, **changes}, None) is same


def test_a_file_without_a_known_hash_is_the_one_of_the_manifest():
    downloaded = {"sha256": None, "file": [], "urls": ["https://example.org/a.hdf5"]}
    assert is_same_source(downloaded, {**downloaded, "sha256": A}, A)
    assert not is_same_source(downloaded, {**downloaded, "sha256": A}, B)
    assert not is_same_source(downloaded, {**downloaded, "sha256": A}, None)


def test_policies_that_play_count_where_they_are_there():
    played = {"source_kind": "recollected", "behaviours": {"p": A, "q": B}}
    assert is_same_source(played, {**played, "behaviours": {"p": A}}, None)
    assert not is_same_source(played, {**played, "behaviours": {"p": B, "q": B}}, None)
    assert not is_same_source(played, {**played, "behaviours": {"p": A, "q": B, "r": A}}, None)
