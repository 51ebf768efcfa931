"""The looks of a sequential experiment: which runs continue to the next number of seeds, which stop.

The workflow fixes the design beforehand and passes it on as JSON:

    {"looks": [{"seeds": 3, "level": 0.004}, ...], "futile_below": 0.1, "digests": ["0123abcd", ...]}

The tables judge the runs with these digests by that design, and ``looks.json`` says what comes next. The same
command, called again, trains what continues.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from recheck.errors import TablesError

from paper_tables.verdicts import decision_rule, sequential
from paper_tables.verdicts.judge import Comparison, ReportedNumber, judge
from paper_tables.verdicts.sequential import SequentialPlan, sequential_verdict
from paper_tables.verdicts.verdict import Verdict

FORMAT = 1
NOTHING_TO_JUDGE = "no number"


@dataclass(frozen=True)
class SequentialRuns:
    """A design and the runs that follow it.

    Attributes:
        plan: the design.
        digests: of the runs whose seeds are trained look by look.
    """

    plan: SequentialPlan
    digests: frozenset[str]

    @classmethod
    def read(cls, text: str) -> SequentialRuns:
        """From the JSON that the workflow passes on.

        Raises:
            TablesError: it is not such JSON, or the design does not keep its error.
        """
        try:
            content = json.loads(text)
            levels = {int(look["seeds"]): float(look["level"]) for look in content["looks"]}
            plan = SequentialPlan(levels, float(content["futile_below"]))
            return cls(plan, frozenset(map(str, content["digests"])))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, TablesError):
                raise
            raise TablesError(
                f"The sequential design must be JSON with looks, futile_below and digests: {error}."
            ) from error

    def judge(self, reported: ReportedNumber, runs: Sequence[float], comparison: Comparison) -> Verdict:
        """The verdict by the design; `not_judged` in words where the number of seeds is not a look."""
        if len(runs) not in self.plan.looks:
            plain = judge(reported, runs, comparison)
            if plain.verdict == decision_rule.NO_EVIDENCE:
                return plain
            listed = ", ".join(map(str, self.plan.looks))
            reason = (
                f"{len(runs)} seeds are not a planned look: this sequential experiment looks at {listed} "
                "seeds. A verdict in between would make its error larger than it says."
            )
            return Verdict(
                decision_rule.NOT_JUDGED,
                comparison.flags,
                reason,
                margin_percent=plain.margin_percent,
                our_mean_percent=plain.our_mean_percent,
                our_sd_percent=plain.our_sd_percent,
                our_seeds=plain.our_seeds,
                adjusted_verdict=decision_rule.NOT_JUDGED,
            )
        look = sequential_verdict(reported, runs, comparison, self.plan)
        at = look.looked_at[-1]
        words = {
            sequential.CLAIM: f"Decided at the look at {at} seeds",
            sequential.FUTILE: f"Given up at {at} seeds: more seeds would hardly decide anything",
            sequential.LAST_LOOK: f"The last look, at {at} seeds",
            sequential.CONTINUE: f"A look at {at} seeds; the next is at {look.next_seeds}",
        }[look.state]
        if look.verdict.verdict in (decision_rule.NOT_JUDGED, decision_rule.UNINFORMATIVE):
            words = f"Stopped at {at} seeds: no number of seeds changes this verdict"
        tested = look.verdict.p_reproduced is not None
        return replace(
            look.verdict,
            look=look.state,
            next_seeds=look.next_seeds,
            chance_of_claim=look.chance_of_claim,
            p_reproduced=look.p_reproduced if tested else None,
            p_different=look.p_different if tested else None,
            cautious_p_reproduced=look.p_reproduced if tested else None,
            cautious_p_different=look.p_different if tested else None,
            reason=f"{words} ({self.plan.text}). {look.verdict.reason}".strip(),
        )


def looks_of(cells: pd.DataFrame, runs: SequentialRuns) -> dict[str, Any]:
    """What comes next for every run of a sequential experiment, as ``looks.json`` holds it.

    A run continues while any reported number that is judged by it can still be decided. A run by which no
    number is judged stops at its first look.

    Args:
        cells: judged cells with `our_digest`, `number`, `look`, `next_seeds` and the columns of a verdict.
        runs: the design and its runs.
    """
    found: dict[str, dict[str, Any]] = {
        digest: {"state": NOTHING_TO_JUDGE, "seeds": None, "next_seeds": None, "numbers": []}
        for digest in sorted(runs.digests)
    }
    for row in cells.to_dict("records"):
        digest = row.get("our_digest")
        if digest not in found:
            continue
        run = found[digest]
        state = row["look"] or str(row["verdict"])
        following = None if pd.isna(row["next_seeds"]) else int(row["next_seeds"])
        named = row.get("number")
        # Runs of released code have no number; an empty cell of a table is NaN.
        place = f"{row['table']} | {row['column']} | {row['task']}"
        number = str(named) if isinstance(named, str) and named else place
        known = [entry["number"] for entry in run["numbers"]]
        if number not in known:
            chance = row["chance_of_claim"]
            run["numbers"].append(
                {
                    "number": number,
                    "verdict": str(row["verdict"]),
                    "state": state,
                    "chance_of_claim": None if pd.isna(chance) else round(float(chance), 4),
                }
            )
        run["seeds"] = max(run["seeds"] or 0, int(row["our_seeds"]))
        if following is not None:
            run["next_seeds"] = max(run["next_seeds"] or 0, following)
            run["state"] = sequential.CONTINUE
        elif run["state"] in (NOTHING_TO_JUDGE, sequential.FUTILE):
            run["state"] = state
    return {
        "format": FORMAT,
        "looks": [{"seeds": seeds, "level": level} for seeds, level in runs.plan.levels.items()],
        "futile_below": runs.plan.futile_below,
        "runs": found,
    }


def sentences(looks: dict[str, Any]) -> list[str]:
    """How many runs continue, for the head of the summary."""
    states = [run["state"] for run in looks["runs"].values()]
    going = [run["next_seeds"] for run in looks["runs"].values() if run["state"] == sequential.CONTINUE]
    levels = {look["seeds"]: look["level"] for look in looks["looks"]}
    design = SequentialPlan(levels, looks["futile_below"]).text
    lines = [f"Sequential seeds, fixed beforehand: {design}."]
    if going:
        counts = ", ".join(f"{going.count(seeds)} to {seeds} seeds" for seeds in sorted(set(going)))
        lines.append(f"{len(going)} of {len(states)} runs continue ({counts}): call the same command again.")
    else:
        lines.append(f"All {len(states)} runs have stopped.")
    return lines
