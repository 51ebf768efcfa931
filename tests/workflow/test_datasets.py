"""Datasets of Minari by Snakemake: from a folder that was brought, and from a server that holds one."""

import csv
import functools
import http.server
import json
import shutil
import threading

import numpy as np
import pytest
from recheck.tasks import load_tasks

from algos.datasets import minari_export
from algos.datasets.transitions import load_transitions

BROUGHT, SERVED = "minari-hopper-medium-v0", "minari-hopper-expert-v0"
COUNT = 60


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def write_minari(root, name):
    """A dataset of three episodes under the id of a task of tasks.csv."""
    random = np.random.default_rng(0)
    states = random.normal(size=(COUNT + 1, 11)).astype(np.float32)
    rows = {
        "observations": states[:-1],
        "actions": random.uniform(-1, 1, size=(COUNT, 3)).astype(np.float32),
        "rewards": random.normal(size=COUNT).astype(np.float32),
        "next_observations": states[1:],
        "terminals": (np.arange(COUNT) % 20 == 19).astype(np.uint8),
        "episodes": np.repeat(np.arange(3), 20),
    }
    task = load_tasks()[name]
    minari_export.export(root / "made", task, rows, {}, "made for a test")
    folder = root / task.source
    shutil.copytree(root / "made" / minari_export.dataset_id(name), folder)
    shutil.rmtree(root / "made")
    path = folder / "data" / "metadata.json"
    metadata = {**json.loads(path.read_text()), "dataset_id": task.source}
    path.write_text(json.dumps(metadata))
    return rows


@pytest.fixture
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    handler = functools.partial(Quiet, directory=str(folder))
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{running.server_address[1]}/"
    running.shutdown()
    running.server_close()


def give_address(root, name, address):
    path = root / "workflow/config/tasks.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["urls"] = address if row["task"] == name else row["urls"]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_minari_comes_from_a_folder_and_from_a_server(copy, snakemake, server):
    folder, address = server
    written = {BROUGHT: write_minari(copy / "brought", BROUGHT), SERVED: write_minari(folder, SERVED)}
    give_address(copy, SERVED, address)
    targets = [f"results/datasets/{name}/manifest.json" for name in written]
    # A folder that holds one of the two does not keep the other from its server.
    process = snakemake(*targets, "--config", "data_folder=brought")
    assert process.returncode == 0, process.stdout + process.stderr
    for name, rows in written.items():
        prepared = copy / "results/datasets" / name
        manifest = json.loads((prepared / "manifest.json").read_text())
        assert manifest["source"]["name"] == load_tasks()[name].source
        assert (manifest["num_transitions"], manifest["episode_ends"]["terminals"]) == (COUNT, 3)
        np.testing.assert_array_equal(load_transitions(prepared).rewards, rows["rewards"])
        assert (prepared / "record.json").is_file()
