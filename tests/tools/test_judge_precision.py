"""The decision about bfloat16: the planned statistic, seeds and margin."""

import numpy as np
import pandas as pd
import pytest

from tools import judge_precision


def written(folder, shift=0.0, spread=2.0, seeds=10):
    rng = np.random.default_rng(0)
    rows = []
    for method in ("bc", "iql"):
        for variant, mean in (("paper", 14.0), ("bfloat16", 14.0 + shift)):
            scores = rng.normal(mean, spread, seeds)
            for selection, values in (("average_last_k", scores), ("last", scores + 50)):
                rows += [(method, variant, selection, seed, value) for seed, value in enumerate(values)]
    path = folder / "scores.parquet"
    columns = ["method", "variant", "selection", "seed", "score_percent"]
    pd.DataFrame(rows, columns=columns).to_parquet(path)
    return path


@pytest.mark.parametrize(
    ("shift", "spread", "status"),
    [(0.0, 2.0, 0), (1.0, 2.0, 0), (6.0, 2.0, 1), (-6.0, 2.0, 1), (0.0, 30.0, 1)],
)
def test_scores_are_equivalent_where_the_interval_is_within_the_margin(
    tmp_path, capsys, shift, spread, status
):
    """A wide interval is not equivalence: it does not show a difference either."""
    assert judge_precision.main(["--scores", str(written(tmp_path, shift, spread))]) == status
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| bc", "| iql"]


def test_fewer_seeds_than_planned_decide_nothing(tmp_path, capsys):
    assert judge_precision.main(["--scores", str(written(tmp_path, seeds=9))]) == 1
    assert capsys.readouterr().err == "bc has 9 seeds of bfloat16; the plan has 10.\n"


def test_without_scores_the_command_that_makes_them_is_named(tmp_path, capsys):
    assert judge_precision.main(["--scores", str(tmp_path / "none.parquet")]) == 2
    assert "experiment=precision" in capsys.readouterr().err
