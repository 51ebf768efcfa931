"""The settings of a site, and the prefix that runs programs in its container."""

import json
import os
import subprocess

import pytest
from recheck import plan
from recheck.configuration.site import Site
from recheck.errors import ConfigError


def test_what_jobs_with_and_without_a_gpu_ask_for():
    site = Site.of(
        {"site": {"partition": "gpu", "cpu_partition": "cpu", "account": "a", "gpu_model": "a100"}}
    )
    assert site.resources(True) == {"slurm_partition": "gpu", "slurm_account": "a", "gpu_model": "a100"}
    assert site.resources(False) == {"slurm_partition": "cpu", "slurm_account": "a"}
    assert Site.of({"site": {"partition": "all"}}).resources(False) == {"slurm_partition": "all"}
    assert Site.of({}).resources(True) == Site.of({"site": None}).resources(True) == {}


def test_no_job_asks_for_more_time_than_the_site_allows(load_plan):
    loaded = load_plan(experiment="d4rl", site={"walltime_minutes": 45})
    assert loaded.machine["runtime"] == 45
    assert loaded.settings["evaluation_runtime"] == 45
    assert load_plan(experiment="d4rl", site={"walltime_minutes": 100_000}).machine["runtime"] == 1440
    again = plan.load(json.loads(loaded.configuration()), plan.Path())
    assert again.machine["runtime"] == 45


@pytest.mark.parametrize(
    ("site", "words"),
    [
        ({"account": 83}, "site.account is 83; it has to be text or null"),
        ({"walltime_minutes": 0}, "site.walltime_minutes is 0; it has to be at least 10"),
        ({"walltime": 5}, "site does not know walltime; known are account, constraint, container"),
        ({"partition": ""}, "site.partition"),
    ],
)
def test_a_wrong_site_is_refused_in_one_message(load_plan, site, words):
    with pytest.raises(ConfigError) as refusal:
        load_plan(site=site)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_programs_run_in_the_container_with_the_clones_code(tmp_path, monkeypatch):
    site = Site(container="image.sif")
    with pytest.raises(ConfigError, match=r"site.container is image.sif, and there is no such file"):
        site.check(tmp_path)
    (tmp_path / "image.sif").write_text("")
    site.check(tmp_path)
    (tmp_path / "scratch").mkdir()
    (tmp_path / "results").symlink_to("scratch")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "apptainer").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tools / "apptainer").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    command = f"{site.shell_prefix(tmp_path)} python -m algos.train --config 'a b'"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    words = done.stdout.splitlines()
    assert words[0] == "exec"
    assert f"PYTHONPATH={tmp_path}:{tmp_path}/workflow/src" in words
    bound = [words[place + 1] for place, word in enumerate(words) if word == "--bind"]
    assert bound == [str(tmp_path), str(tmp_path / "scratch")]
    image = str(tmp_path / "image.sif")
    assert words[words.index(image) :] == [image, "python", "-m", "algos.train", "--config", "a b"]
    assert Site().shell_prefix(tmp_path) == ""
