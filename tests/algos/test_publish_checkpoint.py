"""The policy at the end of a run, kept with all that evaluating it again needs."""

import json

import pyarrow.parquet as pq
import pytest
from recheck.errors import EvaluationError, FileError
from recheck.results import published_checkpoints
from safetensors.torch import load_file

from algos import publish_checkpoint
from algos.evaluate import Request, evaluate_block
from algos.train import train_block
from algos.training.execution import Execution
from algos.training.stored import save_json

EVALUATION = {"episodes": 2, "episodes_last": 3, "episodes_reevaluated": 2}
LABEL = "default-01234567"


@pytest.fixture
def finished(dataset, run_config, tmp_path):
    """A run of two seeds and its episodes; its provenance says that the program was that of its commit."""
    run, episodes = tmp_path / "run", tmp_path / "episodes" / "seeds4-5.parquet"
    train_block(run_config([4, 5]), dataset, run, tmp_path / "state", Execution("cpu", 1))
    provenance = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    provenance["git"] = {"commit": "0" * 40, "dirty": False}
    save_json(run / "provenance.json", provenance)
    evaluate_block(run, dataset, Request({"name": "default"}, EVALUATION, LABEL), episodes)
    return run, episodes


@pytest.fixture
def published(finished, dataset, repository, tmp_path, monkeypatch):
    """The folder of the finished run's policy, below a root with the repository's schemas."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "workflow").symlink_to(repository / "workflow")
    monkeypatch.chdir(root)
    return publish_checkpoint.publish(finished[0], dataset, finished[1], published_checkpoints.FOLDER)


def test_the_last_checkpoint_is_kept_and_nothing_else(finished, published):
    block = f"iql/tiny-v0/paper-0123abcd/N0/{LABEL}/seeds4-5"
    assert published_checkpoints.blocks() == [block]
    assert published == published_checkpoints.FOLDER / block
    tensors, all_tensors = (load_file(folder / "policies.safetensors") for folder in (published, finished[0]))
    assert tensors
    assert {name.split("/")[0] for name in tensors} <= {"150", "transforms"}
    assert all((tensors[name] == all_tensors[name]).all() for name in tensors)
    rows = pq.read_table(published / "episodes.parquet").to_pylist()
    assert [(row["seed"], row["episode"]) for row in rows] == [(s, e) for s in (4, 5) for e in range(3)]
    assert {(row["update"], row["purpose"]) for row in rows} == {(150, "checkpoint")}
    described = published_checkpoints.describe(published)
    assert (described["update"], described["label"]) == (150, LABEL)
    assert described["trained"]["git_commit"] == "0" * 40


def test_it_serves_the_evaluator_as_run_and_as_dataset(published, tmp_path):
    """The options that the rule gives play the published episodes, to the byte."""
    (block,) = published_checkpoints.blocks()
    settings = [json.loads(published_checkpoints.option(block, name)) for name in ("sampling", "evaluation")]
    output = tmp_path / "again.parquet"
    evaluate_block(published, published, Request(*settings, LABEL), output)
    names = ["seed", "episode", "episode_seed", "raw_return", "length"]
    again = pq.read_table(output, columns=names)
    assert again.equals(pq.read_table(published / "episodes.parquet", columns=names))


def test_publishing_again_gives_the_same_files(finished, published, dataset):
    before = {path.name: path.read_bytes() for path in published.iterdir()}
    publish_checkpoint.publish(finished[0], dataset, finished[1], published_checkpoints.FOLDER)
    assert {path.name: path.read_bytes() for path in published.iterdir()} == before


@pytest.mark.parametrize("dirty", [True, None])
def test_a_policy_of_a_changed_or_unknown_program_is_refused(finished, dataset, tmp_path, dirty):
    run, episodes = finished
    provenance = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    save_json(run / "provenance.json", {**provenance, "git": {"commit": "0" * 40, "dirty": dirty}})
    with pytest.raises(EvaluationError, match="not published"):
        publish_checkpoint.publish(run, dataset, episodes, tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_episodes_of_another_run_are_refused(finished, dataset, run_config, tmp_path):
    run = tmp_path / "other"
    train_block(run_config([6, 7]), dataset, run, tmp_path / "other-state", Execution("cpu", 1))
    with pytest.raises(EvaluationError, match="was not played with the policies of"):
        publish_checkpoint.publish(run, dataset, finished[1], tmp_path / "published")


def test_too_much_is_refused(finished, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(published_checkpoints, "MOST_BYTES", 1000)
    with pytest.raises(EvaluationError, match="Remove others first"):
        publish_checkpoint.publish(finished[0], dataset, finished[1], tmp_path / "published")


def test_a_folder_that_lacks_a_file_is_refused(published):
    (published / "episodes.parquet").unlink()
    with pytest.raises(FileError, match=r"lacks episodes\.parquet"):
        published_checkpoints.blocks()


def test_a_description_that_breaks_the_schema_is_refused(published):
    path = published / published_checkpoints.DESCRIPTION
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, "update": "last"}), encoding="utf-8")
    with pytest.raises(FileError, match="update"):
        published_checkpoints.describe(published)


def test_the_command_names_the_folder(finished, dataset, tmp_path, capsys):
    run, episodes = finished
    given = ["--run", str(run), "--dataset", str(dataset), "--episodes", str(episodes)]
    assert publish_checkpoint.main([*given, "--output", str(tmp_path / "p")]) == 0
    folder = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert folder.endswith(f"{LABEL}/seeds4-5")
    assert publish_checkpoint.main([*given[:-1], str(tmp_path / "nothing.parquet"), "--output", "x"]) == 2
