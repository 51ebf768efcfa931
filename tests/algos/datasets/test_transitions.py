"""The prepared dataset as a trainer reads it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.datasets.prepare import prepare
from algos.datasets.transitions import ARRAYS, content_sha256, load_transitions, save_transitions


def test_a_dataset_changed_after_its_preparation_is_refused(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    prepare(hopper_task(write_rows(make_rows())), tmp_path / "a")
    prepare(hopper_task(write_rows(make_rows(seed=1))), tmp_path / "b")
    (tmp_path / "a" / "transitions.safetensors").write_bytes(
        (tmp_path / "b" / "transitions.safetensors").read_bytes()
    )
    with pytest.raises(DatasetError, match="content_sha256 differs"):
        load_transitions(tmp_path / "a")
    cut = tmp_path / "b" / "transitions.safetensors"
    cut.write_bytes(cut.read_bytes()[:100])
    with pytest.raises(DatasetError, match="cannot be read"):
        load_transitions(tmp_path / "b")
    with pytest.raises(DatasetError, match=r"no manifest\.json"):
        load_transitions(tmp_path / "c")


# --- Arrays ---


def arrays(num_rows: int = 4, **changes: Any) -> dict[str, np.ndarray]:
    found = {
        "observations": np.arange(3 * num_rows, dtype=np.float32).reshape(num_rows, 3),
        "actions": np.ones((num_rows, 2), dtype=np.float32),
        "rewards": np.zeros(num_rows, dtype=np.float32),
        "next_observations": np.zeros((num_rows, 3), dtype=np.float32),
        "terminals": np.zeros(num_rows, dtype=np.uint8),
        "episodes": np.zeros(num_rows, dtype=np.int64),
    }
    return {**found, **changes}


def written(folder: Path, rows: dict[str, np.ndarray], **declared: Any) -> Path:
    folder.mkdir()
    digest = save_transitions(folder / "transitions.safetensors", rows, "tiny-v0")
    manifest = {"format": 1, "task": "tiny-v0", "content_sha256": digest, **declared}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    found = load_transitions(written(tmp_path / "a", arrays(), num_transitions=4, observation_dim=3))
    assert (len(found), found.observation_dim, found.action_dim) == (4, 3, 2)
    for name, values in arrays().items():
        np.testing.assert_array_equal(getattr(found, name), values)
    assert list(found.arrays()) == [name for name, _, _ in ARRAYS]


def test_the_content_hash_is_of_names_types_shapes_and_bytes() -> None:
    digest = hashlib.sha256()
    for name, kind in (
        ("observations", "float32"),
        ("actions", "float32"),
        ("rewards", "float32"),
        ("next_observations", "float32"),
        ("terminals", "uint8"),
        ("episodes", "int64"),
    ):
        values = arrays()[name]
        digest.update(f"{name} {kind} {list(values.shape)}\n".encode() + values.tobytes())
    assert content_sha256(arrays()) == digest.hexdigest()
    turned = np.asfortranarray(arrays()["observations"])
    assert content_sha256(arrays(observations=turned)) == digest.hexdigest()
    swapped = arrays()["rewards"].astype(">f4")
    assert content_sha256(arrays(rewards=swapped)) == digest.hexdigest()
    assert content_sha256(arrays(rewards=arrays()["rewards"] + 1)) != digest.hexdigest()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"rewards": np.zeros(4)}, r"holds rewards as float64 \[4\], but float32 of rank 1 with 4 rows"),
        ({"actions": np.zeros((3, 2), np.float32)}, r"holds actions as float32 \[3, 2\]"),
        ({"terminals": np.zeros((4, 1), np.uint8)}, r"holds terminals as uint8 \[4, 1\]"),
        ({"next_observations": np.zeros((4, 2), np.float32)}, "next_observations of different shapes"),
    ],
)
def test_arrays_that_are_no_dataset_are_not_written(tmp_path: Path, rows: Any, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        save_transitions(tmp_path / "x.safetensors", arrays(**rows), "t")
    lacking = arrays()
    del lacking["episodes"]
    with pytest.raises(DatasetError, match="lacks the arrays episodes; prepare the dataset again"):
        save_transitions(tmp_path / "x.safetensors", lacking, "t")
    assert list(tmp_path.iterdir()) == []


def test_the_same_rows_have_the_same_bytes(tmp_path: Path) -> None:
    contents = set()
    for place in range(8):  # safetensors orders its metadata by chance
        path = tmp_path / f"{place}.safetensors"
        save_transitions(path, arrays(), "tiny-v0")
        contents.add(path.read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"num_transitions": 5}, "declares num_transitions 5, but the rows have 4"),
        ({"num_episodes": 2}, "declares num_episodes 2, but the rows have 1"),
        ({"action_dim": 3}, "declares action_dim 3, but the rows have 2"),
        ({"format": 9}, "is not of format 1"),
        ({"content_sha256": "0" * 64}, "content_sha256 differs"),
    ],
)
def test_a_manifest_of_other_rows_is_refused_with_what_to_do(
    tmp_path: Path, declared: Any, words: str
) -> None:
    folder = written(tmp_path / "a", arrays(), **declared)
    with pytest.raises(DatasetError, match=words) as refusal:
        load_transitions(folder)
    assert f"To prepare it again: `rm -r {folder}`" in str(refusal.value)


def test_the_hash_can_be_left_for_later(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", arrays(), content_sha256="0" * 64)
    assert len(load_transitions(folder, verify=False)) == 4
    (folder / "transitions.safetensors").unlink()
    with pytest.raises(DatasetError, match=r"holds no transitions\.safetensors"):
        load_transitions(folder)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(DatasetError, match=r"manifest\.json cannot be read"):
        load_transitions(folder)
