"""Functions that rules hand to Snakemake: for a job's inputs, parameters and resources."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

# What `snakemake.common.overwrite_function_params` sets; the plan does not import Snakemake.
PARAMETERS = "_overwrite_params"


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
        setattr(self, PARAMETERS, self.__signature__.parameters)

    def __call__(self, *given: Any, **named: Any) -> Any:
        """What the function returns."""
        return self._function(*given, **named)
