"""From a method's name to its class, by the key `class` of its file."""

import sys

import pytest
from recheck.errors import MethodError
from recheck.methods import hyperparameters

from algos import methods
from algos.iql import IQL
from algos.methods import known_methods, method_class


def test_unknown_method_is_refused():
    with pytest.raises(MethodError, match="no method 'nonsense'; known are awac, awr, bc, "):
        method_class("nonsense")


def test_every_known_method_has_its_class():
    names = known_methods()
    assert names == sorted(names)
    assert {name: method_class(name).name for name in names} == {name: name for name in names}
    assert method_class("iql") is IQL


@pytest.fixture
def path(monkeypatch):
    """Give the class of method `iql` another path."""

    def give(text):
        monkeypatch.setattr(methods.hyperparameters, "class_path", lambda root, name: text)

    return give


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "algos.nowhere:IQL",
            r"iql\.yaml: class is 'algos\.nowhere:IQL', but there is no module 'algos\.nowhere'",
        ),
        ("nowhere.at.all:IQL", "but there is no module 'nowhere.at.all'"),
        ("algos.iql:Missing", "but algos.iql has no subclass of algos.base.Method of that name"),
        ("algos.iql:expectile_loss", "but algos.iql has no subclass of algos.base.Method"),
        ("algos.bc:BC", "whose name is 'bc'; it has to be 'iql'"),
    ],
)
def test_a_path_that_is_no_method_of_that_name_is_refused(path, text, words):
    path(text)
    with pytest.raises(MethodError, match=words) as refusal:
        method_class("iql")
    assert "\n" not in str(refusal.value)


def test_a_module_that_misses_another_one_says_so_itself(path, monkeypatch):
    """A fault of the machine, not of the file's path."""

    class Broken:
        def find_spec(self, name, target=None, location=None):
            if name == "algos.needs_more":
                raise ModuleNotFoundError("No module named 'more'", name="more")

    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    path("algos.needs_more:IQL")
    with pytest.raises(ModuleNotFoundError, match="more"):
        method_class("iql")


def test_outside_of_a_repository_the_packages_own_files_are_read(tmp_path, monkeypatch):
    here = known_methods()
    monkeypatch.chdir(tmp_path)
    assert not hyperparameters.FOLDER.is_dir()
    assert known_methods() == here
