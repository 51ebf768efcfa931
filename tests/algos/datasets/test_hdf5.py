"""Good files are read as promised; every kind of bad file is refused with one message."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.datasets.__main__ import main
from algos.datasets.hdf5 import read_d4rl_hdf5


def refused(path: Path, *words: str) -> None:
    """The file is refused with one message that holds these words and the path."""
    with pytest.raises(DatasetError) as caught:
        read_d4rl_hdf5(path)
    message = str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert message.endswith(".")
    assert "\n" not in message
    assert path.name in message
    for word in words:
        assert word in message


def test_keys_types_and_shapes(make_rows: Any, write_rows: Any) -> None:
    rows = make_rows()
    count = len(rows["rewards"])
    rows |= {
        "infos/qpos": np.zeros((count, 6)),
        "infos/init_qpos": np.zeros((2, 6)),
        "metadata/algorithm": b"SAC",
    }
    read = read_d4rl_hdf5(write_rows(rows))
    assert set(read) == {"observations", "actions", "rewards", "terminals", "timeouts", "infos/qpos"}
    assert read["observations"].dtype == read["actions"].dtype == read["rewards"].dtype == np.float32
    assert read["terminals"].dtype == read["timeouts"].dtype == bool
    np.testing.assert_array_equal(read["observations"], rows["observations"])


def test_compressed_arrays_are_read_as_they_were(make_rows: Any, tmp_path: Path) -> None:
    rows = make_rows()
    with h5py.File(tmp_path / "packed.hdf5", "w") as file:
        for key, values in rows.items():
            file.create_dataset(key, data=values, compression="gzip", shuffle=True, chunks=True)
            assert file[key].compression == "gzip"
    read = read_d4rl_hdf5(tmp_path / "packed.hdf5")
    assert set(read) == set(rows)
    for key, values in rows.items():
        np.testing.assert_array_equal(read[key], values)


def test_float64_columns_and_number_flags_become_the_promised_types(make_rows: Any, write_rows: Any) -> None:
    rows = make_rows()
    wide = {
        **{key: rows[key].astype(np.float64) for key in ("observations", "actions")},
        "rewards": rows["rewards"].astype(np.float64)[:, None],
        "terminals": rows["terminals"].astype(np.float32)[:, None],
        "timeouts": rows["timeouts"].astype(np.int64),
    }
    read = read_d4rl_hdf5(write_rows(wide))
    for key, values in rows.items():
        np.testing.assert_array_equal(read[key], values)


@pytest.mark.parametrize(
    "name",
    [
        "hopper-mixed-v0.hdf5",
        "hopper-sac-tqc-v0.hdf5",
        "halfcheetah-mixed-v0.hdf5",
        "door-human-demos-v0.hdf5",
    ],
)
def test_the_shared_files_are_read(shared_file: Callable[[str], Path], name: str) -> None:
    rows = read_d4rl_hdf5(shared_file(name))
    count = 6729 if name.startswith("door") else 100_000
    assert all(len(values) == count for values in rows.values())
    assert ("next_observations" in rows) == (not name.startswith("door"))


def test_a_constant_discount_is_a_flag_and_another_is_none(make_rows: Any, write_rows: Any) -> None:
    rows = make_rows()
    terminals = np.zeros(30, bool)
    terminals[[11, 29]] = True
    del rows["terminals"]
    read = read_d4rl_hdf5(write_rows({**rows, "discount": np.where(terminals, 0.0, 0.99)}))
    np.testing.assert_array_equal(read["discount"], ~terminals)
    refused(write_rows({**rows, "discount": np.linspace(0, 1, 30)}), "values other than 0 and 1 in discount")


def test_groups_that_are_datasets_of_their_own_are_named(make_rows: Any, write_rows: Any) -> None:
    rows = {f"{group}/{key}": values for group in ("train", "test") for key, values in make_rows().items()}
    refused(write_rows(rows), "it holds test, train. These are in test, train: write the arrays of one group")


@pytest.mark.parametrize("key", ["observations", "actions", "rewards", "terminals"])
def test_a_missing_key_is_named(make_rows: Any, write_rows: Any, key: str) -> None:
    rows = make_rows()
    del rows[key]
    refused(write_rows(rows), key, "needs observations, actions, rewards, terminals")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("key", ["observations", "actions", "rewards", "next_observations"])
def test_nan_and_infinities_are_refused_with_their_row(
    make_rows: Any, write_rows: Any, key: str, value: float
) -> None:
    rows = make_rows()
    rows["next_observations"] = rows["observations"].copy()
    rows[key][7] = value
    refused(write_rows(rows), key, "row 7")


def test_a_float64_beyond_float32_is_refused(make_rows: Any, write_rows: Any) -> None:
    rows = make_rows()
    rows["rewards"] = rows["rewards"].astype(np.float64)
    rows["rewards"][3] = 1e300
    refused(write_rows(rows), "rewards", "row 3")


def test_shapes_that_disagree_are_refused(make_rows: Any, write_rows: Any) -> None:
    rows = make_rows()
    refused(write_rows({**rows, "actions": rows["actions"][:-1]}), "actions", "[29, 3]")
    refused(write_rows({**rows, "observations": rows["observations"][:, 0]}), "observations")
    refused(write_rows({**rows, "next_observations": rows["observations"][:, :5]}), "next_observations")
    refused(write_rows({**rows, "timeouts": rows["timeouts"][:4]}), "timeouts")


def test_widths_of_another_environment_are_refused(make_rows: Any, write_rows: Any) -> None:
    path = write_rows(make_rows())
    read_d4rl_hdf5(path, observation_dim=11, action_dim=3)
    with pytest.raises(DatasetError, match="observations of width 11, but the task's environment has 17"):
        read_d4rl_hdf5(path, observation_dim=17, action_dim=6)


def test_flags_other_than_0_and_1_are_refused(make_rows: Any, write_rows: Any) -> None:
    rows = make_rows()
    refused(write_rows({**rows, "terminals": np.full(30, 2)}), "terminals", "0 and 1")
    refused(write_rows({**rows, "timeouts": np.full(30, 0.5)}), "timeouts")


def test_a_file_without_steps_is_refused(make_rows: Any, write_rows: Any) -> None:
    refused(write_rows({key: values[:0] for key, values in make_rows().items()}), "0 time steps")
    refused(write_rows({key: values[:1] for key, values in make_rows().items()}), "1 time steps")


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95])
def test_a_truncated_file_is_refused(make_rows: Any, write_rows: Any, tmp_path: Path, share: float) -> None:
    whole = write_rows(make_rows((400, 400))).read_bytes()
    path = tmp_path / "cut.hdf5"
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(path, "truncated or damaged")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"\n  <html>Service unavailable</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"", "empty"),
        (b"PK\x03\x04 an archive", "not an HDF5 file"),
        (b"\x80\x04\x95pickle", "not an HDF5 file"),
    ],
)
def test_what_is_no_hdf5_is_named(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "file.hdf5"
    path.write_bytes(content)
    refused(path, word)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "none.hdf5", "does not exist")
    refused(tmp_path, "cannot be opened")


def test_damaged_bytes_inside_are_refused(make_rows: Any, tmp_path: Path) -> None:
    """A chunk with a checksum that does not hold any more."""
    path = tmp_path / "file.hdf5"
    with h5py.File(path, "w") as file:
        for key, values in make_rows((500, 500)).items():
            file.create_dataset(key, data=values, fletcher32=True, chunks=True)
        offset = file["observations"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[offset + 40] ^= 0xFF
    path.write_bytes(content)
    refused(path, "truncated or damaged")


def test_object_arrays_and_strings_are_refused(make_rows: Any, tmp_path: Path) -> None:
    for dtype, values in (
        (h5py.vlen_dtype(np.float32), [np.zeros(3)] * 30),
        (h5py.string_dtype(), ["x"] * 30),
    ):
        path = tmp_path / "file.hdf5"
        rows = make_rows()
        del rows["observations"]
        with h5py.File(path, "w") as file:
            for key, array in rows.items():
                file.create_dataset(key, data=array)
            file.create_dataset("observations", (30,), dtype=dtype)[:] = values
        refused(path, "observations", "object arrays")


def test_object_arrays_are_refused_under_any_key_but_metadata_texts_are_let_be(
    make_rows: Any, write_rows: Any
) -> None:
    path = write_rows(make_rows())
    with h5py.File(path, "a") as file:
        file["metadata/algorithm"] = "SAC"
        file["metadata/note"] = np.bytes_("as D4RL's own files have it")
    assert len(read_d4rl_hdf5(path)["rewards"]) == 30
    with h5py.File(path, "a") as file:
        file.create_dataset("infos/pickled", (30,), dtype=h5py.vlen_dtype(np.uint8))
    refused(path, "infos/pickled", "object arrays")


def test_arrays_that_are_none_are_refused(make_rows: Any, write_rows: Any) -> None:
    """A null dataspace, a scalar, a group, a named type."""
    rows = make_rows()
    path = write_rows({key: values for key, values in rows.items() if key != "rewards"})
    for make, words in (
        (lambda file: file.create_dataset("rewards", data=h5py.Empty("f4")), ("without any data",)),
        (lambda file: file.create_dataset("rewards", data=1.0), ("the shape []", "[time steps]")),
        (lambda file: file.create_group("rewards"), ("as a group",)),
        (lambda file: file.__setitem__("rewards", np.dtype("f4")), ("an array is expected",)),
    ):
        with h5py.File(path, "a") as file:
            file.pop("rewards", None)
            make(file)
        refused(path, "rewards", *words)


def test_more_than_the_memory_holds_is_refused(
    make_rows: Any, write_rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(make_rows())

    def full(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(h5py.Dataset, "__getitem__", full)
    refused(path, "memory")


def test_pipes_and_impossible_names_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "not a regular file")
    with pytest.raises(DatasetError, match="is not a path"):
        read_d4rl_hdf5("file\0.hdf5")


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bytes_are_read_or_refused_and_nothing_else(
    make_rows: Any, write_rows: Any, tmp_path: Path, seed: int
) -> None:
    """Damage in the file's structure makes h5py raise many kinds of exceptions; users see one."""
    content = write_rows(make_rows()).read_bytes()
    rng = np.random.default_rng(seed)
    path = tmp_path / "damaged.hdf5"
    messages = []
    for _ in range(100):
        damaged = bytearray(content)
        for place in rng.integers(8, len(damaged), 8):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read_d4rl_hdf5(path)
        except DatasetError as error:
            messages.append(str(error))
    assert 10 < len(messages) < 100
    assert all(message.endswith(".") and "\n" not in message for message in messages)


def test_links_out_of_the_file_are_refused(make_rows: Any, write_rows: Any, tmp_path: Path) -> None:
    rows = make_rows()
    other = write_rows(rows, "other.hdf5")
    path = write_rows({key: values for key, values in rows.items() if key != "rewards"})
    with h5py.File(path, "a") as file:
        file["rewards"] = h5py.ExternalLink(str(other), "/rewards")
    refused(path, "external link", "rewards")


def test_a_link_hidden_in_a_group_that_is_not_read_is_refused(
    make_rows: Any, write_rows: Any, tmp_path: Path
) -> None:
    path = write_rows(make_rows())
    with h5py.File(path, "a") as file:
        file.create_group("a/b")["c"] = h5py.ExternalLink("/etc/passwd", "/")
    refused(path, "external link", "a/b/c")


def test_external_storage_is_refused(make_rows: Any, write_rows: Any, tmp_path: Path) -> None:
    rows = make_rows()
    path = write_rows({key: values for key, values in rows.items() if key != "rewards"})
    raw = tmp_path / "raw.bin"
    raw.write_bytes(rows["rewards"].tobytes())
    with h5py.File(path, "a") as file:
        file.create_dataset("rewards", (30,), np.float32, external=[(str(raw), 0, h5py.h5f.UNLIMITED)])
    refused(path, "external storage", "rewards")


def test_virtual_datasets_are_refused(make_rows: Any, write_rows: Any) -> None:
    rows = make_rows()
    other = write_rows(rows, "other.hdf5")
    path = write_rows({key: values for key, values in rows.items() if key != "rewards"})
    layout = h5py.VirtualLayout((30,), np.float32)
    layout[:] = h5py.VirtualSource(str(other), "rewards", shape=(30,))
    with h5py.File(path, "a") as file:
        file.create_virtual_dataset("rewards", layout)
    refused(path, "external storage", "rewards")


def test_a_shape_too_large_to_be_real_is_refused(make_rows: Any, write_rows: Any) -> None:
    rows = make_rows()
    path = write_rows({key: values for key, values in rows.items() if key != "rewards"})
    with h5py.File(path, "a") as file:
        file.create_dataset("rewards", (10**12,), np.float64, chunks=(1024,))
    refused(path, "rewards", "too large")


def test_the_command_line_refuses_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none.hdf5")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
