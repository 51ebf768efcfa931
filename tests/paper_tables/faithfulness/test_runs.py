"""The plan, the kept runs, and how finished ones are added."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.faithfulness import __main__ as command
from paper_tables.faithfulness import runs as module

TASK, OTHER = "hopper-sac-tqc-v0", "halfcheetah-mixed-v0"


@pytest.fixture
def results(tmp_path, a_run):
    """A results folder with one finished seed of either program."""
    theirs = tmp_path / "faithfulness" / "corl" / TASK / "seed5.csv"
    theirs.parent.mkdir(parents=True)
    a_run("corl", TASK, 5, [10, 20, 30]).to_csv(theirs, index=False)
    run = tmp_path / "runs" / "iql" / TASK / "corl_paper_settings-01234567" / "N0" / "seeds4-7"
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({"checkpoints": [10, 20, 30]}), encoding="utf-8")
    provenance = {"git": {"commit": "0123456789abcdef", "dirty": False}, "versions": {"torch": "2.13.0"}}
    (run / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    points = [(seed, update) for seed in (4, 7) for update in (10, 20, 30)]
    losses = pd.DataFrame(points, columns=["seed", "update"])
    losses["value_loss"], losses["critic_loss"], losses["actor_loss"] = losses["update"] / 10, 2.0, 3.0
    losses.to_parquet(run / "train.parquet")
    pd.DataFrame({"update": [10, 30], "wall_seconds": [4.0, 12.0]}).to_parquet(run / "timing.parquet")
    episodes = pd.DataFrame(
        [
            {
                "seed": seed,
                "update": update,
                "purpose": "checkpoint",
                "episode": episode,
                "raw_return": 100.0 * episode + update,
                "length": 50 + episode,
                "gymnasium_version": "1.4.0",
                "mujoco_version": "3.11.0",
            }
            for seed, update in points
            for episode in (1, 0)
        ]
    )
    path = (
        tmp_path / "episodes" / run.relative_to(tmp_path / "runs").parent / "default-1" / "seeds4-7.parquet"
    )
    path.parent.mkdir(parents=True)
    episodes.to_parquet(path)
    return tmp_path


def test_the_repositorys_runs_follow_the_plan_and_the_document_shows_them(repository):
    """The plan's figures are those that the document printed before the first run."""
    plan = module.read_plan()
    assert (plan.seeds, plan.num_updates, plan.averaged_from_update) == (tuple(range(10, 20)), 50000, 20000)
    assert plan.checkpoints == tuple(range(5000, 50001, 5000))
    module.read_runs(plan)
    assert command.main(["--document", str(repository / "docs/faithfulness.md"), "--check"]) == 0


def test_gather_takes_planned_seeds_once(plan, results, tmp_path):
    path = tmp_path / "runs.csv"
    assert module.gather(plan, results, path) == 2
    first = path.read_bytes()
    kept = module.read_runs(plan, path)
    assert list(kept["program"]) == ["corl"] * 3 + ["recheck"] * 3
    ours = kept[kept["program"] == "recheck"]
    assert set(ours["seed"]) == {4}  # the block's seed 7 is not planned
    assert list(ours["value_loss"]) == [1.0, 2.0, 3.0]
    assert set(ours["code"]) == {"recheck@0123456789ab"}
    assert next(iter(ours["episode_returns"])) == "10.0 110.0"
    assert next(iter(ours["episode_lengths"])) == "50 51"
    # (60 + 20.272305) / (3234.3 + 20.272305), Hopper's reference returns.
    assert ours["score_percent"].iloc[0] == pytest.approx(2.46644, abs=1e-5)
    assert set(ours["run_wall_seconds"]) == {12.0}
    assert module.gather(plan, results, path) == 0
    assert path.read_bytes() == first


def test_other_runs_of_the_variant_are_passed_over(plan, results, tmp_path):
    longer = replace(plan, num_updates=40)
    (results / "faithfulness" / "corl" / TASK / "seed5.csv").unlink()
    assert module.gather(longer, results, tmp_path / "runs.csv") == 0


def test_a_run_of_a_changed_program_is_refused(plan, results, tmp_path):
    (path,) = results.glob("runs/iql/*/*/N0/*/provenance.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "git": {"commit": "01", "dirty": True}}), encoding="utf-8")
    with pytest.raises(TablesError, match="differed from its commit"):
        module.gather(plan, results, tmp_path / "runs.csv")
    assert not (tmp_path / "runs.csv").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 9}, "is not planned"),
        ({"task": "hopper-mixed-v0"}, "is not planned"),
        ({"num_updates": 40}, "is not planned"),
        ({"code": "corl-team/CORL@0000000"}, "not corl-team/CORL@eeeeef2"),
        ({"num_episodes": 3}, "num_episodes 3"),
        ({"episode_lengths": "7"}, "1 lengths"),
        ({"score_percent": 11.0}, "its episodes give 10"),
    ],
)
def test_what_is_not_as_planned_is_refused(plan, a_run, change, message):
    rows = a_run("corl", TASK, 5, [10, 10, 10]).assign(**change)
    with pytest.raises(TablesError, match=message):
        module.check_runs(rows, plan, "runs.csv")


def test_runs_of_two_commits_are_refused(plan, a_run):
    other = a_run("recheck", TASK, 6, [10, 10, 10]).assign(code="recheck@ba9876543210")
    runs = pd.concat([a_run("recheck", TASK, 5, [10, 10, 10]), other], ignore_index=True)
    with pytest.raises(
        TablesError, match="recheck@0123456789ab and recheck@ba9876543210; all runs of a program"
    ):
        module.check_runs(runs, plan, "runs.csv")


def test_a_missing_checkpoint_is_refused(plan, a_run):
    rows = a_run("corl", TASK, 5, [10, 10, 10]).iloc[[0, 2]]
    with pytest.raises(TablesError, match="not one row for each planned checkpoint"):
        module.check_runs(rows, plan, "runs.csv")


def test_a_plan_whose_first_averaged_update_is_no_checkpoint_is_refused(tmp_path):
    text = (module.FOLDER / "plan.yaml").read_text(encoding="utf-8")
    path = tmp_path / "plan.yaml"
    path.write_text(
        text.replace("averaged_from_update: 20000", "averaged_from_update: 21000"), encoding="utf-8"
    )
    with pytest.raises(TablesError, match="averaged_from_update is 21000, which is not a checkpoint"):
        module.read_plan(path)


def test_a_document_without_markers_is_refused():
    with pytest.raises(TablesError, match="each once"):
        command.filled("nothing", "table", "page.md")


def test_a_document_with_another_table_is_refused_and_left(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"a\n{command.BEGIN}\nold\n{command.END}\nb\n", encoding="utf-8")
    assert command.main(["--document", str(page), "--check"]) == 2
    assert "does not show the values of the runs" in capsys.readouterr().err
    assert "old" in page.read_text(encoding="utf-8")
    assert command.main(["--document", str(page)]) == 0
    assert "old" not in page.read_text(encoding="utf-8")
    assert command.main(["--document", str(page), "--check"]) == 0
