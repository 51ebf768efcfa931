"""The processes of a job: exit codes are those of the command, however soon it ends.

In a new process each: the functions wait for every child of the process.
"""

import subprocess
import sys

import pytest

PROGRAM = """
import gc, os, time
from snakemake_executor_plugin_submitit.processes import Signals, start_command, wait_for_all

signals = Signals()
signals.seen.extend({seen})
child = start_command({command!r}, os.environ, new_session=False)
time.sleep(0.2)
gc.collect()
start = time.monotonic()
print(*wait_for_all(child.pid, signals, {longest}), round(time.monotonic() - start, 1) >= 0.5)
"""


@pytest.mark.parametrize(
    ("command", "seen", "longest", "expected"),
    [
        ("exit 3", [], 10.0, "3 False False"),
        ("kill -9 $$", [], 10.0, "-9 False False"),
        # A process that the command leaves is waited for after a signal only.
        ("(sleep 1; exit 75) & exit 4", [], 10.0, "4 False False"),
        ("(sleep 1; exit 75) & exit 4", [15], 10.0, "4 True True"),
        ("(sleep 20; exit 75) & exit 4", [15], 0.8, "4 False True"),
    ],
)
def test_exit_code_saved_state_and_waiting(
    command: str, seen: list[int], longest: float, expected: str
) -> None:
    program = PROGRAM.format(command=command, seen=seen, longest=longest)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=180)
    assert done.stdout.strip() == expected, done.stderr
