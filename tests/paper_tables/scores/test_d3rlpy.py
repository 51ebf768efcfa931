"""Real runs in the columns of an experiment's scores."""

import hashlib

from paper_tables import frames
from paper_tables.public_runs import reader
from paper_tables.scores import tables
from paper_tables.scores.d3rlpy import main, read_d3rlpy_runs


def test_d3rlpy_runs_have_the_columns_of_scores():
    runs = read_d3rlpy_runs()
    assert list(runs.columns) == frames.columns("scores")
    assert len(runs) == 3 * 1410
    assert runs.groupby(["method", "task", "selection"])["seed"].nunique().eq(10).all()
    wide = runs.pivot(index=["method", "task", "seed"], columns="selection", values="score_percent")
    assert (wide["best_online"] >= wide["last"] - 1e-9).all()


def test_the_command_writes_an_experiment_without_episodes(tmp_path):
    assert main(["--output", str(tmp_path)]) == 0
    runs = tables.read_runs(tmp_path)
    assert set(runs["comparability"]) == {"unverified"}
    assert {name: len(tables.read(tmp_path, name)) for name in tables.FILES if name != "scores"} == {
        "episodes": 0,
        "cost": 0,
        "losses": 0,
    }


def test_the_digest_is_that_of_the_sources_file():
    content = (reader.FOLDER / "d3rlpy.csv").read_bytes()
    runs = read_d3rlpy_runs()
    assert set(runs["digest"]) == {hashlib.sha256(content).hexdigest()[:8]}
    assert runs.groupby("selection")["num_checkpoints"].first().to_dict() == {
        "average_last_k": 10,
        "best_online": 1,
        "last": 1,
    }
