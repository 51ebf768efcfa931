"""How much is evaluated, and with which episode seeds."""

import pytest
from recheck.errors import EvaluationError

from algos.evaluate import Evaluation


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"episodes": 0}, "at least 1"),
        ({"episodes": "many"}, "evaluation setting episodes is 'many'; it has to be a whole number"),
        ({"episodes_last": 2.5}, "evaluation setting episodes_last is 2.5"),
        ({"episodes_reevaluated": True}, "evaluation setting episodes_reevaluated is True"),
        ({"episodes": 10**9}, "at most 500 episodes"),
        ({"colour": 1}, "unknown evaluation setting 'colour'"),
        ({"episodes_last": 600}, "without using an episode seed twice"),
    ],
)
def test_bad_evaluation_settings(change, message):
    with pytest.raises(EvaluationError, match=message):
        Evaluation.from_mapping(change)


def test_what_is_not_given_is_the_default_and_former_names_are_read():
    assert Evaluation.from_mapping({}) == Evaluation(10, 20, 10, 1_000_000, 1000)
    with pytest.raises(EvaluationError, match="episodes_reevaluated at least 0"):
        Evaluation.from_mapping({"episodes_reevaluated": -1})
    assert Evaluation.from_mapping({"episodes_reevaluated": 0}).episodes_reevaluated == 0


def test_no_episode_seed_is_used_twice():
    """500 of a checkpoint and 500 new ones fill a stride of 1,000 to its end."""
    full = Evaluation.from_mapping({"episodes": 500, "episodes_last": 500, "episodes_reevaluated": 500})
    used = [
        seed
        for training_seed in (0, 1, 7)
        for fresh in (False, True)
        for seed in full.episode_seeds(training_seed, 500, fresh)
    ]
    assert len(set(used)) == len(used) == 3000
    assert full.episode_seeds(1, 2) == [1_001_000, 1_001_001]
    assert full.episode_seeds(1, 2, reevaluated=True) == [1_001_500, 1_001_501]
    with pytest.raises(EvaluationError, match="at most 500 episodes of a checkpoint and 500 new ones"):
        Evaluation.from_mapping({"episodes_reevaluated": 501})
    with pytest.raises(EvaluationError, match="and 100 new ones of the best fit into a seed_stride of 600"):
        Evaluation.from_mapping({"seed_stride": 600, "episodes_reevaluated": 101})
