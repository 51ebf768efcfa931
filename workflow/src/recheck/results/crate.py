"""RO-Crate metadata (version 1.1) for a folder of results, so that it can be deposited and read by others.

``ro-crate-metadata.json`` names every file with its size, SHA-256 and format, the program with its version,
and, where a stage left a record, the action that made a file from others. It is written by the library
``rocrate`` and read back by it.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from recheck import files, records
from recheck.errors import ConfigError, FileError

NAME = "ro-crate-metadata.json"
LICENCE = "https://spdx.org/licenses/Apache-2.0"
# Formats that the standard library does not know.
FORMATS = {
    ".parquet": "application/vnd.apache.parquet",
    ".safetensors": "application/octet-stream",
    ".md": "text/markdown",
    ".yaml": "application/yaml",
    ".csv": "text/csv",
    ".tex": "application/x-tex",
}
# What says nothing of a result: marks of Snakemake, logs, the state of unfinished runs.
LEFT_OUT = ("logs", "state")


@dataclass(frozen=True)
class Described:
    """What was written.

    Attributes:
        path: of the metadata.
        num_files: files that it names.
        num_bytes: of them together.
        num_actions: stages whose record is in the folder.
    """

    path: Path
    num_files: int
    num_bytes: int
    num_actions: int


def describe(folder: Path, name: str, description: str, date: str) -> Described:
    """Write the metadata of a folder, and read it back.

    Args:
        folder: of results; its files stay as they are.
        name: of the deposit.
        description: a sentence about it.
        date: of publication, as ``2026-11-27``.

    Raises:
        ConfigError: the library is not installed.
        FileError: there is no such folder, it is empty, or a file cannot be read.
    """
    try:
        from rocrate.model.contextentity import ContextEntity
        from rocrate.rocrate import ROCrate
    except ImportError:
        raise ConfigError(
            "recheck crate needs the package rocrate, which is not installed; pip install 'recheck[crate]'."
        ) from None
    if not folder.is_dir():
        raise FileError(f"There is no folder {folder}; a crate describes a folder of results.")
    found = list(members(folder))
    if not found:
        raise FileError(f"{folder} holds no file of results: there is nothing to describe.")
    crate = ROCrate(version="1.1")
    # The context of version 1.1 does not have the term; that of 1.3 has it as this.
    crate.metadata.extra_terms = {"sha256": "http://schema.org/sha256"}
    crate.name, crate.description = name, description
    licence = {"@type": "CreativeWork", "name": "Apache License 2.0"}
    crate.license = crate.add(ContextEntity(crate, LICENCE, properties=licence))
    crate.datePublished = date
    program = crate.add(
        ContextEntity(
            crate,
            "#recheck",
            properties={
                "@type": "SoftwareApplication",
                "name": "Recheck",
                "version": _version(),
            },
        )
    )
    entities = {}
    for path in found:
        place = path.relative_to(folder).as_posix()
        entities[place] = crate.add_file(path, place, properties=_properties(path))
    actions = list(_actions(folder, found, set(entities)))
    for identifier, stage, read, made in actions:
        action = crate.add(
            ContextEntity(crate, identifier, properties={"@type": "CreateAction", "name": f"Stage {stage}"})
        )
        action["instrument"] = program
        action["object"] = [entities[place] for place in read]
        action["result"] = [entities[place] for place in made]
    document: dict[str, Any] = crate.metadata.generate()
    files.write_json(folder / NAME, document)
    verify(folder)
    sizes = sum(path.stat().st_size for path in found)
    return Described(folder / NAME, len(found), sizes, len(actions))


def verify(folder: Path) -> None:
    """Read a crate back and compare every file with its size and SHA-256.

    Raises:
        FileError: the metadata cannot be read, or a file is not what they say.
    """
    from rocrate.rocrate import ROCrate

    try:
        crate = ROCrate(folder)
    except (ValueError, KeyError, OSError) as error:
        raise FileError(
            f"{folder / NAME} is not RO-Crate metadata ({' '.join(str(error).split())})."
        ) from None
    for entity in crate.data_entities:
        path = folder / entity.id
        if entity.type != "File" or not path.is_file():
            raise FileError(f"{folder / NAME} names {entity.id}, which is not there.")
        if entity["sha256"] != files.sha256(path) or int(entity["contentSize"]) != path.stat().st_size:
            raise FileError(
                f"{path} differs from what {folder / NAME} says; `recheck crate` writes it again."
            )


def members(folder: Path) -> Iterator[Path]:
    """The files of a folder that a deposit names, sorted."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts)
        if path.is_file() and not hidden and parts[0] not in LEFT_OUT and parts != (NAME,):
            yield path


def _properties(path: Path) -> dict[str, Any]:
    guessed = mimetypes.guess_type(path.name)[0]
    return {
        "name": path.name,
        "encodingFormat": FORMATS.get(path.suffix) or guessed or "application/octet-stream",
        "contentSize": str(path.stat().st_size),
        "sha256": files.sha256(path),
    }


def _actions(
    folder: Path, found: list[Path], places: set[str]
) -> Iterator[tuple[str, str, list[str], list[str]]]:
    """Identifier, stage, what was read and what was made, of every record in the folder."""
    for path in found:
        if not path.name.endswith(records.NAME):
            continue
        content = records.load(path)
        if content is None:
            continue
        above = _above(list(content["outputs"]), places)
        read = [place for name in content["inputs"] for place in _inside(name, above, places)]
        made = [place for name in content["outputs"] for place in _inside(name, above, places)]
        if made:
            place = path.relative_to(folder).as_posix()
            yield f"#{place}", str(content.get("stage", "")), read, made


def _above(outputs: list[str], places: set[str]) -> str:
    """What a record's names, which begin at the repository's root, have before the folder's own."""
    starts = {""}
    for name in outputs:
        parts = Path(name).parts
        starts |= {"/".join(parts[:count]) + "/" for count in range(1, len(parts))}

    def known(start: str) -> int:
        return sum(name.startswith(start) and name[len(start) :] in places for name in outputs)

    return max(sorted(starts, key=len), key=known)


def _inside(name: str, above: str, places: set[str]) -> list[str]:
    """The places in the folder that a record's name means: a file, or all of a folder."""
    name = name.partition("#")[0]
    if not name.startswith(above):
        return []
    place = name[len(above) :]
    return [other for other in sorted(places) if other == place or other.startswith(f"{place}/")]


def _version() -> str:
    try:
        return metadata.version("recheck")
    except metadata.PackageNotFoundError:
        return "unknown"
