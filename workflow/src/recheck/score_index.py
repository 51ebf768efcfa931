"""The index that the scores stage reads: which finished blocks hold the rows of an experiment.

    python -m recheck.score_index --config '{"experiment": "smoke"}' --output <folder>/index.json

It is written when every block is finished, and names for each block and sampling setting the seeds asked
for: a block may hold more, which are left out.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from recheck import experiments, paths, plan
from recheck.errors import ConfigError

# Every block is finished when the index is written, so that nothing is cut.
SEEDS_PER_BLOCK = 1


def content(loaded: plan.Plan) -> dict[str, Any]:
    """The index, as ``paper_tables/schemas/scores_index.schema.json`` has it."""
    experiment = loaded.required_experiment
    entries = []
    for cell in experiments.cells(experiment, loaded.root, SEEDS_PER_BLOCK):
        entries.append(
            {
                "run_dir": cell.run_folder,
                "dataset_manifest": f"{paths.dataset(cell.run.config['task'])}/manifest.json",
                "episodes": cell.episodes,
                "timing": cell.episodes.removesuffix(".parquet") + ".timing.parquet",
                "seeds": cell.seeds,
                "hyperparameters_like": cell.run.like,
            }
        )
    return {
        "format": 1,
        "experiment": experiment.name,
        "average_last_k": experiment.average_last_k,
        "blocks": entries,
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the index; exit status 2 with one sentence if the configuration cannot be run."""
    parser = argparse.ArgumentParser(prog="python -m recheck.score_index", description=__doc__)
    parser.add_argument("--config", required=True, help="what is run, as JSON")
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args(arguments)
    try:
        text = json.dumps(content(plan.load(json.loads(given.config), Path())), indent=1) + "\n"
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    given.output.parent.mkdir(parents=True, exist_ok=True)
    partial = given.output.with_name(given.output.name + ".part")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
