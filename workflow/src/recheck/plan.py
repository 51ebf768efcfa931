"""The plan: a checked configuration and the experiment it asks for, as the rules need them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from recheck import files, paths, schema, tasks
from recheck.configuration import paper_layout, requests, score_file
from recheck.configuration.site import Site
from recheck.errors import ConfigError
from recheck.experiments import expansion, sequential, vary
from recheck.experiments import runs as runs_module
from recheck.records import Unit
from recheck.restarts import made_again, pages, stages

BEHAVIORS = Path("workflow/behaviors")


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything the Snakefile asks. `experiment` is None where existing scores are read instead."""

    root: Path
    settings: dict[str, Any]
    experiment: expansion.Experiment | None

    @property
    def name(self) -> str:
        """What the folders of the later stages are called."""
        if self.experiment is not None:
            return self.experiment.name
        return self._score_file_name if score_file.is_file(self.settings) else str(self.settings["scores"])

    @cached_property
    def _score_file_name(self) -> str:
        return score_file.name(self.settings, self.root)

    @property
    def required_experiment(self) -> expansion.Experiment:
        """The experiment; ConfigError where only existing scores are read."""
        if self.experiment is None:
            raise ConfigError(
                f"scores={self.name} makes tables and figures only; leave it out to train and evaluate."
            )
        return self.experiment

    @property
    def machine(self) -> dict[str, Any]:
        """Resources of a training job: the entry of `machines` that `train_on` names."""
        return dict(self.settings["machines"][self.settings["train_on"]])

    @cached_property
    def cells(self) -> list[expansion.Cell]:
        """Every evaluation job."""
        if self.experiment is None:
            return []
        # Commands of finished results are given no machines: then nothing is cut.
        per_block = self.machine["seeds_per_block"] if "machines" in self.settings else 1
        return expansion.cells(self.experiment, self.root, per_block)

    @property
    def rows(self) -> Mapping[str, Mapping[str, Any]]:
        """All tasks: tasks.csv, and the user's own file."""
        return tasks.read(self.root) if self.experiment is None else self.experiment.rows

    def episodes(self) -> list[str]:
        """The episode files of the experiment."""
        return [cell.episodes for cell in self.cells]

    def timings(self) -> list[str]:
        """The measured times of the experiment's evaluations."""
        return [f"{path.removesuffix('.parquet')}.timing.parquet" for path in self.episodes()]

    def run_files(self, name: str) -> list[str]:
        """One file of every block of the experiment, each named once."""
        return list(dict.fromkeys(f"{cell.run_folder}/{name}" for cell in self.cells))

    def manifests(self) -> list[str]:
        """The manifests of the experiment's datasets."""
        names = self.experiment.task_names if self.experiment else []
        return [f"{paths.dataset(task)}/manifest.json" for task in names]

    def run(self, wildcards: Any) -> runs_module.Run:
        """A rule's run; ConfigError where the experiment has none such."""
        group = paths.run_group(
            wildcards.method, wildcards.task, wildcards.variant, wildcards.digest, wildcards.diffusion_steps
        )
        runs = self.required_experiment.runs
        if group not in runs:
            raise ConfigError(
                f"{group} is not a run of experiment '{self.name}'; the configuration that it was made "
                "with has changed, "
                "or it belongs to another experiment."
            )
        return runs[group]

    def run_config(self, wildcards: Any) -> str:
        """The resolved configuration of a block, as JSON for the trainer."""
        return self.run(wildcards).config_text(int(wildcards.first), int(wildcards.last))

    def sampling_of(self, wildcards: Any) -> runs_module.Sampling:
        """A rule's sampling setting; ConfigError where the run has none such."""
        samplings = self.run(wildcards).samplings
        if wildcards.sampling not in samplings:
            raise ConfigError(
                f"{wildcards.sampling} is not a sampling setting of experiment '{self.name}'; known are "
                f"{schema.listed(samplings)}."
            )
        return samplings[wildcards.sampling][0]

    def sampling(self, wildcards: Any) -> str:
        """A sampling setting, as JSON for the evaluator."""
        return self.sampling_of(wildcards).setting_text

    def evaluation(self, wildcards: Any) -> str:
        """An evaluation setting, as JSON for the evaluator; a rule's parameter, so with the hashed names."""
        return self.sampling_of(wildcards).evaluation_text

    def row(self, task: str) -> Mapping[str, Any]:
        """A task's row.

        Raises:
            ConfigError: there is no such task.
        """
        if task not in self.rows:
            raise ConfigError(f"There is no task '{task}'; known are {schema.listed(sorted(self.rows))}.")
        return self.rows[task]

    def task_row(self, task: str) -> str:
        """A task's row, as JSON for the dataset command."""
        row = dict(self.row(task))
        row["path"] = tasks.local_file(row, self.root, self.settings.get("data_folder"))
        row.pop("transforms", None)  # of the training, not of the dataset
        return json.dumps(row, sort_keys=True)

    def places(self) -> list[str]:
        """Where the dataset command looks for files, as its arguments."""
        folder = self.settings.get("data_folder")
        return ["--data-folder", str(folder)] if folder else []

    def task_pattern(self, source_kind: str) -> str:
        """A regular expression for the tasks of one kind of source."""
        names = [re.escape(name) for name, row in self.rows.items() if row["source_kind"] == source_kind]
        return "|".join(names) or "(?!)"

    def recollection(self, task: str) -> dict[str, Any]:
        """What a dataset that is collected here consists of; ConfigError where nothing is written of it."""
        source = str(self.rows[task]["source"])
        known = json.loads((self.root / BEHAVIORS / "recollections.json").read_text(encoding="utf-8"))
        if source not in known["recollections"]:
            raise ConfigError(
                f"Task '{task}' is collected from '{source}', unknown to {BEHAVIORS}/recollections.json; "
                f"known are {schema.listed(known['recollections'])}."
            )
        return dict(known["recollections"][source])

    def behavior_files(self, task: str) -> list[str]:
        """The policies that play a dataset that is collected here."""
        parts = self.recollection(task).get("parts", [])
        return [f"{BEHAVIORS}/{part['behavior']}.safetensors" for part in parts]

    def unhashed_file(self, task: str) -> list[str]:
        """A file that the user brought without its hash: a changed one is another dataset.

        Where the hash is known the file need not stay once its rows are prepared.
        """
        row = self.rows[task]
        if row.get("urls") or row.get("sha256"):
            return []
        path = tasks.local_file(row, self.root, self.settings.get("data_folder"))
        return [path] if path else []

    @property
    def missing(self) -> tuple[str, ...]:
        """The cells that cannot be run here, one message each."""
        if self.experiment is None:
            return ()
        absent = self.experiment.reevaluate and not self._has_checkpoints
        said = f"{paths.CHECKPOINTS} holds no published policy: none is played again."
        return (*self.experiment.missing, *([said] if absent else []))

    @property
    def looks(self) -> sequential.Looks | None:
        """The looks of the experiment, None where all of its seeds are fixed."""
        return self.experiment.looks if self.experiment else None

    def sequential_design(self) -> str:
        """The sequential design and the digests of its runs as JSON, empty where all seeds are fixed."""
        if self.experiment is None or self.experiment.looks is None:
            return ""
        groups = self.experiment.sequential_groups & set(self.experiment.runs)
        return self.experiment.looks.parameter([self.experiment.runs[group].digest for group in groups])

    def layouts(self) -> list[str]:
        """The papers' tables that are filled: the one that is asked for, or all."""
        if "table" not in self.settings or self.experiment is None:
            return ["all"]
        return [str(paper_layout.find(self.root, str(self.settings["table"])))]

    @property
    def varies(self) -> bool:
        """Whether it is an ablation, `vary=`."""
        return self.experiment is not None and self.experiment.variation is not None

    def power_options(self) -> list[str]:
        """Options of the command behind `snakemake power`, from `margin=` and `reported_seeds=`."""
        given = {"margin": "--margin", "reported_seeds": "--reported-seeds"}
        chosen = [(given[key], str(self.settings[key])) for key in given if key in self.settings]
        return [word for option in chosen for word in option]

    def looks_files(self) -> list[str]:
        """The file that the next call of a sequential experiment reads."""
        return [paths.looks(self.name)] if self.looks else []

    def bandit_files(self) -> list[str]:
        """What of the bandit belongs to the experiment."""
        size = self.experiment.bandit if self.experiment else None
        return [paths.stage("figures", f"bandit-{size}")] if size else []

    def reevaluation_files(self) -> list[str]:
        """What of the published policies' re-evaluation belongs to the experiment."""
        asked = self.experiment is not None and self.experiment.reevaluate
        return list(paths.COMPARISON) if asked and self._has_checkpoints else []

    @cached_property
    def _has_checkpoints(self) -> bool:
        return any((self.root / paths.CHECKPOINTS).rglob(paths.CHECKPOINT_FILES[0]))

    def tasks_at_hand(self) -> list[str]:
        """The experiment's tasks, and every task whose file the user has."""
        folder = self.settings.get("data_folder")
        names = self.experiment.task_names if self.experiment else []
        for name, row in self.rows.items():
            path = tasks.local_file(row, self.root, folder)
            if row["source_kind"] == "hdf5" and path and (self.root / path).exists():
                names.append(name)
        return list(dict.fromkeys(names))

    def request(self) -> str:
        """What the scores depend on besides their inputs: the seeds asked for, in each block or not."""
        experiment = self.required_experiment
        wanted = {
            f"{group}/{label}": sorted(seeds)
            for group, run in experiment.runs.items()
            for label, (_, seeds) in run.samplings.items()
        }
        return runs_module.digest({"wanted": wanted, "average_last_k": experiment.average_last_k})

    def unit(self, stage: str, wildcards: Any) -> str:
        """What a rule's job makes, as JSON for `recheck.records`."""
        return self._unit(stage, wildcards).as_json()

    def _unit(self, stage: str, wildcards: Any) -> Unit:
        block = (int(getattr(wildcards, "first", 0)), int(getattr(wildcards, "last", 0)))
        match stage:
            case "dataset" | "replay":
                return {"dataset": stages.dataset, "replay": stages.replay}[stage](self, wildcards.task)
            case "train":
                return stages.train(self.run(wildcards), *block)
            case "evaluate":
                return stages.evaluate(self, self.run(wildcards), self.sampling_of(wildcards), *block)
            case "train_bandit":
                return stages.train_bandit(wildcards.size)
            case "bandit_figures":
                return stages.bandit_figures(self, wildcards.size)
        return stages.OF_EXPERIMENT[stage](self)

    def comparison(self, forced_rules: frozenset[str] = frozenset()) -> made_again.RecordComparison:
        """Which results are what this plan wants; see `recheck.restarts.made_again`.

        Args:
            forced_rules: rules that the user has forced; what is made from their outputs follows.
        """
        return _comparison(self, forced_rules)

    def link_latest(self) -> None:
        """Let ``results/<stage>/own`` lead to the results of the last data that `own` was run on."""
        if self.settings["experiment"] != requests.OWN or self.name == requests.OWN:
            return
        for stage in ("scores", "statistics", "tables", "figures"):
            link = self.root / paths.stage(stage, requests.OWN)
            if (self.root / paths.stage(stage, self.name)).is_dir() and (
                link.is_symlink() or not link.exists()
            ):
                with files.atomic(link, ConfigError) as temporary:
                    temporary.symlink_to(self.name)

    def configuration(self) -> str:
        """The configuration as JSON, for commands that plan again."""
        return json.dumps(self.settings, sort_keys=True)

    def page_sources(self) -> str:
        """What the page is made from, as JSON."""
        return pages.sources(self)

    def identity(self) -> str:
        """The part of the configuration that says what is run, not where; as JSON."""
        keys = ("experiment", *requests.OWN_KEYS, *requests.COMMON_KEYS)
        return json.dumps({key: self.settings[key] for key in keys if key in self.settings}, sort_keys=True)


def load(config: Mapping[str, Any], root: Path) -> Plan:
    """Check Snakemake's configuration and expand the experiment that it names.

    Raises ConfigError, with what is known, for anything that cannot be run.
    """
    settings = {key: value for key, value in config.items() if value is not None}
    if vary.KEY in settings:
        settings[vary.KEY] = vary.as_text(settings[vary.KEY])
    schema.check(settings, schema.load(root, "config"), "The configuration")
    settings = Site.of(settings).capped(settings)
    score_file.refuse_without_file(settings)
    requests.refuse_with_scores(settings)
    if settings.get("scores"):
        if settings["scores"] == "published":
            _require_published(root)
        if score_file.is_file(settings):
            score_file.name(settings, root)  # Refuses a file that is not there before anything is planned.
        return Plan(root, settings, None)
    request = requests.resolve(settings, root)
    expanded = expansion.expand(
        root, request.experiment, request.content, request.rows, request.name, request.partial
    )
    expanded = replace(expanded, variation=request.variation)
    found = _without_missing(expanded, settings, root)
    return Plan(root, settings, replace(found, missing=(*found.missing, *request.notes)))


def _require_published(root: Path) -> None:
    """Refuse scores=published where nothing, or not all, has been published."""
    names = [f"{name}.parquet" for name in paths.SCORE_TABLES]
    absent = [name for name in names if not (root / paths.PUBLISHED / name).is_file()]
    if absent:
        raise ConfigError(
            f"scores=published: {paths.PUBLISHED} lacks {schema.listed(absent)}; "
            "`snakemake publish --config experiment=NAME` writes an experiment's scores there."
        )


def _without_missing(
    experiment: expansion.Experiment, settings: Mapping[str, Any], root: Path
) -> expansion.Experiment:
    """Leave out the tasks whose file has to be brought and is not there; one message for each.

    Raises ConfigError if nothing is left.
    """
    absent = {}
    for task in experiment.task_names:
        message = tasks.missing_file(experiment.rows[task], root, settings.get("data_folder"))
        if message:
            absent[task] = message
    runs = {group: run for group, run in experiment.runs.items() if run.config["task"] not in absent}
    if not runs:
        raise ConfigError(f"Experiment '{experiment.name}' has nothing to run: {' '.join(absent.values())}")
    return replace(experiment, runs=runs, missing=tuple(absent.values()))


@lru_cache(maxsize=8)
def _comparison(loaded: Plan, forced_rules: frozenset[str]) -> made_again.RecordComparison:
    return made_again.compare(loaded.root, stages.units(loaded), forced_rules)
