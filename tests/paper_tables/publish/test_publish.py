"""Published scores: equal bytes from equal rows, the data dictionary, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from recheck import checksums
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.publish import __main__ as publish
from paper_tables.scores import tables

FILES = {
    *(f"{name}.parquet{ending}" for name in tables.FILES for ending in ("", ".sha256")),
    "README.md",
}


# Numbers that are names: nothing is counted or measured.
NAMES = ("seed", "episode", "episode_seed", "evaluation_format")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def change(folder: Path, name: str, table: pd.DataFrame) -> None:
    """Overwrite a table without a look at its schema."""
    table.to_parquet(folder / f"{name}.parquet", index=False)


@pytest.fixture
def gathered(gathered_experiment: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(gathered_experiment, tmp_path / "gathered"))


def test_the_rows_are_those_that_were_gathered(gathered: Path, tmp_path: Path):
    rows = publish.publish([gathered], ["made-up"], tmp_path / "published")
    assert {path.name for path in (tmp_path / "published").iterdir()} == FILES
    for name in tables.FILES:
        before, after = tables.read(gathered, name), tables.read(tmp_path / "published", name)
        assert rows[name] == len(before)
        order = list(before.columns)
        assert after.sort_values(order, ignore_index=True).equals(
            before.sort_values(order, ignore_index=True)
        )
    assert not list(tmp_path.glob("*.part"))


def test_a_published_table_that_is_not_what_was_written_is_refused(gathered: Path, tmp_path: Path):
    """It is read by everyone who clones the repository, and has no record of a run."""
    publish.publish([gathered], ["toy"], tmp_path)
    for name in tables.FILES:
        path = tmp_path / f"{name}.parquet"
        tables.read(tmp_path, name)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(TablesError, match=rf"{name}.parquet is damaged"):
            tables.read(tmp_path, name)


def test_the_tables_in_the_repository_are_what_was_published(repository: Path):
    for name in tables.FILES:
        path = repository / "results/published" / f"{name}.parquet"
        assert checksums.sidecar(path).is_file()
        checksums.check(path, "Publish again.")


def test_equal_rows_give_equal_bytes(gathered: Path, tmp_path: Path):
    publish.publish([gathered], ["made-up"], tmp_path / "first")
    for name in tables.FILES:
        table = tables.read(gathered, name)
        frames.write_parquet(table.sample(frac=1, random_state=1), gathered / f"{name}.parquet", name)
    publish.publish([gathered], ["made-up"], tmp_path / "second")
    assert contents(tmp_path / "first") == contents(tmp_path / "second")
    # What was published may be published again.
    publish.publish([tmp_path / "first"], ["made-up"], tmp_path / "first")
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_several_experiments_are_published_together(gathered: Path, tmp_path: Path):
    """Each has a part of the runs, and one method is in both."""
    for name, methods in (("one", ("bc", "iql")), ("two", ("iql", "diffusion_ql"))):
        for table_name in tables.FILES:
            table = tables.read(gathered, table_name)
            part = table[table["method"].isin(methods)]
            frames.write_parquet(part, tmp_path / name / f"{table_name}.parquet", table_name)
    publish.publish([tmp_path / "one", tmp_path / "two"], ["one", "two"], tmp_path / "both")
    publish.publish([gathered], ["made-up"], tmp_path / "whole")
    both, whole = contents(tmp_path / "both"), contents(tmp_path / "whole")
    assert {name for name in FILES if both[name] != whole[name]} == {"README.md"}
    assert b"| Experiment | `one`, `two` |" in both["README.md"]


def test_experiments_that_disagree_are_refused(gathered: Path, tmp_path: Path):
    other = Path(shutil.copytree(gathered, tmp_path / "other"))
    change(other, "losses", tables.read(gathered, "losses").assign(value=0.5))
    with pytest.raises(TablesError, match="has more than one row for method bc"):
        publish.publish([gathered, other], ["made-up", "other"], tmp_path / "published")


def test_seeds_of_one_task_that_were_trained_on_different_rows_are_refused(gathered: Path, tmp_path: Path):
    """A task that is collected again has other rows; its seeds are no further seeds of the first."""
    scores = tables.read(gathered, "scores")
    task = scores["task"].iloc[0]
    again = (scores["task"] == task) & (scores["seed"] == scores["seed"].max())
    hashes = scores["content_sha256"].where(~scores["task"].eq(task), "a" * 64).where(~again, "b" * 64)
    change(gathered, "scores", scores.assign(content_sha256=hashes))
    with pytest.raises(TablesError, match=f"runs on {task} were trained on different data"):
        publish.publish([gathered], ["toy"], tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_the_dictionary_has_every_column_with_type_unit_and_meaning():
    for name in tables.FILES:
        rows = {row[0].text: row for row in publish.dictionary(name).rows if row}
        assert list(rows) == [f"`{column}`" for column in frames.columns(name)]
        assert all(row[3].text.endswith(".") for row in rows.values())
    cost = {row[0].text: [cell.text for cell in row] for row in publish.dictionary("cost").rows if row}
    assert cost["`action_latency_ms`"][1:3] == ["number, or empty", "milliseconds"]
    assert cost["`peak_memory_bytes`"][1:3] == ["integer, or empty", "bytes"]
    assert cost["`method`"][1:3] == ["text", "–"]
    selection = {row[0].text: row[3].text for row in publish.dictionary("scores").rows if row}["`selection`"]
    assert selection.endswith("offline_released, offline_released_early_stop.")


def test_every_number_with_a_unit_names_it():
    """What is counted or measured has a unit; seeds and numbers of episodes and formats are names."""
    for name in tables.FILES:
        for column, rule in frames.load_schema(name)["items"]["properties"].items():
            kinds = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
            measured = bool({"integer", "number"} & set(kinds))
            assert ("x-unit" in rule) == (measured and column not in NAMES), column


def test_the_readme_says_what_was_run_and_where_it_comes_from(gathered: Path, tmp_path: Path):
    runs = tables.read(gathered, "scores")
    runs.loc[runs["method"] == "bc", ["git_commit", "git_dirty"]] = ["9876543210" * 4, True]
    change(gathered, "scores", runs)
    publish.publish([gathered], ["made-up"], tmp_path / "published")
    text = (tmp_path / "published/README.md").read_text(encoding="utf-8")
    for line in (
        "| Experiment | `made-up` |",
        f"| Commits that trained | `{'0123456789' * 4}`, `{'9876543210' * 4}` with uncommitted changes |",
        "| Devices that trained | AMD EPYC |",
        "| torch | 2.13.0 |",
        # 50,000 updates of 0.01 s in a block of four seeds: 125 s per run.
        "| walker-easy-v0 | bc | paper | – | default | 50,000 | 4 | 5 | 8 | 8 | 2.1 |",
        "| walker-hard-v0 | diffusion_ql | paper | 20 | ddim_5 | 50,000 | 4 | 5 | 8 | 8 | 18.8 |",
        f"| walker-easy-v0 | recollected | Walker2d-v4 | same | – | {'ab' * 32} |",
        "### `episodes.parquet`: 2,240 rows",
    ):
        assert line in text.splitlines(), line
    assert "Logged were bc: actor_loss; diffusion_ql: actor_loss; iql: actor_loss." in text


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "losses.parquet").unlink(), "There is no file .*losses.parquet."),
        (
            lambda folder: change(folder, "cost", tables.read(folder, "cost").drop(columns="seeds")),
            "lacks the column seeds that the schema 'cost' requires",
        ),
        (
            lambda folder: change(folder, "episodes", tables.read(folder, "episodes").iloc[:0]),
            "episodes.parquet holds no row",
        ),
        (lambda folder: (folder / "scores.parquet").write_text("not parquet"), "cannot be read as a parquet"),
        (
            lambda folder: change(
                folder, "losses", tables.read(folder, "losses").query("method != 'iql' or seed != 2")
            ),
            "scores has runs that losses lacks, the first of them method iql.* seed 2;",
        ),
        (
            lambda folder: change(folder, "scores", tables.read(folder, "scores").query("method != 'bc'")),
            "episodes has runs that scores lacks, the first of them method bc",
        ),
        (
            lambda folder: change(
                folder, "episodes", tables.read(folder, "episodes").assign(score_percent=50.0)
            ),
            "the last score is not the mean of its episodes for method bc",
        ),
    ],
)
def test_what_cannot_be_published_is_refused_in_one_message(
    gathered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil, message: str
):
    """And what was published before stays."""
    published = tmp_path / "published"
    publish.publish([gathered], ["made-up"], published)
    before = contents(published)
    spoil(gathered)
    words = ["--scores", str(gathered), "--experiment", "made-up", "--output", str(published)]
    assert publish.main(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    with pytest.raises(TablesError, match=message):
        publish.gather([gathered])
    assert contents(published) == before
    assert not list(tmp_path.glob("*.part"))


def test_the_command_says_what_it_wrote(gathered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["--scores", str(gathered), "--experiment", "made-up"]
    assert publish.main([*words, "--output", str(tmp_path / "published")]) == 0
    assert "scores 56 rows, episodes 2,240 rows, cost 28 rows, losses 240 rows" in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    assert publish.main([*words, "--output", str(tmp_path / "file" / "published")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        publish.main(["--scores", str(gathered), *words, "--output", str(tmp_path / "published")])
    assert "--scores is given 2 times, --experiment 1 times" in capsys.readouterr().err
