"""The command `recheck` from a terminal and from Python: output, messages, exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError
from recheck_command import actions
from recheck_command.__main__ import main, parser

from paper_tables.score_files import read
from paper_tables.tables.user_columns import with_user_methods

ROOT = Path(__file__).parents[2]
TASKS = ("halfcheetah-medium-v2", "hopper-medium-v2", "walker2d-medium-v2")


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seeds of IQL near its paper's numbers and of another method, three tasks."""
    rng = np.random.default_rng(0)
    rows = [
        (method, task, seed, mean + bonus + rng.normal(0, 1.5))
        for method, bonus in (("IQL", 0.0), ("MyMethod", 10.0))
        for task, mean in zip(TASKS, (47.4, 66.3, 78.3))
        for seed in range(5)
    ]
    path = tmp_path_factory.mktemp("scores") / "mine.csv"
    pd.DataFrame(rows, columns=["method", "task", "seed", "score"]).to_csv(path, index=False)
    return path


def test_check_shows_intervals_and_says_what_was_guessed(scores: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["check", str(scores)]) == 0
    shown = capsys.readouterr()
    assert "| iql | 3 (A) | 5 |" in shown.out
    assert "'IQL' is iql" in shown.err
    answer = actions.check(scores)
    assert set(answer.data["aggregates"]["label"]) == {"iql", "MyMethod"}


def test_table_puts_the_methods_into_the_papers_layout(scores: Path):
    answer = actions.table(scores, like="iql_table1")
    head, *_ = [line for line in answer.text.splitlines() if line.startswith("| Task")]
    assert head.endswith("| IQL | IQL (ours) | MyMethod |")
    line = next(line for line in answer.text.splitlines() if line.startswith("| hopper-medium-v2 |"))
    assert line.count("**") == 2
    assert line.split("|")[-2].strip().startswith("**")
    cells = answer.data["cells"][0]
    verdicts = cells[cells["column"] == "IQL"].set_index("task")["verdict"]
    assert verdicts["halfcheetah-medium-v2"] == "reproduced"
    latex = actions.table(scores, like="iql_table_1", format="latex").text
    assert r"\toprule" in latex
    assert "MyMethod" in latex


def test_a_report_ends_with_a_page_of_everything(scores: Path, tmp_path: Path, capsys, monkeypatch):
    folder = tmp_path / "my report"
    assert main(["report", str(scores), "--output", str(folder), "--unit", "percent"]) == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert f"The page of all of it: {folder / 'report.html'}" in capsys.readouterr().out
    assert f"recheck report {scores} --output &#39;{folder}&#39; --unit percent" in page
    assert "Scores of mine.csv" in page
    for name in ("forest", "intervals"):
        assert f'id="figure-{name}"' in page
    # IQL's numbers of each table, each once.
    forests = sorted(path.stem for path in (folder / "figures").glob("forest*.png"))
    assert forests == ["forest"]
    listed = json.loads((folder / "report.json").read_text())["files"]
    on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert set(listed) == on_disk - {"report.json"}
    # A call that is stopped leaves the report before it as it was.
    monkeypatch.setattr(read, "write_scores", interrupted)
    assert main(["report", str(scores), "--output", str(folder)]) == 130
    assert capsys.readouterr().err == "Stopped by Ctrl-C.\n"
    assert (folder / "report.html").read_text(encoding="utf-8") == page
    assert on_disk == {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_columns_of_several_documents_stand_in_one_table(scores: Path):
    text = actions.table(scores, like="locomotion").text
    assert "| Task | IQL | IQL (ours) | IDQL | Diffusion-QL | MyMethod |" in text
    assert "Each at its own length of training" in text


def test_identical_seeds_are_never_reproduced(tmp_path: Path):
    rows = [f"IQL,hopper-medium-v2,{seed},66.0" for seed in range(5)]
    (tmp_path / "s.csv").write_text("\n".join(["method,task,seed,score", *rows]))
    answer = actions.table(tmp_path / "s.csv")
    judged = answer.data["cells"][0]
    assert list(judged["verdict"]) == ["not_judged"]
    assert "identical" in answer.warnings[0]


def test_a_score_beyond_what_the_task_gives_is_not_judged(tmp_path: Path):
    rows = [f"IQL,hopper-medium-v2,{seed},{165 + seed}" for seed in range(5)]
    (tmp_path / "s.csv").write_text("\n".join(["method,task,seed,score", *rows]))
    answer = actions.table(tmp_path / "s.csv", unit="percent")
    assert list(answer.data["cells"][0]["verdict"]) == ["not_judged"]
    assert any("outside what hopper-medium-v2 gives" in warning for warning in answer.warnings)


def test_a_formula_and_html_in_a_name_are_written_literally(tmp_path: Path):
    rows = [
        f"{name},hopper-medium-v2,{seed},{60 + seed}" for name in ("=cmd()", "<b>x</b>") for seed in range(3)
    ]
    (tmp_path / "s.csv").write_text("\n".join(["method,task,seed,score", *rows]))
    markdown = actions.table(tmp_path / "s.csv").text
    assert "<b>" not in markdown
    assert "&lt;b>x" in markdown
    assert "'=cmd()" in actions.table(tmp_path / "s.csv", format="csv").text
    actions.check(tmp_path / "s.csv", output=tmp_path / "out")


def test_audit_finds_the_planted_error_and_has_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rows = ("| halfcheetah-medium-v2 | 42.6 | 47.4 |", "| hopper-medium-v2 | 52.9 | {} |")
    table = "\n".join(["| Task | BC | IQL |", "|---|---|---|", *rows])
    (tmp_path / "t.md").write_text(table.format("63.3"))
    assert main(["audit", str(tmp_path / "t.md")]) == 1
    text = capsys.readouterr().out
    assert "4 numbers, 1 finding." in text
    assert "line 4, IQL on hopper-medium-v2: 63.3. " in text
    assert "66.3" in text
    (tmp_path / "t.md").write_text(table.format("66.3"))
    assert main(["audit", str(tmp_path / "t.md")]) == 0


def test_power_is_the_plannings(capsys: pytest.CaptureFixture[str]):
    from paper_tables.verdicts.planning import seeds_for_margin

    answer = actions.power(margin=5, seed_sd=3, episode_sd=20, reported_seeds=10)
    sd = np.sqrt(9 + 400 / 10)
    assert answer.data["seeds"][10] == seeds_for_margin(sd, 5, 10)
    assert main(["power", "--margin", "0", "--seed-sd", "3"]) == 2
    assert capsys.readouterr().err == "The margin is 0 points; it must be above 0.\n"


def test_evidence_names_every_document(capsys: pytest.CaptureFixture[str]):
    answer = actions.evidence("IQL", "Hopper-Medium-v2")
    assert "| iql | Table 1 | IQL | 66.3 |" in answer.text
    assert "Public runs of" in answer.text
    assert main(["evidence", "IQLL", "hopper-medium-v2"]) == 2
    assert "the nearest names are iql" in capsys.readouterr().err


def test_power_prints_the_wanted_chance_as_it_was_given():
    assert "for a chance of 99.9999% of" in actions.power(margin=5, seed_sd=3, chance=0.999999).text
    assert "for a chance of 80% of" in actions.power(margin=5, seed_sd=3).text


@pytest.mark.parametrize(
    ("task", "version", "message"),
    [
        ("hopper-medium-v2", "zz", "version is 'zz'; write v2"),
        ("hopper-medium", "zz", "version is 'zz'; write v2"),
        ("hopper-medium-v2", "v0", "Task 'hopper-medium-v2' has a version already; leave out version=v0"),
    ],
)
def test_a_version_is_never_ignored(task: str, version: str, message: str):
    with pytest.raises(TablesError, match=message):
        actions.evidence("IQL", task, version)
    # One that is for other tasks, or says the same, is not a contradiction.
    assert "66.3" in actions.evidence("IQL", "hopper-medium-v2", "v2,antmaze:v0").text
    assert "66.3" in actions.evidence("IQL", "hopper-medium-v2", "antmaze:v0").text


def test_doctor_says_what_cannot_run_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Outside of a checkout, as after `pip install .`, the workflow cannot run; the tables can."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    text = actions.doctor().text
    assert "tables, figures, verdicts, audit: can run." in text
    reason = f"{tmp_path} is not a checkout of the repository (give --root DIR)."
    assert f"the workflow: cannot run: {reason}" in text
    assert "a SLURM cluster: cannot run: there is no program sbatch." in text
    assert "prepared datasets: none (results/datasets)." in text
    assert "the table of tasks: found." in text
    lacking = actions.doctor(ROOT).data["missing"]
    assert lacking["the workflow"] == []
    (tmp_path / "results" / "datasets" / "mine").mkdir(parents=True)
    (tmp_path / "results" / "datasets" / "mine" / "manifest.json").write_text("{}")
    assert "prepared datasets: mine." in actions.doctor().text


def test_a_mistake_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "s.csv").write_text("method,task,seed,score\na,hoper-medium-v2,0,66\n")
    assert main(["check", str(tmp_path / "s.csv")]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert main(["table", str(tmp_path / "none.csv"), "--like", "iql_table_1"]) == 2
    assert "There is no file" in capsys.readouterr().err


def test_nothing_heavy_is_imported_before_a_word_is_given():
    code = (
        "import sys; from recheck_command.__main__ import parser; parser();"
        "print([m for m in ('torch', 'pandas', 'numpy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_word_needs_torch(scores: Path, tmp_path: Path):
    """All words in a process in which torch is not installed."""
    (tmp_path / "t.md").write_text("| Task | IQL |\n|---|---|\n| hopper-medium-v2 | 66.3 |\n")
    words = [
        ["check", str(scores)],
        ["table", str(scores), "--like", "iql_table_1"],
        ["audit", str(tmp_path / "t.md")],
        ["power", "--margin", "5", "--seed-sd", "3"],
        ["evidence", "IQL", "hopper-medium-v2"],
        ["doctor"],
    ]
    code = (
        "import json, sys\n"
        "from importlib.machinery import PathFinder\n"
        "found = PathFinder.find_spec\n"
        "PathFinder.find_spec = lambda name, *rest: None if name == 'torch' else found(name, *rest)\n"
        "from recheck_command.__main__ import main\n"
        "print([main(word) for word in json.loads(sys.argv[1])], 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, json.dumps(words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[0, 0, 0, 0, 0, 0] False"
    assert "training: cannot run: torch is not installed." in done.stdout


def test_layouts_without_a_users_scores_are_unchanged():
    layout = {"columns": []}
    assert with_user_methods(layout, None) is layout
    assert parser().prog == "recheck"


def test_a_folder_is_described_for_a_deposit(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("rocrate")
    (tmp_path / "scores.csv").write_text("method,score\n")
    assert main(["crate", str(tmp_path), "--name", "Ours", "--date", "2026-11-27"]) == 0
    assert "describes 1 file (" in capsys.readouterr().out
    assert "Ours" in (tmp_path / "ro-crate-metadata.json").read_text()


def test_a_date_that_is_none_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "scores.csv").write_text("method,score\n")
    assert main(["crate", str(tmp_path), "--date", "27.11."]) == 2
    assert "--date 27.11. is not a date; allowed is YYYY-MM-DD" in capsys.readouterr().err
    assert not (tmp_path / "ro-crate-metadata.json").exists()


def test_an_empty_path_is_not_the_working_folder(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["crate", ""])
    assert ended.value.code == 2
    assert "argument folder: the path is empty; give a file or a folder" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["check", "x" * 5000])
    assert ended.value.code == 2
    assert "cannot be looked for: File name too long" in capsys.readouterr().err


def test_two_spellings_of_a_method_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    lines = [
        f"{name},hopper-medium-v2,{seed},{60 + seed}"
        for name in ("MyMethod", "mymethod")
        for seed in range(3)
    ]
    (tmp_path / "s.csv").write_text("method,task,seed,score\n" + "\n".join(lines))
    said = "Warning: The methods 'MyMethod' and 'mymethod' differ only in their spelling; they are taken for"
    for words in (["check"], ["table", "--like", "iql_table_1"]):
        assert main([words[0], str(tmp_path / "s.csv"), *words[1:]]) == 0
        assert said in capsys.readouterr().err
