"""Pages as HTML: jinja2 templates in ``page/``, tables from their Markdown, pictures inside the page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from paper_tables.figures.style import PNG_DOTS_PER_INCH
from paper_tables.rendering import names
from paper_tables.rendering.table import MARKS
from paper_tables.report.contents import Page

FOLDER = Path(__file__).parent / "page"
CSS_DOTS_PER_INCH = 96
# A figure is made for paper; on a screen it is shown larger.
FIGURE_SCALE = 1.35
# Columns whose cells are labels of configurations.
LABEL_COLUMNS = ("Method", "Column")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["table"] = markdown_table
    environment.filters["picture"] = picture
    environment.filters["figure_width"] = figure_width
    return environment


def experiment_page(page: Page) -> str:
    """The page of one experiment as HTML."""
    signs = {verdict: sign for verdict, (sign, _) in MARKS.items()}
    return _environment().get_template("experiment.html").render(page=page, signs=signs, css=_css())


def index_page(summaries: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, str]]) -> str:
    """The index as HTML.

    Args:
        summaries: of the pages, as `Page.summary` gives them, with the page's address as `address`.
        others: of pages that are not an experiment's: `address`, `title`, `description`, `command` and,
            where they are known, `counts`.
    """
    return _environment().get_template("index.html").render(pages=summaries, others=others, css=_css())


def _css() -> Markup:
    return Markup((FOLDER / "page.css").read_text(encoding="utf-8"))


def markdown_table(text: str) -> Markup:
    """A table of `rendering.table.markdown` as HTML: labels become display names, the table can scroll.

    Cells are literal text there: ``<sup>`` is the only element that the writer puts in.
    """
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(text)
    _name_labels(tokens)
    html = parser.renderer.render(tokens, parser.options, {})
    html = html.replace("<table>", '<div class="scroll" tabindex="0"><table>')
    return Markup(html.replace("</table>", "</table></div>"))


def _name_labels(tokens: Sequence[Token]) -> None:
    """Put display names into headings and the columns of labels."""
    column = 0
    labels: set[int] = set()
    for place, token in enumerate(tokens):
        if token.type in ("tr_open", "thead_open"):
            column = 0
        elif token.type == "table_open":
            labels = set()
        elif token.type in ("th_open", "td_open"):
            inline = tokens[place + 1]
            if token.type == "th_open" and inline.content in LABEL_COLUMNS:
                labels.add(column)
            if (token.type == "th_open" or column in labels) and inline.children:
                for child in inline.children[:1]:
                    child.content = _named(child.content)
            column += 1


def _named(text: str) -> str:
    """The display name of a label; other words stay."""
    known = names.load_names().names
    return names.display_name(text) if text and names.method_of(text) in known else text


def picture(path: Path) -> str:
    """A PNG as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def figure_width(path: Path) -> int:
    """The width in CSS pixels at which a figure of the project is shown."""
    with path.open("rb") as file:
        pixels = int.from_bytes(file.read(20)[16:20], "big")
    return round(pixels / PNG_DOTS_PER_INCH * CSS_DOTS_PER_INCH * FIGURE_SCALE)
