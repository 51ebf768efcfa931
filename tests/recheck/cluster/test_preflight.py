"""What the cluster has, asked before the first job, on a SLURM that is played."""

import os

import pytest
from recheck.cluster import preflight

SINFO = (
    "gpu|gpu:a100:4(S:0-1)|1-00:00:00\ngpu|gpu:h100:2|1-00:00:00\nlong|(null)|infinite\nshort|(null)|30:00\n"
)


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """SLURM's commands as scripts: cluster(sinfo=..., sacctmgr=...); None has a command fail."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def play(sinfo=SINFO, sacctmgr="mine\nours\n"):
        for name, text in (("sinfo", sinfo), ("sacctmgr", sacctmgr), ("sbatch", "")):
            script = folder / name
            body = "exit 1" if text is None else f"cat <<'END'\n{text}END"
            script.write_text(f"#!/bin/sh\n{body}\n")
            script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return play


def states(found):
    return {finding.what: (finding.state, finding.text) for finding in found}


def test_a_site_that_the_cluster_has(cluster, load_plan):
    cluster()
    site = {"partition": "gpu", "cpu_partition": "long", "account": "mine", "gpu_model": "h100"}
    loaded = load_plan(experiment="ci", train_on="gpu", site=site)
    found = preflight.findings(loaded, 1440)
    assert {finding.state for finding in found if finding.what != "results"} == {preflight.OK}, found
    assert "two short jobs" in preflight.report(found)


@pytest.mark.parametrize(
    ("site", "what", "text"),
    [
        (
            {"partition": "gpus"},
            "partition of jobs with a GPU",
            "no partition gpus; known are gpu, long",
        ),
        ({"partition": "long"}, "GPU", "the partition has none"),
        ({"partition": "gpu", "gpu_model": "v100"}, "GPU", "there is no type v100"),
        ({"partition": "gpu", "account": "other"}, "account", "has no account other; there are mine, ours"),
        ({"partition": "gpu", "cpu_partition": "short"}, "time limit of short", "site.walltime_minutes: 30"),
    ],
)
def test_what_the_cluster_does_not_have_is_a_fault(cluster, load_plan, site, what, text):
    cluster()
    found = preflight.findings(load_plan(experiment="ci", train_on="gpu", site=site), 1440)
    state, said = states(found)[what]
    assert state == preflight.FAULT
    assert text in said
    assert "site.yaml" in preflight.report(found).splitlines()[-1]


def test_without_slurm_and_without_accounting(cluster, load_plan):
    cluster(sinfo=None)
    loaded = load_plan(experiment="ci", site={"partition": "gpu"})
    assert states(preflight.findings(loaded, 60))["SLURM"][0] == preflight.FAULT
    cluster(sacctmgr=None)
    assert states(preflight.findings(loaded, 60))["account"][0] == preflight.WARNING


def test_what_is_downloaded_where_snakemake_runs_is_named(load_plan):
    found = preflight.of_data(load_plan(experiment="d4rl", tasks="hopper-medium-v2"))
    assert found.state == preflight.WARNING
    assert "not on the nodes: hopper-medium-v2" in found.text
    assert preflight.of_data(load_plan(experiment="ci")).state == preflight.OK


def test_slurms_time_limits():
    limits = ("infinite", "30:00", "12:00:00", "2-00:00:00", "n/a")
    assert [preflight.minutes(text) for text in limits] == [None, 30, 720, 2880, None]
