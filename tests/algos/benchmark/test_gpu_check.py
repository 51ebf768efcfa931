"""The check of a GPU, run on a CPU where there is none."""

import json

import pytest
import torch
from recheck.methods import benchmark_configs

from algos.benchmark import gpu_check, programs
from algos.seed_parallel import kernels
from algos.training.trainer import choose_device

DEVICE = torch.device("cpu")


def test_the_gpu_check_runs_on_a_cpu_without_capture(configs):
    with kernels.using("plain"):
        result = gpu_check.gpu_check(configs, DEVICE, seconds=0.01)
    assert result["failed"] == []
    for entry in result["methods"].values():
        assert entry["resume"] == {"equal": True, "difference": 0.0}
        assert entry["block"]["equal"]
        assert entry["against_cpu"]["largest_relative_difference"] == 0.0
        assert entry["speed"]["ten_against_one"] > 0


def test_the_gpu_check_writes_a_failure_down_and_goes_on(configs, monkeypatch, tmp_path, capsys):
    def broken(config, device):
        if config["method"] == "bc":
            raise RuntimeError("operation not permitted when stream is capturing\nand more")
        return {"largest_relative_difference": 0.2}

    monkeypatch.setattr(gpu_check, "check_against_cpu", broken)
    monkeypatch.setattr(gpu_check, "MEASURED_BLOCKS", (1, 10))
    path, output = tmp_path / "configs.json", tmp_path / "gpu_check.json"
    path.write_text(json.dumps(configs))
    arguments = [
        "--configs",
        str(path),
        "--output",
        str(output),
        "--device",
        "cpu",
        "--window-seconds",
        "0.01",
    ]
    assert gpu_check.main(arguments) == 1
    result = json.loads(output.read_text())
    assert result["failed"] == [
        "bc/paper: against_cpu ended in RuntimeError: operation not permitted when stream is capturing",
        "iql/paper: losses differ from the CPU's by more than 0.05",
    ]
    assert all(entry["speed"]["ten_against_one"] > 0 for entry in result["methods"].values())
    assert "FAILED: bc/paper" in capsys.readouterr().err


def test_the_checked_updates_hold_those_in_which_averages_move(tmp_path):
    assert benchmark_configs.main(["--output", str(tmp_path / "configs.json")]) == 0
    for config in json.loads((tmp_path / "configs.json").read_text()):
        method = programs.build(config, [0], DEVICE)
        spans = gpu_check.checked_spans(method)
        assert spans[0] == (960, 128)
        assert len(spans) == (3 if config["method"] == "awr" else 1)
        seen = {method.update_variant(first + i) for first, count in spans for i in range(count)}
        assert seen == {method.update_variant(update) for update in range(10_000)}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_captured_programs_give_the_same_bits(tmp_path):
    assert benchmark_configs.main(["--output", str(tmp_path / "configs.json")]) == 0
    device = choose_device("cuda")
    for config in json.loads((tmp_path / "configs.json").read_text()):
        assert gpu_check.check_capture(config, device)["equal"], config["method"]
