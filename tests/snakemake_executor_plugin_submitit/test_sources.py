"""What a job's result follows from, and whether it is still the same."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_executor_plugin_submitit import sources
from snakemake_executor_plugin_submitit.records import JobRecord
from snakemake_executor_plugin_submitit.sources import Sources, sources_of


class Input(str):
    """A path, which may be ``ancient``."""

    is_ancient = False


def ancient(path: object) -> Input:
    made = Input(path)
    made.is_ancient = True
    return made


def job(*inputs: object, params: list[Any] | None = None, shell: str = "train", name: str = "train") -> Any:
    rule = SimpleNamespace(name=name, shellcmd=shell)
    paths = [path if isinstance(path, Input) else Input(path) for path in inputs]
    return SimpleNamespace(rule=rule, non_derived_params=params or ["steps=5"], input=paths)


def record_of(made_from: Sources) -> JobRecord:
    return JobRecord("a" * 16, "train", {}, "train|policy", attempt=1, **made_from.as_record())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "small").write_text("one")
    return tmp_path / "small"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    (tmp_path / "large").write_bytes(bytes(2_000_000))
    return tmp_path / "large"


def test_the_digest_follows_parameters_and_inputs(small: Path, large: Path, tmp_path: Path) -> None:
    digest = sources_of([job(small, large)]).digest
    assert sources_of([job(large, small)]).digest == digest
    assert sources_of([job(small, large, params=["steps=6"])]).digest != digest
    os.utime(small, (0, 0))  # small files count by content, as in Snakemake
    assert sources_of([job(small, large)]).digest == digest
    small.write_text("two")
    assert sources_of([job(small, large)]).digest != digest
    small.write_text("one")
    os.utime(large, (0, 0))
    assert sources_of([job(small, large)]).digest != digest
    before = sources_of([job(small, ancient(large))]).digest
    os.utime(large, (9, 9))
    assert sources_of([job(small, ancient(large))]).digest == before
    assert sources_of([job(tmp_path / "none")]).digest != before


def test_the_digest_is_that_of_earlier_versions() -> None:
    """Records that an earlier version has written are compared by it."""
    made = sources_of([job("relative", ancient("old"), params=["value=1", 2])])
    assert made.digest == "34c5ddad5e44ea09"


def test_the_digest_is_the_same_in_the_next_process() -> None:
    class Odd:
        pass

    first = sources_of([job(params=[Odd(), {"y", "x"}])])
    assert first == sources_of([job(params=[Odd(), {"x", "y"}])])


def test_jobs_of_a_group_count_together(small: Path) -> None:
    first, second = job(small), job(params=["value=1"], name="evaluate")
    assert sources_of([first, second]) == sources_of([second, first])
    assert sources_of([first, second]).parameters != sources_of([first]).parameters


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ("nothing", True),
        ("content", False),
        ("content of an ancient input", True),
        ("date of a large input", False),
        ("parameter", False),
        ("one input more", False),
        ("another input", False),
        ("now ancient", True),
        ("now ancient and changed", True),
        ("no longer ancient", True),
        ("no longer ancient and changed", False),
    ],
)
def test_what_is_still_the_same(change: str, same: bool, small: Path, large: Path, tmp_path: Path) -> None:
    """What counts is which inputs are ancient now, not which were when the job was submitted."""
    (tmp_path / "old").write_text("old")
    (tmp_path / "other").write_text("one")
    old: object = (
        ancient(tmp_path / "old") if "longer" in change or "an ancient" in change else tmp_path / "old"
    )
    record = record_of(sources_of([job(small, large, old)]))
    if "content" in change or "and changed" in change:
        (small if change == "content" else tmp_path / "old").write_text("new")
    if change == "date of a large input":
        os.utime(large, (5, 5))
    inputs: list[object] = [tmp_path / "other" if change == "another input" else small, large, old]
    if "now ancient" in change:
        inputs[2] = ancient(tmp_path / "old")
    if "no longer ancient" in change:
        inputs[2] = tmp_path / "old"
    if change == "one input more":
        inputs.append(tmp_path / "other")
    now = sources_of([job(*inputs, params=["steps=6"] if change == "parameter" else None)])
    assert now.are_those_of(record, code_counts=True) is same


def test_code_counts_where_it_counts_for_snakemake(tmp_path: Path) -> None:
    record = record_of(sources_of([job()]))
    now = sources_of([job(shell="train --faster")])
    assert now.are_those_of(record, code_counts=False)
    assert not now.are_those_of(record, code_counts=True)
    record.code_digest = ""  # of an earlier version
    assert now.are_those_of(record, code_counts=True)

    script = job(shell="")
    script.rule.script = str(tmp_path / "train.py")
    (tmp_path / "train.py").write_text("1")
    record = record_of(sources_of([script]))
    (tmp_path / "train.py").write_text("2")
    assert not sources_of([script]).are_those_of(record, code_counts=True)


def test_a_record_of_an_earlier_version_is_compared_by_its_digest(small: Path) -> None:
    made = sources_of([job(small)])
    record = JobRecord("a" * 16, "train", {}, "train|policy", made.digest, 1)
    assert made.are_those_of(record, code_counts=True)
    small.write_text("two")
    assert not sources_of([job(small)]).are_those_of(record, code_counts=True)


def test_a_job_with_very_many_inputs_is_compared_by_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_MOST_STAMPS", 3)
    paths = [tmp_path / str(number) for number in range(4)]
    record = record_of(sources_of([job(*paths)]))
    assert record.inputs is None
    assert sources_of([job(*paths)]).are_those_of(record, code_counts=True)
    paths[2].touch()
    assert not sources_of([job(*paths)]).are_those_of(record, code_counts=True)
