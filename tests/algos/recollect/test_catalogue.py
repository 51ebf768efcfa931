"""What can be collected, its sizes and statistics."""

import json
from pathlib import Path

import numpy as np
import pytest

from algos.recollect import catalogue
from algos.recollect.behaviour_policies import BEHAVIORS
from algos.recollect.catalogue import (
    describe,
    load_recollection,
    load_recollections,
    return_statistics,
)
from algos.recollect.collect import recollect, split_sizes
from tests.algos.recollect.recollections import MAZES, RECOLLECTIONS, refusal


def test_an_unknown_recollection_is_refused_with_the_known_ones() -> None:
    message = refusal("hopper-perfect", 100, 0)
    assert "'hopper-perfect'" in message
    assert "hopper-medium" in message


# --- Sizes, statistics and the command line ---


def test_sizes_follow_the_shares() -> None:
    assert split_sizes(10, [1, 1, 1]) == [4, 3, 3]
    assert split_sizes(100, [1, 3]) == [25, 75]


def test_statistics_leave_out_the_episode_that_was_cut() -> None:
    rows = {
        "rewards": np.array([1, 2, 4, 8, 16, 32], np.float32),
        "terminals": np.array([0, 1, 0, 0, 0, 0], bool),
        "timeouts": np.array([0, 0, 0, 0, 1, 1], bool),
    }
    # Episodes of 2 (terminal), 3 (the horizon) and 1 (cut): returns 3, 28, and 32 left out.
    found = return_statistics(rows, horizon=3)
    assert found == {"complete_episodes": 2, "mean": 15.5, "std": 12.5, "min": 3.0, "max": 28.0}


def test_ours_are_next_to_the_published_and_under_no_d4rl_name(hopper: dict[str, np.ndarray]) -> None:
    text = describe(load_recollection("hopper-medium"), hopper)
    assert "hopper-medium, collected here" in text
    assert "1,422" in text  # published mean return of hopper-medium-v2
    published = set(catalogue.published_statistics())
    for spec in load_recollections().values():
        assert spec.name != spec.imitates
        assert set(spec.published) <= published


def test_the_published_numbers_are_those_of_the_reference_file() -> None:
    reference = Path(__file__).resolve().parents[4] / "shared" / "facts" / "d4rl_v2_reference_stats.json"
    if not reference.is_file():
        pytest.skip("the reference statistics are not in the repository")
    expected = json.loads(reference.read_text(encoding="utf-8"))["full_episode_stats"]
    for name, numbers in catalogue.published_statistics().items():
        assert numbers["mean"] == expected[name]["ret_mean"]
        assert numbers["num_transitions"] == expected[name]["n"]


def test_the_file_of_recollections_fits_its_schema() -> None:
    import jsonschema

    schema_path = BEHAVIORS.parent / "schemas" / "recollections.schema.json"
    schema = json.loads(schema_path.read_text(encoding="utf-8"))
    content = json.loads((BEHAVIORS / "recollections.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(content)
    del content["recollections"]["hopper-medium"]["parts"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(content)


@pytest.mark.parametrize("name", MAZES)
def test_the_task_environment_pays_and_moves_as_the_data_say(name: str) -> None:
    from recheck.tasks import load_tasks

    from algos.envs import make

    (task,) = [task for task in load_tasks().values() if task.source == name]
    rows = recollect(name, 600, seed=0)
    assert rows["rewards"].sum() > 0
    environment = make.make(task.environment_id, task.adapter, task.horizon)
    environment.reset(seed=0)
    point = environment.unwrapped.point_env
    for row in range(600):
        point.set_state(rows["infos/qpos"][row], rows["infos/qvel"][row])
        following, reward, terminated, _, _ = environment.step(rows["actions"][row])
        assert np.allclose(following, rows["next_observations"][row], atol=1e-6)
        assert reward == rows["rewards"][row]
        assert not terminated
        if row % task.horizon == task.horizon - 2:
            environment.reset(seed=row)
    environment.close()


@pytest.mark.parametrize("name", RECOLLECTIONS)
def test_every_recollection_is_a_task_with_the_same_environment_and_horizon(name: str) -> None:
    from recheck.tasks import load_tasks

    spec = load_recollection(name)
    (task,) = [task for task in load_tasks().values() if task.source == name]
    assert (task.environment_id, task.horizon) == (spec.environment_id, spec.horizon)
    assert task.source_kind == task.comparability == "recollected"
    assert task.task != spec.imitates
