"""Data without stored states: steps are made again from observations that are states."""

from typing import Any

import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.datasets.prepare import prepare
from algos.envs.observed_states import of_observations
from algos.recollect.collect import recollect

ROWS = 400
STATES = ("infos/qpos", "infos/qvel")


@pytest.fixture(scope="module")
def walker() -> dict[str, np.ndarray]:
    rows = recollect("walker2d-medium", ROWS, 0)
    return {key: values for key, values in rows.items() if key not in STATES}


@pytest.fixture
def checked(hopper_task: Any, write_rows: Any, tmp_path: Any) -> Any:
    """Prepares rows as own data; what the environment check concludes."""

    def run(rows: dict[str, np.ndarray], environment: str = "Walker2d-v4", **values: Any) -> str:
        task = hopper_task(write_rows(rows), environment_id=environment, **values)
        check = prepare(task, tmp_path / "own-v0")["environment_check"]
        return str(check["conclusion"])

    return run


def test_the_datas_own_environment_agrees(walker: Any, checked: Any) -> None:
    said = checked(walker)
    assert said.startswith("Walker2d-v4 agrees on ")
    assert said.endswith("states were taken from the observations")


def test_another_environment_of_equal_widths_is_refused(walker: Any, checked: Any) -> None:
    words = (
        r"again in HalfCheetah-v4 leads elsewhere, and in Walker2d-v4 to its next states.* env=Walker2d-v4"
    )
    with pytest.raises(DatasetError, match=words):
        checked(walker, "HalfCheetah-v4")


def test_terminals_that_do_not_end_the_episode_are_refused(walker: Any, checked: Any) -> None:
    rows = {**walker, "terminals": np.zeros(ROWS, bool)}
    rows["terminals"][[120, 250, 333]] = True
    with pytest.raises(DatasetError, match=r"terminals that were stepped again do not end the episode"):
        checked(rows)
    assert "states were taken" in checked(rows, ends="terminal")


def test_data_that_agree_with_no_environment_are_reported(make_rows: Any, walker: Any, checked: Any) -> None:
    made_up = make_rows(widths=(17, 6))
    for environment in ("Walker2d-v4", "HalfCheetah-v4"):
        assert checked(made_up, environment).startswith("cannot be checked: the dataset holds no state")
    scale = walker["observations"].std(axis=0) + 1e-3
    other = {key: walker[key] / scale for key in ("observations", "next_observations")}
    assert checked({**walker, **other}).startswith("cannot be checked")


def test_observations_that_are_no_states_are_not_taken_for_them(make_rows: Any) -> None:
    """Ant-v5 observes contact forces, Pusher positions that no state sets."""
    for environment, widths in (("Ant-v5", (105, 8)), ("Pusher-v5", (23, 7))):
        rows = make_rows(widths=widths)
        rows |= {"next_observations": rows["observations"], "terminals": rows["terminals"].astype(np.uint8)}
        assert of_observations(rows, environment, following=False) is None
