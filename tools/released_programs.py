"""Importing released programs as they are, without the simulators and loggers that they also import."""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
import types
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# What releases import for environments, logs and command lines; training calls none of it.
STUBS = ("d4rl", "dm_control", "dm_env", "gtimer", "gym", "gymnasium", "mjrl", "pyrallis", "tyro", "wandb")


class _Every(type):
    """Every attribute of the class is the class itself."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls


class _Anything(metaclass=_Every):
    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, function: Any) -> Any:
        return function


class _Stub(types.ModuleType):
    """A module that has every name; a decorator of it returns what it decorates."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything


class StubFinder:
    """Finds every module of `names`, whatever is below it."""

    def __init__(self, names: Iterable[str] = STUBS) -> None:
        self.names = tuple(names)

    def holds(self, name: str) -> bool:
        """Whether the module is replaced."""
        return any(name == stub or name.startswith(f"{stub}.") for stub in self.names)

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        """As `sys.meta_path` asks."""
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if self.holds(name) else None  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """As the import system asks."""
        return _Stub(spec.name)

    @staticmethod
    def exec_module(module: types.ModuleType) -> None:
        """There is nothing to run."""


def load_once(repository: Path, path: str) -> Any:
    """Import one released file in a process that imports no other release.

    Args:
        repository: clone of the release.
        path: of the file in it, as its own programs import it from the clone's root.

    Raises:
        FileNotFoundError: the clone does not hold the file.
    """
    file = repository / path
    if not file.is_file():
        raise FileNotFoundError(f"{repository} holds no {path}")
    if not any(isinstance(finder, StubFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, StubFinder())
    sys.path.insert(0, str(repository))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what newer interpreters say of their code
        return importlib.import_module(".".join(Path(path).with_suffix("").parts))
