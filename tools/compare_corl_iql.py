"""CORL's IQL and ours given equal weights and equal batches over a whole run, in float64.

    python tools/compare_corl_iql.py --source <clone of corl-team/CORL> --dataset results/datasets/<task>
        [--num-updates 5000] [--seed 3] [--output results/faithfulness/equal_batches.csv]

Prints, twenty times in a run, the largest difference of any parameter of each network and the mean losses
since the line before; then the returns of five episodes with either policy at the end. The run's length is
the horizon of the actor's learning rate, so that its whole decay is part of it. In float32 programs that are
equal but for rounding drift apart, because training amplifies the last bit; in float64 they do not in
thousands of updates, and a real difference is seen.

In CORL's program |expectile - 1(u < 0)| and (1 - terminal) times the discount are float32 whatever the
networks are, and in ours every constant learning rate. Both programs are given these numbers rounded so.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import torch
from recheck import cli, files, tasks
from recheck.errors import EvaluationError
from recheck.methods import hyperparameters

from algos.base import MethodSpec, Sampling
from algos.datasets.transforms import TransformState, apply
from algos.datasets.transitions import load_transitions
from algos.envs.make import make_vector
from algos.iql import IQL
from algos.seed_parallel.batches import Batch, Rows, TrainingData
from algos.seed_parallel.parameters import ParameterGroup
from algos.seed_parallel.random_streams import CHUNK_UPDATES, ChunkedInputs, SeedStreams

ROOT = Path(__file__).resolve().parents[1]
VARIANT = "corl_paper_settings"
EPISODES = 5
LINES = 20
LOSSES = ("value_loss", "actor_loss", "q_loss")  # in the order of ours


def rounded(value: float) -> float:
    """A number as float32 holds it."""
    return float(np.float32(value))


@dataclass
class Pair:
    """A layer of theirs, and the row and name of ours in its group of parameters."""

    layer: torch.nn.Linear
    group: ParameterGroup
    row: int
    name: str

    def copy(self) -> None:
        """Give theirs our parameters."""
        self.layer.weight.data.copy_(self.group.frozen[f"{self.name}.weight"][self.row].T)
        self.layer.bias.data.copy_(self.group.frozen[f"{self.name}.bias"][self.row])

    def difference(self) -> float:
        """Largest difference of any weight or bias."""
        weight = self.layer.weight.data.T - self.group.frozen[f"{self.name}.weight"][self.row]
        bias = self.layer.bias.data - self.group.frozen[f"{self.name}.bias"][self.row]
        return max(float(weight.abs().max()), float(bias.abs().max()))


def linear_layers(network: torch.nn.Module) -> list[torch.nn.Linear]:
    """The linear layers in their order."""
    return [layer for layer in network.modules() if isinstance(layer, torch.nn.Linear)]


class Both:
    """One seed of either program, with equal weights at the start; all in the default precision, float64.

    Args:
        program: CORL's module.
        method: ours, of one seed and one data width.
        num_updates: of the run.
    """

    def __init__(self, program: Any, method: IQL, num_updates: int) -> None:
        d, a = method.problem.observation_dim, method.problem.action_dim
        self.method = method
        actor, critic = program.GaussianPolicy(d, a, 1.0).double(), program.TwinQ(d, a).double()
        value = program.ValueFunction(d).double()
        h = method.hyperparameters
        # A decaying rate is given to our optimiser; a constant one it holds in float32.
        method.actor_optimiser.learning_rate = method.actor_optimiser.learning_rate.double()
        rates = (
            h["actor_learning_rate"],
            rounded(h["critic_learning_rate"]),
            rounded(h["value_learning_rate"]),
        )
        adams = [
            torch.optim.Adam(network.parameters(), rate)
            for network, rate in zip((actor, critic, value), rates, strict=True)
        ]
        ours = method.critic
        names = ours.critic_network.names
        critics = list(enumerate((critic.q1, critic.q2)))
        self.pairs = {
            "actor": self._pairs(actor, method.actor.group, 0, method.actor.network.names),
            "value": self._pairs(value, ours.value_group, 0, ours.value_network.names),
            "critic": [p for row, q in critics for p in self._pairs(q, ours.critic_group, row, names)],
        }
        for pairs in self.pairs.values():
            for pair in pairs:
                pair.copy()
        self.theirs = program.ImplicitQLearning(
            max_action=1.0,
            actor=actor,
            actor_optimizer=adams[0],
            q_network=critic,
            q_optimizer=adams[1],
            v_network=value,
            v_optimizer=adams[2],
            max_steps=num_updates,
            iql_tau=h["expectile"],
            beta=h["beta"],
            discount=h["discount"],
            tau=h["target_rate"],
        )
        targets = enumerate((self.theirs.q_target.q1, self.theirs.q_target.q2))
        self.pairs["target"] = [
            p for row, q in targets for p in self._pairs(q, ours.target_group, row, names)
        ]

    @staticmethod
    def _pairs(network: torch.nn.Module, group: ParameterGroup, row: int, names: Any) -> list[Pair]:
        layers = linear_layers(network)
        return [Pair(layer, group, row, name) for layer, name in zip(layers, names, strict=True)]

    def update(
        self, data: TrainingData, batch: Batch, draw: dict[str, torch.Tensor], update: int
    ) -> tuple[list[float], list[float]]:
        """One update of both with the same rows; the losses of theirs and of ours."""
        found = self.theirs.train(
            [
                batch.observations[0],
                batch.actions[0],
                batch.rewards[0].unsqueeze(1),
                batch.next_observations[0],
                1.0 - batch.continues[0].unsqueeze(1),
            ]
        )
        ours = self.method.update(data, draw, self.method.update_variant(update))
        return [found[name] for name in LOSSES], [float(value) for value in ours]

    def differences(self) -> dict[str, float]:
        """Largest difference of any parameter, by network."""
        found = {name: max(pair.difference() for pair in pairs) for name, pairs in self.pairs.items()}
        log_std = self.theirs.actor.log_std.data - self.method.actor.group.frozen["log_std"][0]
        found["actor"] = max(found["actor"], float(log_std.abs().max()))
        return found


def settings(task: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Hyperparameters and transforms of our variant, what theirs holds in float32 rounded."""
    likes = tasks.likes(tasks.read(ROOT))
    resolved = hyperparameters.resolve(ROOT, hyperparameters.read(ROOT, "iql"), VARIANT, task, likes)
    values = dict(resolved.values)
    for name in ("expectile", "discount"):
        values[name] = rounded(values[name])
    return values, list(resolved.transforms)


def returns_of(
    both: Both, manifest: dict[str, Any], transform: TransformState
) -> tuple[list[float], list[float]]:
    """Returns of the same starts with their policy and with ours, by one evaluator."""

    def play(act: Any) -> list[float]:
        with make_vector(
            manifest["environment_id"],
            manifest.get("adapter"),
            manifest.get("horizon"),
            EPISODES,
            observation_dim=manifest["observation_dim"],
            action_dim=manifest["action_dim"],
        ) as batch:
            observations = batch.reset(list(range(EPISODES)))
            returns = np.zeros(EPISODES)
            while batch.active.any():
                states = torch.from_numpy(transform.observations(observations)).double()
                with torch.no_grad():
                    actions = act(states).float().numpy()
                observations, rewards, _ = batch.step(actions)
                returns += rewards
        return [float(value) for value in returns]

    streams = SeedStreams((0,), "compare")
    theirs = play(lambda states: both.theirs.actor(states).mean.clamp(-1.0, 1.0))
    ours = play(lambda states: both.method.act(states.unsqueeze(0), Sampling(), streams)[0])
    return theirs, ours


def run(options: argparse.Namespace) -> None:
    """What the command does.

    Raises:
        EvaluationError: the source or a number is not what it has to be.
    """
    if options.num_updates < LINES:
        raise EvaluationError(
            f"--num-updates {options.num_updates} is not allowed; at least {LINES} are needed."
        )
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    transitions = load_transitions(options.dataset)
    manifest = dict(transitions.manifest)
    values, transforms = settings(manifest["task"])
    transitions, transform = apply(transitions, transforms)
    data = TrainingData(Rows(**{name: getattr(transitions, name) for name in Rows._fields[:5]}))
    data.packed = data.packed.double()
    method = IQL(MethodSpec(values, data.problem, options.num_updates, 0, (options.seed,)))
    program = load_runner().load_program(options.source, None, {}, None)  # needs no environment and no data
    both = Both(program, method, options.num_updates)
    chunk = ChunkedInputs(method.random_inputs(), SeedStreams(method.seeds, "train"), data.num_rows)
    rows: list[dict[str, Any]] = []
    sums, since = np.zeros((2, len(LOSSES))), 0
    for update in range(options.num_updates):
        if update % CHUNK_UPDATES == 0:
            chunk.fill(update)
        draw = {name: tensor.clone() for name, tensor in chunk.at(update % CHUNK_UPDATES).items()}
        rates = {name: torch.tensor(rate) for name, rate in method.schedules(update).items()}
        sums += both.update(data, data.batch(draw["index"]), {**draw, **rates}, update)
        since += 1
        if (update + 1) * LINES // options.num_updates > update * LINES // options.num_updates:
            means = (sums / since).tolist()
            row = {"update": update + 1, **{f"{n}_difference": v for n, v in both.differences().items()}}
            for program, losses in zip(("corl", "ours"), means, strict=True):
                row.update({f"{name}_{program}": value for name, value in zip(LOSSES, losses, strict=True)})
            rows.append(row)
            print(", ".join(f"{name} {value:.6g}" for name, value in row.items()), flush=True)
            sums, since = np.zeros_like(sums), 0
    theirs, ours = returns_of(both, manifest, transform)
    print(f"returns with their policy {theirs}\nreturns with ours         {ours}")
    if options.output is not None:
        with files.atomic(options.output, EvaluationError) as temporary:
            pa_csv.write_csv(pa.Table.from_pylist(rows), temporary)


def load_runner() -> Any:
    """`tools/run_corl_iql.py` as a module."""
    spec = importlib.util.spec_from_file_location("run_corl_iql", ROOT / "tools" / "run_corl_iql.py")
    assert spec is not None
    assert spec.loader is not None
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    return runner


def main(arguments: list[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="CORL's IQL and ours on equal weights and batches.")
    parser.add_argument("--source", required=True, type=Path, help="clone of corl-team/CORL")
    parser.add_argument("--dataset", required=True, type=Path, help="a prepared dataset")
    parser.add_argument("--num-updates", type=int, default=5000, help="of the run (default: 5000)")
    parser.add_argument("--seed", type=int, default=3, help="of our weights and batches (default: 3)")
    parser.add_argument("--output", type=Path, default=None, help="CSV file to write")
    options = parser.parse_args(arguments)
    return cli.run(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
