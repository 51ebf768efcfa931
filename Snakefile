# Recheck: from a dataset to a verdict. This file is the table of contents.
#
#   dataset -> train -> evaluate -> scores -> statistics -> tables, figures, verdicts -> report
#
# Every arrow is one rule file below, one Python module, one folder of results. A run is at
#
#   results/runs/<method>/<task>/<variant>-<digest>/N<steps>/seeds<first>-<last>/
#
# where <digest> covers everything that changes the result: a changed value is a new path, and two experiments share
# a run exactly when it is the same run. All paths: workflow/src/recheck/paths.py.
#
# What is run is decided by one switch, `--config experiment=NAME`: workflow/config/experiments/NAME.yaml.

import json
import shlex
import sys
from functools import partial
from pathlib import Path

from recheck import cli, paths
from recheck import plan as planning
from recheck.cluster import probe as probing
from recheck.configuration import idle_keys, requests, score_file
from recheck.configuration.site import Site
from recheck.jobs.job_requests import (
    JobRequests,
    asked_for,
    memory_factor,
    of_published,
)
from recheck.jobs.rule_functions import RuleFunction
from recheck.restarts import made_again, results_lock
from recheck.results import published_checkpoints
from snakemake.cli import get_argument_parser
from snakemake.utils import min_version

min_version("9.27")


configfile: "workflow/config/config.yaml"


with cli.mistakes_end(logger.error):
    if workflow.is_main_process:
        GIVEN = workflow.config_settings
        idle_keys.refuse_repeated(GIVEN.config_args)
        requests.refuse_empty(GIVEN.config)
        requests.refuse_no_cores(workflow.resource_settings.cores)
    PLAN = planning.load(config, Path())
    if workflow.is_main_process:
        idle_keys.refuse(GIVEN.config, sys.argv, get_argument_parser)
    REQUESTS = JobRequests(PLAN)
    REQUESTS.check()
    SITE = Site.of(PLAN.settings)
    SITE.check(PLAN.root)

# Cells that cannot be run here, one message each; the rest runs.
if workflow.is_main_process:
    for message in PLAN.missing:
        logger.warning(message)
    for message in PLAN.looks.messages() if PLAN.looks else []:
        logger.info(message)

# `python` in shell lines is the interpreter that runs Snakemake, without a path in any line or parameter.
# COMPILE is how fast a run is, not what it is, and so no parameter either. A prefix replaces Snakemake's own, `set`
# included: without pipefail a command that failed before `| tee` counts as done.
shell.prefix(
    f"set -euo pipefail; export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH "
    f"COMPILE={REQUESTS.compile} EVALUATION_DEVICE={REQUESTS.device}; {SITE.shell_prefix(PLAN.root)}"
)


include: "workflow/rules/restarts.smk"


# Rules of paper_tables read these; scores=published or scores=d3rlpy puts existing scores in their place.
SCORES = paths.scores(PLAN.name)
# What the papers report and how their tables look is data: a changed or added file is a new audit, a new table.
REPORTED_NUMBERS = sorted(
    str(path)
    for pattern in ("*.csv", "*.yaml")
    for path in Path("paper_tables/reported").rglob(pattern)
)
LAYOUTS = sorted(map(str, Path("paper_tables/layouts").rglob("*.yaml")))
PAPER_SETTINGS = sorted(map(str, Path("paper_tables/config").glob("*.yaml")))
MACHINE = PLAN.machine
MEMORY_FACTOR = partial(memory_factor, workflow)


# Downloads, and what only collects or prints, stay where Snakemake runs: compute nodes often have no network. Each
# rule file names its own.
localrules:
    all,


wildcard_constraints:
    method="[a-z][a-z0-9_]*",
    task="[A-Za-z0-9_.-]+",
    variant="[A-Za-z0-9_.]+",
    digest="[0-9a-f]{8}",
    diffusion_steps="[0-9]+",
    sampling="[A-Za-z0-9_.]+-[0-9a-f]{8}",
    first="[0-9]+",
    last="[0-9]+",


rule all:
    """What `snakemake` without a target makes: the experiment's training, evaluation, statistics, tables with verdicts,
    figures, and its page, `results/reports/EXPERIMENT.html`.
    """
    default_target: True
    input:
        paths.stage("statistics", PLAN.name),
        paths.stage("tables", PLAN.name),
        paths.stage("figures", PLAN.name),
        PLAN.looks_files(),
        PLAN.bandit_files(),
        paths.page(PLAN.name),


include: "workflow/rules/statistics.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/power.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/evidence.smk"
include: "workflow/rules/reevaluate.smk"
include: "workflow/rules/page.smk"


# With scores=published or scores=d3rlpy nothing is trained: tables and figures come from files in the repository.
if PLAN.name == "d3rlpy":

    include: "workflow/rules/fixture.smk"


if score_file.is_file(PLAN.settings):

    include: "workflow/rules/score_file.smk"


if PLAN.name == "published":

    include: "workflow/rules/readme.smk"


if PLAN.experiment:

    include: "workflow/rules/datasets.smk"
    include: "workflow/rules/train.smk"
    include: "workflow/rules/evaluate.smk"
    include: "workflow/rules/scores.smk"
    include: "workflow/rules/publish.smk"
    include: "workflow/rules/fidelity.smk"
    include: "workflow/rules/bandit.smk"
    include: "workflow/rules/benchmark.smk"
    include: "workflow/rules/cost.smk"
    include: "workflow/rules/probe.smk"
