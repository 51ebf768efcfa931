"""What a page shows, read from the files of the earlier stages."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from recheck import files
from recheck.errors import TablesError

from paper_tables import prices
from paper_tables.publish.descriptions import dataset_table, provenance_table
from paper_tables.rendering import names
from paper_tables.rendering import table as table_module
from paper_tables.rendering.table import MARKS, Cell, Table
from paper_tables.rendering.text import NOTHING, in_order, number
from paper_tables.rendering.verdicts import numbers_once
from paper_tables.scores import tables as tables_module
from paper_tables.statistics.configurations import with_labels

# Tables with a place of their own on the page; every other one follows below them.
VERDICT_TABLE = "verdict_summary"
FIRST_TABLES = ("scores", VERDICT_TABLE)
# What answers the first questions comes first, the others follow by name.
FIRST_FIGURES = ("forest", "learning_curves", "intervals", "effects", "bandit")
# More tasks than this are left to the table of scores.
MOST_ORDERS = 10
RECORD = "record.json"
CELLS = "_cells.csv"
# The line under a table's heading and a row below it.
_ROWS = re.compile(r"^\| --- .*\n\|", re.MULTILINE)


@dataclass(frozen=True)
class Sources:
    """What a page is made from.

    Attributes:
        name: of the folders that it is made from.
        title: heading of the page.
        description: one or two sentences, or empty.
        command: makes the results again.
        scores: folder of the score tables.
        statistics: folder of the aggregates.
        tables: folder of the tables.
        figures: folders of figures.
        reevaluated: folder of the comparison of published policies, or empty.
        index: address of the index of all pages, relative to the page; empty where there is none.
    """

    name: str
    title: str
    description: str
    command: str
    scores: str
    statistics: str
    tables: str
    figures: tuple[str, ...]
    reevaluated: str = ""
    index: str = "../report.html"


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: of its file.
        png: the picture.
        pdf: path of the PDF, relative to the page; empty where there is none.
        caption: one or more sentences.
        command: draws it again; empty where it is drawn with everything else.
    """

    name: str
    png: Path
    pdf: str
    caption: str
    command: str


@dataclass(frozen=True)
class Section:
    """One table as Markdown: title, the table with its sentences, and its files relative to the page."""

    title: str
    markdown: str
    files: tuple[str, ...] = ()


@dataclass
class Page:
    """All that a page shows; see `gather`."""

    sources: Sources
    run_table: str
    found: list[str]
    verdicts: dict[str, int]
    first: dict[str, Section]
    sections: list[Section]
    figures: list[Figure]
    provenance: list[str]
    records: list[tuple[str, str, str]]
    files: list[tuple[str, str]]
    counts: dict[str, int]
    reevaluated: Section | None = None
    agreement: str = ""
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """What the index says of the page."""
        return {
            "title": self.sources.title,
            "description": self.sources.description,
            "command": self.sources.command,
            "counts": self.counts,
            "verdicts": self.verdicts,
            "agreement": self.agreement,
        }


def sources_from_json(text: str) -> Sources:
    """Sources from their JSON.

    Raises:
        TablesError: the text is not such.
    """
    try:
        content = json.loads(text)
        return Sources(**{**content, "figures": tuple(content["figures"])})
    except (ValueError, TypeError, KeyError) as error:
        raise TablesError(
            f"The sources of a page cannot be read ({error}); they are a JSON object with the keys "
            f"{', '.join(Sources.__dataclass_fields__)}."
        ) from None


def sources_as_json(sources: Sources) -> str:
    """The reverse of `sources_from_json`."""
    return json.dumps(asdict(sources), sort_keys=True)


def gather(sources: Sources, folder: Path) -> Page:
    """Read everything that a page shows.

    Args:
        sources: what it is made from.
        folder: of the page: links to files are relative to it.

    Raises:
        TablesError: a file is not there or cannot be read.
    """
    scores = tables_module.read(Path(sources.scores), "scores")
    labelled = with_labels(scores)
    verdicts = _verdict_counts(Path(sources.tables) / "verdicts.csv")
    reevaluated, agreement = _reevaluated(sources, folder)
    return Page(
        sources=sources,
        run_table=table_module.markdown(run_table(labelled, sources)),
        found=[*findings(labelled, Path(sources.tables)), *([agreement] if agreement else [])],
        verdicts=verdicts,
        first={
            name: _without_lead(_section(Path(sources.tables), name, folder, sources.name))
            for name in FIRST_TABLES
            if (Path(sources.tables) / f"{name}.md").is_file() and (verdicts or name != VERDICT_TABLE)
        },
        sections=list(_sections(sources, folder)),
        figures=list(_figures(sources, folder)),
        provenance=[
            table_module.markdown(provenance_table({"scores": scores}, [sources.name])),
            table_module.markdown(dataset_table(scores)),
        ],
        records=list(_records(sources)),
        files=list(_files(sources)),
        counts={
            "runs": len(scores[[*tables_module.RUN_COLUMNS, "seed"]].drop_duplicates()),
            "methods": int(scores["method"].nunique()),
            "tasks": int(scores["task"].nunique()),
        },
        reevaluated=reevaluated,
        agreement=agreement,
        left_out=list(_left_out(sources)),
    )


def run_table(labelled: pd.DataFrame, sources: Sources) -> Table:
    """One row for each task and configuration: length of training, seeds, episodes.

    Args:
        labelled: rows of the schema ``scores`` with `label` and `num_updates`.
        sources: where cost is looked for.
    """
    hours = _training_hours(Path(sources.scores))
    table = Table(
        "", ["Task", "Method", "Updates", "Seeds", "Episodes at the end", "Minutes per run"], text_columns=2
    )
    rows = labelled[labelled["selection"] == "last"]
    rows = labelled if rows.empty else rows
    order = {label: place for place, label in enumerate(in_order(rows["label"]))}
    for place in sorted(
        {(str(row.task), order[str(row.label)], str(row.label)) for row in rows.itertuples()}
    ):
        task, _, label = place
        runs = rows[(rows["task"] == task) & (rows["label"] == label)]
        first = runs.iloc[0]
        minutes = 60 * hours.get(tuple(first[column] for column in tables_module.RUN_COLUMNS), float("nan"))
        episodes = runs["num_episodes"].dropna()
        table.rows.append(
            [
                Cell(str(task)),
                Cell(str(label)),
                Cell(f"{int(first['num_updates']):,}" if first["num_updates"] else NOTHING),
                Cell(str(runs["seed"].nunique())),
                Cell(f"{int(episodes.max()):,}" if len(episodes) else NOTHING),
                Cell(NOTHING if pd.isna(minutes) else number(minutes, 1)),
            ]
        )
    table.notes = ["Minutes per run: wall time of training, evaluation is not counted. –: not recorded."]
    return table


def _training_hours(folder: Path) -> dict[tuple[Any, ...], float]:
    """Run -> hours of training of one seed; empty where nothing was measured."""
    if not (folder / "cost.parquet").is_file():
        return {}
    cost = tables_module.read(folder, "cost")
    if cost.empty:
        return {}
    hours = prices.training_blocks(cost).groupby(tables_module.RUN_COLUMNS)["per_seed_hours"].mean()
    return {tuple(row[:-1]): float(row[-1]) for row in hours.reset_index().itertuples(index=False)}


def findings(labelled: pd.DataFrame, tables: Path) -> list[str]:
    """What the tables say, in sentences: verdicts, and the highest mean of each task at equal updates.

    Args:
        labelled: rows of the schema ``scores`` with `label` and `num_updates`.
        tables: folder of the tables.
    """
    # Where nothing is judged the page says so by itself.
    said = _lead(tables / f"{VERDICT_TABLE}.md") if _verdict_counts(tables / "verdicts.csv") else []
    orders = list(_orders(labelled))
    more = len(orders) - MOST_ORDERS
    return [*said, *orders[:MOST_ORDERS], *([f"{more} more tasks: see the scores."] if more > 0 else [])]


def _orders(labelled: pd.DataFrame) -> Iterator[str]:
    """The methods of each task by their mean, where two or more have equal updates."""
    last = labelled[labelled["selection"] == "last"]
    compared = last[["task", "num_updates"]].drop_duplicates().sort_values(["task", "num_updates"])
    for task, updates in compared.itertuples(index=False, name=None):
        rows = last[(last["task"] == task) & (last["num_updates"] == updates)]
        means = rows.groupby("label")["score_percent"].agg(["mean", "count"])
        if len(means) < 2:
            continue
        ranked = means.sort_values("mean", ascending=False)
        unit = "%" if set(rows["score_unit"]) == {"percent"} else ""
        listed = ", ".join(
            f"{names.display_name(str(label))} {number(row['mean'], 1)}{unit} ({_seeds(int(row['count']))})"
            for label, row in ranked.iterrows()
        )
        length = f" after {int(updates):,} updates" if updates else ""
        yield f"{task}{length}, highest mean first: {listed}."


def _seeds(count: int) -> str:
    return f"{count} seed" if count == 1 else f"{count} seeds"


def _lead(path: Path) -> list[str]:
    """The sentences between a table's title and the table."""
    if not path.is_file():
        return []
    before = path.read_text(encoding="utf-8").partition("\n| ")[0]
    return [line for line in before.splitlines() if line and not line.startswith("#")]


def _verdict_counts(path: Path) -> dict[str, int]:
    """Verdict -> reported numbers, each counted once, in the order of the signs."""
    if not path.is_file():
        return {}
    judged = pd.read_csv(path, dtype=str)
    counts = numbers_once(judged[judged["verdict"].notna()])["verdict"].value_counts().to_dict()
    return {verdict: int(counts[verdict]) for verdict in MARKS if verdict in counts}


def _section(tables: Path, name: str, folder: Path, experiment: str) -> Section:
    """A table as its stage wrote it; the page says already whose it is."""
    text = (tables / f"{name}.md").read_text(encoding="utf-8")
    title, body = name.replace("_", " "), text
    if text.startswith("### "):
        first, _, body = text.partition("\n")
        title = first.removeprefix("### ").removeprefix(f"{experiment}: ")
    title = title[:1].upper() + title[1:]
    return Section(title, body.strip() + "\n", _neighbours(tables, name, folder))


def _without_lead(section: Section) -> Section:
    """A section whose sentences above the table are shown elsewhere."""
    start = section.markdown.find("| ")
    return replace(section, markdown=section.markdown[max(start, 0) :])


def _neighbours(tables: Path, name: str, folder: Path) -> tuple[str, ...]:
    found = (tables / f"{name}.{ending}" for ending in ("csv", "md", "tex"))
    return tuple(os.path.relpath(path, folder) for path in found if path.is_file())


def _sections(sources: Sources, folder: Path) -> Iterator[Section]:
    """The other tables that have rows: aggregates, then those that hold a number of ours."""
    for place in (Path(sources.statistics), Path(sources.tables)):
        for path in sorted(place.glob("*.md")):
            name = path.stem
            if (place == Path(sources.tables) and name in FIRST_TABLES) or not _has_ours(place, name):
                continue
            section = _section(place, name, folder, sources.name)
            if _ROWS.search(section.markdown):
                yield section


def _has_ours(place: Path, name: str) -> bool:
    """Whether a paper's table has runs of ours; a table without judged cells is always shown."""
    cells = place / f"{name}{CELLS}"
    if not cells.is_file():
        return True
    found = pd.read_csv(cells, dtype=str, keep_default_na=False)
    return "our_scores_percent" not in found or bool((found["our_scores_percent"] != "").any())


def _figures(sources: Sources, folder: Path) -> Iterator[Figure]:
    """Every figure that its stage drew with its caption, in the order of the folders."""
    for place in map(Path, sources.figures):
        captions = _captions(place)
        for name in sorted(captions, key=_order_on_page):
            path = place / f"{name}.png"
            pdf = path.with_suffix(".pdf")
            yield Figure(
                name=name,
                png=path,
                pdf=os.path.relpath(pdf, folder) if pdf.is_file() else "",
                caption=captions[name],
                command=_figure_command(place, sources),
            )


def _order_on_page(name: str) -> tuple[int, str, int]:
    """First what answers the first questions, then by name; parts of one figure stay together."""
    whole = re.sub(r"_\d+$", "", name)
    first = FIRST_FIGURES.index(whole) if whole in FIRST_FIGURES else len(FIRST_FIGURES)
    return first, whole, int(name.removeprefix(whole).removeprefix("_") or 1)


def _figure_command(place: Path, sources: Sources) -> str:
    first, workflow, options = sources.command.partition(" --config ")
    if not workflow:
        return ""
    target = "figures" if place.name == sources.name else str(place)
    return f"{first} {target} --force --config {options}"


def _captions(place: Path) -> Mapping[str, str]:
    """Figure that was drawn -> caption; without an index every picture, with none."""
    index = place / "index.csv"
    if not index.is_file():
        return {path.stem: "" for path in place.glob("*.png")}
    rows = pd.read_csv(index, dtype=str, keep_default_na=False)
    if "drawn" in rows:  # The bandit's index of earlier versions has what was drawn alone.
        rows = rows[rows["drawn"] == "yes"]
    return dict(zip(rows["figure"], rows["caption"]))


def _left_out(sources: Sources) -> Iterator[tuple[str, str]]:
    """What the data did not allow, and why."""
    for place in (Path(sources.statistics), *map(Path, sources.figures)):
        path = place / "left_out.csv"
        if path.is_file():
            rows = pd.read_csv(path, dtype=str, keep_default_na=False)
            yield from dict.fromkeys(rows[["what", "reason"]].itertuples(index=False, name=None))


def _places(sources: Sources) -> tuple[Path, ...]:
    return tuple(map(Path, (sources.scores, sources.statistics, sources.tables, *sources.figures)))


def _records(sources: Sources) -> Iterator[tuple[str, str, str]]:
    """Stage, path of its record and the record's SHA-256."""
    for place in _places(sources):
        path = place / RECORD
        if path.is_file():
            stage = str(files.read_json(path, TablesError).get("stage", place.parent.name))
            yield stage, str(path), files.sha256(path)


def _files(sources: Sources) -> Iterator[tuple[str, str]]:
    """Every file that the page is made from, with its SHA-256."""
    for place in _places(sources):
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            if path.is_file() and not path.name.startswith(".") and path.suffix != ".sha256":
                yield str(path), files.sha256(path)


def _reevaluated(sources: Sources, folder: Path) -> tuple[Section | None, str]:
    """The comparison of published policies with what they do here, and its verdict."""
    if not sources.reevaluated:
        return None, ""
    place = Path(sources.reevaluated)
    verdict = files.read_json(place / "comparison.json", TablesError)
    return _section(place, "comparison", folder, sources.name), str(verdict["sentence"])
