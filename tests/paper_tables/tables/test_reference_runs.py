"""Our runs against runs of released code: which are compared, scores by the verdict rule, curves by ratio."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables import frames, literature
from paper_tables.tables import reference_runs

TASK = "hopper-sac-tqc-v0"


def our_runs(
    found: list[float],
    *,
    method: str = "iql",
    variant: str = "corl_paper_settings",
    update: int = 50_000,
    **other: object,
) -> pd.DataFrame:
    rows = [
        {
            "method": method,
            "task": TASK,
            "variant": variant,
            "digest": "0123abcd",
            "diffusion_steps": 5 if method == "diffusion_ql" else 0,
            "sampling": "default-89abcdef",
            "seed": seed,
            "selection": "last",
            "update": update,
            "score_percent": score,
            "num_episodes": 20,
            "comparability": "unverified",
            "score_unit": "percent",
            "num_checkpoints": 1,
            "mujoco_version": "3.11.0",
        }
        | other
        for seed, score in enumerate(found)
    ]
    return frames.check(pd.DataFrame(rows), "scores", "made-up runs")


def reference_scores(method: str) -> list[float]:
    runs = literature.read_reference_runs()
    final = runs[(runs["method"] == method) & (runs["task"] == TASK) & (runs["kind"] == "final")]
    return list(final.sort_values("seed")["score_percent"])


def test_the_reference_scores_are_those_of_the_file():
    assert [round(score, 1) for score in reference_scores("iql")] == [46.0, 62.2, 45.0]
    assert [round(score, 1) for score in reference_scores("diffusion_ql")] == [11.7, 12.4, 8.1]


def test_three_seeds_against_three_are_inconclusive_and_say_what_would_settle():
    cells = reference_runs.compare_scores(our_runs(reference_scores("iql")))
    assert list(cells["verdict"]) == ["inconclusive"]
    assert cells["difference_percent"][0] == pytest.approx(0)
    assert cells["smallest_margin_percent"][0] > 5
    assert cells["comparison"][0] == "same settings"


def test_a_clear_difference_is_different():
    cells = reference_runs.compare_scores(our_runs([150.0, 151.0, 152.0, 150.5, 151.5]))
    assert list(cells["verdict"]) == ["different (higher)"]


def test_near_the_random_policy_nothing_is_reported():
    """Both sides within 10 points: never `reproduced`, however equal."""
    runs = our_runs([8.0, 8.1, 8.2], method="diffusion_ql", variant="paper", update=20_000)
    low = literature.read_reference_runs()
    low.loc[low["method"] == "diffusion_ql", "score_percent"] = 8.1
    assert list(reference_runs.compare_scores(runs, low)["verdict"]) == ["uninformative"]
    high = low.copy()
    high.loc[high["method"] == "diffusion_ql", "score_percent"] = [
        11.0 + 0.01 * place for place in range(int((high["method"] == "diffusion_ql").sum()))
    ]
    assert list(reference_runs.compare_scores(runs, high)["verdict"]) == ["reproduced"]


def test_one_seed_on_a_side_is_inconclusive():
    assert list(reference_runs.compare_scores(our_runs([51.0]))["verdict"]) == ["inconclusive"]
    reference = literature.read_reference_runs()
    reference = reference[reference["seed"] == 0]
    cells = reference_runs.compare_scores(our_runs([51.0, 51.1, 51.2]), reference)
    assert list(cells["verdict"]) == ["inconclusive"]


@pytest.mark.parametrize(
    "other",
    [{"update": 100_000}, {"variant": "release"}, {"diffusion_steps": 5}, {"sampling": "ddim5-89abcdef"}],
)
def test_another_length_or_setting_is_not_compared(other):
    """A checkpoint of a longer run has another learning rate."""
    assert reference_runs.compare_scores(our_runs([50.0, 51.0], **other)).empty


def test_the_papers_variant_is_compared_and_marked():
    runs = pd.concat([our_runs([50.0, 51.0]), our_runs([60.0, 61.0], variant="paper", digest="ffffffff")])
    cells = reference_runs.compare_scores(runs)
    assert dict(zip(cells["column"], cells["comparison"])) == {
        "iql corl_paper_settings": "same settings",
        "iql paper": "different settings",
    }


def test_another_mujoco_is_not_judged():
    cells = reference_runs.compare_scores(our_runs([50.0, 51.0, 52.0], mujoco_version="3.3.0"))
    assert list(cells["verdict"]) == ["not_judged"]
    assert "mujoco 3.3.0" in cells["reason"][0]


def test_two_runs_that_fit_are_refused():
    runs = pd.concat([our_runs([50.0]), our_runs([51.0], digest="ffffffff")])
    with pytest.raises(TablesError, match="0123abcd"):
        reference_runs.compare_scores(runs)


def our_losses(factor: float, loss: str = "noise_loss") -> pd.DataFrame:
    """The reference's own losses times a factor, with a little noise, as three seeds of ours."""
    rng = np.random.default_rng(2)
    reference = literature.read_reference_runs()
    curve = reference[
        (reference["method"] == "diffusion_ql")
        & (reference["task"] == TASK)
        & (reference["kind"] == "checkpoint")
    ]
    rows = [
        {
            "method": "diffusion_ql",
            "task": TASK,
            "variant": "paper",
            "digest": "0123abcd",
            "diffusion_steps": 5,
            "seed": row["seed"],
            "update": row["update"],
            "loss": loss,
            "value": row[loss] * factor * rng.normal(1, 0.001),
            "value_since_checkpoint": None,
        }
        for row in curve.to_dict("records")
    ]
    return frames.check(pd.DataFrame(rows), "losses", "made-up losses")


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, "reproduced"), (1.5, "different (higher)"), (0.6, "different (lower)")]
)
def test_training_curves_are_judged_as_ratios(factor, verdict):
    runs = our_runs([8.0, 9.0, 10.0], method="diffusion_ql", variant="paper", update=20_000)
    curves = reference_runs.compare_curves(runs, our_losses(factor))
    assert set(curves["loss"]) == {"noise_loss"}
    assert list(curves["update"]) == sorted(curves["update"])
    assert (curves["ratio"] / factor - 1).abs().max() < 0.01
    assert curves["verdict"].value_counts().idxmax() == verdict
    assert (curves["margin_ratio"] == 0.1).all()


def test_both_tables_are_written_the_same_twice(tmp_path: Path):
    runs = pd.concat(
        [
            our_runs([46.0, 62.0, 45.0]),
            our_runs([8.0, 9.0, 10.0], method="diffusion_ql", variant="paper", update=20_000),
        ]
    )
    for name in ("first", "second"):
        reference_runs.write(runs, our_losses(1.0), "reference", tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert "reference_runs.md" in names
    assert "reference_curves.tex" in names
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    text = (tmp_path / "first" / "reference_runs.md").read_text(encoding="utf-8")
    assert "51.1 (46.0, 62.2, 45.0)" in text
    assert "corl-team/CORL@eeeeef2" in text


def test_an_experiment_without_reference_runs_writes_nothing(tmp_path: Path):
    cells = reference_runs.write(our_runs([1.0], method="bc"), None, "other", tmp_path)
    assert cells.empty
    assert list(tmp_path.iterdir()) == []


def test_every_setting_has_runs_and_every_run_a_setting():
    named = {(settings["code"], settings["method"]) for settings in reference_runs.read_settings()}
    runs = literature.read_reference_runs()
    assert named == set(zip(runs["code"], runs["method"]))
