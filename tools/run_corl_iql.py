"""One seed of CORL's IQL, by CORL's own unchanged file, on an HDF5 file in D4RL's layout.

    python tools/run_corl_iql.py --source <clone of corl-team/CORL> --task hopper-sac-tqc-v0 --seed 10
        --num-updates 50000 --output seed10.csv [--data-folder <folder of the HDF5 files>]

`algorithms/offline/iql.py` is imported as it is, and its `train` runs from its first line to its last. What
it imports and this project does not have is replaced by small modules with the same names:

d4rl      `qlearning_dataset` reads the HDF5 file: rows that are flagged as time-out are left out, next
          observations as stored. The rewards come scaled by 1000 / (largest - smallest return) over the
          trajectories of the whole file, as in the reference runs (paper_tables/reported/reference_runs).
gym       `make` gives Gymnasium's environment of the task (workflow/config/tasks.csv) with the interface of
          old Gym, and the wrapper that the program uses. Run seed s resets its episodes with the seeds that
          `algos.evaluate` uses for training seed s, at every checkpoint the same ones.
wandb     `log` keeps the losses and the scores.
pyrallis  the configuration is given here, not on a command line.

Settings are those of the IQL paper, as in the variant `corl_paper_settings`: all defaults of CORL's
`TrainConfig` but the number of updates, which is the horizon of the actor's learning rate, the distance of
the checkpoints, and the device.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import torch
from recheck import cli, files, tasks
from recheck.errors import EvaluationError
from recheck.versions import package_versions

from algos.evaluate import Evaluation

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "algorithms/offline/iql.py"
# CORL's names of the losses, and ours.
LOSSES = {"value_loss": "value_loss", "q_loss": "critic_loss", "actor_loss": "actor_loss"}
# A loss is its mean over so many updates before the checkpoint, as in our own logs.
LOSS_UPDATES = 1000
EPISODES = 10


class OldGym:
    """Gymnasium's environment with old Gym's interface; notes every episode's return and length."""

    def __init__(self, row: dict[str, Any]) -> None:
        with warnings.catch_warnings():
            # Gymnasium says that v4 is not the newest version; it is the one that our evaluation uses.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.environment = gymnasium.make(row["environment_id"])
        self.observation_space = self.environment.observation_space
        self.action_space = self.environment.action_space
        self.minimum, self.maximum = float(row["reference_min_score"]), float(row["reference_max_score"])
        self.seeds: list[int] = []
        self.returns: list[float] = []
        self.lengths: list[int] = []

    def seed(self, seed: int) -> None:
        """Line up the reset seeds of the next episodes of run seed `seed`."""
        self.seeds = Evaluation().episode_seeds(seed, EPISODES)
        self.returns, self.lengths = [], []

    def reset(self) -> np.ndarray:
        """First observation of the next episode, ``[d]``."""
        observation, _ = self.environment.reset(seed=self.seeds[len(self.returns)])
        self.returns.append(0.0)
        self.lengths.append(0)
        return np.asarray(observation)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, dict[str, Any]]:
        """Observation ``[d]``, reward, whether the episode has ended, nothing."""
        observation, reward, terminated, truncated, _ = self.environment.step(action)
        self.returns[-1] += float(reward)
        self.lengths[-1] += 1
        return np.asarray(observation), float(reward), terminated or truncated, {}

    def get_normalized_score(self, value: float) -> float:
        """D4RL's score as a fraction."""
        return (value - self.minimum) / (self.maximum - self.minimum)


class Wrapper:
    """An environment around another one: what a wrapper does not change is the inner one's."""

    def __init__(self, environment: Any) -> None:
        self.inner = environment

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class TransformObservation(Wrapper):
    """Observations as `function` makes them."""

    def __init__(self, environment: Any, function: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__(environment)
        self.function = function

    def reset(self) -> np.ndarray:
        """First observation."""
        return self.function(self.inner.reset())

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, dict[str, Any]]:
        """As the inner environment's, the observation changed."""
        observation, reward, done, info = self.inner.step(action)
        return self.function(observation), reward, done, info


class Log:
    """What the program gives to `wandb.log`: mean losses, and one row per evaluation.

    Args:
        environment: notes the episodes.
    """

    def __init__(self, environment: OldGym) -> None:
        self.environment = environment
        self.sums = dict.fromkeys(LOSSES, 0.0)
        self.means: dict[str, float] = {}
        self.rows: list[dict[str, Any]] = []

    def __call__(self, values: dict[str, float], step: int) -> None:
        """Losses of one update, or the score of a checkpoint."""
        if "d4rl_normalized_score" in values:
            self.rows.append(
                {
                    "update": step,
                    "score_percent": float(values["d4rl_normalized_score"]),
                    "num_episodes": len(self.environment.returns),
                    "episode_returns": " ".join(map(repr, self.environment.returns)),
                    "episode_lengths": " ".join(map(str, self.environment.lengths)),
                    **self.means,
                }
            )
            print(f"update {step}: {self.rows[-1]['score_percent']:.1f}", file=sys.stderr, flush=True)
            return
        for name in LOSSES:
            self.sums[name] += values[name]
        if step % LOSS_UPDATES == 0:
            self.means = {LOSSES[name]: total / LOSS_UPDATES for name, total in self.sums.items()}
            self.sums = dict.fromkeys(LOSSES, 0.0)


def read_rows(path: Path, horizon: int) -> dict[str, np.ndarray]:
    """The transitions as `d4rl.qlearning_dataset` gives them, the rewards scaled.

    Args:
        path: HDF5 file with all of D4RL's arrays, `next_observations` and `timeouts` among them.
        horizon: the number that takes the place of the range of returns.

    Raises:
        EvaluationError: the file is not there.
    """
    if not path.is_file():
        raise EvaluationError(f"There is no file {path}.")
    with h5py.File(path) as file:
        stored = {
            name: np.asarray(file[name])
            for name in (
                "observations",
                "actions",
                "rewards",
                "next_observations",
                "terminals",
                "timeouts",
            )
        }
    ends = np.flatnonzero(stored["terminals"] | stored["timeouts"]) + 1
    starts = np.concatenate([[0], ends])
    starts = starts[starts < len(stored["rewards"])]
    returns = np.add.reduceat(stored["rewards"].astype(np.float64), starts)
    kept = ~stored["timeouts"]
    rows = {name: array[kept] for name, array in stored.items() if name != "timeouts"}
    rows["rewards"] = (rows["rewards"] * (horizon / (returns.max() - returns.min()))).astype(np.float32)
    return rows


def load_program(source: Path, environment: OldGym, rows: dict[str, np.ndarray], log: Log) -> Any:
    """Import CORL's file with the modules that the module's docstring lists in the places of its imports.

    Raises:
        EvaluationError: the folder holds no such file.
    """
    file = source / PROGRAM
    if not file.is_file():
        raise EvaluationError(
            f"--source {source} holds no {PROGRAM}; it has to be a clone of corl-team/CORL."
        )
    modules: dict[str, dict[str, Any]] = {
        "d4rl": {"qlearning_dataset": lambda _: {name: array.copy() for name, array in rows.items()}},
        "gym": {
            "Env": object,
            "make": lambda _: environment,
            "wrappers": types.SimpleNamespace(TransformObservation=TransformObservation),
        },
        "pyrallis": {"wrap": lambda: lambda function: function},
        "wandb": {"init": lambda **_: None, "run": types.SimpleNamespace(save=lambda: None), "log": log},
    }
    for name, content in modules.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        sys.modules[name] = module
    spec = importlib.util.spec_from_file_location("corl_iql", file)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = program
    spec.loader.exec_module(program)
    return program


def run(options: argparse.Namespace) -> None:
    """Train and evaluate one seed; write a row per checkpoint.

    Raises:
        EvaluationError: see the functions above.
    """
    started = time.time()
    torch.set_num_threads(1)
    known = tasks.read(ROOT)
    if options.task not in known:
        raise EvaluationError(
            f"There is no task {options.task}; tasks are those of workflow/config/tasks.csv."
        )
    if options.num_updates < 10 or options.num_updates % 10:
        raise EvaluationError(
            f"--num-updates {options.num_updates} is not allowed; it has to be a multiple of 10."
        )
    row = dict(known[options.task])
    path = tasks.local_file(row, ROOT, options.data_folder)
    if path is None:
        raise EvaluationError(
            f"The file of {options.task} is not brought by hand; allowed are tasks with one."
        )
    environment = OldGym(row)
    rows = read_rows(ROOT / path, int(row["horizon"]))
    log = Log(environment)
    program = load_program(options.source, environment, rows, log)
    config = program.TrainConfig(
        env=options.task,
        seed=options.seed,
        max_timesteps=options.num_updates,
        eval_freq=options.num_updates // 10,
        n_episodes=EPISODES,
        device="cpu",
    )
    program.train(config)
    versions = package_versions()
    for entry in log.rows:
        entry.update(
            program="corl",
            code=options.code,
            task=options.task,
            seed=options.seed,
            num_updates=options.num_updates,
            torch_version=str(torch.__version__),
            gymnasium_version=versions["gymnasium"],
            mujoco_version=versions["mujoco"],
            run_wall_seconds=round(time.time() - started, 1),
        )
    with files.atomic(options.output, EvaluationError) as temporary:
        pa_csv.write_csv(pa.Table.from_pylist(log.rows), temporary)


def main(arguments: list[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="One seed of CORL's IQL on a file in D4RL's layout.")
    parser.add_argument("--source", required=True, type=Path, help="clone of corl-team/CORL")
    parser.add_argument("--code", default="corl-team/CORL@eeeeef2", help="its name and commit, for the rows")
    parser.add_argument("--task", required=True, help="a task of tasks.csv whose file is on this machine")
    parser.add_argument("--data-folder", default=None, help="a folder in which that file is looked for")
    parser.add_argument("--seed", required=True, type=int, help="training seed")
    parser.add_argument("--num-updates", type=int, default=50_000, help="updates, a multiple of 10")
    parser.add_argument("--output", required=True, type=Path, help="CSV file to write")
    options = parser.parse_args(arguments)
    return cli.run(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
