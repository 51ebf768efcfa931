"""Training speed beside released programs, all in turns in one run.

    python tools/speed_peers.py --method iql --sources <folder of clones> [--peers corl_iql,unifloral_iql]
        [--jax-python <an interpreter with JAX, flax, optax and distrax>] [--forms plain,losses]
        [--blocks 1,4] [--rounds 7] [--window-seconds 2] [--output results/benchmark/peers_iql.json]

Every contender is a process that waits until it is told to train for a window. In a round each has its
turn, so that other work on the machine and its clock slow all of them alike. Data are random transitions of
Hopper's widths, batch sizes and settings those published. Three arrangements:

1 thread     one process on one core
2 threads    one process on two cores
2 processes  two processes of one thread, a core each, training at the same time; rates added up

Forms of ours are those of `tools/speed_forms.py`.

Printed are seed-updates per second and, by round, the ratio of ours to each peer on as many cores: median and
range over the rounds. The JSON file has every window.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
from recheck import files
from speed_forms import (  # type: ignore[import-not-found]
    FORMS,
    compiled_by,
    kernel_form,
    prepare,
)
from speed_peer_programs import (  # type: ignore[import-not-found]
    IN_JAX,
    PROGRAMS,
    serve,
    use_processors,
)

from algos.benchmark import programs
from algos.training.cuda_graphs import CAPTURED_UPDATES
from algos.training.process_setup import set_up_process

# Threads and processes of each arrangement.
ARRANGEMENTS = {"1 thread": (1, 1), "2 threads": (2, 1), "2 processes": (1, 2)}
# The method's variant that follows the release; its first one where there is none.
VARIANTS = {"idql": "release"}
PEERS = {"diffusion_ql": "diffusion_ql", "idql": "idql", "iql": "corl_iql,unifloral_iql"}


@dataclass
class Contender:
    """One program in one arrangement; `commands` holds that of each of its processes."""

    name: str
    arrangement: str
    commands: list[list[str]]
    block: int = 1
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Start the processes and wait until each can train."""
        threads = ARRANGEMENTS[self.arrangement][0]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        self.processes = [
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
            for command in self.commands
        ]
        for process in self.processes:
            self._answer(process, "ready")

    def turn(self, seconds: float) -> None:
        """Train for a window, all processes at once, and note the seed-updates per second."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()
        rate = 0.0
        for process in self.processes:
            done, took = self._answer(process).split()
            rate += self.block * int(done) / float(took)
        self.rates.append(rate)

    def _answer(self, process: subprocess.Popen[str], expected: str | None = None) -> str:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line or expected not in (None, line):
            raise SystemExit(f"{self.name}, {self.arrangement}: ended early; its message is above")
        return line


def serve_own(options: argparse.Namespace) -> None:
    """Train one of our forms; see `speed_peer_programs.serve`."""
    form, block, threads, place = options.serve.split(",")
    use_processors(int(place), int(threads))
    set_up_process(int(threads), kernel_form(form))
    configs = json.loads(options.configs.read_text(encoding="utf-8"))
    variant = VARIANTS.get(options.method)
    config = next(c for c in configs if c["method"] == options.method and variant in (None, c["variant"]))
    data = programs.synthetic_data(torch.device("cpu"), config)
    method = programs.build({**config, "diffusion_steps": 5}, range(int(block)), torch.device("cpu"))
    prepare(form, method)
    program = programs.build_program(method, data, False, compiled_by(form))
    done = 0

    def updates(count: int) -> None:
        nonlocal done
        done = programs.run_updates(program, done, count)

    serve(updates, CAPTURED_UPDATES)


def contenders(options: argparse.Namespace, configs: Path) -> Iterator[Contender]:
    """Peers first, then ours."""
    here = Path(__file__).resolve()
    for arrangement in options.arrangements:
        threads, processes = ARRANGEMENTS[arrangement]
        for name in options.peers:
            python = options.jax_python if name in IN_JAX else sys.executable
            program = [python, str(here.with_name("speed_peer_programs.py")), name, str(options.sources)]
            commands = [[*program, str(threads), str(place)] for place in range(processes)]
            yield Contender(name, arrangement, commands)
        for form in options.forms:
            for block in options.blocks if form in options.stacked_forms else (1,):
                own = [sys.executable, str(here), "--method", options.method, "--configs", str(configs)]
                commands = [
                    [*own, "--serve", f"{form},{block},{threads},{place}"] for place in range(processes)
                ]
                yield Contender(f"ours, {form}, K = {block}", arrangement, commands, block)


def spread(values: list[float], digits: int) -> str:
    """Median and range."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(found: list[Contender], options: argparse.Namespace) -> str:
    """Rates and ratios as a Markdown table."""
    by_name = {(c.name, c.arrangement): c for c in found}
    columns = [(peer, arrangement) for peer in options.peers for arrangement in options.arrangements]
    lines = [
        "| program | arrangement | seed-updates/s | "
        + " | ".join(f"over {peer}, {arrangement}" for peer, arrangement in columns)
        + " |",
        "|---" * (3 + len(columns)) + "|",
    ]
    for contender in found:
        cells = []
        for column in columns:
            same_cores = (column[1] == "1 thread") == (contender.arrangement == "1 thread")
            if contender.name in options.peers or not same_cores:
                cells.append("")
                continue
            theirs = by_name[column].rates
            cells.append(spread([a / b for a, b in zip(contender.rates, theirs, strict=True)], 2))
        rate = spread(contender.rates, 1)
        lines.append(f"| {contender.name} | {contender.arrangement} | {rate} | {' | '.join(cells)} |")
    return "\n".join(lines)


def read_options() -> argparse.Namespace:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--method", required=True, choices=sorted(PEERS))
    parser.add_argument("--sources", type=Path, help="folder of the clones, by their repositories' names")
    parser.add_argument("--jax-python", default=sys.executable, help="interpreter of the peers in JAX")
    parser.add_argument("--peers", default=None, help=f"comma-separated: {', '.join(PROGRAMS)}")
    parser.add_argument("--forms", default="plain,losses", help=f"comma-separated: {', '.join(FORMS)}")
    parser.add_argument("--blocks", default="1,4", help="seeds per block of ours, comma-separated")
    parser.add_argument("--stacked-forms", default=None, help="those with more than one seed; all by default")
    parser.add_argument("--arrangements", default=",".join(ARRANGEMENTS), help="comma-separated")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--window-seconds", type=float, default=2.0)
    parser.add_argument("--output", type=Path, default=None, help="JSON file with every window")
    parser.add_argument("--serve", default=None, help=argparse.SUPPRESS)
    parser.add_argument("--configs", type=Path, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return options
    options.peers = (options.peers or PEERS[options.method]).split(",")
    options.stacked_forms = (options.stacked_forms or options.forms).split(",")
    options.forms = options.forms.split(",")
    options.arrangements = options.arrangements.split(",")
    options.blocks = [int(block) for block in options.blocks.split(",")]
    if options.sources is None:
        parser.error("--sources is missing: the folder that holds the peers' clones")
    known: dict[str, Iterable[str]] = {"peers": PROGRAMS, "forms": FORMS, "arrangements": ARRANGEMENTS}
    for name, allowed in known.items():
        unknown = sorted(set(getattr(options, name)) - set(allowed))
        if unknown:
            parser.error(f"--{name} has {unknown[0]!r}; allowed are {', '.join(allowed)}")
    return options


def measure(found: list[Contender], rounds: int, window_seconds: float) -> None:
    """Start all, let them train in turns, and end them."""
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(Contender.start, found))
        for number in range(rounds):
            for contender in found:
                contender.turn(window_seconds)
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    finally:
        for contender in found:
            for process in contender.processes:
                process.kill()
                process.wait()


def main() -> int:
    """The command line; see the module's docstring."""
    options = read_options()
    if options.serve:
        serve_own(options)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        configs = Path(folder) / "configs.json"
        writer = [sys.executable, "-m", "recheck.methods.benchmark_configs", "--output", str(configs)]
        subprocess.run(writer, check=True, stdout=subprocess.DEVNULL)
        found = list(contenders(options, configs))
        measure(found, options.rounds, options.window_seconds)
    if options.output is not None:
        rates = [{"name": c.name, "arrangement": c.arrangement, "rates": c.rates} for c in found]
        files.write_text(options.output, json.dumps(rates, indent=1) + "\n")
    if options.rounds:
        print(table(found, options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
