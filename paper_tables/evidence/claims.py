"""Claims in prose as data: who says what of a method, what the source says, and the check that shows it.

    python -m paper_tables.evidence.claims

prints every claim with its verdict and runs its check. The claims are in ``paper_tables/claims/``.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recheck.cli import run
from recheck.errors import TablesError

from paper_tables import frames, literature
from paper_tables.audit.known_errors import read_known_errors
from paper_tables.evidence.claim_checks import CHECKS, Shown

FOLDER = Path(__file__).parents[1] / "claims"


@dataclass(frozen=True)
class Source:
    """What one source says: owner/name@commit, arXiv number or address; the place in it; a sentence."""

    source: str
    place: str
    says: str

    @property
    def address(self) -> str:
        """Where a reader can look it up."""
        if self.source.startswith("arXiv:"):
            return f"https://arxiv.org/abs/{self.source.removeprefix('arXiv:')}"
        if self.source.startswith("https://"):
            return self.source
        repository, commit = self.source.split("@")
        return f"https://github.com/{repository}/tree/{commit}"


@dataclass(frozen=True)
class ProseClaim:
    """A claim in prose.

    Attributes:
        id: stable name.
        known_error: number in ``reported/known_errors.yaml``, or None.
        claimed_by: name of who claims it.
        document: its name among the reported documents, or None.
        kind: paper, release, note, leaderboard or reading.
        where: section, table, option or file.
        claim: one sentence.
        evidence: what the sources say.
        verdict: holds, contradicted or unclear.
        check: name of the function that shows it, or None.
    """

    id: str
    known_error: int | None
    claimed_by: str
    document: str | None
    kind: str
    where: str
    claim: str
    evidence: tuple[Source, ...]
    verdict: str
    check: str | None

    def shown(self) -> Shown | None:
        """The result of its check; None where it has none.

        Raises:
            TablesError: the check finds otherwise than the verdict says.
        """
        if self.check is None:
            return None
        result = CHECKS[self.check]()
        if result.holds != (self.verdict == "holds"):
            raise TablesError(
                f"The claim '{self.id}' is {self.verdict}, but its check says: {result.sentence}"
            )
        return result


def read_claims(folder: Path = FOLDER) -> list[ProseClaim]:
    """All claims, by file and in each file's order.

    Raises:
        TablesError: a file is not YAML or breaks ``schemas/claims.schema.json``, an id appears twice, or a
            document, known error or check does not exist.
    """
    claims: list[ProseClaim] = []
    documents = set(literature.documents())
    numbers = {entry["number"] for entry in read_known_errors()}
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise TablesError(f"There is no YAML file of claims in {folder}.")
    for path in files:
        for entry in _entries(path):
            claim = _claim(entry)
            where = f"{path}, claim '{claim.id}'"
            if any(other.id == claim.id for other in claims):
                raise TablesError(f"{where}: the id appears twice.")
            if claim.document is not None and claim.document not in documents:
                raise TablesError(f"{where}: there is no document '{claim.document}'.")
            if claim.known_error is not None and claim.known_error not in numbers:
                raise TablesError(f"{where}: there is no known error {claim.known_error}.")
            if claim.check is not None and claim.check not in CHECKS:
                raise TablesError(
                    f"{where}: there is no check '{claim.check}'; known are {', '.join(CHECKS)}."
                )
            claims.append(claim)
    return claims


def _entries(path: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = frames.read_yaml(path, "claims")
    return entries


def _claim(entry: dict[str, Any]) -> ProseClaim:
    who = entry["claimed_by"]
    return ProseClaim(
        id=entry["id"],
        known_error=entry["known_error"],
        claimed_by=who["name"],
        document=who.get("document"),
        kind=who["kind"],
        where=who["where"],
        claim=entry["claim"],
        evidence=tuple(Source(**source) for source in entry["evidence"]),
        verdict=entry["verdict"],
        check=entry.get("check"),
    )


def claims_table(claims: list[ProseClaim]) -> list[str]:
    """The claims as lines of a Markdown table."""
    lines = ["| claimed by | claim | verdict | what the source says | check |", "|---|---|---|---|---|"]
    for claim in claims:
        says = " ".join(
            f"[{source.source} {source.place}]({source.address}): {source.says}" for source in claim.evidence
        )
        check = f"`{claim.check}`" if claim.check else ""
        cells = (f"{claim.claimed_by}, {claim.where}", claim.claim, claim.verdict, says, check)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.evidence.claims", description="Print the claims and run their checks."
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder of the claims")
    options = parser.parse_args(arguments)

    def show() -> None:
        for claim in read_claims(options.folder):
            result = claim.shown()
            print(f"{claim.verdict}: {claim.claimed_by} ({claim.where}): {claim.claim}")
            for source in claim.evidence:
                print(f"    {source.source} {source.place}: {source.says}")
            if result is not None:
                print(f"    computed: {result.sentence}")

    return run(show)


if __name__ == "__main__":
    sys.exit(main())
