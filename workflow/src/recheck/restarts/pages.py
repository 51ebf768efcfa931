"""The page of an experiment: what it is made from, and the command that makes it again."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from recheck import paths
from recheck.configuration import requests, score_file

if TYPE_CHECKING:
    from recheck.plan import Plan

# Title and description of the page of scores that have a name (`score_file.NAMED`).
NAMED = {
    "published": (
        "Our published runs",
        "The runs of experiment study, kept in results/published; nothing was trained for this page.",
    ),
    "d3rlpy": ("Public runs of d3rlpy", "Runs of d3rlpy-benchmarks; nothing was trained for this page."),
}


def sources(plan: Plan) -> str:
    """What the page of a plan is made from, as JSON for ``python -m paper_tables.report``."""
    title, description = _heading(plan)
    return json.dumps(
        {
            "name": plan.name,
            "title": title,
            "description": description,
            "command": command(plan),
            "scores": paths.scores(plan.name),
            "statistics": paths.stage("statistics", plan.name),
            "tables": paths.stage("tables", plan.name),
            "figures": [paths.stage("figures", plan.name), *plan.bandit_files()],
            "reevaluated": paths.REEVALUATIONS if plan.reevaluation_files() else "",
        },
        sort_keys=True,
    )


def command(plan: Plan) -> str:
    """The command line that makes everything of a plan, with the configuration that says what is run."""
    wanted: tuple[str, ...] = ("experiment", *requests.OWN_KEYS, *requests.COMMON_KEYS)
    if plan.experiment is None:
        wanted = ("scores", *score_file.KEYS)
    given = {key: plan.settings[key] for key in wanted if key in plan.settings}
    words = " ".join(shlex.quote(f"{key}={_text(value)}") for key, value in given.items())
    return f"snakemake --cores 2 --config {words}"


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _heading(plan: Plan) -> tuple[str, str]:
    """Title and description."""
    if plan.experiment is not None:
        return f"Experiment {plan.name}", plan.experiment.description
    given = plan.settings["scores"]
    unnamed = f"Scores {plan.name}", f"Scores that were given as {given}; nothing was trained for this page."
    return NAMED.get(given, unnamed)
