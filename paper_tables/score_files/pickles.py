"""Pickles of numbers, as CORL's scripts write them, read without running code.

A pickle can call any function when it is read. Here it can only make numbers, texts, lists, dictionaries and
numpy arrays: every other name in it is refused before it is looked up.
"""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any

from recheck.errors import TablesError

_ALLOWED = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"numpy.{core}.multiarray", "scalar") for core in ("core", "_core")),
    *((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"),
}


class _NumbersOnly(pickle.Unpickler):
    """An unpickler that knows numpy's numbers and arrays and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """The function or class of that name, if it makes numbers.

        Raises:
            UnpicklingError: it is another one.
        """
        if (module, name) == ("_codecs", "encode"):
            return _bytes_of
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it holds objects of {module}.{name}")
        return getattr(importlib.import_module(module.replace("numpy.core", "numpy._core")), name)


def _bytes_of(text: str, encoding: str) -> bytes:
    """The bytes of an array: protocols 0 to 2 write them as text in Latin-1.

    Raises:
        UnpicklingError: another encoding is asked for.
    """
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes a text as {encoding}")
    return text.encode("latin1")


def load(path: Path) -> Any:
    """The content of a pickle of numbers, texts, lists, dictionaries and numpy arrays.

    Raises:
        TablesError: it holds anything else, or is damaged.
    """
    try:
        with path.open("rb") as stream:
            return _NumbersOnly(stream).load()
    except OSError as error:
        raise TablesError(f"{path} cannot be read: {error.strerror or error}.") from None
    except pickle.UnpicklingError as error:
        reason = str(error)
    except Exception as error:  # a damaged pickle raises what its bytes happen to mean
        reason = f"it is damaged or no pickle ({type(error).__name__})"
    raise TablesError(
        f"{path} is not read: {reason}; reading it could run code. Numbers, texts, lists, dictionaries and "
        "numpy arrays are read; write the scores as CSV, JSON or .npz."
    )
