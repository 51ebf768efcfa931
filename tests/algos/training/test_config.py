"""Configurations of runs that are refused."""

import json

import pytest

from algos import train


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "sarsa"}, "no method 'sarsa'; known are awac, awr, bc,"),
        ({"method_format": 99}, "asks for format 99 of method iql"),
        ({"seeds": [-1]}, "seeds"),
        ({"seeds": [1, 1]}, "seeds"),
        ({"checkpoints": [100]}, "end with it"),
        ({"num_updates": 0}, "num_updates is 0"),
        ({"train_fraction": 0.0}, "train_fraction is 0.0"),
        ({"hyperparameters": {"expectile": 0.4}}, r"allowed are values in \[0.5, 1\)"),
        ({"hyperparameters": {"update_order": "random"}}, "allowed are paper, corl"),
        ({"hyperparameters": {"colour": 1}}, "has no hyperparameter 'colour'"),
        ({"transforms": [{"name": "rotate"}]}, "rotate"),
        ({"precision": "float16"}, "precision is 'float16'; allowed are float32, bfloat16"),
        ({"surprise": 1}, "unknown key 'surprise'"),
    ],
)
def test_bad_configurations_are_refused_in_a_sentence(dataset, run_config, tmp_path, capsys, change, message):
    change = dict(change)
    config = {**run_config([0], hyperparameters=change.pop("hyperparameters", {})), **change}
    arguments = ["--config", json.dumps(config), "--dataset", str(dataset)]
    arguments += ["--output", str(tmp_path / "run"), "--state", str(tmp_path / "state")]
    assert train.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert pytest.raises(ValueError, match=message).matches(ValueError(error))
    assert not (tmp_path / "run").exists()
