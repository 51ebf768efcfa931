"""What the benchmark measures: each method's own hyperparameters on the task whose widths it takes.

python -m recheck.methods.benchmark_configs --output results/benchmark/configs.json
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recheck import cli, files
from recheck.methods import hyperparameters

# The benchmark's synthetic data have Hopper's widths, so the hyperparameters are Hopper's.
TASK = "hopper-medium-expert-v2"


def configs(root: Path) -> list[dict[str, Any]]:
    """Each method's first variant, and those that say `benchmark: true`, by method and variant.

    Returns:
        Entries of method, variant, hyperparameters, num_updates and diffusion_steps.
    """
    found = []
    for name in _methods(root):
        method = hyperparameters.read(root, name)
        for variant, layers in sorted(method.variants.items()):
            if variant != method.default_variant and not layers.get("benchmark"):
                continue
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
    return found


def _methods(root: Path) -> list[str]:
    return [
        name
        for name in hyperparameters.known_methods(root)
        if TASK in hyperparameters.covered(hyperparameters.read(root, name))
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m recheck.methods.benchmark_configs", description=__doc__)
    parser.add_argument("--output", required=True, type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    return cli.run(lambda: files.write_json(options.output, configs(Path.cwd())))


if __name__ == "__main__":
    sys.exit(main())
