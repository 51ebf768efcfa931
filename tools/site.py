"""What the site of documents (mkdocs.yml) has besides `docs/`: pages of the repository, generated references.

MkDocs calls `on_files` and `on_page_markdown`. Commands come from their own help, keys of the configuration
and columns of files from their schemas, so that no page of the reference can be out of date.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
# Pages outside `docs/`: file in the repository -> page of the site.
COPIED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "results/README.md": "results.md",
}
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]\n]*)\]\((?P<target>[^)\s:]+?)(?P<anchor>#[^)\s]*)?\)")
IMAGE = re.compile(r"(?P<start>!\[[^\]]*\]\()(?P<target>[^):\s]+)\)")
CHART = re.compile(r"^```mermaid\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
# What a Python user calls; each name is documented with all that it has in public.
PYTHON = {
    "Commands as functions": ["recheck_command.actions"],
    "Verdicts": [
        "paper_tables.verdicts.judge",
        "paper_tables.verdicts.decision_rule",
        "paper_tables.verdicts.sequential",
    ],
    "Statistics": ["paper_tables.statistics.aggregates"],
    "A method": ["algos.base"],
    "Files and errors": ["recheck.files", "recheck.schema", "recheck.errors"],
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in `docs/`."""
    pages = {page: (ROOT / source).read_text(encoding="utf-8") for source, page in COPIED.items()}
    pages |= {
        "reference/commands.md": "".join(commands()),
        "reference/configuration.md": "".join(configuration()),
        "reference/files.md": "".join(file_contracts()),
        "reference/python.md": "".join(python()),
    }
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn a link of the repository into one of the site; what the site does not have becomes plain text."""
    source = next((path for path, name in COPIED.items() if name == page.file.src_uri), None)
    source = source or f"docs/{page.file.src_uri}"

    def site(target: str) -> str | None:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        found = COPIED.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if found is None or files.get_file_from_path(found) is None:
            return None
        return posixpath.relpath(found, posixpath.dirname(page.file.src_uri) or ".")

    def link(match: re.Match[str]) -> str:
        target = site(match["target"])
        return match["text"] if target is None else f"[{match['text']}]({target}{match['anchor'] or ''})"

    def image(match: re.Match[str]) -> str:
        return f"{match['start']}{site(match['target']) or match['target']})"

    return IMAGE.sub(image, LINK.sub(link, CHART.sub(arrows, markdown)))


def arrows(chart: re.Match[str]) -> str:
    """A flow chart as a table of its arrows: the program that draws charts would be loaded from elsewhere."""
    found: dict[str, list[str]] = {}
    for start, end in re.findall(r"^\s*([\w.]+) --> ([\w.]+)$", chart["body"], re.MULTILINE):
        found.setdefault(start, []).append(end)
    rows = [
        f"| `{start}` | {', '.join(f'`{end}`' for end in ends)} |" for start, ends in sorted(found.items())
    ]
    return "\n".join(["| part | imports |", "|---|---|", *rows])


def commands() -> Iterator[str]:
    """The command `recheck` with each word's help, and the targets of make."""
    # Its imports are heavy, and only the site needs them.
    from recheck_command.__main__ import parser

    top = parser()
    yield f"# Commands\n\n## recheck\n\n```text\n{top.format_help().rstrip()}\n```\n"
    [words] = [action for action in top._actions if hasattr(action, "choices") and action.choices]
    for word, command in dict(words.choices or {}).items():
        yield f"\n## recheck {word}\n\n```text\n{command.format_help().rstrip()}\n```\n"
    yield "\n## make\n\n| command | what |\n|---|---|\n"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name, text in re.findall(r'@echo "(make \S+(?: \S+=\S+)?)\s{2,}(.*)"', makefile):
        yield f"| `{name}` | {text} |\n"
    yield "\n## snakemake\n\nTargets, each `snakemake TARGET --cores N`, with `--config key=value` of the "
    yield "[configuration](configuration.md).\n\n| target | what |\n|---|---|\n"
    for rules in sorted((ROOT / "workflow/rules").glob("*.smk")):
        head = re.match(r"(?:#[^\n]*\n)+", rules.read_text(encoding="utf-8"))
        text = " ".join(line.lstrip("# ") for line in head[0].splitlines()) if head else ""
        yield f"| `{rules.stem}` | {_cell(text)} |\n"


def configuration() -> Iterator[str]:
    """Every key that a user sets, from the schemas."""
    yield "# Configuration\n"
    for name in ("config", "experiment", "datasets", "tasks", "hyperparameters"):
        yield from _schema(ROOT / "workflow/schemas" / f"{name}.schema.json")


def file_contracts() -> Iterator[str]:
    """Every table that a stage writes and another reads, from the schemas."""
    yield "# Files\n\nEvery file is checked against its schema when it is written and when it is read.\n"
    for path in sorted((ROOT / "paper_tables/schemas").glob("*.schema.json")):
        yield from _schema(path)


def python() -> Iterator[str]:
    """The public functions and classes, from their docstrings."""
    yield "# Python\n"
    for heading, modules in PYTHON.items():
        yield f"\n## {heading}\n"
        yield from (f"\n::: {module}\n" for module in modules)


def _schema(path: Path) -> Iterator[str]:
    """One schema as a section: its description, and a row for each key or column."""
    schema = json.loads(path.read_text(encoding="utf-8"))
    name = path.name.removesuffix(".schema.json")
    yield f"\n## {schema.get('title') or name}\n\n"
    yield f"`{path.relative_to(ROOT)}`. {schema.get('description', '')}\n"
    found = dict(_properties(schema))
    if found:
        yield "\n| key | type | required | meaning |\n|---|---|---|---|\n"
        for key, (definition, required) in found.items():
            yield (
                f"| `{key}` | {_cell(_type(definition))} | {'yes' if required else 'no'} "
                f"| {_cell(definition.get('description', ''))} |\n"
            )


def _properties(schema: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Mapping[str, Any], bool]]]:
    """The keys of the object that a schema describes, or of the rows of a list."""
    for part in (schema, schema.get("items"), schema.get("additionalProperties")):
        if isinstance(part, dict) and "properties" in part:
            required = set(part.get("required", ()))
            for key, definition in part["properties"].items():
                yield key, (definition, key in required)


def _type(definition: Mapping[str, Any]) -> str:
    if "enum" in definition:
        return ", ".join("none" if value is None else f"`{value}`" for value in definition["enum"])
    if "const" in definition:
        return f"`{definition['const']}`"
    found = definition.get("type", "see the schema")
    names = [found] if isinstance(found, str) else list(found)
    return " or ".join("none" if name == "null" else str(name) for name in names)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
