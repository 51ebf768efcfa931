"""Generated tables and figures in documents: what is put in, what is refused, and the README itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.evidence.frame import evidence_frame
from paper_tables.evidence.judgement import Inputs, judge_all
from paper_tables.evidence.tables import first_screen
from paper_tables.figures import __main__ as figures
from paper_tables.figures.evidence import draw_first_forest, with_evidence
from paper_tables.figures.style import Figures
from paper_tables.publish import __main__ as publish
from paper_tables.publish import readme as readme_module
from paper_tables.rendering import table as table_module
from paper_tables.scores import tables as tables_module
from paper_tables.statistics import __main__ as statistics
from paper_tables.tables import __main__ as tables

REPOSITORY = Path(__file__).resolve().parents[3]
PUBLISHED = REPOSITORY / "results/published"

TABLE = "### A title\n\nA sentence.\n\n| A | B |\n| --- | ---: |\n| x | 1 |\n\n- A note.\n"
DOCUMENT = """# Ours

<!-- table: one.md -->
stale

<!-- end of table -->
Between.
<!-- table: two.md, rows only -->
<!-- end of table -->
![The figure](docs/images/published_steps.png)
![Another](docs/images/by_hand.png)
"""
FILLED = """# Ours

<!-- table: one.md -->

A sentence.

| A | B |
| --- | ---: |
| x | 1 |

- A note.

<!-- end of table -->
Between.
<!-- table: two.md, rows only -->

| A | B |
| --- | ---: |
| y | 1 |

<!-- end of table -->
![The figure](docs/images/published_steps.png)
![Another](docs/images/by_hand.png)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A document, two folders of tables, one of figures."""
    for folder, name, text in (
        ("tables", "one.md", TABLE),
        ("statistics", "one.md", "another table of that name"),
        ("statistics", "two.md", TABLE.replace("x", "y")),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(text, encoding="utf-8")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/steps.png").write_bytes(b"a picture")
    (tmp_path / "README.md").write_text(DOCUMENT, encoding="utf-8")
    return tmp_path


def call(place: Path, *words: str) -> int:
    found = ["--tables", str(place / "tables"), "--tables", str(place / "statistics")]
    return readme_module.main([*found, "--figures", str(place / "figures"), *words, str(place / "README.md")])


def test_tables_and_figures_are_put_in_and_stay(place: Path):
    assert call(place) == 0
    assert (place / "README.md").read_text(encoding="utf-8") == FILLED
    assert (place / "docs/images/published_steps.png").read_bytes() == b"a picture"
    assert not (place / "docs/images/by_hand.png").exists()
    assert call(place, "--check") == 0
    assert call(place) == 0
    assert (place / "README.md").read_text(encoding="utf-8") == FILLED


def test_a_check_names_what_differs_and_writes_nothing(place: Path, capsys: pytest.CaptureFixture[str]):
    assert call(place, "--check") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for words in (
        "the table one.md (line 3)",
        "the table two.md (line 8)",
        "the figure docs/images/published_steps.png",
        "`snakemake readme --cores 1 -F --config scores=published` updates it",
    ):
        assert words in error
    assert (place / "README.md").read_text(encoding="utf-8") == DOCUMENT
    assert not (place / "docs").exists()
    # One letter, one byte.
    assert call(place) == 0
    (place / "README.md").write_text(FILLED.replace("| x | 1 |", "| x | 2 |"), encoding="utf-8")
    (place / "docs/images/published_steps.png").write_bytes(b"a Picture")
    assert call(place, "--check") == 2
    error = capsys.readouterr().err
    assert "one.md" in error
    assert "two.md" not in error
    assert "published_steps.png" in error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- table: one.md -->\n", "line 1: the table one.md has no line <!-- end of table -->"),
        ("x\n<!-- end of table -->\n", "line 2: '<!-- end of table -->' has no partner"),
        ("<!-- table: one.md -->\n<!-- table: two.md -->\n<!-- end of table -->\n", "line 2: .* no partner"),
        ("<!-- table one.md -->\n<!-- end of table -->\n", "line 1: .* names no table"),
        (
            "<!-- table: none.md -->\n<!-- end of table -->\n",
            "hold no table none.md; known are one.md, two.md",
        ),
        ("![x](docs/images/published_none.png)\n", "hold no figure none; known are steps"),
        ("Nothing generated.\n", "shows no generated table or figure"),
    ],
)
def test_what_cannot_be_put_in_is_refused_in_one_message(
    place: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
):
    (place / "README.md").write_text(text, encoding="utf-8")
    for words in ([], ["--check"]):
        assert call(place, *words) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        with pytest.raises(TablesError, match=message):
            raise TablesError(error)
    assert (place / "README.md").read_text(encoding="utf-8") == text


def test_an_absent_document_is_refused(place: Path, capsys: pytest.CaptureFixture[str]):
    (place / "README.md").unlink()
    assert call(place) == 2
    assert "There is no file" in capsys.readouterr().err


# --- Published scores, rebuilt ---


def commands(published: Path, folder: Path, *coarse: str) -> list[tuple[object, list[str]]]:
    """What `snakemake tables figures --config scores=published` calls: module and arguments."""
    found = ["--scores", str(published)]
    judged = ["--statistics", str(folder / "statistics"), "--verdicts", str(folder / "tables/verdicts.csv")]
    return [
        (statistics, [*found, *coarse, "--output", str(folder / "statistics")]),
        (
            tables,
            [*found, "--layout", "all", "--experiment", "published", "--output", str(folder / "tables")],
        ),
        (figures, [*found, *judged, "--output", str(folder / "figures")]),
    ]


def rebuild(published: Path, folder: Path, *coarse: str) -> None:
    for module, arguments in commands(published, folder, *coarse):
        assert module.main(arguments) == 0  # type: ignore[attr-defined]


@pytest.mark.slow
def test_published_scores_rebuild_everything_byte_for_byte_without_torch(
    gathered_experiment: Path, tmp_path: Path
):
    """Once here; once in another folder, by interpreters that have no torch and order sets otherwise."""
    coarse = ["--replicates", "100", "--coverage-studies", "2"]
    for name in tables_module.FILES:
        part = tables_module.read(gathered_experiment, name).query(
            "task == 'walker-easy-v0' and diffusion_steps < 10"
        )
        frames.write_parquet(part, tmp_path / "gathered" / f"{name}.parquet", name)
    publish.publish([tmp_path / "gathered"], ["made-up"], tmp_path / "published")
    rebuild(tmp_path / "published", tmp_path / "first", *coarse)
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked/torch.py").write_text("raise ImportError('torch is blocked in this test')\n")
    path = os.pathsep.join([str(tmp_path / "blocked"), str(REPOSITORY), str(REPOSITORY / "workflow/src")])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "7"}
    for module, arguments in commands(tmp_path / "published", tmp_path / "second", *coarse):
        command = [sys.executable, "-m", module.__name__.removesuffix(".__main__"), *arguments]  # type: ignore[attr-defined]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.*"))}
        for folder in (tmp_path / "first", tmp_path / "second")
    )
    names = {str(path) for path in first}
    assert {"tables/scores.md", "tables/verdict_summary.md", "figures/steps.png"} <= names
    assert {"figures/steps.pdf", "statistics/summary.md"} <= names
    assert [path for path in first if first[path] != second.get(path)] == []
    assert set(first) == set(second)


@pytest.mark.slow
def test_readme_and_study_show_what_the_published_scores_give(tmp_path: Path):
    """Byte for byte; a release without these is one whose README shows something else than its data."""
    documents = [REPOSITORY / "README.md", REPOSITORY / "docs/study.md"]
    texts = [document.read_text(encoding="utf-8") for document in documents]
    shown = [block for text in texts for block in readme_module.blocks(text, "a document")]
    pictures = {path: figure for text in texts for path, figure in readme_module.pictures(text).items()}
    if not list(PUBLISHED.glob("*.parquet")):
        assert [block.name for block in shown if block.body] == []
        assert pictures == {}
        pytest.skip("results/published holds no tables: nothing of ours has been published yet")
    publish.check_together(
        {name: tables_module.read(PUBLISHED, name) for name in tables_module.FILES}, "results/published"
    )
    assert {"reference_runs.md", "verdict_summary.md"} & {block.name for block in shown}
    assert "first_screen.md" in {block.name for block in shown}
    assert {"steps", "forest_first"} <= set(pictures.values())
    rebuild(PUBLISHED, tmp_path)
    found = judge_all(Inputs.read())
    table_module.write(first_screen(evidence_frame(found)), tmp_path / "tables", "first_screen")
    draw_first_forest(with_evidence(found), Figures(tmp_path / "figures"))
    folders = [tmp_path / "tables", tmp_path / "statistics"]
    for document in documents:
        assert readme_module.differences(document, folders, [tmp_path / "figures"]) == []
