"""Scores of one's own become a source of public runs, or are refused in one message."""

from __future__ import annotations

import pytest

from paper_tables.evidence import give
from paper_tables.public_runs.reader import read_runs

SCORES = """method,task,seed,score,step
IQL,hopper-medium-replay-v2,0,93.1,1000000
IQL,hopper-medium-replay-v2,1,95.0,1000000
IQL,hopper-medium-replay-v2,2,0.73,1000000
"""


def _call(tmp_path, *words: str, scores: str = SCORES, **stated: str) -> int:
    (tmp_path / "my.csv").write_text(scores, encoding="utf-8")
    given = {
        "source": "mylab",
        "repository": "mylab/iql-jax",
        "commit": "0123abc",
        "licence": "MIT",
        **stated,
    }
    options = [word for name, value in given.items() for word in (f"--{name}", value)]
    return give.main([str(tmp_path / "my.csv"), *options, "--output", str(tmp_path / "out"), *words])


def test_what_is_written_is_read_as_a_source(tmp_path, capsys):
    assert _call(tmp_path, "--unit", "percent") == 0
    assert "3 rows in" in capsys.readouterr().out
    runs = read_runs(tmp_path / "out")
    assert runs["score_percent"].tolist() == [93.1, 95.0, 0.73]
    assert runs["near_zero_checked"].fillna(False).tolist() == [False, False, True]
    first = runs.iloc[0]
    assert (first["source"], first["repository"], first["commit"]) == ("mylab", "mylab/iql-jax", "0123abc")
    assert (first["implementation"], first["licence"], first["settings"]) == ("mylab/iql-jax", "MIT", "usual")
    assert (first["method"], first["task"]) == ("iql", "hopper-medium-replay-v2")
    assert (first["selection"], first["updates"]) == ("last", 1000000)


@pytest.mark.parametrize(
    ("words", "stated", "message"),
    [
        ((), {}, "line 4: score 0.73 may be a fraction"),
        (("--unit", "percent"), {"licence": ""}, "'licence' is empty"),
        (("--unit", "percent"), {"commit": "main"}, "'commit' is 'main'"),
        (("--unit", "percent"), {"repository": "my page"}, "'repository' is 'my page'"),
        (("--unit", "percent", "--printed-in", "nobody"), {}, "'printed_in' is 'nobody'"),
        (("--unit", "percent", "--implementation", "mine"), {}, "'implementation' is 'mine'"),
    ],
)
def test_what_no_source_can_hold_is_refused_and_nothing_is_written(tmp_path, capsys, words, stated, message):
    assert _call(tmp_path, *words, **stated) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my.csv"]


def test_a_rule_that_public_runs_do_not_have_is_refused(tmp_path, capsys):
    steps = "".join(
        f"IQL,hopper-medium-v2,{seed},60.{step},{step}\n" for seed in (0, 1) for step in (1, 2, 3)
    )
    scores = "method,task,seed,score,step\n" + steps
    assert _call(tmp_path, "--unit", "percent", "--select", "mean_last_2", scores=scores) == 2
    assert "average_last_k of 2 checkpoints has no place" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
