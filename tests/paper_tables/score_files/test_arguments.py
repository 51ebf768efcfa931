"""The options of a command about a file of scores are those that can be stated."""

from __future__ import annotations

import argparse
from dataclasses import fields

from paper_tables.score_files.arguments import add_options
from paper_tables.score_files.options import ScoreOptions


def test_every_option_is_taken_and_none_is_stated_by_default():
    parser = argparse.ArgumentParser()
    add_options(parser)
    nothing = vars(parser.parse_args([]))
    assert set(nothing) == {item.name for item in fields(ScoreOptions)}
    assert ScoreOptions.of(nothing) == ScoreOptions()
    given = ["--columns=score:eval/return", "--unit=return", "--select=mean_last_3", "--tasks=a-v0, b-v0"]
    found = ScoreOptions.of(vars(parser.parse_args([*given, "--delimiter", "tab", "--version", "2"])))
    assert found == ScoreOptions(
        columns={"score": "eval/return"},
        unit="return",
        select="mean_last_3",
        tasks=("a-v0", "b-v0"),
        delimiter="\t",
        version="2",
    )
