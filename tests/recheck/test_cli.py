"""How a command ends."""

import os
import subprocess
import sys

import pytest
from recheck import cli
from recheck.errors import ConfigError, Preempted
from recheck.results import score_index


def test_a_command_line_prints_one_message_and_ends_with_two(copy, monkeypatch, capsys):
    monkeypatch.chdir(copy)
    assert score_index.main(["--config", '{"experiment": "nope"}', "--output", "x.json"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("There is no experiment 'nope'; known are")
    assert error.count("\n") == 1
    assert not (copy / "x.json").exists()


def _raise(problem: BaseException) -> None:
    raise problem


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (lambda: None, 0, ""),
        (lambda: 1, 1, ""),
        (lambda: _raise(ConfigError("seeds is 0; at least 1.")), 2, "seeds is 0; at least 1.\n"),
        (lambda: _raise(Preempted("Stopped by SIGTERM.")), 75, "Stopped by SIGTERM.\n"),
        (lambda: _raise(Preempted()), 75, ""),
        (lambda: _raise(KeyboardInterrupt()), 130, "Stopped by Ctrl-C.\n"),
    ],
)
def test_the_exit_status_is_the_commands_two_or_75(command, status, said, capsys):
    assert cli.run(command) == status
    assert capsys.readouterr().err == said


def test_a_fault_of_the_program_keeps_its_trace():
    with pytest.raises(KeyError):
        cli.run(lambda: _raise(KeyError("x")))


def test_a_mistake_in_a_snakefile_ends_it_with_two(capsys):
    with pytest.raises(SystemExit) as ended, cli.mistakes_end(print):
        _raise(ConfigError("seeds is 0; at least 1."))
    assert ended.value.code == cli.EXIT_MISTAKE
    assert capsys.readouterr().out == "seeds is 0; at least 1.\n"
    with pytest.raises(KeyError), cli.mistakes_end(print):
        _raise(KeyError("x"))


PIPE = """
import sys
from recheck import cli
sys.exit(cli.run(lambda: [print("x" * 99) for _ in range({})] and 3))
"""


@pytest.mark.parametrize("lines", [1, 100_000])
@pytest.mark.parametrize("errors_too", [False, True])
def test_a_reader_that_has_gone_ends_the_command_without_a_trace(lines, errors_too):
    reader, writer = os.pipe()
    os.close(reader)
    found = subprocess.run(
        [sys.executable, "-c", PIPE.format(lines)],
        stdout=writer,
        stderr=writer if errors_too else subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert found.returncode == 141
    assert not found.stderr


def test_another_pipe_that_broke_keeps_its_trace():
    with pytest.raises(BrokenPipeError):
        cli.run(lambda: _raise(BrokenPipeError()))


def test_what_was_printed_arrives_whole():
    found = subprocess.run([sys.executable, "-c", PIPE.format(1000)], capture_output=True, check=False)
    assert (found.returncode, len(found.stdout)) == (3, 100_000)
