"""Times, pace and what is printed where no terminal is."""

import io

import pytest
from snakemake_logger_plugin_stages.screen import Screen, Stage, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3599.9, "1 h 0 min"), (7500, "2 h 5 min")],
)  # fmt: skip
def test_a_duration_is_written_in_two_units(seconds, words):
    assert duration(seconds) == words


def test_the_time_left_follows_the_pace_of_the_finished_jobs():
    stage = Stage("train", total=12, started=100.0)
    assert stage.seconds_left(130.0) is None
    stage.done = 3
    assert stage.seconds_left(130.0) == pytest.approx(90.0)


def test_a_finished_stage_is_one_line_where_no_terminal_is():
    now = [0.0]
    stream = io.StringIO()
    screen = Screen(stream, clock=lambda: now[0])
    screen.begin("train", 2)
    now[0] = 60.0
    screen.advance("train")
    assert stream.getvalue() == ""
    assert screen.time_of(screen.stages["train"]) == "about 1 min 0 s left"
    now[0] = 130.0
    screen.begin("train", 2)
    screen.advance("train")
    now[0] = 500.0
    assert stream.getvalue() == f"{'train':<18} 2/2  2 min 10 s\n"
    assert screen.time_of(screen.stages["train"]) == "2 min 10 s"
