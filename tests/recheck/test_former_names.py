"""Files with the former name of the diffusion steps are read, and no run changes its digest."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from recheck import experiments, former_names, schema

from paper_tables.scores import tables

ROOT = Path(__file__).resolve().parents[2]


def test_published_digests_are_those_of_today():
    """Every published run that the experiment `study` or `reference` still names has the same path."""
    published = pd.read_parquet(ROOT / "results/published/scores.parquet")
    columns = ["method", "task", "variant", "digest"]
    known = set(published[columns].drop_duplicates().itertuples(index=False, name=None))
    planned = set()
    for name in ("study", "reference"):
        for run in experiments.load(ROOT, name).runs.values():
            config = run.config
            planned.add((config["method"], config["task"], config["variant"], run.digest))
    assert len(known) == 18
    assert known <= planned


def test_the_training_rule_keeps_the_hashed_name():
    run = next(iter(experiments.load(ROOT, "smoke").runs.values()))
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


@pytest.mark.parametrize("name", tables.FILES)
def test_published_tables_are_read_with_todays_name(name):
    table = tables.read(ROOT / "results/published", name)
    assert "diffusion_steps" in table.columns
    assert "train_steps" not in table.columns
