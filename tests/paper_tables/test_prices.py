"""Hours, energy and money of trained blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from paper_tables import prices as prices_module


def test_a_block_is_paid_for_once(made_up_tables: dict[str, pd.DataFrame]):
    """Four rows of a block (two sampling settings, two sizes of call) are one training."""
    rows = made_up_tables["cost"]
    block = rows[(rows["method"] == "diffusion_ql") & (rows["diffusion_steps"] == 20)]
    blocks = prices_module.training_blocks(block)
    assert len(block) == 8
    assert len(blocks) == 2
    assert blocks["train_hours"].iloc[0] == pytest.approx(50_000 * 0.09 / 3600)
    assert blocks["per_seed_hours"].iloc[0] == pytest.approx(50_000 * 0.09 / 3600 / 4)
    untimed = prices_module.training_blocks(block.assign(train_wall_seconds=np.nan))
    assert untimed["train_hours"].iloc[0] == pytest.approx(50_000 * 0.09 / 3600)


def test_cost_table_by_hand(made_up_tables: dict[str, pd.DataFrame]):
    rows = made_up_tables["cost"]
    iql = rows[rows["method"] == "iql"].assign(
        label="iql", device="NVIDIA A100-SXM4-40GB", train_wall_seconds=1800.0
    )
    table, missing = prices_module.cost_table(iql, prices_module.load_prices())
    assert missing == []
    assert len(table) == 1
    row = table.iloc[0]
    # Two tasks, half an hour each, at 400 W, with 30% on top for the data centre.
    assert (row["kind"], row["runs"], row["hours"]) == ("gpu", 8, 1.0)
    assert row["energy_kwh"] == pytest.approx(0.4 * 1.3)
    assert row["money"] == pytest.approx(1.5)


def test_unknown_devices_and_own_machines(made_up_tables: dict[str, pd.DataFrame], tmp_path: Path):
    rows = made_up_tables["cost"]
    odd = rows[rows["method"] == "iql"].assign(label="iql", device="Abacus")
    table, missing = prices_module.cost_table(odd, prices_module.load_prices())
    assert table["hours"].notna().all()
    assert table["money"].isna().all()
    assert "'Abacus'" in missing[0]
    path = tmp_path / "cost.yaml"
    path.write_text(
        "format: 1\ncurrency: EUR\nelectricity_price_per_kwh: 0.5\npower_usage_effectiveness: 1\n"
        "devices:\n  - {match: abacus, kind: gpu, power_watts: 100, price_per_hour: null, source: mine}\n"
    )
    prices = prices_module.load_prices(path)
    device = prices.device("Abacus")
    assert device is not None
    assert prices.money(device, 10) == pytest.approx(0.5)
    assert prices.device(None) is None


def test_pareto_front_by_hand():
    assert prices_module.pareto_front([1, 2, 3, 4, 2], [10, 30, 20, 40, 30]) == [0, 1, 3]
    assert prices_module.pareto_front([], []) == []
    assert prices_module.pareto_front([1, 1], [5, 7]) == [1]
