"""A small experiment's folders, and its page."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from recheck import files

from paper_tables import frames
from paper_tables.report import __main__ as command
from paper_tables.report.contents import Sources

# One pixel wide, one high.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+M8AAAMBAQAY3Y2wAAAAAElFTkSuQmCC"
)
VERDICTS = "verdict,judged_at\nreproduced,\ninconclusive,\ninconclusive,\nreproduced,another table\n"
SUMMARY = """### Verdicts

Of 3 numbers with runs of ours: 1 reproduced.

| Table | Task | Method | Ours |
| --- | --- | --- | ---: |
| t | hopper-v0 | iql paper | 20.0 ✓<sup>set,d</sup> |

- A note with &lt;script&gt; in it.
"""


def score_rows() -> pd.DataFrame:
    """IQL at 10 and 30, behaviour cloning at 5, on one task at 1,000 updates."""
    rows = [("iql", 0, 10.0), ("iql", 1, 30.0), ("bc", 0, 5.0)]
    return pd.DataFrame(
        [
            {
                "method": method, "task": "hopper-v0", "variant": "paper", "digest": "0123abcd",
                "diffusion_steps": 0,
                "sampling": "default-00000000", "seed": seed, "selection": "last", "update": 1000,
                "score_percent": score, "num_episodes": 7, "comparability": "toy", "score_unit": "percent",
                "num_checkpoints": 1, "git_commit": "c" * 40, "git_dirty": False, "torch_version": "2.13.0",
                "content_sha256": "d" * 64,
            }
            for method, seed, score in rows
        ]
    )  # fmt: skip


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """The folders of an experiment `tiny`, as the earlier stages write them."""
    frames.write_parquet(score_rows(), tmp_path / "scores/tiny/scores.parquet", "scores")
    tables, figures, statistics = (tmp_path / name / "tiny" for name in ("tables", "figures", "statistics"))
    texts = {
        tables / "verdicts.csv": VERDICTS,
        tables / "verdict_summary.md": SUMMARY,
        tables / "scores.md": "### tiny: scores\n\n| Method | hopper-v0 |\n| --- | ---: |\n| iql | 20.0 |\n",
        tables / "scores.csv": "Method,hopper-v0\niql,20.0 (2)\nbc,–\n",
        tables / "empty_table.md": "| Task | Method |\n| --- | --- |\n| nothing of ours | – |\n",
        tables / "empty_table_cells.csv": "task,our_scores_percent\nhopper-v0,\n",
        tables / "full_table.md": "| Task | Column |\n| --- | --- |\n| hopper-v0 | diffusion_ql N=5 |\n",
        tables / "full_table_cells.csv": "task,our_scores_percent\nhopper-v0,10.0 30.0\n",
        statistics / "summary.md": "### Aggregates\n\n| Method | IQM |\n| --- | ---: |\n| bc | 5 |\n",
        statistics / "left_out.csv": "what,reason\nprofiles,too few seeds\n",
        figures / "index.csv": "figure,drawn,caption\ncost,yes,What it cost.\nforest,yes,Ours & theirs.\n",
    }
    for path, text in texts.items():
        files.write_text(path, text)
    files.write_json(tables / "record.json", {"stage": "tables"})
    for name in ("cost", "forest"):
        (figures / f"{name}.png").write_bytes(PNG)
    (figures / "forest.pdf").write_bytes(b"%PDF")
    return Sources(
        name="tiny",
        title="Experiment tiny",
        description="One method <b>& another</b>.",
        command="snakemake --cores 2 --config experiment=tiny",
        scores=str(tmp_path / "scores/tiny"),
        statistics=str(statistics),
        tables=str(tables),
        figures=(str(figures),),
    )


@pytest.fixture
def reevaluated(sources: Sources, tmp_path: Path) -> Sources:
    """The same with published policies that were played again."""
    folder = tmp_path / "reevaluated"
    files.write_text(
        folder / "comparison.md", "### Published\n\n| Task | Method |\n| --- | --- |\n| a | iql x |\n"
    )
    files.write_text(folder / "comparison.csv", "Task,Method,Here\na,iql x,3.0\n")
    files.write_json(folder / "comparison.json", {"agrees": True, "sentence": "Your machine agrees."})
    return replace(sources, reevaluated=str(folder))


@pytest.fixture
def page(sources: Sources, tmp_path: Path) -> Path:
    """The page of `tiny`, with the index."""
    path = tmp_path / "reports/tiny.html"
    command.write(sources, path, tmp_path / "report.html")
    return path
