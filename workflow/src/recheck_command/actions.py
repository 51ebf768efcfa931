"""What the command does, one function for each word: all return what is printed, with its data."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recheck.errors import FileError, TablesError
from recheck.words import how_many

from recheck_command import report_folder

# What the results of a user's own file are called.
YOURS = "yours"


@dataclass
class Answer:
    """What a command found.

    Attributes:
        text: to print.
        messages: what was guessed, what is not used.
        warnings: what a reader must heed.
        data: tables and findings by name.
        status: exit status; 1 where an audit has findings.
    """

    text: str
    messages: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    status: int = 0


def _scores(path: str | Path, stated: dict[str, Any]) -> Any:
    from paper_tables.score_files.options import ScoreOptions
    from paper_tables.score_files.read import read_scores

    return read_scores(Path(path), ScoreOptions.of(stated))


def check(scores: str | Path, output: str | Path | None = None, **stated: Any) -> Answer:
    """Read scores and show what is in them: methods, tasks, seeds, aggregates with intervals.

    Args:
        scores: file or folder, see `paper_tables.score_files.read.read_scores`.
        output: also write the scores there in the form that the other commands and the workflow read.
        **stated: `columns`, `unit`, `select`, `version`, `method`, `task`, `tasks`, `delimiter`.

    Raises:
        TablesError: the scores cannot be used; the message says where and what is allowed.
    """
    from paper_tables.rendering import table as table_module
    from paper_tables.score_files.read import write_scores
    from paper_tables.scores import spellings
    from paper_tables.statistics.experiment import all_tables
    from paper_tables.statistics.summary import summary_table

    found = _scores(scores, stated)
    tables = all_tables(found.runs, coverage_studies=0)
    if output is not None:
        write_scores(found, Path(output))
    left_out = [
        f"Left out: {what}. {reason}"
        for what, reason in tables["left_out"].itertuples(index=False, name=None)
        if "There are no episodes" not in reason
    ]
    text = table_module.markdown(summary_table(tables))
    warnings = [*found.warnings, *spellings.slips(found.runs, "It is taken for another task.")]
    return Answer(text, [*found.messages, *left_out], warnings, tables | {"scores": found.runs})


FORMATS = ("markdown", "latex", "csv")


def table(
    scores: str | Path | None = None,
    like: str | Sequence[str] = "iql_table_1",
    format: str = "markdown",
    output: str | Path | None = None,
    **stated: Any,
) -> Answer:
    """A paper's own table with the user's methods as further columns, and the verdicts on reruns.

    Args:
        scores: file or folder; None for the paper's own table.
        like: layouts by name or path, one or several.
        format: `markdown`, `latex` or `csv`.
        output: a folder; all three formats, the cells and the verdicts are written there.
        **stated: as in `check`.

    Raises:
        TablesError: the scores or a layout cannot be used.
    """
    from paper_tables.rendering import table as table_module
    from paper_tables.scores import spellings
    from paper_tables.tables import not_used, paper_table, write

    if format not in FORMATS:
        raise TablesError(f"format is '{format}'; allowed are {', '.join(FORMATS)}.")
    found = None if scores is None else _scores(scores, stated)
    runs = None if found is None else found.runs
    render = {"markdown": table_module.markdown, "latex": table_module.latex, "csv": table_module.as_csv}[
        format
    ]
    names = [like] if isinstance(like, str) else list(like)
    texts, judged, messages = [], [], [] if found is None else list(found.messages)
    for layout, cells, shown in write.judge_layouts(names, runs):
        texts.append(render(paper_table.layout_table(layout, cells, shown, runs)))
        if output is not None:
            judged.append(write.write_layout(layout, cells, shown, Path(output), runs))
        else:
            judged.append(cells[[len(ours) > 0 for ours in cells["our_scores_percent"]]])
        if runs is not None and (note := not_used.not_used_note(layout, runs, shown)):
            messages.append(f"{layout['name']}: {note}")
    if output is not None:
        write.write_verdicts(judged, Path(output))
    warnings = [] if found is None else [*found.warnings, *spellings.slips(found.runs, "It is not compared.")]
    return Answer("\n".join(texts), messages, warnings, {"cells": judged})


def report(scores: str | Path, output: str | Path, **stated: Any) -> Answer:
    """All from a file of scores: aggregates, comparisons, all papers' tables, verdicts, figures, a page.

    Args:
        scores: file or folder.
        output: folder; `report.html` is written there, `scores`, `statistics`, `tables` and `figures`
            below it, in place of an earlier report's. Other files stay.
        **stated: as in `check`.

    Raises:
        TablesError: the scores cannot be used, or there is something in the report's place that none wrote.
    """
    from paper_tables.figures.__main__ import main as figures
    from paper_tables.report import __main__ as page
    from paper_tables.score_files.read import write_scores
    from paper_tables.statistics.__main__ import main as statistics
    from paper_tables.tables.__main__ import main as tables

    found = _scores(scores, stated)
    folder = Path(output)
    with report_folder.replaced(folder) as new:
        places = {part: str(new / part) for part in report_folder.PARTS}
        read = ["--scores", places["scores"]]
        write_scores(found, Path(places["scores"]))
        layouts = ["--layout", "all", "--layout", "locomotion"]
        made = ["--statistics", places["statistics"]]
        made += ["--verdicts", str(new / "tables" / "verdicts.csv")]
        steps = (
            statistics([*read, "--output", places["statistics"]]),
            tables([*read, *layouts, "--experiment", YOURS, "--output", places["tables"]]),
            figures([*read, *made, "--output", places["figures"]]),
        )
        if any(steps):
            raise TablesError(f"Not everything of {scores} could be written to {folder}.")
    page.write(_sources(folder, scores, _report_command(scores, output, stated)), folder / report_folder.PAGE)
    summary = (folder / "statistics" / "summary.md").read_text(encoding="utf-8")
    verdicts = (folder / "tables" / "verdict_summary.md").read_text(encoding="utf-8")
    text = f"{summary}\n{verdicts}\nThe page of all of it: {folder / report_folder.PAGE}\n"
    return Answer(text, found.messages, found.warnings, {"folder": folder})


def _sources(folder: Path, scores: str | Path, command: str) -> Any:
    """What the page of a report is made from."""
    from paper_tables.report.contents import Sources

    return Sources(
        name=YOURS,
        title=f"Scores of {Path(scores).name}",
        description="Read from a file of scores; nothing was trained for this page.",
        command=command,
        scores=str(folder / "scores"),
        statistics=str(folder / "statistics"),
        tables=str(folder / "tables"),
        figures=(str(folder / "figures"),),
        index="",
    )


def _report_command(scores: str | Path, output: str | Path, stated: dict[str, Any]) -> str:
    """The command line that makes a report again."""
    options = [
        part for key, value in stated.items() if value is not None for part in (f"--{key}", str(value))
    ]
    return shlex.join(["recheck", "report", str(scores), "--output", str(output), *options])


def audit(
    table: str | Path, version: str | None = None, seeds: int | None = None, select: str | None = None
) -> Answer:
    """Compare a table as copied out of a paper with the reported numbers.

    Tasks are in rows and methods in columns, or the other way round. Each finding names the line and the
    cell, what is there, what the source has and how sure it is; one error is one finding, about your table.
    Which document a column is compared with, and what is not used or not checked, is said on standard error.

    Args:
        table: CSV, Markdown or LaTeX.
        version: of tasks whose names have none: `v2`, or `v2,antmaze:v0`.
        seeds: training seeds of the numbers, where stated.
        select: the checkpoint of each run that the table reports, `last` or `best`; where it is left out,
            that of most columns from one document.

    Raises:
        TablesError: the table cannot be read.
    """
    from paper_tables.user_tables.audit import audit_table

    read, findings = audit_table(Path(table), version, seeds, select)
    lines = [finding.text() for finding in findings]
    totals = sum(cell.number is not None for item in read.aggregates for cell in item.row.cells.values())
    numbers = how_many(len(read.numbers) + totals, "number")
    count = f"{numbers}, {how_many(len(findings), 'finding')}."
    return Answer(
        "\n".join([count, *lines]), read.messages, data={"findings": findings}, status=1 if findings else 0
    )


def power(
    margin: float,
    seed_sd: float,
    episode_sd: float = 0.0,
    episodes: int = 10,
    reported_seeds: int | None = None,
    chance: float = 0.80,
) -> Answer:
    """Seeds and episodes that a verdict needs at a margin.

    Args:
        margin: in points of the normalised score.
        seed_sd: standard deviation between training seeds, in points.
        episode_sd: between episodes of one policy, in points; 0 where it is in `seed_sd` already.
        episodes: of each seed.
        reported_seeds: seeds of the reported number, whose spread is taken to be the same; None for as
            many as yours.
        chance: wanted chance of `reproduced` where nothing differs.

    Raises:
        TablesError: a margin or deviation without meaning.
    """
    from paper_tables.verdicts.planning import Components, seeds_for_margin

    if not 0 < chance < 1:
        raise TablesError(f"chance is {chance:g}; it must be between 0 and 1.")
    if min(seed_sd, episode_sd) < 0:
        raise TablesError("Standard deviations must be 0 or more.")
    parts = Components(seed_sd**2, 0.0, episode_sd**2)
    rows = {
        count: seeds_for_margin(parts.sd_of_score(count), margin, reported_seeds, chance)
        for count in dict.fromkeys((episodes, 10 * episodes))
    }
    theirs = "as many reported seeds" if reported_seeds is None else f"{reported_seeds} reported seeds"
    lines = [
        f"Margin {margin:g} points; standard deviation between seeds {seed_sd:g}, between episodes "
        f"{episode_sd:g}; {theirs}.",
        *[
            f"{count} episodes a seed: {seeds} seeds for a chance of {100 * chance:g}% of 'reproduced' if "
            "nothing differs."
            for count, seeds in rows.items()
        ],
    ]
    return Answer("\n".join(lines), data={"seeds": rows})


def diff(old: str | Path, new: str | Path) -> Answer:
    """Which verdicts moved between two tables of evidence, and why.

    Args:
        old: folder with `evidence.csv` as `snakemake evidence` writes it, or the file.
        new: likewise.

    Raises:
        TablesError: a table is absent or is none of evidence.
    """
    from paper_tables.evidence.diff import report

    return Answer(report(Path(old), Path(new)))


def evidence(method: str, task: str, version: str | None = None) -> Answer:
    """Everything that is known of a method on a task: reported numbers of all documents, public runs.

    Args:
        method: in any spelling.
        task: in any spelling.
        version: where the task's name has none.

    Raises:
        TablesError: no such task or method; the message has the nearest names.
    """
    from paper_tables import literature, task_table
    from paper_tables.public_runs.reader import read_runs
    from paper_tables.rendering import table as table_module
    from paper_tables.rendering.table import Cell, Table
    from paper_tables.rendering.text import with_spread
    from paper_tables.score_files.run_names import method_key

    task_table.check_version(version)
    name = task_table.resolve(task, version).name
    stated = task_table.version_of(task_table.stem_of(name), version)
    if stated is not None and not name.endswith(f"-{stated}"):
        raise TablesError(f"Task '{task}' has a version already; leave out version={version}.")
    numbers = literature.read_all()
    keys = sorted(set(numbers["method_key"]))
    key = method_key(method) or (method if method in keys else None)
    if key is None:
        close = ", ".join(task_table.nearest(method, keys))
        raise TablesError(f"No document reports a method '{method}'; the nearest names are {close}.")
    found = numbers[(numbers["method_key"] == key) & (numbers["task"] == name)]
    result = Table(
        f"{key} on {name}",
        ["Document", "Table", "Column", "Score", "Kind of spread", "Seeds", "Origin", "Selection"],
    )
    result.text_columns = 3
    for row in found.to_dict("records"):
        digits = int(row["decimals"])
        cells = [row["document"], row["table"], row["method"]]
        cells += [with_spread(row["score_percent"], row["spread_percent"], digits)]
        cells += [
            row["spread_kind"].replace("_", " "),
            row["num_seeds"] or "–",
            row["origin"],
            row["selection"],
        ]
        result.rows.append([Cell(str(cell)) for cell in cells])
    runs = read_runs()
    mine = runs[(runs["method"] == key) & (runs["task"] == name)]
    for (source, rule), own in mine.groupby(["source", "selection"], sort=True):
        scores = own["score_percent"]
        result.notes.append(
            f"Public runs of {source}, {rule}: {scores.mean():.1f} ± {scores.std(ddof=1):.1f} "
            f"({len(scores)} seeds)."
        )
    if found.empty and mine.empty:
        result.notes.append("No document reports it, and there is no public run.")
    return Answer(table_module.markdown(result), data={"reported": found, "runs": mine})


def merge(other: str | Path, root: str | Path = ".", check: bool = False) -> Answer:
    """Take the datasets, runs and episodes of another results folder: nothing of them is trained again.

    Every file is compared with the hash in its record, and what is in both folders with each other, before
    anything is copied.

    Args:
        other: results folder of another clone or cluster, or that clone.
        root: folder of the repository that takes them.
        check: compare, and copy nothing.

    Raises:
        FileError: a file is damaged, or the two folders contradict each other; nothing has been copied.
    """
    from recheck.results import merge as merging

    merged = merging.merge(Path(root), Path(other), check)
    first, *more = merged.sentences()
    return Answer(f"Compared, and nothing copied. {first}" if check else first, more)


def crate(
    folder: str | Path, name: str | None = None, description: str | None = None, date: str | None = None
) -> Answer:
    """RO-Crate metadata of a folder of results, for a deposit: every file with hash, and what made it.

    Args:
        folder: of results.
        name: of the deposit; the folder's if not given.
        description: a sentence about it.
        date: of publication, YYYY-MM-DD; today if not given.

    Raises:
        RecheckError: the folder is absent or empty, the date is none, or rocrate is not installed.
    """
    import datetime

    from recheck.results import crate as crates

    try:
        day = datetime.date.fromisoformat(date) if date else datetime.date.today()
    except ValueError:
        raise FileError(f"--date {date} is not a date; allowed is YYYY-MM-DD, such as 2026-11-27.") from None
    place = Path(folder)
    title = name or f"Recheck: {place.resolve().name}"
    said = description or "Results of Recheck: scores, tables, figures and the records of what made them."
    found = crates.describe(place, title, said, day.isoformat())
    counted = f"{found.num_files} {'file' if found.num_files == 1 else 'files'}"
    return Answer(
        f"{found.path} describes {counted} ({found.num_bytes / 1e6:.1f} MB) and {found.num_actions} stages; "
        "it was read back, and every file is what it says."
    )


def doctor(root: str | Path = ".") -> Answer:
    """What is installed, which data there are, and what cannot run here and why.

    Args:
        root: folder of the repository, whose results are looked for; any folder where the package is
            installed without it.
    """
    from recheck_command import installation

    lacking = installation.missing(Path(root))
    lines = [
        f"{purpose}: {'cannot run: ' + ', '.join(lacks) if lacks else 'can run'}."
        for purpose, lacks in lacking.items()
    ]
    lines.append(f"Versions: {installation.versions()}.")
    lines += [*installation.data_lines(Path(root)), installation.devices()]
    return Answer("\n".join(lines), data={"missing": lacking})
