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


def test_a_link_to_a_file_of_the_repository_is_plain_text(site):
    text = (site / "adding_a_method.html").read_text(encoding="utf-8")
    assert "algos/bc.py" in text
    assert "../algos/bc.py" not in text
