"""Re-collected datasets: exact sizes, equal bytes, true time-outs, and behaviours of the promised order."""

import json
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from recheck.errors import DatasetError
from safetensors.numpy import load_file, save_file

from algos.recollect import __main__ as recollect_command
from algos.recollect import catalogue, collect
from algos.recollect.behaviour_policies import BEHAVIORS, Policy, load_policy
from algos.recollect.catalogue import (
    Planner,
    describe,
    load_recollection,
    load_recollections,
    return_statistics,
)
from algos.recollect.collect import recollect, split_sizes
from algos.recollect.mazes import MazeWalker, shortest_path

RECOLLECTIONS = sorted(load_recollections())
WITH_POLICIES = [name for name in RECOLLECTIONS if load_recollection(name).planner is None]
MAZES = [name for name in RECOLLECTIONS if load_recollection(name).planner is not None]


def lengths(rows: dict[str, np.ndarray]) -> np.ndarray:
    """Steps of each episode, in order."""
    ends = np.flatnonzero(rows["terminals"] | rows["timeouts"])
    return np.diff(ends, prepend=-1)


@pytest.fixture(scope="module")
def hopper() -> dict[str, np.ndarray]:
    return recollect("hopper-medium", 6_000, seed=3)


# --- What is promised of every recollection ---


@pytest.mark.parametrize("name", RECOLLECTIONS)
def test_the_layout_is_that_of_d4rl(name: str) -> None:
    spec = load_recollection(name)
    rows = recollect(spec, 331, seed=0)
    assert {len(values) for values in rows.values()} == {331}
    for key in ("observations", "actions", "rewards", "next_observations"):
        assert rows[key].dtype == np.float32, key
        assert np.isfinite(rows[key]).all(), key
    assert rows["terminals"].dtype == rows["timeouts"].dtype == bool
    assert rows["infos/qpos"].dtype == rows["infos/qvel"].dtype == np.float64
    assert rows["observations"].shape == rows["next_observations"].shape
    assert np.abs(rows["actions"]).max() <= 1.0
    assert not (rows["terminals"] & rows["timeouts"]).any()


@pytest.mark.parametrize("name", ["hopper-medium-replay", *MAZES])
def test_the_same_seed_gives_the_same_bytes(name: str) -> None:
    first, second = (recollect(name, 700, seed=5) for _ in range(2))
    assert {key: values.tobytes() for key, values in first.items()} == {
        key: values.tobytes() for key, values in second.items()
    }
    other = recollect(name, 700, seed=6)
    assert not np.array_equal(first["observations"], other["observations"])


def test_the_rows_do_not_depend_on_the_number_of_environments(
    hopper: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "MAX_ENVIRONMENTS", 1)
    alone = recollect("hopper-medium", 6_000, seed=3)
    assert all(np.array_equal(hopper[key], alone[key]) for key in hopper)


def test_a_smaller_set_is_the_beginning_of_a_larger_one(hopper: dict[str, np.ndarray]) -> None:
    smaller = recollect("hopper-medium", 1_500, seed=3)
    assert np.array_equal(smaller["observations"], hopper["observations"][:1_500])
    assert smaller["timeouts"][-1] != smaller["terminals"][-1]


@pytest.mark.parametrize("size", [2, 999, 1000, 1001])
def test_sizes_are_exact(size: int) -> None:
    rows = recollect("halfcheetah-medium", size, seed=0)
    assert {len(values) for values in rows.values()} == {size}


# --- Episodes ---


def test_the_next_observation_is_the_next_row_inside_an_episode(hopper: dict[str, np.ndarray]) -> None:
    inside = ~(hopper["terminals"] | hopper["timeouts"])[:-1]
    assert np.array_equal(hopper["next_observations"][:-1][inside], hopper["observations"][1:][inside])
    assert not np.array_equal(hopper["next_observations"][:-1][~inside], hopper["observations"][1:][~inside])


def test_falls_are_terminals_and_end_before_the_horizon(hopper: dict[str, np.ndarray]) -> None:
    assert hopper["terminals"].sum() >= 3
    # Hopper-v4 is healthy above 0.7 m; a fall may also be an angle past 0.2 rad.
    heights, angles = hopper["next_observations"][:, 0], hopper["next_observations"][:, 1]
    fallen = (heights <= 0.7) | (np.abs(angles) >= 0.2)
    assert np.array_equal(fallen, hopper["terminals"])
    assert lengths(hopper).max() <= 1000


def test_the_horizon_is_a_timeout_and_no_terminal() -> None:
    rows = recollect("halfcheetah-medium", 2_500, seed=1)
    assert np.flatnonzero(rows["timeouts"]).tolist() == [999, 1999, 2499]
    assert not rows["terminals"].any()
    assert return_statistics(rows, 1000)["complete_episodes"] == 2


def test_every_part_ends_with_a_timeout_or_a_fall() -> None:
    spec = load_recollection("hopper-medium-replay")
    sizes = split_sizes(1_001, [part.share for part in spec.parts])
    rows = recollect(spec, 1_001, seed=2)
    last_rows = np.cumsum(sizes) - 1
    assert (rows["timeouts"] | rows["terminals"])[last_rows].all()
    # A part's rows are those of its own policy alone: the first part equals a set of that part only.
    only = catalogue.Recollection(
        "one", spec.environment_id, spec.horizon, spec.parts[:1], None, spec.imitates, (), spec.folder
    )
    first = recollect(only, sizes[0], seed=2)
    assert np.array_equal(first["actions"], rows["actions"][: sizes[0]])


def test_the_stored_state_is_the_one_before_the_action(hopper: dict[str, np.ndarray]) -> None:
    # Hopper observes all positions but the first, then velocities clipped to 10.
    observed = np.hstack([hopper["infos/qpos"][:, 1:], np.clip(hopper["infos/qvel"], -10, 10)])
    assert np.array_equal(observed.astype(np.float32), hopper["observations"])


# --- Behaviours ---


@pytest.mark.parametrize("family", ["hopper", "halfcheetah", "walker2d"])
def test_expert_returns_lie_above_medium_and_medium_above_its_replay(family: str) -> None:
    def mean_return(kind: str, num_transitions: int, part: int | None = None) -> float:
        """Mean return of complete episodes of a set, or of one part of it."""
        spec = load_recollection(f"{family}-{kind}")
        rows = recollect(spec, num_transitions, seed=0)
        if part is not None:
            sizes = split_sizes(num_transitions, [p.share for p in spec.parts])
            first = sum(sizes[:part])
            rows = {key: values[first : first + sizes[part]] for key, values in rows.items()}
        mean = return_statistics(rows, spec.horizon)["mean"]
        assert mean is not None
        return mean

    medium, expert = mean_return("medium-expert", 8_000, part=0), mean_return("medium-expert", 8_000, part=1)
    assert mean_return("medium-replay", 8_000) < medium < 0.8 * expert


@pytest.mark.parametrize("path", sorted(BEHAVIORS.glob("*.safetensors")), ids=lambda path: path.stem)
def test_every_policy_has_its_record_and_serves_a_recollection(path: Path) -> None:
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    policy = load_policy(path.stem)
    assert (policy.observation_dim, policy.action_dim) == (record["observation_dim"], record["action_dim"])
    assert record["training_steps"] > 0
    assert record["num_episodes"] >= 20
    assert np.isfinite(record["return_stochastic"]["mean"])
    used = {(p.behavior, r.environment_id) for r in load_recollections().values() for p in r.parts}
    assert (path.stem, record["environment_id"]) in used


@pytest.mark.parametrize("name", [name for name in WITH_POLICIES if name.endswith("medium-expert")])
def test_a_medium_policy_is_medium_by_its_mode_too(name: str) -> None:
    # Else cloning it and playing the clone's mode would already give the expert's return.
    medium, expert = (
        json.loads((BEHAVIORS / f"{part.behavior}.json").read_text(encoding="utf-8"))
        for part in load_recollection(name).parts
    )
    for key in ("return_stochastic", "return_mode"):
        assert medium[key]["mean"] < 0.8 * expert[key]["mean"], key


def test_the_readme_shows_what_the_records_say() -> None:
    text = (BEHAVIORS / "README.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `") and "-v4 |" in line]
    expected = set()
    for path in BEHAVIORS.glob("*.safetensors"):
        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        drawn, mode = (
            f"{record[key]['mean']:,.0f} ({record[key]['std']:,.0f})"
            for key in ("return_stochastic", "return_mode")
        )
        steps = f"{record['training_steps']:,}"
        expected.add(f"| `{path.stem}` | {record['environment_id']} | {steps} | {drawn} | {mode} |")
    assert {row.rsplit("|", 2)[0] + "|" for row in rows} == expected


def test_the_policies_are_small() -> None:
    assert sum(path.stat().st_size for path in BEHAVIORS.glob("*.safetensors")) < 1_000_000


def test_a_policy_is_evaluated_as_written() -> None:
    zero = np.zeros(1, np.float32)
    policy = Policy(
        {
            "layers.0.weight": np.array([[2.0]], np.float32),
            "layers.0.bias": zero,
            "layers.1.weight": np.array([[1.0]], np.float32),
            "layers.1.bias": np.array([-1.0], np.float32),
            "layers.2.weight": np.array([[1.0, 0.0]], np.float32),
            "layers.2.bias": np.array([0.5, np.log(2.0)], np.float32),
        },
        "by hand",
    )
    # relu(2 * 1) = 2, relu(2 - 1) = 1, mean 1.5, standard deviation 2.
    assert policy.act(np.array([[1.0]], np.float32), None) == pytest.approx(np.tanh(1.5))
    noisy = policy.act(np.array([[1.0]], np.float32), np.array([[-0.5]], np.float32))
    assert noisy == pytest.approx(np.tanh(0.5))


# --- The planner ---


def test_the_shortest_path_is_found_by_hand() -> None:
    maze = [[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 1, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]]
    assert shortest_path(maze, (1, 1), (3, 1)) == [(1, 1), (1, 2), (1, 3), (2, 3), (3, 3), (3, 2), (3, 1)]
    assert shortest_path(maze, (1, 1), (1, 1)) == [(1, 1)]
    with pytest.raises(DatasetError, match="no way"):
        shortest_path([[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]], (1, 1), (1, 3))


@pytest.mark.parametrize("name", MAZES)
def test_the_planner_reaches_the_goal_from_every_cell(name: str) -> None:
    spec = load_recollection(name)
    assert spec.planner is not None
    environment = collect._make(spec.environment_id, spec.horizon, continuing_task=True)
    core = environment.unwrapped
    random = np.random.default_rng(0)
    walker = MazeWalker(core.maze, spec.planner, random)
    for cell in walker.cells:
        observation, _ = environment.reset(seed=1, options={"reset_cell": np.asarray(cell)})
        state = observation["observation"]
        walker.go_to(state[:2], spec.planner.goal_cell)
        goal = walker.centre_of(spec.planner.goal_cell)
        for _ in range(spec.horizon - 1):
            if np.linalg.norm(state[:2] - goal) <= spec.planner.goal_radius:
                break
            state = environment.step(walker.act(state))[0]["observation"]
        assert np.linalg.norm(state[:2] - goal) <= spec.planner.goal_radius, f"not from {cell}"
    environment.close()


@pytest.mark.parametrize("name", MAZES)
def test_the_maze_pays_at_its_fixed_goal_and_ends_nothing(name: str) -> None:
    spec = load_recollection(name)
    assert isinstance(spec.planner, Planner)
    rows = recollect(spec, 3_000, seed=0)
    environment = collect._make(spec.environment_id, spec.horizon)
    goal = environment.unwrapped.maze.cell_rowcol_to_xy(np.asarray(spec.planner.goal_cell))
    environment.close()
    near = np.linalg.norm(rows["next_observations"][:, :2] - goal, axis=1)
    # Rows within float32 rounding of the radius could fall on either side; there are none here.
    assert np.abs(near - spec.planner.goal_radius).min() > 1e-5
    assert np.array_equal(rows["rewards"] == 1, near <= spec.planner.goal_radius)
    assert set(np.unique(rows["rewards"])) == {0.0, 1.0}
    # Going through the goal is no terminal, and the episode continues to the horizon.
    assert not rows["terminals"].any()
    assert (lengths(rows) == spec.horizon).all()
    # The planner walks to many places, not to the rewarded one alone.
    assert len(np.unique(rows["infos/goal"].round(3), axis=0)) >= 5


# --- Refusals, one sentence each ---


def refusal(*arguments: object) -> str:
    with pytest.raises(DatasetError) as caught:
        recollect(*arguments)  # type: ignore[arg-type]
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_an_unknown_recollection_is_refused_with_the_known_ones() -> None:
    sentence = refusal("hopper-perfect", 100, 0)
    assert "'hopper-perfect'" in sentence
    assert "hopper-medium" in sentence


def test_an_unknown_behaviour_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    for path in BEHAVIORS.glob("hopper-*"):
        shutil.copy(path, tmp_path)
    spec = load_recollection("hopper-medium")
    broken = catalogue.Recollection(
        "broken", spec.environment_id, 1000, (catalogue.Part("hopper-best", 1, True),), None, "", (), tmp_path
    )
    assert spec.parts[0].behavior in refusal(broken, 100, 0)


def test_a_policy_of_another_environment_is_refused() -> None:
    spec = load_recollection("hopper-medium")
    mixed = catalogue.Recollection(
        "mixed", "HalfCheetah-v4", 1000, spec.parts, None, spec.imitates, (), spec.folder
    )
    assert "takes 11 observations" in refusal(mixed, 100, 0)


def test_too_few_transitions_and_negative_seeds_are_refused() -> None:
    assert "at least" in refusal("hopper-medium-replay", 2, 0)
    assert "0 or more" in refusal("hopper-medium", 100, -1)


def test_a_damaged_policy_is_refused(tmp_path: Path) -> None:
    spec = load_recollection("hopper-medium")
    name = spec.parts[0].behavior
    moved = catalogue.Recollection("damaged", spec.environment_id, 1000, spec.parts, None, "", (), tmp_path)
    (tmp_path / f"{name}.safetensors").write_bytes(b"not a tensor file")
    assert "cannot be read" in refusal(moved, 100, 0)
    tensors = load_file(BEHAVIORS / f"{name}.safetensors")
    tensors["layers.1.weight"] = tensors["layers.1.weight"][:, :-1].copy()
    save_file(tensors, tmp_path / f"{name}.safetensors")
    assert "do not fit" in refusal(moved, 100, 0)


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


def test_ours_stand_beside_the_published_and_under_no_d4rl_name(hopper: dict[str, np.ndarray]) -> None:
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


def test_the_command_line_writes_a_file_that_the_reader_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from algos.datasets.hdf5 import read_d4rl_hdf5

    path = tmp_path / "set.hdf5"
    assert (
        recollect_command.main(
            ["hopper-medium", "--transitions", "300", "--seed", "1", "--output", str(path)]
        )
        == 0
    )
    assert "published" in capsys.readouterr().out
    rows, direct = read_d4rl_hdf5(path), recollect("hopper-medium", 300, seed=1)
    assert all(np.array_equal(rows[key], direct[key]) for key in direct)
    assert recollect_command.main(["nothing"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


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


def test_the_training_script_trains_goes_on_and_publishes_a_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = BEHAVIORS.parents[1] / "algos/recollect/train_behaviours.py"
    short = "--random-steps 100 --snapshot-every 150 --state-every 150 --episodes 1 --batch 16"
    work, published = tmp_path / "work", tmp_path / "published"

    def run(arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [str(script), *arguments.split()])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(script), run_name="__main__")
        assert ended.value.code == 0
        return capsys.readouterr().out

    run(f"train --environment Hopper-v4 --work {work} --updates 150 {short}")
    assert '"step": 300' in run(f"train --environment Hopper-v4 --work {work} --updates 300 {short}")
    lines = (work / "progress.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [150, 300]  # gone on, not begun again
    first, second = (load_file(work / f"snapshot-{step:08d}.safetensors") for step in (150, 300))
    assert not np.array_equal(first["layers.2.bias"], second["layers.2.bias"])
    run(f"publish --work {work} --step 300 --episodes 2 --folder {published}")
    assert load_policy("hopper-0000k", published).observation_dim == 11
    record = json.loads((published / "hopper-0000k.json").read_text(encoding="utf-8"))
    assert record["training_steps"] == 300
    assert record["versions"]["mujoco"]
