"""The score tables of finished experiments as they are kept in the repository: ``results/published``.

    python -m paper_tables.publish --scores results/scores/<name> --experiment <name>
        --output results/published

Takes the four tables that ``paper_tables.scores`` gathered, compares them with their schemas and with
each other, and writes them with sorted rows, so that equal rows give equal bytes under the pinned versions.
In the same folder is ``README.md``: what was run, where it comes from, and a data dictionary made from the
schemas. ``--scores`` and ``--experiment`` may be given several times, in the same order: then the union of
these experiments is published, and a run that two of them share is there once.

Everything is written to temporary files that are renamed when all are whole; a refusal leaves what was
published before.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from recheck import checksums, cli, files
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.publish.descriptions import dataset_table, provenance_table, runs_table
from paper_tables.rendering import table as table_module
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING
from paper_tables.scores import tables as tables_module

README = "README.md"
RUN = [*tables_module.RUN_COLUMNS, "sampling", "seed"]
TYPES = {"string": "text", "integer": "integer", "number": "number", "boolean": "yes or no"}
# What must agree between tables of one gathering: table -> columns that name its runs.
SHARED = {
    "episodes": RUN,
    "cost": [*tables_module.RUN_COLUMNS, "sampling"],
    "losses": [*tables_module.RUN_COLUMNS, "seed"],
}
LARGEST_ROUNDING_PERCENT = 1e-6
"""A mean of the same episodes, summed in another order, differs by less."""


# --- Tables ---


def gather(folders: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """The four tables of one experiment, or the union of several.

    Args:
        folders: each as ``results/scores/<experiment>``.

    Returns:
        ``scores``, ``episodes``, ``cost``, ``losses``: checked, rows sorted, equal rows once.

    Raises:
        TablesError: a table is missing, has no row or breaks its schema, two experiments disagree on a row,
            the tables do not belong together, or runs on one task were trained on different data.
    """
    tables = {}
    for name in tables_module.FILES:
        parts = []
        for folder in folders:
            part = tables_module.read(folder, name)
            if part.empty:
                raise TablesError(
                    f"{folder / name}.parquet holds no row; only gathered runs of ours are published."
                )
            parts.append(part)
        # A column that is empty in one experiment must not decide the type of the whole.
        whole = pd.concat([part.dropna(axis="columns", how="all") for part in parts], ignore_index=True)
        where = " and ".join(f"{folder / name}.parquet" for folder in folders)
        tables[name] = _sorted(frames.check(whole.drop_duplicates(), name, where), name)
    check_together(tables, " and ".join(map(str, folders)))
    return tables


def _sorted(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows in the order of the key, then of every other column."""
    key = frames.load_schema(name).get("x-key", [])
    order = [*key, *[column for column in table.columns if column not in key]]
    return table.sort_values(order, kind="stable", ignore_index=True)


def check_together(tables: dict[str, pd.DataFrame], where: str) -> None:
    """Refuse four tables that do not come from the same runs.

    Args:
        tables: ``scores``, ``episodes``, ``cost``, ``losses``.
        where: what to call them in an error.

    Raises:
        TablesError: a run of one table is absent from another, or a score is not the mean of its episodes.
    """
    for name, key in SHARED.items():
        known = set(tables["scores"][key].itertuples(index=False, name=None))
        found = set(tables[name][key].itertuples(index=False, name=None))
        for here, there, only in (("scores", name, known - found), (name, "scores", found - known)):
            if only:
                run = ", ".join(f"{column} {value}" for column, value in zip(key, min(only)))
                raise TablesError(
                    f"{where}: the table {here} has runs that {there} lacks, the first of them {run}; "
                    "gather the experiment again."
                )
    _check_same_data(tables["scores"], where)
    episodes = tables["episodes"][tables["episodes"]["purpose"] == "checkpoint"]
    means = episodes.groupby([*RUN, "update"])["score_percent"].mean().rename("mean").reset_index()
    last = tables["scores"][tables["scores"]["selection"] == "last"].merge(
        means, on=[*RUN, "update"], how="left"
    )
    wrong = last[~((last["score_percent"] - last["mean"]).abs() <= LARGEST_ROUNDING_PERCENT)]
    if len(wrong):
        row = wrong.iloc[0]
        run = ", ".join(f"{column} {row[column]}" for column in RUN)
        raise TablesError(
            f"{where}: the last score is not the mean of its episodes for {run}; gather the experiment again."
        )


def _check_same_data(scores: pd.DataFrame, where: str) -> None:
    """Refuse seeds of one task that were trained on different rows: collected twice, it is two datasets."""
    known = scores.dropna(subset=["content_sha256"])
    counts = known.groupby("task")["content_sha256"].nunique()
    for task in counts.index[counts > 1]:
        first, second = sorted(known.loc[known["task"] == task, "content_sha256"].unique())[:2]
        raise TablesError(
            f"{where}: runs on {task} were trained on different data (content_sha256 {first[:8]} and "
            f"{second[:8]}); allowed is one dataset for each task: leave out one of the experiments, or "
            "train it on the other's dataset."
        )


# --- The data dictionary ---


def dictionary(name: str) -> Table:
    """Every column of a table: type, unit and meaning, from its schema."""
    schema = frames.load_schema(name)
    required = schema["items"].get("required", [])
    table = Table("", ["Column", "Type", "Unit", "Meaning"], text_columns=4)
    for column, rule in schema["items"]["properties"].items():
        types = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
        kind = TYPES[next(item for item in types if item != "null")]
        empty = "" if column in required and "null" not in types else ", or empty"
        allowed = f" One of: {', '.join(map(str, rule['enum']))}." if "enum" in rule else ""
        table.rows.append(
            [
                Cell(f"`{column}`"),
                Cell(kind + empty),
                Cell(rule.get("x-unit", NOTHING)),
                Cell(rule["description"] + allowed),
            ]
        )
    return table


def readme(tables: dict[str, pd.DataFrame], experiments: Sequence[str]) -> str:
    """The text of ``results/published/README.md``.

    Args:
        tables: as `gather` gives them.
        experiments: names of the experiments that they were gathered from.
    """
    losses = tables["losses"].groupby("method")["loss"].unique()
    logged = "; ".join(f"{method}: {', '.join(sorted(names))}" for method, names in losses.items())
    parts = [
        "# Our published runs",
        "Written by `snakemake publish`; changes by hand are lost. From the four parquet files in this "
        "folder `snakemake tables figures --cores 1 --config scores=published` rebuilds all of our tables "
        "and figures, byte for byte under the pinned versions, without torch.",
        "## What was run",
        table_module.markdown(runs_table(tables)).rstrip("\n"),
        "N: diffusion steps in training. The last checkpoint is the end of training. Minutes: wall time of "
        "training on the devices below; evaluation is not counted.",
        "## Where it comes from",
        table_module.markdown(provenance_table(tables, experiments)).rstrip("\n"),
        table_module.markdown(dataset_table(tables["scores"])).rstrip("\n"),
        "The SHA-256 is taken over the prepared arrays (`content_sha256` in a dataset's `manifest.json`), "
        "not over a file. The tables hold no dates, hosts or folders.",
        "## Data dictionary",
        "[docs/glossary.md](../../docs/glossary.md) explains the words: task, variant, run, block, selection "
        "rule, comparability, environment match. The first columns of each table identify the run.",
    ]
    for name in tables_module.FILES:
        schema = frames.load_schema(name)
        key = schema.get("x-key")
        description = str(schema["description"])
        if key:
            description += f" No two rows share {', '.join(f'`{column}`' for column in key)}."
        if name == "losses":
            description += f" Logged were {logged}."
        parts += [
            f"### `{name}.parquet`: {len(tables[name]):,} rows",
            description,
            table_module.markdown(dictionary(name)).rstrip("\n"),
        ]
    return "\n\n".join(parts) + "\n"


# --- The stage ---


def publish(folders: Sequence[Path], experiments: Sequence[str], output: Path) -> dict[str, int]:
    """Write the four tables with their checksums, and their README.

    Args:
        folders: each as ``results/scores/<experiment>``.
        experiments: their names.
        output: ``results/published``; other files in it stay.

    Returns:
        Rows of each table.

    Raises:
        TablesError: see `gather`; or the folder cannot be written. What was published before is still there.
    """
    tables = gather(folders)
    text = readme(tables, experiments)
    # All are written before the first replaces what was published.
    with contextlib.ExitStack() as written:
        for name, table in tables.items():
            path = output / f"{name}.parquet"
            checked = frames.check(table, name, str(path))
            temporary = written.enter_context(files.atomic(path, TablesError))
            checked.to_parquet(temporary, index=False)
        temporary = written.enter_context(files.atomic(output / README, TablesError))
        temporary.write_text(text, encoding="utf-8", newline="")
        # A kill between both writes must not leave a new table with the old checksum.
        for name in tables:
            checksums.sidecar(output / f"{name}.parquet").unlink(missing_ok=True)
    for name in tables:
        checksums.write(output / f"{name}.parquet", TablesError)
    return {name: len(table) for name, table in tables.items()}


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.publish", description="Publish gathered score tables."
    )
    parser.add_argument(
        "--scores", type=Path, action="append", required=True, help="results/scores/<experiment>; repeatable"
    )
    parser.add_argument("--experiment", action="append", required=True, help="its name; as often as --scores")
    parser.add_argument("--output", type=Path, required=True, help="results/published")
    options = parser.parse_args(arguments)
    if len(options.scores) != len(options.experiment):
        parser.error(
            f"--scores is given {len(options.scores)} times, --experiment {len(options.experiment)} times; "
            "each folder needs its name"
        )
    return cli.run(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    rows = publish(options.scores, options.experiment, options.output)
    counts = ", ".join(f"{name} {count:,} rows" for name, count in rows.items())
    print(f"{options.output}: {counts}.")


if __name__ == "__main__":
    sys.exit(main())
