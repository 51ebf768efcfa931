"""The verdicts of an experiment, counted."""

import pandas as pd

from paper_tables.rendering import table as table_module
from paper_tables.tables import verdict_summary


def _judged(**changes: object) -> dict[str, object]:
    cell: dict[str, object] = {
        "table": "iql_table_1",
        "task": "hopper-medium-v2",
        "column": "IQL",
        "our_mean_percent": 60.0,
        "our_sd_percent": 4.0,
        "our_seeds": 5,
        "reported_mean": 66.3,
        "reported_spread": None,
        "difference_percent": -6.3,
        "interval_low": -12.0,
        "interval_high": -0.6,
        "verdict": "inconclusive",
        "adjusted_verdict": "inconclusive",
        "detectable": True,
        "smallest_margin_percent": 12.0,
        "adjusted_smallest_margin_percent": 14.0,
        "seeds_needed": "17",
        "adjusted_seeds_needed": "17",
        "implementation_spread": "open",
        "implementation_band_percent": 12.5,
        "flags": "conditional",
        "reason": "",
    }
    return cell | changes


def test_the_verdicts_begin_with_what_is_open_and_what_would_decide_it():
    cells = pd.DataFrame(
        [
            _judged(verdict="reproduced", adjusted_verdict="inconclusive", task="first", seeds_needed="3"),
            _judged(),
            _judged(seeds_needed="never", task="second"),
            _judged(seeds_needed=">100"),
            _judged(seeds_needed="8"),
            _judged(
                seeds_needed="",
                interval_low=None,
                interval_high=None,
                smallest_margin_percent=None,
                adjusted_smallest_margin_percent=None,
                our_seeds=1,
            ),
            _judged(verdict="no_evidence", adjusted_verdict="no_evidence"),
        ]
    )
    table = verdict_summary.verdict_summary(cells)
    assert table.lead == [
        "Of 6 numbers with runs of ours: 5 inconclusive (?), 1 reproduced (✓).",
        "1 of the 1 claims are conditional: the paper prints no spread.",
        "What would decide the 5 inconclusive: 1 by at most 10 seeds of ours; 1 by 11 to 100 seeds of ours; "
        "1 by more than 100 seeds of ours; 1 not: the paper's own error, printed or assumed, is as wide as "
        "the margin, or nothing bounds it; 1 not: one seed on a side.",
        "Not kept by Benjamini and Hochberg in their families: 1 (IQL on first).",
    ]
    # Open numbers first, then a line, then the rest; a number without runs of ours is not among them.
    assert [row is None for row in table.rows] == [False] * 5 + [True, False]
    assert [cell.text for cell in table.rows[0]][3:] == [
        "60.0 ± 4.0 (5)", "66.3", "-6.3", "[-12.0, -0.6]", "open (12.5)", "12.0 (14.0)", "17"
    ]  # fmt: skip
    assert table.rows[0][3].marks == ("cond", "d")
    assert table.rows[6][3].marks == ("cond", "d", "bh")
    written = table_module.markdown(table)
    assert written.index("What would decide") < written.index("| Table |")
    assumed = cells.assign(reason="Up to 3 times ours is assumed.", verdict="reproduced")
    notes = verdict_summary.verdict_summary(assumed).notes
    assert any(note.endswith("IQL on hopper-medium-v2: Up to 3 times ours is assumed.") for note in notes)
    both = pd.concat([assumed.iloc[:2], assumed.iloc[1:2].assign(table="rebrac_table_2")])
    notes = verdict_summary.verdict_summary(both).notes
    places = "IQL on hopper-medium-v2 (iql_table_1), IQL on hopper-medium-v2 (rebrac_table_2)"
    assert f"IQL on first, {places}: Up to 3 times ours is assumed." in notes
    nothing = verdict_summary.verdict_summary(cells.iloc[:0])
    assert nothing.lead == ["No reported number has a run of ours."]
