"""`recheck WORD --help` is a page of the manual: its parts are there, and its examples are commands."""

from __future__ import annotations

import shlex

import pytest
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
    for part in ("input:", "output:", "examples:", "exit status:"):
        assert lines.count(part) == 1
    assert max(map(len, lines)) <= 115


@pytest.mark.parametrize("word", WORDS)
def test_every_example_is_a_command(word: str):
    part = PAGES[word].split("examples:\n")[1].split("\n\nexit status:")[0]
    examples = [line.strip() for line in part.splitlines()]
    assert examples
    for example in examples:
        program, first, *_ = shlex.split(example)
        assert (program, first) == ("recheck", word)
        assert parser().parse_args(shlex.split(example)[1:]).word == word
