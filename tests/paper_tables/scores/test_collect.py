"""From finished blocks to four tables."""

import json
import subprocess
import sys

import pandas as pd
import pyarrow.parquet
import pytest
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.scores import collect as collect_module
from paper_tables.scores import tables as tables_module
from tests.paper_tables.scores.blocks import HIGH, LOW, MEANS, NOISE, collected, manifest, write_block


def test_files_with_former_names_give_the_same_scores(index):
    expected = collected(index)["scores"]
    folder = index.parent / "block"
    described = manifest()
    described["environment_standing"] = described.pop("environment_match")
    (folder / "manifest.json").write_text(json.dumps(described))
    episodes = pd.read_parquet(folder / "episodes.parquet")
    episodes["purpose"] = episodes["purpose"].replace({"best_reevaluated": "honest_best"})
    episodes.rename(columns={"diffusion_steps": "train_steps"}).to_parquet(folder / "episodes.parquet")
    pd.testing.assert_frame_equal(collected(index)["scores"], expected)
    assert (expected["environment_match"] == "same").all()


def test_optimism_of_best_is_the_loss_on_fresh_episodes(index):
    optimism = collect_module.best_optimism(collected(index)["scores"])
    assert len(optimism) == 1
    assert optimism["optimism_percent"][0] == pytest.approx(100 * 65 / (HIGH - LOW))
    assert optimism["num_seeds"][0] == 2


def test_losses_are_kept_per_seed_and_checkpoint(index):
    losses = collected(index)["losses"]
    critic = losses[(losses["seed"] == 1) & (losses["loss"] == "critic_loss")].set_index("update")
    assert critic.loc[4000, "value"] == 4000
    assert critic.loc[4000, "value_since_checkpoint"] == pytest.approx(3500)
    assert len(losses) == 2 * 4 * 2


def test_cost_has_one_row_per_number_of_states(index):
    cost = collected(index)["cost"]
    assert cost[["num_states", "action_latency_ms"]].to_numpy().tolist() == [[1, 1.5], [10, 2.5]]
    assert (cost["seconds_per_update"] == 80 / 8000).all()
    assert (cost["seeds"] == "0-1").all()


def test_only_the_seeds_asked_for_go_in(index):
    document = json.loads(index.read_text())
    document["blocks"][0]["seeds"] = [1]
    index.write_text(json.dumps(document))
    tables = collected(index)
    for name in ("scores", "episodes", "losses"):
        assert set(tables[name]["seed"]) == {1}


def test_provenance_and_comparability_are_given_with_the_scores(index):
    row = collected(index)["scores"].iloc[0]
    assert row["comparability"] == "recollected"
    assert row["hyperparameters_like"] == "hopper-medium-expert-v2"
    assert (row["git_commit"], row["torch_version"], row["mujoco_version"]) == ("c0ffee", "2.11.0", "3.11.0")
    order = [
        *tables_module.RUN_COLUMNS,
        "sampling",
        "seed",
        "selection",
        "update",
        "score_percent",
        "num_episodes",
    ]
    assert list(collected(index)["scores"].columns[:12]) == [*order, "comparability"]


@pytest.mark.parametrize(("stated", "found"), [(b'{"format": 2}', 2), (b'{"format": 1}', 1), (None, 1)])
def test_the_format_of_the_evaluation_is_given_with_the_scores(index, stated, found):
    state_format(index, stated)
    assert set(collected(index)["scores"]["evaluation_format"]) == {found}


@pytest.mark.parametrize("stated", [b"no JSON", b'{"format": "new"}', b"[2]"])
def test_a_format_of_the_evaluation_that_is_no_number_is_refused(index, stated):
    state_format(index, stated)
    with pytest.raises(TablesError, match="states a format of evaluation that is not a whole number"):
        collected(index)


def state_format(index, stated):
    """Give the episodes of an index the metadata that an evaluation writes."""
    path = json.loads(index.read_text())["blocks"][0]["episodes"]
    table = pyarrow.parquet.read_table(path)
    if stated is not None:
        table = table.replace_schema_metadata({**table.schema.metadata, b"recheck": stated})
    pyarrow.parquet.write_table(table, path)


def test_two_blocks_of_one_run_are_put_together(tmp_path):
    first = write_block(tmp_path / "a", [0], means=MEANS[:1], noise=NOISE[:1])
    second = write_block(tmp_path / "b", [1], means=MEANS[1:], noise=NOISE[1:])
    path = tmp_path / "toy.json"
    path.write_text(json.dumps([first, second]))  # a bare list is read as blocks
    tables = collected(path)
    assert sorted(set(tables["scores"]["seed"])) == [0, 1]
    assert sorted(set(tables["cost"]["seeds"])) == ["0-0", "1-1"]


def test_the_command_writes_the_same_bytes_twice_and_reads_them_back_without_torch(index, tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from paper_tables.scores.__main__ import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    for name in ("first", "second"):
        arguments = ["--experiment-file", str(index), "--output", str(tmp_path / name)]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    for name in tables_module.FILES:
        first, second = tmp_path / "first" / f"{name}.parquet", tmp_path / "second" / f"{name}.parquet"
        assert first.read_bytes() == second.read_bytes()
        assert list(tables_module.read(tmp_path / "first", name).columns) == frames.columns(name)
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == sorted(
        f"{n}.parquet" for n in tables_module.FILES
    )
