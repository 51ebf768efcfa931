"""Restarts: what is planned again after copies, changes, failures and losses, by Snakemake itself."""

import csv
import hashlib
import importlib.util
import os
import re
import shutil
import tarfile
from pathlib import Path

import pytest
from recheck.restarts import results_lock

DATA = Path(__file__).parent / "former_results"
TABLES = {"scores": 1, "statistics": 1, "tables": 1, "figures": 1, "page": 1, "all": 1}


def making():
    spec = importlib.util.spec_from_file_location("former_results_make", DATA / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FORMER = ("--config", *making().FORMER)
OWN = ("--config", *making().OWN)


def said(process):
    return process.stdout + process.stderr


def planned(process):
    """rule -> jobs of a dry-run."""
    assert process.returncode == 0, said(process)
    if "Nothing to be done" in said(process):
        return {}
    table = re.search(r"^job +count\n-[- ]*\n(.*?)\n\n", said(process), re.M | re.S)
    assert table, said(process)
    return {name: int(count) for name, count in map(str.split, table[1].splitlines()) if name != "total"}


def new_dates(folder):
    for path in folder.rglob("*"):
        os.utime(path)


@pytest.fixture
def old(copy):
    """A copy of the workflow with the results of an earlier version."""
    making().prepare(copy)
    change_row(copy, ends="d4rl")  # asked for since: every episode of the file has 50 steps
    # Not by `tar`: a bare Debian has no program for xz. Python 3.11.2 knows no filters.
    given = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(DATA / "results.tar.xz") as archive:
        archive.extractall(copy, **given)
    return copy


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Results of this version: those of the earlier one, taken in, and the stages after them."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def finished(old, made, snakemake):
    """A clone with finished results and without `.snakemake`."""
    if not (made / "results").is_dir():
        process = snakemake(*FORMER)
        assert process.returncode == 0, said(process)
        assert "5 finished results have no record, as those of an earlier version" in said(process)
        assert "5 records were written" in said(process)
        shutil.copytree(old / "results", made / "results")
    shutil.rmtree(old / "results")
    shutil.rmtree(old / ".snakemake", ignore_errors=True)
    shutil.copytree(made / "results", old / "results")
    new_dates(old)
    return old


def contents(place):
    """File -> when it was written and its bytes, of a file or of all files of a folder."""
    files = [place] if place.is_file() else place.rglob("*")
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files if path.is_file()}


def change_row(root, **changes):
    path = root / "workflow/config/tasks.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row.update({name: row.get(name, "") for name in changes})
        if row["task"] == "small-v0":
            row.update(changes)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def change_experiment(root, before, after):
    path = root / "workflow/config/experiments/former.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


# --- Nothing is done twice ---


def test_an_earlier_versions_results_plan_no_training_and_no_evaluation(old, snakemake):
    new_dates(old)
    assert planned(snakemake("-n", *FORMER)) == TABLES


def test_an_earlier_versions_own_file_is_found_by_its_content(old, snakemake):
    new_dates(old)
    counts = planned(snakemake("-n", *OWN))
    assert "train" not in counts
    assert "evaluate" not in counts
    assert "file_dataset" not in counts


@pytest.mark.slow
def test_a_copy_with_new_dates_plans_nothing(finished, snakemake):
    assert planned(snakemake("-n", *FORMER)) == {}


@pytest.mark.slow
def test_a_second_clone_on_a_link_plans_nothing(finished, snakemake, tmp_path):
    scratch = tmp_path / "scratch"
    (finished / "results").rename(scratch)
    (finished / "results").symlink_to(scratch)
    assert planned(snakemake("-n", *FORMER)) == {}


@pytest.mark.slow
def test_reworded_notes_plan_nothing(finished, snakemake):
    change_row(finished, notes="other words", sha256_source="")
    assert planned(snakemake("-n", *FORMER)) == {}


# --- What has changed is made again, without .snakemake ---


@pytest.mark.slow
def test_a_changed_reference_score_reaches_the_tables_and_trains_nothing(finished, snakemake):
    import pandas as pd

    table = finished / "results/scores/former/scores.parquet"
    before = pd.read_parquet(table)["score_percent"]
    change_row(finished, reference_max_score="1000.0")
    process = snakemake("-n", *FORMER)
    assert planned(process) == {**TABLES, "file_dataset": 1}
    assert "reference_max_score was 3234.3, now 1000.0" in said(process)
    process = snakemake(*FORMER)
    assert process.returncode == 0, said(process)
    assert planned(snakemake("-n", *FORMER)) == {}
    wider = (3234.3 + 20.272305) / (1000.0 + 20.272305)
    assert pd.read_parquet(table)["score_percent"].to_numpy() == pytest.approx(before.to_numpy() * wider)


@pytest.mark.slow
def test_changed_rows_train_again(finished, snakemake):
    change_row(finished, action_clip="0.5")
    assert planned(snakemake("-n", *FORMER)) == {**TABLES, "file_dataset": 1, "train": 2, "evaluate": 2}


@pytest.mark.slow
def test_a_changed_environment_evaluates_again_and_trains_nothing(finished, snakemake):
    change_row(finished, horizon="500")
    assert planned(snakemake("-n", *FORMER)) == {**TABLES, "file_dataset": 1, "evaluate": 2}


@pytest.mark.slow
def test_another_selection_makes_the_tables_again(finished, snakemake):
    change_experiment(finished, "average_last_k: 2", "average_last_k: 1")
    assert planned(snakemake("-n", *FORMER)) == TABLES


@pytest.mark.slow
def test_a_further_seed_trains_that_seed(finished, snakemake):
    change_experiment(finished, "seeds: 2", "seeds: 3")
    assert planned(snakemake("-n", *FORMER)) == {**TABLES, "train": 1, "evaluate": 1}


@pytest.mark.slow
def test_fewer_seeds_make_the_tables_again(finished, snakemake):
    change_experiment(finished, "seeds: 2", "seeds: 1")
    assert planned(snakemake("-n", *FORMER)) == TABLES


@pytest.mark.slow
def test_another_list_of_methods_trains_the_new_one_and_makes_the_tables_again(finished, snakemake):
    change_experiment(finished, "methods: [bc]", "methods: [bc, iql]")
    assert planned(snakemake("-n", *FORMER)) == {**TABLES, "train": 2, "evaluate": 2}
    change_experiment(finished, "methods: [bc, iql]", "methods: [iql]")
    assert planned(snakemake("-n", *FORMER)) == {**TABLES, "train": 2, "evaluate": 2}


@pytest.mark.slow
def test_a_mended_program_of_tables_makes_them_again(finished, snakemake):
    folder = finished / "paper_tables/config"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "more.yaml").write_text("level: 0.5\n")
    process = snakemake("-n", *FORMER)
    assert planned(process) == TABLES
    assert "the program has changed" in said(process)


@pytest.mark.slow
def test_touching_does_not_pass_old_tables_for_new(finished, snakemake):
    change_experiment(finished, "average_last_k: 2", "average_last_k: 1")
    assert snakemake("--touch", *FORMER).returncode == 0
    assert planned(snakemake("-n", *FORMER)) == TABLES


@pytest.mark.slow
def test_forcing_a_stage_takes_those_after_it_along(finished, snakemake):
    assert planned(snakemake("-n", *FORMER, "--forcerun", "scores")) == TABLES
    assert planned(snakemake("-n", *FORMER, "--forcerun", "tables")) == {
        "tables": 1,
        "figures": 1,
        "page": 1,
        "all": 1,
    }
    counts = planned(snakemake("-n", *FORMER, "--forcerun", "train"))
    assert counts == {**TABLES, "train": 2, "evaluate": 2}


@pytest.mark.slow
def test_the_page_follows_a_forced_stage_and_names_what_it_is_made_from(finished, snakemake):
    (finished / "results/reports/former.html").unlink()
    (finished / "results/report.html").unlink()
    process = snakemake(*FORMER, "--forcerun", "scores")
    assert process.returncode == 0, said(process)
    page = (finished / "results/reports/former.html").read_text()
    record = finished / "results/scores/former/record.json"
    assert hashlib.sha256(record.read_bytes()).hexdigest()[:16] in page
    assert 'href="reports/former.html"' in (finished / "results/report.html").read_text()


# --- Failures and losses ---


@pytest.mark.slow
def test_after_failed_scores_the_same_command_fails_again(finished, snakemake):
    """Not over stale tables: they are as they were, and the status is not 0."""
    (config,) = (finished / "results/runs").glob("*/small-v0/*/N0/seeds0-0")
    (finished / "results/scores/former/scores.parquet").unlink()
    broken = config / "config.json"
    keep = broken.read_bytes()
    broken.write_bytes(keep[:-20])
    results = finished / "results"
    made = ("statistics/former", "tables/former", "figures/former", "reports", "report.html")
    before = {place: contents(results / place) for place in made}
    assert all(before.values())
    for _ in range(2):
        process = snakemake(*FORMER)
        assert process.returncode != 0, said(process)
        assert "config.json is not what was written" in said(process)
        assert "Traceback" not in said(process)
        assert {place: contents(results / place) for place in made} == before
    broken.write_bytes(keep)
    assert planned(snakemake("-n", *FORMER)) == TABLES


@pytest.mark.slow
@pytest.mark.parametrize(
    "gone", ["scores/former/index.json", "scores/former/scores.parquet", "statistics/former", "tables/former"]
)
def test_a_lost_intermediate_is_made_again_with_what_follows(finished, snakemake, gone):
    path = finished / "results" / gone
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    counts = planned(snakemake("-n", *FORMER))
    assert counts["figures"] == 1
    assert counts[gone.split("/")[0]] == 1


@pytest.mark.slow
def test_a_cut_episodes_file_is_evaluated_again(finished, snakemake):
    path = next(p for p in (finished / "results/episodes").rglob("seeds0-0.parquet") if "small-v0" in p.parts)
    path.write_bytes(path.read_bytes()[:100])
    process = snakemake("-n", *FORMER)
    assert planned(process) == {**TABLES, "evaluate": 1}
    assert "seeds0-0.parquet is not what was written" in said(process)


@pytest.mark.slow
def test_a_flipped_bit_in_a_finished_run_is_refused(finished, snakemake):
    path = next(p for p in (finished / "results/runs").rglob("policies.safetensors") if "small-v0" in p.parts)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    process = snakemake(*FORMER)
    assert process.returncode != 0
    assert "policies.safetensors is not what was written" in said(process)
    assert "Traceback" not in said(process)


@pytest.mark.slow
def test_losses_that_are_not_finite_are_shown(finished, snakemake):
    """In a run of an earlier version; today's trainer stops at them."""
    import pandas as pd

    (run,) = (finished / "results/runs").glob("*/small-v0/*/N0/seeds0-0")
    losses = pd.read_parquet(run / "train.parquet")
    name = losses.columns.drop(["seed", "update"])[0]
    losses.loc[losses.index[-1], name] = float("nan")
    losses.to_parquet(run / "train.parquet")
    for path in (run / "train.parquet.sha256", run / "record.json"):
        path.unlink(missing_ok=True)
    process = snakemake(*FORMER)
    assert process.returncode == 0, said(process)
    assert f"train.parquet: {name} is NaN or infinite in 1 of 2 rows" in said(process)


@pytest.mark.slow
def test_a_failed_forced_retraining_leaves_the_finished_run(finished, snakemake):
    (run,) = (finished / "results/runs").glob("*/small-v0/*/N0/seeds0-0")
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    shutil.rmtree(finished / "results/state", ignore_errors=True)
    (finished / "results/state").write_text("no folder: the trainer cannot keep its state\n")
    process = snakemake(*FORMER, "--forcerun", "train")
    assert process.returncode != 0
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert planned(snakemake("-n", *FORMER)) == {}


@pytest.mark.slow
def test_a_lost_run_is_reported(finished, snakemake):
    (run,) = (finished / "results/runs").glob("*/small-v0/*/N0/seeds0-0")
    shutil.rmtree(run)
    process = snakemake("-n", *FORMER)
    assert planned(process) == {}
    assert re.search(r"No longer there: train bc/small-v0/.*seeds0-0", said(process))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["manifest.json", "transitions.safetensors", "minari"])
def test_a_damaged_dataset_is_prepared_again_and_trains_nothing(finished, snakemake, name):
    path = finished / "results/datasets/small-v0" / name
    path = next(path.rglob("metadata.json")) if path.is_dir() else path
    path.write_bytes(path.read_bytes()[:-20])
    process = snakemake("-n", *FORMER)
    assert planned(process) == {**TABLES, "file_dataset": 1}
    assert f"{path.name} is not what was written" in said(process)


@pytest.mark.slow
def test_a_lost_dataset_is_prepared_for_a_further_seed_and_trains_that_one_alone(finished, snakemake):
    (run,) = (finished / "results/runs").glob("*/small-v0/*/N0/seeds0-0")
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    shutil.rmtree(finished / "results/datasets/small-v0")
    change_experiment(finished, "seeds: 2", "seeds: 3")
    process = snakemake(*FORMER, timeout=900)
    assert process.returncode == 0, said(process)
    # On this machine Snakemake calls every rule a local one.
    started = re.findall(r"^(?:local)?rule (train|evaluate|file_dataset):", said(process), re.M)
    assert sorted(started) == ["evaluate", "file_dataset", "train"]
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert planned(snakemake("-n", *FORMER)) == {}


@pytest.mark.slow
def test_a_file_that_was_brought_need_not_stay(finished, snakemake):
    (finished / "small.hdf5").unlink()
    assert planned(snakemake("-n", *FORMER)) == {}
    change_experiment(finished, "seeds: 2", "seeds: 3")
    assert planned(snakemake("-n", *FORMER)) == {**TABLES, "train": 1, "evaluate": 1}


@pytest.mark.slow
def test_nothing_is_trained_on_old_rows_where_the_file_of_the_new_ones_is_gone(finished, snakemake):
    (finished / "small.hdf5").unlink()
    change_row(finished, action_clip="0.5")
    process = snakemake("-n", *FORMER)
    assert process.returncode != 0
    assert "dataset small-v0 has to be made again (action_clip was empty, now 0.5)" in said(process)
    assert "Traceback" not in said(process)


@pytest.mark.slow
def test_a_hash_that_is_filled_in_plans_nothing(finished, snakemake):
    change_row(finished, sha256=hashlib.sha256((finished / "small.hdf5").read_bytes()).hexdigest())
    assert planned(snakemake("-n", *FORMER)) == {}


@pytest.mark.slow
def test_other_options_of_power_make_it_again(finished, snakemake):
    for margin in ("2", "5", "5"):
        process = snakemake("power", *FORMER, f"margin={margin}")
        assert process.returncode == 0, said(process)
    assert "Nothing to be done" in said(process)
    first = (finished / "results/power/former/power.md").read_text()
    assert "5" in first
    assert "\nrule power:" in said(snakemake("-n", "power", *FORMER, "margin=2")).replace("localrule", "rule")


@pytest.mark.slow
def test_what_was_cut_off_while_it_was_written_is_finished(finished, snakemake):
    """By a full disk or a kill: some files of the run and of other episodes are there."""
    (run,) = (finished / "results/runs").glob("*/small-v0/*/N0/seeds0-0")
    episodes = {
        path.name: path
        for path in (finished / "results/episodes").rglob("seeds*.parquet")
        if "small-v0" in path.parts
    }
    for path in (run / "provenance.json", run / "record.json", episodes["seeds1-1.timing.parquet"]):
        path.unlink()
    episodes["seeds0-0.parquet"].unlink()
    (finished / "results/scores/former/scores.parquet").unlink()
    assert planned(snakemake("-n", *FORMER)) == {**TABLES, "train": 1, "evaluate": 2}


@pytest.mark.slow
def test_a_second_snakemake_on_the_same_results_is_refused_before_its_first_job(finished, snakemake):
    change_experiment(finished, "average_last_k: 2", "average_last_k: 1")
    lock = results_lock.claim(finished, ["results/scores/former/scores.parquet"])
    before = {path: path.read_bytes() for path in (finished / "results/scores").rglob("*.parquet")}
    process = snakemake(*FORMER)
    lock.release()
    assert process.returncode != 0
    assert "Another Snakemake makes results/scores/former/scores.parquet of this results folder" in said(
        process
    )
    assert "Traceback" not in said(process)
    assert {path: path.read_bytes() for path in (finished / "results/scores").rglob("*.parquet")} == before
    assert snakemake(*FORMER).returncode == 0
    assert not list((finished / "results/locks").iterdir())
