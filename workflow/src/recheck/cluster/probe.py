"""A short job on the cluster that says what jobs there can do, before hundreds are sent.

    snakemake --profile slurm probe

sends two: one as training asks for it, one as evaluation does. Each writes a file into the results folder.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recheck import cli, files, paths, tasks
from recheck.errors import ConfigError
from recheck.schema import listed

FOLDER = f"{paths.RESULTS}/probe"
KINDS = ("train", "evaluate")
CONNECT_SECONDS = 5
# Kept when a probe has found no problem.
DONE = f"{FOLDER}/done.json"
MANY_JOBS = 50
_TORCH = (
    "import json, torch; gpu = torch.cuda.is_available(); "
    "print(json.dumps({'torch': torch.__version__, "
    "'gpus': [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if gpu else []}))"
)


def torch_here() -> dict[str, Any]:
    """Version of torch, names of the GPUs that it sees, and why it cannot be imported (empty if it can)."""
    done = subprocess.run([sys.executable, "-c", _TORCH], capture_output=True, text=True, check=False)
    if done.returncode:
        return {"torch": None, "gpus": [], "torch_error": done.stderr.strip().rpartition("\n")[2]}
    return {**json.loads(done.stdout), "torch_error": ""}


def check_gpu_here(rules: Sequence[str]) -> None:
    """Refuse jobs that ask for a GPU on a machine that has none, before the first of them waits for its data.

    Args:
        rules: of the jobs that run on this machine and ask for a GPU, one name for each.

    Raises:
        ConfigError: there are such jobs, and torch sees no GPU.
    """
    if not rules:
        return
    torch = torch_here()
    if not torch["gpus"]:
        of = listed([f"{rules.count(name)} of {name}" for name in dict.fromkeys(rules)])
        seen = f"torch {torch['torch']} sees none here" if torch["torch"] else torch["torch_error"]
        raise ConfigError(
            f"Jobs ask for a GPU ({of}), and {seen}. Give train_on=cpu and evaluation_device=cpu, or send "
            "them to a cluster (--profile slurm)."
        )


def look(root: Path, kind: str, gpu: bool) -> dict[str, Any]:
    """What a job here can do.

    Args:
        root: the repository's root.
        kind: of job, train or evaluate.
        gpu: whether it asked for a GPU.
    """
    torch = torch_here()
    return {
        "format": 1,
        "kind": kind,
        "host": socket.gethostname(),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "gpu_asked": gpu,
        **torch,
        "reached": {host: reaches(host, port) for host, port in sorted(hosts(root))},
    }


def hosts(root: Path) -> set[tuple[str, int]]:
    """(host, port) of every address of tasks.csv."""
    found = set()
    for row in tasks.read(root).values():
        for address in str(row.get("urls") or "").split():
            parts = urllib.parse.urlsplit(address)
            if parts.hostname:
                found.add((parts.hostname, parts.port or (80 if parts.scheme == "http" else 443)))
    return found


def reaches(host: str, port: int) -> bool:
    """Whether a connection can be made; nothing is read."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False


def faults(seen: Mapping[str, Any]) -> list[str]:
    """What would stop real jobs, one message each."""
    where = f"{seen['kind']} on {seen['host']}"
    if seen["torch"] is None:
        return [f"{where}: torch cannot be imported ({seen['torch_error']})."]
    if seen["gpu_asked"] and not seen["gpus"]:
        return [f"{where}: a GPU was asked for, and torch {seen['torch']} sees none."]
    return []


def report(root: Path) -> str:
    """Print both answers and remove them; returns what they allow.

    Raises:
        ConfigError: one of them would stop real jobs.
    """
    answers = [files.read_json(root / FOLDER / f"{kind}.json", ConfigError) for kind in KINDS]
    lines = []
    for seen in answers:
        reached = [host for host, reachable in seen["reached"].items() if reachable]
        lines.append(
            f"{seen['kind']}: {seen['host']}, {seen['cores']} cores, Python {seen['python']}, "
            f"torch {seen['torch']}, GPUs {listed(seen['gpus'])}, can download from {listed(reached)}."
        )
    found = [text for seen in answers for text in faults(seen)]
    print("\n".join(lines), flush=True)
    for kind in KINDS:  # the next probe sends its jobs again
        (root / FOLDER / f"{kind}.json").unlink()
    if found:
        raise ConfigError(" ".join(found))
    files.write_json(root / DONE, {"format": 1, "hosts": [seen["host"] for seen in answers]}, ConfigError)
    return (
        "Both jobs ran and wrote to the results folder. Downloads are made where Snakemake runs: nodes need "
        "no network."
    )


def advice(root: Path, num_jobs: int) -> str | None:
    """What to say before many jobs are sent to a cluster that was never probed; None for nothing."""
    if num_jobs < MANY_JOBS or (root / DONE).is_file():
        return None
    return (
        f"{num_jobs} jobs, and no probe has run here: `snakemake --profile slurm probe` sends two short ones "
        "first and says what jobs can do."
    )


def main(arguments: list[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m recheck.cluster.probe", description=__doc__)
    parser.add_argument("--kind", choices=KINDS, help="of this job; without it both answers are printed")
    parser.add_argument("--gpu", type=int, default=0, help="GPUs that the job asked for")
    parser.add_argument("--output", type=Path, help="where the answer is written")
    given = parser.parse_args(arguments)

    def command() -> None:
        if given.kind is None:
            print(report(Path()))
        else:
            files.write_json(given.output, look(Path(), given.kind, given.gpu > 0))

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
