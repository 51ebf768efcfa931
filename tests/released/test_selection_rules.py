"""Which checkpoint is reported, against Zhendong-Wang/Diffusion-Policies-for-Offline-RL@d871f5c, main.py."""

import json
import types

import numpy as np
import pytest

from paper_tables.scores import selection
from tests.released.libraries import library

pytestmark = pytest.mark.released
# Checkpoints of one run; the orders by loss and by score differ.
LOSSES = (0.9, 0.5, 0.7, 0.3, 0.4, 0.8, 0.2, 0.6)
SCORES = (10.0, 40.0, 20.0, 80.0, 5.0, 80.0, 30.0, 60.0)


class Agent:
    """Trains in no time; the losses are given."""

    def __init__(self, **_):
        self.losses = iter(LOSSES)

    def train(self, *_, **__):
        loss = next(self.losses)
        names = ("bc_loss", "ql_loss", "actor_loss", "critic_loss")
        return {name: [loss - 0.1, loss + 0.1] for name in names}


@pytest.fixture
def reported(released, monkeypatch, tmp_path):
    """A function that runs the release's loop and gives the checkpoint that it reports, and their number."""
    library("tensorboard")
    module = released("Diffusion-Policies-for-Offline-RL", "main.py")
    learner = released("Diffusion-Policies-for-Offline-RL", "agents/ql_diffusion.py")
    monkeypatch.setattr(learner, "Diffusion_QL", Agent)
    monkeypatch.setattr(module, "Data_Sampler", lambda *_: None)
    monkeypatch.setattr(module.d4rl, "qlearning_dataset", lambda _: None, raising=False)
    monkeypatch.setattr(module.utils, "print_banner", lambda *_, **__: None)
    quiet = types.SimpleNamespace(record_tabular=lambda *_: None, dump_tabular=lambda: None)
    monkeypatch.setattr(module, "logger", quiet)

    def run(rule, top_k=1, early_stop=False):
        scores = iter(SCORES)
        monkeypatch.setattr(module, "eval_policy", lambda *_, **__: (0.0, 0.0, next(scores), 0.0))
        settings = dict.fromkeys(("discount", "tau", "max_q_backup", "beta_schedule", "T", "lr", "eta"))
        settings |= dict.fromkeys(("lr_decay", "gn", "reward_tune", "batch_size", "env_name", "seed"))
        settings |= {"algo": "ql", "num_epochs": len(LOSSES), "num_steps_per_epoch": 1, "eval_freq": 1}
        settings |= {"eval_episodes": 1, "save_best_model": False, "early_stop": early_stop}
        arguments = types.SimpleNamespace(**settings, ms=rule, top_k=top_k)
        module.train_agent(None, 4, 2, 1.0, "cpu", str(tmp_path), arguments)
        best = json.loads((tmp_path / f"best_score_{rule}.txt").read_text())
        return int(best["epoch"]) - 1, len(np.load(tmp_path / "eval.npy"))

    return run


def test_the_best_checkpoint_is_the_first_of_the_highest(reported):
    assert reported("online")[0] == selection.best_online(np.array(SCORES)) == 3


@pytest.mark.parametrize("top_k", range(len(LOSSES) + 2))
def test_the_offline_rule_is_the_released_one_and_not_the_described(reported, top_k):
    found, _ = reported("offline", top_k)
    assert found == selection.offline_released(np.array(LOSSES), top_k)


def test_what_the_paper_describes_is_another_checkpoint(reported):
    taken = [reported("offline", top_k)[0] for top_k in range(3)]
    assert taken != [selection.offline_described(np.array(LOSSES), top_k) for top_k in range(3)]


def test_training_stops_at_the_first_rise(reported):
    assert reported("online", early_stop=True)[1] == selection.early_stop(np.array(LOSSES)) == 3
