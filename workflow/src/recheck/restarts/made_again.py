"""Restarts: which results are what the plan wants, which are made again, and why.

Every result carries a record of what it was made from (`recheck.records`). When Snakemake starts, the records
are compared with the plan: content decides, never a date, on any machine and without `.snakemake`. What is
checked, when, and what is reported: docs/restarts.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recheck import paths, records
from recheck.errors import ConfigError, RecheckError
from recheck.records import Unit
from recheck.restarts.same_source import SOURCE_KEYS, is_same_source
from recheck.restarts.stages import ON_REQUEST
from recheck.words import first_of


@dataclass
class RecordComparison:
    """What the comparison of all units with their records says.

    Attributes:
        again: unit's record path -> why it is made again though its outputs are there.
        adopted: units of an earlier version that have no record yet.
        lost: units that are not there any more while results made from them are.
        forced: every output of the units that are made again, and of what was made from them.
        kept: every output of the units that are there and stay.
        known: every output of all units.
        unusable: records that are there and cannot be used.
        unread: damaged files that are made again: no key of theirs is compared.
    """

    again: dict[str, str] = field(default_factory=dict)
    adopted: list[Unit] = field(default_factory=list)
    lost: list[Unit] = field(default_factory=list)
    forced: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    unusable: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)


def check_folder(root: Path) -> list[str]:
    """Refuse a results folder that cannot be one: a file, or a link to a place that is not there.

    Returns:
        The message about a folder that cannot be written.

    Raises:
        ConfigError: it is.
    """
    folder = root / paths.RESULTS
    if folder.is_symlink() and not folder.exists():
        raise ConfigError(
            f"{paths.RESULTS} is a link to {folder.readlink()}, which is not there: is its disk mounted? "
            "Make that folder, or remove the link."
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{paths.RESULTS} is a file; it has to be a folder or a link to one.")
    if folder.exists() and not os.access(folder, os.W_OK):
        return [f"{paths.RESULTS} cannot be written: nothing can be made, and the report stays as it is."]
    return []


def compare(root: Path, units: Iterable[Unit], forced_rules: Iterable[str] = ()) -> RecordComparison:
    """Compare units with their records.

    Args:
        root: the repository's root.
        units: those of the plan, each after what it is made from.
        forced_rules: rules that the user has forced; what was made from their outputs follows.

    Raises:
        ConfigError: a trained run is not what was written.
    """
    found = RecordComparison()
    # Three rules prepare datasets, one for each kind of source.
    rules = {"dataset" if name.endswith("_dataset") else name for name in forced_rules}
    changed: set[str] = set()  # outputs that will be others: paths, or all keys of a file
    missing: dict[str, Unit] = {}
    for unit in units:
        found.known.update(unit.outputs)
        if not all((root / output).exists() for output in unit.outputs):
            missing.update(dict.fromkeys(unit.outputs, unit))
            # What takes seconds and is gone, all or in part, is made again, with what follows.
            if not unit.long:
                found.forced.update(unit.outputs)
            if unit.stage in rules or not unit.long:
                changed.update(_changed(unit, unit.stage == "dataset"))
            continue
        reason = _follows(unit, changed)
        keys_only = False
        if reason is None:
            reason, keys_only = _state(root, unit, found)
        if reason is None and unit.stage not in rules:
            _note_lost(unit, missing, found)
            found.kept.update(unit.outputs)
            continue
        if reason is None:
            # Prepared again, the same source gives the same rows.
            keys_only = unit.stage == "dataset"
        _require_sources(root, unit, reason)
        changed.update(_changed(unit, keys_only))
        found.forced.update(unit.outputs)
        if reason is not None:
            found.again[unit.record] = f"{unit.stage} {unit.name}".rstrip() + f": {reason}"
    return found


def _changed(unit: Unit, keys_only: bool) -> set[str]:
    """A unit's outputs as others compare them: whole, or other keys of a file whose rows stay."""
    return {f"{output}#" if keys_only else output for output in unit.outputs}


def _require_sources(root: Path, unit: Unit, reason: str | None) -> None:
    """Refuse to make again what cannot be made: nothing may be trained on the rows of before."""
    gone = [path for path in unit.sources if not (root / path).exists()]
    if gone:
        raise ConfigError(
            f"{unit.stage} {unit.name} has to be made again ({reason or 'it is forced'}), but {gone[0]} "
            "is not there. Restore it, or give the folder that holds it as data_folder=."
        )


def _follows(unit: Unit, changed: set[str]) -> str | None:
    for path in unit.inputs:
        name, _, key = path.partition("#")
        # A file of a folder that is made again is another one too.
        made = next((one for one in (name, *map(str, Path(name).parents)) if one in changed), None)
        if made is not None or (not key and f"{name}#" in changed):
            return f"{made or name} is made again"
    return None


def _state(root: Path, unit: Unit, found: RecordComparison) -> tuple[str | None, bool]:
    """Why a unit that is there is made again (None: it is not), and whether its rows stay the same."""
    record = records.read(root, unit)
    if record is None:
        return _without_record(root, unit, found)
    broken = records.damaged(root, record, unit)
    if broken and unit.stage == "train":
        raise ConfigError(_damaged_run(broken, unit))
    wanted = _as_known(root, unit, record["wanted"])
    if record["wanted"] != wanted:
        keys = sorted(
            key for key in {*wanted, *record["wanted"]} if record["wanted"].get(key) != wanted.get(key)
        )
        return _difference(record["wanted"], wanted, keys), keys == ["description"]
    if broken:
        return _made_again(broken, unit, found)
    return _other_input(root, unit, record["inputs"], found.unread), False


def _made_again(broken: str, unit: Unit, found: RecordComparison) -> tuple[str, bool]:
    """The reason of a damaged unit that is made again, and whether its rows stay the same."""
    found.unread.update(unit.outputs)
    # The same source gives the same rows. Should they be others, the runs' records say so.
    return f"{broken} is not what was written", unit.stage == "dataset"


def _damaged_run(path: str, unit: Unit) -> str:
    return (
        f"{path} is not what was written (its record is {unit.record}). Remove the folder "
        f"{Path(unit.record).parent} to train again, or bring the file back."
    )


def _as_known(root: Path, unit: Unit, known: Mapping[str, Any]) -> dict[str, Any]:
    """What is wanted; a former format that stays and rows of the same file are spelled as in the record."""
    wanted = dict(unit.wanted)
    if known.get("format") in unit.former_formats:
        wanted["format"] = known["format"]
    if unit.stage == "dataset" and isinstance(known.get("rows"), dict):
        source = records.value_of(root, f"{unit.outputs[0]}#source_sha256")
        spelled = {key: known["rows"][key] for key in SOURCE_KEYS if key in known["rows"]}
        as_before = {**wanted["rows"], **spelled}
        if is_same_source(as_before, wanted["rows"], source):
            wanted["rows"] = as_before
    return wanted


def _without_record(root: Path, unit: Unit, found: RecordComparison) -> tuple[str | None, bool]:
    unusable = records.is_unusable(root, unit)
    if not unit.long:
        return ("its record cannot be used" if unusable else "nothing says what it was made from"), False
    broken = records.contradicting(root, unit)
    if broken and unit.stage == "train":
        raise ConfigError(_damaged_run(broken, unit))
    if broken:
        return _made_again(broken, unit, found)
    for path, wanted in (unit.evidence or {}).items():
        value = wanted
        if isinstance(wanted, str) and wanted.startswith(records.VALUE_AT):
            value = records.value_of(root, wanted.removeprefix(records.VALUE_AT))
        kept = records.value_of(root, path)
        if kept is not None and value is not None and kept != value:
            # From the records on, the same is said by the comparison of what was wanted.
            return f"it was made with {path.partition('#')[2]} {kept}, now {value}", False
    found.adopted.append(unit)
    if unusable:
        found.unusable.add(unit.record)
    return None, False


def _other_input(root: Path, unit: Unit, known: Mapping[str, str], unread: set[str]) -> str | None:
    for path in unit.inputs:
        if path.partition("#")[0] in unread:
            continue
        now = records.fingerprint(root, path)
        if now is None:
            if unit.long or path.startswith(("results/runs/", "results/episodes/", "results/datasets/")):
                continue
            return f"{path} is not there any more"
        if path not in known:
            return f"it was made without {path}"
        if known[path] != now:
            return f"{path} is another one"
    return None


def _difference(before: Mapping[str, Any], now: Mapping[str, Any], keys: list[str]) -> str:
    parts = []
    for key in keys:
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            inner = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
            parts += [f"{name} was {_short(old.get(name))}, now {_short(new.get(name))}" for name in inner]
        elif key == "program":
            parts.append("the program has changed")
        else:
            parts.append(f"{key} was {_short(old)}, now {_short(new)}")
    return "; ".join(parts[:3]) + (f"; and {len(parts) - 3} more" if len(parts) > 3 else "")


def _short(value: Any) -> str:
    text = "empty" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _note_lost(unit: Unit, missing: Mapping[str, Unit], found: RecordComparison) -> None:
    for path in unit.inputs:
        gone = missing.get(path.partition("#")[0])
        if gone is not None and gone not in found.lost:
            found.lost.append(gone)


def messages(comparison: RecordComparison) -> list[str]:
    """What is reported to the user, one message each; long lists are cut."""
    said = []
    reasons: dict[tuple[str, str], list[str]] = {}
    for text in comparison.again.values():
        name, _, reason = text.partition(": ")
        on_request = name.partition(" ")[0] in ON_REQUEST
        kind = "Not up to date, made again when it is asked for" if on_request else "Made again"
        reasons.setdefault((kind, reason), []).append(name)
    for (kind, reason), names in reasons.items():
        said.append(f"{kind}: {first_of(names, 3)}: {reason}.")
    if comparison.adopted:
        said.append(
            f"{len(comparison.adopted)} finished results have no record{_unusable(comparison)}: they are "
            "taken as they are."
        )
    if comparison.lost:
        names = [f"{unit.stage} {unit.name}" for unit in comparison.lost]
        said.append(
            f"No longer there: {first_of(names, 3)}. What was made from it stays, but can no longer "
            "be traced or made again without it."
        )
    return said


def _unusable(comparison: RecordComparison) -> str:
    if not comparison.unusable:
        return ", as those of an earlier version"
    return (
        f" that can be used ({', '.join(sorted(comparison.unusable)[:3])} is damaged or of another version)"
    )


def adopt(root: Path, comparison: RecordComparison) -> list[str]:
    """Write the records of results that have none, once; returns messages for the user."""
    if not comparison.adopted:
        return []
    units, comparison.adopted = comparison.adopted, []
    failed: list[RecheckError] = []
    for unit in units:
        problem = records.adopt(root, unit)
        if problem is not None:
            failed.append(problem)
    written = len(units) - len(failed)
    said = [f"{written} records were written: the hashes were computed now and are compared from now on."]
    if failed:
        said.append(f"{len(failed)} records could not be written: {failed[0]}")
    return said
