"""What is read of a Snakemake job."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from snakemake_executor_plugin_submitit.snakemake_job import (
    format_wildcards,
    log_stamps,
    members_of,
    name_of,
    state_folder_of,
    target_of,
    title_of,
    wildcards_of,
)


def job(rule: str = "train", outputs: tuple[str, ...] = ("b", "a"), **wildcards: Any) -> Any:
    return SimpleNamespace(
        is_group=lambda: False,
        name=rule,
        rule=SimpleNamespace(name=rule),
        output=outputs,
        wildcards_dict=wildcards,
        params={"state": "folder/state"},
    )


def group(*jobs: Any) -> Any:
    return SimpleNamespace(is_group=lambda: True, jobs=jobs, name="7f3c")


def test_a_job() -> None:
    single = job(method="iql", seed=3)
    assert members_of(single) == [single]
    assert name_of(single) == "train"
    assert wildcards_of(single) == {"method": "iql", "seed": "3"}
    assert target_of([single]) == "train|a|b"
    assert title_of("train", wildcards_of(single)) == "train, method=iql, seed=3"
    assert state_folder_of(single) == os.path.abspath("folder/state")


def test_a_group() -> None:
    """It has a line for each member, in an order that does not depend on the run."""
    first, second = job("train"), job("evaluate", ("scores",))
    made = group(first, second)
    assert name_of(made) == "group_evaluate_train"
    assert wildcards_of(made) == {}
    assert target_of(members_of(made)) == "evaluate|scores\ntrain|a|b"
    assert target_of(members_of(group(second, first))) == target_of(members_of(made))
    assert title_of(name_of(made), {}) == "group_evaluate_train"
    assert state_folder_of(made) is None


def test_a_job_without_outputs_is_named_by_its_wildcards() -> None:
    assert target_of([job("check", (), task="hopper")]) == "check|[('task', 'hopper')]"
    assert format_wildcards({}) == ""


def test_a_rule_that_cannot_resume() -> None:
    single = job()
    for params in ({}, {"state": ""}, {"state": 7}):
        single.params = params
        assert state_folder_of(single) is None


def test_stamps_of_logs(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("four")
    os.utime(tmp_path / "log", ns=(1, 5))
    assert log_stamps([str(tmp_path / "log"), str(tmp_path / "none")]) == {str(tmp_path / "log"): [5, 4]}
