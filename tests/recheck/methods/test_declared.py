"""What a method's class declares, read from its text, is what the imported class has."""

from pathlib import Path

import pytest
from recheck.errors import ConfigError
from recheck.methods import declared, hyperparameters

from algos.methods import method_class

ROOT = Path(__file__).resolve().parents[3]
BASE = """
class Base:
    SHARED = {"schedule": "of the noise"}
"""
CLASS = """
from algos.base_policy import Base as Policy

class Mine(Policy):
    name = "mine"
    format_version = 3
    HYPERPARAMETERS = {
        **Policy.SHARED,
        "batch_size": "transitions",
    }
"""


@pytest.mark.parametrize("name", hyperparameters.known_methods(ROOT))
def test_the_text_says_what_the_class_has(name):
    found = declared.read(ROOT, hyperparameters.read(ROOT, name).class_path, name)
    kind = method_class(name)
    assert (found.name, found.format_version) == (name, kind.format_version)
    assert found.hyperparameters == set(kind.HYPERPARAMETERS)
    assert found.complete
    assert found.compiles_whole_update == kind.COMPILES_WHOLE_UPDATE


@pytest.fixture
def repository(tmp_path):
    """A function that writes a class's file into a folder of its own, and reads what it declares."""
    (tmp_path / "algos").mkdir()
    (tmp_path / "algos/base_policy.py").write_text(BASE, encoding="utf-8")

    def declare(text=CLASS, path="algos.mine:Mine", folder=tmp_path / "algos"):
        file = folder / f"mine{len(list(folder.iterdir()))}.py"  # read once each
        file.write_text(text, encoding="utf-8")
        return declared.read(tmp_path, path.replace("mine:", f"{file.stem}:"), "mine.yaml")

    return declare


def test_names_of_another_class_count(repository):
    found = repository()
    assert found == declared.Declared("mine", 3, frozenset({"schedule", "batch_size"}), complete=True)


@pytest.mark.parametrize(
    "computed", ["**shared(),", '**{name: "" for name in "ab"},', 'f"{1}": "computed",', "**Unknown.SHARED,"]
)
def test_computed_names_are_left_to_the_class(repository, computed):
    found = repository(CLASS.replace("**Policy.SHARED,", computed))
    assert not found.complete
    assert found.hyperparameters == {"batch_size"}
    declared.check_names(found, {"batch_size", "a"}, "mine/own")
    with pytest.raises(ConfigError, match=r"mine/own gives no value for batch_size, which its class needs\."):
        declared.check_names(found, {"a"}, "mine/own")


def test_a_class_elsewhere_is_not_read(tmp_path):
    assert declared.read(tmp_path, "other.package:Mine", "mine.yaml") is None


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (CLASS, "algos.absent:Mine", r"mine\.yaml: class is 'algos\.absent:Mine', but there is no module"),
        (CLASS, "algos.mine:Yours", r"but algos\.mine\d has no class of that name"),
        ("class Mine(:\n", "algos.mine:Mine", r"mine\d\.py, line 1: invalid syntax"),
    ],
)
def test_what_is_not_there_is_refused(repository, text, path, message):
    with pytest.raises(ConfigError, match=message):
        repository(text, path)


def test_file_and_class_have_to_agree(repository):
    found = repository()
    declared.check(found, "mine", 3, "mine.yaml")
    with pytest.raises(ConfigError, match=r"mine\.yaml: method is 'my', but its class has 'mine'"):
        declared.check(found, "my", 3, "mine.yaml")
    with pytest.raises(ConfigError, match=r"mine\.yaml: format_version is 1, but its class has 3"):
        declared.check(found, "mine", 1, "mine.yaml")
    declared.check_names(found, {"schedule", "batch_size"}, "mine/own")
    with pytest.raises(ConfigError, match=r"mine/own gives extra, which its class does not have; known are"):
        declared.check_names(found, {"schedule", "batch_size", "extra"}, "mine/own")
