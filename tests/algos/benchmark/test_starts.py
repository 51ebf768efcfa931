"""What the start of a job takes."""

import json
import sys
import time

import pytest
from recheck.errors import TrainingError

from algos.benchmark import starts

SPIN = "import time; begin = time.process_time()\nwhile time.process_time() - begin < 0.3: pass"


def test_processor_time_of_a_command_is_counted_and_not_its_waiting():
    begin = time.monotonic()
    assert starts.processor_seconds([sys.executable, "-c", "import time; time.sleep(0.6)"]) < 0.5
    assert time.monotonic() - begin > 0.6
    assert 0.3 <= starts.processor_seconds([sys.executable, "-c", SPIN]) < 0.9


def test_a_command_that_fails_is_no_measurement():
    with pytest.raises(TrainingError, match="ended with 3"):
        starts.processor_seconds([sys.executable, "-c", "raise SystemExit(3)"])


def test_each_stage_has_the_sum_of_its_programs_for_the_forecast(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(starts, "PROGRAMS", {"train": ("", SPIN), "evaluate": (SPIN, SPIN)})
    assert starts.main(["--output", str(tmp_path / "starts.json"), "--rounds", "1"]) == 0
    rows = json.loads((tmp_path / "starts.json").read_text())["rows"]
    train, evaluate = (row["seconds"] for row in rows)
    assert [row["stage"] for row in rows] == ["train", "evaluate"]
    assert 0.3 <= train < evaluate
    assert evaluate >= 0.6
    assert "evaluate: " in capsys.readouterr().out


def test_an_episode_is_begun_as_a_process_that_plays_begins_it():
    starts.begin_episode()


def test_no_round_is_refused(tmp_path, capsys):
    assert starts.main(["--output", str(tmp_path / "x.json"), "--rounds", "0"]) == 2
    assert "--rounds is 0; it has to be at least 1." in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
