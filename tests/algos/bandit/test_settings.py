"""The toy's constants are the released ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from algos.bandit import settings as settings_module

FACTS = Path(__file__).resolve().parents[4] / "shared" / "facts" / "hyperparameters.json"


# --- Constants and data ---


@pytest.mark.skipif(not FACTS.is_file(), reason="the facts are not in the repository")
def test_constants_are_the_released_ones() -> None:
    facts = json.loads(FACTS.read_text(encoding="utf-8"))["Diffusion-QL"]["toy"]
    settings = settings_module.Settings()
    assert settings.updates == facts["updates"] == facts["epochs"] * 100
    assert settings.batch_size == settings.policy_batch == facts["batch_size"]
    assert settings.num_data == facts["num_data"]
    assert settings.hidden_width == facts["hidden"]
    assert settings.time_dim == facts["time_dim"]
    assert settings.learning_rate == settings.gaussian_learning_rate == facts["lr"]
    assert settings.eta == facts["eta"]
    assert settings.schedule == facts["beta_schedule"]
    assert settings.num_samples == facts["num_eval"]["bc"]
    assert settings.diffusion_steps[-1] == facts["T"]
    assert facts["reward_means"] == {mode.name: mode.reward_mean for mode in settings_module.MODES}
    assert {abs(x) for mode in settings_module.MODES for x in mode.centre} == {facts["centres"]}
    assert (facts["action_sd"], facts["reward_sd"]) == (settings_module.ACTION_SD, settings_module.REWARD_SD)


def test_only_the_released_setting_is_not_called_reduced() -> None:
    assert settings_module.reduction(settings_module.resolve_settings("full")) is None
    assert settings_module.reduction(settings_module.resolve_settings("full", seed=3)) is None
    for cut in (
        {"updates": 99_999},
        {"policy_batch": 99},
        {"q_interval": 2},
        {"learning_rate": 1e-3},
        {"gaussian_learning_rate": 1e-3},
    ):
        assert settings_module.reduction(replace(settings_module.Settings(), **cut)) is not None
    reduced = settings_module.reduction(settings_module.resolve_settings("reduced"))
    assert reduced is not None
    assert "learning rate 0.003 for 0.0003; of the Gaussians 0.001" in reduced
