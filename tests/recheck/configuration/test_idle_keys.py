"""Keys of the command line that nothing reads."""

import json
import re

import pytest
from recheck.configuration import idle_keys
from recheck.errors import ConfigError
from snakemake.cli import get_argument_parser

SNAKEMAKE = "/usr/bin/snakemake"


def refuse(command, **given):
    """Check the command line `snakemake COMMAND --config ...`."""
    idle_keys.refuse(given, [SNAKEMAKE, *command.split()], get_argument_parser)


@pytest.mark.parametrize(
    ("command", "given", "words"),
    [
        (
            "",
            {"budget_hours": 5},
            "--config budget_hours= is read by `snakemake cost` alone, and all is asked",
        ),
        ("tables figures", {"gpus": 2}, "and tables, figures is asked for; ask for cost, or leave gpus out"),
        ("cost", {"margin": 2}, "margin= is read by `snakemake power` alone, and cost is asked for"),
        ("results/tables/ci", {"reported_seeds": 5}, "by `snakemake power` alone, and tables is asked for"),
        (
            "audit",
            {"seeds": 3},
            "gives seeds, but `snakemake audit` is the same for every experiment: it reads",
        ),
        ("results/audit/audit.md", {"experiment": "d4rl"}, "gives experiment, but `snakemake audit` is"),
        (
            "benchmark",
            {"methods": "iql", "train_on": "gpu"},
            "it reads compile, machines, site, train_on; leave methods",
        ),
        ("audit evidence", {"tasks": "x"}, "gives tasks, but `snakemake audit evidence` is the same"),
        (
            "tables",
            {"scores": "d3rlpy", "compile": True},
            "gives compile, but scores=d3rlpy reads scores that",
        ),
    ],
)
def test_a_key_without_effect_is_refused(command, given, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        refuse(command, **given)


@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("cost", {"budget_hours": 5, "gpus": 2, "experiment": "d4rl", "seeds": 3}),
        ("tables cost", {"budget_hours": 5}),
        ("--cores 2 power", {"margin": 2, "reported_seeds": 5, "scores": "d3rlpy"}),
        ("results/power/ci/power.md", {"margin": 2}),
        ("benchmark", {"train_on": "gpu", "compile": "true"}),
        ("audit tables", {"experiment": "ci"}),
        ("tables --forcerun audit", {"experiment": "ci"}),
        ("", {"experiment": "ci", "compile": "update"}),
    ],
)
def test_a_key_that_something_reads_is_not(command, given):
    refuse(command, **given)


def test_another_program_that_runs_snakemake_has_no_targets_of_its_own():
    idle_keys.refuse({"budget_hours": 5}, ["/usr/bin/pytest", "audit", "-x"], get_argument_parser)


def test_a_key_given_twice_is_refused_and_not_the_last_one_taken():
    with pytest.raises(ConfigError, match=r"gives tasks 2 times \(a, b,c\); give it once"):
        idle_keys.refuse_repeated(["tasks=a", "seeds=1", "tasks=b,c"])
    idle_keys.refuse_repeated(["tasks=a,b", "seeds=1"])
    idle_keys.refuse_repeated(None)


def test_the_lists_name_keys_and_rules_that_there_are(repository):
    schema = json.loads((repository / "workflow/schemas/config.schema.json").read_text())
    keys = {*idle_keys.READ_BY_ONE, *idle_keys.WITH_SCORES}.union(*idle_keys.WITHOUT_EXPERIMENT.values())
    assert keys <= set(schema["properties"])
    text = "".join(path.read_text() for path in (repository / "workflow/rules").glob("*.smk"))
    rules = set(re.findall(r"^rule (\w+):", text, re.MULTILINE))
    assert {*idle_keys.READ_BY_ONE.values(), *idle_keys.WITHOUT_EXPERIMENT} <= rules


def test_rules_that_read_no_experiment_do_not_name_it(repository):
    """Their parameters and files come from no experiment: but for the record of what they make."""
    text = "".join(path.read_text() for path in (repository / "workflow/rules").glob("*.smk"))
    for rule in idle_keys.WITHOUT_EXPERIMENT:
        (body,) = re.findall(rf"^rule {rule}:\n(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        of_the_plan = set(re.findall(r"PLAN\.\w+", body)) - {"PLAN.unit"}
        assert not of_the_plan, f"{rule} reads {of_the_plan}"
