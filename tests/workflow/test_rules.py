"""What every rule file keeps to, and the filter of Snakemake's own linter."""

import importlib.util
import re

import pytest


def rule_files(repository):
    return sorted((repository / "workflow/rules").glob("*.smk"))


def rules(repository):
    """(file, name, text) of every rule."""
    for path in rule_files(repository):
        for part in re.split(r"^(?=rule )", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
            yield path.name, re.match(r"rule (\w+)", part)[1], part


def test_every_rule_with_a_command_logs_to_a_named_file(repository):
    found = list(rules(repository))
    assert len(found) > 15
    for path, name, text in found:
        if "shell:" in text:
            assert "    log:\n" in text, f"{path}: rule {name}"
            assert "> {log:q}" in text or "tee {log:q}" in text or "PREPARE" in text, f"{path}: rule {name}"


def test_values_reach_shell_lines_only_quoted(repository):
    for path in rule_files(repository):
        unquoted = re.findall(
            r"\{(?:params|input|output|log|wildcards)[\w.\[\]]*\}", path.read_text(encoding="utf-8")
        )
        assert unquoted == [], path.name


def test_every_rule_file_is_in_the_table_of_contents(repository):
    snakefile = (repository / "Snakefile").read_text(encoding="utf-8")
    included = re.findall(r'include: "workflow/rules/(\w+\.smk)"', snakefile)
    assert sorted(included) == [path.name for path in rule_files(repository)]


def test_every_caption_exists_and_is_used(repository):
    texts = [path.read_text(encoding="utf-8") for path in rule_files(repository)]
    texts.append((repository / "Snakefile").read_text(encoding="utf-8"))
    used = set(re.findall(r"report/(\w+\.rst)", "\n".join(texts)))
    assert used == {path.name for path in (repository / "workflow/report").glob("*.rst")}


def test_rules_read_in_one_order(repository):
    # As snakefmt sorts them.
    order = ["input", "output", "log", "wildcard_constraints", "retries", "threads", "resources"]
    order += ["params", "shell"]
    for path, name, text in rules(repository):
        found = re.findall(r"^    (\w+):", text, flags=re.M)
        assert found == [word for word in order if word in found], f"{path}: rule {name}"


@pytest.fixture
def linter(repository):
    spec = importlib.util.spec_from_file_location("lint_workflow", repository / "tools/lint_workflow.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_lint_filter_leaves_out_one_advice_and_nothing_else(linter):
    report = """Lints for snakefile /x/Snakefile:
    * Mixed rules and functions in same snakefile.:
      Small one-liner functions used only once should be defined as lambda

Lints for rule train (line 5, /x/train.smk):
    * Specify a conda environment or container for each rule.:
      This way, the used software for each specific step is documented
    * No log directive defined:
      Without a log directive, all output will be printed to the terminal.
"""
    assert linter.remaining(report) == [
        "snakefile /x/Snakefile: Mixed rules and functions in same snakefile.:",
        "rule train (line 5, /x/train.smk): No log directive defined:",
    ]
    assert linter.remaining("Congratulations, your workflow is in a good condition!") == []
