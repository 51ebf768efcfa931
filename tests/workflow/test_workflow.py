"""Snakemake itself on a copy: what it would run, what it refuses, and the whole way on a small file."""

import os
import re
import shutil
import time
from pathlib import Path

import pytest
from recheck import cli, paths, records
from recheck.restarts import stages

TASK = "hopper-medium-expert-recollected-v0"


def job_counts(output):
    """rule -> jobs, from the table that Snakemake prints."""
    table = re.search(r"^job +count\n-[- ]*\n(.*?)\n\n", output, re.M | re.S)
    assert table, output
    rows = [line.split() for line in table[1].splitlines()]
    return {name: int(count) for name, count in rows if name != "total"}


def said(process):
    return process.stdout + process.stderr


# --- Dry-runs ---


@pytest.mark.parametrize(("name", "train_on"), [("steps", "cpu"), ("ablations", "gpu")])
def test_the_jobs_of_a_dry_run_are_those_of_the_closed_form(
    copy, snakemake, load_plan, job_count, name, train_on
):
    loaded = load_plan(copy, experiment=name, train_on=train_on)
    expected = job_count(loaded.experiment, loaded.machine["seeds_per_block"])
    # The closed form by hand: runs x blocks, and for each as many evaluations as sampling settings.
    by_hand = {
        "steps": {"dataset": 1, "train": (3 * 4 + 1) * 3, "evaluate": (2 * (4 + 3) + 3 + 4) * 3},
        "ablations": {"dataset": 1, "train": 16, "evaluate": 16 + 2 + 5},
    }
    assert expected == by_hand[name]
    process = snakemake("-n", "--config", f"experiment={name}", f"train_on={train_on}")
    assert process.returncode == 0, said(process)
    counts = job_counts(said(process))
    assert counts == {
        "recollected_dataset": expected["dataset"],
        "train": expected["train"],
        "evaluate": expected["evaluate"],
        "scores": 1,
        "statistics": 1,
        "tables": 1,
        "figures": 1,
        "page": 1,
        "all": 1,
    }
    assert not (copy / "results").exists(), "parsing and a dry-run write nothing"


def test_d4rl_is_planned_with_nothing_downloaded_and_without_torch(copy, snakemake):
    blocked = copy / "blocked/torch"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text("raise ImportError('torch is blocked in this test')\n")
    path = os.pathsep.join([str(blocked.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    process = snakemake("-n", "--config", "experiment=d4rl", "train_on=gpu", env=environment)
    assert process.returncode == 0, said(process)
    counts = job_counts(said(process))
    # 9 + 6 + 3 + 2 tasks, and pen in two versions; IQL and Diffusion-QL on 20 each, IDQL twice on 15; a block
    # holds all ten seeds.
    assert (counts["file_dataset"], counts["train"], counts["evaluate"]) == (22, 70, 70)


def test_published_scores_need_neither_data_nor_training(copy, snakemake):
    folder = copy / paths.PUBLISHED
    folder.mkdir(parents=True)
    for name in paths.SCORE_TABLES:
        (folder / f"{name}.parquet").write_bytes(b"")
    process = snakemake("-n", "tables", "figures", "--config", "scores=published")
    assert process.returncode == 0, said(process)
    assert job_counts(said(process)) == {"statistics": 1, "tables": 1, "figures": 1}
    process = snakemake("-n", "readme", "--config", "scores=published")
    assert process.returncode == 0, said(process)
    made = ("statistics", "tables", "figures", "evidence", "evidence_figures", "readme")
    assert job_counts(said(process)) == dict.fromkeys(made, 1)


def test_nothing_published_is_reported_in_one_message(copy, snakemake):
    """Nothing at all, and a table that is missing."""
    process = snakemake("tables", "figures", "--config", "scores=published")
    assert process.returncode != 0
    assert (
        "scores=published: results/published lacks scores.parquet, episodes.parquet, cost.parquet, "
        in said(process)
    )
    assert "Traceback" not in said(process)
    folder = copy / paths.PUBLISHED
    folder.mkdir(parents=True)
    for name in ("scores", "episodes", "losses"):
        (folder / f"{name}.parquet").write_bytes(b"")
    process = snakemake("tables", "figures", "--config", "scores=published")
    assert process.returncode != 0
    assert "results/published lacks cost.parquet; `snakemake publish --config experiment=NAME`" in said(
        process
    )


def test_scores_that_cannot_be_read_are_one_sentence(copy, snakemake):
    """After a failure what follows `| tee` in a command is not run: it would look for what is not made."""
    (copy / "twice.csv").write_text(
        "method,task,seed,score\nM,hopper-medium-v2,0,1\nM,hopper-medium-v2,0,2\n"
    )
    process = snakemake("tables", "--config", "scores=twice.csv")
    assert process.returncode == 1
    assert "line 3: M on hopper-medium-v2, seed 0 is there already in line 2" in said(process)
    assert "Traceback" not in said(process)
    assert not list(copy.glob("results/scores/*/record.json"))


def test_no_cores_are_refused(copy, snakemake):
    process = snakemake("-n", "--cores", "0")
    assert process.returncode == cli.EXIT_MISTAKE
    assert "--cores 0: one core or more is needed." in said(process)


def test_publishing_gathers_first_and_what_is_published_is_no_output(copy, snakemake):
    """Snakemake deletes outputs of a rule that fails: what is kept in the repository must stay then."""
    process = snakemake("-n", "publish", "--config", "experiment=ci")
    assert process.returncode == 0, said(process)
    counts = job_counts(said(process))
    assert (counts["scores"], counts["publish"]) == (1, 1)
    assert "tables" not in counts
    assert "output: results/published" not in said(process)


def test_tables_of_others_runs_need_no_training(copy, snakemake):
    fixture = Path("paper_tables/public_runs/d3rlpy.csv")
    (copy / fixture).parent.mkdir(parents=True)
    (copy / fixture).write_bytes(b"")
    process = snakemake("-n", "tables", "figures", "--config", "scores=d3rlpy")
    assert process.returncode == 0, said(process)
    assert job_counts(said(process)) == {"fixture": 1, "statistics": 1, "tables": 1, "figures": 1}


def test_a_changed_reported_number_is_a_new_audit(copy, snakemake, load_plan):
    """By its content, whatever its date."""
    reported = copy / "paper_tables/reported/some_paper.csv"
    reported.parent.mkdir(parents=True)
    reported.write_text("document\n")
    (copy / paths.AUDIT).mkdir(parents=True)
    for name in ("audit.csv", "audit.md"):
        (copy / paths.AUDIT / name).write_text("")
    records.write(copy, stages.audit(load_plan(copy)))
    later = time.time() + 60
    os.utime(reported, (later, later))
    assert "Nothing to be done" in said(snakemake("-n", "audit"))
    reported.write_text("document,score\n")
    process = snakemake("-n", "audit")
    assert job_counts(said(process)) == {"audit": 1}
    assert "made again when it is asked for: audit: the program has changed." in said(process)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["experiment=nope"], "There is no experiment 'nope'; known are ablations, baselines, ci"),
        (["experiment=own", "dataset=absent.hdf5"], "dataset=absent.hdf5: there is no such file."),
        (["experiment=ci", "methods="], "--config methods= gives no value; write one, or leave methods out."),
        (["experiment=ci", "seeds=1", "seeds=2"], "--config gives seeds 2 times (1, 2); give it once"),
        (
            ["experiment=ci", "budget_hours=5"],
            "--config budget_hours= is read by `snakemake cost` alone, and",
        ),
        (["expriment=ci"], "The configuration does not know expriment; known are"),
    ],
)
def test_a_refusal_is_one_message_and_no_trace(snakemake, copy, settings, words):
    process = snakemake("-n", "--config", *settings)
    assert process.returncode == cli.EXIT_MISTAKE
    assert words in said(process)
    assert "Traceback" not in said(process)
    assert not (copy / "results").exists()


def test_missing_files_are_reported_once_and_the_rest_is_planned(snakemake):
    process = snakemake("-n", "--config", "experiment=lite")
    assert process.returncode == 0, said(process)
    for task in ("hopper-mixed-v0", "halfcheetah-mixed-v0"):
        assert said(process).count(f"Task '{task}' is left out") == 1
    assert job_counts(said(process))["recollected_dataset"] == 3


def test_cost_prints_hours_their_source_and_what_jobs_ask_for(snakemake):
    process = snakemake(
        "cost",
        "--config",
        "experiment=d4rl",
        "train_on=gpu",
        "--default-resources",
        "slurm_partition=shared",
        "--set-resources",
        "train:slurm_partition=fast",
    )
    assert process.returncode == 0, said(process)
    assert re.search(r"Together, train: [0-9.,]+ GPU-hours \([0-9.,]+ to [0-9.,]+\)\.", process.stdout)
    assert "OFQL Fig. 3" in process.stdout
    assert re.search(r"largest job \(train\): .*slurm_partition=fast.*gpu=1", process.stdout)
    assert re.search(r"largest job \(evaluate\): .*slurm_partition=shared.*gpu=0", process.stdout)


# --- The whole way ---


@pytest.fixture
def small_file(copy):
    """A D4RL-format file of Hopper's widths: 12 episodes of 50 steps, rewards that differ between them."""
    import h5py
    import numpy as np

    random = np.random.default_rng(0)
    count = 600
    path = copy / "größe [1]" / "small; file (2), é.hdf5"  # no pattern and no list
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file["observations"] = random.normal(size=(count, 11)).astype(np.float32)
        file["actions"] = random.uniform(-1, 1, size=(count, 3)).astype(np.float32)
        file["rewards"] = np.repeat(random.uniform(0.5, 2.0, size=12), 50).astype(np.float32)
        file["terminals"] = np.zeros(count, dtype=bool)
        file["timeouts"] = np.arange(count) % 50 == 49
    return str(path.relative_to(copy))


def own(dataset, seeds):
    return [
        "--config",
        "experiment=own",
        f"dataset={dataset}",
        "env=Hopper-v4",
        "methods=bc",
        f"seeds={seeds}",
        "num_updates=20",
    ]


@pytest.mark.slow
def test_from_a_users_file_to_table_plot_and_report_and_what_reruns(copy, snakemake, small_file):
    pytest.importorskip("torch")
    one = own(small_file, "1")
    process = snakemake(*one)
    assert process.returncode == 0, said(process)
    table = (copy / "results/tables/own/scores.md").read_text()
    assert "own-small-file-2" in table
    assert "hopper-medium-expert-v2" in table, "whose hyperparameters they are is shown"
    assert list((copy / "results/figures/own").glob("*.png"))
    [page] = (copy / "results/reports").glob("own-small-file-2-*.html")
    assert "data:image/png;base64," in page.read_text()
    assert f'href="reports/{page.name}"' in (copy / "results/report.html").read_text()
    assert not list((copy / "results/state").rglob("*.safetensors"))
    (config,) = (copy / "results/runs").rglob("config.json")
    method, task, _, steps = config.parts[-6:-2]
    assert (method, steps) == ("bc", "N0")
    assert re.fullmatch("own-small-file-2-[0-9a-f]{8}", task), "named by the file's content"
    table = copy / f"results/tables/{task}-20updates/scores.md"
    assert table.samefile(copy / "results/tables/own/scores.md")

    # A second run does nothing, on another machine neither.
    again = snakemake("-n", *one)
    assert "Nothing to be done" in said(again), said(again)
    again = snakemake("-n", *one, "train_on=gpu")
    assert "Nothing to be done" in said(again), said(again)

    # Copied results: every file has a new date.
    for path in sorted((copy / "results").rglob("*")):
        if path.name == "transitions.safetensors":
            os.utime(path)
    again = snakemake("-n", *one)
    assert "Nothing to be done" in said(again), said(again)

    # Two seeds more: only they are trained and evaluated, whatever the block.
    grown = snakemake("-n", *own(small_file, "3"), "train_on=gpu")
    counts = job_counts(said(grown))
    assert (counts["train"], counts["evaluate"], counts["scores"]) == (1, 1, 1)
    assert "file_dataset" not in counts

    # A changed value is another run of that method, on the same data; changed back, nothing is to be done.
    path = copy / "workflow/config/hyperparameters/bc.yaml"
    before = path.read_text()
    path.write_text(before.replace("batch_size: {value: 256", "batch_size: {value: 128"))
    changed = snakemake("-n", *one)
    assert job_counts(said(changed)) == {
        "train": 1,
        "evaluate": 1,
        "scores": 1,
        "statistics": 1,
        "tables": 1,
        "figures": 1,
        "page": 1,
        "all": 1,
    }
    path.write_text(before)
    again = snakemake("-n", *one)
    assert "Nothing to be done" in said(again), said(again)


def test_a_gpu_that_is_not_there_is_refused_before_the_first_job(copy, snakemake):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    process = snakemake("--config", "experiment=ci", "train_on=gpu")
    assert process.returncode == cli.EXIT_MISTAKE
    assert "Jobs ask for a GPU (2 of train), and torch" in said(process)
    assert "Give train_on=cpu" in said(process)
    assert "Traceback" not in said(process)
    assert not (copy / "results/datasets").exists()
    # Nothing is left locked.
    assert snakemake("-n", "--config", "experiment=ci").returncode == 0


@pytest.mark.slow
def test_a_wrong_hash_is_refused_in_one_message_and_leaves_nothing(copy, snakemake, small_file):
    process = snakemake(*own(small_file, "1"), f"sha256={'f' * 64}")
    assert process.returncode != 0
    assert "SHA-256" in said(process)
    assert "Traceback" not in said(process)
    left = [path for path in (copy / "results").rglob("*") if path.is_file() and "logs" not in path.parts]
    assert left == []
    shutil.rmtree(copy / "results")
