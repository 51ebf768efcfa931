"""Snakemake with the plugin: what a person sees of a run, of a failure and of a mistake."""

import logging
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_logger_plugin_stages import LogHandler

WORKFLOW = """
rule all:
    input: "made/0.txt", "made/1.txt", {more}
rule train:
    output: "made/{{seed}}.txt"
    wildcard_constraints: seed=r"[0-9]+"
    shell: "echo trained > {{output}}"
rule evaluate:
    output: update("made/episodes.txt")
    log: "logs/evaluate.log"
    shell: "(seq 50; echo dataset.csv: the column score is missing; exit 1) &> {{log}}"
"""


@pytest.fixture
def run(tmp_path):
    def run(text, *words, verbose="0"):
        (tmp_path / "Snakefile").write_text(text)
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--logger", "stages", *words]
        environment = {**os.environ, "VERBOSE": verbose}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    return run


def test_a_run_is_one_line_for_each_stage_and_the_name_of_the_log(run, tmp_path):
    process = run(WORKFLOW.format(more="[]"))
    assert process.returncode == 0
    stage, log = process.stderr.splitlines()
    assert re.fullmatch(r"train +2/2  \d+ s", stage)
    name = log.removeprefix("Full log: ")
    assert "rule train:" in (tmp_path / name).read_text()
    again = run(WORKFLOW.format(more="[]"))
    assert again.stderr.startswith("Nothing to be done")


def test_a_failed_job_is_one_message_with_the_last_lines_of_its_log(run):
    process = run(WORKFLOW.format(more='"made/episodes.txt"'), "--keep-going")
    assert process.returncode == 1
    lines = process.stderr.splitlines()
    first = lines.index("Error: evaluate failed, and made/episodes.txt is not made.")
    assert lines[first + 1] == "The last lines of logs/evaluate.log:"
    assert lines[first + 2 : first + 14] == [
        *(f"    {number}" for number in range(40, 51)),
        "    dataset.csv: the column score is missing",
    ]
    assert lines[-1].startswith("Full log: .snakemake/log/")
    assert len(lines) == 16
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("said", "logged", "shown"),
    [
        # A job that the cluster refused has written nothing.
        (
            "SLURM refused it: invalid account\nCheck site.yaml.\nFor further error details see the log.",
            "",
            ["    SLURM refused it: invalid account", "    Check site.yaml."],
        ),
        (
            "It ran out of memory.",
            "row 5\n",
            ["    It ran out of memory.", "The last lines of {log}:", "    row 5"],
        ),
        (None, "", ["The last lines of {log}:", "    (empty)"]),
    ],
)
def test_what_an_executor_says_of_a_failed_job_is_shown(tmp_path, capsys, monkeypatch, said, logged, shown):
    monkeypatch.delenv("VERBOSE", raising=False)
    log = tmp_path / "train.log"
    log.write_text(logged)
    settings = SimpleNamespace(stdout=True, dryrun=False, nocolor=True)
    handler = LogHandler(settings, None)
    record = logging.makeLogRecord(
        {
            "levelno": logging.ERROR,
            "event": LogEvent.JOB_ERROR,
            "jobid": 1,
            "rule_name": "train",
            "rule_msg": said,
            "output": ["a.json", "b.json", "c.json"],
            "log": [str(log)],
        }
    )
    handler.emit(record)
    expected = ["Error: train failed, and a.json and 2 more are not made.", *shown]
    assert capsys.readouterr().out.splitlines() == [line.format(log=log) for line in expected]


def test_a_mistake_is_said_without_the_line_of_the_snakefile(run):
    process = run('raise WorkflowError("The experiment smok is not known.")\n')
    assert process.returncode == 1
    assert process.stderr == "Error: The experiment smok is not known.\n"


def test_messages_of_the_workflow_are_shown_and_snakemakes_own_are_not(run):
    text = 'logger.info("Look 2 of 4.")\nlogger.warning("The file x is not read.")\n' + WORKFLOW
    process = run(text.format(more="[]"))
    assert process.stderr.splitlines()[:2] == ["Look 2 of 4.", "Warning: The file x is not read."]
    assert "Building DAG" not in process.stderr


@pytest.mark.parametrize(("words", "verbose"), [(("-n",), "0"), ((), "1")])
def test_a_dry_run_and_verbose_show_everything(run, words, verbose):
    process = run(WORKFLOW.format(more="[]"), *words, verbose=verbose)
    assert process.returncode == 0
    # Snakemake prints a dry-run to stdout.
    said = process.stdout + process.stderr
    assert "Building DAG of jobs..." in said
    assert "rule train:" in said


def test_quiet_hides_the_stages_too(run):
    assert run(WORKFLOW.format(more="[]"), "--quiet", "all").stderr == ""
