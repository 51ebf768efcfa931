"""Results of another cluster, taken into this results folder; nothing is trained.

    recheck merge /path/to/other/results

Prepared datasets, trained runs and their episodes come with their records (`recheck.records`). Before a file
is copied, everything is compared: every file of the other folder with the hash in its record, and what is in
both folders with each other. A contradiction is refused, and nothing is copied. Scores, tables and figures
are not taken: the next call of Snakemake makes them from the merged runs, within seconds.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recheck import checksums, files, paths, records
from recheck.errors import FileError
from recheck.experiments import seed_blocks
from recheck.restarts import results_lock

# Stage -> what of its outputs decides whether two results are one: the rows, the policies, the episodes.
# Times differ from machine to machine.
DECIDES = {
    "dataset": "manifest.json#content_sha256",
    "train": "policies.safetensors",
    "evaluate": ".parquet",
}
PLACES = {"dataset": "datasets", "train": "runs", "evaluate": "episodes"}


@dataclass(frozen=True)
class Result:
    """One result of the other folder: a dataset, a block of trained seeds, its episodes.

    Attributes:
        stage: dataset, train or evaluate.
        record: path of its record, as every path from the root.
        content: the record.
    """

    stage: str
    record: str
    content: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.record.removesuffix(f"/{records.NAME}").removesuffix(f".{records.NAME}")

    @property
    def decides(self) -> str:
        """The file, or the key of a file, by which two results are one."""
        return f"{self.name}.parquet" if self.stage == "evaluate" else f"{self.name}/{DECIDES[self.stage]}"


@dataclass
class Merged:
    """What a merge found, and did.

    Attributes:
        taken: results that were copied.
        present: results that were here.
        without_record: files of the other folder that no record names, so that nobody can vouch for them.
        twice: runs of which some seeds are in two blocks.
    """

    taken: list[Result] = field(default_factory=list)
    present: list[Result] = field(default_factory=list)
    without_record: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """What is said of it."""
        count = {stage: sum(result.stage == stage for result in self.taken) for stage in PLACES}
        said = [
            f"Taken: {count['dataset']} datasets, {count['train']} blocks of trained seeds, "
            f"{count['evaluate']} evaluations. Here already, with the same content: {len(self.present)}."
        ]
        if self.twice:
            said.append(
                f"Seeds that are in two blocks: {_listed(self.twice)}. Each counts once: of two blocks the "
                "one that serves more of the seeds asked for."
            )
        if self.without_record:
            said.append(
                f"Left where they are, without a record: {_listed(self.without_record)}. Called there once, "
                "Snakemake writes records of finished results; then merge again."
            )
        return said


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def merge(root: Path, other: Path, only_check: bool = False) -> Merged:
    """Take the results of another folder.

    Args:
        root: the repository's root, with the results folder.
        other: another results folder, or the clone that holds it.
        only_check: compare, and copy nothing.

    Raises:
        FileError: `other` is not a results folder, or this one; a file there is not what was written; or a
            result contradicts one that is here. Nothing has been copied then.
    """
    source = _results_folder(root, other)
    merged = Merged()
    results = list(_results(source, merged))
    if not results:
        raise FileError(
            f"{source} holds no dataset, run or episodes with a record; give the folder `results` of another "
            "clone."
        )
    for result in results:
        here = records.fingerprint(root, result.decides)
        _check_intact(source, result)
        if here is None:
            merged.taken.append(result)
        elif here == _fingerprint(source, result.decides):
            merged.present.append(result)
        else:
            raise FileError(_contradiction(result, source))
    for result in results:
        _check_inputs(root, source, result)
    merged.twice = _seeds_twice(root, merged.taken)
    if not only_check:
        _copy(root, source, [*merged.taken, *merged.present])
    return merged


def _results_folder(root: Path, other: Path) -> Path:
    inside = other / paths.RESULTS
    source = inside if inside.is_dir() else other
    if not source.is_dir():
        raise FileError(f"{other}: there is no such folder; give the folder `results` of another clone.")
    if source.resolve() == (root / paths.RESULTS).resolve():
        raise FileError(f"{other} is this results folder itself; give that of another clone.")
    return source


def _there(source: Path, path: str) -> Path:
    """A path from the root, in the other results folder."""
    return source / Path(path).relative_to(paths.RESULTS)


def _fingerprint(source: Path, path: str) -> str | None:
    name, _, key = path.partition("#")
    found = _there(source, name)
    return records.fingerprint(found.parent, f"{found.name}#{key}" if key else found.name)


def _results(source: Path, merged: Merged) -> Iterator[Result]:
    """Every finished result with a record; what has none is noted."""
    for stage, place in PLACES.items():
        named: set[str] = set()
        for path in sorted((source / place).rglob(f"*{records.NAME}")):
            where = f"{paths.RESULTS}/{path.relative_to(source)}"
            content = records.load(path)
            if content is None or content.get("stage") != stage:
                continue
            named.update(content["outputs"])
            yield Result(stage, where, content)
        decisive = DECIDES[stage].partition("#")[0]
        for path in sorted((source / place).rglob(f"*{decisive}")):
            where = f"{paths.RESULTS}/{path.relative_to(source)}"
            if where not in named and not path.name.endswith(".timing.parquet"):
                merged.without_record.append(where)


def _check_intact(source: Path, result: Result) -> None:
    """Compare every file with the hash in the record, whole."""
    for path, known in result.content["outputs"].items():
        if ".." in Path(path).parts or not Path(path).is_relative_to(paths.RESULTS):
            raise FileError(f"{_there(source, result.record)} names {path}, which is not a file of results.")
        found = _there(source, path)
        if not found.is_file() or files.sha256(found) != known["sha256"]:
            raise FileError(
                f"{found} is not what was written (its record is {_there(source, result.record)}); bring it "
                "back, or remove that result there, and merge again."
            )


def _contradiction(result: Result, source: Path) -> str:
    what = {
        "dataset": "has other rows",
        "train": "holds other policies of the same seeds",
        "evaluate": "holds other episodes of the same policies",
    }[result.stage]
    return (
        f"{result.name} {what} here than in {source}: both cannot be kept. Remove it in one of the two "
        "folders, with what was made from it, and merge again."
    )


def _check_inputs(root: Path, source: Path, result: Result) -> None:
    """Refuse a result made from another dataset or other policies than those it is merged with."""
    for path, known in result.content["inputs"].items():
        here = records.fingerprint(root, path)
        now = _fingerprint(source, path) if here is None else here
        if now is not None and now != known:
            where = paths.RESULTS if here is not None else source
            raise FileError(
                f"{result.name} in {source} was made from a different {path.partition('#')[0]} than that in "
                f"{where}: the two do not belong together. Remove one of them, and merge again."
            )


def _seeds_twice(root: Path, taken: list[Result]) -> list[str]:
    """Blocks that are taken and hold a seed that another block here holds."""
    found = []
    for result in taken:
        if result.stage != "train":
            continue
        group, name = result.name.rpartition("/")[::2]
        own = set(range(*seed_blocks.seeds_of(name)))
        others = {
            path.name
            for path in (root / group).glob("seeds*-*")
            if path.name != name and own & set(range(*seed_blocks.seeds_of(path.name)))
        }
        found += [f"{result.name} and {other}" for other in sorted(others)]
    return found


def _copy(root: Path, source: Path, results: list[Result]) -> None:
    """Copy what is missing, each file whole and the record last."""
    missing = []
    for result in results:
        listed = [name for path in result.content["outputs"] for name in (path, _sidecar(path))]
        missing += [name for name in [*listed, result.record] if not (root / name).exists()]
    wanted = [name for name in missing if _there(source, name).is_file()]
    lock = results_lock.claim(root, wanted)
    try:
        for name in wanted:
            with files.atomic(root / name) as temporary:
                shutil.copyfile(_there(source, name), temporary)
    finally:
        lock.release()


def _sidecar(path: str) -> str:
    return str(checksums.sidecar(Path(path)))
