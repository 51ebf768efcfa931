"""Published episodes against those that were played again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.publish import reevaluated
from paper_tables.publish.reevaluated import PolicyComparison

RUN = "iql/hopper-v0/paper-0123abcd/N0/default-00000000"
MANIFEST = {"reference_min_score": 0.0, "reference_max_score": 200.0}


def episodes(returns: list[float], seed: int = 4) -> pd.DataFrame:
    count = len(returns)
    return pd.DataFrame(
        {
            "seed": seed,
            "episode": range(count),
            "episode_seed": range(1000, 1000 + count),
            "raw_return": returns,
            "length": 7,
        }
    )


def test_equal_episodes_in_any_order_are_the_same_bytes() -> None:
    again = episodes([1.0, 2.0, 3.0]).iloc[::-1]
    found = reevaluated.compare("b", episodes([1.0, 2.0, 3.0]), again, MANIFEST, 0.95)
    assert (found.num_episodes, found.num_equal, found.difference) == (3, 3, 0.0)
    assert found.same_bytes
    assert found.agrees
    assert reevaluated.sentence([found]) == "Equal in every bit: 1 published policy, 3 episodes."


def test_a_last_bit_is_seen() -> None:
    found = reevaluated.compare(
        "b", episodes([1.0, 2.0]), episodes([1.0, np.nextafter(2.0, 3.0)]), MANIFEST, 0.95
    )
    assert found.num_equal == 1
    assert not found.same_bytes


def test_an_equal_return_after_other_steps_is_another_episode() -> None:
    again = episodes([1.0, 2.0])
    again["length"] = [7, 8]
    assert reevaluated.compare("b", episodes([1.0, 2.0]), again, MANIFEST, 0.95).num_equal == 1


def test_interval_by_hand() -> None:
    """Differences 1, 2, 3 percent: mean 2, error 1 / sqrt 3, t(2) = 4.3027."""
    found = reevaluated.compare("b", episodes([0.0, 0.0, 0.0]), episodes([2.0, 4.0, 6.0]), MANIFEST, 0.95)
    assert found.difference == pytest.approx(2)
    assert (found.low, found.high) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-4)
    assert found.unit == "percent"
    assert found.agrees


def test_a_clear_difference_does_not_agree() -> None:
    found = reevaluated.compare("b", episodes([0.0, 0.0, 0.0]), episodes([20.0, 21.0, 22.0]), MANIFEST, 0.95)
    assert not found.agrees
    same = PolicyComparison("same", 2, 2, 0.0, 0.0, 0.0, "percent")
    assert reevaluated.sentence([same, found]) == (
        "Different by more than the interval: b (of 2 published policies, 5 episodes)."
    )


def test_within_the_interval_is_said_so() -> None:
    near = PolicyComparison("near", 2, 1, -1.25, -3.0, 0.5, "percent")
    same = PolicyComparison("same", 2, 2, 0.0, 0.0, 0.0, "percent")
    assert reevaluated.sentence([same, near]) == (
        "Equal in every bit: 1 of 2 published policies, 4 episodes. Within the interval: 1, the largest mean "
        "difference -1.25 points [-3.00, 0.50]."
    )


def test_no_references_gives_raw_returns() -> None:
    found = reevaluated.compare("b", episodes([1.0, 2.0]), episodes([3.0, 5.0]), {}, 0.95)
    assert (found.difference, found.unit) == (2.5, "return")


@pytest.mark.parametrize("again", [[1.0], [1.0, 2.0, 3.0], []])
def test_other_episodes_are_refused(again: list[float]) -> None:
    with pytest.raises(TablesError, match=f"2 episodes are published and {len(again)} were played"):
        reevaluated.compare("b", episodes([1.0, 2.0]), episodes(again), MANIFEST, 0.95)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two published policies and their re-evaluations."""
    published, again = tmp_path / "published", tmp_path / "again"
    for number in (1, 2):
        folder = published / RUN / f"seeds{number}-{number}"
        folder.mkdir(parents=True)
        (folder / "checkpoint.json").write_text("{}", encoding="utf-8")
        (folder / "manifest.json").write_text(json.dumps(MANIFEST), encoding="utf-8")
        episodes([1.0, 2.0], number).to_parquet(folder / "episodes.parquet")
        (again / RUN).mkdir(parents=True, exist_ok=True)
        episodes([1.0, 2.0], number).to_parquet(again / RUN / f"seeds{number}-{number}.parquet")
    return published, again


def test_the_command_names_each_policy_and_ends_by_the_answer(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--published", str(folders[0]), "--reevaluated", str(folders[1])]
    assert reevaluated.main(given) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == [f"{RUN}/seeds1-1", f"{RUN}/seeds2-2"]
    assert lines[2:] == [
        "Your machine agrees with the published scores.",
        "Equal in every bit: 2 published policies, 4 episodes.",
    ]
    episodes([11.0, 12.0], 2).to_parquet(folders[1] / RUN / "seeds2-2.parquet")
    assert reevaluated.main(given) == 2
    assert f"more than the interval: {RUN}/seeds2-2 (of" in capsys.readouterr().out


def test_an_absent_table_or_policy_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (folders[1] / RUN / "seeds2-2.parquet").unlink()
    with pytest.raises(TablesError, match="`snakemake reevaluate` makes it"):
        reevaluated.compare_all(*folders)
    with pytest.raises(TablesError, match="holds no published policy"):
        reevaluated.compare_all(tmp_path / "again", folders[1])


def test_the_intervals_are_together_of_95_percent(folders: tuple[Path, Path]) -> None:
    """Two policies: each at 97.5%, t(1) = 25.452 in place of 12.706."""
    episodes([1.0, 4.0], 2).to_parquet(folders[1] / RUN / "seeds2-2.parquet")
    found = reevaluated.compare_all(*folders)[1]
    # Differences 0 and 1 percent: error 0.5.
    assert found.high - found.difference == pytest.approx(25.452 * 0.5, abs=1e-3)


def test_the_table_has_a_row_for_each_run_and_is_written_whatever_it_says(tmp_path: Path) -> None:
    """Two seeds of one run, 2 and 4 episodes: means over all episodes; a difference is not an error here."""
    published, again, output = tmp_path / "published", tmp_path / "again", tmp_path / "table"
    for seed, first, second in ((1, [2.0, 4.0], [2.0, 4.0]), (2, [6.0] * 4, [106.0] * 4)):
        run = f"iql/hopper-v0/paper-0123abcd/N0/default-00000000/seeds{seed}-{seed}"
        folder = published / run
        folder.mkdir(parents=True)
        (folder / "checkpoint.json").write_text('{"update": 50000}', encoding="utf-8")
        (folder / "manifest.json").write_text(json.dumps(MANIFEST), encoding="utf-8")
        episodes(first, seed).to_parquet(folder / "episodes.parquet")
        (again / run).parent.mkdir(parents=True, exist_ok=True)
        episodes(second, seed).to_parquet(again / f"{run}.parquet")
    given = ["--published", str(published), "--reevaluated", str(again), "--output", str(output)]
    assert reevaluated.main(given) == 0
    [row] = pd.read_csv(output / "comparison.csv", dtype=str).to_dict("records")
    # (1 + 2 + 4 * 3) / 6 and (1 + 2 + 4 * 53) / 6 percent of 200.
    assert row == {
        "Task": "hopper-v0", "Method": "iql paper", "Updates": "50,000", "Seeds": "2", "Episodes": "6",
        "Published": "2.5",
        "Here": "35.8", "Difference": "+33.3", "Agrees": "no",
    }  # fmt: skip
    said = json.loads((output / "comparison.json").read_text())
    assert said["agrees"] is False
    assert said["sentence"].startswith("Your machine does not agree with the published scores.")


def policy(
    label: str, seed: int, published: float, again: float, task: str = "hopper-v0"
) -> PolicyComparison:
    method, variant = label.split()
    run = f"{method}/{task}/{variant}-0123abcd/N0/default-00000000/seeds{seed}-{seed}"
    ends = (again - published, -50.0, 50.0, "percent")
    return PolicyComparison(run, 4, 0, *ends, published, again, (seed,))


def test_methods_stand_by_their_published_score_within_a_task() -> None:
    found = [
        policy("bc paper", 0, 30, 31), policy("bc paper", 1, 40, 41), policy("iql paper", 0, 90, 88),
        policy("diffusion_ql paper", 0, 70, 75), policy("idql release", 0, 33, 10),
        policy("iql corl_paper_settings", 0, 99, 99, "walker2d-v0"),
        policy("iql corl_paper_settings", 0, 12, 12, "ant-v0"),
    ]  # fmt: skip
    rows = [[cell.text for cell in row] for row in reevaluated.comparison_table(found).rows]
    assert [row[:2] for row in rows] == [
        ["ant-v0", "iql corl_paper_settings"], ["hopper-v0", "iql paper"],
        ["hopper-v0", "diffusion_ql paper"], ["hopper-v0", "bc paper"], ["hopper-v0", "idql release"],
        ["walker2d-v0", "iql corl_paper_settings"],
    ]  # fmt: skip
    assert rows[3][2:] == ["–", "2", "8", "35.0", "36.0", "+1.0", "yes"]


@pytest.mark.parametrize(
    ("bc_here", "said"),
    [
        (36.0, "Order on hopper-v0 as published: IQL (paper settings), BC (paper settings)."),
        (
            95.0,
            "Order on hopper-v0 here: BC (paper settings), IQL (paper settings). Published: IQL (paper "
            "settings), BC (paper settings).",
        ),
    ],
)
def test_the_order_of_the_methods_is_reported(bc_here: float, said: str) -> None:
    found = [policy("bc paper", 0, 35, bc_here), policy("iql paper", 0, 90, 88)]
    assert reevaluated.order(found) == said
    lines = reevaluated.verdict(found).splitlines()
    assert lines == ["Your machine agrees with the published scores.", reevaluated.sentence(found), said]


def test_unequal_updates_are_no_ranking() -> None:
    few, many = (
        replace(policy("iql paper", 0, score, score), updates=updates)
        for score, updates in ((50, 1000), (80, 20_000))
    )
    assert reevaluated.order([few, many]) == (
        "Order on hopper-v0 as published: IQL (paper settings) after 20,000 updates, IQL (paper settings) "
        "after 1,000 updates. Unequal numbers of updates: it ranks no method."
    )


def test_one_method_a_task_has_no_order() -> None:
    found = [policy("iql paper", 0, 90, 88), policy("bc paper", 0, 35, 36, "ant-v0")]
    assert reevaluated.order(found) == ""
    assert len(reevaluated.verdict(found).splitlines()) == 2
