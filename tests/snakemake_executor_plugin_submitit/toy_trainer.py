"""A trainer for the tests: slow, resumable, and with the exit code that the wrapper waits for.

Its result is a chain of hashes over all updates, so that it has the same bytes exactly if no update was
left out or done twice. Every update goes into a journal, which also shows work that was lost.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path

STATE_SAVED = 75


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--updates", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=0.1, help="of each update")
    parser.add_argument("--interval", type=int, default=10, help="updates between two saves")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--stuck-at", type=int, help="never get beyond this update")
    parser.add_argument("--save-seconds", type=float, default=0.0, help="how long a save takes")
    arguments = parser.parse_args()

    stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, lambda received, frame: stop.append(received))
    arguments.state.mkdir(parents=True, exist_ok=True)
    file = arguments.state / "state.json"
    state = {"update": 0, "value": ""}
    if file.exists():
        state = json.loads(file.read_text())

    def save() -> None:
        time.sleep(arguments.save_seconds)
        temporary = file.with_suffix(".tmp")
        temporary.write_text(json.dumps(state))
        os.replace(temporary, file)

    with arguments.journal.open("a") as journal:
        print(
            f"start {state['update']} threads={os.environ.get('OMP_NUM_THREADS')}", file=journal, flush=True
        )
        while state["update"] < arguments.updates:
            if stop:
                save()
                print(f"saved {state['update']} signal={stop[0]}", file=journal, flush=True)
                return STATE_SAVED
            time.sleep(arguments.seconds)
            if state["update"] == arguments.stuck_at:
                continue
            state["update"] += 1
            state["value"] = hashlib.sha256(f"{state['value']}{state['update']}".encode()).hexdigest()
            print(f"update {state['update']}", file=journal, flush=True)
            if state["update"] % arguments.interval == 0:
                save()
        print("end", file=journal, flush=True)
    arguments.output.write_text(state["value"])
    file.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
