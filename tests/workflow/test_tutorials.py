"""The tutorials by their own words: files are written and commands run as they are printed, in order."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def transcripts(page: str) -> list[tuple[str, list[str]]]:
    """(command, lines that it prints) of every transcript of a page."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = []
    for block in re.findall(r"^```text\n\$ (.*?)^```", text, re.M | re.S):
        command, *lines = block.splitlines()
        found.append((command, lines))
    return found


def files(page: str) -> list[tuple[str, str, bool]]:
    """(path, content, whether it is added to a file that is there) of every file that a page writes."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    pattern = r"^(Added to )?`([\w./]+)`:\n\n```(?:csv|yaml)\n(.*?)^```"
    return [(path, body, bool(added)) for added, path, body in re.findall(pattern, text, re.M | re.S)]


def assert_printed(shown: list[str], printed: str) -> None:
    """The shown lines are printed in this order, without a gap but at `...`."""
    lines = printed.splitlines()
    place = 0
    for position, line in enumerate(shown):
        if line == "...":
            continue
        gap = position == 0 or shown[position - 1] == "..."
        assert line in (lines[place:] if gap else lines[place : place + 1]), (
            f"{line!r} is not printed:\n{printed}"
        )
        place = lines.index(line, place) + 1


def start(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of a page in a copy of the repository."""
    program, *words = shlex.split(command)
    module = {"recheck": ["-m", "recheck_command"], "snakemake": ["-m", "snakemake"], "python": []}[program]
    path = os.pathsep.join([str(folder), str(folder / "workflow/src"), str(ROOT)])  # `algos` is not copied
    return subprocess.run(
        [sys.executable, *module, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def run(folder: Path, command: str) -> str:
    """What a command prints, of `recheck` without its messages; it ends well."""
    done = start(folder, command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout if command.startswith("recheck") else done.stdout + done.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the commands read, with the files of the tutorial on a new paper."""
    folder = tmp_path_factory.mktemp("checkout")
    ignore = shutil.ignore_patterns("__pycache__", "behaviors")
    for name in ("paper_tables", "workflow", "docs/examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    shutil.copy(ROOT / "Snakefile", folder)
    (folder / "profiles").symlink_to("workflow/profiles")
    written = files("new_paper.md")
    assert [added for _, _, added in written] == [False, True, False]
    for path, body, added in written:
        target = folder / path
        assert target.is_file() == added
        target.write_text((target.read_text(encoding="utf-8") if added else "") + body, encoding="utf-8")
    return folder


NEW_PAPER = transcripts("new_paper.md")


@pytest.mark.parametrize(("command", "shown"), NEW_PAPER, ids=[command for command, _ in NEW_PAPER])
def test_a_command_of_the_new_paper_prints_what_the_page_shows(
    checkout: Path, command: str, shown: list[str]
):
    assert_printed(shown, run(checkout, command))
    assert len(NEW_PAPER) == 4
    if "paper_tables.audit" in command:
        page = (ROOT / "docs/new_paper.md").read_text(encoding="utf-8")
        [sentence] = re.findall(r"^    (The printed total .*)$", page, re.M)
        assert sentence in (checkout / "results/audit/audit.md").read_text(encoding="utf-8")


def test_a_mistake_in_the_new_papers_numbers_is_refused_in_one_message(checkout: Path, tmp_path: Path):
    """What the page says of a wrong transcription: refused, with the file and the column."""
    path = checkout / "paper_tables/reported/walkthrough.csv"
    text = path.read_text(encoding="utf-8")
    try:
        for old, new, words in (
            ("cell,,,71.2,1,", "cell,,,seventy,1,", ("walkthrough.csv", "score_percent", "seventy")),
            ("standard_deviation_over_seeds,", "sd,", ("walkthrough.csv", "spread_kind", "'sd'")),
            (",confidence,", ",", ("walkthrough.csv", "lacks", "confidence")),
        ):
            assert old in text
            path.write_text(text.replace(old, new, 1), encoding="utf-8")
            done = start(checkout, f"python -m paper_tables.audit --output {tmp_path} --document walkthrough")
            assert done.returncode == 2
            assert all(word in done.stderr for word in words)
            assert len(done.stderr.splitlines()) == 1
    finally:
        path.write_text(text, encoding="utf-8")


def test_a_line_that_is_not_printed_is_found():
    assert_printed(["b", "...", "d"], "a\nb\nc\nd\ne")
    for shown in (["a", "c"], ["d", "...", "b"], ["f"]):
        with pytest.raises(AssertionError, match="is not printed"):
            assert_printed(shown, "a\nb\nc\nd\ne")


def shape(text: str) -> str:
    """A text without its numbers: the steps, and so counts of rows, depend on the processor."""
    return re.sub(r"own-my-[0-9a-f]{8}|\d[\d.,]*(e-\d+)?", "N", text)


def test_your_own_file_is_made_checked_and_read_as_the_page_says(checkout: Path):
    page = (ROOT / "docs/own_data.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", page, re.S)
    start(checkout, shlex.join(["python", "-c", code])).check_returncode()
    [(command, shown)] = transcripts("own_data.md")
    printed = run(checkout, command)
    assert len(shown) == 6
    assert shape(printed) == shape("\n".join(shown) + "\n")
    assert 1500 < int(re.findall(r"\[(\d+)", printed)[0]) < 3000

    [first, second] = re.findall(r"```sh\n(snakemake .*)\n```", page)
    assert second == first.replace("seeds=2", "seeds=3")
    run(checkout, first.replace("snakemake", "snakemake --until file_dataset"))
    [log] = (checkout / "results/logs/datasets").glob("own-my-*.log")
    [said] = re.findall(r"```\n(own-my-.*?)```", page, re.S)
    assert shape(log.read_text(encoding="utf-8")) == shape(said)


def test_the_stages_of_the_first_run_are_rules():
    page = (ROOT / "docs/first_run.md").read_text(encoding="utf-8")
    [block] = re.findall(r"<!-- stages -->\n```text\n(.*?)```", page, re.S)
    names = {line.split()[0] for line in block.splitlines()}
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").glob("*.smk")]
    assert names <= {name for text in texts for name in re.findall(r"^ *rule (\w+):", text, re.M)}
    explained = page.split("| stage | what happens |")[1].split("\n\n")[0]
    # The first call alone has it: later ones find the dataset.
    assert names | {"recollected_dataset"} == set(re.findall(r"`(\w+)`", explained))


def test_the_sections_of_the_first_page_are_its_headings():
    """What the tutorial says to read is what a page has, in its order."""
    page = (ROOT / "docs/first_run.md").read_text(encoding="utf-8")
    listed = page.split("| section | what it says |")[1].split("\n\n")[0]
    sections = re.findall(r"^\| ([A-Z][\w ]+) \|", listed, re.M)
    template = (ROOT / "paper_tables/report/page/experiment.html").read_text(encoding="utf-8")
    links = re.findall(r'<a href="#\w+">([^<]+)</a>', template.split("</nav>")[0])
    assert sections == links
