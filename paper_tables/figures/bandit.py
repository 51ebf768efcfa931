"""The bandit of Diffusion-QL's section 4 (arXiv 2208.06193): its figure, the sweep over N, the numbers.

    python -m paper_tables.figures.bandit --input results/bandit --output results/figures/bandit

Read from ``--input``, where ``python -m algos.bandit`` wrote them: ``samples.parquet``, ``numbers.csv``
(schemas ``bandit_samples``, ``bandit_numbers``) and ``config.json``. Written, each whole or not at all:

``bandit.pdf``, ``.png``              the paper's figure: behaviour cloning above, with a Q term below
``bandit_diffusion_steps.pdf``, ``.png``  BC-Diffusion and Diffusion-QL over N
``numbers.md``                        the numbers of all panels as a Markdown table
``index.csv``                         figure, drawn, caption

The figure has the released scripts' panels, axes and numbers of points (`run_toy_bc.py`, `run_toy_ql.py`:
1,000 samples above, 100 below). A run that is smaller than the released one says so on each figure and in
the table. No file holds a date, so bytes repeat under the pinned versions.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from recheck import cli, files
from recheck.errors import TablesError
from recheck.words import named

from paper_tables import frames
from paper_tables.figures.style import COLOURS, INK, PALE, Figures, house_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "data": "Ground truth",
    "bc_mle": "BC-MLE",
    "bc_cvae": "BC-CVAE",
    "bc_mmd": "BC-MMD",
    "bc_diffusion": "BC-Diffusion",
    "td3_bc": "TD3+BC",
    "bcq": "BCQ",
    "bcq_described": "BCQ, as described",
    "bear_mmd": "BEAR-MMD",
    "diffusion_ql": "Diffusion-QL",
}
FIRST_ROW = ("bc_mle", "bc_cvae", "bc_mmd", "bc_diffusion")
SECOND_ROW = ("td3_bc", "bcq", "bear_mmd", "diffusion_ql")
# Points drawn, as released (run_toy_bc.py:96, run_toy_ql.py:93); the numbers are over all samples.
FIRST_ROW_POINTS = 1_000
SECOND_ROW_POINTS = 100
# Half widths of the panels, as released: cloned policies are shown over a wider range than the data.
NARROW, WIDE = 1.1, 2.5

CLONED = COLOURS[0]
IMPROVED = COLOURS[1]
PAGE_WIDTH_INCHES = 7.0
PANEL_HEIGHT_INCHES = 1.62
HEAD_INCHES = 0.16
CAPTION_NUMBERS = (
    "Below each panel: share of 1,000 samples within 0.2 of a centre (circles), and their mean true "
    "reward, 0 off all modes."
)


class Bandit:
    """What `algos.bandit` wrote.

    Args:
        folder: with the three files.

    Raises:
        TablesError: a file is absent or not as its schema says, or a method of the figure is missing.
    """

    def __init__(self, folder: Path) -> None:
        """See the class."""
        self.samples = frames.read_parquet(folder / "samples.parquet", "bandit_samples")
        self.numbers = frames.read_csv(folder / "numbers.csv", "bandit_numbers")
        path = folder / "config.json"
        if not path.is_file():
            raise TablesError(f"There is no file {path}.")
        try:
            self.config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            self.modes = [
                (mode["name"], *mode["centre"], mode["reward_mean"]) for mode in self.config["modes"]
            ]
            self.radius = float(self.config["mode_radius"])
            self.reduced: str | None = self.config["reduced"]
        except (ValueError, KeyError, TypeError) as error:
            raise TablesError(f"{path} is not a configuration of the bandit: {error!r}.") from error
        present = set(self.samples["method"]) & set(self.numbers["method"])
        absent = [name for name in ("data", *FIRST_ROW, *SECOND_ROW) if name not in present]
        if absent:
            raise TablesError(f"{folder} lacks the {named('method', absent)} of the figure.")

    def steps_of(self, method: str) -> list[int]:
        """Every N of a method, ascending; [0] without diffusion."""
        rows = self.numbers[self.numbers["method"] == method]
        return sorted(int(steps) for steps in rows["diffusion_steps"])

    def actions(self, method: str, diffusion_steps: int) -> np.ndarray:
        """Samples of a method at N, ``[n, 2]``."""
        rows = self.rows(method, diffusion_steps)
        return rows[["x", "y"]].to_numpy()

    def rows(self, method: str, diffusion_steps: int) -> pd.DataFrame:
        """The rows of `samples.parquet` for a method at N, in order of their index."""
        chosen = (self.samples["method"] == method) & (self.samples["diffusion_steps"] == diffusion_steps)
        return self.samples[chosen].sort_values("index")

    def number(self, method: str, diffusion_steps: int, column: str) -> float:
        """One of the numbers.

        Raises:
            TablesError: the numbers have no such row.
        """
        chosen = (self.numbers["method"] == method) & (self.numbers["diffusion_steps"] == diffusion_steps)
        if not chosen.any():
            raise TablesError(f"The bandit's numbers have no row for {method} with N = {diffusion_steps}.")
        return float(self.numbers.loc[chosen, column].iloc[0])


# --- Panels ---


@dataclass(frozen=True)
class Panel:
    """One panel of samples.

    Attributes:
        method: of `numbers.csv`.
        diffusion_steps: N; 0 without diffusion.
        points: samples that are drawn.
        limit: half width of the panel, in units of the action.
        title: above the panel.
    """

    method: str
    diffusion_steps: int
    points: int
    limit: float
    title: str


def draw_panel(axes: Axes, bandit: Bandit, panel: Panel) -> None:
    """Draw samples of one policy with the circles of the modes, and its two numbers below."""
    method, diffusion_steps, limit = panel.method, panel.diffusion_steps, panel.limit
    actions = bandit.actions(method, diffusion_steps)[: panel.points]
    colour = IMPROVED if method in (*SECOND_ROW, "bcq_described") else CLONED
    frame(axes, bandit, limit, panel.title)
    size, alpha = (1.5, 0.3) if panel.points > SECOND_ROW_POINTS else (5.0, 0.45)
    axes.scatter(actions[:, 0], actions[:, 1], s=size, alpha=alpha, color=colour, linewidths=0)
    outside = int((np.abs(actions) > limit).any(axis=1).sum())
    if outside:
        axes.text(
            0.5,
            0.02,
            f"{outside} outside" if outside < len(actions) else f"all {outside} outside",
            transform=axes.transAxes,
            ha="center",
            va="bottom",
            fontsize=6,
            color=INK,
        )
    on_modes = 1.0 - bandit.number(method, diffusion_steps, "share_off_modes")
    reward = bandit.number(method, diffusion_steps, "mean_true_reward")
    axes.set_xlabel(f"on a mode {on_modes:.0%}, reward {reward:.2f}", labelpad=1.5, fontsize=6, loc="right")


def draw_rewards(axes: Axes, bandit: Bandit) -> None:
    """The data coloured by mode, each with its rewards' mean and standard deviation."""
    frame(axes, bandit, NARROW, "Ground truth, rewards")
    rows = bandit.rows("data", 0)
    actions, rewards = rows[["x", "y"]].to_numpy(), rows["reward"].to_numpy(dtype=float)
    best = max(mode[3] for mode in bandit.modes)
    for place, (_, x, y, mean) in enumerate(bandit.modes):
        near = np.hypot(actions[:, 0] - x, actions[:, 1] - y) <= bandit.radius
        colour = COLOURS[place]
        axes.scatter(actions[near, 0], actions[near, 1], s=1.5, alpha=0.5, color=colour, linewidths=0)
        axes.text(
            x - np.sign(x) * 0.22,
            y - np.sign(y) * 0.36,
            f"N({mean:g}, {bandit.config['reward_sd']:g})",
            ha="center",
            va="center",
            fontsize=6,
            weight="bold" if mean == best else "normal",
            color=colour,
        )
    axes.set_xlabel(f"mean of the rewards {rewards.mean():.2f}", labelpad=1.5, fontsize=6, loc="right")


def frame(axes: Axes, bandit: Bandit, limit: float, title: str) -> None:
    """A square panel of half width `limit` with the circles that count as the modes."""
    from matplotlib.patches import Circle

    for _, x, y, _ in bandit.modes:
        axes.add_patch(Circle((x, y), bandit.radius, fill=False, linewidth=0.5, edgecolor=PALE, zorder=0.5))
    axes.set_xlim(-limit, limit)
    axes.set_ylim(-limit, limit)
    axes.set_aspect("equal")
    ticks = [-2, 0, 2] if limit == WIDE else [-0.8, 0, 0.8]
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)
    axes.set_title(title, pad=3)
    for spine in axes.spines.values():
        spine.set_visible(True)


# --- Figures ---


def panels(bandit: Bandit, rows: int, columns: int) -> tuple[Figure, np.ndarray]:
    """A page-wide grid of panels; a reduced run says so at its head."""
    from matplotlib.figure import Figure as MatplotlibFigure

    head = HEAD_INCHES if bandit.reduced else 0.0
    figure = MatplotlibFigure(
        figsize=(PAGE_WIDTH_INCHES, rows * PANEL_HEIGHT_INCHES + head), layout="constrained"
    )
    if bandit.reduced:
        figure.suptitle(textwrap.fill(reduced_note(bandit), 150), fontsize=6.5, color=COLOURS[1])
    return figure, figure.subplots(rows, columns, squeeze=False)


def reduced_note(bandit: Bandit) -> str:
    """What a reader has to know of a reduced run; empty for the released setting."""
    return f"Reduced run, not the paper's setting: {bandit.reduced}." if bandit.reduced else ""


def draw_methods(bandit: Bandit, figures: Figures) -> None:
    """The paper's figure, at the largest N."""
    figure, grid = panels(bandit, 2, 1 + len(FIRST_ROW))
    draw_panel(grid[0, 0], bandit, Panel("data", 0, FIRST_ROW_POINTS, NARROW, TITLES["data"]))
    draw_rewards(grid[1, 0], bandit)
    for row, (methods, points) in enumerate(((FIRST_ROW, FIRST_ROW_POINTS), (SECOND_ROW, SECOND_ROW_POINTS))):
        for column, method in enumerate(methods, start=1):
            limit = WIDE if row == 0 else NARROW
            steps = bandit.steps_of(method)[-1]
            panel = Panel(method, steps, points, limit, TITLES[method])
            draw_panel(grid[row, column], bandit, panel)
    steps = bandit.steps_of("diffusion_ql")[-1]
    caption = (
        f"A bandit with four modes after Diffusion-QL's section 4. Above: the data and cloned policies, "
        f"1,000 samples; below: rewards and policies with a Q term, 100 samples. Diffusion with N = {steps}. "
        f"BCQ as the released script draws it, from its CVAE alone. {CAPTION_NUMBERS} {reduced_note(bandit)}"
    )
    figures.save(figure, "bandit", caption.strip())


def draw_diffusion_steps(bandit: Bandit, figures: Figures) -> None:
    """BC-Diffusion and Diffusion-QL over N."""
    methods = ("bc_diffusion", "diffusion_ql")
    steps = bandit.steps_of(methods[0])
    figure, grid = panels(bandit, len(methods), len(steps))
    for row, method in enumerate(methods):
        for column, count in enumerate(steps):
            title = f"{TITLES[method]}, N = {count}"
            panel = Panel(method, count, FIRST_ROW_POINTS, NARROW, title)
            draw_panel(grid[row, column], bandit, panel)
    caption = (
        "The number N of diffusion steps, in training and sampling: BC-Diffusion (above) and Diffusion-QL "
        f"(below), 1,000 samples each. {CAPTION_NUMBERS} {reduced_note(bandit)}"
    )
    figures.save(figure, "bandit_diffusion_steps", caption.strip())


# --- Numbers ---


def numbers_table(bandit: Bandit) -> str:
    """All numbers as a Markdown table, shares in percent."""
    heads = [f"at ({x:g}, {y:g}), pays {mean:g}" for _, x, y, mean in bandit.modes]
    columns = ["method", "N", *heads, "off all modes", "mean true reward"]
    shares = [f"share_{mode[0]}" for mode in bandit.modes] + ["share_off_modes"]
    lines = [
        "| " + " | ".join(columns) + " |",
        "|" + "|".join(["---"] + ["---:"] * (len(columns) - 1)) + "|",
    ]
    for row in frames.records(bandit.numbers):
        steps = int(row["diffusion_steps"])
        cells = [TITLES[row["method"]], str(steps) if steps else ""]
        cells += [f"{100.0 * row[share]:.1f}%" for share in shares]
        cells.append(f"{row['mean_true_reward']:.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    first = frames.records(bandit.numbers)[0]
    largest_error = 50.0 / float(first["num_samples"]) ** 0.5
    notes = [
        f"Shares of {first['num_samples']:,} samples per method, each known to {largest_error:.1f} points or "
        f"better (one standard error); {first['updates']:,} updates, seed {first['seed']}, one training run. "
        f"A sample counts to a mode within {bandit.radius:g} of its centre. The true reward is the mode's "
        "mean, without noise, and 0 off all modes.",
        "The released figure draws BCQ from its CVAE alone; as described it takes the best of 10 perturbed "
        "candidates by Q.",
    ]
    if bandit.reduced:
        notes.insert(0, f"**{reduced_note(bandit)}**")
    return "\n\n".join(["# The bandit", *notes, "\n".join(lines)]) + "\n"


def draw(source: Path, output: Path) -> Figures:
    """Draw both figures and write the table.

    Raises:
        TablesError: the input is not what `algos.bandit` writes; nothing is written.
    """
    bandit = Bandit(source)
    figures = Figures(output)
    with house_style():
        draw_methods(bandit, figures)
        draw_diffusion_steps(bandit, figures)
    files.write_text(output / "numbers.md", numbers_table(bandit), TablesError)
    index = figures.index().to_csv(index=False, lineterminator="\n")
    files.write_text(output / "index.csv", index, TablesError)
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.figures.bandit", description="Draw the bandit and table its numbers."
    )
    parser.add_argument("--input", required=True, type=Path, help="folder that algos.bandit wrote")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    options = parser.parse_args(arguments)

    def command() -> None:
        draw(options.input, options.output)

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
