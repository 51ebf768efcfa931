"""Training of the policies that collect."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from algos.recollect.behaviour_policies import BEHAVIORS, load_policy


def test_the_training_script_trains_goes_on_and_publishes_a_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = BEHAVIORS.parents[1] / "algos/recollect/train_behaviours.py"
    short = "--random-steps 100 --snapshot-every 150 --state-every 150 --episodes 1 --batch 16"
    work, published = tmp_path / "work", tmp_path / "published"

    def run(arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [str(script), *arguments.split()])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(script), run_name="__main__")
        assert ended.value.code == 0
        return capsys.readouterr().out

    run(f"train --environment Hopper-v4 --work {work} --updates 150 {short}")
    assert '"step": 300' in run(f"train --environment Hopper-v4 --work {work} --updates 300 {short}")
    lines = (work / "progress.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [150, 300]  # gone on, not begun again
    first, second = (load_file(work / f"snapshot-{step:08d}.safetensors") for step in (150, 300))
    assert not np.array_equal(first["layers.2.bias"], second["layers.2.bias"])
    run(f"publish --work {work} --step 300 --episodes 2 --folder {published}")
    assert load_policy("hopper-0000k", published).observation_dim == 11
    record = json.loads((published / "hopper-0000k.json").read_text(encoding="utf-8"))
    assert record["training_steps"] == 300
    assert record["versions"]["mujoco"]
