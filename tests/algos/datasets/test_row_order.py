"""What states say of the order of rows: invented transitions are refused though no flag betrays them."""

from typing import Any

import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.datasets import row_order
from algos.datasets.prepare import prepare
from algos.datasets.transitions import load_transitions

Rows = dict[str, np.ndarray]
LENGTHS = tuple([20, 14, 25, 17, 23] * 8)


@pytest.fixture
def played() -> Rows:
    """Forty episodes that drift away from one starting state, in Hopper's widths, with every flag right.

    Every third episode ends with a terminal, the others with a time-out.
    """
    rng = np.random.default_rng(0)
    parts: dict[str, list[Any]] = {
        key: [] for key in ("observations", "actions", "rewards", "next_observations", "terminals")
    }
    for number, length in enumerate(LENGTHS):
        state, drift = rng.uniform(-0.005, 0.005, 11), 0.1 * rng.standard_normal(11)
        for step in range(length):
            action = rng.uniform(-1, 1, 3)
            following = state + drift + 0.01 * np.tile(action, 4)[:11]
            last = step == length - 1
            for key, value in zip(parts, (state, action, following[0], following, last and number % 3 == 0)):
                parts[key].append(value)
            state = following
    rows = {
        key: np.asarray(values, bool if key == "terminals" else np.float32) for key, values in parts.items()
    }
    ends = np.zeros(len(rows["rewards"]), bool)
    ends[np.cumsum(LENGTHS) - 1] = True
    rows["timeouts"] = ends & ~rows["terminals"]
    return rows


@pytest.fixture
def prepared(write_rows: Any, hopper_task: Any, tmp_path: Any) -> Any:
    """Prepares rows as own data: the manifest and the transitions."""

    def run(rows: Rows, **options: Any) -> tuple[dict[str, Any], Any]:
        manifest = prepare(hopper_task(write_rows(rows), **options), tmp_path / "own-v0")
        return manifest, load_transitions(tmp_path / "own-v0")

    return run


def without(rows: Rows, *keys: str) -> Rows:
    return {key: values for key, values in rows.items() if key not in keys}


def test_right_files_are_taken(played: Rows, prepared: Any) -> None:
    manifest, transitions = prepared(played)
    assert (manifest["num_episodes"], len(transitions)) == (40, sum(LENGTHS))
    manifest, transitions = prepared(without(played, "next_observations"))
    assert len(transitions) == sum(LENGTHS) - int(played["timeouts"].sum())


@pytest.mark.parametrize("kind", ["absent", "false", "dones"])
def test_missing_time_outs_are_seen_by_the_starting_states(played: Rows, prepared: Any, kind: str) -> None:
    rows = without(played, "next_observations", "timeouts")
    if kind == "false":
        rows["timeouts"] = np.zeros_like(played["timeouts"])
    if kind == "dones":
        rows["dones"] = played["terminals"]
    lost = int(played["timeouts"][:-1].sum())
    first = int(np.flatnonzero(played["timeouts"])[0]) + 1
    with pytest.raises(
        DatasetError, match=rf"has {lost} rows inside .*starting states .*first is row {first}\)"
    ):
        prepared(rows)
    _, transitions = prepared(rows, next_observations="following")
    assert len(transitions) == sum(LENGTHS)  # pairs across episodes and all; the last row is a terminal


@pytest.mark.parametrize(("shift", "word"), [(1, "late"), (-1, "early")])
def test_ends_that_are_flagged_a_row_off_are_refused(
    played: Rows, prepared: Any, shift: int, word: str
) -> None:
    rows = without(played, "next_observations")
    rows |= {key: np.roll(played[key], shift) for key in ("terminals", "timeouts")}
    with pytest.raises(DatasetError, match=rf"flags the ends of its episodes a row too {word} .*=following"):
        prepared(rows)
    prepared(rows, next_observations="following")


def test_final_observations_in_rows_of_their_own_are_refused(played: Rows, prepared: Any) -> None:
    """As RLDS keeps them: such a row is not a transition, and the row before it is the terminal."""
    ends = np.flatnonzero(played["terminals"] | played["timeouts"])
    rows = {
        key: np.insert(values, ends + 1, played["next_observations"][ends] if key == "observations" else 0, 0)
        for key, values in without(played, "next_observations").items()
    }
    final = ends + np.arange(1, len(ends) + 1)
    for key in ("terminals", "timeouts"):
        rows[key][final], rows[key][final - 1] = played[key][ends], False
    with pytest.raises(DatasetError, match=rf"has 40 last rows .* first is row {final[0]}\).*as RLDS keeps"):
        prepared(rows)


def test_duplicate_rows_are_reported(played: Rows, prepared: Any) -> None:
    """As in a file that was joined with a part of itself."""
    part = sum(LENGTHS[:10])
    twice = {key: np.concatenate([values[:part], values]) for key, values in played.items()}
    manifest, transitions = prepared(twice)
    said = f"{part} of {part + sum(LENGTHS)} rows are there more than once (observation and action)."
    assert said in manifest["notes"]
    assert len(transitions) == part + sum(LENGTHS)
    manifest, _ = prepared(played)
    assert not any("more than once" in note for note in manifest["notes"])


def test_episodes_beyond_the_limit_are_refused_or_cut(played: Rows, prepared: Any) -> None:
    rows = {
        key: np.concatenate([values, values]) for key, values in without(played, "next_observations").items()
    }
    rows |= {key: np.zeros_like(rows["terminals"]) for key in ("terminals", "timeouts")}
    with pytest.raises(DatasetError, match=r"1 episodes that are longer .*1,584 steps.*ends=horizon"):
        prepared(rows)
    manifest, transitions = prepared(rows, ends="horizon")
    assert manifest["episode_ends"]["timeouts_by_horizon"] == 1
    assert len(transitions) == 1584 - 2


def test_shuffled_rows_need_their_next_states(played: Rows, prepared: Any) -> None:
    order = np.random.default_rng(1).permutation(sum(LENGTHS))
    mixed = {key: values[order] for key, values in played.items()}
    _, transitions = prepared(mixed)
    np.testing.assert_array_equal(transitions.next_observations, mixed["next_observations"])
    with pytest.raises(DatasetError, match="the rows are shuffled, and the file has no next_observations"):
        prepared(without(mixed, "next_observations"))


@pytest.mark.parametrize("kind", ["shifted", "of other rows", "zeros"])
def test_next_states_of_other_rows_are_refused(played: Rows, prepared: Any, kind: str) -> None:
    following = played["next_observations"]
    order = np.random.default_rng(1).permutation(len(following))
    wrong = {"shifted": np.roll(following, -1, 0), "of other rows": following[order], "zeros": 0 * following}
    with pytest.raises(DatasetError, match=r"does not belong to these rows .*=following .*=file"):
        prepared({**played, "next_observations": wrong[kind]})
    _, transitions = prepared({**played, "next_observations": wrong[kind]}, next_observations="file")
    np.testing.assert_array_equal(transitions.next_observations, wrong[kind])


def test_the_next_episodes_first_state_is_no_time_outs_next_state(played: Rows, prepared: Any) -> None:
    timeouts = played["timeouts"]
    reset = np.where(timeouts[:, None], np.roll(played["observations"], -1, 0), played["next_observations"])
    count = int(timeouts.sum())
    with pytest.raises(DatasetError, match=rf"of {count} of {count} time-outs is the next episode's first"):
        prepared({**played, "next_observations": reset})
    _, transitions = prepared({**played, "next_observations": reset}, next_observations="following")
    assert len(transitions) == sum(LENGTHS) - count
    # At a terminal the next state is never used, so a reset there is harmless.
    ends = played["terminals"]
    harmless = np.where(ends[:, None], np.roll(played["observations"], -1, 0), played["next_observations"])
    prepared({**played, "next_observations": harmless})
    # Where play continues after a time-out the following row is its next state.
    inside = np.arange(len(timeouts)) % 5 == 2
    ends = played["terminals"] | timeouts
    prepared({**played, "timeouts": timeouts | (inside & ~ends)})


@pytest.mark.parametrize("kind", ["float16", "float64"])
def test_next_states_of_another_type_agree(played: Rows, prepared: Any, kind: str) -> None:
    manifest, _ = prepared({**played, "next_observations": played["next_observations"].astype(kind)})
    assert manifest["next_states"]["row_order"] == "as played"
    assert manifest["num_episodes"] == 40


@pytest.mark.parametrize("name", ["next_obs", "next_states", "next_state", "observations_next"])
def test_other_names_of_next_observations_are_read(played: Rows, prepared: Any, name: str) -> None:
    rows = {**without(played, "next_observations"), name: played["next_observations"]}
    _, transitions = prepared(rows)
    np.testing.assert_array_equal(transitions.next_observations, played["next_observations"])
    with pytest.raises(DatasetError, match=f"next_observations and {name}, which mean the same"):
        prepared({**played, name: played["next_observations"]})


def test_noise_has_no_order_to_lose(played: Rows) -> None:
    noise = np.random.default_rng(5).standard_normal((1500, 11)).astype(np.float32)
    assert not row_order.has_structure(noise)
    assert row_order.has_structure(played["observations"])
    inside = np.arange(1499)
    assert row_order.step_ratio(noise, inside) == pytest.approx(1.0, abs=0.05)
    assert row_order.step_ratio(noise[:100], inside[:99]) is None


def test_starting_states_that_differ_widely_say_nothing() -> None:
    rng = np.random.default_rng(2)
    observations = rng.uniform(-1, 1, (500, 2)).astype(np.float32)
    ends = np.arange(500) % 20 == 19
    assert len(row_order.hidden_starts(observations, ends)) == 0


@pytest.mark.parametrize("kind", ["int64", "float32"])
def test_numbers_of_choices_are_no_continuous_actions(played: Rows, prepared: Any, kind: str) -> None:
    chosen = np.random.default_rng(0).integers(0, 2, played["actions"].shape).astype(kind)
    with pytest.raises(DatasetError, match="whole numbers from 0 to 1 as actions: discrete actions"):
        prepared({**played, "actions": chosen})
    prepared({**played, "actions": 2 * chosen - 1})  # bang-bang actions are continuous ones


def test_a_buffer_that_was_not_filled_is_refused(played: Rows, prepared: Any) -> None:
    padded = {
        key: np.concatenate([values, np.zeros((30, *values.shape[1:]), values.dtype)])
        for key, values in without(played, "next_observations").items()
    }
    with pytest.raises(DatasetError, match="ends with 30 of 822 rows in which"):
        prepared(padded)
