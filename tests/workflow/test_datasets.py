"""Datasets by Snakemake: Minari's from a folder that was brought and from a server, a file from a server."""

import csv
import functools
import hashlib
import http.server
import json
import platform
import shutil
import threading
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from recheck.tasks import load_tasks

from algos.datasets import minari_export
from algos.datasets.transitions import load_transitions

COLLECTED = "hopper-medium-expert-recollected-v0"
BROUGHT, SERVED, HDF5 = "minari-hopper-medium-v0", "minari-hopper-expert-v0", "hopper-mixed-v0"
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


def change_row(root, name, **cells):
    path = root / "workflow/config/tasks.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["task"] == name:
            row.update(cells)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_hdf5(path):
    """Three episodes of 20 steps, whose last step is a time-out; a transition follows each of the others."""
    random = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        file["observations"] = random.normal(size=(COUNT, 11)).astype(np.float32)
        file["actions"] = random.uniform(-1, 1, size=(COUNT, 3)).astype(np.float32)
        file["rewards"] = np.arange(COUNT, dtype=np.float32)
        file["terminals"] = np.zeros(COUNT, dtype=bool)
        file["timeouts"] = np.arange(COUNT) % 20 == 19


def test_data_come_from_a_folder_and_from_a_server(copy, snakemake, server):
    folder, address = server
    written = {BROUGHT: write_minari(copy / "brought", BROUGHT), SERVED: write_minari(folder, SERVED)}
    change_row(copy, SERVED, urls=address)
    write_hdf5(folder / "my file.hdf5")
    no_hash = dict.fromkeys(("path", "sha256", "sha256_source", "size_bytes", "expected_transitions"), "")
    change_row(copy, HDF5, **no_hash, urls=f"{address}my%20file.hdf5", comparability="unverified")
    targets = [f"results/datasets/{name}/manifest.json" for name in (*written, HDF5)]
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
    prepared = load_transitions(copy / "results/datasets" / HDF5)
    assert prepared.rewards.tolist() == [step for step in range(COUNT) if step % 20 != 19]
    served = hashlib.sha256((folder / "my file.hdf5").read_bytes()).hexdigest()
    assert prepared.manifest["source_sha256"] == served
    recorded = json.loads((copy / f"results/datasets/hashes/{HDF5}.json").read_text())
    assert recorded == {"task": HDF5, "sha256": served}


def has_avx2():
    cpu = Path("/proc/cpuinfo")
    return platform.machine() == "x86_64" and cpu.is_file() and " avx2 " in cpu.read_text()


@pytest.mark.skipif(not has_avx2(), reason="the kernel of OpenBLAS that collects needs x86-64 with AVX2")
def test_the_collected_dataset_is_the_published_one(copy, snakemake, repository, monkeypatch):
    """Whatever kernel OpenBLAS would choose for this processor."""
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    scores = pd.read_parquet(repository / "results/published/scores.parquet")
    [published] = scores.loc[scores["task"] == COLLECTED, "content_sha256"].unique()
    manifest = f"results/datasets/{COLLECTED}/manifest.json"
    process = snakemake(manifest)
    assert process.returncode == 0, process.stdout + process.stderr
    assert json.loads((copy / manifest).read_text())["content_sha256"] == published
