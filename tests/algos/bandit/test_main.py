"""Whole runs of the toy: equal bytes, shared work, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from algos.bandit import __main__ as bandit_command
from algos.bandit import policies
from algos.bandit import settings as settings_module
from tests.algos.bandit.small import SMALL

# --- Whole runs ---


def test_samples_do_not_depend_on_the_company() -> None:
    settings = replace(SMALL, diffusion_steps=(2, 3))
    keys = policies.policy_keys(settings)
    together = bandit_command.train(settings, keys)
    for key in keys:
        assert np.array_equal(bandit_command.train(settings, [key])[key], together[key]), key


def test_work_is_shared_out_once() -> None:
    keys = policies.policy_keys(settings_module.Settings())
    assert len(keys) == len(set(keys)) == 17
    for workers in (1, 2, 3, 40):
        groups = bandit_command.share_work(keys, workers)
        assert sorted(key for group in groups for key in group) == sorted(keys)
        assert ("diffusion_ql", 50) in groups[0]


def test_same_seed_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    arguments = ["--size", "reduced", "--updates", "2", "--policy-batch", "5"]
    for name, more in (("one", ["--workers", "1"]), ("two", ["--workers", "2"]), ("other", ["--seed", "1"])):
        assert bandit_command.main([*arguments, *more, "--output", str(tmp_path / name)]) == 0
    names = ("config.json", "numbers.csv", "samples.parquet")
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(names)
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        assert (tmp_path / "one" / name).read_bytes() != (tmp_path / "other" / name).read_bytes()

    table = pq.read_table(tmp_path / "one" / "samples.parquet").to_pandas()
    assert len(table) == 18 * 1_000
    steps = table[table["method"] == "diffusion_ql"]["diffusion_steps"].unique().tolist()
    assert steps == [2, 5, 10, 20, 50]
    assert table.groupby("method")["reward"].count()["data"] == 1_000
    assert table[table["method"] != "data"]["reward"].isna().all()
    config = json.loads((tmp_path / "one" / "config.json").read_text(encoding="utf-8"))
    assert config["reduced"].startswith("2 updates of 100,000; 5 draws")
    assert config["settings"]["updates"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "tiny"], "unknown size 'tiny'; allowed are full, reduced"),
        (["--updates", "0"], "number of updates is 0; allowed are integers from 1"),
        (["--policy-batch", "101"], "policy batch is 101; allowed are integers from 1 to 100"),
        (["--seed", "-1"], "seed is -1; allowed are integers from 0"),
        (["--workers", "0"], "number of workers is 0"),
    ],
)
def test_bad_input_is_one_message(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bandit_command.main([*arguments, "--output", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_output_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file"
    path.write_text("kept", encoding="utf-8")
    assert bandit_command.main(["--updates", "1", "--output", str(path)]) == 2
    assert "it has to be a folder" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == "kept"
