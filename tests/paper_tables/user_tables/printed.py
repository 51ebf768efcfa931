"""Reported tables as people copy them: Markdown, CSV, LaTeX, turned, rounded."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

TEX_SIGNS = re.compile(r"([%&_#])")


@dataclass
class Printed:
    """A table of texts: headings, then (label, cells) rows."""

    headings: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def copy(self) -> Printed:
        return Printed(list(self.headings), [list(row) for row in self.rows])

    def find(self, label: str) -> int:
        return next(place for place, row in enumerate(self.rows) if row[0] == label)

    def get(self, label: str, column: str) -> str:
        return self.rows[self.find(label)][self.headings.index(column)]

    def set(self, label: str, column: str, text: str) -> None:
        self.rows[self.find(label)][self.headings.index(column)] = text

    def turned(self) -> Printed:
        grid = [list(cells) for cells in zip(self.headings, *self.rows, strict=True)]
        return Printed(grid[0], grid[1:])

    def write(self, path: Path) -> Path:
        """Write the table in the form of the path's ending."""
        grid = [self.headings, *self.rows]
        if path.suffix == ".md":
            lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in grid]
            lines.insert(1, "|" + "---|" * len(self.headings))
        elif path.suffix == ".tex":
            body = [" & ".join(map(_tex, row)) + r" \\" for row in grid]
            lines = [
                rf"\begin{{tabular}}{{l{'r' * (len(self.headings) - 1)}}} % made by hand",
                r"\toprule",
                body[0],
                r"\midrule",
                *body[1:],
                r"\bottomrule",
                r"\end{tabular}",
            ]
        else:
            lines = [",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in grid]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


def _tex(cell: str) -> str:
    bold = cell.startswith("**")
    text = TEX_SIGNS.sub(r"\\\1", cell.strip("*"))
    text = f"${text.replace('±', chr(92) + 'pm')}$" if "±" in text else text
    return rf"\textbf{{{text}}}" if bold else text


def copy_of(part: pd.DataFrame, most_decimals: int | None = None) -> Printed:
    """A document's table: suite by suite, its totals and averages below its rows.

    Args:
        part: rows of the schema ``reported``, one table.
        most_decimals: to which numbers are rounded.
    """
    columns = list(dict.fromkeys(part["method"]))
    printed = Printed(["Task", *columns])
    for _, rows in part.groupby("suite", sort=False):
        repeated = rows.groupby(["task", "method"]).cumcount()
        labels = sorted(dict.fromkeys(zip(rows["aggregate"], rows["task"])), key=lambda key: key[0] != "cell")
        for turn in range(int(repeated.max()) + 1):
            for _, task in labels:
                here = rows[(repeated == turn) & (rows["task"] == task)]
                cells = {row["method"]: number(row, most_decimals) for row in here.to_dict("records")}
                if cells:
                    label = task.replace("AVERAGE", "Average").replace("TOTAL", "Total")
                    printed.rows.append([label, *[cells.get(name, "-") for name in columns]])
    return printed


def number(row: dict[str, object], most_decimals: int | None = None) -> str:
    """A number with its spread, as printed or rounded."""
    decimals = int(str(row["decimals"]))
    decimals = decimals if most_decimals is None else min(decimals, most_decimals)
    text = f"{row['score_percent']:.{decimals}f}"
    if pd.notna(row["spread_percent"]):
        spread = (
            f"{row['spread_percent']:g}" if most_decimals is None else f"{row['spread_percent']:.{decimals}f}"
        )
        text += f" ± {spread}"
    return text
