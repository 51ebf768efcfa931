"""What a budget of hours costs in power."""

import json

import pytest
from recheck.errors import TablesError

from paper_tables.verdicts import budget

WHOLE = {"hours": [10.0, 20.0, 40.0], "seeds": 10, "checkpoints": 5, "episodes": 20, "tasks": 4}


def option(lever, **changes):
    return {**WHOLE, "lever": lever, "fits": True, "hours": [5.0, 9.0, 20.0], "left_out": [], **changes}


def test_fewer_seeds_and_episodes_lose_power():
    spreads = [2.0, 4.0]
    whole = budget.power(spreads, (10, 10), 0.0, 5)
    assert 0 < budget.power(spreads, (4, 10), 0.0, 5) < whole
    assert budget.power(spreads, (10, 10), 9.0, 5) < whole < 1


def test_the_table_says_what_remains_and_what_is_lost():
    found = {
        "budget_hours": 10,
        "unit": "GPU-hours",
        "whole": WHOLE,
        "options": [
            option("seeds", seeds=4),
            option("episodes", episodes=5),
            option("checkpoints", checkpoints=1),
            option("tasks", tasks=3, left_out=["hopper"], fits=False),
        ],
    }
    table = budget.budget_table(found, [2.0, 4.0], 10.0, 5)
    rows = {row[0].text: [cell.text for cell in row] for row in table.rows}
    lost = {name: float(row[-1].split()[0]) for name, row in rows.items()}
    assert lost["nothing"] == lost["checkpoints"] == lost["tasks"] == 0
    assert lost["seeds"] > 0
    assert lost["episodes"] > 0
    assert rows["seeds"][2:5] == ["9.00", "5.00 to 20.00", "4"]
    assert rows["tasks"][1] == "no"
    assert "Left out by `tasks`: hopper." in table.notes


def test_the_command_reads_what_snakemake_cost_writes(tmp_path, capsys):
    path = tmp_path / "cost.json"
    path.write_text(json.dumps({"jobs": []}))
    assert budget.main([str(path)]) == 0
    assert capsys.readouterr().out == ""
    within = {"budget_hours": 50, "unit": "GPU-hours", "whole": WHOLE, "options": []}
    path.write_text(json.dumps({"jobs": [], "budget": within}))
    assert budget.main([str(path)]) == 0
    assert "within the budget of 50 GPU-hours" in capsys.readouterr().out
    assert budget.main([str(tmp_path / "absent.json")]) == 2


def test_public_runs_give_spreads():
    spreads = budget.spreads_between_seeds()
    assert len(spreads) == budget.QUANTILES
    assert list(spreads) == sorted(spreads)
    assert spreads[0] >= 0


def test_a_margin_of_nothing_is_refused():
    with pytest.raises(TablesError, match="margin"):
        budget.power([1.0], (5, 5), 0.0, 0)
