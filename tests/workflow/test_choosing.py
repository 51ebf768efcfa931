"""Snakemake itself: a selection, a table, an ablation, from training to what is written."""

import csv

import h5py
import numpy as np
import pytest
import yaml
from recheck import tasks

TASK = "small-v0"


def said(process):
    return process.stdout + process.stderr


@pytest.fixture
def small_task(copy):
    """A task of 600 transitions with Hopper's widths: 12 episodes, rewards that differ between them."""
    random = np.random.default_rng(0)
    with h5py.File(copy / "small.hdf5", "w") as file:
        file["observations"] = random.normal(size=(600, 11)).astype(np.float32)
        file["actions"] = random.uniform(-1, 1, size=(600, 3)).astype(np.float32)
        file["rewards"] = np.repeat(random.uniform(0.5, 2.0, size=12), 50).astype(np.float32)
        file["terminals"] = np.zeros(600, dtype=bool)
        file["timeouts"] = np.arange(600) % 50 == 49
    with (copy / tasks.FILE).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    own = {**next(row for row in rows if row["task"] == "hopper-mixed-v0"), "task": TASK}
    for name in own:
        if name in ("sha256", "sha256_source", "size_bytes") or name.startswith("expected_"):
            own[name] = ""
    own["path"] = "small.hdf5"
    with (copy / tasks.FILE).open("a", newline="") as stream:
        csv.DictWriter(stream, list(own), lineterminator="\n").writerow(own)
    return TASK


@pytest.fixture
def small(write_experiment, small_task):
    """An experiment of seconds: one method, two seeds."""
    write_experiment(
        {
            "average_last_k": 1,
            "evaluation": {"episodes": 1, "episodes_last": 2, "episodes_reevaluated": 0},
            "grid": [
                {
                    "methods": ["bc"],
                    "tasks": [small_task],
                    "seeds": 2,
                    "num_updates": 20,
                    "checkpoints": 2,
                }
            ],
        }
    )
    return "mine"


@pytest.fixture
def two_seeds_a_block(copy):
    """Both seeds of a run in one job: half the processes that load torch."""
    path = copy / "workflow/config/config.yaml"
    text = path.read_text()
    assert "seeds_per_block: 1," in text
    path.write_text(text.replace("seeds_per_block: 1,", "seeds_per_block: 2,"))


@pytest.mark.slow(60)
def test_a_selection_is_shared_and_overwrites_no_table(copy, snakemake, small):
    pytest.importorskip("torch")
    part = ["--config", f"experiment={small}", "seeds=1"]
    process = snakemake("tables", *part, timeout=1200)
    assert process.returncode == 0, said(process)
    (folder,) = (copy / "results/tables").iterdir()
    assert folder.name.startswith(f"{small}-1seed-")
    before = (folder / "scores.md").read_bytes()
    process = snakemake("tables", "--config", f"experiment={small}", timeout=1200)
    assert process.returncode == 0, said(process)
    # Of two runs one was left to train.
    assert len(list((copy / "results/logs/train").rglob("*.log"))) == 2
    assert said(process).count("rule train:") == 1
    assert (folder / "scores.md").read_bytes() == before
    assert "(2)" in (copy / f"results/tables/{small}/scores.md").read_text()
    again = snakemake("-n", "tables", *part)
    assert "Nothing to be done" in said(again), said(again)


@pytest.mark.slow(60)
@pytest.mark.usefixtures("two_seeds_a_block")
def test_a_table_is_trained_and_filled(copy, snakemake, repository, small_task):
    pytest.importorskip("torch")
    (copy / "paper_tables").symlink_to(repository / "paper_tables")
    layout = {
        "format": 1,
        "name": "small",
        "title": "Small",
        "decimals": 1,
        "our_selection": "last",
        "bold": {"rule": "none"},
        "columns": [{"heading": "BC", "ours": {"method": "bc", "variant": "paper", "num_updates": 20}}],
        "groups": [{"name": "hopper", "suite": "gym-locomotion", "rows": [{"task": small_task}]}],
    }
    (copy / "small.yaml").write_text(yaml.safe_dump(layout))
    process = snakemake("tables", "--config", "table=small.yaml", "seeds=2", timeout=1200)
    assert process.returncode == 0, said(process)
    (table,) = (copy / "results/tables").glob("table-small-2seeds-*/small.md")
    (row,) = (line for line in table.read_text().splitlines() if line.startswith(f"| {small_task}"))
    assert "±" in row, row
    assert not list(table.parent.glob("iql_table_1*")), "only the table that was asked for"


@pytest.mark.slow(60)
@pytest.mark.usefixtures("two_seeds_a_block")
def test_an_ablation_has_its_runs_a_table_of_effects_and_a_figure(copy, snakemake, small):
    pytest.importorskip("torch")
    chosen = ["--config", f"experiment={small}", "vary=batch_size:64"]
    process = snakemake("figures", *chosen, timeout=1200)
    assert process.returncode == 0, said(process)
    assert said(process).count("rule train:") == 2, "two values, the two seeds of each in one block"
    (folder,) = (copy / "results/tables").iterdir()
    assert folder.name.startswith(f"{small}-vary_batch_size-")
    rows = [line for line in (folder / "effects.md").read_text().splitlines() if line.startswith("| BC")]
    assert [row.split("|")[3].strip() for row in rows] == ["64", "256 (own)"]
    assert (copy / f"results/figures/{folder.name}/effects.png").stat().st_size > 1000
    again = snakemake("-n", "figures", *chosen)
    assert "Nothing to be done" in said(again), said(again)
