"""Folders of logs: d3rlpy, CORL, Weights & Biases, TensorBoard, and any folder of tables."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from recheck.errors import TablesError

from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.read import read_scores

HOPPER = "hopper-medium-v2"


def test_d3rlpys_folders(tmp_path: Path):
    for seed in (1, 2):
        run = tmp_path / f"CQL_{HOPPER}_{seed}_20230115123456"
        run.mkdir()
        (run / "params.json").write_text(json.dumps({"batch_size": 256}))
        (run / "environment.csv").write_text(f"1,1000,1000.0\n2,2000,{1607.0 + seed}\n")
        (run / "loss.csv").write_text("1,1000,0.5\n")
    found = read_scores(tmp_path)
    assert set(found.runs["method"]) == {"cql"}
    assert list(found.runs["seed"]) == [1, 2]
    # D4RL's references of hopper: -20.272305 and 3234.3.
    assert list(found.runs["score_percent"]) == pytest.approx(
        [100 * (1607 + seed + 20.272305) / (3234.3 + 20.272305) for seed in (1, 2)]
    )
    assert set(found.runs["update"]) == {2000}


def test_a_broken_line_of_d3rlpy_is_named(tmp_path: Path):
    (tmp_path / "params.json").write_text("{}")
    (tmp_path / "environment.csv").write_text("1,1000,1000.0\n2,2000,x\n")
    with pytest.raises(TablesError, match=r"environment\.csv, line 2: '2,2000,x' is not epoch, step"):
        read_scores(tmp_path)


def test_corls_method_is_the_name_of_its_runs(tmp_path: Path):
    (tmp_path / "config.yaml").write_text(f"env: {HOPPER}\nseed: 3\nname: IQL\n")
    (tmp_path / "eval.csv").write_text("step,d4rl_normalized_score\n1000,66\n")
    runs = read_scores(tmp_path).runs
    assert runs[["method", "task", "seed"]].to_numpy().tolist() == [["iql", HOPPER, 3]]


def test_corls_folders(tmp_path: Path):
    for seed in (0, 7):
        run = tmp_path / f"IQL-{HOPPER}-1a2b3c4{seed}"
        run.mkdir()
        config = {"env": HOPPER, "seed": seed, "name": f"IQL-{HOPPER}-1a2b3c4{seed}"}
        (run / "config.yaml").write_text(yaml.safe_dump(config))
        rows = [{"step": step, "d4rl_normalized_score": 60 + seed + step / 1000} for step in (1000, 2000)]
        pd.DataFrame(rows).to_csv(run / "eval.csv", index=False)
    found = read_scores(tmp_path, ScoreOptions(select="last"))
    assert found.runs[["method", "task", "seed", "score_percent"]].to_numpy().tolist() == [
        ["iql", HOPPER, 0, 62.0],
        ["iql", HOPPER, 7, 69.0],
    ]


def test_summaries_of_weights_and_biases(tmp_path: Path):
    for seed in (0, 1):
        run = tmp_path / f"run-2023-{seed}" / "files"
        run.mkdir(parents=True)
        config = {"env": {"value": HOPPER}, "seed": {"value": seed}, "algorithm": {"value": "IQL"}}
        (run / "config.yaml").write_text(yaml.safe_dump(config))
        summary = {"d4rl_normalized_score": 66.0 + seed, "_step": 999, "loss": 1.0}
        (run / "wandb-summary.json").write_text(json.dumps(summary))
    found = read_scores(tmp_path)
    assert list(found.runs["score_percent"]) == [66.0, 67.0]
    assert set(found.runs["method"]) == {"iql"}


def test_a_summary_that_is_cut_is_named(tmp_path: Path):
    (tmp_path / "wandb-summary.json").write_text('{"d4rl_normalized_score": 6')
    with pytest.raises(TablesError, match=r"wandb-summary\.json cannot be read: Expecting"):
        read_scores(tmp_path)


def test_a_folder_of_tables(tmp_path: Path):
    for seed in (0, 1):
        (tmp_path / f"mine-{HOPPER}-seed{seed}.csv").write_text(f"step,score\n1,50\n2,{60 + seed}\n")
    found = read_scores(tmp_path)
    assert found.runs[["method", "task", "seed", "score_percent"]].to_numpy().tolist() == [
        ["mine", HOPPER, 0, 60.0],
        ["mine", HOPPER, 1, 61.0],
    ]


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(TablesError, match="holds no scores"):
        read_scores(tmp_path)


def test_tensorboards_folders(tmp_path: Path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for seed in (0, 1):
        writer = EventFileWriter(str(tmp_path / f"IQL-{HOPPER}-seed{seed}"))
        for step in (1000, 2000):
            values = [
                Summary.Value(tag="eval/normalized_score", simple_value=60 + seed + step / 1000),
                Summary.Value(tag="train/loss", simple_value=1.0),
            ]
            writer.add_event(Event(wall_time=0.0, step=step, summary=Summary(value=values)))
        writer.close()
    # A logger's folder of hyperparameters comes first and has no score.
    writer = EventFileWriter(str(tmp_path / "1-hparams"))
    only = Summary(value=[Summary.Value(tag="hp_metric", simple_value=-1.0)])
    writer.add_event(Event(wall_time=0.0, step=0, summary=only))
    writer.close()
    found = read_scores(tmp_path)
    assert list(found.runs["score_percent"]) == [62.0, 63.0]
    assert list(found.runs["update"]) == [2000, 2000]
    assert "2 metrics not used: hp_metric, train/loss." in found.messages
    assert "1 folder without this metric, not used: '1-hparams'." in found.messages
    with pytest.raises(
        TablesError, match=r"has no metric that is a score by its name; it has hp_metric\. Give"
    ):
        read_scores(tmp_path / "1-hparams")


def test_tensorboard_is_asked_for_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "events.out.tfevents.1.host").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing.event_accumulator", None)
    with pytest.raises(TablesError, match="pip install tensorboard"):
        read_scores(tmp_path)


def write_pickle(path: Path, content: object) -> Path:
    path.write_bytes(pickle.dumps(content))
    return path


def test_corls_pickles_are_read_without_running_code(tmp_path: Path):
    """CORL's scripts write algorithm -> dataset -> runs, each a list of numpy's numbers."""
    runs = [
        [np.float64(score) for score in (10.0, 60.0)],
        [np.float64(score) for score in (20.0, 30.0, 70.0)],
    ]
    content = {"IQL": {HOPPER: runs, "walker2d-medium-v2": []}, "CQL": {HOPPER: np.array([[1.5, 58.0]])}}
    found = read_scores(write_pickle(tmp_path / "offline_scores.pickle", content))
    rows = found.runs[["method", "task", "seed", "score_percent"]].to_numpy().tolist()
    assert rows == [["cql", HOPPER, 0, 58.0], ["iql", HOPPER, 0, 60.0], ["iql", HOPPER, 1, 70.0]]
    assert list(found.runs["update"]) == [2, 2, 3]


@pytest.mark.parametrize(
    "content", [pd.DataFrame({"a": [1]}), {"IQL": {HOPPER: [Path("/tmp")]}}, {"IQL": print}, b"text", 3]
)
def test_any_other_pickle_is_refused_in_one_message(content: object, tmp_path: Path):
    with pytest.raises(TablesError, match=r"is not read: it holds objects of|is not a dictionary"):
        read_scores(write_pickle(tmp_path / "s.pkl", content))


def test_a_pickle_runs_nothing(tmp_path: Path):
    (tmp_path / "s.pkl").write_bytes(f"cos\nsystem\n(S'touch {tmp_path}/made'\ntR.".encode())
    with pytest.raises(TablesError, match=r"it holds objects of os\.system; reading it could run code"):
        read_scores(tmp_path / "s.pkl")
    assert not (tmp_path / "made").exists()
    (tmp_path / "s.pkl").write_bytes(b"\x80\x04no pickle")
    with pytest.raises(TablesError, match=r"damaged or no pickle|is not read"):
        read_scores(tmp_path / "s.pkl")


@pytest.mark.parametrize(
    ("name", "words"), [("run-1.wandb", "wandb sync"), ("checkpoint_1.pt", "hold weights and no scores")]
)
def test_a_folder_of_unread_files_says_what_to_do(name: str, words: str, tmp_path: Path):
    (tmp_path / name).write_bytes(b"\x00")
    with pytest.raises(TablesError, match=words):
        read_scores(tmp_path)


@pytest.mark.parametrize("folder", ["{method}-hopper-medium-v2-1a2b3c4d", "{method}"])
def test_methods_that_no_document_knows_stay_apart(folder: str, tmp_path: Path):
    """CORL's `name` is the method, with or without the task in it."""
    for method in ("NetA", "NetB"):
        run = tmp_path / folder.format(method=method)
        run.mkdir()
        (run / "config.yaml").write_text(f"env: {HOPPER}\nseed: 3\nname: {method}\n")
        (run / "eval.csv").write_text("step,d4rl_normalized_score\n1000,66\n")
    found = read_scores(tmp_path)
    assert list(found.runs["method"]) == ["NetA", "NetB"]
    assert "From the configuration or folder of each run: task, seed, method." in found.messages


def test_runs_of_a_logger_are_reported_once(tmp_path: Path):
    for seed in range(3):
        run = tmp_path / f"run-{seed}"
        run.mkdir()
        (run / "config.yaml").write_text(f"env: {HOPPER}\nseed: {seed}\nalgo: IQL\n")
        (run / "wandb-summary.json").write_text(json.dumps({"score": 66.0 + seed}))
    messages = read_scores(tmp_path).messages
    assert sum("Weights & Biases" in message for message in messages) == 1
