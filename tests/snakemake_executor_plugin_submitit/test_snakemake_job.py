"""What is read of a Snakemake job."""

import os
from pathlib import Path

from snakemake_executor_plugin_submitit.snakemake_job import digest_of


def test_the_digest_follows_parameters_and_inputs(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_text("one")
    large.write_bytes(bytes(2_000_000))
    inputs = [(str(small), False), (str(large), False)]
    digest = digest_of({"steps": 5}, inputs)
    assert digest_of({"steps": 5}, inputs[::-1]) == digest
    assert digest_of({"steps": 6}, inputs) != digest

    os.utime(small, (0, 0))  # small files count by content, as in Snakemake
    assert digest_of({"steps": 5}, inputs) == digest
    small.write_text("two")
    assert digest_of({"steps": 5}, inputs) != digest
    small.write_text("one")
    os.utime(large, (0, 0))
    assert digest_of({"steps": 5}, inputs) != digest
    ancient = [(str(small), False), (str(large), True)]
    before = digest_of({"steps": 5}, ancient)
    os.utime(large, (9, 9))
    assert digest_of({"steps": 5}, ancient) == before
    assert digest_of({"steps": 5}, [(str(tmp_path / "none"), False)]) != before


def test_the_digest_is_the_same_in_the_next_process() -> None:
    class Odd:
        pass

    assert digest_of({"a": Odd(), "b": {"y", "x"}}, []) == digest_of({"a": Odd(), "b": {"x", "y"}}, [])
