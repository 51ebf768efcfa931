"""What every rule file keeps to, and the filter of Snakemake's own linter."""

import json
import re

from tools import lint_workflow


def rule_files(repository):
    return sorted((repository / "workflow/rules").glob("*.smk"))


def rules(repository):
    """(file, name, text) of every rule."""
    for path in rule_files(repository):
        for part in re.split(r"^(?=rule )", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
            own = re.split(r"^ *localrules:", part, flags=re.M)[0]
            yield path.name, re.match(r"rule (\w+)", own)[1], own


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


# What trains, plays episodes or computes for minutes: these go to the cluster, every other rule stays.
SENT = {
    "recollected_dataset", "train", "evaluate", "train_bandit", "replay", "benchmark", "play_checkpoint",
    "probe_train", "probe_evaluate",
}  # fmt: skip


def test_a_rule_file_names_its_own_local_rules(repository):
    """A name of a rule that is not included would be a warning of Snakemake's at every start."""
    found = {}
    for path in rule_files(repository):
        text = path.read_text(encoding="utf-8")
        own = set(re.findall(r"^ *rule (\w+):", text, re.M))
        local = {
            name
            for block in re.findall(r"localrules:\n((?: +\w+,\n)+)", text)
            for name in re.findall(r"\w+", block)
        }
        assert local <= own, path.name
        found |= dict.fromkeys(own, False) | dict.fromkeys(local, True)
    assert {name for name, local in found.items() if not local} == SENT


def test_the_sites_partition_account_and_time_reach_every_job(repository, copy, snakemake):
    for path, name, text in rules(repository):
        if name in SENT:
            assert "        **SITE.resources(" in text, f"{path}: rule {name}"
    site = {"partition": "big", "cpu_partition": "small", "account": "group7", "walltime_minutes": 45}
    (copy / "site.yaml").write_text(json.dumps({"train_on": "gpu", "site": site}))
    targets = ["results/bandit/full/numbers.csv", "results/benchmark/benchmark.json"]
    targets.append("results/fidelity/hopper-medium-v2.json")
    process = snakemake("-n", *targets, "--configfile", "site.yaml", "--config", "experiment=d4rl")
    assert process.returncode == 0, process.stdout + process.stderr
    jobs = {
        name: dict(part.split("=", 1) for part in line.split(", ") if "=" in part)
        for name, line in re.findall(
            r"^rule (\w+):\n(?: .*\n)*? +resources: (.*)$", process.stdout + process.stderr, re.M
        )
    }
    assert set(jobs) >= {"train_bandit", "benchmark", "replay"}
    for name in ("train_bandit", "benchmark", "replay"):
        partition = "big" if name == "benchmark" else "small"
        assert jobs[name]["slurm_partition"] == partition, name
        assert jobs[name]["slurm_account"] == "group7", name
        assert int(jobs[name]["runtime"]) <= 45, name


# Asked for by name and made again when a source changes: a refused source must not take the finished result
# away.
KEPT_WHEN_A_JOB_FAILS = {"train", "evaluate", "evidence", "evidence_figures"}


def test_a_failed_job_leaves_the_finished_result(repository):
    """Snakemake removes every output without `update()` before the job."""
    outputs = {
        name: re.search(r"^    output:\n((?: {8}.*\n)+)", text, re.M)[1]
        for _, name, text in rules(repository)
        if name in KEPT_WHEN_A_JOB_FAILS
    }
    assert set(outputs) == KEPT_WHEN_A_JOB_FAILS
    for name, lines in outputs.items():
        assert all("update(" in line for line in lines.splitlines()), name


def test_rules_read_in_one_order(repository):
    # As snakefmt sorts them.
    order = ["input", "output", "log", "wildcard_constraints", "retries", "threads", "resources"]
    order += ["params", "shell"]
    for path, name, text in rules(repository):
        found = re.findall(r"^    (\w+):", re.sub(r'""".*?"""', "", text, flags=re.S), flags=re.M)
        assert found == [word for word in order if word in found], f"{path}: rule {name}"


def test_the_lint_filter_leaves_out_one_advice_and_nothing_else():
    report = """Lints for snakefile /x/Snakefile:
    * Mixed rules and functions in same snakefile.:
      Small one-liner functions used only once should be defined as lambda

Lints for rule train (line 5, /x/train.smk):
    * Specify a conda environment or container for each rule.:
      This way, the used software for each specific step is documented
    * No log directive defined:
      Without a log directive, all output will be printed to the terminal.
"""
    assert lint_workflow.remaining(report) == [
        "snakefile /x/Snakefile: Mixed rules and functions in same snakefile.:",
        "rule train (line 5, /x/train.smk): No log directive defined:",
    ]
    assert lint_workflow.remaining("Congratulations, your workflow is in a good condition!") == []
