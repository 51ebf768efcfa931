"""The index of one finished block."""

import json
from pathlib import Path

import pytest

from tests.paper_tables.scores.blocks import MEANS, NOISE, write_block


@pytest.fixture
def index(tmp_path: Path) -> Path:
    block = write_block(tmp_path / "block", [0, 1], means=MEANS, noise=NOISE)
    path = tmp_path / "index.json"
    path.write_text(json.dumps({"format": 1, "experiment": "toy", "average_last_k": 3, "blocks": [block]}))
    return path
