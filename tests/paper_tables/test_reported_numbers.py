"""Reported numbers: every claim is there, unchanged, and a bad file is refused in one sentence."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables import frames, literature

SHARED = Path(__file__).parents[2] / ".." / "shared" / "facts"
# Column of the source table -> ours.
VERBATIM = {
    "paper": "paper",
    "arxiv": "arxiv",
    "method": "method",
    "method_as_reported_by": "reported_by",
    "domain": "suite",
    "task": "task",
    "score": "score_percent",
    "std": "spread_percent",
    "n_seeds": "seeds_stated",
    "selection": "selection_stated",
    "source": "source",
    "confidence": "confidence",
    "note": "note",
}


@pytest.fixture(scope="module")
def reported() -> pd.DataFrame:
    return literature.read_all()


def test_every_row_of_the_source_table_is_here_unchanged():
    path = SHARED / "reported_scores.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not on this machine")
    source = pd.read_csv(path, dtype=str, keep_default_na=False)
    # The suite of the ablation table carries the table's name in the source; here the table has its column.
    source["domain"] = source["domain"].str.replace(r" \(.*", "", regex=True)
    ours = pd.concat(
        pd.read_csv(literature.FOLDER / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in literature.documents()
    )
    wanted = Counter(map(tuple, source[list(VERBATIM)].to_numpy()))
    present = Counter(map(tuple, ours[list(VERBATIM.values())].to_numpy()))
    assert not wanted - present
    added = present - wanted
    # What is added stands only in the list of known errors (the notes, the leaderboard, the copies) or, the
    # averages of Diffusion-QL's Table 2, in the source's remarks.
    assert added.total() == 23
    assert all(any(w in row[10] for w in ("known error", "DiffCPS", "column averages")) for row in added)


def test_official_runs_and_d3rlpy_runs_are_the_source_files():
    for ours, name in (
        (literature.REFERENCE_RUNS, "official_runs.csv"),
        (literature.D3RLPY_RUNS, "d3rlpy_per_seed_d4rl.csv"),
    ):
        source = SHARED / name
        if not source.is_file():
            pytest.skip(f"{source} is not on this machine")
        assert ours.read_bytes() == source.read_bytes()


def test_meaning_of_the_spread_is_filled_where_the_source_says_it(reported):
    kinds = reported[reported["spread_percent"].notna()].groupby("document")["spread_kind"].unique()
    assert {document: set(values) for document, values in kinds.items()} == {
        "cleandiffuser": {"standard_error_of_pooled_episodes"},
        "corl": {"population_standard_deviation_over_seeds"},
        "diffusion_ql": {"standard_error_of_pooled_episodes"},
        "flowrl": {"unknown"},
        "fql": {"standard_deviation_over_seeds"},
    }
    assert (reported[reported["spread_percent"].isna()]["spread_kind"] == "none").all()


def test_seeds_stated_in_two_ways_keep_both(reported):
    twice = reported[reported["seeds_stated"].isin(["5/6", "5 (caption) / 6 (App. C)"])]
    assert len(twice) == 29
    assert (twice["num_seeds"] == "5|6").all()


def test_confidence_is_kept(reported):
    assert (reported["confidence"] == "from_memory").sum() == 101


def test_every_suite_has_a_range(reported):
    assert set(reported["suite"]) <= set(literature.read_suites().index)


def test_d3rlpy_runs_have_the_columns_of_scores():
    runs = literature.read_d3rlpy_runs()
    assert list(runs.columns) == frames.columns("scores")
    assert len(runs) == 3 * 1410
    assert runs.groupby(["method", "task", "selection"])["seed"].nunique().eq(10).all()
    wide = runs.pivot(index=["method", "task", "seed"], columns="selection", values="score_percent")
    assert (wide["best_online"] >= wide["last"] - 1e-9).all()


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("spread_kind", "sd", "spread_kind"),
        ("score_percent", "high", "score_percent"),
        ("score_percent", "", "score_percent"),
        ("num_seeds", "0", "num_seeds"),
        ("episodes_per_seed", "2.5", "integer"),
        ("episodes_per_seed", "0", "episodes_per_seed"),
        ("selection", "luckiest", "last, average_last_k"),
        ("arxiv", "21106", "arxiv"),
    ],
)
def test_a_bad_value_is_refused_with_file_and_column(tmp_path, column, value, words):
    table = pd.read_csv(literature.FOLDER / "iql.csv", dtype=str, keep_default_na=False)
    table.loc[3, column] = value
    path = tmp_path / "iql.csv"
    table.to_csv(path, index=False)
    with pytest.raises(TablesError, match=words) as error:
        literature.read_document("iql", tmp_path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_and_an_unknown_column_are_named(tmp_path):
    table = pd.read_csv(literature.FOLDER / "iql.csv", dtype=str, keep_default_na=False)
    table.drop(columns="source").to_csv(tmp_path / "iql.csv", index=False)
    with pytest.raises(TablesError, match="source"):
        literature.read_document("iql", tmp_path)
    table.assign(mood="good").to_csv(tmp_path / "iql.csv", index=False)
    with pytest.raises(TablesError, match="mood"):
        literature.read_document("iql", tmp_path)


def test_an_unknown_document_is_refused_with_the_known_ones():
    with pytest.raises(TablesError, match="iql"):
        literature.read_document("no_such_paper")
