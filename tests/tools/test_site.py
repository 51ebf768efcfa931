"""The site of documents builds without a warning, and has what is generated."""

import os
import re
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def site(repository, tmp_path_factory):
    """The built site; a warning (a dead link, a page that no menu has) ends the build."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    process = subprocess.run(
        command, cwd=repository, env=environment, capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")
    return folder


def test_the_first_page_is_the_readme_with_its_table_and_links(site):
    text = (site / "index.html").read_text(encoding="utf-8")
    assert "Independent runs, spread printed" in text
    assert 'href="own_scores.html"' in text
    assert re.search(r'src="images/published_\w+\.png"', text)
    assert (site / "images/published_forest_first.png").is_file()


def test_the_reference_has_every_word_key_and_column(site):
    commands = (site / "reference/commands.html").read_text(encoding="utf-8")
    assert all(f'id="recheck-{word}"' in commands for word in ("check", "table", "audit", "doctor"))
    assert "--like" in commands
    configuration = (site / "reference/configuration.html").read_text(encoding="utf-8")
    assert "<code>budget_hours</code>" in configuration or "<code>train_on</code>" in configuration
    files = (site / "reference/files.html").read_text(encoding="utf-8")
    assert "<code>paper_tables/schemas/scores.schema.json</code>" in files
    assert 'id="recheck_command.actions.audit"' in (site / "reference/python.html").read_text(
        encoding="utf-8"
    )


def test_no_page_loads_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]*\ssrc="?(?:https?:)?//[^>]*>', text)
        loaded += re.findall(
            r'<link[^>]*rel="?(?:stylesheet|preconnect)"?[^>]*href="?(?:https?:)?//[^>]*>', text
        )
        assert loaded == [], page
        # The theme fetches a program for such elements.
        assert 'class="mermaid"' not in text, page


def test_the_picture_of_the_rooms_is_a_table_of_imports(site):
    text = (site / "architecture.html").read_text(encoding="utf-8")
    row = re.search(r"<td><code>paper_tables\.prices</code></td>\s*<td>(.*?)</td>", text)
    assert row
    assert row[1] == "<code>paper_tables.config</code>"
    assert "--&gt;" not in text


def test_a_link_to_a_file_of_the_repository_is_plain_text(site):
    text = (site / "adding_a_method.html").read_text(encoding="utf-8")
    assert "algos/bc.py" in text
    assert "../algos/bc.py" not in text


def test_a_link_to_a_place_of_the_same_page_stays(site):
    text = (site / "how_we_know.html").read_text(encoding="utf-8")
    for place in ("programs-planted-faults", "your-machine"):
        assert f'href="#{place}"' in text.split("</table>")[0].split("<table>")[1]
        assert f'id="{place}"' in text


def test_the_menu_has_the_kinds_of_pages(site):
    text = (site / "index.html").read_text(encoding="utf-8")
    tabs = re.findall(r'<a href="([\w/]+\.html)" class="md-tabs__link">\s*(?:<[^>]+>\s*)*([\w-]+)', text)
    assert [name for _, name in tabs] == ["Recheck", "Tutorials", "How-to", "Reference", "Explanation"]
