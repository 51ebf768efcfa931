"""The index that the scores stage reads: which finished blocks hold the rows of an experiment.

    python -m recheck.results.score_index --config '{"experiment": "smoke"}' --output <folder>/index.json
    python -m recheck.results.score_index --config '{"experiment": "smoke"}' --record

It is written when every block is finished, and names for each block and sampling setting the seeds asked
for: a block may hold more, which are left out.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from recheck import cli, files, paths, plan, records
from recheck.errors import ConfigError
from recheck.experiments import expansion, runs
from recheck.restarts import stages

# Every block is finished when the index is written, so that nothing is cut.
SEEDS_PER_BLOCK = 1
# What of a point of `vary=` names its run.
_RUN_OF_POINT = ("method", "task", "variant", "diffusion_steps")


def content(loaded: plan.Plan) -> dict[str, Any]:
    """The index, as ``paper_tables/schemas/scores_index.schema.json`` has it."""
    experiment = loaded.required_experiment
    entries = []
    for cell in expansion.cells(experiment, loaded.root, SEEDS_PER_BLOCK):
        _check_inputs(loaded, cell)
        entries.append(
            {
                "run_dir": cell.run_folder,
                "dataset_manifest": f"{paths.dataset(cell.run.config['task'])}/manifest.json",
                "episodes": cell.episodes,
                "timing": cell.episodes.removesuffix(".parquet") + ".timing.parquet",
                "seeds": cell.seeds,
                "evaluation": {
                    **{key: cell.sampling.evaluation[key] for key in runs.EVALUATION_DEFAULTS},
                    "reevaluated_offset": runs.REEVALUATED_OFFSET,
                },
                "hyperparameters_like": cell.run.like,
            }
        )
    index = {
        "format": 1,
        "experiment": experiment.name,
        "average_last_k": experiment.average_last_k,
        "blocks": entries,
    }
    return index if experiment.variation is None else {**index, "vary": _variation(experiment)}


def _variation(experiment: expansion.Experiment) -> dict[str, Any]:
    """What is varied, and which run and sampling setting has which value."""
    assert experiment.variation is not None
    points = []
    for point in experiment.variation.points:
        for run in experiment.runs.values():
            config = run.config
            if any(config[key] != getattr(point, key) for key in _RUN_OF_POINT):
                continue
            labels = [label for label, (found, _) in run.samplings.items() if found.name == point.sampling]
            points += [
                {
                    **{key: config[key] for key in _RUN_OF_POINT},
                    "digest": run.digest,
                    "sampling": label,
                    "family": point.family,
                    "value": point.value,
                    "reference": point.reference,
                }
                for label in labels
            ]
    return {"name": experiment.variation.name, "points": points}


def _check_inputs(loaded: plan.Plan, cell: expansion.Cell) -> None:
    """Refuse results made from others than are there now, which were made again in the same call.

    Raises:
        ConfigError: with what to do.
    """
    trained = stages.train(cell.run, cell.block.first, cell.block.last)
    played = stages.evaluate(loaded, cell.run, cell.sampling, cell.block.first, cell.block.last)
    other = (
        (trained, cell.run_folder, "was trained on other rows", "describes now", "trains it on these"),
        (played, cell.episodes, "was played by other policies", "holds now", "evaluates these"),
    )
    for unit, what, was_made, now_there, again in other:
        record = records.read(loaded.root, unit)
        for path in unit.inputs:
            now = records.fingerprint(loaded.root, path)
            known = record["inputs"].get(path) if record else None
            if None not in (now, known) and now != known:
                raise ConfigError(
                    f"{what} {was_made} than {path.partition('#')[0]} {now_there}; "
                    f"the same command again {again}."
                )


def main(arguments: list[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m recheck.results.score_index", description=__doc__)
    parser.add_argument("--config", required=True, help="what is run, as JSON")
    parser.add_argument("--output", type=Path, help="the index to write")
    parser.add_argument("--record", action="store_true", help="write the record of the finished scores")
    given = parser.parse_args(arguments)

    def command() -> None:
        loaded = plan.load(json.loads(given.config), Path())
        if given.output:
            files.write_text(given.output, json.dumps(content(loaded), indent=1) + "\n")
        if given.record:
            records.write(loaded.root, stages.scores(loaded))

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
