"""The papers' side's own settings, fixed before any result is seen: margins and costs.

YAML files beside their JSON schemas; `load` checks one against the other.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from paper_tables.errors import TablesError

FOLDER = Path(__file__).parent


def load(name: str, path: Path | None = None) -> dict[str, Any]:
    """Read `<name>.yaml` (or another file of the same form) and check it against `<name>.schema.json`.

    Args:
        name: `margins` or `cost`.
        path: another file to read in its place.

    Raises:
        TablesError: the file is absent, is not YAML, or breaks the schema; the message names the entry.
    """
    import yaml
    from jsonschema import Draft202012Validator

    file = FOLDER / f"{name}.yaml" if path is None else path
    if not file.is_file():
        raise TablesError(f"There is no file {file}.")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TablesError(f"{file} cannot be read as YAML: {' '.join(str(error).split())}.") from error
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    wrong = sorted(
        Draft202012Validator(schema).iter_errors(content), key=lambda item: [str(part) for part in item.path]
    )
    if wrong:
        where = ".".join(str(part) for part in wrong[0].path) or "the top level"
        raise TablesError(f"{file}, {where}: {wrong[0].message}.")
    if not isinstance(content, dict):
        raise TablesError(f"{file} must hold a mapping.")
    return content
