"""The stages of a plan as units: what each result is made from, no more and no less.

`wanted` holds exactly what makes the result. A stage that takes hours names its format version, which is
raised by hand when its results change; a stage that takes seconds names a digest of its program, so that a
changed program makes its tables again.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recheck import paths
from recheck.configuration import score_file as score_file_module
from recheck.configuration import user_datasets
from recheck.experiments import runs as runs_module
from recheck.former_names import hashed_form
from recheck.records import NAME, VALUE_AT, Unit
from recheck.restarts import pages

if TYPE_CHECKING:
    from recheck.plan import Plan

# Raised when the same inputs give other results. A method's own version is in the digest of its runs.
FORMATS = {"dataset": 1, "train": 1, "evaluate": 2, "train_bandit": 1}
# Formats whose results are as good and stay: episodes of format 1 (one batch of all, a stream of noise for
# each training seed) are other draws of the same distribution.
FORMER_FORMATS = {"evaluate": (1,)}
# What the stages that take seconds run: folders and files, from the root.
PROGRAMS = {
    "scores": ("paper_tables", "workflow/src/recheck/results/score_index.py"),
    "statistics": ("paper_tables",),
    "tables": ("paper_tables",),
    "looks": ("workflow/src/recheck/experiments/sequential.py",),
    "figures": ("paper_tables",),
    "audit": ("paper_tables",),
    "evidence": ("paper_tables",),
    "evidence_figures": ("paper_tables",),
    "power": ("paper_tables",),
    "fixture": ("paper_tables",),
    "score_file": ("paper_tables", "workflow/config/tasks.csv"),
    "page": ("paper_tables",),
    "bandit_figures": ("paper_tables",),
    "replay": ("algos/fidelity", "algos/envs"),
    "fidelity": ("algos/fidelity",),
}
_PROGRAM_SUFFIXES = (".py", ".csv", ".yaml", ".json", ".js", ".css", ".html")
# What is made when it is asked for by name, and no part of an experiment's default targets.
ON_REQUEST = ("audit", "evidence", "evidence_figures", "power", "replay", "fidelity")
# Columns of tasks.csv that make the rows of a dataset, by the kind of its source.
ROWS = {
    "hdf5": ("sha256", "action_clip", "fix_timeouts", "ends", "next_observations"),
    "minari": ("source", "sha256", "action_clip", "fix_timeouts", "ends", "next_observations"),
    "recollected": (
        "source",
        "environment_id",
        "adapter",
        "horizon",
        "recollect_transitions",
        "recollect_seed",
        "action_clip",
        "fix_timeouts",
    ),
}
# Columns that the manifest repeats for the stages after it. Changed, the manifest is written again, and
# nothing is trained again.
DESCRIPTION = (
    "suite",
    "environment_id",
    "adapter",
    "environment_match",
    "horizon",
    "reference_min_score",
    "reference_max_score",
    "comparability",
    "observation_dim",
    "action_dim",
)
# What a manifest of an earlier version shows of its row.
_EVIDENCE = ("environment_id", "adapter", "horizon", "reference_min_score", "reference_max_score")


def program_digest(root: Path, stage: str) -> str:
    """16 hex digits over the files that a stage runs and the data that they hold."""
    return _digest_of(root, PROGRAMS[stage])


@functools.cache  # Several stages run the same files.
def _digest_of(root: Path, places: tuple[str, ...]) -> str:
    hasher = hashlib.sha256()
    for place in places:
        found = root / place
        members = sorted(found.rglob("*")) if found.is_dir() else [found]
        for path in members:
            if path.suffix in _PROGRAM_SUFFIXES and path.is_file():
                hasher.update(f"{path.relative_to(root)}\0".encode())
                hasher.update(hashlib.sha256(path.read_bytes()).digest())
    return hasher.hexdigest()[:16]


def units(plan: Plan) -> Iterator[Unit]:
    """Every unit that the plan's targets need, each after what it is made from."""
    if plan.experiment is not None:
        for task in dict.fromkeys([*plan.experiment.task_names, *plan.tasks_at_hand()]):
            yield dataset(plan, task)
        seen: set[str] = set()
        for cell in plan.cells:
            if cell.run_folder not in seen:
                seen.add(cell.run_folder)
                yield train(cell.run, cell.block.first, cell.block.last)
            yield evaluate(plan, cell.run, cell.sampling, cell.block.first, cell.block.last)
        yield scores(plan)
        if plan.experiment.bandit:
            yield train_bandit(plan.experiment.bandit)
            yield bandit_figures(plan, plan.experiment.bandit)
        for task in plan.tasks_at_hand():
            yield replay(plan, task)
        yield fidelity(plan)
    elif plan.name == "d3rlpy":
        yield fixture(plan)
    elif score_file_module.is_file(plan.settings):
        yield score_file(plan)
    yield from (statistics(plan), tables(plan), figures(plan), audit(plan))
    yield page(plan)
    yield from (evidence(plan), evidence_figures(plan), power(plan))
    if plan.looks is not None:
        yield looks(plan)


def dataset(plan: Plan, task: str) -> Unit:
    """A prepared dataset."""
    row = plan.row(task)
    folder = paths.dataset(task)
    manifest = f"{folder}/manifest.json"
    evidence = {f"{manifest}#{name}": row.get(name) for name in _EVIDENCE}
    if row.get("sha256"):
        evidence[f"{manifest}#source_sha256"] = row["sha256"]
    return Unit(
        stage="dataset",
        name=task,
        outputs=(manifest, f"{folder}/transitions.safetensors", f"{folder}/minari"),
        record=f"{folder}/{NAME}",
        wanted={
            "rows": dataset_rows(plan, task),
            "description": hashed_form({name: row.get(name) for name in DESCRIPTION}),
            "format": FORMATS["dataset"],
        },
        long=True,
        evidence=evidence,
        sources=tuple(plan.unhashed_file(task)),
    )


def dataset_rows(plan: Plan, task: str) -> dict[str, Any]:
    """What makes a dataset's rows: columns of its row, and the content of the files that they name."""
    row = plan.row(task)
    kind = str(row["source_kind"])
    found: dict[str, Any] = {"source_kind": kind, **{name: row.get(name) for name in ROWS[kind]}}
    if kind == "recollected":
        found["recollection"] = hashlib.sha256(
            json.dumps(plan.recollection(task), sort_keys=True).encode()
        ).hexdigest()
        found["behaviours"] = {
            path: user_datasets.content_sha256(plan.root / path)
            for path in plan.behavior_files(task)
            if (plan.root / path).is_file()
        }
    elif not row.get("sha256"):
        found["file"] = [
            user_datasets.content_sha256(plan.root / path)
            for path in plan.unhashed_file(task)
            if (plan.root / path).exists()
        ]
        found["urls"] = row.get("urls")
    return found


def train(run: runs_module.Run, first: int, last: int) -> Unit:
    """A block of trained seeds. The digest in its path covers the configuration, method format included."""
    folder = paths.run_block(run.group, first, last)
    rows = f"{paths.dataset(run.config['task'])}/manifest.json#content_sha256"
    evidence = {
        f"{folder}/config.json#digest": run.digest,
        f"{folder}/config.json#seeds": list(range(first, last + 1)),
        f"{folder}/provenance.json#dataset.content_sha256": f"{VALUE_AT}{rows}",
    }
    return Unit(
        stage="train",
        name=f"{run.group}/seeds{first}-{last}",
        outputs=tuple(f"{folder}/{name}" for name in paths.RUN_FILES),
        record=f"{folder}/{NAME}",
        wanted={"digest": run.digest, "seeds": [first, last], "format": FORMATS["train"]},
        inputs=(rows,),
        long=True,
        evidence=evidence,
    )


def evaluate(plan: Plan, run: runs_module.Run, sampling: runs_module.Sampling, first: int, last: int) -> Unit:
    """The episodes of a block under one sampling setting."""
    row = plan.row(run.config["task"])
    episodes = paths.episodes_block(run.group, sampling.label, first, last)
    stem = episodes.removesuffix(".parquet")
    return Unit(
        stage="evaluate",
        name=f"{run.group}/{sampling.label}/seeds{first}-{last}",
        outputs=(episodes, f"{stem}.timing.parquet"),
        record=f"{stem}.{NAME}",
        wanted={
            "sampling": sampling.setting,
            "evaluation": hashed_form(sampling.evaluation),
            "environment": {name: row.get(name) for name in ("environment_id", "adapter", "horizon")},
            "format": FORMATS["evaluate"],
        },
        inputs=(f"{paths.run_block(run.group, first, last)}/policies.safetensors",),
        long=True,
        former_formats=FORMER_FORMATS["evaluate"],
    )


def scores(plan: Plan) -> Unit:
    """The rows that an experiment asked for."""
    folder = paths.scores(plan.name)
    read = [*plan.episodes(), *plan.timings(), *plan.manifests()]
    for name in ("config.json", "train.parquet", "timing.parquet", "provenance.json"):
        read += plan.run_files(name)
    return Unit(
        stage="scores",
        name=plan.name,
        outputs=(f"{folder}/index.json", *_score_tables(folder)),
        record=f"{folder}/{NAME}",
        wanted={
            "request": plan.request(),
            "hyperparameters_like": _likes(plan),
            "program": program_digest(plan.root, "scores"),
        },
        inputs=tuple(read),
    )


def _likes(plan: Plan) -> str:
    """A digest of run -> the task whose hyperparameters it took, which the tables say."""
    return runs_module.digest({group: run.like for group, run in plan.required_experiment.runs.items()})


def _score_tables(folder: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}.parquet" for name in paths.SCORE_TABLES)


def _cheap(plan: Plan, stage: str, name: str, outputs: tuple[str, ...], **more: Any) -> Unit:
    folder = outputs[0] if len(outputs) == 1 and not Path(outputs[0]).suffix else str(Path(outputs[0]).parent)
    record = more.pop("record", f"{folder}/{NAME}")
    wanted: Mapping[str, Any] = {**more.pop("wanted", {}), "program": program_digest(plan.root, stage)}
    return Unit(stage, name, outputs, record, wanted, **more)


def statistics(plan: Plan) -> Unit:
    """Aggregates with intervals."""
    read = _score_tables(paths.scores(plan.name))[:2]
    return _cheap(plan, "statistics", plan.name, (paths.stage("statistics", plan.name),), inputs=read)


def tables(plan: Plan) -> Unit:
    """The experiment's tables, the papers' layouts, verdicts."""
    read = _score_tables(paths.scores(plan.name))
    design = plan.sequential_design()
    wanted: dict[str, Any] = {"sequential": design} if design else {}
    if plan.layouts() != ["all"]:
        wanted["layouts"] = {path: user_datasets.content_sha256(plan.root / path) for path in plan.layouts()}
    return _cheap(plan, "tables", plan.name, (paths.stage("tables", plan.name),), inputs=read, wanted=wanted)


def looks(plan: Plan) -> Unit:
    """What the last look at a sequential experiment decided."""
    kept = paths.looks(plan.name)
    read = (f"{paths.stage('tables', plan.name)}/looks.json",)
    record = f"{kept.removesuffix('.json')}.{NAME}"
    return _cheap(plan, "looks", plan.name, (kept,), record=record, inputs=read)


def figures(plan: Plan) -> Unit:
    """All figures of an experiment."""
    read = (
        *_score_tables(paths.scores(plan.name)),
        paths.stage("statistics", plan.name),
        paths.stage("tables", plan.name),
    )
    return _cheap(plan, "figures", plan.name, (paths.stage("figures", plan.name),), inputs=read)


def page(plan: Plan) -> Unit:
    """The page of an experiment."""
    output = paths.page(plan.name)
    stem = output.removesuffix(".html")
    read = (
        *_score_tables(paths.scores(plan.name)),
        *(paths.stage(name, plan.name) for name in ("statistics", "tables", "figures")),
        *plan.bandit_files(),
        *plan.reevaluation_files(),
    )
    return _cheap(
        plan,
        "page",
        plan.name,
        (output, f"{stem}.json"),
        record=f"{stem}.{NAME}",
        wanted={"sources": pages.sources(plan)},
        inputs=read,
    )


def audit(plan: Plan) -> Unit:
    """What the reported numbers themselves say."""
    return _cheap(plan, "audit", "", (f"{paths.AUDIT}/audit.csv", f"{paths.AUDIT}/audit.md"))


def evidence(plan: Plan) -> Unit:
    """Every reported number judged by evidence that exists."""
    outputs = (paths.stage("tables", "evidence"), f"{paths.RESULTS}/evidence.html")
    return _cheap(plan, "evidence", "", outputs, record=f"{paths.RESULTS}/evidence.{NAME}")


def evidence_figures(plan: Plan) -> Unit:
    """The figures of the evidence."""
    return _cheap(plan, "evidence_figures", "", (paths.stage("figures", "evidence"),))


def power(plan: Plan) -> Unit:
    """How many seeds and episodes a verdict needs."""
    folder = paths.stage("power", plan.name)
    return _cheap(
        plan,
        "power",
        plan.name,
        tuple(f"{folder}/power.{ending}" for ending in ("md", "csv", "tex")),
        inputs=_score_tables(paths.scores(plan.name))[:2],
        wanted={"options": plan.power_options()},
    )


def fixture(plan: Plan) -> Unit:
    """Score tables of public runs."""
    return _cheap(plan, "fixture", plan.name, _score_tables(paths.scores(plan.name)))


def score_file(plan: Plan) -> Unit:
    """Score tables of a file of the user's."""
    return _cheap(
        plan,
        "score_file",
        plan.name,
        _score_tables(paths.scores(plan.name)),
        wanted={"stated": score_file_module.stated(plan.settings)},
        inputs=score_file_module.members(plan.settings, plan.root),
    )


def train_bandit(size: str) -> Unit:
    """The bandit's samples and numbers."""
    folder = f"{paths.BANDIT}/{size}"
    return Unit(
        stage="train_bandit",
        name=size,
        outputs=tuple(f"{folder}/{name}" for name in ("samples.parquet", "numbers.csv", "config.json")),
        record=f"{folder}/{NAME}",
        wanted={"size": size, "seed": 0, "format": FORMATS["train_bandit"]},
        long=True,
    )


def bandit_figures(plan: Plan, size: str) -> Unit:
    """The bandit's figures."""
    read = train_bandit(size).outputs
    return _cheap(plan, "bandit_figures", size, (paths.stage("figures", f"bandit-{size}"),), inputs=read)


def replay(plan: Plan, task: str) -> Unit:
    """The environment check of one task."""
    row = plan.row(task)
    stem = f"{paths.FIDELITY}/{task}"
    return _cheap(
        plan,
        "replay",
        task,
        (f"{stem}.json", f"{stem}.steps.parquet"),
        record=f"{stem}.{NAME}",
        wanted={"environment": {name: row.get(name) for name in ("environment_id", "adapter")}},
        inputs=(f"{paths.dataset(task)}/manifest.json#content_sha256",),
    )


def fidelity(plan: Plan) -> Unit:
    """The summary of the environment checks."""
    reports = tuple(f"{paths.FIDELITY}/{task}.json" for task in plan.tasks_at_hand())
    return _cheap(
        plan,
        "fidelity",
        "",
        (f"{paths.FIDELITY}/summary.md",),
        record=f"{paths.FIDELITY}/{NAME}",
        inputs=reports,
    )


# The stages that an experiment has one unit of.
OF_EXPERIMENT = {
    "scores": scores,
    "statistics": statistics,
    "tables": tables,
    "looks": looks,
    "figures": figures,
    "page": page,
    "audit": audit,
    "evidence": evidence,
    "evidence_figures": evidence_figures,
    "power": power,
    "fixture": fixture,
    "score_file": score_file,
    "fidelity": fidelity,
}
