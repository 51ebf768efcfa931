"""Minari in both directions, and nothing of a Minari dataset is ever run."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import h5py
import minari
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage
from recheck.errors import DatasetError
from recheck.tasks import Task, load_tasks

from algos.datasets import minari_format
from algos.datasets.prepare import prepare
from algos.datasets.transitions import load_transitions

ID = "D4RL/hopper/tiny-v2"


def box(width: int, bound: float = np.inf) -> gymnasium.spaces.Box:
    return gymnasium.spaces.Box(-bound, bound, (width,), np.float32)


@pytest.fixture
def minari_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "minari"
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(root))
    return root


def buffer(steps: int, seed: int, terminated: bool, widths: tuple[int, int] = (11, 3)) -> EpisodeBuffer:
    rng = np.random.default_rng(seed)
    ends = np.zeros(steps, bool)
    ends[-1] = True
    return EpisodeBuffer(
        observations=rng.standard_normal((steps + 1, widths[0])).astype(np.float32),
        actions=rng.uniform(-1, 1, (steps, widths[1])).astype(np.float32),
        rewards=rng.standard_normal(steps),
        terminations=ends & terminated,
        truncations=ends & (not terminated),
    )


@pytest.fixture
def make_minari(minari_root: Path) -> Callable[..., Path]:
    """A Minari dataset made by Minari itself, as its remote would give it."""

    def make(buffers: list[EpisodeBuffer] | None = None, identity: str = ID, **options: Any) -> Path:
        episodes = [buffer(6, 0, True), buffer(9, 1, False)] if buffers is None else buffers
        settings = {"observation_space": box(11), "action_space": box(3, 1.0), **options}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Minari asks for an author, a permalink and more
            minari.create_dataset_from_buffers(identity, episodes, **settings)
        return minari_root / identity / "data"

    return make


def task(path: Path | None, **values: Any) -> Task:
    settings: dict[str, Any] = {
        "task": "minari-tiny-v2",
        "source_kind": "minari",
        "source": ID,
        "path": None if path is None else str(path),
        "environment_id": "Hopper-v5",
        "environment_match": "same",
        "horizon": 1000,
        "comparability": "recollected",
    }
    return Task(**{**settings, **values})


# --- Out ---


def test_an_export_is_read_by_plain_minari(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_rows()
    rows["terminals"][19], rows["timeouts"][19] = True, False
    prepare(hopper_task(write_rows(rows)), tmp_path / "tiny-v0")
    transitions = load_transitions(tmp_path / "tiny-v0")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "tiny-v0" / "minari"))
    assert list(minari.list_local_datasets()) == ["recheck/tiny-v0"]
    dataset = minari.load_dataset("recheck/tiny-v0")
    assert dataset.total_episodes == 3
    assert dataset.total_steps == len(transitions) == 28
    episodes = list(dataset.iterate_episodes())
    assert [len(episode.rewards) for episode in episodes] == [11, 8, 9]
    assert [len(episode.observations) for episode in episodes] == [12, 9, 10]
    joined = np.concatenate([episode.observations[:-1] for episode in episodes])
    np.testing.assert_array_equal(joined, transitions.observations)
    assert joined.dtype == np.float32
    following = np.concatenate([episode.observations[1:] for episode in episodes])
    np.testing.assert_array_equal(following, transitions.next_observations)
    assert [bool(episode.terminations[-1]) for episode in episodes] == [False, True, False]
    assert [bool(episode.truncations[-1]) for episode in episodes] == [True, False, True]


def test_reference_scores_are_those_of_d4rl(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(hopper_task(write_rows(make_rows())), tmp_path / "a" / "tiny-v0")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "a" / "tiny-v0" / "minari"))
    dataset = minari.load_dataset("recheck/tiny-v0")
    metadata = dataset.storage.metadata
    assert (metadata["ref_min_score"], metadata["ref_max_score"]) == (-20.272305, 3234.3)
    scores = minari.get_normalized_score(dataset, np.array([-20.272305, 3234.3, 1607.0138475]))
    np.testing.assert_allclose(scores, [0, 1, 0.5])


def test_without_reference_scores_none_are_invented(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(
        hopper_task(write_rows(make_rows()), reference_min_score=None, reference_max_score=None),
        tmp_path / "tiny-v0",
    )
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "tiny-v0" / "minari"))
    with pytest.raises(ValueError, match="Reference score not provided"):
        minari.get_normalized_score(minari.load_dataset("recheck/tiny-v0"), np.zeros(1))


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("hopper-medium-v2", "recheck/hopper-medium-v2"),
        ("own-my file.final", "recheck/own-my-file-final-v0"),
        ("own-x", "recheck/own-x-v0"),
    ],
)
def test_every_task_name_makes_a_minari_id(name: str, identity: str) -> None:
    assert minari_format.dataset_id(name) == identity
    minari.dataset.minari_dataset.parse_dataset_id(identity)


# --- In ---


def test_a_minari_dataset_becomes_rows(make_minari: Any, minari_root: Path, tmp_path: Path) -> None:
    make_minari()
    manifest = prepare(task(minari_root), tmp_path / "out" / "minari-tiny-v2")
    transitions = load_transitions(tmp_path / "out" / "minari-tiny-v2")
    first, second = buffer(6, 0, True), buffer(9, 1, False)
    assert isinstance(first.observations, np.ndarray)
    assert isinstance(second.observations, np.ndarray)
    np.testing.assert_array_equal(
        transitions.observations, np.concatenate([first.observations[:-1], second.observations[:-1]])
    )
    np.testing.assert_array_equal(
        transitions.next_observations, np.concatenate([first.observations[1:], second.observations[1:]])
    )
    # Every step is kept, the one before the time-out too: its next state is known.
    assert transitions.terminals.tolist() == [0] * 5 + [1] + [0] * 9
    assert transitions.episodes.tolist() == [0] * 6 + [1] * 9
    assert manifest["num_dropped"] == 0
    assert manifest["comparability"] == "recollected"
    assert manifest["source"] == {"kind": "minari", "name": ID}


def test_out_and_in_again_is_the_same(make_minari: Any, minari_root: Path, tmp_path: Path) -> None:
    make_minari()
    first = prepare(task(minari_root), tmp_path / "a" / "minari-tiny-v2")
    exported = tmp_path / "a" / "minari-tiny-v2" / "minari"
    again = prepare(task(exported, source="recheck/minari-tiny-v2"), tmp_path / "b" / "minari-tiny-v2")
    assert first["content_sha256"] == again["content_sha256"]
    assert first["return_statistics"] == again["return_statistics"]


def test_dictionary_observations_are_joined_as_the_adapter_says(
    make_minari: Any, minari_root: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    parts = {"observation": rng.standard_normal((6, 4)), "desired_goal": rng.standard_normal((6, 2))}
    spaces = {key: gymnasium.spaces.Box(-np.inf, np.inf, (values.shape[1],)) for key, values in parts.items()}
    plain = buffer(5, 0, False, (4, 2))
    episode = EpisodeBuffer(
        observations=parts,
        actions=plain.actions,
        rewards=plain.rewards,
        terminations=plain.terminations,
        truncations=plain.truncations,
    )
    make_minari([episode], observation_space=gymnasium.spaces.Dict(spaces), action_space=box(2, 1.0))
    maze = {"environment_id": "PointMaze_UMaze-v3", "horizon": 300}
    adapter = "flatten:keys=observation,desired_goal"
    prepare(task(minari_root, adapter=adapter, **maze), tmp_path / "out")
    expected = np.concatenate([parts["observation"], parts["desired_goal"]], axis=1)[:-1]
    np.testing.assert_allclose(load_transitions(tmp_path / "out").observations, expected, rtol=1e-6)
    with pytest.raises(DatasetError, match="no flat observations"):
        minari_format.read(minari_root / ID / "data", ID)
    with pytest.raises(DatasetError, match="does not observe achieved_goal"):
        minari_format.read(minari_root / ID / "data", ID, ("achieved_goal",))


def test_every_minari_task_is_marked_as_recollected() -> None:
    minari_tasks = [entry for entry in load_tasks().values() if entry.source_kind == "minari"]
    assert len(minari_tasks) > 20
    for entry in minari_tasks:
        assert entry.comparability == "recollected"
        assert entry.task.startswith("minari-")
        minari.dataset.minari_dataset.parse_dataset_id(entry.source)


def test_an_unreachable_remote_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise ConnectionError("the remote cannot be reached")

    monkeypatch.setattr(minari, "download_dataset", unreachable)
    with pytest.raises(
        DatasetError, match=r"could not be fetched .*the remote cannot be reached.*give the folder"
    ):
        prepare(task(None), tmp_path / "results" / "minari-tiny-v2")
    assert not (tmp_path / "results" / "minari-tiny-v2").exists()


def test_what_the_remote_gives_is_kept_and_its_hash_recorded(
    make_minari: Any, minari_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_minari()

    def download(identity: str) -> None:
        import os
        import shutil

        shutil.copytree(minari_root / identity, Path(os.environ["MINARI_DATASETS_PATH"]) / identity)

    monkeypatch.setattr(minari, "download_dataset", download)
    results = tmp_path / "results" / "datasets"
    manifest = prepare(task(None), results / "minari-tiny-v2")
    record = json.loads((results / "hashes" / "minari-tiny-v2.json").read_text())
    assert record["sha256"] == manifest["source_sha256"]
    monkeypatch.setattr(minari, "download_dataset", lambda *_: pytest.fail("fetched twice"))
    assert prepare(task(None), results / "minari-tiny-v2") == manifest


# --- Bad data ---


def refused(path: Path, word: str, tmp_path: Path, **values: Any) -> None:
    with pytest.raises(DatasetError, match=word) as caught:
        prepare(task(path, **values), tmp_path / "out" / "minari-tiny-v2")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "minari-tiny-v2").exists()


def edit_metadata(folder: Path, **values: Any) -> None:
    path = folder / "metadata.json"
    metadata = json.loads(path.read_text())
    for key, value in values.items():
        if value is None:
            del metadata[key]
        else:
            metadata[key] = value
    path.write_text(json.dumps(metadata))


def test_an_entry_point_is_never_run(
    make_minari: Any, minari_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dataset whose stored environment is os:system is prepared without running it."""
    ran: list[Any] = []
    monkeypatch.setattr("os.system", lambda *arguments, **_: ran.append(arguments))
    folder = make_minari()
    marker = tmp_path / "ran"
    spec = EnvSpec(id="Evil-v0", entry_point="os:system", kwargs={"command": f"touch {marker}"})
    edit_metadata(folder, env_spec=spec.to_json(), eval_env_spec=spec.to_json())
    prepare(task(minari_root), tmp_path / "out" / "minari-tiny-v2")
    assert ran == []
    assert not marker.exists()


@pytest.mark.parametrize("space", ["observation_space", "action_space"])
def test_a_missing_space_is_refused_since_minari_would_make_the_environment(
    make_minari: Any, minari_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: str
) -> None:
    ran: list[Any] = []
    monkeypatch.setattr("os.system", lambda *arguments, **_: ran.append(arguments))
    folder = make_minari()
    spec = EnvSpec(id="Evil-v0", entry_point="os:system", kwargs={"command": "true"})
    edit_metadata(folder, env_spec=spec.to_json(), **{space: None})
    refused(minari_root, f"lacks {space}", tmp_path)
    assert ran == []
    # What is prevented: Minari itself does run it.
    with pytest.raises(Exception, match=r"."):
        MinariStorage.read(folder)
    assert ran


def test_empty_episodes_are_refused(make_minari: Any, minari_root: Path, tmp_path: Path) -> None:
    folder = make_minari()
    with h5py.File(folder / "main_data.hdf5", "a") as file:
        for name in ("rewards", "actions", "terminations", "truncations"):
            file["episode_1"][name].resize(0, axis=0)
        file["episode_1/observations"].resize(1, axis=0)
    refused(minari_root, "Episode 1 of .* is empty", tmp_path)


def test_a_dataset_without_episodes_is_refused(make_minari: Any, minari_root: Path, tmp_path: Path) -> None:
    edit_metadata(make_minari(), total_episodes=0)
    refused(minari_root, "holds no episodes", tmp_path)


def test_an_episode_id_given_twice_is_refused(make_minari: Any, minari_root: Path, tmp_path: Path) -> None:
    folder = make_minari()
    with h5py.File(folder / "main_data.hdf5", "a") as file:
        file["episode_1"].attrs["id"] = 0
    refused(minari_root, "episode id 0 twice", tmp_path)


def test_another_dataset_under_the_id_is_refused(make_minari: Any, minari_root: Path, tmp_path: Path) -> None:
    edit_metadata(make_minari(), dataset_id="D4RL/hopper/other-v2")
    refused(minari_root, "names itself 'D4RL/hopper/other-v2'", tmp_path)
    refused(tmp_path, "holds no Minari dataset", tmp_path)


def test_missing_steps_and_nan_are_refused(make_minari: Any, minari_root: Path, tmp_path: Path) -> None:
    folder = make_minari()
    with h5py.File(folder / "main_data.hdf5", "a") as file:
        file["episode_1/observations"].resize(9, axis=0)
    refused(minari_root, "Episode 1 .* 9 observations", tmp_path)
    with h5py.File(folder / "main_data.hdf5", "a") as file:
        file["episode_1/observations"].resize(10, axis=0)
        file["episode_0/rewards"][2] = np.nan
    refused(minari_root, "Episode 0 .* rewards, the first in row 2", tmp_path)


def test_external_links_are_refused(make_minari: Any, minari_root: Path, tmp_path: Path) -> None:
    folder = make_minari()
    with h5py.File(folder / "main_data.hdf5", "a") as file:
        del file["episode_1/rewards"]
        file["episode_1/rewards"] = h5py.ExternalLink("/tmp/other.hdf5", "/rewards")
    refused(minari_root, "external link at episode_1/rewards", tmp_path)


def test_a_truncated_data_file_is_refused(make_minari: Any, minari_root: Path, tmp_path: Path) -> None:
    path = make_minari() / "main_data.hdf5"
    path.write_bytes(path.read_bytes()[:2000])
    refused(minari_root, "cannot be read", tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"observation_space": []},
        {"observation_space": "{}"},
        {"action_space": json.dumps({"type": "Box"})},
        {"action_space": json.dumps({"type": "System", "command": "true"})},
        {"total_episodes": "many"},
        {"total_episodes": 9},
        {"total_episodes": [1]},
        {"data_format": "pickle"},
    ],
)
def test_damaged_metadata_is_refused(
    make_minari: Any, minari_root: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    edit_metadata(make_minari(), **change)
    refused(minari_root, "cannot be read", tmp_path)


def test_arrays_of_other_kinds_are_refused(make_minari: Any, minari_root: Path, tmp_path: Path) -> None:
    folder = make_minari()
    for name, value in (
        ("rewards", 1.0),
        ("rewards", h5py.Empty("f4")),
        ("actions", [b"x"] * 9),
        ("terminations", [[False, True]] * 9),
        ("observations", np.zeros(10)),
    ):
        with h5py.File(folder / "main_data.hdf5", "a") as file:
            before = file[f"episode_1/{name}"][()]
            del file[f"episode_1/{name}"]
            file[f"episode_1/{name}"] = value
        refused(minari_root, "Episode 1|cannot be read|different widths", tmp_path)
        with h5py.File(folder / "main_data.hdf5", "a") as file:
            del file[f"episode_1/{name}"]
            file[f"episode_1/{name}"] = before


def test_widths_and_bounds_are_checked(make_minari: Any, minari_root: Path, tmp_path: Path) -> None:
    make_minari()
    refused(minari_root, "width 11, .* has 17", tmp_path, environment_id="HalfCheetah-v5")
    loud = buffer(6, 0, True)
    assert isinstance(loud.actions, np.ndarray)
    loud.actions[3] = 2.0
    make_minari([loud], identity="D4RL/hopper/loud-v2", action_space=box(3, 2.0))
    refused(minari_root, "actions outside", tmp_path, source="D4RL/hopper/loud-v2")
