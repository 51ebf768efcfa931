"""Training runs of others, seed by seed, in one form.

    python -m paper_tables.evidence.runs

reads every source, refuses what cannot be used, and prints how many runs each source has and for how many
of them some document reports a number. A source is one file ``public_runs/<source>.csv`` and one line in
``public_runs/sources.csv``; the columns are those of ``schemas/public_runs.schema.json``.
``docs/evidence.md`` says of each source what it is and what it may be compared with.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jsonschema import Draft202012Validator
from recheck.errors import TablesError

from paper_tables import frames, literature

FOLDER = Path(__file__).parents[1] / "public_runs"
D4RL_TASKS = Path(__file__).parents[1] / "config" / "d4rl_tasks.csv"

LARGEST_FRACTION = 1.6
"""The best policies known on D4RL score about 160 percent, so a fraction is at most 1.6."""

NEAR_ZERO_MEDIAN = 10.0
"""Percent. In a group whose median is above this, one score below `LARGEST_FRACTION` is suspect."""

EVALUATIONS_AVERAGED = {"last": 1, "average_last_k": 10, "best_online": 1}
GROUP = ["source", "implementation", "method", "variant", "task", "selection"]

# Column of reference_runs -> of public_runs.
_REFERENCE_COLUMNS = {
    "method": "method",
    "task": "task",
    "seed": "seed",
    "update": "updates",
    "num_episodes": "episodes",
    "score_percent": "score_percent",
}


def read_d4rl_tasks(path: Path = D4RL_TASKS) -> pd.DataFrame:
    """The tasks of D4RL, indexed by task: suite, reference returns, points of one episode's step.

    Source: Farama-Foundation/D4RL@89141a689b0353b0dac3da5cba60da4b1b16254d, files named in ``defined_in``.

    Raises:
        TablesError: the file is absent or breaks ``schemas/d4rl_tasks.schema.json``.
    """
    return frames.read_csv(path, "d4rl_tasks").set_index("task")


def read_sources(folder: Path = FOLDER) -> pd.DataFrame:
    """The sources, one row each, in the order of their lines.

    Raises:
        TablesError: the file is absent or a line breaks ``schemas/public_run_sources.schema.json``; the
            message names the line.
    """
    return _read_lines(folder / "sources.csv", "public_run_sources")


def read_source(source: pd.Series, folder: Path = FOLDER) -> pd.DataFrame:
    """The runs of one source, every row checked.

    Args:
        source: its row of `read_sources`.
        folder: where its file lies.

    Returns:
        Rows of the schema ``public_runs``, in the order of the file.

    Raises:
        TablesError: the header is another one, a value is not allowed, a task is not D4RL's (or is, where
            the source says that its data are others), a seed stands twice in a group, scores look like
            fractions or returns, or the number of rows is not the stated one. The message names the line.
    """
    if source["form"] == "reference_runs":
        path = literature.REFERENCE_RUNS
        table = _from_reference_runs(path)
    else:
        path = folder / f"{source['source']}.csv"
        table = _read_lines(path, "public_runs", _columns_of_the_file())
    for column in frames.load_schema("public_runs")["x-of-the-source"]:
        table[column] = source[column]
    _check_seeds(table, path)
    table = frames.check(table, "public_runs", str(path))
    _check_tasks(table, str(source["datasets"]), path)
    _check_scores(table, path)
    if len(table) != source["num_rows"]:
        raise TablesError(
            f"{path} has {len(table)} rows; {folder / 'sources.csv'} states {source['num_rows']} for "
            f"'{source['source']}'."
        )
    return table


def read_runs(folder: Path = FOLDER) -> pd.DataFrame:
    """The runs of all sources as one table of the schema ``public_runs``.

    Raises:
        TablesError: a source cannot be used, a file has no line in ``sources.csv`` or a line no file.
    """
    sources = read_sources(folder)
    named = {f"{name}.csv" for name in sources["source"]} | {"sources.csv"}
    strangers = sorted(path.name for path in folder.glob("*.csv") if path.name not in named)
    if strangers:
        raise TablesError(f"{folder / strangers[0]} has no line in {folder / 'sources.csv'}; add one.")
    return pd.concat([read_source(row, folder) for _, row in sources.iterrows()], ignore_index=True)


def count_runs(runs: pd.DataFrame, reported: pd.DataFrame) -> pd.DataFrame:
    """How many runs a source has, and for how many of them a document reports the method on the task.

    A run is counted once, whatever the number of rules that pick its checkpoint.

    Args:
        runs: rows of the schema ``public_runs``.
        reported: rows of the schema ``reported``.

    Returns:
        One row per source: ``source``, ``rows``, ``runs``, ``with_reported_number``,
        ``without_reported_number``. Runs on other data than D4RL's are always without.
    """
    cells = reported[reported["aggregate"] == "cell"]
    reported_cells = set(zip(cells["method_key"], cells["task"], strict=True))
    rows = []
    for source, part in runs.groupby("source", sort=False):
        single = part.drop_duplicates([name for name in GROUP if name != "selection"] + ["seed"])
        found = [
            datasets == "d4rl" and (method, task) in reported_cells
            for datasets, method, task in zip(
                single["datasets"], single["method"], single["task"], strict=True
            )
        ]
        rows.append(
            {
                "source": source,
                "rows": len(part),
                "runs": len(single),
                "with_reported_number": sum(found),
                "without_reported_number": len(single) - sum(found),
            }
        )
    return pd.DataFrame(rows)


# --- Reading with line numbers ---


def _columns_of_the_file() -> list[str]:
    """The columns of a source's file: all of the schema that its line in ``sources.csv`` does not give."""
    of_the_source = frames.load_schema("public_runs")["x-of-the-source"]
    return [column for column in frames.columns("public_runs") if column not in of_the_source]


def _read_lines(path: Path, name: str, columns: list[str] | None = None) -> pd.DataFrame:
    """A CSV file, each value checked by its column's schema, with the line in the message.

    Args:
        path: of the file.
        name: of the schema.
        columns: header that the file must have, in this order; all columns of the schema by default.

    Returns:
        Text, with None for an empty cell and booleans as such, of the given columns.
    """
    columns = frames.columns(name) if columns is None else columns
    if not path.is_file():
        raise TablesError(f"There is no file {path}.")
    items = frames.load_schema(name)["items"]
    rows: list[dict[str, Any]] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            if header != columns:
                raise TablesError(f"{path}, line 1: {_wrong_header(header, columns)}")
            checks = [
                (column, items["properties"][column], column in items["required"]) for column in columns
            ]
            known: dict[tuple[str, str], Any] = {}
            for cells in reader:
                if len(cells) != len(columns):
                    raise TablesError(
                        f"{path}, line {reader.line_num}: {len(cells)} values; the header has {len(columns)}."
                    )
                row = {}
                for (column, rule, required), text in zip(checks, cells, strict=True):
                    if (column, text) not in known:
                        where = f"{path}, line {reader.line_num}: column '{column}'"
                        known[column, text] = _value(text, rule, required, where)
                    row[column] = known[column, text]
                rows.append(row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise TablesError(f"{path} cannot be read as a CSV table: {error}.") from error
    if not rows:
        raise TablesError(f"{path} has a header and no rows.")
    table = pd.DataFrame(rows, columns=columns, dtype="object")
    return frames.check(table, name, str(path)) if columns == frames.columns(name) else table


def _wrong_header(header: list[str], columns: list[str]) -> str:
    missing = [column for column in columns if column not in header]
    unknown = [column for column in header if column not in columns]
    parts = [f"the column(s) {', '.join(missing)} are missing"] * bool(missing)
    parts += [f"the column(s) {', '.join(unknown)} are unknown"] * bool(unknown)
    what = " and ".join(parts) or "the columns stand in another order"
    return f"{what}; the header is {','.join(columns)}."


def _value(text: str, rule: dict[str, Any], required: bool, where: str) -> Any:
    """One cell as its column's type."""
    types = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    if text == "":
        if required or "null" not in types:
            raise TablesError(f"{where} is empty; {_lower(rule['description'])}")
        return None
    value: Any = text
    if "boolean" in types:
        value = {"true": True, "false": False}.get(text, text)
    elif "integer" in types or "number" in types:
        try:
            value = int(text) if "integer" in types else float(text)
        except ValueError:
            raise TablesError(f"{where} holds '{text}'; a finite number is required.") from None
        if not np.isfinite(value):
            raise TablesError(f"{where} holds '{text}'; a finite number is required.")
    error = next(Draft202012Validator(rule).iter_errors(value), None)
    if error is not None:
        allowed = f"allowed are {', '.join(rule['enum'])}" if "enum" in rule else _lower(rule["description"])
        raise TablesError(f"{where} holds '{text}'; {allowed.rstrip('.')}.")
    return value


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:] if sentence[1:2].islower() else sentence


def _from_reference_runs(path: Path) -> pd.DataFrame:
    """The finished runs of released code on this project's own files, in the columns of a source's file."""
    runs = literature.read_reference_runs(path)
    runs = runs[runs["kind"] == "final"].reset_index(drop=True)
    table = runs[list(_REFERENCE_COLUMNS)].rename(columns=_REFERENCE_COLUMNS)
    code = runs["code"].str.split("@")
    return table.assign(
        implementation=code.str[0],
        method_name=runs["method"],
        variant="default",
        settings="usual",
        selection="last",
        near_zero_checked=None,
        file=path.name,
        settings_note="commit " + code.str[1],
        note=None,
    )


# --- Checks of a whole file ---


def _line(index: Any) -> int:
    """The line of a row in a file without line breaks inside its cells."""
    return int(index) + 2


def _check_tasks(table: pd.DataFrame, datasets: str, path: Path) -> None:
    known = set(read_d4rl_tasks().index)
    for index, task in table["task"].items():
        if datasets == "d4rl" and task not in known:
            raise TablesError(
                f"{path}, line {_line(index)}: D4RL has no task '{task}'; {_nearest(task, known)}, "
                f"all are in {D4RL_TASKS}."
            )
        if datasets == "other" and task in known:
            raise TablesError(
                f"{path}, line {_line(index)}: '{task}' is a task of D4RL, and the source's line says that "
                "its runs are on other datasets."
            )


def _nearest(task: str, known: set[str]) -> str:
    from difflib import get_close_matches

    names = get_close_matches(task, sorted(known), n=3)
    return f"near it are {', '.join(names)}" if names else "none is near it"


def _check_seeds(table: pd.DataFrame, path: Path) -> None:
    for key, rows in table.groupby([*GROUP[1:], "seed"], sort=False):
        if len(rows) > 1:
            first, second = (_line(index) for index in rows.index[:2])
            method, variant, task, selection, seed = key[1:]
            raise TablesError(
                f"{path}, lines {first} and {second}: seed {seed} of {method} ({variant}, {selection}) on "
                f"{task} stands twice."
            )


def _check_scores(table: pd.DataFrame, path: Path) -> None:
    """Refuse scores that are fractions, returns, or not what the stated episodes can give."""
    for index, sentence in _suspect_scores(table):
        raise TablesError(f"{path}, line {_line(index)}: {sentence}")


def _suspect_scores(table: pd.DataFrame) -> Iterator[tuple[Any, str]]:
    """Row and sentence of each score that cannot be, or need not be, percent.

    Three tests. A score outside its suite's range is a return or a slip. Where an episode's score has steps
    (antmaze, kitchen), a mean over a stated number of episodes is a multiple of step / episodes: 0.73 is
    none over 100 episodes. Elsewhere 0.73 may be a fraction or a run that learned nothing, and only the
    source can tell: within `LARGEST_FRACTION` of zero a score must be marked ``near_zero_checked`` where its
    whole group lies there, or where its group's median is above `NEAR_ZERO_MEDIAN`.
    """
    yield from _out_of_range(table)
    yield from _not_a_mean_of_episodes(table)
    for _, group in table.groupby(GROUP[1:3] + GROUP[4:], sort=False):
        scores = group["score_percent"]
        near_zero = (scores.abs() <= LARGEST_FRACTION) & (scores != 0)
        suspect = near_zero if near_zero.sum() == (scores != 0).sum() else near_zero & _high_median(scores)
        unchecked = suspect & ~group["near_zero_checked"].fillna(False).astype(bool)
        for index in group.index[unchecked]:
            yield (
                index,
                f"score {scores[index]:g} may be a fraction; percent is required. If the source gives it in "
                "percent, write true under near_zero_checked.",
            )


def _out_of_range(table: pd.DataFrame) -> Iterator[tuple[Any, str]]:
    suites = read_d4rl_tasks()["suite"].reindex(table["task"]).to_numpy()
    limits = literature.read_suites().reindex(suites)
    for low, high in (("min_percent", "max_percent"), ("warn_below_percent", "warn_above_percent")):
        lowest, highest = limits[low].to_numpy(dtype=float), limits[high].to_numpy(dtype=float)
        outside = (table["score_percent"] < lowest) | (table["score_percent"] > highest)
        for index in table.index[outside]:
            place = table.index.get_loc(index)
            yield (
                index,
                f"score {table['score_percent'][index]:g} is outside {lowest[place]:g} to "
                f"{highest[place]:g}, the range of {suites[place]}; percent is required, no return.",
            )


def _not_a_mean_of_episodes(table: pd.DataFrame) -> Iterator[tuple[Any, str]]:
    steps = read_d4rl_tasks()["episode_step_percent"].reindex(table["task"]).to_numpy(dtype=float)
    episodes = table["episodes"].astype("Float64") * table["selection"].map(EVALUATIONS_AVERAGED)
    step = steps / episodes.to_numpy(dtype=float, na_value=np.nan)
    multiples = (table["score_percent"] / step).round()
    # Half of the fourth decimal: the scores are written with four.
    off = (table["score_percent"] - step * multiples).abs() > 0.5e-4 + 1e-9
    for index in table.index[off]:
        yield (
            index,
            f"score {table['score_percent'][index]:g} cannot be the mean of {episodes[index]:g} episodes, "
            f"which is a multiple of {step[table.index.get_loc(index)]:g}; percent is required, no fraction.",
        )


def _high_median(scores: pd.Series) -> bool:
    return bool(scores.median() > NEAR_ZERO_MEDIAN)


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.evidence.runs", description="Check the public runs and count them."
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder of sources.csv and the files")
    options = parser.parse_args(arguments)
    try:
        counts = count_runs(read_runs(options.folder), literature.read_all())
    except TablesError as error:
        print(error, file=sys.stderr)
        return 2
    print(counts.to_string(index=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
