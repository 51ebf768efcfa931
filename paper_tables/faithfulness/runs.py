"""The plan, the runs that the repository keeps, and finished runs that are not kept yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames, task_table
from paper_tables.scores.block_files import read_json, read_plain_parquet

FOLDER = Path(__file__).parent
RUNS = FOLDER / "runs.csv"
OURS, THEIRS = "recheck", "corl"
LOSSES = ("value_loss", "critic_loss", "actor_loss")


@dataclass(frozen=True)
class Plan:
    """What was fixed before the first run; ``schemas/faithfulness_plan.schema.json`` says what each is."""

    method: str
    variant: str
    experiment: str
    released_code: str
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    num_updates: int
    checkpoint_every_updates: int
    episodes_per_checkpoint: int
    averaged_from_update: int
    interval_level: float
    significance_level: float
    margin_percent: float

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """Updates at which every run is evaluated."""
        return tuple(
            range(self.checkpoint_every_updates, self.num_updates + 1, self.checkpoint_every_updates)
        )


def read_plan(path: Path = FOLDER / "plan.yaml") -> Plan:
    """The plan.

    Raises:
        TablesError: the file is absent or breaks its schema, or a number of updates is not a checkpoint.
    """
    content = frames.read_yaml(path, "faithfulness_plan")
    plan = Plan(**{**content, "tasks": tuple(content["tasks"]), "seeds": tuple(content["seeds"])})
    for name in ("num_updates", "averaged_from_update"):
        if getattr(plan, name) not in plan.checkpoints:
            raise TablesError(
                f"{path}: {name} is {getattr(plan, name)}, which is not a checkpoint; checkpoints are every "
                f"{plan.checkpoint_every_updates} updates up to num_updates."
            )
    return plan


def read_runs(plan: Plan, path: Path = RUNS) -> pd.DataFrame:
    """The runs that are kept, every one whole and as planned; none where there is no file yet.

    Returns:
        Rows of the schema ``faithfulness_runs``.

    Raises:
        TablesError: the file breaks its schema, or a run is not what the plan says.
    """
    if not path.is_file():
        return pd.DataFrame(columns=frames.columns("faithfulness_runs"))
    runs = frames.read_csv(path, "faithfulness_runs")
    check_runs(runs, plan, str(path))
    return runs


def check_runs(runs: pd.DataFrame, plan: Plan, where: str) -> None:
    """Refuse runs that are not planned, lack a checkpoint, or whose numbers contradict each other.

    Args:
        runs: rows of the schema ``faithfulness_runs``.
        plan: what they should be.
        where: what to call them in an error.

    Raises:
        TablesError: names the run and what is wrong.
    """
    for name, own in runs.groupby("program"):
        if own["code"].nunique() > 1:
            commits = " and ".join(sorted(set(own["code"])))
            raise TablesError(
                f"{where}: runs of {name} are of {commits}; all runs of a program have to be of one commit."
            )
    for (program, task, seed), rows in runs.groupby(["program", "task", "seed"], sort=False):
        run = f"{where}: the run of {program} on {task}, seed {seed},"
        if task not in plan.tasks or seed not in plan.seeds or set(rows["num_updates"]) != {plan.num_updates}:
            raise TablesError(
                f"{run} is not planned; planned are {', '.join(plan.tasks)}, seeds "
                f"{', '.join(map(str, plan.seeds))}, {plan.num_updates} updates."
            )
        if program == THEIRS and set(rows["code"]) != {plan.released_code}:
            raise TablesError(
                f"{run} is of {', '.join(sorted(set(rows['code'])))}, not {plan.released_code}."
            )
        if tuple(rows["update"]) != plan.checkpoints:
            raise TablesError(f"{run} has not one row for each planned checkpoint, in their order.")
        for row in frames.records(rows):
            returns = [float(word) for word in row["episode_returns"].split()]
            lengths = row["episode_lengths"].split()
            if {len(returns), len(lengths), row["num_episodes"]} != {plan.episodes_per_checkpoint}:
                raise TablesError(
                    f"{run} has {len(returns)} returns, {len(lengths)} lengths and num_episodes "
                    f"{row['num_episodes']} at update {row['update']}; planned are "
                    f"{plan.episodes_per_checkpoint}."
                )
            score = task_table.tasks()[str(task)].normalised(sum(returns) / len(returns))
            if abs(score - row["score_percent"]) > 1e-6:
                raise TablesError(
                    f"{run} has score_percent {row['score_percent']} at update {row['update']}, but its "
                    f"episodes give {score}."
                )


def gather(plan: Plan, results: Path, path: Path = RUNS) -> int:
    """Add the finished runs of a results folder to those that are kept; a kept run stays as it is.

    Args:
        plan: which runs are wanted.
        results: folder of ``runs``, ``episodes`` and ``faithfulness/corl``.
        path: file of the kept runs.

    Returns:
        How many runs were added.

    Raises:
        TablesError: a finished run is not what the plan says, or a file cannot be read or written.
    """
    kept = read_runs(plan, path)
    known = set(zip(kept["program"], kept["task"], kept["seed"], strict=True))
    found = [*_our_runs(plan, results), *_their_runs(plan, results)]
    new = [
        rows
        for rows in found
        if (rows["program"].iloc[0], rows["task"].iloc[0], rows["seed"].iloc[0]) not in known
    ]
    if not new:
        return 0
    together = pd.concat([kept, *new] if len(kept) else new, ignore_index=True)
    together["place"] = together["task"].map({task: place for place, task in enumerate(plan.tasks)})
    together = together.sort_values(["place", "program", "seed", "update"], kind="stable").drop(
        columns="place"
    )
    checked = frames.check(together, "faithfulness_runs", str(results))
    check_runs(checked, plan, str(results))
    frames.write_text(checked.to_csv(index=False, lineterminator="\n"), path)
    return len(new)


def _their_runs(plan: Plan, results: Path) -> Iterator[pd.DataFrame]:
    for task in plan.tasks:
        for path in sorted((results / "faithfulness" / THEIRS / task).glob("seed*.csv")):
            yield frames.read_csv(path, "faithfulness_runs")


def _our_runs(plan: Plan, results: Path) -> Iterator[pd.DataFrame]:
    """Finished seeds with the planned checkpoints and episodes; other runs of the variant are passed over."""
    for task in plan.tasks:
        seen: dict[int, Path] = {}
        group = f"{plan.method}/{task}/{plan.variant}-*/N0"
        for path in sorted(results.glob(f"episodes/{group}/*/seeds*.parquet")):
            if path.name.endswith(".timing.parquet"):
                continue
            run = results / "runs" / path.relative_to(results / "episodes").parents[1] / path.stem
            config = read_json(run / "config.json")
            if tuple(config["checkpoints"]) != plan.checkpoints:
                continue
            episodes = read_plain_parquet(
                path, ("seed", "update", "purpose", "episode", "raw_return", "length")
            )
            for seed in sorted(set(plan.seeds) & set(episodes["seed"])):
                rows = _our_rows(plan, task, episodes[episodes["seed"] == seed], run)
                if rows is None:
                    continue
                if seed in seen:
                    raise TablesError(
                        f"{seen[seed]} and {path} are both runs of the plan; remove one of them."
                    )
                seen[seed] = path
                yield rows


def _our_rows(plan: Plan, task: str, episodes: pd.DataFrame, run: Path) -> pd.DataFrame | None:
    """One seed's rows; None where the episodes are not as many as planned.

    Raises:
        TablesError: the run's program was not that of its commit.
    """
    seed = int(episodes["seed"].iloc[0])
    regular = episodes[episodes["purpose"] == "checkpoint"].sort_values(["update", "episode"])
    counts = regular.groupby("update").size()
    if tuple(counts.index) != plan.checkpoints or set(counts) != {plan.episodes_per_checkpoint}:
        return None
    provenance = read_json(run / "provenance.json")
    git, versions = provenance["git"], provenance["versions"]
    if git.get("dirty") is not False:
        raise TablesError(
            f"{run}/provenance.json says that the program differed from its commit; train it again."
        )
    losses = read_plain_parquet(run / "train.parquet", ("seed", "update", *LOSSES))
    logged = {row["update"]: row for row in frames.records(losses[losses["seed"] == seed])}
    timing = read_plain_parquet(run / "timing.parquet", ("update", "wall_seconds"))
    rows: list[dict[str, Any]] = []
    for update, played in regular.groupby("update"):
        returns = [float(value) for value in played["raw_return"]]
        rows.append(
            {
                "program": OURS,
                "code": f"recheck@{git['commit'][:12]}",
                "task": task,
                "seed": seed,
                "num_updates": plan.num_updates,
                "update": update,
                "score_percent": task_table.tasks()[task].normalised(sum(returns) / len(returns)),
                "num_episodes": len(returns),
                "episode_returns": " ".join(map(repr, returns)),
                "episode_lengths": " ".join(str(int(value)) for value in played["length"]),
                **{name: float(logged[update][name]) for name in LOSSES},
                "torch_version": versions["torch"],
                "gymnasium_version": played["gymnasium_version"].iloc[0],
                "mujoco_version": played["mujoco_version"].iloc[0],
                "run_wall_seconds": round(float(timing["wall_seconds"].max()), 1),
            }
        )
    return pd.DataFrame(rows)
