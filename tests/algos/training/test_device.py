"""The device that a run uses."""

import re
import resource

import pytest
import torch
from recheck.errors import TrainingError

from algos.training import device as device_module
from algos.training.device import check_compiler, choose_device, device_model, peak_memory_bytes


def test_auto_is_the_cpu_where_torch_sees_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    message = rf"device cuda was asked for, but torch {re.escape(torch.__version__)} \(.* build\) sees no GPU"
    with pytest.raises(TrainingError, match=message + ".*use --device cpu, or install torch's CUDA build"):
        choose_device("cuda")
    with pytest.raises(TrainingError, match="device cuda:1 was asked for"):
        choose_device("cuda:1")


def test_a_gpu_computes_the_same_twice(monkeypatch):
    """What is set before CUDA's first call; without a GPU only that it is."""
    asked = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        torch, "use_deterministic_algorithms", lambda on, warn_only: asked.append((on, warn_only))
    )
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "restored afterwards")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    assert choose_device("auto") == torch.device("cuda")
    assert asked == [(True, True)]
    assert torch.utils.deterministic.fill_uninitialized_memory is False
    assert device_module.os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_a_device_is_named_by_its_model(monkeypatch):
    monkeypatch.setattr(device_module, "cpu_model", lambda: "EPYC")
    assert device_model(torch.device("cpu")) == "CPU: EPYC"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H100")
    assert device_model(torch.device("cuda", 0)) == "H100"


def test_the_peak_of_a_process_is_linuxs_high_water_mark(tmp_path, monkeypatch):
    """Of this process, in kB; getrusage's figure would be that of the process which started it."""
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t  999999 kB\nVmHWM:\t    1234 kB\nVmRSS:\t     7 kB\n")
    monkeypatch.setattr(device_module, "Path", lambda name: status)
    assert peak_memory_bytes(torch.device("cpu")) == 1234 * 1024


def test_without_a_status_file_the_systems_figure_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(device_module, "Path", lambda name: tmp_path / "none")
    wanted = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert peak_memory_bytes(torch.device("cpu")) >= wanted


def test_compiling_without_a_compiler_is_refused_in_one_sentence(monkeypatch, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    cpu = torch.device("cpu")
    message = (
        r"^compile was asked for \(update\), but there is no C\+\+ compiler 'g\+\+' here; install it, "
        r"name another in the variable CXX, or leave compile out$"
    )
    with pytest.raises(TrainingError, match=message):
        check_compiler("update", cpu)
    check_compiler(None, cpu)
    check_compiler("losses", torch.device("cuda"))
    (tmp_path / "clang++").touch(mode=0o755)
    monkeypatch.setenv("CXX", "clang++")
    check_compiler("update", cpu)
