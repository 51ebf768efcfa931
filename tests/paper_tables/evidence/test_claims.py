"""Claims in prose: the data, what their checks say, and every refusal."""

from pathlib import Path

import pytest
import yaml
from recheck.errors import TablesError

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
def test_a_bad_claim_is_refused_in_one_message(tmp_path, changed, words):
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
