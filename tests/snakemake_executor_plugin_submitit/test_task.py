"""The command line that submitit pickles."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from snakemake_executor_plugin_submitit.task import Task
from snakemake_executor_plugin_submitit.wrapper import run
from submitit.core.utils import DelayedSubmission


def test_the_pickle_holds_one_command_line(tmp_path: Path) -> None:
    task = Task(
        folder=tmp_path,
        key="0123456789abcdef",
        command="echo 'a b'  \"$HOME\" && x",
        cpus=3,
        where="slurm",
        max_requeues=5,
        may_requeue=False,
        state=tmp_path / "s",
        minutes=5,
        signal_seconds=30,
    )
    line = task.command_line()
    assert Task.parse(line) == task
    DelayedSubmission(run, line).dump(tmp_path / "x.pkl")
    loaded = pickle.loads((tmp_path / "x.pkl").read_bytes())
    assert (loaded.function, loaded.args, loaded.kwargs) == (run, (line,), {})
    assert isinstance(line, str)


def test_parsing_is_strict() -> None:
    parse: Callable[[str], Task] = Task.parse
    with pytest.raises(SystemExit):
        parse("--folder=/x --key=1 --surprise=1 -- true")
