"""Progress on a terminal and in a log, at times given by hand."""

import io

import pytest
from recheck import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """The time, in a list of one."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_has_a_line_a_minute_and_the_last_one(clock):
    stream = io.StringIO()
    shown = progress.Progress(100, "train", stream=stream)
    for seconds, done in ((10, 10), (30, 30), (71, 71), (100, 100)):
        clock[0] = seconds
        shown.update(done, "loss 0.5")
    assert stream.getvalue().splitlines() == [
        "train: 10/100, 1.0/s, 1 min 30 s left; loss 0.5",
        "train: 71/100, 1.0/s, 29 s left; loss 0.5",
        "train: 100/100, 1.0/s, 0 s left; loss 0.5",
    ]


def test_a_resumed_run_counts_its_own_rate(clock):
    stream = io.StringIO()
    shown = progress.Progress(1000, "train", done=500, stream=stream)
    clock[0] = 10
    shown.update(600)
    assert stream.getvalue() == "train: 600/1,000, 10.0/s, 40 s left\n"


def test_a_terminal_has_one_line_that_rewrites_itself(clock):
    stream = Terminal()
    shown = progress.Progress(4, "evaluate", stream=stream)
    for seconds, done in ((1, 1), (1.2, 2), (4, 4)):
        clock[0] = seconds
        shown.update(done)
    first, second = stream.getvalue().split("\r")[1:]
    assert first.startswith("[" + "#" * 6 + "." * 18 + "] evaluate: 1/4")
    assert second.startswith("[" + "#" * 24 + "] evaluate: 4/4")
    assert second.endswith("\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.9, "0 s"),
        (59, "59 s"),
        (185, "3 min 05 s"),
        (7620, "2 h 07 min"),
        (float("inf"), "unknown time"),
    ],
)
def test_times_are_for_people(seconds, text):
    assert progress.format_seconds(seconds) == text
