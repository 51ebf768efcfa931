"""How an evaluation is cut: states in one call of the policy, episodes in one block.

The evaluator and the plan's resources agree through these numbers. States in a call are part of the format of
episodes: another number gives other last bits.
"""

from __future__ import annotations

# States in one call of the policy, and rows of the networks' batch up to which there are as many. A call for
# few rows costs nearly what one for many does; beyond, more rows gain nothing on a CPU and wait for each
# other.
MOST_STATES = 20
MOST_ROWS = 256
# Episodes of one policy that are kept together when an evaluation is interrupted.
BLOCK_EPISODES = 10


def batch_states(rows_per_state: int) -> int:
    """States in one call of the policy.

    Args:
        rows_per_state: rows of the networks' batch that one state takes: its candidate actions.
    """
    return max(1, min(MOST_STATES, MOST_ROWS // rows_per_state))
