"""Claims in prose: the data, every check against values known by hand, and every refusal."""

import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from recheck.errors import TablesError
from scipy.stats import expectile as scipy_expectile

from paper_tables.audit.known_errors import read_known_errors
from paper_tables.evidence import claim_checks, claims


@pytest.fixture(scope="module")
def all_claims() -> list[claims.ProseClaim]:
    return claims.read_claims()


def test_every_error_that_numbers_cannot_show_is_a_claim(all_claims):
    """Fifteen of the known errors are in prose or code alone."""
    prose = {entry["number"] for entry in read_known_errors() if entry["shown"] == "no"}
    assert len(prose) == 15
    assert {claim.known_error for claim in all_claims} == prose


def test_every_claim_names_public_sources_and_its_place(all_claims):
    assert len(all_claims) == 23
    for claim in all_claims:
        for source in claim.evidence:
            assert source.address.startswith("https://")
            assert source.place
    releases = [claim for claim in all_claims if claim.kind != "note"]
    assert {source.source.split("@")[0] for claim in releases for source in claim.evidence} >= {
        "Zhendong-Wang/Diffusion-Policies-for-Offline-RL",
        "philippe-eecs/IDQL",
        "sail-sg/edp",
        "corl-team/CORL",
    }


def test_every_check_finds_what_the_verdict_says_and_is_named_by_a_claim(all_claims):
    named = {claim.check for claim in all_claims if claim.check}
    assert named == set(claim_checks.CHECKS)
    for claim in all_claims:
        shown = claim.shown()
        assert (shown is None) == (claim.check is None)
        if shown is not None:
            assert shown.holds == (claim.verdict == "holds")


@pytest.mark.parametrize("level", [0.5, 0.7, 0.9, 0.99])
def test_the_expectile_is_scipys(level):
    rng = np.random.default_rng(3)
    for values in (np.arange(1.0, 6.0), rng.normal(size=17), np.array([2.0, 2.0, 2.0])):
        assert claim_checks.expectile(values, level) == pytest.approx(scipy_expectile(values, level))


def test_the_expectiles_of_the_example():
    """By hand: 0.7 (4 + 5 - 2m) = 0.3 (3m - 6) gives 8.1 / 2.3; 0.9 (5 - m) = 0.1 (4m - 10), 5.5 / 1.3."""
    numbers = claim_checks.expectile_of_one_to_five().numbers
    assert numbers["expectile_0.7"] == pytest.approx(8.1 / 2.3)
    assert numbers["expectile_0.9"] == pytest.approx(5.5 / 1.3)


def test_the_learning_rate_after_forty_of_two_thousand_steps():
    shown = claim_checks.learning_rate_hardly_decays()
    assert shown.numbers["steps"] == 40
    assert shown.numbers["last_rate"] == pytest.approx(0.99901, abs=5e-6)
    # Called once an epoch it would decay to nothing.
    assert claim_checks.learning_rate_hardly_decays(epochs_per_call=1).holds


def test_the_released_selection_is_the_inverse_permutation():
    """Ranks of 0.9 0.5 0.7 0.3 0.4 are 4 2 3 0 1; argsort is 3 4 1 2 0."""
    losses = np.array([0.9, 0.5, 0.7, 0.3, 0.4])
    assert [claim_checks.released_selection(losses, rank) for rank in range(5)] == [4, 2, 3, 0, 1]
    numbers = claim_checks.inverted_selection().numbers
    assert numbers == {"intended_loss": 0.4, "picked_loss": 0.7}
    # On sorted losses both agree, which is why it is easily missed.
    assert claim_checks.released_selection(np.sort(losses), 1) == 1


def test_linear_means_two_things():
    numbers = claim_checks.linear_schedules_differ(5).numbers
    assert numbers["kept"] == pytest.approx(0.9507, abs=1e-4)
    assert numbers["largest_scaled_beta"] == pytest.approx(4.0)
    assert math.isnan(numbers["kept_scaled"])
    hundred = claim_checks.linear_schedules_differ(100).numbers
    assert hundred["kept"] == pytest.approx(0.364, abs=1e-3)
    assert hundred["kept_scaled"] < 1e-4
    assert claim_checks.linear_schedules_differ(1000).holds


def test_the_released_implicit_weights():
    shown = claim_checks.implicit_weights_are_no_probabilities()
    assert shown.numbers["smallest_quantile_weight"] < 0
    assert shown.numbers["exponential_sum"] == pytest.approx(4 * 0.49)
    positive = claim_checks.released_implicit_weights(np.array([1.0, 2.0]), 0.7, "quantile")
    assert positive == pytest.approx([2 / 3, 1 / 3])


def test_windows_drift_only_where_a_row_was_dropped():
    shown = claim_checks.windows_of_thousand_rows_drift()
    assert shown.numbers == {"window_range": 500.0, "episode_range": 999.0}
    rewards = np.repeat([0.0, 1.0, 0.0], 1000)
    ends = np.zeros(3000, dtype=bool)
    ends[999::1000] = True
    assert claim_checks.ranges_of_returns(rewards, ends, 1000) == (1000.0, 1000.0)


def test_the_stated_spread_of_diffusion_ql_is_impossible():
    assert claim_checks.pooled_standard_error_is_impossible().numbers == {"impossible": 9, "tested": 9}


# --- Refusals ---

GOOD = {
    "id": "one",
    "known_error": 6,
    "claimed_by": {"name": "somebody", "kind": "note", "where": "page 1"},
    "claim": "It is so.",
    "evidence": [{"source": "owner/name@1234567", "place": "a.py:1", "says": "It is not."}],
    "verdict": "contradicted",
    "check": "expectile_of_one_to_five",
}


def _written(folder: Path, *entries: dict) -> Path:
    (folder / "claims.yaml").write_text(yaml.safe_dump(list(entries)), encoding="utf-8")
    return folder


def test_a_good_claim_is_read(tmp_path):
    (claim,) = claims.read_claims(_written(tmp_path, GOOD))
    assert claim.evidence[0].address == "https://github.com/owner/name/tree/1234567"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"verdict": "wrong"}, "is 'wrong'; allowed are"),
        ({"known_error": 99}, "there is no known error 99"),
        ({"check": "no_such_check"}, "there is no check 'no_such_check'; known are expectile_of_one_to_five"),
        ({"evidence": []}, "evidence"),
        ({"evidence": [{"source": "a note", "place": "p", "says": "s"}]}, "evidence.0.source"),
        ({"claimed_by": {**GOOD["claimed_by"], "document": "nobody"}}, "there is no document 'nobody'"),
        ({"mood": "good"}, "mood"),
    ],
)
def test_a_bad_claim_is_refused_in_one_sentence(tmp_path, changed, words):
    with pytest.raises(TablesError, match=words) as error:
        claims.read_claims(_written(tmp_path, GOOD | changed))
    assert str(tmp_path / "claims.yaml") in str(error.value)
    assert "\n" not in str(error.value)


def test_an_id_twice_no_file_and_no_yaml_are_refused(tmp_path):
    with pytest.raises(TablesError, match="the id appears twice"):
        claims.read_claims(_written(tmp_path, GOOD, GOOD))
    (tmp_path / "claims.yaml").write_text("- [", encoding="utf-8")
    with pytest.raises(TablesError, match="is not YAML"):
        claims.read_claims(tmp_path)
    with pytest.raises(TablesError, match="no YAML file of claims"):
        claims.read_claims(tmp_path / "none")


def test_a_verdict_that_its_check_denies_is_refused(tmp_path, capsys):
    _written(tmp_path, GOOD | {"verdict": "holds"})
    assert claims.main(["--folder", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "'one' is holds, but its check says" in said.err
    assert said.err.count("\n") == 1


def test_the_command_prints_claims_sources_and_what_was_computed(capsys):
    assert claims.main([]) == 0
    printed = capsys.readouterr().out
    assert printed.count("contradicted: ") == 23
    assert printed.count("    computed: ") == 7


def test_the_audits_page_has_every_claim(all_claims):
    page = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")
    for line in claims.claims_table(all_claims):
        assert line in page
