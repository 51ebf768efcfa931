"""The state folder: the newest usable state."""

import pytest
import torch
from recheck.errors import StateError

from algos.training.checkpoints import RunState


def test_a_torn_state_falls_back_to_the_one_before(dataset, run_config, tmp_path, capsys):
    state = RunState(tmp_path / "state", {"digest": "a"})
    state.save(10, {"x": torch.ones(3)}, {})
    state.save(20, {"x": torch.zeros(3)}, {})
    path = tmp_path / "state" / "state-20.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    update, tensors, _ = state.load()
    assert update == 10
    assert torch.equal(tensors["x"], torch.ones(3))
    assert "is damaged: its SHA-256 is" in capsys.readouterr().err


def test_only_two_states_are_kept(tmp_path):
    state = RunState(tmp_path / "state", {})
    for update in (5, 10, 15):
        state.save(update, {"x": torch.ones(1)}, {})
    assert sorted(path.stem for path in (tmp_path / "state").glob("*.json")) == ["state-10", "state-15"]


def test_the_lock_is_not_in_the_folder_that_is_removed(tmp_path):
    state = RunState(tmp_path / "state", {})
    with state.locked():
        state.save(5, {"x": torch.ones(1)}, {})
        state.remove()
        with (
            pytest.raises(StateError, match="being written by another process"),
            RunState(tmp_path / "state", {}).locked(patience_seconds=0.1),
        ):
            pass
    assert list(tmp_path.iterdir()) == []
