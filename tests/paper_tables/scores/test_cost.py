"""What a block cost, out of its files."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from paper_tables.scores import read_runs
from paper_tables.scores.cost import block_cost, training_seconds
from tests.paper_tables.scores.blocks import CHECKPOINTS


@pytest.fixture
def block(index):
    (found,) = read_runs.read_index(index).blocks
    return found


def config(block):
    return json.loads((block.run_dir / "config.json").read_text())


def test_training_time_is_the_last_value_of_the_clock():
    timing = pd.DataFrame({"update": [3000, 1000, 2000], "wall_seconds": [31.0, 10.0, 20.0]})
    assert training_seconds(timing) == 31.0


def test_each_measured_call_is_a_row_of_the_blocks_cost(block):
    """80 s for 8,000 updates of both seeds together."""
    found = block_cost(block, config(block), "default-89abcdef")
    assert list(found["num_states"]) == [1, 10]
    assert list(found["action_latency_ms"]) == [1.5, 2.5]
    assert set(found["seconds_per_update"]) == {80.0 / CHECKPOINTS[-1]}
    assert set(found["seeds"]) == {"0-1"}
    assert set(found["num_seeds"]) == {2}
    assert set(found["peak_memory_bytes"]) == {1000}
    assert found["evaluation_cpu_seconds"].isna().all()
    assert found["train_cpu_seconds"].isna().all()


def test_processor_times_are_kept_where_they_are_known(block):
    record = json.loads((block.run_dir / "provenance.json").read_text())
    (block.run_dir / "provenance.json").write_text(json.dumps(record | {"cpu_seconds": 70.5}))
    timing = pd.read_parquet(block.timing)
    timing.assign(cpu_seconds=[9.0, None]).to_parquet(block.timing)
    found = block_cost(block, config(block), "default-89abcdef")
    assert set(found["train_cpu_seconds"]) == {70.5}
    assert found["evaluation_cpu_seconds"].tolist()[0] == 9.0
    assert pd.isna(found["evaluation_cpu_seconds"].tolist()[1])


def test_a_block_without_measured_calls_or_times_is_one_row(block):
    pd.DataFrame({"update": [], "wall_seconds": []}).to_parquet(block.run_dir / "timing.parquet")
    (found,) = block_cost(replace(block, timing=None), config(block), "default-89abcdef").to_dict("records")
    assert found["train_wall_seconds"] is None
    assert found["seconds_per_update"] is None
    assert "num_states" not in found
