"""Functions that rules hand to Snakemake: for a job's inputs, parameters and resources."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from snakemake.common import overwrite_function_params


class RuleFunction:
    """A function of wildcards whose signature is computed once.

    Snakemake asks for the parameters of each such function two or three times for every job of a plan, which
    takes longer than most of the functions. It takes them from the function itself where they are set.

    Args:
        function: of wildcards, and of what else Snakemake passes by name.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.__signature__ = inspect.signature(function)
        overwrite_function_params(self, self.__signature__.parameters)

    def __call__(self, *given: Any, **named: Any) -> Any:
        """What the function returns."""
        return self._function(*given, **named)
