"""Minari's Arrow and Parquet forms: long episodes are read whole and in order, or refused."""

import json
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recheck.errors import DatasetError
from recheck.tasks import OWN_SOURCE

from algos.datasets import minari_format
from algos.datasets.prepare import prepare
from algos.datasets.transitions import load_transitions

PIECE = 32_768
LONG = 2 * PIECE + 500


def walk(steps: int, seed: int) -> np.ndarray:
    """[steps + 1, 11] states that move a little each step; the first entry is the row's place."""
    rng = np.random.default_rng(seed)
    states = np.cumsum(rng.normal(scale=0.01, size=(steps + 1, 11)), axis=0)
    states[:, 0] = np.arange(steps + 1)
    return states


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Minari root with one long and two short episodes in each form."""
    import minari
    from gymnasium import spaces
    from minari.data_collector import EpisodeBuffer

    root = tmp_path_factory.mktemp("minari")
    patch = pytest.MonkeyPatch()
    patch.setenv("MINARI_DATASETS_PATH", str(root))
    for form in ("arrow", "parquet", "hdf5"):
        buffers = []
        for number, steps in enumerate((LONG, 30, 40)):
            last = np.zeros(steps, bool)
            last[-1] = True
            nothing = np.zeros(steps, bool)
            buffers.append(
                EpisodeBuffer(
                    id=number,
                    observations=walk(steps, number),
                    actions=np.random.default_rng(number).uniform(-1, 1, (steps, 3)).astype(np.float32),
                    rewards=np.arange(steps, dtype=np.float64),
                    terminations=last if number == 1 else nothing,
                    truncations=nothing if number == 1 else last,
                )
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Minari says about an absent environment
            minari.create_dataset_from_buffers(
                dataset_id=f"test/long-{form}-v0",
                buffer=buffers,
                observation_space=spaces.Box(-np.inf, np.inf, (11,), np.float64),
                action_space=spaces.Box(-1, 1, (3,), np.float32),
                data_format=form,
                description="test",
                code_permalink="none",
                author="none",
                author_email="none@example.org",
                algorithm_name="none",
            )
    patch.undo()
    return root


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Any:
    def copy(form: str) -> Path:
        root = tmp_path / "minari"
        shutil.copytree(made / "test" / f"long-{form}-v0", root / "test" / f"long-{form}-v0")
        return root

    return copy


def pieces_of(path: Path) -> list[pa.RecordBatch]:
    with pa.OSFile(str(path)) as source:
        file = pa.ipc.open_file(source)
        return [file.get_batch(index) for index in range(file.num_record_batches)]


def write_pieces(path: Path, pieces: list[pa.RecordBatch]) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, pieces[0].schema) as file:
        for piece in pieces:
            file.write_batch(piece)


def check(root: Path, form: str, hopper_task: Any, output: Path) -> None:
    task = hopper_task(root, source_kind="minari", source=f"test/long-{form}-v0")
    manifest = prepare(task, output)
    assert manifest["num_transitions"] == LONG + 70
    assert manifest["num_episodes"] == 3
    transitions = load_transitions(output)
    np.testing.assert_array_equal(transitions.observations[:LONG, 0], np.arange(LONG))
    np.testing.assert_array_equal(transitions.rewards[:LONG], np.arange(LONG))
    np.testing.assert_array_equal(np.flatnonzero(transitions.terminals), [LONG + 29])


@pytest.mark.parametrize("form", ["arrow", "parquet", "hdf5"])
def test_a_long_episode_is_read_whole(dataset: Any, hopper_task: Any, tmp_path: Path, form: str) -> None:
    root = dataset(form)
    if form == "arrow":  # Minari's writer leaves the order of the pieces to chance
        path = root / "test" / "long-arrow-v0" / "data" / "0" / "part-0.arrow"
        write_pieces(
            path, sorted(pieces_of(path), key=lambda piece: piece.column("observations")[0][0].as_py())
        )
    if form == "parquet":
        path = root / "test" / "long-parquet-v0" / "data" / "0" / "part-0.parquet"
        table = pq.ParquetFile(path).read()
        first = table.column("observations").combine_chunks().flatten().to_numpy()[::11]
        pq.write_table(table.take(np.argsort(first)), path)
    check(root, form, hopper_task, tmp_path / "own-v0")


@pytest.mark.parametrize("order", [[2, 0, 1], [1, 0, 2], [2, 1, 0], [0, 2, 1]])
def test_pieces_in_another_order_are_put_in_order(
    dataset: Any, hopper_task: Any, tmp_path: Path, order: list[int]
) -> None:
    root = dataset("arrow")
    path = root / "test" / "long-arrow-v0" / "data" / "0" / "part-0.arrow"
    pieces = sorted(pieces_of(path), key=lambda piece: piece.column("observations")[0][0].as_py())
    write_pieces(path, [pieces[index] for index in order])
    check(root, "arrow", hopper_task, tmp_path / "own-v0")


def test_a_parquet_episode_in_another_order_is_refused(
    dataset: Any, hopper_task: Any, tmp_path: Path
) -> None:
    root = dataset("parquet")
    path = root / "test" / "long-parquet-v0" / "data" / "0" / "part-0.parquet"
    table = pq.ParquetFile(path).read()
    first = table.column("observations").combine_chunks().flatten().to_numpy()[::11]
    table = table.take(np.argsort(first))
    pq.write_table(pa.concat_tables([table.slice(2 * PIECE), table.slice(0, 2 * PIECE)]), path)
    with pytest.raises(DatasetError, match="whose order is not clear"):
        prepare(hopper_task(root, source_kind="minari", source="test/long-parquet-v0"), tmp_path / "own-v0")


def test_pieces_without_a_clear_order_are_refused(dataset: Any, hopper_task: Any, tmp_path: Path) -> None:
    root = dataset("arrow")
    path = root / "test" / "long-arrow-v0" / "data" / "0" / "part-0.arrow"
    pieces = []
    for number, piece in enumerate(pieces_of(path)):
        noise = np.random.default_rng(number).normal(size=(piece.num_rows, 11))
        values = pa.FixedSizeListArray.from_arrays(pa.array(noise.reshape(-1)), 11)
        column = piece.schema.get_field_index("observations")
        pieces.append(piece.set_column(column, "observations", values))
    write_pieces(path, pieces)
    with pytest.raises(DatasetError, match=r"3 pieces of up to 32,768 rows whose order is not clear"):
        prepare(hopper_task(root, source_kind="minari", source="test/long-arrow-v0"), tmp_path / "own-v0")


@pytest.mark.parametrize("form", ["arrow", "parquet", "hdf5"])
@pytest.mark.parametrize("key", ["total_steps", "total_episodes"])
def test_counts_of_the_metadata_are_compared(
    dataset: Any, hopper_task: Any, tmp_path: Path, form: str, key: str
) -> None:
    root = dataset(form)
    path = root / "test" / f"long-{form}-v0" / "data" / "metadata.json"
    metadata = json.loads(path.read_text())
    metadata[key] -= 1
    path.write_text(json.dumps(metadata))
    with pytest.raises(DatasetError, match=rf"declares .*{key}\), but"):
        prepare(hopper_task(root, source_kind="minari", source=f"test/long-{form}-v0"), tmp_path / "own-v0")


@pytest.mark.parametrize(
    ("space", "width", "said"),
    [
        (
            "observation_space",
            12,
            "declares 12 columns of observations (observation_shape), but 11 were read",
        ),
        ("action_space", 4, "declares 4 columns of actions (action_shape), but 3 were read"),
    ],
)
def test_the_shapes_of_the_spaces_are_compared(
    dataset: Any, hopper_task: Any, tmp_path: Path, space: str, width: int, said: str
) -> None:
    from gymnasium import spaces
    from minari.serialization import serialize_space

    root = dataset("hdf5")
    path = root / "test" / "long-hdf5-v0" / "data" / "metadata.json"
    metadata = json.loads(path.read_text())
    metadata[space] = serialize_space(spaces.Box(-1, 1, (width,), np.float32))
    path.write_text(json.dumps(metadata))
    with pytest.raises(DatasetError, match=re.escape(said)):
        prepare(hopper_task(root, source_kind="minari", source="test/long-hdf5-v0"), tmp_path / "own-v0")


def test_the_steps_of_each_episode_are_compared(dataset: Any, hopper_task: Any, tmp_path: Path) -> None:
    root = dataset("parquet")
    folder = root / "test" / "long-parquet-v0" / "data"
    table = pq.ParquetFile(folder / "2" / "part-0.parquet").read()
    pq.write_table(table.slice(5), folder / "2" / "part-0.parquet")
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["total_steps"] -= 5
    (folder / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(DatasetError, match="declares 40 steps for episode 2, but 35 were read"):
        prepare(hopper_task(root, source_kind="minari", source="test/long-parquet-v0"), tmp_path / "own-v0")


@pytest.mark.parametrize("place", ["", "test/long-hdf5-v0", "test/long-hdf5-v0/data"])
def test_a_folder_of_ones_own_is_found_by_what_it_holds(
    dataset: Any, hopper_task: Any, tmp_path: Path, place: str
) -> None:
    """As the row of own data has it: a path alone; `data_folder` does not come before it."""
    brought = tmp_path / "brought"
    brought.mkdir()
    task = hopper_task(dataset("hdf5") / place, source=OWN_SOURCE)
    manifest = prepare(task, tmp_path / "own-v0", data_folder=brought)
    assert manifest["source"]["name"] == "test/long-hdf5-v0"
    assert manifest["num_transitions"] == LONG + 70


def test_a_root_with_several_datasets_needs_one_named(made: Path) -> None:
    with pytest.raises(DatasetError, match=r"several Minari datasets.*test/long-arrow-v0, test/long-hdf5-v0"):
        minari_format.find(made, "")
