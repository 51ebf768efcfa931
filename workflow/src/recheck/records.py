"""Records: what a result was made from, kept with the result.

    python -m recheck.records '<a unit as JSON>'

A unit is what one job makes: a prepared dataset, a block of trained seeds, the tables of an experiment. Its
record is a small JSON file next to its outputs:

``stage``    the stage's name
``wanted``   the part of the configuration that makes the result, and the stage's format or program
``inputs``   path -> SHA-256 of what was read
``outputs``  path -> SHA-256 and bytes of what was written
``sha256``   of the record itself without this key; records of earlier versions have none

The plan compares records with what it wants now (`recheck.restarts`); dates do not count, and Snakemake's own
folder `.snakemake` is not needed. A path of the form ``FILE#KEY`` is the value of one key of a JSON file: the
trainer depends on the rows of a dataset (``manifest.json#content_sha256``), not on its reference scores.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from recheck import checksums, cli, files
from recheck.errors import FileError, RecheckError

FORMAT = 1
NAME = "record.json"
# Another key is one of these that was damaged, or of a later version.
_KEYS = frozenset(("format", "stage", "wanted", "inputs", "outputs", "sha256"))
# Larger files are not read when the plan is made: their stored hash and their size count, and who reads them
# checks the hash (`recheck.checksums`).
SMALL_BYTES = 1 << 20
# Snakemake's mark in a folder that is an output.
_IGNORED = (NAME, ".snakemake_timestamp")


VALUE_AT = "value at "


@dataclass(frozen=True)
class Unit:
    """What one job makes, and from what.

    Attributes:
        stage: the rule's name.
        name: what the unit is called in messages.
        outputs: files or folders, relative to the root; all are there when the unit is finished.
        record: path of its record.
        wanted: the part of the configuration that makes the result.
        inputs: what it reads of results, as paths or ``FILE#KEY``.
        long: whether it takes minutes to hours: then a result without a record is taken in, and what it was
            made from may be gone.
        evidence: what a result without a record shows of its configuration: ``FILE#KEY`` -> value; a value
            that begins with `VALUE_AT` is itself at ``FILE#KEY``.
        sources: files of the user's without which it cannot be made again.
        former_formats: values of the key ``format`` of `wanted` whose results stay.
    """

    stage: str
    name: str
    outputs: tuple[str, ...]
    record: str
    wanted: Mapping[str, Any]
    inputs: tuple[str, ...] = ()
    long: bool = False
    evidence: Mapping[str, Any] | None = None
    former_formats: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()

    def as_json(self) -> str:
        """The unit as text, for the command of this module."""
        # Not asdict(), which copies every list and dictionary: this is done for each job of a plan.
        return json.dumps({each.name: getattr(self, each.name) for each in fields(self)}, sort_keys=True)


def unit_from_json(text: str) -> Unit:
    """A unit from its text.

    Raises:
        FileError: the text is not a unit.
    """
    try:
        content = json.loads(text)
        for key in ("outputs", "inputs", "former_formats", "sources"):
            content[key] = tuple(content.get(key, ()))
        return Unit(**content)
    except (ValueError, TypeError, KeyError) as error:
        raise FileError(f"The unit cannot be read ({error}); it is what the plan hands to a rule.") from None


def read(root: Path, unit: Unit) -> dict[str, Any] | None:
    """A unit's record; None where there is none, or none that can be used (`is_unusable`)."""
    return load(root / unit.record)


def load(path: Path) -> dict[str, Any] | None:
    """A record; None where there is none, or none that can be used."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if _is_record(content) else None


def is_unusable(root: Path, unit: Unit) -> bool:
    """Whether there is a record that cannot be used: it is damaged, or of another version."""
    return (root / unit.record).exists() and read(root, unit) is None


def _is_record(content: Any) -> bool:
    if not isinstance(content, dict) or content.get("format") != FORMAT or not _KEYS.issuperset(content):
        return False
    if not all(isinstance(content.get(key), dict) for key in ("wanted", "inputs", "outputs")):
        return False
    if not all(
        isinstance(known, dict) and {"sha256", "bytes"} <= set(known) for known in content["outputs"].values()
    ):
        return False
    return bool(content.get("sha256", _own_sha256(content)) == _own_sha256(content))


def _own_sha256(content: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def short(root: Path, unit: Unit) -> str:
    """The first digits of the hash of a unit's record, by which a report names it."""
    return files.sha256(root / unit.record)[:12]


def write(root: Path, unit: Unit) -> None:
    """Write the record of a unit that has just been made.

    Raises:
        RecheckError: an output cannot be read, or the record cannot be written.
    """
    inputs = {path: fingerprint(root, path) for path in unit.inputs}
    content = {
        "format": FORMAT,
        "stage": unit.stage,
        "wanted": unit.wanted,
        "inputs": {path: found for path, found in inputs.items() if found is not None},
        "outputs": {
            path: {"sha256": _content(root / path), "bytes": size(root / path)}
            for output in unit.outputs
            for path in members(root, output)
        },
    }
    files.write_json(root / unit.record, {**content, "sha256": _own_sha256(content)})


def members(root: Path, output: str) -> list[str]:
    """The files of an output: itself, or what a folder holds but for records."""
    folder = root / output
    if not folder.is_dir():
        return [output]
    found = (path for path in folder.rglob("*") if path.is_file() and path.name not in _IGNORED)
    return sorted(str(path.relative_to(root)) for path in found)


def fingerprint(root: Path, path: str) -> str | None:
    """The content of an input: a file's SHA-256, one of all files of a folder, or the value of a key.

    Returns:
        None where it is not there.
    """
    name, _, key = path.partition("#")
    found = root / name
    if key:
        return _key(found, key)
    if found.is_dir():
        hasher = hashlib.sha256()
        for member in members(root, name):
            hasher.update(f"{member}\0{_content(root / member)}\0".encode())
        return hasher.hexdigest()
    return _content(found) if found.is_file() else None


def value_of(root: Path, path: str) -> Any:
    """The value at ``FILE#KEY.KEY``, or None where the file or a key is not there."""
    name, _, key = path.partition("#")
    try:
        value = json.loads((root / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _key(path: Path, key: str) -> str | None:
    value = value_of(path.parent, f"{path.name}#{key}")
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _content(path: Path) -> str:
    """The SHA-256 of a file: computed, or of a large file the one that is stored with it."""
    found = path.stat()
    if found.st_size > SMALL_BYTES:
        stored = checksums.sidecar(path)
        if stored.is_file():
            return stored.read_text(encoding="utf-8")[:64]
    return _computed(path, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=1 << 16)
def _computed(path: Path, size_bytes: int, mtime_ns: int) -> str:
    return files.sha256(path)


def size(path: Path) -> int:
    """Bytes of a file."""
    return path.stat().st_size


def damaged(root: Path, record: Mapping[str, Any], unit: Unit) -> str | None:
    """The first output that is not what was written, or a file that was not written with them; None if none.

    Large files of a unit that takes hours are compared by their size alone where their reader compares a
    hash: a stored one, or that of a dataset's rows. All others are hashed whole.
    """
    for path, known in record["outputs"].items():
        found = root / path
        if not found.is_file() or size(found) != known["bytes"]:
            return str(path)
        by_its_reader = unit.stage == "dataset" or checksums.sidecar(found).is_file()
        if unit.long and known["bytes"] > SMALL_BYTES and by_its_reader:
            continue
        if _computed(found, known["bytes"], found.stat().st_mtime_ns) != known["sha256"]:
            return str(path)
    present = (path for output in unit.outputs for path in members(root, output))
    return next((path for path in present if path not in record["outputs"]), None)


def contradicting(root: Path, unit: Unit) -> str | None:
    """The first output that differs from its stored hash, or None; no large file is read."""
    for path in (member for output in unit.outputs for member in members(root, output)):
        stored, found = checksums.sidecar(root / path), root / path
        if not stored.is_file() or not found.is_file() or size(found) > SMALL_BYTES:
            continue
        if stored.read_text(encoding="utf-8", errors="replace")[:64] != _content(found):
            return path
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m recheck.records", description="Write a unit's record.")
    parser.add_argument("unit", help="the unit as JSON")
    given = parser.parse_args(arguments)
    return cli.run(lambda: write(Path(), unit_from_json(given.unit)))


def adopt(root: Path, unit: Unit) -> RecheckError | None:
    """Write the record of a result of an earlier version; returns what prevented it."""
    try:
        for path in (root / member for output in unit.outputs for member in members(root, output)):
            if checksums.sidecar(path).is_file():
                checksums.check(path, "It is not taken in.")
            elif size(path) > SMALL_BYTES:
                checksums.write(path)
        if unit.former_formats:
            unit = replace(unit, wanted={**unit.wanted, "format": unit.former_formats[0]})
        write(root, unit)
    except (RecheckError, OSError) as error:
        return error if isinstance(error, RecheckError) else FileError(str(error))
    return None


if __name__ == "__main__":
    sys.exit(main())
