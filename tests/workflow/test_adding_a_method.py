"""A method is added by two files, as docs/adding_a_method.md says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from algos.datasets.transitions import content_sha256

ROOT = Path(__file__).resolve().parents[2]

# Behaviour cloning by squared error: what the page says to change in bc.py and bc.yaml.
CLASS_CHANGES = (
    ("class BC(Method):", "class SquaredBC(Method):"),
    ('    name = "bc"', '    name = "squared_bc"'),
    (
        '        "batch_size": "transitions per update",',
        '        "batch_size": "transitions", "margin": "added",',
    ),
    (
        "return -self.actor.log_density(batch.observations, batch.actions, draw).mean(dim=1)",
        'return self.hyperparameters["margin"] '
        "- self.actor.log_density(batch.observations, batch.actions, draw).mean(dim=1)",
    ),
)
FILE_CHANGES = (
    ("method: bc\n", "method: squared_bc\n"),
    ("class: algos.bc:BC\n", "class: algos.squared_bc:SquaredBC\n"),
    (
        "variants:\n",
        "allowed:\n  margin: {type: number, minimum: 0, description: Added to the loss.}\n\nvariants:\n",
    ),
    (
        '        batch_size: {value: 256, source: "I train_offline.py:21-27"}\n',
        "        batch_size: {value: 32, source: test}\n        margin: {value: 0.5, source: test}\n",
    ),
)


def changed(text: str, changes: tuple[tuple[str, str], ...]) -> str:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of the repository to which the two files of a method were added."""
    folder = tmp_path / "repository"
    ignore = shutil.ignore_patterns("__pycache__", "behaviors")
    for name in ("algos", "workflow"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    method = (ROOT / "algos/bc.py").read_text(encoding="utf-8")
    (folder / "algos/squared_bc.py").write_text(changed(method, CLASS_CHANGES), encoding="utf-8")
    values = ROOT / "workflow/config/hyperparameters/bc.yaml"
    target = folder / "workflow/config/hyperparameters/squared_bc.yaml"
    target.write_text(changed(values.read_text(encoding="utf-8"), FILE_CHANGES), encoding="utf-8")
    experiment = {
        "description": "The new method.",
        "evaluation": {"episodes": 1, "episodes_last": 1, "episodes_reevaluated": 1},
        "grid": [
            {
                "methods": ["squared_bc"],
                "tasks": ["hopper-medium-expert-recollected-v0"],
                "seeds": 2,
                "num_updates": 20,
                "checkpoints": 1,
            }
        ],
    }
    (folder / "workflow/config/experiments/new.yaml").write_text(json.dumps(experiment), encoding="utf-8")
    return folder


def command(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(repository), f"{repository}/workflow/src"]),
    }
    return subprocess.run(
        [sys.executable, *arguments], cwd=repository, env=environment, capture_output=True, text=True
    )


def dataset(folder: Path) -> Path:
    generator = np.random.default_rng(0)
    arrays = {
        "observations": generator.standard_normal((64, 11)).astype(np.float32),
        "actions": np.tanh(generator.standard_normal((64, 3))).astype(np.float32),
        "rewards": generator.standard_normal(64).astype(np.float32),
        "next_observations": generator.standard_normal((64, 11)).astype(np.float32),
        "terminals": (np.arange(64) % 16 == 15).astype(np.uint8),
        "episodes": (np.arange(64) // 16).astype(np.int64),
    }
    folder.mkdir()
    save_file(arrays, folder / "transitions.safetensors")
    manifest = {
        "format": 1,
        "task": "hopper-medium-expert-recollected-v0",
        "content_sha256": content_sha256(arrays),
        "observation_dim": 11,
        "action_dim": 3,
        "environment_id": "Hopper-v4",
        "adapter": None,
        "horizon": 1000,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


PLAN = """
import json, pathlib
from recheck import plan
from recheck.cost import estimate
loaded = plan.load({"experiment": "new", **json.loads(%r)}, pathlib.Path())
cell, *_ = loaded.cells
print(json.dumps({"config": cell.run.config_text(0, 1), "cost": estimate.report(
    loaded, estimate.predict(loaded))}))
"""


def shipped_settings(repository: Path) -> str:
    """The configuration that comes with the repository, without an experiment, as JSON."""
    text = (repository / "workflow/config/config.yaml").read_text(encoding="utf-8")
    return json.dumps({key: value for key, value in yaml.safe_load(text).items() if key != "experiment"})


def test_two_files_are_enough_from_the_plan_to_the_episodes(repository: Path, tmp_path: Path) -> None:
    """Planned, forecast, trained, evaluated and described, with no other file edited."""
    planned = command(repository, "-c", PLAN % shipped_settings(repository))
    assert planned.returncode == 0, planned.stderr
    found = json.loads(planned.stdout)
    assert json.loads(found["config"])["hyperparameters"]["margin"] == 0.5
    assert "squared_bc" in found["cost"]
    assert "not known" in found["cost"]

    data = dataset(tmp_path / "data")
    run = tmp_path / "run"
    arguments = ["--config", found["config"], "--dataset", str(data), "--threads", "1", "--device", "cpu"]
    arguments += ["--output", str(run), "--state", str(tmp_path / "state")]
    trained = command(repository, "-m", "algos.train", *arguments)
    assert trained.returncode == 0, trained.stderr

    amounts = {"episodes": 1, "episodes_last": 1, "episodes_reevaluated": 0}
    arguments = ["--run", str(run), "--dataset", str(data), "--evaluation", json.dumps(amounts)]
    evaluated = command(
        repository, "-m", "algos.evaluate", *arguments, "--output", str(tmp_path / "episodes.parquet")
    )
    assert evaluated.returncode == 0, evaluated.stderr
    assert (tmp_path / "episodes.parquet").is_file()

    written = command(repository, "-m", "recheck.methods.deviations")
    assert written.returncode == 0, written.stderr
    assert "(`squared_bc`)" in (repository / "docs/deviations.md").read_text(encoding="utf-8")


def test_the_benchmark_finds_it_and_the_forecast_then_knows_it(repository: Path) -> None:
    folder = repository / "results/benchmark"
    folder.mkdir(parents=True)
    configs = ["--configs", str(folder / "configs.json")]
    written = command(repository, "-m", "recheck.methods.benchmark_configs", "--output", configs[1])
    assert written.returncode == 0, written.stderr
    short = ["--methods", "squared_bc", "--blocks", "1", "--windows", "1", "--window-seconds", "0.01"]
    measured = command(repository, "-m", "algos.benchmark", *configs, "--output", str(folder), *short)
    assert measured.returncode == 0, measured.stderr
    assert "squared_bc" in (folder / "benchmark.md").read_text(encoding="utf-8")
    acting = ["--output", str(folder / "acting.json"), "--methods", "squared_bc", "--episodes", "1"]
    acted = command(repository, "-m", "algos.benchmark.acting", *configs, *acting, "--rounds", "1")
    assert acted.returncode == 0, acted.stderr
    planned = command(repository, "-c", PLAN % shipped_settings(repository))
    assert planned.returncode == 0, planned.stderr
    assert "not known" not in json.loads(planned.stdout)["cost"]


def test_what_is_missing_is_reported(repository: Path) -> None:
    """A class that is not there, a value outside what the file allows, a name that another meaning has."""
    target = repository / "workflow/config/hyperparameters/squared_bc.yaml"
    text = target.read_text(encoding="utf-8")
    read = (
        "import pathlib\nfrom recheck.methods import hyperparameters as h\n"
        "from algos.methods import method_class\n"
        "try:\n    m = h.read(pathlib.Path(), 'squared_bc')\n"
        "    h.resolve(pathlib.Path(), m, 'paper', 'hopper-medium-v2', {})\n    method_class('squared_bc')\n"
        "except ValueError as e:\n    print(e)"
    )
    for old, new, message in (
        ("algos.squared_bc:", "algos.square_bc:", "but there is no module 'algos.square_bc'"),
        (":SquaredBC", ":SquareBC", "algos.squared_bc has no class of that name"),
        ("format_version: 1", "format_version: 2", "format_version is 2, but its class has 1"),
        ("        margin: {value: 0.5, source: test}\n", "", "no value for margin, which its class needs"),
        (
            "  margin: {type: number, minimum: 0, description: Added to the loss.}\n",
            "  other: {description: x}\n",
            "no file says what margin may be; add it to 'allowed' of workflow/config/hyperparameters/",
        ),
        ("margin: {value: 0.5", "discount: {value: 0.5", "no value for margin"),
        ("margin: {value: 0.5,", "margin: {value: -0.5,", "margin is -0.5; it has to be at least 0"),
        ("class: algos.squared_bc:SquaredBC\n", "", "class is missing"),
        ("  margin: {type: number", "  discount: {type: number", "allowed defines discount, which"),
    ):
        assert old in text
        target.write_text(text.replace(old, new), encoding="utf-8")
        done = command(repository, "-c", read)
        assert message in done.stdout, (message, done.stdout, done.stderr)
