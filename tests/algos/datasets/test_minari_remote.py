"""A Minari dataset from a web server that holds its folder."""

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recheck.errors import DatasetError

from algos.datasets import minari_format
from algos.datasets.minari_remote import fetch
from algos.datasets.prepare import prepare


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def served(make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server, and the Minari root that it serves."""
    prepare(hopper_task(write_rows(make_rows())), tmp_path / "made")
    root = tmp_path / "made" / "minari"
    handler = functools.partial(Quiet, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", root
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("place", ["", "/recheck/tiny-v0", "/recheck/tiny-v0/data"])
def test_a_folder_on_a_server_is_read(served: Any, hopper_task: Any, tmp_path: Path, place: str) -> None:
    address, _ = served
    task = hopper_task(None, source_kind="minari", source="recheck/tiny-v0", urls=(address + place,))
    manifest = prepare(task, tmp_path / "out" / "server-v0")
    assert manifest["num_transitions"] == 27
    assert manifest["source"]["name"] == "recheck/tiny-v0"


def test_what_cannot_be_fetched_is_one_message_and_leaves_nothing(served: Any, tmp_path: Path) -> None:
    address, root = served
    (root / "recheck" / "tiny-v0" / "data" / "main_data.hdf5").unlink()
    with pytest.raises(DatasetError, match=r"recheck/tiny-v0 could not be fetched .*404"):
        fetch("recheck/tiny-v0", tmp_path / "downloads", [address])
    assert list((tmp_path / "downloads" / "recheck").iterdir()) == []


@pytest.mark.parametrize("identity", ["../../etc", "/etc", "a//b", ""])
def test_an_id_is_no_path(tmp_path: Path, identity: str) -> None:
    with pytest.raises(DatasetError, match="is not a Minari id"):
        fetch(identity, tmp_path)


def test_a_data_folder_that_is_the_dataset_is_taken(served: Any, hopper_task: Any, tmp_path: Path) -> None:
    _, root = served
    task = hopper_task(None, source_kind="minari", source="recheck/tiny-v0")
    for folder in (root, root / "recheck" / "tiny-v0", root / "recheck" / "tiny-v0" / "data"):
        assert minari_format.holds(folder, "recheck/tiny-v0")
        assert prepare(task, tmp_path / "out" / "x-v0", data_folder=folder)["num_transitions"] == 27
    metadata = json.loads((root / "recheck" / "tiny-v0" / "data" / "metadata.json").read_text())
    assert metadata["total_steps"] == 27


@pytest.mark.parametrize("place", ["/", "/recheck/tiny-v0", "/recheck/tiny-v0/", "/recheck/tiny-v0/data"])
def test_own_data_may_be_a_folder_on_a_server(
    served: Any, hopper_task: Any, tmp_path: Path, place: str
) -> None:
    """As the row of own data has it: an address, and nothing of Minari."""
    address, _ = served
    task = hopper_task(None, urls=(address + place,))
    if place == "/":
        with pytest.raises(DatasetError, match="could not be fetched"):
            prepare(task, tmp_path / "out" / "own-v0")
        return
    assert prepare(task, tmp_path / "out" / "own-v0")["source"]["name"] == "recheck/tiny-v0"
