"""Gathered scores of real runs."""

from pathlib import Path

import pytest

from paper_tables.scores import d3rlpy as d3rlpy_module


@pytest.fixture(scope="module")
def d3rlpy(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("d3rlpy")
    assert d3rlpy_module.main(["--output", str(folder)]) == 0
    return folder
