"""The four score tables on disk."""

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.scores import tables
from tests.paper_tables.scores.blocks import collected


def test_what_is_written_is_read_back(index, tmp_path):
    found = collected(index)
    tables.write(found, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == sorted(
        f"{name}.parquet" for name in tables.FILES
    )
    for name in tables.FILES:
        pd.testing.assert_frame_equal(tables.read(tmp_path, name), found[name], check_dtype=False)
    pd.testing.assert_frame_equal(tables.read_runs(tmp_path), tables.read(tmp_path, "scores"))


def fractions(found, **changes):
    scores = found["scores"].assign(task="hopper-medium-v2", **changes)
    scores["score_percent"] = 0.01 * np.linspace(60, 70, len(scores))
    return found | {"scores": scores}


def test_scores_without_episodes_are_refused_as_fractions_and_stated_ones_are_not(index, tmp_path):
    found = collected(index)
    without = found | {"episodes": found["episodes"].iloc[:0]}
    tables.write(fractions(without, comparability="original"), tmp_path)
    with pytest.raises(TablesError, match=r"scores\.parquet.*percent"):
        tables.read_runs(tmp_path)
    # Episodes with raw returns prove the unit; so does the author's statement.
    tables.write(fractions(found, comparability="original"), tmp_path)
    assert len(tables.read_runs(tmp_path)) == len(found["scores"])
    tables.write(fractions(without, comparability=tables.STATED), tmp_path)
    assert len(tables.read_runs(tmp_path)) == len(found["scores"])


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TablesError, match=r"cost\.parquet"):
        tables.read(tmp_path, "cost")
