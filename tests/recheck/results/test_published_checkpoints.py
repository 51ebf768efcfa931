"""The policies that are kept in the repository."""

import json

import pytest
from recheck import paths
from recheck.errors import ConfigError, FileError
from recheck.results import published_checkpoints


def test_the_repositorys_policies_are_what_they_say(repository):
    """Each description follows its schema, and names the evaluation that its path names."""
    total = 0
    for block in published_checkpoints.blocks(repository):
        folder = repository / published_checkpoints.FOLDER / block
        described = published_checkpoints.describe(folder, repository)
        assert described["label"] == block.split("/")[-2]
        total += sum(path.stat().st_size for path in folder.iterdir())
    assert 0 < total < published_checkpoints.MOST_BYTES


def test_a_folder_that_lacks_a_file_is_refused(tmp_path):
    assert published_checkpoints.blocks(tmp_path) == []
    folder = tmp_path / published_checkpoints.FOLDER / "iql/t-v0/paper-0123abcd/N0/default-89abcdef/seeds0-0"
    folder.mkdir(parents=True)
    for name in paths.CHECKPOINT_FILES:
        (folder / name).write_text("{}")
    assert published_checkpoints.blocks(tmp_path) == ["iql/t-v0/paper-0123abcd/N0/default-89abcdef/seeds0-0"]
    (folder / "episodes.parquet").unlink()
    with pytest.raises(
        FileError, match=r"seeds0-0 lacks episodes\.parquet; a published policy has checkpoint\.json"
    ):
        published_checkpoints.blocks(tmp_path)


def test_a_description_that_breaks_the_schema_is_refused(tmp_path, repository):
    with pytest.raises(FileError, match=r"checkpoint\.json"):
        published_checkpoints.describe(tmp_path, repository)
    (tmp_path / "checkpoint.json").write_text('{"format": 1}')
    with pytest.raises(ConfigError, match=r"checkpoint\.json"):
        published_checkpoints.describe(tmp_path, repository, ConfigError)


def test_a_setting_as_json_for_the_evaluator(repository):
    block = published_checkpoints.blocks(repository)[0]
    described = published_checkpoints.describe(repository / published_checkpoints.FOLDER / block, repository)
    assert json.loads(published_checkpoints.option(block, "sampling", repository)) == described["sampling"]
