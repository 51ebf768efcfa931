"""Environment steps per second of an evaluation, all episodes in lockstep against the pool, in one run.

    python -m algos.benchmark.acting --configs <configs.json> [--output results/benchmark/acting.json]
        [--methods iql,idql] [--episodes 20] [--rounds 3] [--device cpu]

`configs.json` is what ``python -m recheck.methods.benchmark_configs`` writes. Policies are untrained.
Episodes in Hopper-v4 are short and of unequal lengths. In lockstep, as the evaluator did until format 2, one
call of the policy is for all episodes until the last one ends. Both paths take turns, with environments
made before and other episodes in each round. A figure is all steps of all rounds per second of processor time
of one thread, which other work on the machine moves less than wall time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recheck import cli, files
from recheck.jobs.evaluation_blocks import batch_states
from recheck.progress import Progress
from recheck.versions import cpu_model

from algos.base import Method, Sampling
from algos.benchmark.__main__ import read_configs
from algos.benchmark.programs import HOPPER, build, sampled_by_ddpm
from algos.datasets.transforms import TransformState
from algos.envs.make import EpisodeBatch, make_vector
from algos.rollouts import EnvironmentPool, Episode, Player
from algos.seed_parallel.random_streams import SeedStreams
from algos.training.device import choose_device, device_model
from algos.training.process_setup import set_up_process

TASK = {"environment_id": "Hopper-v4", "horizon": 1000, "observation_dim": 11, "action_dim": 3}
DIFFUSION_STEPS = 5
CALLS = 5


@dataclass
class Total:
    """Steps and seconds of all rounds of a path."""

    steps: int = 0
    seconds: float = 0.0

    def add(self, steps: int, seconds: float) -> None:
        """One more round."""
        self.steps += steps
        self.seconds += seconds

    @property
    def rate(self) -> float:
        """Steps per second."""
        return self.steps / self.seconds


def lockstep(method: Method, batch: EpisodeBatch, first: int = 0) -> int:
    """Play episodes from number `first` together to the end of the last one; returns somebody's steps."""
    streams = SeedStreams([0], f"benchmark/{first}", method.device)
    observations, steps = batch.reset(range(first, first + len(batch))), 0
    active = np.ones(len(batch), dtype=bool)
    while active.any():
        steps += int(active.sum())
        states = torch.from_numpy(observations).to(method.device).unsqueeze(0)
        with torch.no_grad():
            actions = method.act(states, Sampling(), streams)[0].cpu().numpy()
        observations, _, active = batch.step(actions)
    return steps


def pooled(player: Player, num_episodes: int, first: int = 0) -> int:
    """Play the same episodes in the pool; returns the steps."""
    numbers = range(first, first + num_episodes)
    episodes = [Episode(0, number, number, "benchmark") for number in numbers]
    return sum(played.length for played in player.play(episodes))


def measure(
    config: Mapping[str, Any], device: torch.device, num_episodes: int, rounds: int
) -> dict[str, Any]:
    """One method: steps per second of both paths, and milliseconds of acting for one state.

    Returns:
        `steps_per_second` of lockstep and pool, their ratio, states in a call, and `acting_ms` of one
        state in such a call (median; processor time).
    """
    method = build(config, [0], device)
    places = batch_states(method.acting_rows(Sampling()))
    pool = EnvironmentPool(TASK, places)
    player = Player(method, Sampling(), TransformState(), pool)
    pooled(player, places)  # environments are made, memory is taken
    before, after = Total(), Total()
    with make_vector("Hopper-v4", None, 1000, num_episodes) as batch:
        for first in range(0, rounds * num_episodes, num_episodes):
            start = time.process_time()
            before.add(lockstep(method, batch, first), time.process_time() - start)
            start = time.process_time()
            after.add(pooled(player, num_episodes, first), time.process_time() - start)
    states = torch.zeros((1, places, HOPPER.observation_dim), device=device)
    streams = SeedStreams([0], "benchmark", device)
    seconds = []
    with torch.no_grad():
        for _ in range(CALLS):
            start = time.process_time()
            method.act(states, Sampling(), streams).cpu()
            seconds.append(time.process_time() - start)
    pool.close()
    return {
        "method": config["method"],
        "variant": config["variant"],
        "diffusion_steps": config["diffusion_steps"],
        "candidates": method.acting_rows(Sampling()),
        "steps": int(config["hyperparameters"].get("sampling_steps") or config["diffusion_steps"]),
        "states_per_call": places,
        "lockstep_steps_per_second": before.rate,
        "pool_steps_per_second": after.rate,
        "ratio": after.rate / before.rate,
        "acting_ms": 1000.0 * statistics.median(seconds) / places,
    }


def as_table(rows: Sequence[Mapping[str, Any]], load: Sequence[float]) -> str:
    """The rows as a Markdown table, with the load of the machine at the beginning and the end."""
    lines = [
        f"One thread; load of the machine {load[0]:.1f} at the beginning, {load[1]:.1f} at the end, "
        f"{os.cpu_count()} cores.",
        "",
        "| method | variant | N | candidates | states in a call | acting, ms a state | lockstep, steps/s | "
        "pool, steps/s | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['method']} | {row['variant']} | {row['diffusion_steps'] or '-'} | {row['candidates']} | "
        f"{row['states_per_call']} | {row['acting_ms']:.3f} | {row['lockstep_steps_per_second']:,.0f} | "
        f"{row['pool_steps_per_second']:,.0f} | {row['ratio']:.2f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m algos.benchmark.acting", description="Environment steps per second of an evaluation."
    )
    parser.add_argument("--configs", required=True, type=Path, help="of recheck.methods.benchmark_configs")
    parser.add_argument("--output", type=Path, default=Path("results/benchmark/acting.json"))
    parser.add_argument("--methods", default=None, help="comma-separated; all when left out")
    parser.add_argument("--episodes", type=int, default=20, help="in each round and path")
    parser.add_argument("--rounds", type=int, default=3, help="of other episodes")
    parser.add_argument("--device", default="cpu", help="auto, cpu or cuda")
    options = parser.parse_args(arguments)

    def command() -> None:
        set_up_process(1)
        device = choose_device(options.device)
        methods = options.methods.split(",") if options.methods else None
        configs = read_configs(options.configs, methods)
        load, rows = [os.getloadavg()[0]], []
        progress = Progress(len(configs), "acting")
        for done, config in enumerate(configs, start=1):
            steps = config["diffusion_steps"]
            chosen = min(steps, DIFFUSION_STEPS) if sampled_by_ddpm(config) else steps
            rows.append(
                measure({**config, "diffusion_steps": chosen}, device, options.episodes, options.rounds)
            )
            progress.update(done, config["method"])
        load.append(os.getloadavg()[0])
        machine = {"device": device_model(device), "cpu": cpu_model()}
        files.write_json(options.output, {"machine": machine, "load": load, "rows": rows})
        print(as_table(rows, load))

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
