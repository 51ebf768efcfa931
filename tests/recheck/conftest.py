"""An experiment written for a test."""

import pytest


@pytest.fixture
def mine(copy, write_experiment, load_plan):
    """Plan an experiment written for the test."""

    def load(content, **changes):
        write_experiment(content)
        return load_plan(copy, experiment="mine", **changes)

    return load
