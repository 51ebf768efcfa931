"""Reported numbers: every number is there, unchanged, and a bad file is refused in one message."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables import literature

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


SECOND_TABLE = ("cql", "dac", "decision_diffuser", "diffuser", "qgpo", "rebrac", "sfbc", "srpo", "td3_bc")
THIRD_TABLE = ("edac",)
FIRST_TABLE = tuple(sorted(set(literature.documents()) - {*SECOND_TABLE, *THIRD_TABLE}))


def _as_written(documents: tuple[str, ...]) -> pd.DataFrame:
    """The rows of some documents as text."""
    return pd.concat(
        pd.read_csv(literature.FOLDER / f"{name}.csv", dtype=str, keep_default_na=False) for name in documents
    )


@pytest.fixture(scope="module")
def reported() -> pd.DataFrame:
    return literature.read_all()


# Columns that a correction may change; the number itself never changes.
CORRECTED = ("source", "confidence", "note")


def test_every_row_of_the_source_table_is_here_unchanged():
    path = SHARED / "reported_scores.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not on this machine")
    source = pd.read_csv(path, dtype=str, keep_default_na=False)
    # The suite of the ablation table carries the table's name in the source; here the table has its column.
    source["domain"] = source["domain"].str.replace(r" \(.*", "", regex=True)
    kept = {theirs: ours for theirs, ours in VERBATIM.items() if theirs not in CORRECTED}
    wanted = Counter(map(tuple, source[list(kept)].to_numpy()))
    present = Counter(map(tuple, _as_written(FIRST_TABLE)[list(kept.values())].to_numpy()))
    assert not wanted - present
    # What is added is only in the list of known errors (the notes, the leaderboard, the copies) or, the
    # averages of Diffusion-QL's Table 2, in the source's remarks.
    # DiffCPS has its own column of 17 since it was found.
    assert (present - wanted).total() == 21 + 17


def test_every_row_of_the_second_source_table_is_here_unchanged():
    """Nine more documents; what the digits prove was corrected: ReBRAC's CQL is EDAC's, DAC averages."""
    path = SHARED / "reported_scores_2.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not on this machine")
    source = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert len(source) == 411
    ours = _as_written(SECOND_TABLE)
    number = ["document", "table", "method", "task", "score_percent", "spread_percent", "source", "arxiv"]
    wanted = Counter(map(tuple, source[number].to_numpy()))
    present = Counter(map(tuple, ours[number].to_numpy()))
    assert not wanted - present
    # Added: the earlier version of Diffuser's numbers, which the copies repeat.
    assert (present - wanted).total() == 9
    meaning = [*number, "origin", "num_seeds", "episodes_per_seed", "selection", "spread_kind"]
    changed = Counter(map(tuple, source[meaning].to_numpy())) - Counter(map(tuple, ours[meaning].to_numpy()))
    assert {row[:3] for row in changed} == {("rebrac", "Table 2", "CQL"), ("dac", "README Results", "DAC")}


def test_official_runs_are_the_source_file():
    source = SHARED / "official_runs.csv"
    if not source.is_file():
        pytest.skip(f"{source} is not on this machine")
    assert literature.REFERENCE_RUNS.read_bytes() == source.read_bytes()


def test_counts_of_documents_and_rows(reported):
    assert len(literature.documents()) == 22
    assert reported.groupby("document").size()[list(SECOND_TABLE)].to_dict() == {
        "cql": 15,
        "dac": 15,
        "decision_diffuser": 72,
        "diffuser": 18,
        "qgpo": 81,
        "rebrac": 90,
        "sfbc": 18,
        "srpo": 81,
        "td3_bc": 30,
    }
    assert len(reported) == 2028


def test_meaning_of_the_spread_is_filled_where_the_source_says_it(reported):
    kinds = reported[reported["spread_percent"].notna()].groupby("document")["spread_kind"].unique()
    assert {document: set(values) for document, values in kinds.items()} == {
        "cleandiffuser": {"population_standard_deviation_over_evaluations"},
        "corl": {"population_standard_deviation_over_seeds"},
        "decision_diffuser": {"standard_error_over_seeds"},
        "diffuser": {"standard_error_of_pooled_episodes"},
        "diffusion_ql": {"standard_error_of_pooled_episodes", "unknown"},
        "edac": {"standard_deviation_over_seeds"},
        "diffcps": {"unknown"},
        "flowrl": {"unknown"},
        "fql": {"standard_deviation_over_seeds"},
        "qgpo": {"standard_deviation_over_seeds"},
        "rebrac": {"standard_deviation_over_seeds"},
        "sfbc": {"standard_deviation_over_seeds"},
        "srpo": {"standard_deviation_over_seeds"},
        "td3_bc": {"standard_deviation_over_seeds"},
    }
    assert (reported[reported["spread_percent"].isna()]["spread_kind"] == "none").all()


def test_seeds_stated_in_two_ways_keep_both(reported):
    twice = reported[reported["seeds_stated"].isin(["5/6", "5 (caption) / 6 (App. C)"])]
    assert len(twice) == 29
    # On antmaze the digits say which of the two.
    settled = twice["suite"] == "antmaze"
    assert (twice.loc[~settled, "num_seeds"] == "5|6").all()
    assert set(zip(twice.loc[settled, "table"], twice.loc[settled, "num_seeds"], strict=True)) == {
        ("Table 1", "5")
    }


def test_confidence_is_kept(reported):
    """101 were from memory: 67 were confirmed, none contradicted, 34 not found."""
    remembered = reported[reported["confidence"] == "from_memory"]
    assert len(remembered) == 34
    assert remembered["note"].str.contains("looked for .* and not found").all()
    assert remembered.groupby("document").size().to_dict() == {
        "diffusion_ql": 14,
        "edp": 11,
        "idql": 6,
        "iql": 3,
    }


def test_what_the_digits_disprove_is_corrected_with_the_proof(reported):
    cells = reported[reported["aggregate"] == "cell"]
    clean = cells[cells["spread_kind"] == "population_standard_deviation_over_evaluations"]
    assert (len(clean), set(clean["document"])) == (105, {"cleandiffuser"})
    assert (clean["num_seeds"] == "1").all()
    assert (clean["episodes_per_seed"] == 150).all()
    impossible = cells[(cells["document"] == "diffusion_ql") & (cells["spread_kind"] == "unknown")]
    assert impossible.groupby("suite").size().to_dict() == {"antmaze": 12, "kitchen": 6}
    corl = cells[(cells["document"] == "corl") & (cells["suite"] == "antmaze")]
    assert (len(corl), set(corl["episodes_per_seed"])) == (120, {100})
    for rows in (clean, impossible, corl):
        assert rows["note"].str.contains("largest|400 episodes").all()
    edp = cells[(cells["document"] == "edp") & cells["method"].isin(["IQL(FF)", "TD3+BC(FF)"])]
    assert (len(edp), set(edp["origin"])) == (18, {"copied"})
    assert set(edp["copied_from"]) == {"iql", "td3_bc"}


@pytest.mark.parametrize(
    ("document", "method", "original", "equal"),
    [("edp", "IQL(FF)", "iql", 9), ("edp", "TD3+BC(FF)", "td3_bc", 9), ("rebrac", "CQL", "edac", 16)],
)
def test_a_column_that_is_called_copied_is_the_originals(reported, document, method, original, equal):
    cells = reported[reported["aggregate"] == "cell"]
    copies = cells[(cells["document"] == document) & (cells["method"] == method)]
    keys = ["method_key", "task"]
    both = copies.merge(cells[cells["document"] == original], on=keys, suffixes=("", "_of_original"))
    assert (both["score_percent"] == both["score_percent_of_original"]).sum() == equal
    assert set(copies["copied_from"]) == {original}


def test_every_suite_has_a_range(reported):
    assert set(reported["suite"]) <= set(literature.read_suites().index)


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
