"""Read scores from any file or folder that a user has."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.score_files import arrays, json_rows, logs, sources
from paper_tables.score_files.assemble import UserScores, assemble, warnings_of
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.records import Records, records_of
from paper_tables.scores import plausible, tables

ARRAYS = (".npz", ".json", ".pickle", ".pkl")
FORMATS = "CSV, TSV, Parquet, JSON lines, JSON, .npz, .pickle, or a folder of logs"


def read_scores(path: Path, options: ScoreOptions | None = None) -> UserScores:
    """The scores of a file or folder.

    Args:
        path: CSV, TSV, Parquet, JSON lines, rliable's arrays (`.npz`, `.json`), or a folder of TensorBoard,
            d3rlpy or CORL logs or of such files.
        options: what the user states; everything else is guessed and said in the messages.

    Raises:
        TablesError: the file is absent, or something in it cannot be used; the message has the line and what
            is allowed.
    """
    stated = options or ScoreOptions()
    if not path.exists():
        raise TablesError(f"There is no file or folder {path}.")
    own = path / "scores.parquet" if path.is_dir() else path
    if own.is_file() and _is_own(own):
        return _read_own(own, stated)
    if path.is_dir():
        return assemble(logs.read_folder(path, stated), stated)
    if not path.stat().st_size:
        raise TablesError(f"{path} is empty; it needs a line of column names and rows.")
    found = _read_file(path, stated)
    if stated.tasks and sources.suffix_of(path) not in ARRAYS:
        found.messages.append("tasks is not used: it names the tasks of an array, and this file is none.")
    return assemble([found], stated)


def _is_own(path: Path) -> bool:
    """Whether a file is a table of scores of this project: it has the columns of the schema ``scores``."""
    if sources.suffix_of(path) not in (".parquet", ".pq"):
        return False
    required = frames.load_schema("scores")["items"]["required"]
    return set(required) <= set(sources.read_parquet(path).names)


def _read_own(path: Path, options: ScoreOptions) -> UserScores:
    """Scores that this project wrote: every column is known, and nothing is guessed."""
    runs = frames.read_parquet(path, "scores")
    plausible.check_range(runs, str(path))
    if options != ScoreOptions():
        given = ", ".join(item.name for item in fields(options) if getattr(options, item.name))
        raise TablesError(
            f"{path} is a table of scores of this project and states its columns; leave out {given}."
        )
    curves = path.parent / f"{tables.CHECKPOINTS}.parquet"
    checkpoints = frames.read_parquet(curves, tables.CHECKPOINTS) if curves.is_file() else pd.DataFrame()
    messages = [f"{path} is a table of scores of this project: its columns are used as they are."]
    return UserScores(runs, messages, warnings_of(runs, stated=True), checkpoints)


def _read_file(path: Path, options: ScoreOptions) -> Records:
    suffix = sources.suffix_of(path)
    if suffix == ".npz":
        return arrays.read_npz(path, options)
    if suffix in (".pickle", ".pkl"):
        return arrays.read_pickle(path, options)
    if suffix == ".json":
        found = arrays.read_json(path, options)
        return found if isinstance(found, Records) else records_of(found, options, path.stem)
    if suffix in (".parquet", ".pq"):
        return records_of(sources.read_parquet(path), options, path.stem)
    if suffix in (".jsonl", ".ndjson"):
        return records_of(json_rows.read_json_lines(path), options, path.stem)
    if suffix in (*sources.TEXT_SUFFIXES, ".txt", ""):
        return records_of(sources.read_text(path, options.delimiter), options, path.stem)
    raise TablesError(f"{path} has the ending '{suffix}'; scores are read from {FORMATS}.")


def write_scores(scores: UserScores, folder: Path) -> None:
    """Write the four tables of an experiment, without episodes, costs and losses, and the steps of logs."""
    for name in tables.FILES:
        table = scores.runs if name == "scores" else pd.DataFrame(columns=frames.columns(name))
        frames.write_parquet(table, folder / f"{name}.parquet", name)
    curves = folder / f"{tables.CHECKPOINTS}.parquet"
    if len(scores.checkpoints):
        frames.write_parquet(scores.checkpoints, curves, tables.CHECKPOINTS)
    else:
        curves.unlink(missing_ok=True)
