"""An evaluation that is interrupted anywhere ends in the bytes of one that is not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from recheck.errors import EvaluationError, Preempted

from algos.evaluate import BlockStore, Request, evaluate_block, run
from algos.training.execution import Execution

SAMPLING = {"name": "default"}
EVALUATION = {"episodes": 10, "episodes_last": 30, "episodes_reevaluated": 10}
NUM_BLOCKS = 2 * (1 + 3 + 1)
REPOSITORY = Path(__file__).resolve().parents[3]


def command(run_folder, dataset, output, state, *more):
    return [
        *(sys.executable, "-m", "algos.evaluate", "--run", str(run_folder), "--dataset", str(dataset)),
        *("--sampling", json.dumps(SAMPLING), "--evaluation", json.dumps(EVALUATION)),
        *("--output", str(output), "--state", str(state), *more),
    ]


def start(arguments):
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "workflow/src")])
    return subprocess.Popen(
        arguments, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE, text=True
    )


def wait_for_blocks(process, state, number):
    """Until so many blocks are kept."""
    deadline = time.monotonic() + 120
    while len(list(state.glob("*.json.sha256"))) < number + 1:  # and the identity
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_kill_and_preemption_change_no_byte(untrained, dataset, tmp_path, workers):
    """kill -9, then SIGTERM, then undisturbed, with the real command; and other pools and processes."""
    folder = untrained(("diffusion_ql", "paper"), [0, 4])
    plain = tmp_path / "plain.parquet"
    evaluate_block(folder, dataset, Request(SAMPLING, EVALUATION), plain)
    output, state = tmp_path / "out" / "rows.parquet", tmp_path / "state" / "seeds0-4"
    arguments = command(folder, dataset, output, state, "--workers", workers, "--environments", "5")
    process = start(arguments)
    wait_for_blocks(process, state, 1)
    process.kill()
    process.communicate()
    assert not output.exists()
    kept = len(list(state.glob("*.sha256"))) - 1
    assert 1 <= kept < NUM_BLOCKS
    process = start(arguments)
    wait_for_blocks(process, state, kept + 1)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    if process.returncode:  # it may just have finished
        assert process.returncode == 75, said
        assert "blocks of episodes are kept, and the same command resumes" in said
        assert state.is_dir()
    process = start(arguments)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert output.read_bytes() == plain.read_bytes()
    assert not list(state.parent.iterdir())  # no blocks, no lock
    assert not list(tmp_path.glob(".*"))


def test_only_what_is_missing_is_played(untrained, dataset, tmp_path, monkeypatch, capsys):
    """Stopped after two blocks; one of them is damaged afterwards, and played again."""
    folder = untrained(("iql", "paper"), [0])
    request = Request(SAMPLING, EVALUATION)
    evaluate_block(folder, dataset, request, tmp_path / "plain.parquet")
    state, output = tmp_path / "state", tmp_path / "rows.parquet"
    saved = []
    save = BlockStore.save

    def save_two(self, block, rows):
        if len(saved) == 2:
            raise Preempted
        saved.append(block)
        save(self, block, rows)

    monkeypatch.setattr(BlockStore, "save", save_two)
    with pytest.raises(Preempted, match="2 of 5 blocks of episodes are kept"):
        evaluate_block(folder, dataset, request, output, state=state)
    damaged = state / f"{saved[0].name}.json"
    damaged.write_text(damaged.read_text().replace("raw_return", "raw_reward", 1))
    again = []
    monkeypatch.setattr(BlockStore, "save", lambda self, block, rows: again.append(block))
    evaluate_block(folder, dataset, request, output, state=state)
    assert f"{damaged} is damaged" in capsys.readouterr().err
    assert len(again) == 4
    assert saved[1] not in again
    assert output.read_bytes() == (tmp_path / "plain.parquet").read_bytes()
    assert not state.exists()


@pytest.mark.parametrize(
    ("execution", "message"),
    [
        ({"environments": 51}, "a pool of 51 environments for 50 episodes; allowed are 1 to 50"),
        ({"environments": 0}, "a pool of 0 environments for 50 episodes"),
        ({"workers": 0}, "0 processes are to play episodes"),
    ],
)
def test_a_pool_that_cannot_be_used_is_refused(untrained, dataset, tmp_path, execution, message):
    folder = untrained(("iql", "paper"), [0])
    output = tmp_path / "rows.parquet"
    with pytest.raises(EvaluationError, match=message):
        evaluate_block(
            folder, dataset, Request(SAMPLING, EVALUATION), output, Execution(device="cpu", **execution)
        )
    assert not list(tmp_path.glob("*rows*"))


@pytest.mark.parametrize(
    ("workers", "environments", "pools"),
    [(1, None, [5]), (1, 3, [3]), (2, None, [5, 5]), (2, 5, [3, 2]), (4, 3, [1, 1, 1])],
)
def test_the_pool_is_shared_out(untrained, dataset, workers, environments, pools):
    from algos.base import Sampling
    from algos.evaluate import Evaluation, Evaluator

    manifest = json.loads((dataset / "manifest.json").read_text())
    execution = Execution(device="cpu", workers=workers, environments=environments)
    folder = untrained(("diffusion_ql", "paper"), [0])
    config = json.loads((folder / "config.json").read_text())
    assert config["hyperparameters"]["candidates"] == 3
    sampling = Sampling(candidates=50)  # 256 rows are five states
    evaluator = Evaluator(folder, manifest, sampling, Evaluation(**EVALUATION), execution)
    assert run.split_pool(evaluator, execution) == pools
