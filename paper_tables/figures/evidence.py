"""Figures of the evidence: a forest plot for each paper's table, and a matrix of verdicts.

    python -m paper_tables.figures.evidence --output results/figures/evidence

Drawn from the same data as ``paper_tables.evidence``, as PDF and PNG.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from recheck.cli import run
from recheck.errors import TablesError

from paper_tables.evidence.direct import INDEPENDENT, SAME_CODE
from paper_tables.evidence.html import mean_interval
from paper_tables.evidence.judgement import NO_BASIS, Inputs, NumberEvidence, judge_all
from paper_tables.evidence.numbers import slug
from paper_tables.figures.style import INK, Figures, house_style
from paper_tables.rendering import names
from paper_tables.rendering.table import MARKS
from paper_tables.rendering.text import FLAG_MARKS
from paper_tables.verdicts import decision_rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_INCHES = 6.9
ROWS_A_PAGE = 26
FIRST_FOREST = "forest_first"
FIRST_ROWS = 12
INTERVAL_SHARE = 0.25
"""Of the range of everything else, on either side: further an interval ends in an arrow."""
SQUARE_SHARE = 0.94
"""Share of a square's width that is coloured."""
BASIS_STYLE: dict[str, tuple[str, str]] = {
    INDEPENDENT: ("#0072B2", "o"),
    SAME_CODE: ("#8A4F00", "s"),
    decision_rule.OTHER_SELECTION: ("#777777", "P"),
    decision_rule.OTHER_SETTINGS: ("#777777", "X"),
}
REPORT_COLOUR = "#8D3B72"
MATRIX_STYLE: dict[str, tuple[str, str]] = {
    decision_rule.REPRODUCED: ("#009E73", "✓"),
    decision_rule.DIFFERENT_LOWER: ("#D55E00", "↓"),
    decision_rule.DIFFERENT_HIGHER: ("#E69F00", "↑"),
    decision_rule.INCONCLUSIVE: ("#CFCFCF", "?"),
    decision_rule.UNINFORMATIVE: ("#EAD9E4", "○"),
}


def finding(found: Sequence[NumberEvidence]) -> str:
    """How many numbers have which verdict, in words: ``5 of 12 reproduced, 3 different (all lower)``."""
    verdicts = [entry.verdict.verdict for entry in found]
    lower, higher = (
        verdicts.count(name) for name in (decision_rule.DIFFERENT_LOWER, decision_rule.DIFFERENT_HIGHER)
    )
    parts = [f"{verdicts.count(decision_rule.REPRODUCED)} of {len(verdicts)} reproduced"]
    if lower and higher:
        parts.append(f"{lower + higher} different ({lower} lower, {higher} higher)")
    elif lower or higher:
        parts.append(f"{lower + higher} different ({'lower' if lower else 'higher'})")
    for name in (decision_rule.INCONCLUSIVE, decision_rule.UNINFORMATIVE):
        if name in verdicts:
            parts.append(f"{verdicts.count(name)} {name}")
    return ", ".join(parts)


def draw_forest(found: Sequence[NumberEvidence], title: str) -> Figure:
    """One row a number: as reported, by each implementation, by other reports; the verdict at the right.

    Above it the title, the method where all rows are of one, and what was found.

    Args:
        found: numbers with evidence, drawn from the top.
        title: what the numbers are, on one line.
    """
    from matplotlib.figure import Figure as MatplotlibFigure

    height = 0.27 * len(found) + 1.27
    figure = MatplotlibFigure(figsize=(WIDTH_INCHES, height), layout="constrained")
    axis = figure.subplots()
    axis.set_xlim(*_range_of(found))
    for place, entry in enumerate(found):
        _draw_row(axis, len(found) - 1 - place, entry)
    methods = {str(entry.number["method"]) for entry in found}
    labels = [
        str(entry.number["task"])
        if len(methods) == 1
        else f"{entry.number['method']}, {entry.number['task']}"
        for entry in found
    ]
    axis.set_yticks(range(len(found) - 1, -1, -1), labels)
    axis.set_ylim(-0.7, len(found) - 0.3)
    axis.set_xlabel("normalised score (percent)")
    only = f", {methods.pop()}" if len(methods) == 1 else ""
    axis.set_title(f"{title}{only}\n{finding(found)}", loc="left")
    right = axis.secondary_yaxis("right")
    right.set_yticks(range(len(found) - 1, -1, -1), [_verdict_words(entry) for entry in found])
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)
    axis.tick_params(axis="y", length=0)
    _legend(figure, found)
    return figure


def _flags_of(entry: NumberEvidence) -> list[str]:
    return [flag for flag in entry.verdict.flags if flag != decision_rule.WITHIN_IMPLEMENTATION_SPREAD]


def _verdict_words(entry: NumberEvidence) -> str:
    flags = _flags_of(entry)
    # Two flags in words are wider than the plot; the legend says what their marks mean.
    more = ", ".join(FLAG_MARKS[flag][0] if len(flags) > 1 else flag.replace("_", " ") for flag in flags)
    return f"{MARKS[entry.verdict.verdict][0]} {entry.verdict.verdict}{', ' if more else ''}{more}"


def _range_of(found: Sequence[NumberEvidence]) -> tuple[float, float]:
    """Ends of the axis: all but computed intervals, which reach at most `INTERVAL_SHARE` further."""
    values: list[float] = []
    bands: list[float] = []
    for entry in found:
        score, margin = float(entry.number["score_percent"]), entry.verdict.margin_percent or 5.0
        values += [score - margin, score + margin]
        spread = _spread_of(entry)
        values += [] if spread is None else [score - spread, score + spread]
        for group in entry.direct.groups:
            values += group.scores_percent
            bands += [end for end in mean_interval(np.asarray(group.scores_percent)) if end is not None]
        values += [report.score_percent for report in entry.again.reports]
        pooled = entry.again.pooled
        bands += [] if pooled is None else [pooled.prediction_low, pooled.prediction_high]
    low, high = min(values), max(values)
    more = INTERVAL_SHARE * (high - low)
    low, high = (
        min(low, max(low - more, min(bands, default=low))),
        max(high, min(high + more, max(bands, default=high))),
    )
    pad = 0.03 * (high - low)
    return low - pad, high + pad


def _spread_of(entry: NumberEvidence) -> float | None:
    """The printed spread, or None."""
    spread = entry.number["spread_percent"]
    return None if entry.number["spread_kind"] == "none" or pd.isna(spread) else float(spread)


def _draw_row(axis: Axes, height: float, entry: NumberEvidence) -> None:
    number = entry.number
    score, spread = float(number["score_percent"]), _spread_of(entry)
    margin = entry.verdict.margin_percent or 5.0
    axis.fill_betweenx(
        [height - 0.47, height + 0.47], score - margin, score + margin, color="#E3EDF5", linewidth=0, zorder=0
    )
    pooled = entry.again.pooled
    if pooled is not None:
        axis.plot(
            [pooled.prediction_low, pooled.prediction_high],
            [height - 0.36, height - 0.36],
            color=REPORT_COLOUR,
            linewidth=3,
            alpha=0.35,
            solid_capstyle="butt",
            zorder=1,
        )
        axis.plot(
            pooled.mean_percent, height - 0.36, "|", color=REPORT_COLOUR, markersize=6, markeredgewidth=1.2
        )
        _arrows(axis, pooled.prediction_low, pooled.prediction_high, height - 0.36, REPORT_COLOUR)
    for report in entry.again.reports:
        face = "white" if report.left_out else REPORT_COLOUR
        axis.plot(
            report.score_percent,
            height - 0.36,
            "D",
            color=REPORT_COLOUR,
            markerfacecolor=face,
            markersize=3.2,
            markeredgewidth=0.7,
            zorder=3,
        )
    if spread is not None:
        axis.plot([score - spread, score + spread], [height + 0.3] * 2, color=INK, linewidth=0.9, zorder=2)
    axis.plot(score, height + 0.3, "|", color=INK, markersize=7, markeredgewidth=1.6, zorder=4)
    groups = entry.direct.groups
    for place, group in enumerate(groups):
        colour, marker = BASIS_STYLE[group.kind]
        level = height + 0.08 - 0.22 * place / max(1, len(groups) - 1)
        scores = np.asarray(group.scores_percent)
        axis.plot(
            scores,
            np.full(len(scores), level),
            ".",
            color=colour,
            markersize=2.6,
            alpha=0.5,
            markeredgewidth=0,
            zorder=2,
        )
        low, high = mean_interval(scores)
        if low is not None and high is not None:
            axis.plot([low, high], [level, level], color=colour, linewidth=1.0, zorder=3)
            _arrows(axis, low, high, level, colour)
        axis.plot(
            scores.mean(), level, marker, color=colour, markersize=3.6, markeredgecolor="white",
            markeredgewidth=0.4, zorder=4,
        )  # fmt: skip


def _arrows(axis: Axes, low: float, high: float, level: float, colour: str) -> None:
    """Arrows where an interval is longer than the axis."""
    left, right = axis.get_xlim()
    for end, cut, arrow in ((left, low < left, "<"), (right, high > right, ">")):
        if cut:
            axis.plot(end, level, arrow, color=colour, markersize=4, clip_on=False, zorder=3)


def _legend(figure: Figure, found: Sequence[NumberEvidence]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    kinds = {group.kind for entry in found for group in entry.direct.groups}
    spread = any(_spread_of(entry) is not None for entry in found)
    handles: list[Any] = [
        Line2D(
            [], [], color=INK, marker="|", markersize=7, markeredgewidth=1.6, linewidth=0.9 if spread else 0
        ),
        Patch(color="#E3EDF5"),
    ]
    labels = ["reported, with its ±" if spread else "reported", "margin"]
    for kind, (colour, marker) in BASIS_STYLE.items():
        if kind in kinds:
            handles.append(Line2D([], [], color=colour, marker=marker, markersize=3.6, linewidth=1.0))
            labels.append({INDEPENDENT: "independent runs", SAME_CODE: "runs of the document's own code"}.get(
                kind, f"runs, {kind.replace('_', ' ')}"))  # fmt: skip
    if kinds:
        handles.append(Line2D([], [], color=INK, marker=".", markersize=2.6, alpha=0.5, linewidth=0))
        labels.append("a seed")
    if any(entry.again.reports for entry in found):
        handles.append(Line2D([], [], color=REPORT_COLOUR, marker="D", markersize=3.2, linewidth=0))
        labels.append("other reports (open: less comparable)")
    if any(entry.again.pooled for entry in found):
        handles.append(
            (
                Line2D([], [], color=REPORT_COLOUR, linewidth=3, alpha=0.35),
                Line2D([], [], color=REPORT_COLOUR, marker="|", markersize=6, markeredgewidth=1.2),
            )
        )
        labels.append("pooled mean, 95% prediction interval")
    short = {flag for entry in found for flag in _flags_of(entry) if len(_flags_of(entry)) > 1}
    for flag in sorted(short):
        handles.append(Line2D([], [], linewidth=0))
        labels.append(f"{FLAG_MARKS[flag][0]}: {flag.replace('_', ' ')}")
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))


CHARACTER_SHARE = 0.18
"""Space that a character of the matrix needs, as a share of a square's width."""


def matrix_segments(verdicts: Sequence[str]) -> list[tuple[str, int, float]]:
    """How a square of the matrix is parted by verdict.

    Args:
        verdicts: those of one document's numbers on one task.

    Returns:
        Verdict, count and width of each part, in the order of `MATRIX_STYLE`. The widths follow the counts,
        but each part has space for its sign; together they fill the square but for a narrow border.
    """
    counts = {name: verdicts.count(name) for name in MATRIX_STYLE if name in verdicts}
    free = SQUARE_SHARE - CHARACTER_SHARE * len(counts)
    return [(name, count, CHARACTER_SHARE + free * count / len(verdicts)) for name, count in counts.items()]


def draw_matrix(found: Sequence[NumberEvidence]) -> Figure:
    """Documents by tasks: the verdicts of each document's numbers on a task, as shares of one square.

    Args:
        found: numbers with a verdict on evidence.
    """
    from matplotlib.figure import Figure as MatplotlibFigure
    from matplotlib.patches import Patch, Rectangle

    documents = sorted({str(entry.number["document"]) for entry in found})
    tasks = sorted({(str(entry.number["suite"]), str(entry.number["task"])) for entry in found}, reverse=True)
    figure = MatplotlibFigure(
        figsize=(WIDTH_INCHES, min(0.155 * len(tasks) + 1.5, 9.2)), layout="constrained"
    )
    axis = figure.subplots()
    cells: dict[tuple[str, str], list[str]] = {}
    for entry in found:
        key = str(entry.number["document"]), str(entry.number["task"])
        cells.setdefault(key, []).append(entry.verdict.verdict)
    for (document, task), verdicts in cells.items():
        x = documents.index(document)
        y = next(place for place, (_, name) in enumerate(tasks) if name == task)
        left = x + 0.03
        for verdict, count, width in matrix_segments(verdicts):
            colour, sign = MATRIX_STYLE[verdict]
            axis.add_patch(Rectangle((left, y + 0.06), width, 0.88, color=colour, linewidth=0))
            text = f"{sign}{count}" if count > 1 else sign
            if width < CHARACTER_SHARE * len(text):
                text = sign
            axis.text(left + width / 2, y + 0.46, text, ha="center", va="center", fontsize=4.5)
            left += width
    axis.set_xlim(0, len(documents))
    axis.set_ylim(0, len(tasks))
    axis.set_xticks(
        np.arange(len(documents)) + 0.5,
        [names.document_name(name) for name in documents],
        rotation=90,
    )
    axis.set_yticks(np.arange(len(tasks)) + 0.5, [name for _, name in tasks])
    axis.tick_params(length=0)
    axis.grid(visible=False)
    used = {entry.verdict.verdict for entry in found}
    kept = [name for name in MATRIX_STYLE if name in used]
    figure.legend(
        [Patch(color=MATRIX_STYLE[name][0]) for name in kept],
        [f"{MATRIX_STYLE[name][1]} {name}" for name in kept],
        loc="outside lower center",
        ncols=len(kept),
    )
    return figure


def with_evidence(found: Sequence[NumberEvidence]) -> list[NumberEvidence]:
    """The numbers whose verdict rests on something."""
    return [entry for entry in found if entry.basis != NO_BASIS and entry.verdict.verdict in MATRIX_STYLE]


FOREST_CAPTION = (
    "{title}: each reported number with its ±, the seeds of each implementation as dots with their mean and "
    "95% interval, other documents' reports as diamonds (open: unverified, another selection rule, or "
    "settings per task; pooled only where the others are too few), the mean and 95% prediction interval of "
    "the reports where three or more can be pooled, and the verdict (cond: a spread is assumed; sel: another "
    "selection rule; set: other settings). An arrow: the interval is longer than the axis. Shaded: the "
    "margin around the reported number."
)


def evidence_figures(found: Sequence[NumberEvidence], folder: Path) -> Figures:
    """Draw all figures of the evidence.

    Args:
        found: the evidence of every number.
        folder: where the files go.
    """
    done = Figures(folder)
    drawn = with_evidence(found)
    with house_style():
        tables: dict[tuple[str, str], list[NumberEvidence]] = {}
        for entry in drawn:
            if not entry.is_copy:
                tables.setdefault((entry.number["document"], entry.number["table"]), []).append(entry)
        for (document, table), rows in tables.items():
            # Cut into pages by method first, so that a method's numbers are together.
            ordered = sorted(rows, key=lambda entry: str(entry.number["method"]))
            title = f"{names.document_name(document)}, {table}"
            count = -(-len(ordered) // ROWS_A_PAGE)
            for page, start in enumerate(range(0, len(ordered), ROWS_A_PAGE)):
                name = f"forest_{slug(document)}_{slug(table)}".replace("-", "_") + (
                    f"_{page + 1}" if page else ""
                )
                part = f" ({page + 1} of {count})" if count > 1 else ""
                figure = draw_forest(ordered[start : start + ROWS_A_PAGE], title + part)
                done.save(figure, name, FOREST_CAPTION.format(title=title))
        draw_first_forest(drawn, done)
        if drawn:
            done.save(
                draw_matrix(drawn),
                "matrix",
                "Verdicts by document and task. A square is parted by verdict where a document has several "
                "numbers with evidence on one task, with how many where there is space. Copies are shown "
                "where they are printed.",
            )
    return done


def draw_first_forest(found: Sequence[NumberEvidence], done: Figures) -> None:
    """The forest plot that documents show; nothing where no number qualifies."""
    rows = first_forest_rows(found)
    if not rows:
        return
    title = "Numbers that the methods' authors report, and independent runs"
    with house_style():
        done.save(draw_forest(rows, title), FIRST_FOREST, FOREST_CAPTION.format(title=title))


def first_forest_rows(found: Sequence[NumberEvidence]) -> list[NumberEvidence]:
    """Numbers for the README's forest plot: a method's own, with independent runs, the most seeds first."""
    own = [
        entry
        for entry in found
        if entry.number["origin"] == "own"
        and entry.basis == INDEPENDENT
        and entry.verdict.verdict in (*decision_rule.CLAIMS, decision_rule.INCONCLUSIVE)
    ]
    ranked = sorted(own, key=lambda entry: (-entry.verdict.our_seeds, entry.number["id"]))[:FIRST_ROWS]
    return sorted(ranked, key=lambda entry: (str(entry.number["method"]), str(entry.number["task"])))


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.figures.evidence", description="Draw the evidence."
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the figures")
    options = parser.parse_args(arguments)

    def draw() -> None:
        from recheck import files

        found = judge_all(Inputs.read())
        with files.atomic_folder(options.output, TablesError) as temporary:
            done = evidence_figures(found, temporary)
            lines = [f"- `{name}`: {caption}" for name, caption in done.captions.items()]
            files.write_text(temporary / "captions.md", "\n".join(lines) + "\n", TablesError)
        print(f"{len(done.captions)} figures.")

    return run(draw)


if __name__ == "__main__":
    sys.exit(main())
