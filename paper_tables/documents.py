"""What the documents with reported numbers are: title, year, and whose code made their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from recheck.errors import TablesError

from paper_tables import frames, literature

DOCUMENTS = literature.FOLDER / "documents.yaml"


@dataclass(frozen=True)
class Document:
    """A document of ``reported/``.

    Attributes:
        name: short name, the name of its file.
        title: as printed.
        year: in which it first appeared; None where it has no date.
        code: repository (owner/name) of each method's code; the key None means every other method.
    """

    name: str
    title: str
    year: int | None
    code: dict[str | None, tuple[str, ...]]

    def is_own_code(self, method: str, implementation: str) -> bool:
        """Whether the document's numbers for a method come from this implementation.

        Args:
            method: as ``method_key`` of the reported numbers.
            implementation: repository (owner/name), as in the public runs.
        """
        repositories = self.code.get(method, ()) + self.code.get(None, ())
        return implementation.lower() in {name.lower() for name in repositories}


def read_documents(path: Path = DOCUMENTS) -> dict[str, Document]:
    """The documents by short name.

    Raises:
        TablesError: the file is absent, breaks ``schemas/documents.schema.json`` or names one twice.
    """
    return dict(_read_own()) if path == DOCUMENTS else _read(path)


@cache
def _read_own() -> dict[str, Document]:
    """The package's own documents, read once in a process."""
    return _read(DOCUMENTS)


def _read(path: Path) -> dict[str, Document]:
    entries: list[dict[str, Any]] = frames.read_yaml(path, "documents")
    documents: dict[str, Document] = {}
    for entry in entries:
        if entry["document"] in documents:
            raise TablesError(f"{path} names '{entry['document']}' twice.")
        code: dict[str | None, tuple[str, ...]] = {}
        for item in entry["code"]:
            for method in item.get("methods", [None]):
                code[method] = (*code.get(method, ()), item["repository"])
        documents[entry["document"]] = Document(entry["document"], entry["title"], entry["year"], code)
    return documents
