"""What the site of documents (mkdocs.yml) has besides `docs/`: pages of the repository, generated references.

MkDocs calls `on_files` and `on_page_markdown`. The pages of the reference are made by `reference.py`.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import reference  # type: ignore[import-not-found]  # next to this file; MkDocs adds the folder to the path
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


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in `docs/`."""
    pages = {page: (ROOT / source).read_text(encoding="utf-8") for source, page in COPIED.items()}
    for page, text in (pages | reference.pages()).items():
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
        if match["target"].startswith("#"):
            return match[0]  # a place of the same page
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
