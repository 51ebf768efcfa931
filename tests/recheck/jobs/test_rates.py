"""The recorded rates: whose entry is taken, what acting costs."""

import pytest
from recheck.jobs import rates
from recheck.methods import hyperparameters

RATES = {
    "environments": {
        "FrankaKitchen": {"memory_mb": 80.0},
        "Franka": {"memory_mb": 1.0},
        "other": {"memory_mb": 10.0},
    },
    "acting": {
        "other": {"seconds": [0, 0, 1e-3], "seconds_per_candidate_step": [0, 0, 0]},
        "idql": {"seconds": [0, 1e-3, 2e-3], "seconds_per_candidate_step": [0, 1e-5, 2e-5]},
    },
}


def test_the_longest_name_that_fits_is_taken():
    assert rates.environment(RATES, "FrankaKitchen-v1")["memory_mb"] == 80.0
    assert rates.environment(RATES, "FrankaOther-v1")["memory_mb"] == 1.0
    assert rates.environment(RATES, "Hopper-v4")["memory_mb"] == 10.0


def test_acting_costs_by_candidates_and_steps():
    of_idql = rates.acting_entry(RATES, "idql", "paper")
    assert rates.acting_seconds(of_idql, 128, 5) == pytest.approx((0, 1e-3 + 6.4e-3, 2e-3 + 12.8e-3))
    assert rates.acting_seconds(rates.acting_entry(RATES, "unknown", "paper"), 128, 5) == (0, 0, 1e-3)


def test_a_variant_with_an_entry_of_its_own_has_that():
    known = {"idql": 1, "idql/large": 2}
    found = [
        rates.of_method(known, *names) for names in (("idql", "large"), ("idql", "paper"), ("iql", "large"))
    ]
    assert found == [2, 1, None]


def test_every_rate_is_of_a_method(repository, recorded_rates):
    known = hyperparameters.known_methods(repository)
    for table in ("methods", "acting", "training_memory_mb", "policy_mb"):
        for name in set(recorded_rates[table]) - {"other"}:
            method, _, variant = name.partition("/")
            assert method in known
            assert not variant or variant in hyperparameters.read(repository, method).variants
