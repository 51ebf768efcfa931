"""The decision about bfloat16: the planned statistic, seeds and margin."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck import cli, paths

from tools import judge_precision

ROOT = Path(__file__).resolve().parents[2]


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
    # Every other column of the schema, from a row that keeps to it.
    whole = pd.read_parquet(ROOT / paths.PUBLISHED / "scores.parquet").iloc[[0] * len(rows)]
    whole.reset_index(drop=True).assign(**pd.DataFrame(rows, columns=columns)).to_parquet(path)
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
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][2:]
    assert [row[0] for row in rows] == ["| bc", "| iql"]
    assert ({row[-1] for row in rows} == {"yes |"}) == (status == 0)


def test_fewer_seeds_than_planned_decide_nothing(tmp_path, capsys):
    assert judge_precision.main(["--scores", str(written(tmp_path, seeds=9))]) == cli.EXIT_MISTAKE
    assert capsys.readouterr().err == "bc has 9 seeds of bfloat16; the plan has 10.\n"


@pytest.mark.parametrize("content", [None, b"PAR1"])
def test_without_scores_it_ends_in_one_sentence(tmp_path, capsys, content):
    path = tmp_path / "none.parquet"
    if content is not None:
        path.write_bytes(content)
    assert judge_precision.main(["--scores", str(path)]) == cli.EXIT_MISTAKE
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(path) in said
