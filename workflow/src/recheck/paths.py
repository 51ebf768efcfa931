"""Every path under ``results/``, defined once.

The strings hold Snakemake wildcards in braces, so that rules use them as they are; the functions fill them
in. All paths are relative to the repository's root, from which Snakemake runs.
"""

from functools import cache
from pathlib import Path

RESULTS = "results"
LOGS = f"{RESULTS}/logs"
PUBLISHED = f"{RESULTS}/published"
BENCHMARK = f"{RESULTS}/benchmark"
AUDIT = f"{RESULTS}/audit"
BANDIT = f"{RESULTS}/bandit"
COST = f"{RESULTS}/cost"
FIDELITY = f"{RESULTS}/fidelity"
# Policies that are kept in the repository, each with its configuration and its episodes.
CHECKPOINTS = f"{PUBLISHED}/checkpoints"
REEVALUATIONS = f"{RESULTS}/reevaluated"
COMPARISON = tuple(f"{REEVALUATIONS}/comparison.{ending}" for ending in ("json", "md", "csv", "tex"))
REPORTS = f"{RESULTS}/reports"
INDEX = f"{RESULTS}/report.html"

DATASET = f"{RESULTS}/datasets/{{task}}"

# One run of several seeds. `digest` covers all that changes the result; seeds and block size are not part
# of it.
RUN_GROUP = "{method}/{task}/{variant}-{digest}/N{diffusion_steps}"
BLOCK = RUN_GROUP + "/seeds{first}-{last}"
RUN = f"{RESULTS}/runs/{BLOCK}"
# Resumable state is not a rule's output, because a failed job's outputs are deleted.
STATE = f"{RESULTS}/state/{BLOCK}"
EPISODES_BLOCK = RUN_GROUP + "/{sampling}/seeds{first}-{last}"
EPISODES_STATE = f"{RESULTS}/state/{EPISODES_BLOCK}"
EPISODES = f"{RESULTS}/episodes/{EPISODES_BLOCK}.parquet"
EPISODES_TIMING = f"{RESULTS}/episodes/{EPISODES_BLOCK}.timing.parquet"

# A published policy is of one block under one sampling setting, and so is its evaluation here.
CHECKPOINT = f"{CHECKPOINTS}/{EPISODES_BLOCK}"
REEVALUATION = f"{REEVALUATIONS}/{EPISODES_BLOCK}.parquet"

RUN_FILES = ("config.json", "provenance.json", "train.parquet", "timing.parquet", "policies.safetensors")
CHECKPOINT_FILES = (
    "checkpoint.json",
    "config.json",
    "manifest.json",
    "policies.safetensors",
    "episodes.parquet",
)
DATASET_FILES = ("manifest.json", "transitions.safetensors")
SCORE_TABLES = ("scores", "episodes", "cost", "losses")


def dataset(task: str) -> str:
    """The folder of a task's prepared data."""
    return DATASET.format(task=task)


def benchmark(compiled: str | None) -> str:
    """The folder of this machine's speed of training; `compiled`: ``losses``, ``update`` or nothing."""
    return f"{BENCHMARK}/{compiled}" if compiled else BENCHMARK


@cache  # Asked several times for each job of a plan.
def run_group(method: str, task: str, variant: str, digest: str, diffusion_steps: int) -> str:
    """The part of a path that all blocks of one run share."""
    return RUN_GROUP.format(
        method=method, task=task, variant=variant, digest=digest, diffusion_steps=diffusion_steps
    )


def run_block(group: str, first: int, last: int) -> str:
    """The folder of one finished block of seeds."""
    return f"{RESULTS}/runs/{group}/seeds{first}-{last}"


def episodes_block(group: str, sampling: str, first: int, last: int) -> str:
    """The episodes of one block under one sampling setting."""
    return f"{RESULTS}/episodes/{group}/{sampling}/seeds{first}-{last}.parquet"


def scores(experiment: str) -> str:
    """The folder of an experiment's gathered rows; ``published`` is the one kept in the repository."""
    return PUBLISHED if experiment == "published" else f"{RESULTS}/scores/{experiment}"


def stage(name: str, experiment: str) -> str:
    """The folder of a later stage (statistics, tables, figures) for one experiment."""
    return f"{RESULTS}/{name}/{experiment}"


def page(experiment: str) -> str:
    """The page of an experiment; what the index says of it is next to it, ``.json``."""
    return f"{REPORTS}/{experiment}.html"


def looks(experiment: str) -> str:
    """What the last look at a sequential experiment decided; read when the next call is planned."""
    return f"{RESULTS}/looks/{experiment}.json"


def is_finished(folder: Path) -> bool:
    """Whether a block's folder holds every file of a finished run."""
    return all((folder / name).is_file() for name in RUN_FILES)
