"""Whether published policies, played again, do what the published episodes say.

    python -m paper_tables.publish.reevaluated [--published results/published/checkpoints]
        [--reevaluated results/reevaluated] [--output results/reevaluated]

prints a line for each policy and the verdict on all. The same kind of machine and the same versions give
the same episodes to the byte. Elsewhere the last bits of a sum may differ and a course of events with them;
then the two evaluations agree if the interval of the mean difference between the episodes with equal reset
seeds holds 0 for every policy. The intervals together have 95%. Ends with 2 where they do not agree. With
``--output`` it writes ``comparison.md``, ``.csv``, ``.tex`` (a row for each method and task, best first) and
``comparison.json`` (``agrees``; ``sentence``, the lines of the verdict) instead, and ends with 0 either way.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recheck import cli, files
from recheck.errors import TablesError
from recheck.results import published_checkpoints
from recheck.words import named

from paper_tables import frames
from paper_tables.rendering import names
from paper_tables.rendering import table as table_module
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING, number
from paper_tables.scores.normalised_score import normalise
from paper_tables.statistics import intervals

LEVEL = 0.95
PLACE = ["seed", "episode", "episode_seed"]
# A difference of scores in percent is in points.
_UNIT_WORD = {"percent": "points", "return": "return"}


@dataclass(frozen=True)
class PolicyComparison:
    """The episodes of one policy, published and played again.

    Attributes:
        block: its run, sampling setting and training seeds.
        num_episodes: of it.
        num_equal: of these with the same return and length, bit by bit.
        difference: mean of (again - published) over the episodes, percent or return.
        low: lower end of its interval.
        high: upper end.
        unit: ``percent`` or ``return``.
        published: mean over the published episodes, in that unit.
        again: mean over the episodes here.
        seeds: of its training.
        updates: after which it was kept; None where its description does not say.
    """

    block: str
    num_episodes: int
    num_equal: int
    difference: float
    low: float
    high: float
    unit: str
    published: float = float("nan")
    again: float = float("nan")
    seeds: tuple[int, ...] = ()
    updates: int | None = None

    @property
    def same_bytes(self) -> bool:
        """Whether every episode is the published one."""
        return self.num_equal == self.num_episodes

    @property
    def agrees(self) -> bool:
        """Whether it is that, or the interval holds 0."""
        return self.same_bytes or self.low <= 0 <= self.high


def compare(
    block: str,
    published: pd.DataFrame,
    again: pd.DataFrame,
    manifest: dict[str, Any],
    level: float,
    updates: int | None = None,
) -> PolicyComparison:
    """Compare episode by episode.

    Args:
        block: what the policy is called.
        published: one row an episode: `seed`, `episode`, `episode_seed`, `raw_return`, `length`.
        again: likewise.
        manifest: with the task's reference returns.
        level: of the interval.
        updates: as of `PolicyComparison`.

    Raises:
        TablesError: the two hold other episodes.
    """
    both = published.merge(
        again, on=PLACE, how="outer", suffixes=("", "_again"), validate="1:1", indicator=True
    )
    if len(both) == 0 or (both["_merge"] != "both").any():
        raise TablesError(
            f"{block}: {len(published)} episodes are published and {len(again)} were played, of which "
            f"{int((both['_merge'] == 'both').sum())} have the same seeds; remove results/reevaluated."
        )
    scores, unit = normalise(both["raw_return"].to_numpy(dtype=float), manifest)
    scores_again, _ = normalise(both["raw_return_again"].to_numpy(dtype=float), manifest)
    differences = scores_again - scores
    low, high = _interval(differences, level)
    equal = (both["raw_return"] == both["raw_return_again"]) & (both["length"] == both["length_again"])
    return PolicyComparison(
        block=block,
        seeds=tuple(sorted({int(seed) for seed in both["seed"]})),
        num_episodes=len(both),
        num_equal=int(equal.sum()),
        published=float(scores.mean()),
        again=float(scores_again.mean()),
        difference=float(differences.mean()),
        low=low,
        high=high,
        unit=unit,
        updates=updates,
    )


def _interval(values: np.ndarray, level: float) -> tuple[float, float]:
    """Student's interval of the mean; of one episode it is everything."""
    if len(values) < 2:
        return -np.inf, np.inf
    found = intervals.mean_interval(values, level)
    return found.low, found.high


def compare_all(published: Path, reevaluated: Path) -> list[PolicyComparison]:
    """Every published policy, in order.

    Args:
        published: folder of the checkpoints.
        reevaluated: folder of the evaluator's tables, by the same names.

    Raises:
        TablesError: there is no policy, or a file is absent or no table.
    """
    folders = sorted(path.parent for path in published.rglob(published_checkpoints.DESCRIPTION))
    if not folders:
        raise TablesError(f"{published} holds no published policy.")
    level = 1 - (1 - LEVEL) / len(folders)
    found = []
    for folder in folders:
        block = str(folder.relative_to(published))
        again = _episodes(reevaluated / f"{block}.parquet")
        manifest = files.read_json(folder / "manifest.json", TablesError)
        updates = files.read_json(folder / published_checkpoints.DESCRIPTION, TablesError).get("update")
        kept = _episodes(folder / "episodes.parquet")
        found.append(compare(block, kept, again, manifest, level, updates))
    return found


def _episodes(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise TablesError(f"There is no file {path}; `snakemake reevaluate` makes it.")
    table = frames.read_plain_parquet(path)
    missing = [name for name in (*PLACE, "raw_return", "length") if name not in table]
    if missing:
        raise TablesError(f"{path} lacks the {named('column', missing)}.")
    return table[[*PLACE, "raw_return", "length"]]


def sentence(found: list[PolicyComparison]) -> str:
    """One sentence for all policies: equal in every bit, within the interval, or different.

    Args:
        found: at least one.
    """
    count, episodes = len(found), sum(item.num_episodes for item in found)
    what = f"{count} published {'policy' if count == 1 else 'policies'}, {episodes} episodes"
    against = [item.block for item in found if not item.agrees]
    if against:
        named = ", ".join(against)
        return f"Different by more than the interval: {named} (of {what})."
    differing = [item for item in found if not item.same_bytes]
    if not differing:
        return f"Equal in every bit: {what}."
    largest = max(differing, key=lambda item: abs(item.difference))
    return (
        f"Equal in every bit: {count - len(differing)} of {what}. Within the interval: {len(differing)}, the "
        f"largest mean difference {largest.difference:+.2f} {_UNIT_WORD[largest.unit]} "
        f"[{largest.low:.2f}, {largest.high:.2f}]."
    )


def verdict(found: list[PolicyComparison]) -> str:
    """What a person wants to know, `sentence` and `order`, a line each.

    Args:
        found: at least one.
    """
    agrees = all(item.agrees for item in found)
    said = "agrees" if agrees else "does not agree"
    lines = (f"Your machine {said} with the published scores.", sentence(found), order(found))
    return "\n".join(line for line in lines if line)


@dataclass(frozen=True)
class Run:
    """The seeds of one published run together.

    Attributes:
        task: of the run.
        label: method and variant.
        updates: after which the policies were kept.
        seeds: of its training.
        num_episodes: of all seeds.
        published: mean over the published episodes.
        again: mean over the episodes here.
        agrees: whether every policy does.
    """

    task: str
    label: str
    updates: int | None
    seeds: tuple[int, ...]
    num_episodes: int
    published: float
    again: float
    agrees: bool


def runs(found: list[PolicyComparison]) -> list[Run]:
    """Policies of one task, method, variant and number of updates together.

    By task, and in it the best published mean first.

    Args:
        found: at least one.
    """
    groups: dict[tuple[str, str, int | None], list[PolicyComparison]] = {}
    for item in found:
        method, task, variant = Path(item.block).parts[:3]
        label = f"{method} {variant.rpartition('-')[0]}"
        groups.setdefault((task, label, item.updates), []).append(item)
    together = []
    for (task, label, updates), items in groups.items():
        episodes = sum(item.num_episodes for item in items)
        published, again = (
            sum(getattr(item, name) * item.num_episodes for item in items) / episodes
            for name in ("published", "again")
        )
        seeds = tuple(sorted({seed for item in items for seed in item.seeds}))
        agrees = all(item.agrees for item in items)
        together.append(Run(task, label, updates, seeds, episodes, published, again, agrees))
    return sorted(together, key=lambda run: (run.task, -run.published, run.label))


def order(found: list[PolicyComparison]) -> str:
    """Whether the methods of a task have the published order here; empty where no task has two.

    Args:
        found: at least one.
    """
    by_task: dict[str, list[Run]] = {}
    for run in runs(found):
        by_task.setdefault(run.task, []).append(run)
    said = []
    for task, published in by_task.items():
        if len(published) < 2:
            continue
        here = sorted(published, key=lambda run: -run.again)
        if here == published:
            line = f"Order on {task} as published: {_listed(here)}."
        else:
            line = f"Order on {task} here: {_listed(here)}. Published: {_listed(published)}."
        if len({run.updates for run in published}) > 1:
            line += " Unequal numbers of updates: it ranks no method."
        said.append(line)
    return "\n".join(said)


def _listed(ranked: list[Run]) -> str:
    """Runs in order; with their updates where method and variant alone are not unique."""
    labels = [run.label for run in ranked]
    return ", ".join(
        names.display_name(run.label)
        + (f" after {run.updates:,} updates" if run.updates and labels.count(run.label) > 1 else "")
        for run in ranked
    )


def comparison_table(found: list[PolicyComparison]) -> Table:
    """A row for each published run: its seeds together, published and here.

    Args:
        found: at least one.
    """
    table = Table(
        "Published policies, played again",
        ["Task", "Method", "Updates", "Seeds", "Episodes", "Published", "Here", "Difference", "Agrees"],
        text_columns=2,
        lead=verdict(found).splitlines(),
    )
    table.rows = [
        [
            Cell(run.task),
            Cell(run.label),
            Cell(NOTHING if run.updates is None else f"{run.updates:,}"),
            Cell(str(len(run.seeds))),
            Cell(str(run.num_episodes)),
            Cell(number(run.published, 1)),
            Cell(number(run.again, 1)),
            Cell(f"{run.again - run.published:+.1f}"),
            Cell("yes" if run.agrees else "no"),
        ]
        for run in runs(found)
    ]
    units = {item.unit for item in found}
    table.notes = [
        f"Mean {'normalised score in percent' if units == {'percent'} else 'score or return'} over all "
        "episodes. Published: of the episodes that are kept with each policy.",
        "A policy agrees where its episodes are equal to the bit, or the interval of the mean difference "
        "over episodes with equal reset seeds holds 0; the intervals of all policies together have 95%.",
    ]
    return table


def write(found: list[PolicyComparison], folder: Path) -> None:
    """Write the table and the verdict into a folder, as ``comparison.*``."""
    table_module.write(comparison_table(found), folder, "comparison")
    document = {"agrees": all(item.agrees for item in found), "sentence": verdict(found)}
    files.write_json(folder / "comparison.json", document, TablesError)


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.publish.reevaluated", description="Compare re-evaluated policies."
    )
    parser.add_argument(
        "--published", type=Path, default=published_checkpoints.FOLDER, help="published policies"
    )
    again = published_checkpoints.REEVALUATIONS
    parser.add_argument("--reevaluated", type=Path, default=again, help="their episodes here")
    parser.add_argument("--output", type=Path, help="folder of the table; nothing is printed then")
    options = parser.parse_args(arguments)

    def command() -> int:
        found = compare_all(options.published, options.reevaluated)
        if options.output is not None:
            write(found, options.output)
            return 0
        for row in frames.records(pd.DataFrame([vars(item) for item in found])):
            print(
                f"{row['block']}: {row['num_equal']} of {row['num_episodes']} episodes equal, mean "
                f"difference {row['difference']:+.3f} {row['unit']} [{row['low']:.3f}, {row['high']:.3f}]"
            )
        print(verdict(found))
        return 0 if all(item.agrees for item in found) else cli.EXIT_MISTAKE

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
