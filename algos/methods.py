"""From a method's name to its class: discovery by file.

A method is known when ``workflow/config/hyperparameters/<name>.yaml`` exists; the file's key ``class`` names
its module and class, which is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from recheck import shipped
from recheck.errors import ConfigError, MethodError
from recheck.methods import hyperparameters

from algos.base import Method


def _root() -> Path:
    """The working directory where it is a repository, else the files that the package came with."""
    return Path() if hyperparameters.FOLDER.is_dir() else shipped.ROOT


def known_methods() -> list[str]:
    """The names of all methods, in alphabetical order."""
    return hyperparameters.known_methods(_root())


def method_class(name: str) -> type[Method]:
    """The class of method `name`.

    Raises:
        MethodError: no method has this name (the message lists those that exist), or its file names no
            class that can be imported and is a `Method` of this name.
    """
    try:
        path = hyperparameters.class_path(_root(), name)
    except ConfigError as error:
        raise MethodError(str(error)) from None
    module, attribute = path.split(":")
    where = f"{hyperparameters.FOLDER}/{name}.yaml: class is {path!r}"
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # the module is there and misses another one
        raise MethodError(f"{where}, but there is no module {module!r}.") from None
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise MethodError(f"{where}, but {module} has no subclass of algos.base.Method of that name.")
    if found.name != name:
        raise MethodError(f"{where}, whose name is {found.name!r}; it has to be {name!r}.")
    return found
