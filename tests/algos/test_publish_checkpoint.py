"""The policy at the end of a run, kept with all that evaluating it again needs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from recheck.errors import EvaluationError, FileError
from recheck.results import published_checkpoints
from safetensors.torch import load_file

from algos import publish_checkpoint
from algos.evaluate import Request, evaluate_block
from algos.publish_checkpoint import Finished, publish
from algos.train import train_block
from algos.training.execution import Execution
from algos.training.stored import save_json

EVALUATION = {"episodes": 2, "episodes_last": 3, "episodes_reevaluated": 2}
LABEL = "default-01234567"


GROUP = "iql/tiny-v0/paper-0123abcd/N0"


@pytest.fixture
def finished(dataset, run_config, tmp_path):
    """A run of two seeds in a folder of results; its program was that of its commit."""
    results = tmp_path / "results"
    run, episodes = (
        results / "runs" / GROUP / "seeds4-5",
        results / "episodes" / GROUP / LABEL / "seeds4-5.parquet",
    )
    (results / "datasets").mkdir(parents=True)
    (results / "datasets" / "tiny-v0").symlink_to(dataset)
    train_block(run_config([4, 5]), dataset, run, tmp_path / "state", Execution("cpu", 1))
    provenance = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    provenance["git"] = {"commit": "0" * 40, "dirty": False}
    save_json(run / "provenance.json", provenance)
    evaluate_block(run, dataset, Request({"name": "default"}, EVALUATION, LABEL), episodes)
    return Finished(run, dataset, episodes)


@pytest.fixture
def published(finished, repository, tmp_path, monkeypatch):
    """The folder of the finished run's policy, below a root with the repository's schemas."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "workflow").symlink_to(repository / "workflow")
    monkeypatch.chdir(root)
    return publish(finished, published_checkpoints.FOLDER)


def test_the_last_checkpoint_is_kept_and_nothing_else(finished, published):
    block = f"iql/tiny-v0/paper-0123abcd/N0/{LABEL}/seeds4-5"
    assert published_checkpoints.blocks() == [block]
    assert published == published_checkpoints.FOLDER / block
    tensors, all_tensors = (
        load_file(folder / "policies.safetensors") for folder in (published, finished.run)
    )
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


def test_publishing_again_gives_the_same_files(finished, published):
    before = {path.name: path.read_bytes() for path in published.iterdir()}
    publish(finished, published_checkpoints.FOLDER)
    assert {path.name: path.read_bytes() for path in published.iterdir()} == before


@pytest.mark.parametrize("dirty", [True, None])
def test_a_policy_of_a_changed_or_unknown_program_is_refused(finished, tmp_path, dirty):
    run = finished.run
    provenance = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    save_json(run / "provenance.json", {**provenance, "git": {"commit": "0" * 40, "dirty": dirty}})
    with pytest.raises(EvaluationError, match="not published"):
        publish(finished, tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_episodes_of_another_run_are_refused(finished, dataset, run_config, tmp_path):
    run = tmp_path / "other"
    train_block(run_config([6, 7]), dataset, run, tmp_path / "other-state", Execution("cpu", 1))
    with pytest.raises(EvaluationError, match="was not played with the policies of"):
        publish(replace(finished, run=run), tmp_path / "published")


def test_too_much_is_refused(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(published_checkpoints, "MOST_BYTES", 1000)
    with pytest.raises(EvaluationError, match="Remove others first"):
        publish(finished, tmp_path / "published")


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


def test_the_command_publishes_every_finished_block_of_a_folder(finished, tmp_path, capsys):
    """A folder with an unfinished block besides; only the first two of three episodes are kept."""
    unfinished = finished.run.with_name("seeds6-7")
    unfinished.mkdir()
    (unfinished / "config.json").write_text("{}")
    output = tmp_path / "p"
    assert publish_checkpoint.main([f"{finished.run.parents[3]}=2", "--output", str(output)]) == 0
    [line] = capsys.readouterr().out.splitlines()
    folder = Path(json.loads(line))
    assert folder == output / GROUP / LABEL / "seeds4-5"
    rows = pq.read_table(folder / "episodes.parquet")
    assert rows.column("episode").to_pylist() == [0, 1, 0, 1]
    described = json.loads((folder / "checkpoint.json").read_text(encoding="utf-8"))
    assert described["evaluation"]["episodes"] == described["evaluation"]["episodes_last"] == 2


def test_the_first_episodes_alone_are_the_same_when_played_again(finished, repository, tmp_path):
    folder = publish(replace(finished, first_episodes=2), tmp_path / "p")
    described = published_checkpoints.describe(folder, repository)
    output = tmp_path / "again.parquet"
    evaluate_block(folder, folder, Request(described["sampling"], described["evaluation"], LABEL), output)
    names = ["seed", "episode", "episode_seed", "raw_return", "length"]
    again = pq.read_table(output, columns=names)
    assert again.num_rows == 4
    assert again.equals(pq.read_table(folder / "episodes.parquet", columns=names))


@pytest.mark.parametrize("count", ["0", "-1", "two", ""])
def test_a_number_of_episodes_that_is_none_is_refused(finished, count, capsys):
    assert publish_checkpoint.main([f"{finished.run}={count}"]) == 2
    assert f"the number of episodes is '{count}'; it has to be at least 1" in capsys.readouterr().err


def test_more_episodes_than_were_played_are_refused(finished, tmp_path):
    with pytest.raises(EvaluationError, match="4 episodes of each seed are to be kept; 3 were played"):
        publish(replace(finished, first_episodes=4), tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_a_folder_without_a_finished_run_is_refused(finished, tmp_path, capsys):
    assert publish_checkpoint.main([str(tmp_path / "nothing"), "--output", str(tmp_path / "p")]) == 2
    assert "nothing holds no finished run; give a folder in results/runs" in capsys.readouterr().err
    (finished.run / "policies.safetensors").unlink()
    assert publish_checkpoint.main([str(finished.run), "--output", str(tmp_path / "p")]) == 2


def test_episodes_that_are_absent_or_of_two_settings_are_refused(finished):
    (finished.episodes.parent.with_name("other-89abcdef")).mkdir()
    shutil.copy(finished.episodes, finished.episodes.parent.with_name("other-89abcdef"))
    with pytest.raises(EvaluationError, match="2 sampling settings have episodes of it"):
        publish_checkpoint.find(finished.run)
    shutil.rmtree(finished.episodes.parents[1])
    with pytest.raises(EvaluationError, match="0 sampling settings have episodes of it"):
        publish_checkpoint.find(finished.run)
