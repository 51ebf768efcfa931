"""An experiment written for a test, and the recorded rates."""

import pytest
from recheck.cost import step_costs


@pytest.fixture
def mine(copy, write_experiment, load_plan):
    """Plan an experiment written for the test."""

    def load(content, **changes):
        write_experiment(content)
        return load_plan(copy, experiment="mine", **changes)

    return load


@pytest.fixture
def recorded_rates(repository):
    return step_costs.read(repository, "cpu").rates
