"""What a dataset may be called: `original` has to be shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recheck.files import sha256 as sha256_file
from recheck.tasks import Task

from algos.datasets.manifest import manifest_document
from algos.datasets.sources import Places, Source, read_source


@pytest.fixture
def source(make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Any) -> tuple[Task, Source]:
    """A file's rows and their task, which claims to be D4RL's."""
    path = write_rows(make_rows())
    task = hopper_task(path, comparability="original", observation_dim=11, action_dim=3)
    return task, read_source(task, Places(tmp_path, tmp_path), 1.0)


def said(task: Task, source: Source) -> tuple[str, str]:
    document = manifest_document(task, source, "c" * 64)
    return document["comparability"], document["comparability_reason"]


def test_an_equal_hash_makes_an_original(source: tuple[Task, Source]) -> None:
    task, found = source
    assert task.path is not None
    equal = replace(task, sha256=found.sha256)
    assert found.sha256 == sha256_file(Path(task.path))
    assert said(equal, found) == ("original", "SHA-256 equal to the published one")
    fixed = replace(equal, fix_timeouts=True)
    assert said(fixed, found) == (
        "unverified",
        "the time-outs were changed, so these are not the rows of the papers",
    )


def test_count_and_statistics_together_make_one_too(source: tuple[Task, Source]) -> None:
    """That they are equal is checked before (`algos.datasets.published`)."""
    task, found = source
    statistics = {f"expected_return_{name}": 1.0 for name in ("mean", "std", "min", "max")}
    counted = replace(task, expected_transitions=27)
    assert said(replace(counted, **statistics), found)[0] == "original"
    assert said(counted, found) == (
        "unverified",
        "transition count equal to the published one; nothing else is published",
    )
    statistics.pop("expected_return_std")
    assert said(replace(counted, **statistics), found)[0] == "unverified"
    assert said(task, found) == (
        "unverified",
        "claims to be the D4RL file; nothing is published to compare it with",
    )


@pytest.mark.parametrize("kind", ["unverified", "recollected", "toy"])
def test_what_claims_less_is_what_it_says(source: tuple[Task, Source], kind: str) -> None:
    task, found = source
    assert said(replace(task, comparability=kind, sha256=found.sha256), found)[0] == kind


def test_the_manifest_counts_rows_trajectories_and_widths(source: tuple[Task, Source]) -> None:
    task, found = source
    document = manifest_document(replace(task, notes="From a friend."), found, "c" * 64)
    assert (document["num_transitions"], document["num_episodes"], document["num_dropped"]) == (27, 3, 3)
    # By the states alone: after each dropped row the next state is another one.
    assert document["num_official_trajectories"] == 3
    assert (document["observation_dim"], document["action_dim"]) == (11, 3)
    assert document["content_sha256"] == "c" * 64
    assert document["source"] == {"kind": "hdf5", "name": "file.hdf5"}
    assert document["notes"][0] == "From a friend."
    largest = float(abs(found.filtered.arrays["actions"]).max())
    assert document["max_abs_action"] == round(largest, 6)
    assert document["environment_match"] == "same"
    without = manifest_document(replace(task, environment_id=None), found, "c" * 64)
    assert without["environment_match"] == "none"
