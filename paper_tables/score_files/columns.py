"""Which column of a file has which role: by its name, said, and never chosen between two."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recheck.errors import TablesError
from recheck.words import first_of

from paper_tables.score_files.options import ROLES, ScoreOptions
from paper_tables.score_files.wide import wide_columns

# Names by which the field calls a column, without case and signs. Of several steps the first here is taken.
NAMES: dict[str, tuple[str, ...]] = {
    "method": ("method", "algo", "algorithm", "alg", "agent", "model", "approach", "methodname", "algoname"),
    "task": (
        *("task", "env", "environment", "dataset", "envname", "envid", "taskname", "taskid"),
        *("datasetid", "datasetname", "environmentid", "environmentname"),
    ),
    "seed": ("seed", "trainseed", "trainingseed", "runseed", "randomseed", "seedid", "trial"),
    "step": (
        *("step", "steps", "update", "updates", "numupdates", "globalstep", "trainerglobalstep"),
        *(
            "gradientstep",
            "gradientsteps",
            "trainstep",
            "iteration",
            "iter",
            "timestep",
            "timesteps",
            "epoch",
        ),
    ),
    "score": (
        *("score", "scores", "scorepercent", "normalizedscore", "normalisedscore", "d4rlnormalizedscore"),
        *("d4rlnormalisedscore", "normscore", "evalscore", "d4rlscore", "finalscore", "meanscore", "value"),
        *("normalizedreturn", "normalisedreturn", "d4rlnormalizedreturn", "averagescore", "avgscore"),
        *("averagenormalizedscore", "avgnormalizedscore", "meannormalizedscore", "finalnormalizedscore"),
        *("normalizedscores", "normalizedreturns", "averagenormalizedreturn", "averagenormalizedreturns"),
        # OGBench and FQL; JaxCQL, whose code spells it so.
        *("episodenormalizedreturn", "averagenormalizdreturn"),
    ),
    "return": (
        *("return", "returns", "rawreturn", "episodereturn", "evalreturn", "meanreturn", "avgreturn"),
        *("averagereturn", "reward", "episodereward", "evalreward", "meanreward", "avgreward"),
        *("averagereward", "rawscore", "episodicreturn", "averagereturns", "episodereturns"),
    ),
    "episodes": (
        "episodes",
        "numepisodes",
        "nepisodes",
        "evalepisodes",
        "numevalepisodes",
        "episodesperseed",
    ),
    "selection": ("selection", "selectionrule", "checkpointrule"),
    "run": ("run", "runname", "name", "runid", "id", "experiment", "experimentname"),
}
# Words before a metric's name in a logger: eval/normalized_score, evaluation/return, config.seed.
_GROUPS = re.compile(
    r"^(?:eval|evaluation|test|config|summary|metrics?|offline|online|charts|rollout|log)[./_ -]+"
)
# A column of the spreads of means, after their name or alone.
_SPREAD = re.compile(
    r"(?:^|[^a-z])(?:std|stdev|stddev|sd|se|sem|stderr|std[._ ]?err|std[._ ]?dev|ci|ci95|spread)[)\]]?$",
    re.IGNORECASE,
)


def plain(name: str) -> str:
    """A column's name without case and signs, and without the logger's groups in front of it."""
    text = name.strip().lower()
    while match := _GROUPS.match(text):
        text = text[match.end() :]
    return re.sub(r"[^a-z0-9]", "", re.sub(r"(?<=.)[._ /([-]+(?:mean|avg|average)[)\]]?$", "", text))


@dataclass(frozen=True)
class Columns:
    """The columns of a file by role.

    Attributes:
        by_role: role -> column, those of the scores left out.
        values: columns of scores -> the texts by role that all of their cells have.
        is_return: whether the scores are raw returns, by the name of the column.
        unused: columns that have no role.
        guessed: roles that were guessed, with their columns.
        wide: what the columns of scores are, where there are several.
    """

    by_role: dict[str, str]
    values: dict[str, dict[str, str]]
    is_return: bool = False
    unused: list[str] = field(default_factory=list)
    guessed: list[tuple[str, str]] = field(default_factory=list)
    wide: str = ""

    def roles_of_file(self) -> list[str]:
        """The columns that have a role, those of the scores left out."""
        return list(self.by_role.values())

    def messages(self) -> list[str]:
        """What was guessed, and what is not used."""
        found = []
        if self.guessed:
            pairs = ", ".join(f"{role} from '{name}'" for role, name in self.guessed)
            found.append(f"Columns by their names: {pairs}.")
        if self.wide:
            found.append(self.wide)
        if self.unused:
            found.append(f"Columns not used ({len(self.unused)}): {_few(self.unused, 4)}.")
        return found


def _few(names: Sequence[str], most: int = 8) -> str:
    return first_of([f"'{name}'" for name in names], most)


def find_columns(names: Sequence[str], options: ScoreOptions, where: str) -> Columns:
    """The role of each column, as stated or by its name.

    Args:
        names: the columns of the file.
        options: what the user states.
        where: the file's header, for an error.

    Raises:
        TablesError: a stated column is absent, a name appears twice, two columns could have one role, or no
            column has the scores.
    """
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise TablesError(f"{where}: the column '{repeated[0]}' appears twice; keep one.")
    by_role: dict[str, str] = {}
    for role, column in options.columns.items():
        if column not in names:
            raise TablesError(f"{where} has no column '{column}' for {role}; it has {_few(names, 20)}.")
        by_role[role] = column
    guessed = []
    for role in ROLES:
        if (
            role in by_role
            or (role == "return" and "score" in by_role)
            or (role == "score" and "return" in by_role)
        ):
            continue
        free = [name for name in names if name not in by_role.values()]
        if guess := _guess(role, free, where):
            by_role[role] = guess
            guessed.append((role, guess))
    value = by_role.get("score") or by_role.get("return")
    is_return, wide = "return" in by_role, ""
    if value is not None:
        values: dict[str, dict[str, str]] = {value: {}}
        if "run" in by_role and {"method", "task", "seed"} <= set(by_role):
            guessed = [(role, name) for role, name in guessed if role != "run"]
            del by_role["run"]
    else:
        free = [name for name in names if name not in by_role.values()]
        values, wide = wide_columns(free, by_role, options)
        if not values:
            _refuse_means(free, by_role, values, where)
            raise TablesError(
                f"{where} has no column for the scores; it has {_few(names, 20)}. Name it score, "
                "normalized_score or return, or give columns=score:COLUMN."
            )
    _refuse_means([name for name in names if name not in by_role.values()], by_role, values, where)
    texts = {role: name for role, name in by_role.items() if role not in ("score", "return")}
    used = {*texts.values(), *values}
    return Columns(texts, values, is_return, [name for name in names if name not in used], guessed, wide)


def _refuse_means(
    free: Sequence[str], by_role: Mapping[str, str], values: Mapping[str, Mapping[str, str]], where: str
) -> None:
    """Refuse a table of means: it has a column of spreads, and nothing that tells runs apart."""
    spread = next((name for name in free if name not in values and _SPREAD.search(name.strip())), None)
    runs = {"seed", "run", "step"} & set(by_role) or any("seed" in texts for texts in values.values())
    if spread is not None and not runs:
        raise TablesError(
            f"{where} has the column '{spread}' and none of the seeds: means with their spreads, it seems; "
            "a score is that of one seed. Leave the column out if each row is a run; `recheck audit` reads "
            "tables of means."
        )


def _guess(role: str, names: Sequence[str], where: str) -> str | None:
    known = NAMES[role]
    found = [name for name in names if plain(name) in known]
    if role == "task" and "task" in found:
        # A table of one's own may name the environment next to the task.
        return "task"
    if len(found) > 1 and role in ("step", "run"):
        return min(found, key=lambda name: known.index(plain(name)))
    if len(found) > 1:
        raise TablesError(
            f"{where}: {' and '.join(repr(name) for name in found)} could each be the {role}; give "
            f"columns={role}:{found[0]}."
        )
    return found[0] if found else None
