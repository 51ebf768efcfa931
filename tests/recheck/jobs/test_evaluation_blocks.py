"""How an evaluation is cut."""

import pytest
from recheck.jobs.evaluation_blocks import MOST_ROWS, MOST_STATES, batch_states


@pytest.mark.parametrize(
    ("rows", "states"), [(1, 20), (12, 20), (13, 19), (50, 5), (128, 2), (256, 1), (1000, 1)]
)
def test_a_call_has_as_many_states_as_its_rows_allow(rows, states):
    assert batch_states(rows) == states


def test_no_call_is_larger_than_the_format_says():
    for rows in range(1, 2 * MOST_ROWS):
        states = batch_states(rows)
        assert 1 <= states <= MOST_STATES
        assert states == 1 or states * rows <= MOST_ROWS
        assert states == MOST_STATES or (states + 1) * rows > MOST_ROWS
