"""The table from a method's name to its class."""

from __future__ import annotations

import importlib

from recheck.errors import MethodError

from algos.base import Method

# Name, as in workflow/config/hyperparameters/<name>.yaml, to module and class. The module is
# imported when the method is asked for.
METHODS: dict[str, str] = {
    "iql": "algos.iql:IQL",
    "bc": "algos.bc:BC",
    "diffusion_bc": "algos.diffusion_ql:DiffusionBC",
    "diffusion_ql": "algos.diffusion_ql:DiffusionQL",
    "idql": "algos.idql:IDQL",
    "idql_weighted": "algos.idql:IDQLWeighted",
    "edp": "algos.edp:EDP",
}


def method_class(name: str) -> type[Method]:
    """The class of method `name`.

    Raises:
        MethodError: no method has this name; the message lists those that exist.
    """
    if name not in METHODS:
        raise MethodError(f"unknown method {name!r}; known are {', '.join(sorted(METHODS))}")
    module, attribute = METHODS[name].split(":")
    return getattr(importlib.import_module(module), attribute)
