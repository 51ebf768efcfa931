"""Whether two descriptions of a dataset's rows are of one source, however it is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What says which files the rows come from; all else says how they are read.
_FILE_KEYS = ("sha256", "file", "urls")
SOURCE_KEYS = (*_FILE_KEYS, "behaviours")


def is_same_source(before: Mapping[str, Any], now: Mapping[str, Any], source_sha256: str | None) -> bool:
    """Whether rows that were prepared are those that are wanted now.

    A file that is no longer there, has another address or got its hash later is the same source.

    Args:
        before: the rows of a record, as `recheck.restarts.stages.dataset_rows` describes them.
        now: those of the plan.
        source_sha256: of the file that was read, from the manifest.
    """
    keys = {*before, *now}.difference(SOURCE_KEYS)
    if any(before.get(key) != now.get(key) for key in keys):
        return False
    played = before.get("behaviours") or {}
    if any(played.get(path) != content for path, content in (now.get("behaviours") or {}).items()):
        return False
    wanted = _contents(now)
    return not wanted or wanted <= {*_contents(before), source_sha256}


def _contents(rows: Mapping[str, Any]) -> set[str | None]:
    """The hashes of the files that rows are read from, as far as they are known."""
    return {found for found in (rows.get("sha256"), *(rows.get("file") or [])) if found}
