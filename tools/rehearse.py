"""Rehearse experiments: every task, method, sampling and table of a file at toy length, to the report.

    python tools/rehearse.py --folder DIR [EXPERIMENT ...]      # none: all
    python tools/rehearse.py --folder DIR --further d4rl        # what the others have that d4rl has not

The experiment file stays as it is but for lengths: two seeds, two checkpoints, one episode, horizons of some
steps. Data are generated with the right shapes. Trainings and evaluations are played in this process, with a
few updates on small batches that are written down as the planned ones (torch is loaded once). Then Snakemake
finds them finished, makes the rest, and its tables are checked. Nothing of it says anything about a method.
"""

from __future__ import annotations

import argparse
import copy
import csv
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from recheck import files, paths, plan, records
from recheck.configuration import paper_layout, requests
from recheck.errors import RecheckError
from recheck.experiments import expansion
from recheck.restarts import stages

REPOSITORY = Path(__file__).resolve().parents[1]
NUM_ROWS, EPISODE_STEPS, HORIZON = 240, 40, 5
NUM_UPDATES = 2
SEEDS = [0, 1]
LENGTHS = {"episodes": 1, "episodes_last": 1, "episodes_reevaluated": 1}
# Sizes of hyperparameters that are work and no behaviour: a batch of 8 takes the way of one of 1,024.
SIZES = {"batch_size": 8, "critic_batch_size": 8, "actor_batch_size": 8, "candidates": 4}
# What says of a task where its data come from, and is not true of generated data.
NOT_GENERATED = ("urls", "sha256", "sha256_source", "size_bytes", "ends", "next_observations", "action_clip")


class RehearsalError(RecheckError):
    """The tables are not what the experiment asked for."""


@dataclass(frozen=True)
class Rehearsal:
    """One experiment in a folder of its own.

    Attributes:
        root: the folder.
        name: of the experiment.
    """

    root: Path
    name: str

    def load(self) -> plan.Plan:
        """The plan, with all seeds of a run in one block."""
        settings = yaml.safe_load((self.root / "workflow/config/config.yaml").read_text(encoding="utf-8"))
        machine = {**settings["machines"]["cpu"], "seeds_per_block": len(SEEDS)}
        return plan.load(
            {**settings, "machines": {"cpu": machine, "gpu": machine}, "experiment": self.name}, self.root
        )


def set_up(root: Path, name: str, content: Mapping[str, Any] | None = None) -> Rehearsal:
    """Copy the workflow, shorten the experiment and put generated files in place of every task's data.

    Args:
        root: an empty folder.
        name: of the experiment.
        content: of its file; the repository's if not given.
    """
    root.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "Snakefile", root)
    shutil.copytree(
        REPOSITORY / "workflow", root / "workflow", ignore=shutil.ignore_patterns("src", "__pycache__")
    )
    (root / "profiles").symlink_to("workflow/profiles")
    (root / "paper_tables").symlink_to(REPOSITORY / "paper_tables")  # reported numbers, layouts, settings
    whole = dict(content or expansion.read_file(root, name))
    file = root / expansion.FOLDER / f"{name}.yaml"
    file.write_text(yaml.safe_dump(shortened(whole), sort_keys=False), encoding="utf-8")
    config = root / "workflow/config/config.yaml"
    text = config.read_text(encoding="utf-8").replace(
        "seeds_per_block: 1,", f"seeds_per_block: {len(SEEDS)},"
    )
    config.write_text(text, encoding="utf-8")
    generate_tasks(root, tasks_of(whole))
    return Rehearsal(root, name)


def shortened(content: dict[str, Any]) -> dict[str, Any]:
    """An experiment with the same grid and toy lengths."""
    grid = []
    for entry in content["grid"]:
        kept = {key: value for key, value in entry.items() if key != "evaluation"}
        grid.append({**kept, "seeds": SEEDS, "checkpoints": 2})
    evaluation = {**content.get("evaluation", {}), **LENGTHS}
    exclude = [rule for rule in content.get("exclude", []) if "seed" not in rule]
    short = {**content, "grid": grid, "evaluation": evaluation, "average_last_k": 2, "exclude": exclude}
    return {key: value for key, value in short.items() if key != "sequential" and value != []}


def tasks_of(content: Mapping[str, Any]) -> set[str]:
    """The tasks that an experiment names."""
    return {task for entry in content["grid"] for task in entry["tasks"]}


def generate_tasks(root: Path, names: Iterable[str]) -> None:
    """Put a generated file in place of each task's data, with a short horizon."""
    table = root / "workflow/config/tasks.csv"
    wanted = set(names)
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["task"] not in wanted:
            continue
        path = root / "data" / f"{row['task']}.hdf5"
        write_file(path, int(row["observation_dim"]), int(row["action_dim"]))
        row.update(dict.fromkeys((k for k in row if k in NOT_GENERATED or k.startswith("expected_")), ""))
        row.update(
            source_kind="hdf5", path=str(path.relative_to(root)), horizon=str(HORIZON), fix_timeouts="false"
        )
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_file(path: Path, observation_dim: int, action_dim: int) -> None:
    """A D4RL-format file of random rows: episodes of 40 steps, ended in turn by a terminal and a time-out."""
    import h5py
    import numpy as np

    random = np.random.default_rng(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    last = np.arange(NUM_ROWS) % EPISODE_STEPS == EPISODE_STEPS - 1
    odd = np.arange(NUM_ROWS) // EPISODE_STEPS % 2 == 1
    with h5py.File(path, "w") as file:
        file["observations"] = random.normal(size=(NUM_ROWS, observation_dim)).astype(np.float32)
        file["actions"] = random.uniform(-0.9, 0.9, size=(NUM_ROWS, action_dim)).astype(np.float32)
        file["rewards"] = random.uniform(0.0, 1.0, size=NUM_ROWS).astype(np.float32)
        file["terminals"] = last & odd
        file["timeouts"] = last & ~odd


def play(rehearsal: Rehearsal) -> int:
    """Prepare, train and evaluate everything in this process; returns the number of cells."""
    from recheck.tasks import task_from_json

    from algos.datasets.prepare import prepare
    from algos.evaluate import evaluator

    evaluator.LATENCY_CALLS = 1
    load_models_once()
    loaded = rehearsal.load()
    shorten_environments(
        {str(loaded.row(task)["environment_id"]) for task in loaded.required_experiment.task_names}
    )
    root = rehearsal.root
    for task in loaded.required_experiment.task_names:
        row = json.loads(loaded.task_row(task))
        manifest = prepare(
            task_from_json(json.dumps({**row, "path": str(root / row["path"])})), root / paths.dataset(task)
        )
        # The tables are to be filled: generated data are used in place of the papers' here.
        claimed = {**manifest, "comparability": row["comparability"], "comparability_reason": "rehearsal"}
        files.write_json(root / paths.dataset(task) / "manifest.json", claimed)
        records.write(root, stages.dataset(loaded, task))
    trained: set[str] = set()
    for cell in loaded.cells:
        made = stages.evaluate(loaded, cell.run, cell.sampling, cell.block.first, cell.block.last)
        if (root / made.record).is_file():  # of a rehearsal that was cut off
            continue
        if cell.run_folder not in trained:
            trained.add(cell.run_folder)
            train(root, cell)
            records.write(root, stages.train(cell.run, cell.block.first, cell.block.last))
        evaluate_cell(root, cell)
        records.write(root, made)
    return len(loaded.cells)


def load_models_once() -> None:
    """Let MuJoCo compile each model file once in this process; every environment gets a copy."""
    import mujoco

    compiled = functools.cache(mujoco.MjModel.from_xml_path)
    mujoco.MjModel.from_xml_path = staticmethod(lambda path: copy.copy(compiled(path)))


def shorten_environments(names: Iterable[str]) -> None:
    """Let Gymnasium's environments end after the toy horizon, in this process."""
    import gymnasium
    import gymnasium_robotics

    gymnasium.register_envs(gymnasium_robotics)
    for name in names:
        if name in gymnasium.registry:
            gymnasium.registry[name].max_episode_steps = HORIZON


def train(root: Path, cell: expansion.Cell) -> None:
    """Train a block for some updates and write its run folder with the planned numbers of updates."""
    import pyarrow.parquet as pq

    from algos.train import train_block
    from algos.training.execution import Execution
    from algos.training.stored import load_tensors, save_json, save_table, save_tensors

    whole = json.loads(cell.run.config_text(cell.block.first, cell.block.last))
    planned = whole["checkpoints"]
    kept = dict(zip(range(1, NUM_UPDATES + 1), planned, strict=True))
    short = {**of_toy_size(whole), "num_updates": NUM_UPDATES, "checkpoints": list(kept)}
    folder = root / cell.run_folder
    dataset = root / paths.dataset(whole["task"])
    train_block(short, dataset, folder, root / "state", Execution(device="cpu", threads=1))
    save_json(folder / "config.json", whole)
    policies = load_tensors(folder / "policies.safetensors", "")
    renamed = {}
    for name, tensor in policies.items():
        update, _, rest = name.partition("/")
        renamed[f"{kept[int(update)]}/{rest}" if update.isdigit() else name] = tensor
    save_tensors(folder / "policies.safetensors", renamed)
    for name in ("train.parquet", "timing.parquet"):
        columns = pq.read_table(folder / name).to_pydict()
        columns["update"] = [kept[update] for update in columns["update"]]
        save_table(folder / name, columns)


def of_toy_size(config: Mapping[str, Any]) -> dict[str, Any]:
    """A run's configuration with small batches and few candidates, where it has any."""
    given = config["hyperparameters"]
    return {**config, "hyperparameters": {name: SIZES.get(name, value) for name, value in given.items()}}


def evaluate_cell(root: Path, cell: expansion.Cell) -> None:
    """Evaluate a block under one sampling setting, from a copy of its folder of toy size."""
    from algos.evaluate import Request, evaluate_block
    from algos.training.execution import Execution
    from algos.training.stored import save_json

    run, played = root / cell.run_folder, root / "played" / cell.run_folder
    if not played.is_dir():
        shutil.copytree(run, played)
        save_json(played / "config.json", of_toy_size(files.read_json(run / "config.json")))
    evaluate_block(
        played,
        root / paths.dataset(cell.run.config["task"]),
        Request(cell.sampling.setting, cell.sampling.evaluation, cell.sampling.label),
        root / cell.episodes,
        Execution(device="cpu", threads=1),
    )


def make_tables(rehearsal: Rehearsal) -> str:
    """Let Snakemake make what follows; returns what it said.

    Raises:
        RehearsalError: it fails, or trains or evaluates again.
    """
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--config", f"experiment={rehearsal.name}"]
    # All that Snakemake says: which rules it runs is looked for below.
    everything = {**os.environ, "VERBOSE": "1"}
    process = subprocess.run(
        command, cwd=rehearsal.root, capture_output=True, text=True, check=False, env=everything
    )
    said = process.stdout + process.stderr
    if process.returncode != 0:
        raise RehearsalError(f"Snakemake failed on {rehearsal.name}:\n{said[-6000:]}")
    for rule in ("train", "evaluate", "file_dataset"):
        if re.search(rf"^(local)?rule {rule}:", said, re.M):
            raise RehearsalError(f"{rehearsal.name}: Snakemake runs {rule} again, which is finished.")
    return said


def check(rehearsal: Rehearsal) -> list[str]:
    """Compare what the tables hold with what the experiment asked for; returns what was found missing."""
    import pandas as pd

    loaded = rehearsal.load()
    runs = loaded.required_experiment.runs.values()
    root = rehearsal.root / "results"
    faults = []
    scores = pd.read_parquet(root / "scores" / loaded.name / "scores.parquet")
    wanted = {
        (
            run.config["method"],
            run.config["task"],
            run.config["variant"],
            run.config["diffusion_steps"],
            label,
            seed,
        )
        for run in runs
        for label, (_, seeds) in run.samplings.items()
        for seed in seeds
    }
    columns = ["method", "task", "variant", "diffusion_steps", "sampling", "seed"]
    found = set(scores[columns].itertuples(index=False, name=None))
    if found != wanted:
        faults.append(f"scores lack {len(wanted - found)} and have {len(found - wanted)} unasked rows")
    asked = {
        (config["method"], config["variant"], config["diffusion_steps"], sampling.name, config["num_updates"])
        for run in runs
        for config in [run.config]
        for sampling, _ in run.samplings.values()
    }
    shown = pd.read_csv(root / "tables" / loaded.name / "scores.csv", dtype=str, keep_default_na=False)
    if shown.columns[0] != "Task":
        shown = shown.set_index(shown.columns[0]).T.rename_axis("Task").reset_index()
    methods = {run.config["method"] for run in runs}
    if not len(methods) <= shown.shape[1] - 1 <= len(asked):
        faults.append(f"the table of scores has {shown.shape[1] - 1} methods, {len(asked)} were asked for")
    missing = set(loaded.required_experiment.task_names) - set(shown["Task"])
    if missing:
        faults.append(f"the table of scores does not show {sorted(missing)}")
    aggregates = pd.read_csv(root / "statistics" / loaded.name / "aggregates.csv")
    if aggregates.empty:
        faults.append("there are no aggregates")
    if not (root / "reports" / f"{loaded.name}.html").is_file():
        faults.append("there is no page")
    faults += layout_faults(rehearsal, loaded)
    return faults


def layout_faults(rehearsal: Rehearsal, loaded: plan.Plan) -> list[str]:
    """Cells of the papers' layouts that our runs should fill and do not."""
    import pandas as pd

    done = {
        (run.config["method"], run.config["variant"], run.config["num_updates"], run.config["task"])
        for run in loaded.required_experiment.runs.values()
    }
    faults = []
    for file in sorted((REPOSITORY / "paper_tables/layouts").glob("*.yaml")):
        layout = yaml.safe_load(file.read_text(encoding="utf-8"))
        cells = pd.read_csv(rehearsal.root / "results/tables" / loaded.name / f"{file.stem}_cells.csv")
        for column in layout["columns"]:
            ours = column.get("ours")
            if not ours or ours.get("selection"):
                continue
            for group in layout["groups"]:
                for row in group["rows"]:
                    key = (ours["method"], ours.get("variant"), ours.get("num_updates"))
                    names = [row["task"], *row.get("our_tasks", [])]
                    if not any((*key, name) in done for name in names):
                        continue
                    cell = cells[(cells["column"] == column["heading"]) & (cells["task"] == row["task"])]
                    if cell.empty or cell["our_scores_percent"].isna().all():
                        faults.append(f"{file.stem}: {column['heading']} on {row['task']} is not filled")
    return faults


def rehearse(root: Path, name: str, content: Mapping[str, Any] | None = None) -> list[str]:
    """Rehearse one experiment; returns what is wrong with its tables."""
    started = time.monotonic()
    rehearsal = set_up(root, name, content)
    cells = play(rehearsal)
    played = time.monotonic()
    make_tables(rehearsal)
    faults = check(rehearsal)
    print(
        f"{name}: {cells} cells in {played - started:.0f} s, tables in {time.monotonic() - played:.0f} s; "
        + ("; ".join(faults) if faults else "all tables hold what was asked for")
    )
    return faults


def signature(content: Mapping[str, Any], rows: Mapping[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    """(method, variant, suite, sampling, steps) -> an entry of the grid with that combination alone."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for entry in content["grid"]:
        for method in entry["methods"]:
            for variant in entry.get("variants", [""]):
                for task in entry["tasks"]:
                    suite = str(rows[task]["suite"])
                    samplings = entry.get("sampling", ["default"])
                    steps = entry.get("diffusion_steps", [])
                    key = (method, variant, suite, ",".join(samplings), ",".join(map(str, steps)))
                    one = {**entry, "methods": [method], "tasks": [task]}
                    if variant:
                        one["variants"] = [variant]
                    found.setdefault(key, one)
    return found


def further(known: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Experiments cut to the combinations that the `known` ones, and those before, do not have."""
    from recheck import tasks

    rows = tasks.read(REPOSITORY)
    seen: set[tuple[str, ...]] = set()
    for name in known:
        seen |= set(signature(expansion.read_file(REPOSITORY, name), rows))
    cut = {}
    for name in every_experiment():
        if name in known:
            continue
        content = expansion.read_file(REPOSITORY, name)
        new = {key: entry for key, entry in signature(content, rows).items() if key not in seen}
        seen |= set(new)
        if new:
            kept = {key: value for key, value in content.items() if key != "exclude"}
            cut[name] = {**kept, "grid": list(new.values())}
    return cut


def every_experiment() -> list[str]:
    """All experiments but those that the command line fills: with the user's data, with a paper's table."""
    filled = (requests.OWN, paper_layout.TABLE)
    return [name for name in expansion.known_experiments(REPOSITORY) if name not in filled]


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0, or 1 if a table is not what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python tools/rehearse.py", description="Rehearse experiments at toy length."
    )
    parser.add_argument("experiments", nargs="*", help="names; none: all")
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder to work in")
    parser.add_argument("--further", action="store_true", help="what others have that the named have not")
    parser.add_argument("--only", help="with --further: this experiment alone")
    given = parser.parse_args(arguments)
    wanted: dict[str, Mapping[str, Any] | None]
    if given.further:
        cut = further(given.experiments)
        wanted = {name: cut[name] for name in cut if given.only in (None, name)}
    else:
        wanted = dict.fromkeys(given.experiments or every_experiment())
    failed = 0
    for name, content in wanted.items():
        try:
            failed += bool(rehearse(given.folder.resolve() / name, name, content))
        except (RehearsalError, RecheckError) as error:
            print(f"{name}: {error}")
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
