"""From a task to its folder: complete or not there, equal every time, compared with what is published."""

import fcntl
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recheck.errors import DatasetError
from recheck.files import sha256 as sha256_file
from recheck.tasks import Task, load_tasks

from algos.datasets import __main__ as datasets_command
from algos.datasets import minari_format
from algos.datasets.d4rl_rows import qlearning_rows
from algos.datasets.hdf5 import read_d4rl_hdf5
from algos.datasets.prepare import prepare
from algos.datasets.transitions import content_sha256, load_transitions, read_manifest


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_no_dataset(output: Path) -> None:
    """Nothing that counts as a dataset, and nothing half-written in its folder."""
    assert not output.exists() or not (output / "manifest.json").exists()
    left = (".part", ".old", ".lock")
    assert [path.name for path in output.parent.iterdir() if path.name.endswith(left)] == []


def test_the_three_files_hold_what_the_manifest_says(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    rows = make_rows()
    path = write_rows(rows)
    manifest = prepare(hopper_task(path), tmp_path / "results" / "tiny-v0")
    folder = tmp_path / "results" / "tiny-v0"
    assert sorted(entry.name for entry in folder.iterdir()) == [
        "manifest.json",
        "minari",
        "transitions.safetensors",
    ]
    assert manifest == read_manifest(folder)
    transitions = load_transitions(folder)
    expected = qlearning_rows(rows, 1000).arrays
    for name, values in expected.items():
        np.testing.assert_array_equal(getattr(transitions, name), values)
        assert getattr(transitions, name).dtype == values.dtype
    assert manifest["num_transitions"] == len(transitions) == 27
    assert manifest["num_episodes"] == 3
    assert manifest["num_dropped"] == 3
    assert manifest["content_sha256"] == content_sha256(transitions.arrays())
    assert manifest["source_sha256"] == sha256_file(path)
    assert manifest["source"] == {"kind": "hdf5", "name": "file.hdf5"}
    assert (manifest["observation_dim"], manifest["action_dim"]) == (11, 3)
    assert str(tmp_path) not in json.dumps(manifest)


def test_minari_and_safetensors_are_equal_row_for_row(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    rows = make_rows((12, 8, 10, 1, 5))
    rows["terminals"][[11, 19]] = True
    rows["timeouts"][[11, 19]] = False
    prepare(hopper_task(write_rows(rows)), tmp_path / "tiny-v0")
    transitions = load_transitions(tmp_path / "tiny-v0")
    identity = minari_format.dataset_id("tiny-v0")
    stored = minari_format.read(minari_format.find(tmp_path / "tiny-v0" / "minari", identity), identity)
    for name in ("observations", "actions", "rewards", "next_observations", "terminals"):
        np.testing.assert_array_equal(stored.arrays[name], getattr(transitions, name))
    assert transitions.terminals.sum() == 2


def test_the_same_file_gives_the_same_bytes(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    path = write_rows(make_rows())
    prepare(hopper_task(path), tmp_path / "a" / "tiny-v0")
    prepare(hopper_task(path), tmp_path / "b" / "tiny-v0")
    assert contents(tmp_path / "a" / "tiny-v0") == contents(tmp_path / "b" / "tiny-v0")


def test_preparing_again_replaces_the_old_dataset(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    output = tmp_path / "tiny-v0"
    prepare(hopper_task(write_rows(make_rows())), output)
    prepare(hopper_task(write_rows(make_rows(seed=1))), output)
    fresh = prepare(hopper_task(write_rows(make_rows(seed=1))), tmp_path / "fresh")
    assert load_transitions(output).manifest["content_sha256"] == fresh["content_sha256"]


def refused(task: Task, output: Path, *words: str) -> None:
    with pytest.raises(DatasetError) as caught:
        prepare(task, output)
    for word in words:
        assert word in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert_no_dataset(output)


def test_a_byte_changed_is_a_wrong_hash(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    path = write_rows(make_rows())
    sha256 = sha256_file(path)
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)
    refused(hopper_task(path, sha256=sha256), tmp_path / "out" / "tiny-v0", sha256, "damaged")


def test_files_of_another_environment_are_refused(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    output = tmp_path / "out" / "tiny-v0"
    path = write_rows(make_rows(widths=(17, 6)))
    refused(hopper_task(path), output, "observations of width 17", "has 11")
    refused(
        hopper_task(path, environment_id="Hopper-v99"), output, "no environment 'Hopper-v99'", "Hopper-v4"
    )
    right = write_rows(make_rows())
    refused(hopper_task(right, observation_dim=17), output, "width 11", "17")
    refused(hopper_task(right, horizon=900), output, "1000 steps", "900", "adapter")


def test_actions_outside_the_bounds_need_a_named_clip(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    rows = make_rows()
    rows["actions"][[3, 4]] = 1.5
    path = write_rows(rows)
    refused(
        hopper_task(path), tmp_path / "out" / "tiny-v0", "actions outside [-1, 1] in 2 rows", "action_clip"
    )
    manifest = prepare(hopper_task(path, action_clip=1.0), tmp_path / "out" / "tiny-v0")
    assert manifest["num_clipped_action_entries"] == 6
    assert manifest["action_clip"] == manifest["max_abs_action"] == 1.0


def test_nan_truncation_and_error_pages_leave_nothing(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    output = tmp_path / "out" / "tiny-v0"
    rows = make_rows()
    rows["rewards"][3] = np.nan
    refused(hopper_task(write_rows(rows)), output, "NaN", "rewards", "row 3")
    path = write_rows(make_rows((300, 300)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(hopper_task(path), output, "truncated")
    path.write_bytes(b"<html>404</html>")
    refused(hopper_task(path), output, "web page")
    refused(hopper_task(path, sha256="0" * 64), output, "web page")
    refused(hopper_task(tmp_path), output, "it is a folder")
    refused(hopper_task(tmp_path / "none.hdf5"), output, "does not exist", "data_folder")
    refused(hopper_task(None), output, "neither a path nor an address")


# --- Against what is published ---


@pytest.fixture
def published(make_rows: Any, write_rows: Any, hopper_task: Any) -> Task:
    """A task whose published count and statistics are those of its file."""
    rows = make_rows()
    returns = [rows["rewards"][a:b].astype(np.float64).sum() for a, b in ((0, 12), (12, 20), (20, 30))]
    task: Task = hopper_task(
        write_rows(rows),
        comparability="original",
        expected_transitions=27,
        expected_return_mean=round(float(np.mean(returns)), 3),
        expected_return_std=round(float(np.std(returns)), 3),
        expected_return_min=round(float(np.min(returns)), 3),
        expected_return_max=round(float(np.max(returns)), 3),
    )
    return task


def test_equal_statistics_make_an_original(published: Task, tmp_path: Path) -> None:
    manifest = prepare(published, tmp_path / "out" / "tiny-v0")
    assert manifest["comparability"] == "original"
    assert "statistics equal" in manifest["comparability_reason"]


def test_an_equal_hash_makes_an_original(published: Task, tmp_path: Path) -> None:
    assert published.path is not None
    task = replace(
        published,
        sha256=sha256_file(Path(published.path)),
        expected_transitions=None,
        expected_return_mean=None,
    )
    manifest = prepare(task, tmp_path / "out" / "tiny-v0")
    assert (manifest["comparability"], manifest["comparability_reason"]) == (
        "original",
        "SHA-256 equal to the published one",
    )


def test_a_claim_alone_is_unverified(published: Task, tmp_path: Path) -> None:
    bare = replace(published, expected_transitions=None)
    bare = replace(bare, **{f"expected_return_{name}": None for name in ("mean", "std", "min", "max")})
    assert prepare(bare, tmp_path / "out" / "tiny-v0")["comparability"] == "unverified"
    manifest = prepare(replace(bare, expected_transitions=27), tmp_path / "out" / "tiny-v0")
    assert manifest["comparability"] == "unverified"
    assert "transition count equal" in manifest["comparability_reason"]
    fixed = prepare(replace(published, fix_timeouts=True, expected_transitions=None,
                            expected_return_mean=None, expected_return_std=None,
                            expected_return_min=None, expected_return_max=None),
                    tmp_path / "out" / "tiny-v0")  # fmt: skip
    assert fixed["comparability"] == "unverified"


@pytest.mark.parametrize("name", ["mean", "std", "min", "max"])
def test_statistics_that_disagree_are_refused(published: Task, tmp_path: Path, name: str) -> None:
    value = getattr(published, f"expected_return_{name}")
    task = replace(published, **{f"expected_return_{name}": value + 0.05 * max(1.0, abs(value))})
    refused(task, tmp_path / "out" / "tiny-v0", f"the {name}", "published")


def test_another_transition_count_is_refused(published: Task, tmp_path: Path) -> None:
    refused(replace(published, expected_transitions=28), tmp_path / "out" / "tiny-v0", "27 transitions", "28")


# --- Addresses, recorded hashes ---


def test_no_run_writes_into_tasks_csv() -> None:
    source = Path(datasets_command.__file__).parent
    writers = [path.name for path in source.glob("*.py") if "TASKS_FILE.write" in path.read_text()]
    assert writers == []


# --- Interruption, a full disk ---


def run_prepare(task: Task, output: Path, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "algos.datasets", "prepare", "--task-json", json.dumps(asdict(task))]
    command += ["--output", str(output)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_killed_at_random_points_then_rerun_is_complete_and_equal(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    task = hopper_task(write_rows(make_rows(tuple([40] * 400))))
    whole = tmp_path / "whole" / "tiny-v0"
    started = time.monotonic()
    process = run_prepare(task, whole)
    assert process.wait() == 0
    duration = time.monotonic() - started
    process.communicate()
    output = tmp_path / "killed" / "tiny-v0"
    rng = random.Random(0)
    killed = 0
    for _ in range(5):
        process = run_prepare(task, output)
        time.sleep(duration * rng.uniform(0.3, 0.95))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        process.communicate()
        if (output / "manifest.json").exists():
            # What has a manifest is whole, whenever the kill came.
            assert contents(output) == contents(whole)
    assert killed
    process = run_prepare(task, output)
    assert process.wait() == 0
    process.communicate()
    assert contents(output) == contents(whole)
    assert_no_dataset(tmp_path / "killed" / "none")


@pytest.mark.parametrize("stop_at", [0, 1], ids=["the old one is renamed", "the new one is renamed"])
def test_an_interrupt_at_the_end_leaves_the_old_dataset(
    make_rows: Any,
    write_rows: Any,
    hopper_task: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop_at: int,
) -> None:
    """Old and new files are never mixed."""
    output = tmp_path / "tiny-v0"
    prepare(hopper_task(write_rows(make_rows())), output)
    before = contents(output)
    real = os.replace

    def stop(source: Path, destination: Path) -> None:
        ends = [source == output, destination == output and source.suffix == ".part"]
        if ends[stop_at]:
            raise KeyboardInterrupt
        real(source, destination)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare(hopper_task(write_rows(make_rows(seed=1))), output)
    assert contents(output) == before
    assert [path.name for path in output.parent.iterdir() if path.name.startswith(".")] == []


def test_two_at_once_do_not_mix(make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path) -> None:
    output = tmp_path / "tiny-v0"
    with (tmp_path / ".tiny-v0.lock").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DatasetError, match="is being prepared by another process; wait for it"):
            prepare(hopper_task(write_rows(make_rows())), output)
    assert not output.exists()


@pytest.mark.parametrize(
    ("kilobytes", "lengths"),
    [(1, (1000, 1000)), (60, (1000, 1000)), (200, (1000, 1000)), (600, (40,) * 50), (1000, (40,) * 50)],
)
def test_a_full_disk_is_one_message_and_keeps_the_old_dataset(
    make_rows: Any,
    write_rows: Any,
    hopper_task: Any,
    tmp_path: Path,
    kilobytes: int,
    lengths: tuple[int, ...],
) -> None:
    """Files beyond a size are refused; fifty episodes fit as rows, but not in Minari's file."""
    output = tmp_path / "out" / "tiny-v0"
    prepare(hopper_task(write_rows(make_rows())), output)
    before = contents(output)
    task = hopper_task(write_rows(make_rows(lengths)))
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))
    process = run_prepare(task, output, preexec_fn=limit)
    out, err = process.communicate()
    assert process.returncode == 2, err
    assert err == f"{output} cannot be written: the disk is full; free some space and run again.\n"
    assert out == ""
    assert contents(output) == before
    assert [path.name for path in output.parent.iterdir()] == ["tiny-v0"]


def test_the_space_that_is_asked_for_holds_the_files(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "posix_fallocate", lambda _, start, size: asked.append(size))
    for lengths in ((1,) * 60 + (5,), (40,) * 50, (1000, 700), (2001,)):
        rows = make_rows(lengths)
        rows["timeouts"][:] = False
        rows["terminals"][np.cumsum(lengths) - 1] = True
        rows["infos/qpos"] = rows["infos/qvel"] = rows["observations"][:, :6].astype(np.float64)
        prepare(hopper_task(write_rows(rows), comparability="recollected"), tmp_path / "tiny-v0")
        data = next((tmp_path / "tiny-v0" / "minari").rglob("*.hdf5")).stat().st_size
        plain = (tmp_path / "tiny-v0" / "transitions.safetensors").stat().st_size
        assert data <= asked[-1]
        assert plain <= asked[-2] + 2000


def test_hdf5_that_cannot_close_its_file_is_one_message(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("Can't decrement id ref count (error message = 'No space left on device')")

    monkeypatch.setattr(minari_format, "export", fail)
    refused(hopper_task(write_rows(make_rows())), tmp_path / "out" / "tiny-v0", "the disk is full")


# --- Loading ---


def test_training_needs_neither_gymnasium_nor_minari_nor_h5py() -> None:
    code = (
        "import sys; import algos.training.config, algos.datasets.prepare, algos.datasets.transforms; "
        "import algos.envs.make; "
        "heavy = ('gymnasium', 'minari', 'h5py', 'mujoco', 'pandas', 'pyarrow'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# --- Real tasks ---


@pytest.mark.parametrize("name", ["hopper-mixed-v0", "door-human-demos-v0"])
def test_shared_tasks_are_prepared_as_tasks_csv_says(
    shared_file: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    task = replace(load_tasks()[name], path=str(shared_file(f"{name}.hdf5")))
    manifest = prepare(task, tmp_path / name)
    transitions = load_transitions(tmp_path / name)
    expected = qlearning_rows(read_d4rl_hdf5(shared_file(f"{name}.hdf5")), task.horizon).arrays
    np.testing.assert_array_equal(transitions.observations, expected["observations"])
    assert manifest["comparability"] == "recollected"
    if name.startswith("door"):
        assert manifest["num_clipped_action_entries"] == int((np.abs(expected["actions"]) > 1).sum()) + int(
            (np.abs(_dropped_actions(shared_file(f"{name}.hdf5"))) > 1).sum()
        )
        assert np.abs(transitions.actions).max() == 1.0


def _dropped_actions(path: Path) -> np.ndarray:
    rows = read_d4rl_hdf5(path)
    dropped = np.setdiff1d(np.arange(len(rows["rewards"])), qlearning_rows(rows, 200).kept)
    return rows["actions"][dropped]


def test_recollected_tasks_are_collected_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = replace(load_tasks()["pointmaze-umaze-recollected-v0"], recollect_transitions=1000)
    first = prepare(task, tmp_path / "a" / task.task)
    shown = capsys.readouterr().out
    assert "collected here" in shown
    second = prepare(task, tmp_path / "b" / task.task)
    assert first == second
    assert first["num_transitions"] + first["num_dropped"] == 1000
    assert first["comparability"] == "recollected"
    refused(replace(task, recollect_transitions=None), tmp_path / "c" / task.task, "recollect_transitions")
