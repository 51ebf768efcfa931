"""Pickles of numbers are read; any other name in one is refused before it is looked up."""

from __future__ import annotations

import codecs
import collections
import os
import pickle

import numpy as np
import pytest
from recheck.errors import TablesError

from paper_tables.score_files.pickles import load


class Harmful:
    """Makes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_numbers_texts_lists_and_arrays(tmp_path, protocol):
    content = {"IQL": {"t": [[1.5, np.float64(2.5)], np.arange(3.0)]}, "n": np.int64(4), "none": None}
    path = tmp_path / "s.pickle"
    path.write_bytes(pickle.dumps(content, protocol))
    found = load(path)
    assert found["IQL"]["t"][0] == [1.5, 2.5]
    assert found["IQL"]["t"][1].tolist() == [0.0, 1.0, 2.0]
    assert (found["n"], found["none"]) == (4, None)


def test_the_name_of_numpys_core_before_version_2(tmp_path):
    path = tmp_path / "s.pickle"
    content = pickle.dumps(np.arange(3.0), 2).replace(b"numpy._core", b"numpy.core")
    assert b"numpy.core" in content
    path.write_bytes(content)
    assert load(path).tolist() == [0.0, 1.0, 2.0]


class Encoded:
    """Asks for another encoding than that of arrays."""

    def __reduce__(self):
        return codecs.encode, ("a", "rot13")


def test_bytes_are_made_from_latin_1_alone(tmp_path):
    path = tmp_path / "s.pickle"
    path.write_bytes(pickle.dumps(Encoded(), 2))
    with pytest.raises(TablesError, match="it encodes a text as rot13"):
        load(path)


def test_a_call_of_anything_else_is_refused_and_not_made(tmp_path):
    path = tmp_path / "s.pickle"
    path.write_bytes(pickle.dumps(Harmful(str(tmp_path / "made"))))
    with pytest.raises(TablesError, match=r"it holds objects of posix\.mkdir; reading it could run code"):
        load(path)
    assert not (tmp_path / "made").exists()
    path.write_bytes(pickle.dumps(collections.OrderedDict(a=1)))
    with pytest.raises(TablesError, match=r"objects of collections\.OrderedDict"):
        load(path)


def test_damaged_and_absent_files(tmp_path):
    path = tmp_path / "s.pickle"
    for content in (b"", b"no pickle", pickle.dumps([1.0] * 50)[:-9]):
        path.write_bytes(content)
        with pytest.raises(TablesError, match=r"s\.pickle is not read: "):
            load(path)
    with pytest.raises(TablesError, match="cannot be read: No such file"):
        load(tmp_path / "none.pickle")
