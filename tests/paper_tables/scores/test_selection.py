"""The selection rules, by hand."""

import numpy as np
import pandas as pd
import pytest

from paper_tables import frames
from paper_tables.scores import collect as collect_module
from paper_tables.scores import selection
from paper_tables.scores import tables as tables_module
from tests.paper_tables.scores.blocks import HIGH, LOW, collected


def percent(raw: float) -> float:
    return 100 * (raw - LOW) / (HIGH - LOW)


def test_every_selection_rule_by_hand(index):
    table = collected(index)["scores"].set_index(["seed", "selection"])
    expected = {
        (0, "last"): (8000, 600, 4),
        (0, "average_last_k"): (8000, 800, 8),
        (0, "best_online"): (4000, 1000, 2),
        (0, "best_reevaluated"): (4000, 1000 - 65, 2),
        (0, "offline_described"): (8000, 600, 4),
        # The loss first rises at 6000: of .4 .2 .3 the least is that of 4000.
        (0, "offline_described_early_stop"): (4000, 1000, 2),
        # losses .4 .2 .3 .1: argsort is 3 1 2 0, whose entry 0 is last: checkpoint 8000.
        (0, "offline_released"): (8000, 600, 4),
        # Of .4 .2 .3 the argsort is 1 2 0, whose entry 0 is at place 2.
        (0, "offline_released_early_stop"): (6000, 800, 2),
        (1, "last"): (8000, 400, 4),
        (1, "best_online"): (8000, 400, 2),
    }
    for key, (update, raw, episodes) in expected.items():
        row = table.loc[key]
        assert (row["update"], row["num_episodes"]) == (update, episodes), key
        assert row["score_percent"] == pytest.approx(percent(raw)), key
    assert table.loc[(0, "average_last_k"), "num_checkpoints"] == 3
    assert set(table.index.get_level_values("selection")) == {
        *frames.load_schema("scores")["items"]["properties"]["selection"]["enum"]
    }


def test_the_released_rule_takes_the_inverse_permutation():
    losses = np.array([0.3, 0.1, 0.2])
    assert [selection.offline_described(losses, k) for k in range(3)] == [1, 2, 0]
    assert [selection.offline_released(losses, k) for k in range(3)] == [2, 0, 1]
    for k in range(3):
        where = np.argsort(losses) == k  # the release's own line
        assert where[selection.offline_released(losses, k)]
    assert selection.offline_released(losses, 99) == selection.offline_released(losses, 2)


def test_the_released_rule_picks_another_checkpoint_on_most_noisy_losses():
    rng = np.random.default_rng(0)
    curves = 0.1 / np.arange(1, 41) + rng.normal(0, 0.01, (4000, 40))
    other = [
        selection.offline_described(curve, 1) != selection.offline_released(curve, 1) for curve in curves
    ]
    assert 0.8 < np.mean(other) <= 1


@pytest.mark.parametrize(
    ("losses", "length"), [([3, 2, 1], 3), ([3, 2, 2, 1], 4), ([3, 2, 4, 1], 3), ([1, 2], 2), ([1], 1)]
)
def test_early_stop_keeps_the_first_rise(losses, length):
    assert selection.early_stop(np.array(losses, dtype=float)) == length


def test_a_longer_last_evaluation_gives_no_advantage():
    """The best checkpoint is judged by as many episodes as the others have."""
    rows = [(1000, e, 10.0) for e in range(2)] + [(2000, e, 9.0 if e < 2 else 100.0) for e in range(4)]
    episodes = pd.DataFrame(rows, columns=["update", "episode", "score_percent"]).assign(purpose="checkpoint")
    none = pd.DataFrame(columns=["loss", "update", "value_since_checkpoint"])
    chosen = {row["selection"]: row for row in selection.select(episodes, none, 2, 0)}
    assert (chosen["best_online"]["update"], chosen["best_online"]["score_percent"]) == (1000, 10.0)
    assert chosen["last"]["score_percent"] == pytest.approx(54.5)
    assert set(chosen) == {"last", "average_last_k", "best_online"}


def test_optimism_is_near_its_known_value_for_equal_checkpoints():
    """The best of 10 equal checkpoints with sd 1 exceeds the truth by E[max of 10 normals] = 1.539."""
    rng = np.random.default_rng(5)
    rows = []
    none = pd.DataFrame(columns=["loss", "update", "value_since_checkpoint"])
    for seed in range(400):
        draws = rng.normal(50, 1, 10)
        episodes = pd.DataFrame(
            {"update": range(1, 11), "episode": 0, "score_percent": draws, "purpose": "checkpoint"}
        )
        fresh = {"update": int(np.argmax(draws)) + 1, "episode": 0, "score_percent": rng.normal(50, 1)}
        episodes = pd.concat([episodes, pd.DataFrame([fresh | {"purpose": "best_reevaluated"}])])
        for row in selection.select(episodes, none, 5, 0):
            rows.append(
                {**dict.fromkeys(tables_module.RUN_COLUMNS, "x"), "sampling": "s", "seed": seed, **row}
            )
    optimism = collect_module.best_optimism(pd.DataFrame(rows))
    assert optimism["optimism_percent"][0] == pytest.approx(
        1.539, abs=4 * optimism["standard_error_percent"][0]
    )
