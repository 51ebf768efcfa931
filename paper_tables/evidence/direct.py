"""Direct evidence: runs of others, seed by seed, of the same method, task and dataset version.

The runs of one implementation that share settings and selection rule are one group. Groups are kept in four
classes, each judged for itself by ``verdicts.pooled.judge_implementations``:

- ``independent``: another implementation than the document's own;
- ``same_code``: the code that made the document's number;
- ``other_selection``: checkpoints selected by another rule than the number's;
- ``other_settings``: hyperparameters chosen for each task, unlike the document's.

Only the first two can give a verdict without a flag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from paper_tables.config import load_margins
from paper_tables.documents import Document
from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.background import Background
from paper_tables.verdicts.implementations import domain_of
from paper_tables.verdicts.judge import Comparison, ReportedNumber
from paper_tables.verdicts.pooled import SeveralImplementations, judge_implementations
from paper_tables.verdicts.table import whole_or_none

INDEPENDENT = "independent"
SAME_CODE = "same_code"
CLASSES = (INDEPENDENT, SAME_CODE, decision_rule.OTHER_SELECTION, decision_rule.OTHER_SETTINGS)

TUNED = "tuned_per_task"
NOT_THE_METHOD = "other"
UNSTATED = "unknown"
USUAL_SELECTION = "last"


@dataclass(frozen=True)
class RunGroup:
    """Runs of one implementation under one setting and one selection rule.

    Attributes:
        implementation: repository (owner/name) of the code.
        kind: one of `CLASSES`.
        own_code: whether it is the code of the document that prints the number.
        scores_percent: one score per training seed.
        selection: rule that picked the checkpoints.
        settings: as in the public runs.
        variants: forms of the settings, pooled.
        sources: names of the sources.
        addresses: where the sources are.
        licences: theirs.
    """

    implementation: str
    kind: str
    own_code: bool
    scores_percent: tuple[float, ...]
    selection: str
    settings: str
    variants: tuple[str, ...]
    sources: tuple[str, ...]
    addresses: tuple[str, ...]
    licences: tuple[str, ...]


@dataclass(frozen=True)
class DirectEvidence:
    """What runs say about one reported number.

    Attributes:
        groups: all run groups, in the order of `CLASSES`.
        judged: class -> verdicts of its groups; a class without groups is absent.
        same_runs: sources whose very runs the number is the mean of, so that they are no evidence.
    """

    groups: tuple[RunGroup, ...]
    judged: Mapping[str, SeveralImplementations]
    same_runs: tuple[str, ...] = ()


class DirectRuns:
    """The public runs on D4RL's data, ready to look numbers up in."""

    def __init__(self, runs: pd.DataFrame, numbers: pd.DataFrame, documents: Mapping[str, Document]) -> None:
        """Index the runs.

        Args:
            runs: rows of the schema ``public_runs``.
            numbers: rows of the schema ``reported``.
            documents: by short name.
        """
        usable = runs[(runs["datasets"] == "d4rl") & (runs["settings"] != NOT_THE_METHOD)]
        self._cells = {
            (str(method), str(task)): part
            for (method, task), part in usable.groupby(["method", "task"], sort=False)
        }
        self._documents = documents
        own = numbers[numbers["origin"] == "own"]
        self._own_methods = set(zip(own["document"], own["method_key"]))

    def groups(self, number: Mapping[str, Any]) -> tuple[list[RunGroup], tuple[str, ...]]:
        """The run groups for a number, and the sources whose very runs it is the mean of."""
        cell = self._cells.get((str(number["method_key"]), str(number["task"])))
        if cell is None:
            return [], ()
        very_runs = cell["printed_in"] == number["document"]
        same = tuple(sorted(set(map(str, cell[very_runs]["source"]))))
        groups = [
            self._group(number, str(implementation), str(settings), part)
            for (implementation, settings), part in cell[~very_runs].groupby(["implementation", "settings"])
        ]
        return sorted(groups, key=lambda group: CLASSES.index(group.kind)), same

    def _group(
        self, number: Mapping[str, Any], implementation: str, settings: str, part: pd.DataFrame
    ) -> RunGroup:
        wanted = str(number["selection"])
        # An unstated rule is compared with the last evaluation, as in the papers' tables.
        asked = USUAL_SELECTION if wanted == UNSTATED else wanted
        at_hand = sorted(set(part["selection"]))
        selection = next((name for name in (asked, USUAL_SELECTION) if name in at_hand), at_hand[0])
        chosen = part[part["selection"] == selection]
        own = self._documents[str(number["document"])].is_own_code(str(number["method_key"]), implementation)
        printed = set(chosen["printed_in"].dropna())
        # Settings chosen per task by the method's own authors are the method's settings.
        of_the_authors = any((document, number["method_key"]) in self._own_methods for document in printed)
        if settings == TUNED and not of_the_authors:
            kind = decision_rule.OTHER_SETTINGS
        elif selection != asked:
            kind = decision_rule.OTHER_SELECTION
        else:
            kind = SAME_CODE if own else INDEPENDENT
        return RunGroup(
            implementation,
            kind,
            own,
            tuple(map(float, chosen["score_percent"])),
            selection,
            settings,
            tuple(sorted(set(map(str, chosen["variant"])))),
            tuple(sorted(set(map(str, chosen["source"])))),
            tuple(
                sorted(
                    f"{repository}@{commit}" if commit else str(repository)
                    for repository, commit in set(zip(chosen["repository"], chosen["commit"]))
                )
            ),
            tuple(sorted(set(map(str, chosen["licence"])))),
        )


def reported_number(number: Mapping[str, Any]) -> ReportedNumber:
    """A row of the reported numbers as the rule takes it."""
    return ReportedNumber(
        float(number["score_percent"]),
        None if pd.isna(number["spread_percent"]) else float(number["spread_percent"]),
        str(number["spread_kind"]),
        whole_or_none(number["num_seeds"]),
        whole_or_none(number["episodes_per_seed"]),
    )


@lru_cache(maxsize=1)
def _margins() -> Any:
    return load_margins()


def comparison_of(
    number: Mapping[str, Any],
    known: Background,
    *,
    kind: str = INDEPENDENT,
    selection: str = "",
    not_judged_reason: str | None = None,
) -> Comparison:
    """What is asked about a number, by runs of one class.

    Args:
        number: a row of the reported numbers.
        known: what all documents together say.
        kind: one of `CLASSES`.
        selection: rule of the runs, for runs under other settings.
        not_judged_reason: why the number cannot be judged at all.
    """
    stated = str(number["selection"])
    other_selection = kind == decision_rule.OTHER_SELECTION or (
        bool(selection) and stated != UNSTATED and selection != stated
    )
    return Comparison(
        margin_percent=_margins().of_suite(str(number["suite"])),
        not_judged_reason=not_judged_reason,
        other_settings=kind == decision_rule.OTHER_SETTINGS,
        other_selection=other_selection,
        band=known.bands.get(domain_of(str(number["task"]))),
        largest_known_sd_percent=known.largest_known_sds.get((number["method_key"], number["task"])),
        units_confirmed=True,
    )


def judge_number(number: Mapping[str, Any], runs: DirectRuns, known: Background) -> DirectEvidence:
    """Judge one number by each class of runs.

    Args:
        number: the number as its origin prints it.
        runs: the public runs.
        known: what all documents together say.
    """
    groups, same_runs = runs.groups(number)
    refusal = None if number["confidence"] == "seen" else "The reported number is unverified"
    judged: dict[str, SeveralImplementations] = {}
    for kind in CLASSES:
        part = [group for group in groups if group.kind == kind]
        if part:
            comparison = comparison_of(
                number, known, kind=kind, selection=_selection(part), not_judged_reason=refusal
            )
            scores = {name: group.scores_percent for name, group in named_groups(part).items()}
            judged[kind] = judge_implementations(reported_number(number), scores, comparison)
    return DirectEvidence(tuple(groups), judged, same_runs)


def named_groups(groups: Sequence[RunGroup]) -> dict[str, RunGroup]:
    """Groups of one class by implementation, with the settings where it has several."""
    names = [group.implementation for group in groups]
    return {
        f"{group.implementation} ({group.settings})"
        if names.count(group.implementation) > 1
        else group.implementation: group
        for group in groups
    }


def _selection(groups: Sequence[RunGroup]) -> str:
    return groups[0].selection if groups[0].kind == decision_rule.OTHER_SETTINGS else ""
