"""A benchmark's files and refusals."""

import json

import pytest
import torch
from recheck.methods import benchmark_configs

from algos.benchmark import __main__ as benchmark_command
from algos.benchmark import programs
from algos.methods import method_class

DEVICE = torch.device("cpu")


@pytest.mark.slow(50)
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # the compiler looks at every argument
def test_compiled_losses_are_those_of_the_same_method(tmp_path):
    """All methods in one process, since torch's checks of settings are dropped: none may serve another's.

    By the compiler's front end alone; what it leaves out would be missing behind every backend. The
    batches are small: what is compiled does not depend on their size.
    """
    assert benchmark_configs.main(["--output", str(tmp_path / "configs.json")]) == 0
    configs = json.loads((tmp_path / "configs.json").read_text())
    edp = next(config for config in configs if config["method"] == "edp")
    configs.append({**edp, "hyperparameters": {**edp["hyperparameters"], "head": "iql"}})
    for config in configs:
        sizes = {name: 8 for name in config["hyperparameters"] if name.endswith("batch_size")}
        config["hyperparameters"].update(sizes)
        assert sizes, config["method"]
        data = programs.synthetic_data(DEVICE, config)
        plain, compiled = (programs.build(config, [0, 1], DEVICE) for _ in range(2))
        compiled.compile_functions(backend="eager")
        histories = []
        for method in (plain, compiled):
            program = programs.build_program(method, data, False)
            programs.run_updates(program, 0, 3)
            histories.append(program.history[:3])
        assert torch.equal(*histories), (config["method"], config["hyperparameters"].get("head"))


def test_a_benchmark_writes_its_json_and_table(configs, tmp_path, capsys):
    path = tmp_path / "configs.json"
    path.write_text(json.dumps(configs))
    arguments = ["--configs", str(path), "--output", str(tmp_path / "out"), "--device", "cpu"]
    arguments += ["--blocks", "1,2", "--diffusion-steps", "5", "--windows", "2", "--window-seconds", "0.02"]
    assert benchmark_command.main(arguments) == 0
    result = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert [(row["method"], row["block"]) for row in result["rows"]] == [
        ("bc", 1),
        ("bc", 2),
        ("iql", 1),
        ("iql", 2),
    ]
    row = result["rows"][2]
    assert row["seed_updates_per_second"] > 0
    assert row["action_latency_ms"].keys() == {"1", "10"}
    assert row["evaluation"]["steps_per_second"] > 0
    table = (tmp_path / "out" / "benchmark.md").read_text()
    assert table.count("\n| ") == 5
    assert table in capsys.readouterr().out


def test_an_unknown_method_is_refused_with_the_list(configs, tmp_path, capsys):
    path = tmp_path / "configs.json"
    path.write_text(json.dumps(configs))
    arguments = ["--configs", str(path), "--output", str(tmp_path / "out"), "--methods", "sarsa"]
    assert benchmark_command.main(arguments) == 2
    assert "has no method 'sarsa'; it has bc, iql" in capsys.readouterr().err


def test_a_method_whose_whole_update_cannot_be_compiled_is_left_out(configs, monkeypatch):
    """And named; the others are measured. Nothing is compiled here: what a row holds is another test."""
    monkeypatch.setattr(benchmark_command, "measure_training", lambda *_: {"seed_updates_per_second": 1.0})
    monkeypatch.setattr(benchmark_command, "measure_latency", lambda *_: {})
    monkeypatch.setattr(benchmark_command, "measure_evaluation", lambda *_: None)
    monkeypatch.setattr(benchmark_command, "peak_flops_per_second", lambda *_: 1.0)
    monkeypatch.setattr(method_class("bc"), "COMPILES_WHOLE_UPDATE", False)
    options = {"device": "cpu", "threads": 1, "kernels": "plain", "processes": 1, "capture": False}
    for compiled, measured in (("update", ["iql"]), ("losses", ["bc", "iql"])):
        found = benchmark_command.benchmark(configs, [1], [5], {**options, "compile": compiled})
        assert [row["method"] for row in found["rows"]] == measured
        assert found["left_out"] == (
            ["bc: its whole update cannot be compiled"] if compiled == "update" else []
        )
        assert found["machine"]["compiled"] == compiled
