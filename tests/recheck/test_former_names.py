"""Files with the former name of the diffusion steps are read, and no run changes its digest."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from recheck import former_names, plan, schema
from recheck.experiments import expansion
from recheck.restarts import stages

from paper_tables.scores import tables

ROOT = Path(__file__).resolve().parents[2]


def test_published_digests_are_those_of_today():
    """Every published run that the experiment `study` or `reference` still names has the same path."""
    published = pd.read_parquet(ROOT / "results/published/scores.parquet")
    columns = ["method", "task", "variant", "digest"]
    known = set(published[columns].drop_duplicates().itertuples(index=False, name=None))
    planned = set()
    for name in ("study", "reference"):
        for run in expansion.load(ROOT, name).runs.values():
            config = run.config
            planned.add((config["method"], config["task"], config["variant"], run.digest))
    # What was published once stays; more may come.
    assert len(known) >= 21
    assert known <= planned


def test_published_evaluations_have_the_labels_of_today():
    """The digest of a sampling setting is over the evaluation's keys too."""
    published = set(pd.read_parquet(ROOT / "results/published/scores.parquet")["sampling"])
    planned = {
        label
        for name in ("study", "reference")
        for run in expansion.load(ROOT, name).runs.values()
        for label in run.samplings
    }
    assert published
    assert published <= planned


def test_the_evaluation_rule_and_its_record_keep_the_hashed_name():
    loaded = plan.load({"experiment": "smoke"}, ROOT)
    run = next(iter(loaded.required_experiment.runs.values()))
    sampling, _ = next(iter(run.samplings.values()))
    assert "episodes_reevaluated" in sampling.evaluation
    recorded = stages.evaluate(loaded, run, sampling, 0, 0).wanted["evaluation"]
    assert set(sampling.evaluation) - set(recorded) == {"episodes_reevaluated"}
    assert set(recorded) - set(sampling.evaluation) == {"episodes_honest"}


def test_the_record_of_a_dataset_keeps_the_hashed_name():
    """Its manifest is not written again because a column has another name."""
    unit = stages.dataset(plan.load({"experiment": "smoke"}, ROOT), "hopper-medium-v2")
    assert unit.wanted["description"]["environment_standing"] == "same"
    assert unit.wanted["description"]["suite"] == "locomotion"
    assert "environment_match" not in unit.wanted["description"]


def test_the_training_rule_keeps_the_hashed_name():
    run = next(iter(expansion.load(ROOT, "smoke").runs.values()))
    assert "diffusion_steps" in run.config
    assert '"train_steps"' in run.config_text(0, 0)
    assert "diffusion_steps" not in run.config_text(0, 0)


def test_hashed_and_current_are_inverse():
    config = {"method": "bc", "diffusion_steps": 5}
    assert former_names.hashed_form(config) == {"method": "bc", "train_steps": 5}
    assert former_names.current(former_names.hashed_form(config)) == config


def test_a_users_file_with_the_former_name_is_read_with_one_warning(tmp_path, capsys):
    content = {"grid": [{"methods": ["edp"], "train_steps": [5]}], "exclude": [{"train_steps": 5}]}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    read = schema.read_yaml(path)
    assert read == {
        "grid": [{"methods": ["edp"], "diffusion_steps": [5]}],
        "exclude": [{"diffusion_steps": 5}],
    }
    said = capsys.readouterr().err
    assert said == (
        "mine.yaml: 'train_steps' is called 'diffusion_steps' now; the former name is still read.\n"
    )


def test_both_names_in_one_mapping_are_not_merged():
    both = {"train_steps": 5, "diffusion_steps": 20}
    assert former_names.read_with_former_names(both, "mine.yaml") == both


def test_a_layout_with_the_former_rule_is_read_with_one_warning(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"our_selection": "honest_best"}))
    assert schema.read_yaml(path) == {"our_selection": "best_reevaluated"}
    assert "'honest_best' is called 'best_reevaluated' now" in capsys.readouterr().err


def test_the_stream_of_the_new_episodes_keeps_its_name():
    assert former_names.hashed_value("best_reevaluated") == "honest_best"
    assert former_names.hashed_value("checkpoint") == "checkpoint"


@pytest.mark.parametrize(("name", "column"), [("scores", "selection"), ("episodes", "purpose")])
def test_published_rows_are_read_with_todays_rule(name, column):
    stored = pd.read_parquet(ROOT / "results/published" / f"{name}.parquet", columns=[column])[column]
    values = tables.read(ROOT / "results/published", name)[column]
    assert "honest_best" in set(stored) or "best_reevaluated" in set(stored)
    assert "honest_best" not in set(values)
    assert (values == "best_reevaluated").sum() == stored.isin(["honest_best", "best_reevaluated"]).sum()


@pytest.mark.parametrize("name", tables.FILES)
def test_published_tables_are_read_with_todays_name(name):
    table = tables.read(ROOT / "results/published", name)
    assert "diffusion_steps" in table.columns
    assert "train_steps" not in table.columns
