"""The claim of one Snakemake on the results that it makes."""

import json
import os
import subprocess
import sys
import time

import pytest
from recheck.errors import ConfigError
from recheck.restarts import results_lock

OTHER = "from pathlib import Path; from recheck.restarts import results_lock; "


@pytest.fixture
def held(tmp_path):
    """Another living process that makes results/a and results/b."""
    code = (
        OTHER
        + f"results_lock.claim(Path({str(tmp_path)!r}), ['results/a', 'results/b']); print(1, flush=True); "
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code + "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "1\n"
    yield process
    process.kill()
    process.communicate()


def files(root):
    return sorted((root / results_lock.FOLDER).glob("*.json"))


def test_the_same_result_is_refused_with_who_makes_it(tmp_path, held):
    with pytest.raises(ConfigError) as refused:
        results_lock.claim(tmp_path, ["results/b", "results/c"])
    text = str(refused.value)
    assert f"makes results/b of this results folder: on {os.uname().nodename}, process {held.pid}" in text
    assert len(files(tmp_path)) == 1, "the refused claim is withdrawn"


def test_other_results_are_made_at_the_same_time(tmp_path, held):
    lock = results_lock.claim(tmp_path, ["results/c"])
    assert len(files(tmp_path)) == 2
    lock.release()
    lock.release()
    assert len(files(tmp_path)) == 1


def test_a_claim_ends_with_its_process(tmp_path, held):
    held.communicate("\n")
    assert files(tmp_path) == []


def test_a_killed_process_of_this_host_holds_nothing(tmp_path, held):
    held.kill()
    held.wait()
    assert len(files(tmp_path)) == 1
    results_lock.claim(tmp_path, ["results/a"]).release()
    assert files(tmp_path) == []


def test_another_host_holds_what_it_touches(tmp_path, held):
    (path,) = files(tmp_path)
    document = {**json.loads(path.read_text()), "host": "elsewhere", "place": "another boot"}
    held.kill()
    held.wait()
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match="on elsewhere, process"):
        results_lock.claim(tmp_path, ["results/a"])
    long_ago = time.time() - results_lock.STALE_SECONDS - 1
    os.utime(path, (long_ago, long_ago))
    results_lock.claim(tmp_path, ["results/a"]).release()
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "results").write_text("no folder")
    with pytest.raises(ConfigError, match="Snakemake needs to write there to start"):
        results_lock.claim(tmp_path, ["results/a"])
