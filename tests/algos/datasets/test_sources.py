"""Where a dataset comes from: addresses, recorded hashes, files that were brought."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from recheck.errors import DatasetError
from recheck.files import sha256 as sha256_file
from recheck.tasks import OWN_SOURCE, Task

from algos.datasets.prepare import prepare
from algos.datasets.sources import Places, _is_folder, file_name, papers_rows, read_source
from algos.datasets.transitions import load_transitions


def assert_no_dataset(output: Path) -> None:
    """Nothing that counts as a dataset, and nothing half-written in its folder."""
    assert not output.exists() or not (output / "manifest.json").exists()
    assert [path.name for path in output.parent.iterdir() if path.name.endswith(".part")] == []


def refused(task: Task, output: Path, *words: str) -> None:
    with pytest.raises(DatasetError) as caught:
        prepare(task, output)
    for word in words:
        assert word in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert_no_dataset(output)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[str]:
    """The address of a folder `served` on this machine."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_first_download_fixes_the_hash(
    serve: str, make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    served = tmp_path / "served" / "kitchen.hdf5"
    served.write_bytes(write_rows(make_rows()).read_bytes())
    task = hopper_task(None, urls=(f"{serve}/kitchen.hdf5",), comparability="original")
    results = tmp_path / "results" / "datasets"
    manifest = prepare(task, results / "tiny-v0")
    assert manifest["comparability"] == "unverified"
    record = json.loads((results / "hashes" / "tiny-v0.json").read_text())
    assert record == {"task": "tiny-v0", "sha256": sha256_file(served)}
    # Another file at the same address: refused, by download and by path, and the record stays.
    served.write_bytes(write_rows(make_rows(seed=5)).read_bytes())
    (downloaded,) = (results / "downloads").glob("*/kitchen.hdf5")
    downloaded.unlink()
    with pytest.raises(DatasetError, match="SHA-256"):
        prepare(task, results / "tiny-v0")
    with pytest.raises(DatasetError, match="the first one had"):
        prepare(replace(task, path=str(served)), results / "tiny-v0")
    assert json.loads((results / "hashes" / "tiny-v0.json").read_text()) == record
    assert load_transitions(results / "tiny-v0").manifest == manifest


def rewards_of(manifest: dict[str, Any], output: Path) -> list[float]:
    assert manifest == load_transitions(output).manifest
    return load_transitions(output).rewards.tolist()


def own_task(hopper_task: Any, name: str, **values: Any) -> Task:
    """As the plan makes it from dataset=."""
    task: Task = hopper_task(None, source=OWN_SOURCE, task=name, **values)
    return task


@pytest.fixture
def two_of_one_name(serve: str, make_rows: Any, write_rows: Any, tmp_path: Path) -> dict[str, Any]:
    """Served as `a/data.hdf5` and `b/data.hdf5`: address, SHA-256, content, and rewards without time-outs."""
    found: dict[str, Any] = {}
    for seed, name in enumerate("ab"):
        rows = make_rows(seed=seed)
        rows["rewards"] = np.arange(30, dtype=np.float32) + 100 * seed
        content = write_rows(rows).read_bytes()
        (tmp_path / "served" / name).mkdir()
        (tmp_path / "served" / name / "data.hdf5").write_bytes(content)
        kept = [float(value) for i, value in enumerate(rows["rewards"]) if i not in (11, 19, 29)]
        found[name] = (f"{serve}/{name}/data.hdf5", hashlib.sha256(content).hexdigest(), content, kept)
    return found


@pytest.mark.parametrize("hashes", ["known", "unknown"])
def test_two_addresses_with_one_last_part_are_two_files(
    two_of_one_name: dict[str, Any], hopper_task: Any, tmp_path: Path, hashes: str
) -> None:
    results = tmp_path / "results"
    for _ in range(2):  # and again: each finds its own
        for name, (url, digest, _, rewards) in two_of_one_name.items():
            task = own_task(hopper_task, name, urls=(url,), sha256=digest if hashes == "known" else None)
            output = results / name
            assert rewards_of(prepare(task, output, downloads=results / "downloads"), output) == rewards
            assert load_transitions(output).manifest["source_sha256"] == digest
    assert len(list((results / "downloads").glob("*/data.hdf5"))) == 2
    # Both are kept, so nothing is fetched again.
    for name in two_of_one_name:
        (tmp_path / "served" / name / "data.hdf5").unlink()
    for name, (url, digest, _, rewards) in two_of_one_name.items():
        task = own_task(hopper_task, name, urls=(url,), sha256=digest if hashes == "known" else None)
        assert rewards_of(prepare(task, results / name), results / name) == rewards


def test_an_earlier_download_is_taken_only_where_its_hash_is_known(
    two_of_one_name: dict[str, Any], hopper_task: Any, tmp_path: Path
) -> None:
    """Earlier versions put every file into `downloads` by its name alone."""
    (url, digest, content, rewards), (other_url, other_digest, _, other_rewards) = two_of_one_name.values()
    results = tmp_path / "results"
    earlier = results / "downloads" / "data.hdf5"
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(content)
    # Unknown, or known to be another: downloaded from its own address, and the earlier file stays.
    for sha256 in (None, other_digest):
        task = own_task(hopper_task, f"other-{sha256 is None}", urls=(other_url,), sha256=sha256)
        output = results / task.task
        assert rewards_of(prepare(task, output), output) == other_rewards
    assert earlier.read_bytes() == content
    # Named by the task, or recorded when it came: taken, though the server has it no more.
    (tmp_path / "served" / "a" / "data.hdf5").unlink()
    (results / "hashes" / "recorded.json").write_text(json.dumps({"task": "recorded", "sha256": digest}))
    for name, sha256 in (("named", digest), ("recorded", None)):
        task = own_task(hopper_task, name, urls=(url,), sha256=sha256)
        assert rewards_of(prepare(task, results / name), results / name) == rewards
    with pytest.raises(DatasetError, match="404"):
        prepare(own_task(hopper_task, "unknown", urls=(url,)), results / "unknown")


def test_own_data_are_not_taken_from_the_data_folder_by_their_name(
    two_of_one_name: dict[str, Any], hopper_task: Any, tmp_path: Path
) -> None:
    (url, _, content, rewards), (_, other_digest, other, other_rewards) = two_of_one_name.values()
    for place, bytes_ in (("brought", other), ("mine", content)):
        (tmp_path / place).mkdir()
        (tmp_path / place / "data.hdf5").write_bytes(bytes_)
    mine = str(tmp_path / "mine" / "data.hdf5")
    output = tmp_path / "results" / "own"
    for values, expected in (
        ({"urls": (url,)}, rewards),
        ({"path": mine}, rewards),
        ({"urls": (url,), "sha256": other_digest}, other_rewards),
    ):
        task = replace(own_task(hopper_task, "own"), **values)
        assert rewards_of(prepare(task, output, data_folder=tmp_path / "brought"), output) == expected


def test_a_damaged_record_is_not_made_anew(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    path = write_rows(make_rows(), "named.hdf5")
    task = hopper_task(path, urls=("http://127.0.0.1:9/named.hdf5",))
    results = tmp_path / "results"
    prepare(task, results / "tiny-v0")
    record = results / "hashes" / "tiny-v0.json"
    for content in ("", "[]", "{}"):
        record.write_text(content)
        with pytest.raises(DatasetError, match="recorded hash"):
            prepare(task, results / "tiny-v0")
        assert record.read_text() == content


def test_an_error_page_is_not_recorded(serve: str, hopper_task: Any, tmp_path: Path) -> None:
    (tmp_path / "served" / "file.hdf5").write_bytes(b"<html>down for maintenance</html>")
    results = tmp_path / "results" / "datasets"
    refused(hopper_task(None, urls=(f"{serve}/file.hdf5",)), results / "tiny-v0", "web page", "127.0.0.1")
    assert not (results / "hashes").exists()


def test_a_data_folder_saves_the_download(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    path = write_rows(make_rows(), "named.hdf5")
    task = hopper_task(None, urls=("http://127.0.0.1:9/datasets/named.hdf5",))
    manifest = prepare(task, tmp_path / "out" / "tiny-v0", data_folder=path.parent)
    assert manifest["source"]["name"] == "named.hdf5"


# --- What a task names ---


@pytest.mark.parametrize(
    ("path", "urls", "name"),
    [
        ("data/mine.hdf5", (), "mine.hdf5"),
        (None, ("https://a.example/data/named.hdf5", "https://b.example/other"), "named.hdf5"),
        ("folder/", ("https://a.example/named.hdf5",), "folder"),
        (None, (), ""),
    ],
)
def test_the_name_of_a_file_is_that_of_its_path_or_first_address(
    hopper_task: Any, path: str | None, urls: tuple[str, ...], name: str
) -> None:
    assert file_name(hopper_task(path, urls=urls)) == name


@pytest.mark.parametrize(
    ("url", "is_folder"),
    [
        ("https://a.example/mujoco/hopper/medium-v0", True),
        ("https://a.example/mujoco/hopper/medium-v0/data", True),
        ("https://a.example/anything/", True),
        ("https://a.example/hopper_medium-v2.hdf5", False),
        ("https://a.example/hopper-v2x", False),
    ],
)
def test_an_address_of_a_minari_folder(url: str, is_folder: bool) -> None:
    assert _is_folder(url) is is_folder


def test_the_papers_rows_and_their_look_alikes_are_made_by_d4rls_rule(hopper_task: Any) -> None:
    kinds = ("original", "recollected", "unverified", "toy")
    assert [papers_rows(hopper_task(comparability=kind)) for kind in kinds] == [True, True, False, False]


def source(task: Task, tmp_path: Path) -> Any:
    return read_source(task, Places(tmp_path / "downloads", tmp_path / "hashes"), 1.0)


def test_what_a_file_gave(make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path) -> None:
    """Three episodes of 12, 8 and 10 rows; D4RL's rule loses the row of each time-out."""
    rows = make_rows()
    rows["infos/qpos"] = np.arange(60.0).reshape(30, 2)
    rows["infos/qvel"] = -rows["infos/qpos"]
    path = write_rows({**rows, "rng_state": np.zeros(3)})
    found = source(hopper_task(path, comparability="recollected", horizon=1000), tmp_path)
    assert found.filtered.kept.tolist() == [i for i in range(30) if i not in (11, 19, 29)]
    assert found.filtered.num_dropped == 3
    assert (found.name, found.sha256) == ("file.hdf5", sha256_file(path))
    assert len(found.observations) == 30
    assert found.num_clipped == 0
    assert "Not used of the file: rng_state." in found.notes


def test_actions_beyond_the_bounds_are_clipped_where_that_is_reported(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    rows = make_rows()
    rows["actions"][5] = [1.5, 0.5, -2.0]
    path = write_rows(rows)
    with pytest.raises(DatasetError, match=r"actions outside \[-1, 1\] in 1 rows"):
        source(hopper_task(path), tmp_path)
    found = source(hopper_task(path, action_clip=1.0), tmp_path)
    assert found.num_clipped == 2
    assert found.filtered.arrays["actions"][5].tolist() == [1.0, 0.5, -1.0]


def test_a_file_without_time_outs_is_cut_at_the_horizon(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    rows = make_rows((30,))
    del rows["timeouts"]
    found = source(hopper_task(write_rows(rows), comparability="recollected", horizon=10), tmp_path)
    assert "The file has no timeouts; episodes are cut after 10 steps." in found.notes
    assert found.ends.timeouts.nonzero()[0].tolist() == [9, 19, 29]


def test_a_folder_that_is_no_minari_dataset_is_refused(hopper_task: Any, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not a folder; tiny-v0 needs the folder of a Minari dataset"):
        source(hopper_task(tmp_path / "none", source_kind="minari", source="a/b-v0"), tmp_path)
