"""What a method is called, which runs are compared, and that seeds of different tasks pair nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from paper_tables.statistics import configurations, experiment, summary

SUITES = {"halfcheetah": "a7ee038b", "hopper": "f15bdea2", "walker2d": "135a7fc0"}
TASKS = [f"{body}-{kind}-v2" for body in SUITES for kind in ("medium", "medium-replay", "medium-expert")]


def planned_runs(
    methods: dict[str, tuple[float, int]], tasks: list[str] = TASKS, seeds: int = 4
) -> pd.DataFrame:
    """Scores as the planner names their runs: the sampling digest covers the environment.

    Args:
        methods: method -> mean score in percent, updates of training.
        tasks: the tasks.
        seeds: of each.
    """
    rng = np.random.default_rng(0)
    rows = [
        {
            "method": method,
            "task": task,
            "variant": "paper",
            "digest": f"{place:08x}",
            "diffusion_steps": 0,
            "sampling": f"default-{SUITES.get(task.split('-')[0], '0badcafe')}",
            "seed": seed,
            "selection": "last",
            "update": updates,
            "score_percent": rng.normal(mean, 3),
            "num_episodes": 100 if task.startswith("antmaze") else 10,
            "comparability": "original",
            "score_unit": "percent",
            "num_checkpoints": 1,
        }
        for method, (mean, updates) in methods.items()
        for place, task in enumerate(tasks)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def tables_of(rows: pd.DataFrame, **settings: object) -> dict[str, pd.DataFrame]:
    return experiment.all_tables(rows, replicates=200, coverage_studies=0, **settings)  # type: ignore[arg-type]


def test_a_method_is_one_row_over_all_environments():
    found = tables_of(planned_runs({"iql": (75, 1_000_000), "diffusion_ql": (85, 2_000_000)}))
    assert set(found["aggregates"]["label"]) == {"iql", "diffusion_ql"}
    assert set(found["aggregates"]["num_tasks"]) == {9}
    pair = found["improvement"].query("label == 'diffusion_ql'")
    assert list(pair["num_tasks"]) == [9]
    assert float(pair["probability"].iloc[0]) > 0.9
    assert set(found["profiles"]["label"]) == {"iql", "diffusion_ql"}
    text = "\n".join(summary.summary_table(found).notes)
    assert "Each method at its own length of training: diffusion_ql 2M, iql 1M updates." in text


def test_suites_with_other_numbers_of_episodes_are_one_row():
    antmaze = [*TASKS, "antmaze-umaze-v2", "antmaze-large-play-v2"]
    found = tables_of(planned_runs({"iql": (75, 1_000_000)}, antmaze))
    assert set(found["aggregates"]["label"]) == {"iql"}
    assert set(found["aggregates"]["num_tasks"]) == {11}


def test_two_settings_of_one_name_on_one_task_stay_two_rows():
    rows = planned_runs({"iql": (75, 1000)}, TASKS[:2])
    other = rows.assign(sampling="default-99999999")
    labels = set(configurations.with_labels(pd.concat([rows, other]))["label"])
    assert labels == {"iql default-a7ee038b", "iql default-99999999"}


def test_settings_with_names_are_named_without_their_digest():
    rows = planned_runs({"edp": (75, 1000)})
    digest = rows["sampling"].str[-9:]
    other = rows.assign(sampling="ddim_5" + digest)
    labels = set(configurations.with_labels(pd.concat([rows, other]))["label"])
    assert labels == {"edp", "edp ddim_5"}


def test_a_missing_run_takes_nothing_else_out():
    rows = planned_runs({"iql": (75, 1000), "bc": (50, 1000)})
    hurt = rows[~((rows["method"] == "iql") & (rows["task"] == TASKS[0]) & (rows["seed"] == 3))]
    left_out = configurations.LeftOut()
    found = {d.label: d for d in configurations.designs(configurations.with_labels(hurt), "last", left_out)}
    assert sorted(map(len, found["iql"].seeds)) == [3] + [4] * 8
    assert (found["iql"].fewest_seeds, found["iql"].most_seeds) == (3, 4)
    assert f"{TASKS[0]} (3)" in left_out.rows[0][0]
    table = tables_of(hurt)
    iql = hurt[hurt["method"] == "iql"]
    mean = table["aggregates"].query("label == 'iql' and metric == 'mean'").iloc[0]
    assert mean["estimate_percent"] == pytest.approx(iql.groupby("task")["score_percent"].mean().mean())
    assert np.isfinite(mean["small_sample_low_percent"])
    row = next(r for r in summary.summary_table(table).rows if r is not None and r[0].text == "iql")
    assert row[2].text == "3–4"


def test_seed_labels_pair_nothing_across_tasks():
    rows = planned_runs({"iql": (75, 1000), "bc": (50, 1000)}, TASKS[:2])
    moved = rows.copy()
    moved.loc[moved["task"] == TASKS[1], "seed"] += 100
    one, other = tables_of(rows), tables_of(moved)
    for name in ("aggregates", "profiles", "improvement"):
        pd.testing.assert_frame_equal(one[name], other[name])
    assert len(one["aggregates"])


def test_lengths_are_the_methods_own_unless_a_method_has_several():
    rows = planned_runs({"mine": (75, 1000), "theirs": (50, 2000)}, TASKS[:2])
    assert configurations.lengths_asked(configurations.with_labels(rows)) == "own"
    longer = rows[rows["method"] == "mine"].assign(update=2000, digest="ffffffff")
    several = pd.concat([rows, longer])
    assert configurations.lengths_asked(configurations.with_labels(several)) == "equal"
    pairs = tables_of(several)["improvement"][["label", "other"]].apply(tuple, axis=1)
    assert set(pairs) == {("theirs", "mine 2k updates"), ("mine 2k updates", "theirs")}


@pytest.mark.parametrize(
    ("iql", "diffusion_ql", "lengths"),
    [
        (1_000_000, 2_000_000, "own"),  # as both hyperparameter files have it
        (1_000, 300, "equal"),
        (1_000_000, 300, "equal"),
        (1_000, 1_000, "equal"),
    ],
)
def test_lengths_that_an_experiment_chose_are_not_the_methods_own(iql, diffusion_ql, lengths):
    """A first look trains each method for some updates only: whoever got more of them is not the better."""
    rows = planned_runs({"iql": (75, iql), "diffusion_ql": (85, diffusion_ql)}, TASKS[:2])
    assert configurations.lengths_asked(configurations.with_labels(rows)) == lengths
    # The same where a dataset of one's own takes the values of one of these tasks.
    like = rows.assign(hyperparameters_like=rows["task"], task="own-" + rows["task"])
    assert configurations.lengths_asked(configurations.with_labels(like)) == lengths
    compared = len(tables_of(like)["improvement"])
    assert compared == (0 if lengths == "equal" and iql != diffusion_ql else 2)


def test_episodes_without_scores_are_named(made_up_tables: dict[str, pd.DataFrame]):
    scores = made_up_tables["scores"].query("method != 'bc'")
    found = tables_of(scores, episode_rows=made_up_tables["episodes"])
    assert "bc" not in set(found["learning_curves"]["label"])
    assert found["left_out"]["what"].str.contains(r"^\d[\d,]* episodes$").any()


# From rows to matrices.


def test_labels_are_as_short_as_they_can_be(made_up_tables: dict[str, pd.DataFrame]):
    labels = set(configurations.with_labels(made_up_tables["scores"])["label"])
    assert labels == {
        "bc",
        "iql",
        "diffusion_ql N=2",
        "diffusion_ql N=5",
        "diffusion_ql N=10",
        "diffusion_ql N=20",
        "diffusion_ql N=20 ddim_5",
    }


def test_several_training_lengths_are_several_configurations(made_up_tables: dict[str, pd.DataFrame]):
    rows = made_up_tables["scores"]
    rows = rows[rows["method"] == "iql"]
    longer = rows.assign(digest="ffffffff", update=100_000)
    labels = set(configurations.with_labels(pd.concat([rows, longer]))["label"])
    assert labels == {"iql 50k updates", "iql 100k updates"}
