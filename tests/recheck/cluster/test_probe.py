"""Two short jobs that answer before a study begins."""

import json

import pytest
from recheck.cluster import probe
from recheck.errors import ConfigError


def answer(kind, **changed):
    return {
        "kind": kind,
        "host": "n1",
        "cores": 4,
        "python": "3.11",
        "torch": "2.0",
        "gpus": [],
        "gpu_asked": False,
        "torch_error": "",
        "reached": {"a.example": True, "b.example": False},
        **changed,
    }


def write(root, **changed):
    (root / probe.FOLDER).mkdir(parents=True, exist_ok=True)
    for kind in probe.KINDS:
        (root / probe.FOLDER / f"{kind}.json").write_text(json.dumps(answer(kind, **changed.get(kind, {}))))


def test_both_answers_are_needed_and_kept_as_done(tmp_path, capsys):
    write(tmp_path)
    assert "50 jobs, and no probe has run" in str(probe.advice(tmp_path, 50))
    assert probe.advice(tmp_path, 49) is None
    assert "Both jobs ran" in probe.report(tmp_path)
    assert "can download from a.example." in capsys.readouterr().out
    assert probe.advice(tmp_path, 500) is None
    with pytest.raises(ConfigError, match=r"train.json"):
        probe.report(tmp_path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"gpu_asked": True}, "train on n1: a GPU was asked for, and torch 2.0 sees none."),
        ({"torch": None, "torch_error": "No module"}, "torch cannot be imported (No module)."),
    ],
)
def test_what_would_stop_real_jobs_is_refused(tmp_path, changed, words):
    write(tmp_path, train=changed)
    with pytest.raises(ConfigError) as refusal:
        probe.report(tmp_path)
    assert words in str(refusal.value)
    assert probe.advice(tmp_path, 50) is not None


def test_an_answer_of_this_machine(copy, monkeypatch):
    monkeypatch.setattr(probe, "hosts", lambda root: {("localhost", 9)})
    seen = probe.look(copy, "train", gpu=False)
    assert seen["cores"] >= 1
    assert seen["reached"] == {"localhost": False}
    assert {host for host, _ in probe.hosts(copy)} == {"localhost"}


@pytest.mark.parametrize(
    ("torch", "words"),
    [
        ({"torch": "2.13.0+cpu", "gpus": []}, "torch 2.13.0+cpu sees none here"),
        (
            {"torch": None, "gpus": [], "torch_error": "No module named 'torch'"},
            "and No module named 'torch'.",
        ),
    ],
)
def test_jobs_for_a_gpu_are_refused_where_there_is_none(monkeypatch, torch, words):
    monkeypatch.setattr(probe, "torch_here", lambda: torch)
    with pytest.raises(ConfigError) as refusal:
        probe.check_gpu_here(["train", "evaluate", "train"])
    assert str(refusal.value).startswith("Jobs ask for a GPU (2 of train, 1 of evaluate), and ")
    assert words in str(refusal.value)
    assert "Give train_on=cpu" in str(refusal.value)
    probe.check_gpu_here([])
    monkeypatch.setattr(probe, "torch_here", lambda: {"torch": "2.13.0", "gpus": ["NVIDIA H100"]})
    probe.check_gpu_here(["train"])
