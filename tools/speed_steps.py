"""What each step of the CPU's speed gives: Diffusion-QL with one step undone at a time, in one run.

    python tools/speed_steps.py [--rounds 5] [--window-seconds 2]

Each variant trains in turn, window by window, so that a busy machine slows all of them alike; the table gives
the median over the rounds of (rate of the full program in that round / rate of the variant in that round).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from recheck.methods import benchmark_configs

from algos.benchmark import programs as programs_module
from algos.diffusion.noise_networks import NoiseNetwork
from algos.diffusion_ql import DiffusionQL
from algos.seed_parallel import adam, kernels
from algos.seed_parallel.batches import Batch, TrainingData
from algos.training.cuda_graphs import CAPTURED_UPDATES, Program
from algos.training.process_setup import keep_freed_memory, set_up_process


def full(method: DiffusionQL) -> None:
    """Everything on, without compilation."""


def compiled(method: DiffusionQL) -> None:
    """Compile the losses as `--compile` does."""
    method.compile_functions()


def compiled_with_checks(method: DiffusionQL) -> None:
    """As torch does it by itself: every setting that a loss reads is compared in every call."""
    for name in method.COMPILED:
        setattr(method, name, torch.compile(getattr(method, name), dynamic=False))


def plain_mish(method: DiffusionQL) -> None:
    """torch's own Mish in place of the one with a single sigmoid."""
    for network in (method.network.layers, method.network.time_layers, method.critic.network):
        network.activation = F.mish


def both_critics_guide(method: DiffusionQL) -> None:
    """The coin chooses after both critics went forwards and backwards."""
    _guide_by(method, method.critic.group.frozen)


def critic_weights_in_actor(method: DiffusionQL) -> None:
    """The same, with gradients of the critics' weights that nobody reads."""
    _guide_by(method, method.critic.group.parameters)


def _guide_by(method: DiffusionQL, parameters: Any) -> None:
    def q_term(batch: Batch, draw: Any) -> torch.Tensor:
        actions = method.sample(method.actor_group.parameters, batch.observations, draw["chain_noise"])
        values = method.critic(parameters, torch.cat([batch.observations, actions], dim=-1))
        terms = -values.mean(dim=2) / values.abs().mean(dim=2).detach().flip(1)
        return torch.where(draw["coin"] > 0.5, terms[:, 0], terms[:, 1])

    method.q_term = q_term  # type: ignore[method-assign]


def first_layer_anew(method: DiffusionQL) -> None:
    """The whole first layer in every call of the noise network."""

    def chain(parameters: Any, observations: Any, times: Any, candidates: int = 1) -> Callable[..., Any]:
        network: NoiseNetwork = method.network

        def predict(noisy: torch.Tensor, call: int) -> torch.Tensor:
            steps = torch.full(noisy.shape[:2], int(times[call]), dtype=torch.int64)
            return network(parameters, noisy, steps, observations)

        return predict

    method.network.chain = chain  # type: ignore[method-assign]


def unfused_optimiser(method: DiffusionQL) -> None:
    """One optimiser step for each parameter in place of one for the flat buffer."""
    for optimiser in (method.actor_optimiser, method.critic_optimiser):
        optimiser.step = _looped(optimiser)  # type: ignore[method-assign]


def _looped(optimiser: adam.Adam) -> Callable[..., None]:
    """torch.optim.Adam over the parameters one by one, as the peers call it."""
    parameters = [p.detach() for p in optimiser.group.frozen.values()]
    plain = torch.optim.Adam(parameters, lr=float(optimiser.learning_rate), foreach=False, fused=False)

    def step(learning_rate: torch.Tensor | None = None) -> None:
        views = optimiser.group._views(optimiser.group.gradient).values()
        for parameter, gradient in zip(parameters, views):
            parameter.grad = gradient
        plain.step()

    return step


def separate_gathers(method: DiffusionQL) -> None:
    """Five gathers instead of one; patched into the data."""


def numbers_each_update(method: DiffusionQL) -> None:
    """Randomness drawn update by update, and every loss fetched as a Python number."""


# name: (what undoes or adds it, what PERFORMANCE-style notes expected of it)
STEPS: dict[str, Callable[[DiffusionQL], None]] = {
    "full": full,
    "MKL instead of oneDNN": full,
    "F.mish": plain_mish,
    "both critics in the guided term": both_critics_guide,
    "both, with their weights, in the actor's backward pass": critic_weights_in_actor,
    "first layer's state and time parts computed in every call": first_layer_anew,
    "optimiser parameter by parameter": unfused_optimiser,
    "five gathers a batch": separate_gathers,
    "draws and .item() in every update": numbers_each_update,
    "freed memory given back to the system": full,
    "compiled": compiled,
    "compiled, torch's own checks kept": compiled_with_checks,
}


class GatheredData(TrainingData):
    """The batch gathered array by array."""

    def batch(self, index: torch.Tensor) -> Batch:
        """Rows `index` [K, B], one gather for each array."""
        d, a = self.problem.observation_dim, self.problem.action_dim
        rows = index.reshape(-1)
        columns = (slice(0, d), slice(d, d + a), slice(d + a, 2 * d + a), slice(-2, -1), slice(-1, None))
        if not hasattr(self, "arrays"):
            self.arrays = [self.packed[:, part].contiguous() for part in columns]
        s, act, s2, r, m = (array[rows].view(*index.shape, -1) for array in self.arrays)
        return Batch(s, act, torch.cat([s, act], dim=-1), s2, r.squeeze(-1), m.squeeze(-1))


def window(name: str, program: Program, update: int, seconds: float) -> tuple[float, int]:
    """Updates per second in one window, and the next update."""
    keep_freed_memory(not name.startswith("freed"))
    with kernels.using("plain" if name.startswith("MKL") else "onednn"):
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            if name.startswith("draws"):
                for _ in range(CAPTURED_UPDATES):
                    for draw in program.random_inputs.random_inputs:
                        buffer = program.random_inputs.buffers[draw.name][:, :1]
                        generator = program.random_inputs.streams.generators[0]
                        if draw.kind == "normal":
                            buffer.normal_(generator=generator)
                        elif draw.kind == "bernoulli":
                            buffer.bernoulli_(draw.probability, generator=generator)
                        else:
                            buffer.random_(0, draw.high or program.data.num_rows, generator=generator)
                    update = programs_module.run_updates(program, update, 1)
                    for loss in program.history[(update - 1) % len(program.history)].flatten():
                        loss.item()
            else:
                update = programs_module.run_updates(program, update, CAPTURED_UPDATES)
            done += CAPTURED_UPDATES
        return done / (time.perf_counter() - start), update


def main() -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--window-seconds", type=float, default=2.0)
    options = parser.parse_args()
    set_up_process(threads=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "configs.json"
        benchmark_configs.main(["--output", str(path)])
        config = next(c for c in json.loads(path.read_text()) if c["method"] == "diffusion_ql")
    data = programs_module.synthetic_data(torch.device("cpu"), config)
    gathered = programs_module.synthetic_data(torch.device("cpu"), config)
    gathered.__class__ = GatheredData
    programs: dict[str, Program] = {}
    updates = dict.fromkeys(STEPS, 0)
    for name, apply in STEPS.items():
        method = programs_module.build(config, [0], torch.device("cpu"))
        assert isinstance(method, DiffusionQL)
        apply(method)
        programs[name] = programs_module.build_program(method, gathered if "gathers" in name else data, False)
        _, updates[name] = window(name, programs[name], 0, 0.5)
    ratios: dict[str, list[float]] = {name: [] for name in STEPS}
    rates: dict[str, list[float]] = {name: [] for name in STEPS}
    for _ in range(options.rounds):
        for name, program in programs.items():
            rate, updates[name] = window(name, program, updates[name], options.window_seconds)
            rates[name].append(rate)
        for name in STEPS:
            ratios[name].append(rates["full"][-1] / rates[name][-1])
    print("| step undone (or added) | updates/s | full / this |\n|---|---|---|")
    for name in STEPS:
        print(f"| {name} | {statistics.median(rates[name]):.1f} | {statistics.median(ratios[name]):.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
