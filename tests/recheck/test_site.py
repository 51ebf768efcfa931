"""The site file, the preflight on a SLURM that is played, and the probe's answers."""

import json
import os
import subprocess

import pytest
from recheck import plan, preflight, probe
from recheck.errors import ConfigError
from recheck.site import Site

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


# --- Settings ---


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
    ("site", "sentence"),
    [
        ({"account": 83}, "site.account is 83; it has to be text or null"),
        ({"walltime_minutes": 0}, "site.walltime_minutes is 0; it has to be at least 10"),
        ({"walltime": 5}, "site does not know walltime; known are account, constraint, container"),
        ({"partition": ""}, "site.partition"),
    ],
)
def test_a_wrong_site_is_refused_in_one_sentence(load_plan, site, sentence):
    with pytest.raises(ConfigError) as refusal:
        load_plan(site=site)
    assert sentence in str(refusal.value)
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


# --- Preflight ---


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


# --- Probe ---


def answer(kind, **changed):
    return {
        "kind": kind,
        "host": "n1",
        "cores": 4,
        "python": "3.11",
        "torch": "2.0",
        "gpus": [],
        "gpu_asked": False,
        "torch_error": "",
        "reached": {"a.example": True, "b.example": False},
        **changed,
    }


def write(root, **changed):
    (root / probe.FOLDER).mkdir(parents=True, exist_ok=True)
    for kind in probe.KINDS:
        (root / probe.FOLDER / f"{kind}.json").write_text(json.dumps(answer(kind, **changed.get(kind, {}))))


def test_both_answers_are_needed_and_kept_as_done(tmp_path, capsys):
    write(tmp_path)
    assert "50 jobs, and no probe has run" in str(probe.advice(tmp_path, 50))
    assert probe.advice(tmp_path, 49) is None
    assert "Both jobs ran" in probe.report(tmp_path)
    assert "can download from a.example." in capsys.readouterr().out
    assert probe.advice(tmp_path, 500) is None
    with pytest.raises(ConfigError, match=r"train.json"):
        probe.report(tmp_path)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"gpu_asked": True}, "train on n1: a GPU was asked for, and torch 2.0 sees none."),
        ({"torch": None, "torch_error": "No module"}, "torch cannot be imported (No module)."),
    ],
)
def test_what_stands_against_real_jobs_is_refused(tmp_path, changed, sentence):
    write(tmp_path, train=changed)
    with pytest.raises(ConfigError) as refusal:
        probe.report(tmp_path)
    assert sentence in str(refusal.value)
    assert probe.advice(tmp_path, 50) is not None


def test_an_answer_of_this_machine(copy, monkeypatch):
    monkeypatch.setattr(probe, "hosts", lambda root: {("localhost", 9)})
    seen = probe.look(copy, "train", gpu=False)
    assert seen["cores"] >= 1
    assert seen["reached"] == {"localhost": False}
    assert {host for host, _ in probe.hosts(copy)} == {"localhost"}
