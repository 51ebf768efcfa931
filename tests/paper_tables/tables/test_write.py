"""The command that writes an experiment's tables."""

import subprocess
import sys

import pandas as pd

from paper_tables import frames
from paper_tables.tables import __main__ as tables
from tests.paper_tables.tables.runs import some_runs


def test_the_command_writes_the_same_bytes_twice_without_torch(d3rlpy, tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from paper_tables.tables.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = ["--scores", str(d3rlpy), "--layout", "all", "--experiment", "d3rlpy", "--output"]
    for name in ("first", "second"):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments, str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "second").iterdir())
    assert {"scores.md", "scores.csv", "scores.tex", "selection.md", "verdicts.csv", "iql_table_1.md"} <= set(
        names
    )
    for name in names:
        first = (tmp_path / "first" / name).read_bytes()
        assert first == (tmp_path / "second" / name).read_bytes()
        assert str(tmp_path).encode() not in first


def test_judged_cells_are_gathered_for_the_figures(tmp_path):
    runs = some_runs({"halfcheetah-medium-v2": [51.0, 51.1, 51.2], "hopper-medium-v2": [20.0, 21.0, 20.5]})
    scores_folder = tmp_path / "scores"
    frames.write_parquet(runs, scores_folder / "scores.parquet", "scores")
    arguments = [
        "--scores",
        str(scores_folder),
        "--layout",
        "diffusion_ql_table_1",
        "--output",
        str(tmp_path / "out"),
    ]
    assert tables.main(arguments) == 0
    gathered = pd.read_csv(tmp_path / "out" / "verdicts.csv")
    assert list(gathered["task"]) == ["halfcheetah-medium-v2", "hopper-medium-v2"]
    assert gathered["verdict"].notna().all()
    summary = (tmp_path / "out" / "verdict_summary.md").read_text(encoding="utf-8")
    assert "Of 2 numbers with runs of ours: " in summary.split("| Table |")[0]
    both = pd.read_csv(tmp_path / "out" / "diffusion_ql_table_1_cells.csv")
    assert {"verdict", "adjusted_verdict", "flags", "smallest_margin_percent"} <= set(both.columns)


def test_nothing_heavy_is_imported_before_it_is_used():
    code = (
        "import sys\n"
        "import paper_tables.audit.rules, paper_tables.scores.read_runs, paper_tables.tables.reference_runs\n"
        "heavy = ('torch', 'rliable', 'matplotlib', 'snakemake', 'arch')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
