"""The scores stage: selection rules by hand, the four files from small made-up runs, refusals."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck import checksums
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.scores import __main__ as scores_command
from paper_tables.scores import collect as collect_module
from paper_tables.scores import read_runs, selection
from paper_tables.scores import tables as tables_module

CHECKPOINTS = [2000, 4000, 6000, 8000]
LOW, HIGH = -20.0, 3230.0


def manifest(**other: object) -> dict[str, object]:
    return {
        "task": "hopper-x-v0",
        "comparability": "recollected",
        "environment_match": "same",
        "content_sha256": "ab" * 32,
        "reference_min_score": LOW,
        "reference_max_score": HIGH,
        "hyperparameters_like": "a task that another method's values come from",
        **other,
    }


def write_block(
    folder: Path,
    seeds: list[int],
    *,
    method: str = "diffusion_ql",
    means: np.ndarray,
    noise: np.ndarray,
    top_k: int = 0,
) -> dict[str, object]:
    """A finished block with episode returns of exactly `means` [seeds, checkpoints]; its index entry."""
    run, episodes = folder / "run", folder / "episodes.parquet"
    run.mkdir(parents=True)
    identity = {
        "method": method,
        "task": "hopper-x-v0",
        "variant": "paper",
        "digest": "0123abcd",
        "diffusion_steps": 5,
    }
    config = {
        **identity,
        "num_updates": CHECKPOINTS[-1],
        "checkpoints": CHECKPOINTS,
        "hyperparameters": {"offline_top_k": top_k},
        "seeds": seeds,
    }
    (run / "config.json").write_text(json.dumps(config))
    provenance = {
        "devices": ["CPU: one"],
        "versions": {"torch": "2.11.0"},
        "git": {"commit": "c0ffee", "dirty": False},
        "peak_memory_bytes": 1000,
    }
    (run / "provenance.json").write_text(json.dumps(provenance))
    train = [
        {
            "seed": seed,
            "update": update,
            "noise_loss": noise[k, (update - 1) // 2000],
            "critic_loss": float(update),
        }
        for k, seed in enumerate(seeds)
        for update in range(1000, CHECKPOINTS[-1] + 1, 1000)
    ]
    pd.DataFrame(train).to_parquet(run / "train.parquet")
    timing = {"update": [1000, 8000], "wall_seconds": [10.0, 80.0], "device": ["CPU: one"] * 2}
    pd.DataFrame(timing).to_parquet(run / "timing.parquet")
    rows = []
    for k, seed in enumerate(seeds):
        for i, update in enumerate(CHECKPOINTS):
            for episode in range(4 if update == CHECKPOINTS[-1] else 2):
                rows.append((seed, update, "checkpoint", episode, means[k, i]))
        judged = int(np.argmax(means[k]))
        rows += [
            (seed, CHECKPOINTS[judged], "best_reevaluated", episode, means[k, judged] - 65)
            for episode in range(2)
        ]
    table = pd.DataFrame(rows, columns=["seed", "update", "purpose", "episode", "raw_return"])
    for column, value in {**identity, "sampling": "default-89abcdef"}.items():
        table[column] = value
    table["episode_seed"] = 1_000_000 + 1000 * table["seed"] + table["episode"]
    table["length"] = 100
    table["environment_id"], table["gymnasium_version"], table["mujoco_version"] = (
        "Hopper-v4",
        "1.3.0",
        "3.11.0",
    )
    table.to_parquet(episodes)
    latency = {"num_states": [1, 10], "action_latency_ms": [1.5, 2.5]}
    pd.DataFrame(latency).to_parquet(folder / "timing.parquet")
    (folder / "manifest.json").write_text(json.dumps(manifest()))
    return {
        "run_dir": str(run),
        "dataset_manifest": str(folder / "manifest.json"),
        "episodes": str(episodes),
        "timing": str(folder / "timing.parquet"),
        "seeds": seeds,
        "hyperparameters_like": "hopper-medium-expert-v2",
    }


def percent(raw: float) -> float:
    return 100 * (raw - LOW) / (HIGH - LOW)


MEANS = np.array([[300.0, 1000.0, 800.0, 600.0], [100.0, 200.0, 300.0, 400.0]])
NOISE = np.array([[0.4, 0.2, 0.3, 0.1], [0.4, 0.3, 0.2, 0.1]])


@pytest.fixture
def index(tmp_path: Path) -> Path:
    block = write_block(tmp_path / "block", [0, 1], means=MEANS, noise=NOISE)
    path = tmp_path / "index.json"
    path.write_text(json.dumps({"format": 1, "experiment": "toy", "average_last_k": 3, "blocks": [block]}))
    return path


def collected(index: Path) -> dict[str, pd.DataFrame]:
    return collect_module.collect(read_runs.read_index(index))


@pytest.mark.parametrize(
    "name",
    [
        "run/config.json",
        "run/provenance.json",
        "run/train.parquet",
        "run/timing.parquet",
        "episodes.parquet",
        "timing.parquet",
    ],
)
def test_a_file_that_is_not_what_was_written_is_refused_by_its_reader(index, name):
    """Whatever its size: one bit in a column of numbers changes a score, and nothing else would say so."""
    path = index.parent / "block" / name
    checksums.write(path)
    collected(index)
    path.write_bytes(path.read_bytes().replace(b"hopper-x-v0", b"hopper-y-v0") + b" ")
    with pytest.raises(TablesError, match=rf"{path.name} is damaged: its SHA-256 .*Remove the file"):
        collected(index)


def test_every_selection_rule_by_hand(index):
    table = collected(index)["scores"].set_index(["seed", "selection"])
    expected = {
        (0, "last"): (8000, 600, 4),
        (0, "average_last_k"): (8000, 800, 8),
        (0, "best_online"): (4000, 1000, 2),
        (0, "best_reevaluated"): (4000, 1000 - 65, 2),
        (0, "offline_described"): (8000, 600, 4),
        # The loss first rises at 6000: of .4 .2 .3 the least is that of 4000.
        (0, "offline_described_early_stop"): (4000, 1000, 2),
        # losses .4 .2 .3 .1: argsort is 3 1 2 0, whose entry 0 is last: checkpoint 8000.
        (0, "offline_released"): (8000, 600, 4),
        # Of .4 .2 .3 the argsort is 1 2 0, whose entry 0 is at place 2.
        (0, "offline_released_early_stop"): (6000, 800, 2),
        (1, "last"): (8000, 400, 4),
        (1, "best_online"): (8000, 400, 2),
    }
    for key, (update, raw, episodes) in expected.items():
        row = table.loc[key]
        assert (row["update"], row["num_episodes"]) == (update, episodes), key
        assert row["score_percent"] == pytest.approx(percent(raw)), key
    assert table.loc[(0, "average_last_k"), "num_checkpoints"] == 3
    assert set(table.index.get_level_values("selection")) == {
        *frames.load_schema("scores")["items"]["properties"]["selection"]["enum"]
    }


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


def test_the_released_rule_takes_the_inverse_permutation():
    losses = np.array([0.3, 0.1, 0.2])
    assert [selection.offline_described(losses, k) for k in range(3)] == [1, 2, 0]
    assert [selection.offline_released(losses, k) for k in range(3)] == [2, 0, 1]
    for k in range(3):
        where = np.argsort(losses) == k  # the release's own line
        assert where[selection.offline_released(losses, k)]
    assert selection.offline_released(losses, 99) == selection.offline_released(losses, 2)


def test_the_released_rule_picks_another_checkpoint_on_most_noisy_losses():
    rng = np.random.default_rng(0)
    curves = 0.1 / np.arange(1, 41) + rng.normal(0, 0.01, (4000, 40))
    other = [
        selection.offline_described(curve, 1) != selection.offline_released(curve, 1) for curve in curves
    ]
    assert 0.8 < np.mean(other) <= 1


@pytest.mark.parametrize(
    ("losses", "length"), [([3, 2, 1], 3), ([3, 2, 2, 1], 4), ([3, 2, 4, 1], 3), ([1, 2], 2), ([1], 1)]
)
def test_early_stop_keeps_the_first_rise(losses, length):
    assert selection.early_stop(np.array(losses, dtype=float)) == length


def test_a_longer_last_evaluation_gives_no_advantage():
    """The best checkpoint is judged by as many episodes as the others have."""
    rows = [(1000, e, 10.0) for e in range(2)] + [(2000, e, 9.0 if e < 2 else 100.0) for e in range(4)]
    episodes = pd.DataFrame(rows, columns=["update", "episode", "score_percent"]).assign(purpose="checkpoint")
    none = pd.DataFrame(columns=["loss", "update", "value_since_checkpoint"])
    chosen = {row["selection"]: row for row in selection.select(episodes, none, 2, 0)}
    assert (chosen["best_online"]["update"], chosen["best_online"]["score_percent"]) == (1000, 10.0)
    assert chosen["last"]["score_percent"] == pytest.approx(54.5)
    assert set(chosen) == {"last", "average_last_k", "best_online"}


def test_optimism_of_best_is_the_loss_on_fresh_episodes(index):
    optimism = collect_module.best_optimism(collected(index)["scores"])
    assert len(optimism) == 1
    assert optimism["optimism_percent"][0] == pytest.approx(100 * 65 / (HIGH - LOW))
    assert optimism["num_seeds"][0] == 2


def test_optimism_is_near_its_known_value_for_equal_checkpoints():
    """The best of 10 equal checkpoints with sd 1 exceeds the truth by E[max of 10 normals] = 1.539."""
    rng = np.random.default_rng(5)
    rows = []
    none = pd.DataFrame(columns=["loss", "update", "value_since_checkpoint"])
    for seed in range(400):
        draws = rng.normal(50, 1, 10)
        episodes = pd.DataFrame(
            {"update": range(1, 11), "episode": 0, "score_percent": draws, "purpose": "checkpoint"}
        )
        fresh = {"update": int(np.argmax(draws)) + 1, "episode": 0, "score_percent": rng.normal(50, 1)}
        episodes = pd.concat([episodes, pd.DataFrame([fresh | {"purpose": "best_reevaluated"}])])
        for row in selection.select(episodes, none, 5, 0):
            rows.append(
                {**dict.fromkeys(tables_module.RUN_COLUMNS, "x"), "sampling": "s", "seed": seed, **row}
            )
    optimism = collect_module.best_optimism(pd.DataFrame(rows))
    assert optimism["optimism_percent"][0] == pytest.approx(
        1.539, abs=4 * optimism["standard_error_percent"][0]
    )


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


def test_without_references_raw_returns_are_kept_and_said(index):
    path = Path(json.loads(index.read_text())["blocks"][0]["dataset_manifest"])
    path.write_text(json.dumps(manifest(reference_min_score=None, reference_max_score=None)))
    table = collected(index)["scores"].set_index(["seed", "selection"])
    assert table.loc[(0, "last"), "score_percent"] == 600
    assert set(table["score_unit"]) == {"return"}


def test_provenance_and_comparability_stand_beside_the_scores(index):
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


def test_two_blocks_of_one_run_are_put_together(tmp_path):
    first = write_block(tmp_path / "a", [0], means=MEANS[:1], noise=NOISE[:1])
    second = write_block(tmp_path / "b", [1], means=MEANS[1:], noise=NOISE[1:])
    path = tmp_path / "toy.json"
    path.write_text(json.dumps([first, second]))  # a bare list is read as blocks
    tables = collected(path)
    assert sorted(set(tables["scores"]["seed"])) == [0, 1]
    assert sorted(set(tables["cost"]["seeds"])) == ["0-0", "1-1"]


def _remove_rows(path: Path, column: str, value: object) -> None:
    table = pd.read_parquet(path)
    table[table[column] != value].to_parquet(path)


def _edit_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda b: _remove_rows(b / "episodes.parquet", "seed", 1), "no episodes of seed 1 at update 2000"),
        (
            lambda b: _remove_rows(b / "episodes.parquet", "update", 6000),
            "no episodes of seed 0 at update 6000",
        ),
        (lambda b: _remove_rows(b / "run" / "train.parquet", "seed", 0), "no rows of seed 0"),
        (lambda b: _edit_json(b / "run" / "config.json", method="iql"), "do not belong together"),
        (lambda b: _edit_json(b / "run" / "config.json", digest="xyz"), "digest"),
        (lambda b: _edit_json(b / "manifest.json", comparability="fine"), "original, unverified"),
        (lambda b: (b / "run" / "train.parquet").unlink(), "There is no file"),
        (lambda b: (b / "episodes.parquet").write_bytes(b"no parquet"), "cannot be read"),
        (lambda b: (b / "run" / "config.json").write_text("{"), "is no JSON"),
    ],
)
def test_a_bad_block_is_refused_in_one_sentence_and_nothing_is_written(index, tmp_path, spoil, words, capsys):
    spoil(tmp_path / "block")
    status = scores_command.main(["--experiment-file", str(index), "--output", str(tmp_path / "out")])
    message = capsys.readouterr().err
    assert status == 2
    assert words in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format"),
        ({"blocks": []}, "blocks"),
        ({"average_last_k": 0}, "average_last_k"),
        ({"x": 1}, "x"),
    ],
)
def test_a_bad_index_is_refused(index, change, words):
    _edit_json(index, **change)
    with pytest.raises(TablesError, match=words):
        read_runs.read_index(index)


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


def test_a_file_that_breaks_its_schema_is_refused_on_read(index, tmp_path):
    tables_module.write(collected(index), tmp_path / "out")
    path = tmp_path / "out" / "scores.parquet"
    table = pd.read_parquet(path)
    table.drop(columns="selection").to_parquet(path)
    with pytest.raises(TablesError, match="selection"):
        tables_module.read(tmp_path / "out", "scores")
    pd.concat([table, table.iloc[:1]]).to_parquet(path)
    with pytest.raises(TablesError, match="more than one row"):
        tables_module.read(tmp_path / "out", "scores")
