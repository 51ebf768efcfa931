"""What the benchmark measures: each method's own hyperparameters on the task whose widths it takes.

python -m recheck.benchmark_configs --output results/benchmark/configs.json
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recheck import hyperparameters
from recheck.errors import ConfigError

# The benchmark's synthetic data have Hopper's widths, so the hyperparameters are Hopper's.
TASK = "hopper-medium-expert-v2"
# Beside each method's default variant, those that the papers' own speed figures are about.
FURTHER = (("idql", "release"),)


def configs(root: Path) -> list[dict[str, Any]]:
    """One entry per method: method, variant, hyperparameters, num_updates, diffusion_steps."""
    wanted = [(name, hyperparameters.read(root, name).default_variant) for name in _methods(root)]
    found = []
    for name, variant in [*wanted, *FURTHER]:
        method = hyperparameters.read(root, name)
        resolved = hyperparameters.resolve(root, method, variant, TASK, {})
        found.append(
            {
                "method": name,
                "variant": variant,
                "hyperparameters": resolved.values,
                "num_updates": resolved.num_updates,
                "diffusion_steps": resolved.diffusion_steps,
            }
        )
    return sorted(found, key=lambda entry: (entry["method"], entry["variant"]))


def _methods(root: Path) -> list[str]:
    return [
        name
        for name in hyperparameters.known_methods(root)
        if TASK in hyperparameters.covered(hyperparameters.read(root, name))
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m recheck.benchmark_configs", description=__doc__)
    parser.add_argument("--output", required=True, type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    try:
        entries = configs(Path.cwd())
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.output.parent.mkdir(parents=True, exist_ok=True)
    temporary = options.output.with_name(f".{options.output.name}.part")
    temporary.write_text(json.dumps(entries, sort_keys=True, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
