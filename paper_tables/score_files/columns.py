"""Which column of a file has which role: by its name, said, and never chosen between two."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from recheck.errors import TablesError

from paper_tables.score_files.options import ROLES, ScoreOptions

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
    ),
    "return": (
        *("return", "returns", "rawreturn", "episodereturn", "evalreturn", "meanreturn", "avgreturn"),
        *("averagereturn", "reward", "episodereward", "evalreward", "meanreward", "avgreward"),
        *("averagereward", "rawscore", "episodicreturn"),
    ),
    "selection": ("selection", "selectionrule", "checkpointrule"),
    "run": ("run", "runname", "name", "runid", "id", "experiment", "experimentname"),
}
# Words before a metric's name in a logger: eval/normalized_score, evaluation/return, config.seed.
_GROUPS = re.compile(
    r"^(?:eval|evaluation|test|config|summary|metrics?|offline|online|charts|rollout|log)[./_ -]+"
)
SEED_COLUMN = re.compile(r"^(?:seed|run|trial|s)?[ _#-]*(\d+)$", re.IGNORECASE)


def plain(name: str) -> str:
    """A column's name without case and signs, and without the logger's groups in front of it."""
    text = name.strip().lower()
    while match := _GROUPS.match(text):
        text = text[match.end() :]
    return re.sub(r"[^a-z0-9]", "", re.sub(r"(?<=.)[._ /-](?:mean|avg|average)$", "", text))


@dataclass(frozen=True)
class Columns:
    """The columns of a file by role.

    Attributes:
        by_role: role -> column.
        seeds: columns with one seed each, of a wide table.
        unused: columns that have no role.
        guessed: roles that were guessed.
    """

    by_role: dict[str, str]
    seeds: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    guessed: list[str] = field(default_factory=list)

    def messages(self) -> list[str]:
        """What was guessed, and what is not used."""
        found = []
        if self.guessed:
            pairs = ", ".join(f"{role} from '{self.by_role[role]}'" for role in self.guessed)
            found.append(f"Columns by their names: {pairs}.")
        if self.seeds and "metric" in self.by_role:
            found.append(
                f"A chart's export: {len(self.seeds)} runs, metric '{self.by_role['metric']}', step "
                f"'{self.by_role['step']}'."
            )
        elif self.seeds:
            found.append(f"One seed in each of the {len(self.seeds)} columns {_few(self.seeds)}.")
        if self.unused:
            found.append(f"Columns not used ({len(self.unused)}): {_few(self.unused, 4)}.")
        return found


def _few(names: Sequence[str], most: int = 8) -> str:
    listed = ", ".join(f"'{name}'" for name in names[:most])
    return listed + (f" and {len(names) - most} more" if len(names) > most else "")


def find_columns(names: Sequence[str], options: ScoreOptions, where: str) -> Columns:
    """The role of each column, as stated or by its name.

    Args:
        names: the columns of the file.
        options: what the user states.
        where: the file's header, for an error.

    Raises:
        TablesError: a stated column is absent, a name is there twice, two columns could have one role, or no
            column has the scores.
    """
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise TablesError(f"{where}: the column '{repeated[0]}' is there twice; keep one.")
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
            guessed.append(role)
    seeds: list[str] = []
    if "score" not in by_role and "return" not in by_role:
        seeds = [name for name in names if SEED_COLUMN.match(name.strip()) and name not in by_role.values()]
        if not seeds:
            raise TablesError(
                f"{where} has no column for the scores; it has {_few(names, 20)}. Name it score, "
                "normalized_score or return, or say columns=score:COLUMN."
            )
    elif "run" in by_role and {"method", "task", "seed"} <= set(by_role):
        guessed = [role for role in guessed if role != "run"]
        del by_role["run"]
    used = {*by_role.values(), *seeds}
    return Columns(by_role, seeds, [name for name in names if name not in used], guessed)


def _guess(role: str, names: Sequence[str], where: str) -> str | None:
    known = NAMES[role]
    found = [name for name in names if plain(name) in known]
    if len(found) > 1 and role in ("step", "run"):
        return min(found, key=lambda name: known.index(plain(name)))
    if len(found) > 1:
        raise TablesError(
            f"{where}: {' and '.join(repr(name) for name in found)} could each be the {role}; say "
            f"columns={role}:{found[0]}."
        )
    return found[0] if found else None
