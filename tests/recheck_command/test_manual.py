"""`recheck WORD --help` is a page of the manual: its parts are there, and its examples are commands."""

from __future__ import annotations

import ast
import inspect
import shlex
import textwrap

import pytest
from recheck_command import actions
from recheck_command.__main__ import main, parser
from recheck_command.manual import PAGES

WORDS = ("check", "table", "report", "audit", "power", "evidence", "diff", "merge", "crate", "doctor")


def test_there_is_a_page_for_every_word():
    assert tuple(PAGES) == WORDS


@pytest.mark.parametrize("word", WORDS)
def test_a_page_has_its_parts_and_fits_a_terminal(word: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit, match="0"):
        main([word, "--help"])
    lines = capsys.readouterr().out.splitlines()
    for part in ("input:", "output:", "examples:", "python:", "exit status:"):
        assert lines.count(part) == 1
    assert max(map(len, lines)) <= 115


@pytest.mark.parametrize("word", WORDS)
def test_every_example_is_a_command(word: str):
    part = PAGES[word].split("examples:\n")[1].split("\n\npython:")[0]
    examples = [line.strip() for line in part.splitlines()]
    assert examples
    for example in examples:
        program, first, *_ = shlex.split(example)
        assert (program, first) == ("recheck", word)
        assert parser().parse_args(shlex.split(example)[1:]).word == word


@pytest.mark.parametrize("word", WORDS)
def test_every_page_calls_the_function_of_the_same_name(word: str):
    """What is given fits the function; `test_documents` runs the pages that need no other results."""
    code = PAGES[word].split("python:\n")[1].split("\n\nexit status:")[0]
    tree = ast.parse(textwrap.dedent(code))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    (call,) = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id == word]
    given = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    inspect.signature(getattr(actions, word)).bind(*map(ast.literal_eval, call.args), **given)
