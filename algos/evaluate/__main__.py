"""The command line of `algos.evaluate`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recheck import cli
from recheck.errors import EvaluationError

from algos.evaluate.run import Request, evaluate_block
from algos.training.execution import Execution


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the package's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m algos.evaluate", description="Evaluate a block of seeds."
    )
    parser.add_argument("--run", required=True, type=Path, help="run folder of the trainer")
    parser.add_argument("--dataset", required=True, type=Path, help="folder with manifest.json")
    parser.add_argument("--sampling", default='{"name": "default"}', help="sampling setting, JSON")
    parser.add_argument("--evaluation", default="{}", help="evaluation setting, JSON")
    parser.add_argument("--output", required=True, type=Path, help="parquet file to write")
    parser.add_argument("--state", default=None, type=Path, help="folder of finished blocks of episodes")
    parser.add_argument("--label", default=None, help="name of the sampling setting in the tables")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto (default: cpu)")
    parser.add_argument("--workers", type=int, default=1, help="processes that play episodes (default: 1)")
    parser.add_argument(
        "--environments", type=int, default=None, help="environments at one time, all processes together"
    )
    parser.add_argument("--memory-mb", type=int, default=None, help="memory of the job (default: all)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch in each process")
    options = parser.parse_args(arguments)

    def command() -> None:
        execution = Execution(
            options.device,
            options.threads,
            workers=options.workers,
            environments=options.environments,
            memory_mb=options.memory_mb,
        )
        request = Request(
            _mapping("--sampling", options.sampling),
            _mapping("--evaluation", options.evaluation),
            options.label,
        )
        evaluate_block(options.run, options.dataset, request, options.output, execution, options.state)

    return cli.run(command)


def _mapping(option: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise EvaluationError(f"{option} has to be JSON: {error}") from None
    if not isinstance(value, dict):
        raise EvaluationError(f"{option} has to be a JSON object, not {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
