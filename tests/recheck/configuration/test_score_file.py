"""A file of scores as the plan sees it: named by its content and what is stated, refused in one message."""

from pathlib import Path

import pytest
from recheck.configuration import score_file
from recheck.errors import ConfigError


def settings(path: Path, **stated: object) -> dict[str, object]:
    return {"experiment": "smoke", "scores": str(path), **stated}


def test_the_name_follows_content_and_statements(tmp_path):
    file = tmp_path / "my scores.v1.csv"
    file.write_text("a")
    name = score_file.name(settings(file), tmp_path)
    assert name.startswith("my_scores-")
    assert score_file.name(settings(file, unit="percent"), tmp_path) != name
    other = tmp_path / "other"
    other.mkdir()
    (other / file.name).write_text("a")
    assert score_file.name(settings(other / file.name), tmp_path) == name
    file.write_text("b")
    assert score_file.name(settings(file), tmp_path) != name


def test_a_folder_and_a_changed_mapping_are_other_scores(tmp_path):
    folder, mapping = tmp_path / "runs", tmp_path / "map.yaml"
    (folder / "a").mkdir(parents=True)
    (folder / "a/x.csv").write_text("1")
    mapping.write_text("columns: {score: z}")
    first = score_file.name(settings(folder, columns=str(mapping)), tmp_path)
    mapping.write_text("columns: {score: y}")
    assert score_file.name(settings(folder, columns=str(mapping)), tmp_path) != first
    assert score_file.members(settings(folder), tmp_path) == (str(folder / "a/x.csv"),)


def test_what_is_missing_or_has_no_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no such file or folder; allowed are a path, published"):
        score_file.name(settings(tmp_path / "no.csv"), tmp_path)
    with pytest.raises(ConfigError, match="add scores=PATH"):
        score_file.refuse_without_file({"experiment": "smoke", "unit": "percent"})
    with pytest.raises(ConfigError, match="add scores=PATH"):
        score_file.refuse_without_file({"experiment": "smoke", "scores": "published", "select": "best"})
    score_file.refuse_without_file({"experiment": "smoke", "scores": "published"})


def test_statements_become_arguments(tmp_path):
    given = settings(tmp_path, unit="return", version=2, tasks=["a-v0", "b-v0"], columns="")
    assert score_file.arguments(given) == ["--unit=return", "--version=2", "--tasks=a-v0,b-v0"]
