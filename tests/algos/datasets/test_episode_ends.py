"""Every convention of flags: where episodes end and what is terminal, with the right values."""

from typing import Any

import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.datasets.__main__ import report
from algos.datasets.episode_ends import EpisodeEnds, decide, describe, time_limit_terminals
from algos.datasets.episode_flags import read_flags
from algos.datasets.prepare import prepare
from algos.datasets.transitions import load_transitions


def at(count: int, *rows: int) -> np.ndarray:
    flags = np.zeros(count, dtype=bool)
    flags[list(rows)] = True
    return flags


def decided(
    rule: str | None = None, horizon: int | None = 1000, strict: bool = True, **rows: Any
) -> EpisodeEnds:
    return decide(read_flags(rows, "file"), rule, horizon, "file", strict)


# --- Conventions that leave nothing open ---


@pytest.mark.parametrize(
    "keys",
    [
        {"terminals": at(12, 3), "timeouts": at(12, 7)},
        {"terminations": at(12, 3), "truncations": at(12, 7)},
        {"terminated": at(12, 3), "truncated": at(12, 7)},
        {"terminals": at(12, 3), "truncations": at(12, 7)},
        {"terminals": at(12, 3), "episode_terminals": at(12, 3, 7)},  # d3rlpy 1
        {"terminals": at(12, 3), "dones": at(12, 3, 7)},
        {"terminals": at(12, 3), "timeouts": at(12, 7), "dones": at(12, 3, 7)},
        {"terminals": at(12, 3), "timeouts": at(12, 7), "done": at(12, 3)},
        {"terminals": at(12, 3), "timeouts": at(12), "dones": at(12, 3, 7)},
        {"dones": at(12, 3, 7), "timeouts": at(12, 7)},
        {"dones": at(12, 3, 7), "truncations": at(12, 7)},
        {"is_terminal": at(12, 3), "is_last": at(12, 3, 7)},
        {"terminals": at(12, 3), "terminations": at(12, 3), "timeouts": at(12, 7)},
        {"masks": ~at(12, 3), "dones_float": at(12, 3, 7)},  # JAX programs
        {"masks": ~at(12, 3), "episode_terminals": at(12, 3, 7)},
        {"discount": ~at(12, 3), "is_last": at(12, 3, 7)},  # RLDS
        {"not_done": ~at(12, 3, 7), "timeouts": at(12, 7)},
        {"terminals": at(12, 3), "masks": ~at(12, 3), "timeouts": at(12, 7)},
    ],
)
def test_conventions_say_the_same(keys: dict[str, np.ndarray]) -> None:
    ends = decided(**keys)
    np.testing.assert_array_equal(ends.terminals, at(12, 3))
    np.testing.assert_array_equal(ends.timeouts, at(12, 7))
    assert (ends.counts["terminals"], ends.counts["timeouts"], ends.counts["open_episodes"]) == (1, 1, 1)
    assert ends.counts["episodes"] == 3
    assert all(key in ends.counts["convention"] for key in keys)


def test_the_row_before_a_first_one_is_a_last_one() -> None:
    for key in ("is_first", "episode_starts"):
        ends = decided(terminals=at(12, 3), **{key: at(12, 0, 4, 8)})
        np.testing.assert_array_equal(ends.terminals, at(12, 3))
        np.testing.assert_array_equal(ends.timeouts, at(12, 7, 11))
    with pytest.raises(DatasetError, match=r"1 terminals or time-outs inside episodes .*is_first\); .*row 3"):
        decided(terminals=at(12, 3), is_first=at(12, 0, 5, 8))
    with pytest.raises(DatasetError, match="episode_id and is_first, which number the episodes differently"):
        decided(terminals=at(12), is_first=at(12, 0, 5), episode_id=np.repeat([1, 2], 6))


def test_terminals_that_are_ends_of_either_kind_are_refused_beside_masks() -> None:
    """As in OGBench, whose `terminals` flag the end of a trajectory and whose `masks` are 1 - terminal."""
    keys = {"terminals": at(12, 3, 7), "masks": ~at(12, 3)}
    with pytest.raises(
        DatasetError, match=r"terminals and 1 - masks, .* row 7; .* call them episode_terminals"
    ):
        decided(**keys)
    with pytest.raises(DatasetError, match=r"differ in 2 rows, the first in row 3; remove the one"):
        decided(terminals=at(12, 3), masks=~at(12, 7))


@pytest.mark.parametrize("kind", ["inverted", "every row"])
def test_inverted_flags_are_refused_or_chosen(kind: str) -> None:
    terminals = ~at(12, 3, 7) if kind == "inverted" else ~at(12)
    count = int(terminals.sum())
    keys = {"terminals": terminals, "timeouts": at(12)}
    with pytest.raises(
        DatasetError, match=rf"flags {count} of 12 rows as terminals: inverted .*ends=terminal"
    ):
        decided(**keys)
    assert decided("terminal", **keys).counts["terminals"] == count
    assert decided(strict=False, **keys).counts["terminals"] == count


def test_numbered_episodes_end_with_a_time_out_where_no_terminal_is_flagged() -> None:
    numbers = np.repeat([5, 6, 9], [4, 4, 4])
    ends = decided(terminals=at(12, 3), episode_id=numbers)
    np.testing.assert_array_equal(ends.terminals, at(12, 3))
    np.testing.assert_array_equal(ends.timeouts, at(12, 7, 11))
    with pytest.raises(DatasetError, match="flags 1 terminals or time-outs inside episodes"):
        decided(terminals=at(12, 2), episode_id=numbers)
    with pytest.raises(DatasetError, match="not together"):
        decided(terminals=at(12, 3), episode_id=np.tile([0, 1], 6))


def test_without_time_outs_every_episode_is_cut_at_the_horizon() -> None:
    ends = decided(horizon=4, terminals=at(12, 2))
    np.testing.assert_array_equal(ends.timeouts, at(12, 6, 10))
    assert ends.counts["timeouts_by_horizon"] == 2
    # D4RL's counter starts at 1 after a terminal, so that its cut comes a row early.
    np.testing.assert_array_equal(decided("d4rl", 4, terminals=at(12, 2)).timeouts, at(12, 5, 9))
    with pytest.raises(DatasetError, match="needs a horizon"):
        decided(horizon=None, terminals=at(12, 2))


# --- What is left open is refused, or decided by `ends` ---


def test_a_row_with_both_flags_is_refused_or_decided() -> None:
    keys = {"terminals": at(12, 3, 8), "timeouts": at(12, 3, 5, 8)}
    with pytest.raises(DatasetError, match=r"flags 2 of 2 terminals as time-outs too .*row 3.*ends=terminal"):
        decided(**keys)
    for rule, terminals, timeouts in (
        ("terminal", at(12, 3, 8), at(12, 5)),
        ("timeout", at(12), at(12, 3, 5, 8)),
        ("d4rl", at(12, 3, 8), at(12, 3, 5, 8)),
    ):
        ends = decided(rule, **keys)
        np.testing.assert_array_equal(ends.terminals, terminals)
        np.testing.assert_array_equal(ends.timeouts, timeouts)
        assert ends.counts["flagged_both"] == 2
    ends = decided("horizon", 4, **keys)  # row 3 is the 4th step of its episode, row 8 the 3rd
    np.testing.assert_array_equal(ends.terminals, at(12, 8))
    np.testing.assert_array_equal(ends.timeouts, at(12, 3, 5))


@pytest.mark.parametrize("key", ["dones", "done", "episode_terminals", "is_last"])
def test_ends_of_unknown_kind_are_refused_or_decided(key: str) -> None:
    keys = {key: at(12, 3, 5, 9)}
    for rule in (None, "d4rl"):
        with pytest.raises(DatasetError, match=rf"3 ends of episodes \({key}\).*ends=horizon"):
            decided(rule, **keys)
    assert decided("terminal", **keys).counts["terminals"] == 3
    assert decided("timeout", **keys).counts["timeouts"] == 3
    ends = decided("horizon", 4, **keys)
    np.testing.assert_array_equal(ends.terminals, at(12, 5))
    np.testing.assert_array_equal(ends.timeouts, at(12, 3, 9))


@pytest.mark.parametrize(
    ("length", "horizon", "count"),
    [(1000, 1000, 3), (1000, 1000, 1), (500, 1000, 4), (200, None, 5), (500, 1000, 2)],
)
def test_a_time_limit_stored_as_terminal_is_refused_or_decided(length: int, horizon: int, count: int) -> None:
    terminals = at(length * count + 7, *(np.arange(1, count + 1) * length - 1))
    keys = {"terminals": terminals, "timeouts": np.zeros_like(terminals)}
    with pytest.raises(DatasetError, match=rf"{count} of {count} terminals exactly after {length:,} steps"):
        decided(horizon=horizon, **keys)
    for rule in ("timeout", "horizon"):
        ends = decided(rule, horizon, **keys)
        assert (ends.counts["terminals"], ends.counts["timeouts"]) == (0, count)
    ends = decided("terminal", horizon, **keys)
    assert (ends.counts["terminals"], ends.counts["terminals_at_time_limit"]) == (count, count)


def test_one_terminal_at_a_round_length_is_refused() -> None:
    with pytest.raises(DatasetError, match="1 of 1 terminals exactly after 500 steps"):
        decided(terminals=at(500, 499), timeouts=at(500))
    assert decided(terminals=at(500, 487), timeouts=at(500)).counts["terminals"] == 1


def test_the_row_after_the_horizon_is_a_time_limit_too() -> None:
    keys = {"terminals": at(153, 50, 101, 152)}  # 51 rows an episode: the last observation has its own
    with pytest.raises(DatasetError, match="3 of 3 terminals exactly after 51 steps"):
        decided(horizon=50, **keys)
    ends = decided("timeout", 50, **keys)
    assert (ends.counts["terminals"], ends.counts["timeouts"]) == (0, 6)


def test_the_horizon_cuts_flagged_episodes_too() -> None:
    ends = decided("horizon", 4, terminals=at(12, 2), timeouts=at(12))
    np.testing.assert_array_equal(ends.timeouts, at(12, 6, 10))
    assert decided(None, 4, terminals=at(12, 2), timeouts=at(12)).counts["episodes_beyond_horizon"] == 1


def test_real_terminals_are_believed() -> None:
    lengths = np.random.default_rng(0).integers(10, 40, 60)  # as falls spread
    terminals = at(int(lengths.sum()), *(np.cumsum(lengths) - 1))
    assert len(time_limit_terminals(terminals, np.zeros_like(terminals), 1000)) == 0
    ends = decided(terminals=terminals, timeouts=np.zeros_like(terminals))
    assert ends.counts["terminals"] == 60


def test_some_episodes_at_the_horizon_among_real_terminals_are_refused() -> None:
    lengths = [17, 50, 23, 50, 31, 50]
    keys = {"terminals": at(221, *(np.cumsum(lengths) - 1)), "timeouts": at(221)}
    with pytest.raises(DatasetError, match="3 of 6 terminals exactly after 50 steps"):
        decided(horizon=50, **keys)
    ends = decided("horizon", 50, **keys)
    assert (ends.counts["terminals"], ends.counts["timeouts"]) == (3, 3)


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"terminals": at(9, 3), "terminations": at(9, 4)}, "same, but they differ in 2 rows"),
        ({"timeouts": at(9, 3), "truncations": at(9), "terminals": at(9, 5)}, "1 rows, the first in row 3"),
        ({"terminals": at(9, 3), "timeouts": at(9, 5), "dones": at(9, 5, 7)}, "contradicts itself"),
        ({"timeouts": at(9, 3)}, "does not say where episodes end"),
    ],
)
def test_contradictions_are_refused(keys: dict[str, np.ndarray], word: str) -> None:
    with pytest.raises(DatasetError, match=word):
        decided(**keys)


# --- In a prepared dataset ---


def test_d3rlpys_file_keeps_its_episodes(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    rows = make_rows((12, 8, 10))
    ends = rows.pop("timeouts")
    rows["terminals"] = at(30, 11).astype(np.float32)[:, None]
    rows["episode_terminals"] = ends.astype(np.float32)
    rows |= {"rewards": rows["rewards"][:, None], "discrete_action": np.array(False)}
    manifest = prepare(hopper_task(write_rows(rows)), tmp_path / "tiny-v0")
    assert manifest["num_episodes"] == 3
    assert manifest["num_transitions"] == 30 - 2  # two time-outs have no following row
    returns = np.add.reduceat(rows["rewards"][:, 0].astype(np.float64), [0, 12, 20])
    assert manifest["return_statistics"]["max"] == pytest.approx(returns.max(), abs=1e-5)
    transitions = load_transitions(tmp_path / "tiny-v0")
    np.testing.assert_array_equal(np.flatnonzero(transitions.terminals), [11])
    lines = describe(manifest)
    assert lines[0].startswith("Episode ends (terminals + episode_terminals; rule: as flagged): 1 terminals,")
    assert "2 rows without one" in lines[1]
    assert report(manifest)[1:3] == lines
    assert "Not used of the file: discrete_action." in manifest["notes"]


def test_discrete_actions_are_refused(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    rows = {**make_rows(), "discrete_action": np.array(True)}
    with pytest.raises(DatasetError, match="actions are discrete"):
        prepare(hopper_task(write_rows(rows)), tmp_path / "tiny-v0")


def test_a_terminal_in_the_last_row_is_not_lost(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    rows = make_rows((12, 8))
    rows["timeouts"][19], rows["terminals"][19] = False, True
    prepare(hopper_task(write_rows(rows)), tmp_path / "own-v0")
    transitions = load_transitions(tmp_path / "own-v0")
    assert len(transitions) == 19
    assert transitions.terminals[-1] == 1
    # As the papers' code did it the last row is lost.
    prepare(hopper_task(write_rows(rows), ends="d4rl"), tmp_path / "d4rl-v0")
    assert load_transitions(tmp_path / "d4rl-v0").terminals.sum() == 0


def test_the_papers_rows_are_counted_and_kept(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    rows = make_rows((12, 8, 10))
    rows["terminals"][[11, 19]] = True  # time-outs too
    manifest = prepare(hopper_task(write_rows(rows), comparability="original"), tmp_path / "tiny-v0")
    assert manifest["episode_ends"]["flagged_both"] == 2
    assert manifest["num_transitions"] == 27
    with pytest.raises(DatasetError, match="flags 2 of 2 terminals"):
        prepare(hopper_task(write_rows(rows)), tmp_path / "own-v0")
    manifest = prepare(hopper_task(write_rows(rows), ends="terminal"), tmp_path / "own-v0")
    assert manifest["episode_ends"]["rule"] == "terminal"
    assert load_transitions(tmp_path / "own-v0").terminals.sum() == 2
