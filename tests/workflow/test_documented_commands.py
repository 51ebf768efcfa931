"""Every command that a document shows: its program, words, options, targets and configuration exist.

Commands are taken from fenced and indented blocks and from inline code. Each goes to the parser of its
program, in this process; what no parser of ours can judge is in `NOT_OURS`, with the reason. An unknown one
fails. Each is run as well: here where it takes seconds, in a copy of the repository (`RUN`), else by the test
that `ELSEWHERE` names; `NOT_RUN` says why no test runs the rest.
"""

import contextlib
import importlib
import importlib.util
import io
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from recheck import plan, schema, tasks
from recheck.errors import RecheckError
from recheck_command.__main__ import main as recheck_main
from recheck_command.__main__ import parser as recheck_parser

from paper_tables.tables.layout_files import read_layout

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "results/README.md", "workflow/**/README.md", ".github/*.md")
    for path in ROOT.glob(pattern)
    # What a former version said is not a promise.
    if path.name != "CHANGELOG.md"
)
# Programs that are not this project's: first words -> why no test runs them.
NOT_OURS = {
    "apt": "changes the machine",
    "pip": "changes the environment; tests/tools/test_packaging.py unpacks the wheel and runs it",
    "git": "makes a second checkout; docs/faithfulness.md says of which commit",
    "cp": "copies between two checkouts",
    "python -c": "reads a dataset with Minari; tests/algos/datasets reads the same folder",
    "python -m pytest": "this is pytest",
}
# Placeholders for a name, a file or an address of the reader's.
PLACE = re.compile(r"[A-Z]{3,}|<[^>]+>|/|\.(csv|hdf5|yaml)$")
PROGRAM = r"(?:\.venv/bin/)?(?:make|snakemake|recheck|python|pip|git|apt|cp)"
COMMAND = re.compile(rf"^\(?(?:cd \S+ && )?(?:[A-Z_]+=\S+ )*({PROGRAM} .*|make)$")


def code(text):
    """(kind, text) of every piece of code in a document, continued lines joined."""
    for language, body in re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.S | re.M):
        yield language or "plain", body.replace("\\\n", " ")
    rest = re.sub(r"^ *```.*?^ *```", "", text, flags=re.S | re.M)
    for body in re.findall(r"(?:^|\n\n)((?:    [^\n]*\n)+)", rest):
        yield "indented", body.replace("\\\n", " ")
    for body in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"(?m)^    .*$", "", rest)):
        yield "inline", body


def commands():
    """(document, command) of every document, each once."""
    found = {}
    for path in DOCUMENTS:
        for kind, body in code(path.read_text(encoding="utf-8")):
            for line in body.splitlines():
                text = re.sub(r"\s+#\s.*$", "", line.strip().removeprefix("$ ")).strip()
                if kind in ("sh", "plain", "indented", "inline") and COMMAND.match(text):
                    found[(str(path.relative_to(ROOT)), text)] = None
                elif kind == "sh" and text and not text.startswith("#"):
                    pytest.fail(f"{path}: '{text}' is in a block of shell, and no program of PROGRAM.")
    return list(found)


ALL = commands()


def words_of(text):
    """A command's words, from its program on."""
    return shlex.split(COMMAND.match(text)[1].rstrip(")").removeprefix(".venv/bin/"))


def test_documents_show_many_commands_of_every_program():
    programs = [COMMAND.match(text)[1].removeprefix(".venv/bin/").split()[0] for _, text in ALL]
    assert len(ALL) > 150
    assert all(programs.count(name) > 10 for name in ("make", "snakemake", "recheck", "python"))


@pytest.mark.parametrize(("document", "text"), ALL, ids=[" ".join(pair) for pair in ALL])
def test_a_command_is_what_its_program_knows(document, text, monkeypatch):
    monkeypatch.chdir(ROOT)
    if any(text.startswith(start) or f" {start} " in text for start in NOT_OURS):
        return
    words = words_of(text)
    {"make": check_make, "snakemake": check_snakemake, "recheck": check_recheck, "python": check_python}[
        words[0]
    ](words[1:])


def check_make(words):
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", text, re.M))
    for word in words:
        name, equals, _ = word.partition("=")
        assert re.search(rf"\b{name}\b", text) if equals else word in targets, f"make knows no {word}"


@cache
def rule_names():
    texts = [path.read_text() for path in [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]]
    return {name for text in texts for name in re.findall(r"^ *rule (\w+):", text, re.M)}


def check_snakemake(words):
    from snakemake.cli import parse_args

    if "--help" in words:
        return
    _, given = parse_args(words)
    unknown = [target for target in given.targets if target not in rule_names()]
    assert not unknown, f"no rule is called {unknown}"
    settings = dict(item.split("=", 1) for item in given.config or [])
    for key in settings:
        assert key in schema.load(ROOT, "config")["properties"], f"the configuration has no key {key}"
    if not any(PLACE.search(value) for value in settings.values()):
        load(tuple(sorted(settings.items())))


BROUGHT = {}


@pytest.fixture(scope="module", autouse=True)
def brought(tmp_path_factory):
    """A file for each task whose data the user brings: a plan asks whether it is there, no more."""
    folder = tmp_path_factory.mktemp("brought")
    for row in tasks.read(ROOT).values():
        if row["source_kind"] == "hdf5" and row.get("path"):
            (folder / Path(row["path"]).name).touch()
    BROUGHT["data_folder"] = str(folder)


@cache
def load(settings):
    """The plan of a configuration, as the Snakefile makes it, where the files are that a user brings."""
    defaults = yaml.safe_load((ROOT / "workflow/config/config.yaml").read_text())
    values = {key: yaml.safe_load(value) for key, value in settings}
    return plan.load({**defaults, **BROUGHT, **values}, ROOT)


def check_recheck(words):
    if "--help" in words:
        return
    words = [word for word in words if word != "..."]
    known = recheck_parser()
    [actions] = [action for action in known._actions if action.choices]
    assert words[0] in actions.choices, f"recheck has no word {words[0]}"
    # Prose may name a word alone.
    if len(words) > 1:
        given = known.parse_args(words)
        for layout in getattr(given, "like", None) or []:
            assert read_layout(layout)


def check_python(words):
    """The program prints its help, and knows every option and first word of the command."""
    if words[0] == "-m":
        if PLACE.search(words[1]):
            return
        name, rest = words[1], words[2:]
        main = importlib.import_module(f"{name}.__main__" if is_package(name) else name).main
        known = help_of(main, [name, *sub(rest), "--help"])
    else:
        rest = words[1:]
        known = help_of(
            lambda: runpy.run_path(str(ROOT / words[0]), run_name="__main__"), [words[0], "--help"]
        )
    for word in rest:
        if word.startswith("-"):
            option = re.escape(word.partition("=")[0])
            assert re.search(rf"{option}(?![\w-])", known), f"{words} has no option {word}"


def is_package(name):
    return importlib.util.find_spec(name).submodule_search_locations is not None


def sub(words):
    """The word of a program with several: what comes before the first option and is not a path."""
    return [
        word for word in words[:1] if not word.startswith("-") and not PLACE.search(word) and word.isalpha()
    ]


def help_of(run, arguments):
    """What a program prints when it is asked for help."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.setattr("sys.argv", arguments)
        with pytest.raises(SystemExit) as ended:
            run()
    assert ended.value.code in (0, None)
    return said.getvalue()


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (check_make, "tests"),
        (check_make, "run CORE=4"),
        (check_snakemake, "tabels --cores 1"),
        (check_snakemake, "tables --coress 1"),
        (check_snakemake, "--config experimnt=d4rl"),
        (check_snakemake, "--config experiment=d4lr"),
        (check_snakemake, "--config experiment=d4rl methods=sac"),
        (check_recheck, "chek scores.csv"),
        (check_recheck, "power --margin 5 --seed-std 3"),
        (check_recheck, "table scores.csv --like no_table_9"),
        (check_python, "-m paper_tables.audit --out results"),
        (check_python, "-m paper_tables.audits --output results"),
        (check_python, "tools/architecture.py --writes"),
    ],
)
def test_a_wrong_command_is_found(check, text, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    with pytest.raises((AssertionError, SystemExit, ImportError, AttributeError, RecheckError)):
        check(shlex.split(text))


# --- Run ---

# What is run in a copy of the repository, and its exit status where that is not 0. A word in capitals stands
# for a file or a name of the reader's: `MADE` has one.
RUN = {
    "recheck audit TABLE": 1,  # it has two findings
    "recheck audit table.md": 1,
    "recheck check wandb.csv": 0,
    "recheck crate results": 0,
    "recheck doctor": 0,
    "recheck evidence IQL hopper-medium-v2": 0,
    "recheck evidence METHOD TASK": 0,
    "recheck power --margin 5 --seed-sd 3 --episode-sd 20 --reported-seeds 10": 0,
    "recheck report docs/examples/wandb.csv --output my_report": 0,
    "recheck table docs/examples/wandb.csv --like locomotion": 0,
    "recheck table wandb.csv --like iql_table_1 --format latex": 0,
    "python -m algos.benchmark --help": 0,
    "python -m algos.datasets check my.hdf5": 0,
    "python -m algos.datasets list": 0,
    "python -m algos.datasets list --sources": 0,
    "python -m paper_tables.audit --output FOLDER --document NAME": 0,
    "python -m paper_tables.audit --output results/audit": 0,
    "python -m paper_tables.evidence.claims": 0,
    "python -m paper_tables.evidence.runs": 0,
    "python -m recheck.methods.deviations": 0,
    "python tools/architecture.py --write": 0,
    "snakemake --unlock": 0,
    "snakemake --list-rules": 0,
    "snakemake -n": 0,
    "snakemake -n --config experiment=d4rl seeds=3 methods=iql": 0,
    "snakemake -n --config experiment=d4rl methods=iql,diffusion_ql": 0,
    "snakemake cost --cores 1 --config experiment=d4rl seeds=3 methods=iql": 0,
}
# Targets of which a document shows more than is made here in seconds.
MORE = {
    "snakemake audit --cores 1 --quiet": 0,
    "snakemake -n datasets --cores 1": 0,
    "snakemake --help": 0,
}
MADE = {"TABLE": "table.md", "METHOD": "cql", "TASK": "halfcheetah-medium-v2", "FOLDER": "one", "NAME": "iql"}
HERE = "tests/workflow/test_documented_commands.py::"
WORKFLOW = "tests/workflow/test_workflow.py::"
# Commands that another test runs, or the program and options behind them -> that test.
ELSEWHERE = {
    r"recheck merge /path/\S+( --check)?": "tests/recheck/results/test_merge.py::test_check_copies_nothing",
    r"recheck diff OLD NEW": "tests/paper_tables/evidence/test_diff.py"
    "::test_equal_tables_are_said_to_be_equal",
    r"recheck report (SCORES|SCORES\.csv|wandb\.csv) --output \w+": f"{HERE}test_commands_run",
    r"snakemake .*(dataset=\S+ env=\S+( methods=\S+ num_updates=\d+ seeds=\d)?|scores=docs/\S+)": (
        f"{WORKFLOW}test_from_a_users_file_to_table_plot_and_report_and_what_reruns"
    ),
    r"snakemake (-n|cost|--cores 2) --config experiment=<experiment>": (
        "tests/workflow/test_adding_a_method.py::test_two_files_are_enough_from_the_plan_to_the_episodes"
    ),
    r"snakemake .*data_folder=/where/the/files/are": "tests/workflow/test_datasets.py"
    "::test_data_come_from_a_folder_and_from_a_server",
    r"snakemake .*vary=\S+ seeds=5": "tests/workflow/test_choosing.py"
    "::test_an_ablation_has_its_runs_a_table_of_effects_and_a_figure",
    r"snakemake .*table=iql_table_1": "tests/workflow/test_choosing.py::test_a_table_is_trained_and_filled",
    r"snakemake --profile slurm .*methods=\S+( tasks=\S+)?": "tests/workflow/test_choosing.py"
    "::test_a_selection_is_shared_and_overwrites_no_table",
    r"snakemake .*preflight( --config experiment=NAME)?": "tests/recheck/cluster/test_preflight.py"
    "::test_a_site_that_the_cluster_has",
    r"snakemake .*probe": "tests/recheck/cluster/test_probe.py::test_an_answer_of_this_machine",
    r"snakemake .*cost .*experiment=(d4rl|NAME)": f"{WORKFLOW}"
    "test_cost_prints_hours_their_source_and_what_jobs_ask_for",
    r"snakemake --profile slurm -n": f"{WORKFLOW}"
    "test_d4rl_is_planned_with_nothing_downloaded_and_without_torch",
    r"snakemake --executor submitit .*": "tests/snakemake_executor_plugin_submitit/test_executor.py"
    "::test_on_this_machine_and_in_this_process",
    r"snakemake tables (figures )?(--cores 1 )?--config scores=d3rlpy": f"{WORKFLOW}"
    "test_tables_of_others_runs_need_no_training",
    r"snakemake (tables figures|readme) --cores 1 (-F )?--config scores=published": (
        "tests/paper_tables/publish/test_readme.py"
        "::test_published_scores_rebuild_everything_byte_for_byte_without_torch"
    ),
    r"snakemake publish .*": f"{WORKFLOW}test_publishing_gathers_first_and_what_is_published_is_no_output",
    r"snakemake reevaluate --cores 2": "tests/algos/test_publish_checkpoint.py"
    "::test_it_serves_the_evaluator_as_run_and_as_dataset",
    r"snakemake evidence --cores \d": "tests/paper_tables/evidence/test_html.py"
    "::test_the_readme_shows_what_the_command_prints",
    r"snakemake evidence_figures --cores 1": "tests/paper_tables/figures/test_evidence.py"
    "::test_no_text_of_any_figure_is_cut_or_over_other_text",
    r"snakemake power .*": "tests/paper_tables/verdicts/test_planning.py::test_the_command_and_its_mistakes",
    r"snakemake audit --cores 1": f"{HERE}test_commands_run",
    r"snakemake (fidelity --cores 2)": "tests/algos/fidelity/test_replay.py"
    "::test_the_command_line_writes_report_and_steps",
    r"snakemake datasets --cores 1": f"{HERE}test_commands_run",
    r"snakemake --help": f"{HERE}test_commands_run",
    r"python -m algos\.publish_checkpoint .*": "tests/algos/test_publish_checkpoint.py"
    "::test_the_command_publishes_every_finished_block_of_a_folder",
    r"python -m algos\.recollect hopper.*": "tests/algos/recollect/test_collect.py"
    "::test_the_command_line_writes_a_file_that_the_reader_takes",
    r"python -m algos\.recollect\.train_behaviours .*": "tests/algos/recollect/test_train_behaviours.py"
    "::test_the_training_script_trains_goes_on_and_publishes_a_policy",
    r"python -m algos\.bandit .*": "tests/algos/bandit/test_main.py"
    "::test_same_seed_same_bytes_whatever_the_workers",
    r"python -m algos\.benchmark\.acting .*": "tests/algos/benchmark/test_acting.py"
    "::test_the_command_measures_and_writes",
    r"python -m algos\.benchmark\.gpu_check --compiled": "tests/algos/benchmark/test_gpu_check.py"
    "::test_the_gpu_check_runs_on_a_cpu_without_capture",
    r"python -m paper_tables\.evidence\.give .*": "tests/paper_tables/evidence/test_give.py"
    "::test_what_is_written_is_read_as_a_source",
    r"python -m paper_tables\.figures\.bandit .*": "tests/paper_tables/figures/test_bandit.py"
    "::test_same_input_same_bytes",
    r"python -m paper_tables\.faithfulness .*": "tests/paper_tables/faithfulness/test_runs.py"
    "::test_gather_takes_planned_seeds_once",
    r"python -m paper_tables\.publish .*": "tests/paper_tables/publish/test_publish.py"
    "::test_several_experiments_are_published_together",
    r"python -m paper_tables\.(scores|tables) .*": f"{WORKFLOW}"
    "test_from_a_users_file_to_table_plot_and_report_and_what_reruns",
    r"python tools/how_we_know\.py --write": "tests/tools/test_how_we_know.py::test_the_page_is_todays",
    r"python tools/judge_precision\.py": "tests/tools/test_judge_precision.py"
    "::test_scores_are_equivalent_where_the_interval_is_within_the_margin",
    r"python tools/plant_faults\.py": "tests/tools/test_plant_faults.py"
    "::test_one_fault_is_found_and_a_change_of_nothing_is_not",
    r"python tools/run_faithfulness\.py .*": "tests/tools/test_run_faithfulness.py"
    "::test_both_programs_in_turn",
}
# Why no test runs them. What they know is compared with their programs above.
NOT_RUN = {
    r"make (run|gpu-check|simulate)|snakemake (bandit|benchmark) .*|python tools/(speed|measure)_\w+\.py": (
        "minutes to hours, and speeds are never asserted"
    ),
    r"snakemake (--cores \d+|--profile \S+) --config experiment=\w+"
    r"( data_folder=FOLDER| compile=true| methods=\w+)?": (
        "trains for minutes to days; tests/workflow/test_rehearsal.py goes the whole way at toy length"
    ),
    r"snakemake --profile profiles/\w+": "trains; the profiles are data of every other run",
    r"make (test|lint|coverage|test-cluster|clean)|python -m pytest .*": "the tests and checks themselves",
    r"make setup.*|make test-released .*|pip .*|apt .*|git .*|cp .*|python -c .*": (
        "changes the machine, or needs another repository or a network"
    ),
    r"python tools/compare_corl_iql\.py .*": "needs CORL's repository: make test-released",
    r"python -m paper_tables\.<name> --help": "stands for every program's help, which is printed above",
}


def plain(text):
    """A command without what stands before its program, with single spaces."""
    return " ".join(COMMAND.match(text)[1].rstrip(")").replace(".venv/bin/", "").split())


DISTINCT = sorted({plain(text) for _, text in ALL})


def is_name(command):
    """A program, its word or a target that prose names alone: `recheck merge`, `snakemake cost`."""
    alone = re.fullmatch(r"recheck \w+|snakemake \w+|python -m [\w.]+( [a-z]+)?", command)
    return bool(alone) and command not in RUN


def test_every_command_is_run_or_has_a_reason():
    """Each in one list; what a list has is in a document; the tests that are named are there."""
    ways = {**dict.fromkeys(map(re.escape, RUN), "run"), **ELSEWHERE, **NOT_RUN}
    used = set()
    for command in DISTINCT:
        ours = command in RUN
        found = [pattern for pattern in ways if re.fullmatch(pattern, command)]
        found = [re.escape(command)] if ours else found[:1]
        assert found or is_name(command), f"{command}: no list has it"
        used |= set(found)
    assert set(ways) - used == set(), "no document has such a command"
    for named in ELSEWHERE.values():
        path, name = named.split("::")
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.M), named


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what commands read, with files of the names that the documents use."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("algos", "docs", "paper_tables", "tools", "workflow", "results/published"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "README.md", "Snakefile", "docs/examples/wandb.csv"):
        shutil.copy(ROOT / name, folder)
    for name in ("profiles", "slurm"):
        (folder / name).symlink_to(os.readlink(ROOT / name))
    page = (ROOT / "docs/review_a_table.md").read_text(encoding="utf-8")
    (folder / "table.md").write_text(re.findall(r"```\n(.*?)```", page, re.S)[0], encoding="utf-8")
    generator = np.random.default_rng(0)
    with h5py.File(folder / "my.hdf5", "w") as file:
        for name, width in (("observations", 11), ("actions", 3)):
            file[name] = np.tanh(generator.standard_normal((40, width))).astype(np.float32)
        file["rewards"] = np.ones(40, dtype=np.float32)
        file["terminals"], file["timeouts"] = np.zeros(40, dtype=bool), np.arange(40) % 20 == 19
    return folder


@pytest.mark.slow(40)
@pytest.mark.parametrize("command", [*RUN, *MORE])
def test_commands_run(command, checkout, monkeypatch, capfd):
    """The command as documented ends as it should, and says something; nothing it prints is a traceback."""
    words = [MADE.get(word, word) for word in shlex.split(command)]
    monkeypatch.chdir(checkout)
    program, *rest = words
    if program == "recheck":
        status = recheck_main(rest)
    elif rest[0] == "-m" and "--help" not in rest:
        name = f"{rest[1]}.__main__" if is_package(rest[1]) else rest[1]
        monkeypatch.setattr("sys.argv", [rest[1], *rest[2:]])
        status = importlib.import_module(name).main()
    else:
        start = [sys.executable] + (["-m", "snakemake"] if program == "snakemake" else [])
        status = subprocess.run([*start, *rest], check=False).returncode
    said = "".join(capfd.readouterr())
    assert (status or 0) == {**RUN, **MORE}[command], said
    assert "Traceback" not in said
