"""What a cluster has of what the configuration asks for, before anything is sent to it.

    snakemake --profile slurm preflight --config experiment=NAME

Asked of SLURM: partitions, time limits, GPU types, accounts. Looked at here: container, results folder, the
datasets that have to be downloaded where Snakemake runs. Nothing is submitted (`recheck.cluster.probe` does).
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recheck import cli, paths, plan
from recheck.configuration.site import Site
from recheck.errors import ConfigError
from recheck.schema import listed

OK, WARNING, FAULT = "ok", "warning", "FAULT"
TIMEOUT_SECONDS = 60
LEAST_FREE_GB = 20


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: `state` is OK, WARNING or FAULT."""

    state: str
    what: str
    text: str


@dataclass(frozen=True)
class Partition:
    """A line of sinfo: GPU types as written, time limit in minutes or None for none."""

    name: str
    gres: str
    limit_minutes: int | None


def _call(*command: str) -> str | None:
    """The output of a command of SLURM; None where it cannot be had."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def minutes(text: str) -> int | None:
    """SLURM's time limit, [days-]hours:minutes:seconds, in minutes; None for infinite."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text.strip())
    if match is None:
        return None
    days, hours, mins, _ = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + mins


def partitions() -> list[Partition] | None:
    """All partitions, one entry for each kind of node; None where sinfo does not answer."""
    text = _call("sinfo", "--noheader", "--format=%R|%G|%l")
    if text is None:
        return None
    rows = [line.strip().split("|") for line in text.splitlines() if line.count("|") == 2]
    return [Partition(name, gres, minutes(limit)) for name, gres, limit in rows]


def of_cluster(site: Site, gpu: bool, longest_minutes: int) -> Iterator[Check]:
    """What SLURM has of what is asked for.

    Args:
        site: of the configuration.
        gpu: whether training asks for a GPU.
        longest_minutes: the longest job that will be asked for.
    """
    known = partitions()
    if shutil.which("sbatch") is None or known is None:
        yield Check(
            FAULT,
            "SLURM",
            "sbatch or sinfo is not here or does not answer; run it on a login node of the cluster",
        )
        return
    names = list(dict.fromkeys(part.name for part in known))
    yield Check(OK, "SLURM", f"partitions {listed(names)}")
    for kind in dict.fromkeys((gpu, False)):
        yield from _of_partition(site, kind, known, longest_minutes)
    yield from _of_account(site)


def _of_partition(site: Site, gpu: bool, known: list[Partition], longest_minutes: int) -> Iterator[Check]:
    name = site.partition_of(gpu)
    what = f"partition of jobs {'with a GPU' if gpu else 'without a GPU'}"
    own = [part for part in known if part.name == name]
    if name is None:
        yield Check(WARNING, what, "none is set: SLURM takes its default; site.partition names one")
        own = known
    elif not own:
        names = listed(dict.fromkeys(part.name for part in known))
        yield Check(FAULT, what, f"there is no partition {name}; known are {names}")
        return
    else:
        yield Check(OK, what, name)
    if name is not None:
        limits = [part.limit_minutes for part in own if part.limit_minutes is not None]
        if limits and longest_minutes > min(limits):
            yield Check(
                FAULT,
                f"time limit of {name}",
                f"jobs ask for up to {longest_minutes} minutes, it allows {min(limits)}; set "
                f"site.walltime_minutes: {min(limits)} (longer training resumes from its state)",
            )
        else:
            yield Check(OK, f"time limit of {name}", f"{longest_minutes} minutes are allowed")
    if gpu:
        types = sorted({part.gres for part in own if "gpu" in part.gres})
        wanted = site.gpu_model
        if not types:
            yield Check(FAULT, "GPU", "the partition has none; set site.partition, or train_on: cpu")
        elif wanted is not None and not any(wanted in re.split(r"[:,(]", text) for text in types):
            yield Check(FAULT, "GPU", f"there is no type {wanted}; sinfo shows {listed(types)}")
        else:
            yield Check(OK, "GPU", listed(types))


def _of_account(site: Site) -> Iterator[Check]:
    user = getpass.getuser()
    text = _call("sacctmgr", "--noheader", "--parsable2", "show", "assoc", f"user={user}", "format=account")
    if text is None:
        yield Check(WARNING, "account", "sacctmgr does not answer: not looked at (the probe shows it)")
        return
    accounts = sorted({line.strip() for line in text.splitlines() if line.strip()})
    if site.account is None:
        yield Check(OK, "account", f"none is set, SLURM takes the default; yours are {listed(accounts)}")
    elif site.account not in accounts:
        yield Check(FAULT, "account", f"{user} has no account {site.account}; there are {listed(accounts)}")
    else:
        yield Check(OK, "account", site.account)


def of_files(root: Path, site: Site) -> Iterator[Check]:
    """Container and results folder."""
    if site.container is not None:
        found = shutil.which("apptainer") is not None
        there_is = "apptainer is here" if found else "apptainer is not here; the nodes need it"
        yield Check(OK if found else WARNING, "container", f"{site.container}, {there_is}")
    folder = root / paths.RESULTS
    place = folder.resolve()
    there = next(parent for parent in (place, *place.parents) if parent.exists())
    if not os.access(there, os.W_OK):
        yield Check(FAULT, "results", f"{place} cannot be written")
        return
    free = shutil.disk_usage(there).free / 1e9
    home = Path.home().resolve()
    text = f"{place}, {free:.0f} GB free"
    if free < LEAST_FREE_GB:
        yield Check(WARNING, "results", f"{text}: little; `results` may be a link to scratch")
    elif not folder.is_symlink() and home in place.parents:
        yield Check(WARNING, "results", f"{text}, in your home: with a quota make it a link to scratch")
    else:
        yield Check(OK, "results", text)


def of_data(loaded: plan.Plan) -> Check:
    """Which datasets are prepared, and which will be downloaded where Snakemake runs."""
    absent = [
        task
        for task in loaded.required_experiment.task_names
        if not all((loaded.root / paths.dataset(task) / name).is_file() for name in paths.DATASET_FILES)
    ]
    rows = {task: loaded.row(task) for task in absent}
    remote = [task for task, row in rows.items() if row.get("urls") or row["source_kind"] == "minari"]
    if not remote:
        return Check(OK, "data", "nothing has to be downloaded")
    return Check(
        WARNING,
        "data",
        f"to be downloaded here, not on the nodes: {listed(remote)}; without network bring the files "
        "(data_folder=)",
    )


def findings(loaded: plan.Plan, longest_minutes: int) -> list[Check]:
    """Everything that is looked at."""
    site = Site.of(loaded.settings)
    gpu = int(loaded.machine["gpu"]) > 0 or loaded.settings.get("evaluation_device") == "gpu"
    return [*of_cluster(site, gpu, longest_minutes), *of_files(loaded.root, site), of_data(loaded)]


def report(found: list[Check]) -> str:
    """The findings as text, faults first in the last line."""
    faults = sum(finding.state == FAULT for finding in found)
    lines = [f"{finding.state:8}{finding.what}: {finding.text}." for finding in found]
    last = (
        f"{faults} fault{'s' if faults > 1 else ''}: edit workflow/profiles/slurm/site.yaml."
        if faults
        else "No problem was found. Next: snakemake --profile slurm probe, which sends two short jobs."
    )
    return "\n".join([*lines, last])


def main(arguments: list[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m recheck.cluster.preflight", description=__doc__)
    parser.add_argument("--config", required=True, help="the configuration, as JSON")
    parser.add_argument("--longest-minutes", type=int, required=True, help="of the longest job")
    given = parser.parse_args(arguments)

    def command() -> int:
        found = findings(plan.load(json.loads(given.config), Path()), given.longest_minutes)
        print(report(found), flush=True)
        if any(finding.state == FAULT for finding in found):
            raise ConfigError("The preflight found faults; nothing was submitted.")
        return 0

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
