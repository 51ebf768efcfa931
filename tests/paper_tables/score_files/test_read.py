# ruff: noqa: E501 (one bad input a line, as the file has it)
"""The same scores out of every form; every bad input in one message that has its place."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables import task_table
from paper_tables.score_files.__main__ import main
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.read import read_scores, write_scores
from paper_tables.statistics.experiment import read_experiment

from .conftest import METHODS, METRIC, TASKS

HOPPER = "hopper-medium-v2"


def raw_return(row: pd.Series) -> float:
    task = task_table.resolve(row["task"])
    assert task.reference_min is not None
    assert task.reference_max is not None
    return row["score"] / 100 * (task.reference_max - task.reference_min) + task.reference_min


def arrays(long: pd.DataFrame) -> dict[str, np.ndarray]:
    """rliable's dictionary: method -> [runs, tasks]."""
    return {
        method: own.pivot(index="seed", columns="task", values="score")[TASKS].to_numpy()
        for method, own in long.groupby("method")
    }


def write_chart(log: pd.DataFrame, path: Path) -> None:
    """The export of a chart: one column a run, with its range."""
    wide = log.pivot(index="_step", columns="Name", values=METRIC)
    parts = {f"{run} - {METRIC}{end}": wide[run] for run in wide for end in ("", "__MIN", "__MAX")}
    pd.DataFrame(parts).rename_axis("Step").reset_index().to_csv(path, index=False)


def write_wide(long: pd.DataFrame, path: Path) -> None:
    wide = long.pivot(index=["method", "task"], columns="seed", values="score")
    wide.columns = [f"seed_{seed}" for seed in wide.columns]
    wide.reset_index().to_csv(path, index=False)


def write_across(long: pd.DataFrame, rows: list[str], path: Path) -> None:
    """One column for each value of what is not in the rows: methods, tasks, or pairs of both."""
    columns = [name for name in ("method", "task") if name not in rows]
    wide = long.pivot(index=rows, columns=columns, values="score")
    if len(columns) == 2:
        wide.columns = [f"{method}/{task}" for method, task in wide.columns]
    wide.reset_index().to_csv(path, index=False)


WRITERS: dict[str, tuple[Callable[[pd.DataFrame, pd.DataFrame, Path], object], dict[str, str]]] = {
    "long.csv": (lambda long, log, path: long.to_csv(path, index=False), {}),
    "long.csv.gz": (lambda long, log, path: long.to_csv(path, index=False), {}),
    "bom.csv": (lambda long, log, path: long.to_csv(path, index=False, encoding="utf-8-sig"), {}),
    "utf16.csv": (lambda long, log, path: long.to_csv(path, index=False, encoding="utf-16"), {}),
    "index.csv": (lambda long, log, path: long.to_csv(path), {}),
    "methods.csv": (lambda long, log, path: write_across(long, ["task", "seed"], path), {}),
    "tasks.csv": (lambda long, log, path: write_across(long, ["method", "seed"], path), {}),
    "pairs.csv": (lambda long, log, path: write_across(long, ["seed"], path), {}),
    "crlf.csv": (lambda long, log, path: long.to_csv(path, index=False, lineterminator="\r\n\r\n"), {}),
    "long.tsv": (lambda long, log, path: long.to_csv(path, sep="\t", index=False), {}),
    "long.parquet": (lambda long, log, path: long.to_parquet(path), {}),
    "long.jsonl": (lambda long, log, path: long.to_json(path, orient="records", lines=True), {}),
    "long.json": (lambda long, log, path: long.to_json(path, orient="records"), {}),
    "semicolons.csv": (lambda long, log, path: long.to_csv(path, sep=";", index=False), {"delimiter": ";"}),
    "wide.csv": (lambda long, log, path: write_wide(long, path), {}),
    "runs.csv": (lambda long, log, path: log.to_csv(path, index=False), {}),
    "chart.csv": (lambda long, log, path: write_chart(log, path), {}),
    "arrays.npz": (
        lambda long, log, path: np.savez(path, tasks=np.array(TASKS), **arrays(long)),  # type: ignore[arg-type]
        {},
    ),
    "arrays.json": (
        lambda long, log, path: path.write_text(
            json.dumps(
                {name: {t: list(a[:, i]) for i, t in enumerate(TASKS)} for name, a in arrays(long).items()}
            )
        ),
        {},
    ),
    "fractions.csv": (
        lambda long, log, path: long.assign(score=long["score"] / 100).to_csv(path, index=False),
        {"unit": "fraction"},
    ),
    "returns.csv": (
        lambda long, log, path: (
            long.assign(reward=long.apply(raw_return, axis=1)).drop(columns="score").to_csv(path, index=False)
        ),
        {},
    ),
    "named_otherwise.csv": (
        lambda long, log, path: long.rename(columns={"score": "z1", "task": "z2"}).to_csv(path, index=False),
        {"columns": "score:z1,task:z2"},
    ),
    "spelled.csv": (
        lambda long, log, path: long.assign(task=long["task"].str.title().str.replace("-M", "_M")).to_csv(
            path, index=False
        ),
        {},
    ),
    "no_version.csv": (
        lambda long, log, path: long.assign(task=long["task"].str.removesuffix("-v2")).to_csv(
            path, index=False
        ),
        {"version": "v2"},
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_form_gives_the_same_scores(
    name: str, long: pd.DataFrame, log: pd.DataFrame, tmp_path: Path
) -> None:
    write, stated = WRITERS[name]
    write(long, log, tmp_path / name)
    found = read_scores(tmp_path / name, ScoreOptions.of(stated))
    wanted = long.assign(method=long["method"].replace("IQL", "iql"))
    both = found.runs.merge(wanted, on=["method", "task", "seed"])
    assert len(both) == len(found.runs) == len(METHODS) * len(TASKS) * 5
    assert both["score_percent"].to_numpy() == pytest.approx(both["score"].to_numpy())
    assert set(found.runs["comparability"]) == {"stated"}
    assert any("'IQL' is iql" in message for message in found.messages)


def test_a_yaml_file_states_columns_and_unit(long: pd.DataFrame, tmp_path: Path):
    long.assign(z=long["score"] / 100).drop(columns="score").to_csv(tmp_path / "s.csv", index=False)
    (tmp_path / "s.yaml").write_text("columns: {score: z}\nunit: fraction\n")
    found = read_scores(tmp_path / "s.csv", ScoreOptions.of({"columns": str(tmp_path / "s.yaml")}))
    assert sorted(found.runs["score_percent"]) == pytest.approx(sorted(long["score"]))
    (tmp_path / "s.yaml").write_text("columns: {points: z}\n")
    with pytest.raises(TablesError, match="points"):
        ScoreOptions.of({"columns": str(tmp_path / "s.yaml")})


@pytest.mark.parametrize(
    ("select", "rule"), [("last", "last"), ("mean_last_3", "average_last_k"), ("best", "best_online")]
)
def test_the_selection_is_the_users(select: str, rule: str, log: pd.DataFrame, tmp_path: Path):
    log.to_csv(tmp_path / "s.csv", index=False)
    found = read_scores(tmp_path / "s.csv", ScoreOptions.of({"select": select}))
    assert set(found.runs["selection"]) == {rule}
    by_run = log.groupby("Name")[METRIC]
    wanted = {
        "last": by_run.last(),
        "mean_last_3": by_run.apply(lambda s: s.tail(3).mean()),
        "best": by_run.max(),
    }
    assert sorted(found.runs["score_percent"]) == pytest.approx(sorted(wanted[select]))
    assert any("optimistic" in message for message in found.messages) == (select == "best")


def test_the_last_step_is_said_where_nothing_is_stated(log: pd.DataFrame, tmp_path: Path):
    cut = log[~((log["Name"] == "IQL-hopper-medium-v2-seed3") & (log["_step"] > 500_000))]
    cut.to_csv(tmp_path / "s.csv", index=False)
    messages = " ".join(read_scores(tmp_path / "s.csv").messages)
    assert "the last is taken" in messages
    assert "iql on hopper-medium-v2 between 500000 and 1e+06" in messages


def test_missing_cells_and_disjoint_seeds_are_read(tmp_path: Path):
    rows = [
        "method,task,seed,score",
        "a,hopper-medium-v2,0,66",
        "a,hopper-medium-v2,1,",
        "a,walker2d-medium-v2,7,80",
    ]
    (tmp_path / "s.csv").write_text("\n".join(rows))
    found = read_scores(tmp_path / "s.csv")
    assert list(found.runs["seed"]) == [0, 7]
    assert "1 empty cells not used: no score is in them." in found.messages


def test_names_of_minari_are_never_d4rls(tmp_path: Path):
    (tmp_path / "s.csv").write_text("method,task,seed,score\na,mujoco/hopper/medium-v0,0,66\n")
    assert set(read_scores(tmp_path / "s.csv").runs["task"]) == {"minari-hopper-medium-v0"}
    (tmp_path / "s.csv").write_text("method,task,seed,score\na,mujoco/hopper/medium-v2,0,66\n")
    with pytest.raises(TablesError, match="no Minari task"):
        read_scores(tmp_path / "s.csv")


BAD: dict[str, tuple[str, str]] = {
    "empty.csv": ("", "empty.csv is empty"),
    "header.csv": ("method,task,seed,score\n", "has no score"),
    "semicolons.csv": ("method;task;seed;score\na;hopper-medium-v2;0;66.3\n", "line 1: the columns are separated by semicolons"),
    "both.csv": ("method;task;seed;score\na;hopper-medium-v2;0;66,3\n", "separated by semicolons, not by commas, and line 2 has the decimal comma '66,3'"),
    "total.csv": ("method,task,seed,score\na,hopper-medium-v2,0,66\na,Average,0,66\n", "line 3: 'Average' is not a task but an aggregate"),
    "comma.csv": ('method,task,seed,score\na,hopper-medium-v2,0,"66,3"\n', "line 2, column 'score': '66,3' has a decimal comma; write 66.3"),
    "sign.csv": ("method,task,seed,score\na,hopper-medium-v2,0,66.3%\n", "line 2, column 'score': '66.3%' has a percent sign; write 66.3"),
    "nan.csv": ("method,task,seed,score\na,hopper-medium-v2,0,66\na,hopper-medium-v2,1,NaN\n", "line 3, column 'score': 'NaN' is not a finite number"),
    "inf.csv": ("method,task,seed,score\na,hopper-medium-v2,0,-inf\n", "line 2, column 'score': '-inf' is not a finite number"),
    "text.csv": ("method,task,seed,score\na,hopper-medium-v2,0,high\n", "'high' is not a number"),
    "spread.csv": ("method,task,seed,score\na,hopper-medium-v2,0,66 ± 2\n", "is a mean with its spread"),
    "twice.csv": ("method,task,seed,score\na,hopper-medium-v2,0,66\na,hopper-medium-v2,0,67\n", "line 3: a on hopper-medium-v2, seed 0 is there already in line 2"),
    "units.csv": ("method,task,seed,score\n" + "".join(f"a,hopper-medium-v2,{i},{66 + i if i % 2 else 0.66 + i / 100}\n" for i in range(6)), "two units"),
    "fractions.csv": ("method,task,seed,score\na,hopper-medium-v2,0,0.663\n", "look like fractions"),
    "returns.csv": ("method,task,seed,score\na,hopper-medium-v2,0,2100\n", "line 2: 2100 on hopper-medium-v2 looks like a raw return"),
    "task.csv": ("method,task,seed,score\na,hoper-medium-v2,0,66\n", "line 2: There is no task 'hoper-medium-v2'; the nearest names are hopper-medium-v2"),
    "version.csv": ("method,task,seed,score\na,hopper-medium,0,66\n", "has no version; there are hopper-medium-v0, hopper-medium-v1, hopper-medium-v2"),
    "column.csv": ("method,task,seed\na,hopper-medium-v2,0\n", "has no column for the scores"),
    "no_task.csv": ("method,seed,score\na,0,66\n", "line 2 (run 'no_task') names no task"),
    "two.csv": ("method,task,seed,score,normalized_score\na,hopper-medium-v2,0,66,66\n", "'score' and 'normalized_score' could each be the score"),
    "double.csv": ("method,task,seed,score,score\na,hopper-medium-v2,0,66,66\n", "the column 'score' appears twice"),
    "cells.csv": ("method,task,seed,score\na,hopper-medium-v2,0,66,5\n", "line 2 has 5 cells; the header has 4"),
    "short.csv": ("method,task,seed,score\na,hopper-medium-v2,0,66\na,hopper-medium-v2\n", "line 3 has 2 cells; the header has 4"),
    "no_names.csv": ("a,hopper-medium-v2,0,66.5\n", "line 1 holds the number 66.5; it needs the names of the columns"),
    "range.csv": ("method,task,seed,score\na,antmaze-umaze-v2,0,120\n", "line 2: a on antmaze-umaze-v2 scores 120; the task allows 0 to 100 percent"),
    "ending.xlsx": ("x", "has the ending '.xlsx'; scores are read from CSV"),
    "minus.csv": ("method,task,seed,score\na,hopper-medium-v2,0,−1.5\n", "'−1.5' has a dash for a minus; write -1.5"),
    "excel.csv": ("sep=;\nmethod;task;seed;score\na;hopper-medium-v2;0;66\n", "line 1 is Excel's 'sep=;'; delete this line"),
    "means.csv": ("Task,BC,IQL\nhopper-medium-v2,52.9 ± 1,66\n", "line 2, column 'BC': '52.9 ± 1' is a mean with its spread"),
    "lists.jsonl": ('{"method": "a", "task": "hopper-medium-v2", "seed": 0, "score": [1, 2]}\n', "line 1, column 'score': '[1, 2]' is not a number"),
    "deep.json": ("[" * 100_000, "deep.json is not valid JSON"),
    "rows.jsonl": ('{"score": 1}\n[1]\n', "line 2 is not a JSON object"),
    "no.jsonl": ("{", "line 1 is not valid JSON"),
    "no.npz": ("x", "no.npz"),
    "no.json": ("{}", "no.json is empty"),
    "no.parquet": ("x", "cannot be read as a Parquet file"),
    "ragged.json": ('{"a": [[1, 2], [3]]}', "'a' is not an array of numbers"),
    "tasks.json": ('{"a": [[11, 12], [13, 14]]}', "'a' has 2 tasks, and none is named"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_message_and_nothing_is_written(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    text, words = BAD[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert main([str(tmp_path / name), "--output", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_bytes_that_are_no_text_are_refused(tmp_path: Path):
    for content, line in ((b"\x80\x81", 1), (b"method,task,seed,score\na,hopper-medium-v2,0,66\xe9\n", 2)):
        (tmp_path / "s.csv").write_bytes(content)
        with pytest.raises(TablesError, match=f"line {line} is not UTF-8 text; save the file as UTF-8"):
            read_scores(tmp_path / "s.csv")


def test_a_list_in_parquet_is_no_number(tmp_path: Path):
    columns = {"method": ["a"], "task": [HOPPER], "seed": [0], "score": [[1, 2]]}
    pd.DataFrame(columns).to_parquet(tmp_path / "s.parquet")
    with pytest.raises(TablesError, match=r"row 1, column 'score': '\[1, 2\]' is not a number"):
        read_scores(tmp_path / "s.parquet")


def test_a_cut_archive_is_refused(tmp_path: Path):
    text = "method,task,seed,score\n" + "".join(f"a,{HOPPER},{seed},{seed % 90}\n" for seed in range(5000))
    content = gzip.compress(text.encode())
    (tmp_path / "s.csv.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(TablesError, match=r"s\.csv\.gz cannot be read"):
        read_scores(tmp_path / "s.csv.gz")


def test_signs_of_copied_text_change_no_name(tmp_path: Path):
    """Hyphens that do not break, spaces that do not break, marks without width, control signs."""
    row = "a\x00,hopper\u2011medium\u2011v2,0,\u00a066.5\u00a0"
    (tmp_path / "s.csv").write_text(f"method,task,seed\u200b, score\u00a0\n{row}\n", encoding="utf-8")
    runs = read_scores(tmp_path / "s.csv").runs
    assert runs[["method", "task", "seed", "score_percent"]].to_numpy().tolist() == [["a", HOPPER, 0, 66.5]]


def test_a_nan_in_parquet_is_refused_and_a_null_is_empty(tmp_path: Path):
    import pyarrow
    from pyarrow import parquet

    def write(values: list[float | None]) -> None:
        columns = {"method": ["a", "a"], "task": [HOPPER] * 2, "seed": [0, 1]}
        parquet.write_table(pyarrow.table(columns | {"score": pyarrow.array(values)}), tmp_path / "s.parquet")

    write([66.0, None])
    assert len(read_scores(tmp_path / "s.parquet").runs) == 1
    write([66.0, float("nan")])
    with pytest.raises(TablesError, match="row 2, column 'score'"):
        read_scores(tmp_path / "s.parquet")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"unit": "points"}, "allowed are percent, fraction, return"),
        ({"select": "median"}, "allowed are last, mean_last_K"),
        ({"columns": "points:x"}, "allowed are method, task"),
        ({"columns": "score"}, "is not ROLE:COLUMN"),
        ({"columns": "score:x"}, "has no column 'x' for score"),
    ],
)
def test_a_wrong_statement_is_refused_with_what_is_allowed(given: dict[str, str], words: str, tmp_path: Path):
    (tmp_path / "s.csv").write_text("method,task,seed,score\na,hopper-medium-v2,0,66\n")
    with pytest.raises(TablesError, match=words):
        read_scores(tmp_path / "s.csv", ScoreOptions.of(given))


def test_identical_seeds_are_a_warning(tmp_path: Path):
    rows = [f"a,hopper-medium-v2,{seed},66" for seed in range(5)]
    (tmp_path / "s.csv").write_text("\n".join(["method,task,seed,score", *rows]))
    assert "all 5 seeds are identical" in read_scores(tmp_path / "s.csv").warnings[0]


@pytest.mark.parametrize("seed", ["-1", "0.5", ".5", "-0.0"])
def test_a_number_that_is_no_seed_is_refused(tmp_path: Path, seed: str):
    """-1 was read as 1."""
    (tmp_path / "s.csv").write_text(f"method,task,seed,score\na,{HOPPER},1,66\na,{HOPPER},{seed},67\n")
    with pytest.raises(
        TablesError, match=rf"s\.csv, line 3: seed {re.escape(seed)}; a seed is a whole number"
    ):
        read_scores(tmp_path / "s.csv")


def test_whole_numbers_with_a_point_are_seeds(tmp_path: Path):
    (tmp_path / "s.csv").write_text(f"method,task,seed,score\na,{HOPPER},1.0,66\na,{HOPPER},seed_2,67\n")
    assert list(read_scores(tmp_path / "s.csv").runs["seed"]) == [1, 2]


def test_many_rows_are_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Chunks of any size give the same scores: a run is cut between them."""
    from paper_tables.score_files import sources

    rows = [
        f"IQL,{HOPPER},{seed},{step},{50 + seed + step / 1000}" for seed in range(5) for step in range(1, 401)
    ]
    (tmp_path / "s.csv").write_text("\n".join(["method,task,seed,step,score", *rows]))
    whole = read_scores(tmp_path / "s.csv").runs
    monkeypatch.setattr(sources, "BATCH_BYTES", 99)
    pd.testing.assert_frame_equal(read_scores(tmp_path / "s.csv").runs, whole)
    assert list(whole["score_percent"]) == pytest.approx([50.4, 51.4, 52.4, 53.4, 54.4])


def test_lines_of_messages_count_empty_lines_and_line_ends_in_cells(tmp_path: Path):
    rows = [
        '"two\nlines",hopper-medium-v2,0,66',
        "",
        "   ",
        "a,hopper-medium-v2,0,66",
        "a,hopper-medium-v2,1,x",
    ]
    (tmp_path / "s.csv").write_text("\n".join(["method,task,seed,score", *rows]))
    with pytest.raises(TablesError, match=r"s\.csv, line 7, column 'score': 'x' is not a number"):
        read_scores(tmp_path / "s.csv")


def test_only_the_columns_that_are_used_are_read(tmp_path: Path):
    """A cell of a column without a role may hold anything."""
    (tmp_path / "s.csv").write_text(f"method,task,seed,score,note\na,{HOPPER},0,66,nan\na,{HOPPER},1,67,\n")
    assert list(read_scores(tmp_path / "s.csv").runs["score_percent"]) == [66.0, 67.0]


WIDE = {
    "task,seed,IQL,Mine,loss": f"{HOPPER},0,66,70,0.5",
    f"('IQL', '{HOPPER}'),('Mine', '{HOPPER}')": "66,70",
    f"IQL-{HOPPER}-seed0,Mine-{HOPPER}-seed0": "66,70",
}


@pytest.mark.parametrize("header", WIDE)
def test_wide_columns_are_named_by_method_task_and_seed(header: str, tmp_path: Path):
    names = header.replace("('", "\"('").replace("')", "')\"")
    (tmp_path / "s.csv").write_text(f"{names}\n{WIDE[header]}\n")
    found = read_scores(tmp_path / "s.csv")
    rows = found.runs[["method", "task", "seed", "score_percent"]].to_numpy().tolist()
    assert rows == [["Mine", HOPPER, 0, 70.0], ["iql", HOPPER, 0, 66.0]]
    assert any("in each of the 2 columns" in message for message in found.messages)


def test_a_wide_table_without_a_known_name_is_refused(tmp_path: Path):
    (tmp_path / "s.csv").write_text(f"task,seed,first,second\n{HOPPER},0,66,70\n")
    with pytest.raises(
        TablesError, match="no column for the scores; it has 'task', 'seed', 'first', 'second'"
    ):
        read_scores(tmp_path / "s.csv")


def test_a_wide_table_of_tasks_without_version_names_the_versions(tmp_path: Path):
    (tmp_path / "s.csv").write_text("method,seed,hopper-medium,average\na,0,66,66\n")
    with pytest.raises(TablesError, match=r"'hopper-medium' has no version; there are hopper-medium-v0"):
        read_scores(tmp_path / "s.csv")
    runs = read_scores(tmp_path / "s.csv", ScoreOptions(version="v2")).runs
    assert list(runs["task"]) == [HOPPER]


def test_delimiters_have_names(tmp_path: Path):
    text = "method,task,seed,score\na,hopper-medium-v2,0,66\n"
    for name, sign in (("tab", "\t"), ("\\t", "\t"), ("semicolon", ";"), ("|", "|")):
        (tmp_path / "s.csv").write_text(text.replace(",", sign))
        assert len(read_scores(tmp_path / "s.csv", ScoreOptions.of({"delimiter": name})).runs) == 1
    with pytest.raises(TablesError, match="delimiter is 'tabs'; allowed is one sign, or one of tab"):
        ScoreOptions.of({"delimiter": "tabs"})


def test_the_same_run_in_two_files_is_named_with_both(tmp_path: Path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("method,task,seed,score\na,hopper-medium-v2,0,66\n")
    with pytest.raises(TablesError, match=r"b\.csv, line 2: a on .* is there already in .*a\.csv, line 2"):
        read_scores(tmp_path)


def test_compressed_json_lines(tmp_path: Path):
    row = {"method": "a", "task": HOPPER, "seed": 0, "score": 66}
    with gzip.open(tmp_path / "s.jsonl.gz", "wt") as stream:
        stream.write(json.dumps(row) + "\n")
    assert list(read_scores(tmp_path / "s.jsonl.gz").runs["score_percent"]) == [66.0]
    (tmp_path / "s.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(TablesError, match="cannot be read"):
        read_scores(tmp_path / "s.jsonl.gz")


def test_means_of_a_logger_and_their_spread(tmp_path: Path):
    head = "algo,env,seed,eval/normalized_score_mean,eval/normalized_score_std"
    (tmp_path / "s.csv").write_text(f"{head}\nIQL,{HOPPER},0,66,2\n")
    assert list(read_scores(tmp_path / "s.csv").runs["score_percent"]) == [66.0]


def test_steps_are_kept_for_curves(log: pd.DataFrame, tmp_path: Path):
    log.to_csv(tmp_path / "s.csv", index=False)
    found = read_scores(tmp_path / "s.csv")
    assert len(found.checkpoints) == len(log)
    run = found.checkpoints.query(f"method == 'iql' and task == '{HOPPER}' and seed == 3")
    wanted = log[log["Name"] == f"IQL-{HOPPER}-seed3"]
    assert list(run["update"]) == list(wanted["_step"])
    assert list(run["score_percent"]) == pytest.approx(list(wanted[METRIC]))
    write_scores(found, tmp_path / "out")
    _, curves = read_experiment(tmp_path / "out")
    assert curves is not None
    assert len(curves) == len(log)
    (tmp_path / "one.csv").write_text(f"method,task,seed,score\na,{HOPPER},0,66\n")
    write_scores(read_scores(tmp_path / "one.csv"), tmp_path / "out")
    assert not (tmp_path / "out/checkpoints.parquet").exists()


def test_a_column_states_the_selection(tmp_path: Path):
    rows = [
        f"a,{HOPPER},{seed},{rule},{score}"
        for seed in (0, 1)
        for rule, score in (("final", 60), ("best", 70))
    ]
    (tmp_path / "s.csv").write_text("\n".join(["method,task,seed,selection,score", *rows]))
    runs = read_scores(tmp_path / "s.csv").runs
    assert runs.groupby("selection")["score_percent"].mean().to_dict() == {"last": 60, "best_online": 70}
    for wrong, words in (("median", "'median' is unknown"), ("", "has no selection rule")):
        (tmp_path / "s.csv").write_text(
            "\n".join(["method,task,seed,selection,score", *rows, f"a,{HOPPER},2,{wrong},1"])
        )
        with pytest.raises(TablesError, match=words):
            read_scores(tmp_path / "s.csv")


def test_one_fraction_among_the_seeds_is_named(tmp_path: Path):
    rows = [
        f"a,hopper-medium-v2,{seed},{score}" for seed, score in enumerate((66.1, 65.2, 0.659, 67.0, 66.6))
    ]
    (tmp_path / "s.csv").write_text("\n".join(["method,task,seed,score", *rows]))
    (warning,) = read_scores(tmp_path / "s.csv").warnings
    assert warning.startswith(
        "a on hopper-medium-v2: one seed has 0.659, another 66.1; if the first is a fraction"
    )
    assert not read_scores(tmp_path / "s.csv", ScoreOptions(unit="percent")).warnings
