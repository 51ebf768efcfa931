"""Settings of `paper_tables`, fixed before any result is seen: margins and costs.

YAML files next to their JSON schemas; `load` checks one against the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from recheck import schema
from recheck.errors import TablesError

FOLDER = Path(__file__).parent


def load(name: str, path: Path | None = None) -> dict[str, Any]:
    """Read `<name>.yaml` (or another file of the same form) and check it against `<name>.schema.json`.

    Args:
        name: `margins` or `cost`.
        path: another file to read in its place.

    Raises:
        TablesError: the file is absent, is not YAML, or breaks the schema; the message names the entry.
    """
    file = FOLDER / f"{name}.yaml" if path is None else path
    if not file.is_file():
        raise TablesError(f"There is no file {file}.")
    content = schema.read_yaml(file, TablesError)
    schema.check(content, FOLDER / f"{name}.schema.json", str(file), error=TablesError)
    if not isinstance(content, dict):
        raise TablesError(f"{file} must hold a mapping.")
    return content


@dataclass(frozen=True)
class Margins:
    """Margins fixed beforehand, from `config/margins.yaml`.

    Attributes:
        default_percent: of a suite that is not listed, in points.
        suites: suite -> margin in points.
        uninformative_within_percent: both sides this near to the random policy say nothing.
        curve_ratio: margin of a ratio of training curves, 0.1 for 10%.
    """

    default_percent: float
    suites: dict[str, float]
    uninformative_within_percent: float
    curve_ratio: float

    def of_suite(self, suite: str | None) -> float:
        """The margin of a suite in points."""
        return self.suites.get(suite or "", self.default_percent)


@cache
def load_margins(path: Path | None = None) -> Margins:
    """Read the margins; another file of the same form may be given.

    Raises:
        TablesError: the file is absent or breaks its schema.
    """
    content = load("margins", path)
    return Margins(
        default_percent=float(content["default_margin_percent"]),
        suites={str(name): float(suite["margin_percent"]) for name, suite in content["suites"].items()},
        uninformative_within_percent=float(content["uninformative_within_percent"]),
        curve_ratio=float(content["curve_margin_ratio"]),
    )
