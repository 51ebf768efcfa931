"""Experiments whose seeds are trained look by look: `seeds: sequential`.

The design (numbers of seeds, the level of each look, when to give up) is fixed in the experiment's file,
or is the default here. The first call trains the seeds of the first look. The tables judge them and say for
every run whether more seeds can decide something; that is kept in ``results/looks/<experiment>.json``. The
same command, called again, trains the next look's seeds of the runs that continue, and no others.

    python -m recheck.experiments.sequential --tables results/tables/NAME --output results/looks/NAME.json
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recheck import checksums, cli, files, paths, schema
from recheck.errors import ConfigError

SEQUENTIAL = "sequential"
"""What an entry of a grid gives in place of its seeds."""

DEFAULT_DESIGN: dict[str, Any] = {
    "looks": [
        {"seeds": 3, "level": 0.004},
        {"seeds": 5, "level": 0.011},
        {"seeds": 10, "level": 0.035},
    ],
    "futile_below": 0.10,
}
"""Numbers of seeds and one-sided levels of the looks; the levels sum to 5%; docs/statistics.md."""

LARGEST_SUM = 0.05
_TOLERANCE = 1e-9
CONTINUE = "continue"


@dataclass(frozen=True)
class Looks:
    """The design of a sequential experiment, and where its runs are.

    Attributes:
        experiment: its name.
        design: `looks`, each with `seeds` and `level`, and `futile_below`.
        runs: digest -> what the last tables said of the run; empty before the first look.
    """

    experiment: str
    design: Mapping[str, Any]
    runs: Mapping[str, Mapping[str, Any]]

    @property
    def numbers(self) -> list[int]:
        """The numbers of seeds at the looks, ascending."""
        return [look["seeds"] for look in self.design["looks"]]

    def seeds(self, digest: str, seeds: Sequence[int]) -> list[int]:
        """The seeds of one run that are trained now, the first ones in the order of their labels.

        Args:
            digest: of the run.
            seeds: all seeds that it could have, those of the last look.
        """
        known = self.runs.get(digest)
        wanted = self.numbers[0]
        if known is not None:
            wanted = known["next_seeds"] or known["seeds"] or wanted
        return sorted(seeds)[:wanted]

    def parameter(self, digests: Sequence[str]) -> str:
        """The design and its runs as JSON, for the command that makes the tables."""
        return json.dumps({**self.design, "digests": sorted(digests)}, sort_keys=True)

    def messages(self) -> list[str]:
        """Where the experiment is, for the log."""
        if not self.runs:
            return [f"Sequential seeds: the first look is at {self.numbers[0]} seeds."]
        going = sorted(run["next_seeds"] for run in self.runs.values() if run["state"] == CONTINUE)
        stopped = len(self.runs) - len(going)
        lines = [f"Sequential seeds: {stopped} of {len(self.runs)} runs have stopped."]
        lines += [
            f"Sequential seeds: {going.count(seeds)} runs continue to {seeds} seeds."
            for seeds in sorted(set(going))
        ]
        return lines


def read(root: Path, name: str, content: Mapping[str, Any], results_name: str | None = None) -> Looks | None:
    """The looks of an experiment, None where no entry of its grid is sequential.

    Args:
        root: the repository.
        name: of the experiment.
        content: of its file.
        results_name: what its results are called, where that is another name: a part of it has looks of its
            own.

    Raises:
        ConfigError: the design does not keep its error, is given without a sequential entry, or has been
            changed, or replaced by fixed numbers of seeds, since the first look.
    """
    where = f"Experiment '{name}'"
    if not any(entry["seeds"] == SEQUENTIAL for entry in content["grid"]):
        if SEQUENTIAL in content:
            raise ConfigError(
                f"{where} gives a sequential design, but no entry of its grid has `seeds: {SEQUENTIAL}`."
            )
        if (root / paths.looks(name)).is_file():
            raise ConfigError(
                f"{where}: its seeds have been looked at by a sequential design ({paths.looks(name)}), and "
                "it now has fixed numbers of seeds. Seeds that are added after a look do not keep "
                f"their error: put `seeds: {SEQUENTIAL}` back, or give the experiment another name."
            )
        return None
    design = {**DEFAULT_DESIGN, **content.get(SEQUENTIAL, {})}
    _check(where, design)
    kept_as = results_name or name
    path = root / paths.looks(kept_as)
    if not path.is_file():
        return Looks(kept_as, design, {})
    checksums.compare(path, "Bring the file back: it says which seeds are trained next.", ConfigError)
    kept = files.read_json(path, ConfigError)
    schema.check(kept, schema.part_of(schema.load(root, "experiment"), "kept_looks"), paths.looks(kept_as))
    before = {key: kept[key] for key in DEFAULT_DESIGN}
    if before != design:
        raise ConfigError(
            f"{where}: its seeds have been looked at by the design {json.dumps(before, sort_keys=True)}, and "
            f"its file now says {json.dumps(design, sort_keys=True)}. A design that is changed after a look "
            "does not keep its error: restore the old one, or give the experiment another name."
        )
    return Looks(kept_as, design, kept["runs"])


def _check(where: str, design: Mapping[str, Any]) -> None:
    numbers = [look["seeds"] for look in design["looks"]]
    total = sum(look["level"] for look in design["looks"])
    if total > LARGEST_SUM + _TOLERANCE:
        raise ConfigError(
            f"{where}: the levels of its looks sum to {total:g}; at most {LARGEST_SUM:g} keeps the error at "
            "5%."
        )
    if numbers != sorted(set(numbers)):
        raise ConfigError(
            f"{where}: its looks are at {schema.listed(map(str, numbers))} seeds; give them ascending."
        )


def check_not_mixed(where: str, sequential: set[str], fixed: set[str]) -> None:
    """Refuse a run that has both a sequential and a fixed number of seeds.

    Raises:
        ConfigError: a group is in both.
    """
    both = sorted(sequential & fixed)
    if both:
        raise ConfigError(
            f"{where}: {both[0]} has sequential seeds in one entry of the grid and a fixed number in "
            "another; looking at more seeds than the design has would make its error larger than it says."
        )


def main(arguments: list[str] | None = None) -> int:
    """Keep what the tables say of the next look."""
    parser = argparse.ArgumentParser(prog="python -m recheck.experiments.sequential")
    parser.add_argument("--tables", type=Path, required=True, help="folder with looks.json")
    parser.add_argument("--output", type=Path, required=True, help="file that the next call reads")
    options = parser.parse_args(arguments)

    def command() -> int:
        looks = files.read_json(options.tables / "looks.json", ConfigError)
        checksums.sidecar(options.output).unlink(missing_ok=True)
        files.write_json(options.output, looks, ConfigError)
        checksums.write(options.output, ConfigError)
        return 0

    return cli.run(command)


if __name__ == "__main__":
    raise SystemExit(main())
