"""Every command that a document shows: its program, words, options, targets and configuration exist.

Commands are taken from fenced and indented blocks and from inline code. Each goes to the parser of its
program, in this process; what no parser of ours can judge is in `NOT_OURS`, with the reason. An unknown one
fails.
"""

import contextlib
import importlib
import importlib.util
import io
import re
import runpy
import shlex
from functools import cache
from pathlib import Path

import pytest
import yaml
from recheck import plan, schema
from recheck.errors import RecheckError
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


@cache
def load(settings):
    """The plan of a configuration, as the Snakefile makes it."""
    defaults = yaml.safe_load((ROOT / "workflow/config/config.yaml").read_text())
    values = {key: yaml.safe_load(value) for key, value in settings}
    return plan.load({**defaults, **values}, ROOT)


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
