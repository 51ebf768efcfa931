"""One results folder, several clones: two Snakemakes never make the same result at the same time.

Snakemake's own lock is in the clone. Here each Snakemake that has jobs to run puts a file into
``results/locks/`` that says who it is and what it makes; one that finds an output of its own in a live file
of another is refused before its first job. The file is touched while Snakemake lives, so that one left by a
kill is known: on the same host at once, from another host after `STALE_SECONDS`.
"""

from __future__ import annotations

import atexit
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from recheck import files
from recheck.errors import ConfigError, FileError

FOLDER = "results/locks"
BEAT_SECONDS = 30.0
STALE_SECONDS = 600.0


class ResultsLock:
    """The claim of one Snakemake on the results that it makes.

    Args:
        root: the repository's root.
        outputs: paths that it makes, relative to the root.
    """

    def __init__(self, root: Path, outputs: Iterable[str]) -> None:
        """Name the claim; nothing is written before `acquire`."""
        self.folder = root / FOLDER
        self.outputs = sorted(set(outputs))
        self.path = self.folder / f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}.json"
        self._released = threading.Event()
        self._owner = os.getpid()

    def acquire(self) -> None:
        """Claim the outputs.

        Raises:
            ConfigError: another Snakemake that lives makes one of them, or the claim cannot be written.
        """
        document = {
            "format": 1,
            "host": socket.gethostname(),
            "place": _place(),
            "pid": os.getpid(),
            "process_start": _process_start(os.getpid()),
            "folder": str(Path.cwd()),
            "since": time.time_ns(),
            "outputs": self.outputs,
        }
        try:
            files.write_json(self.path, document, ConfigError)
        except ConfigError as error:
            raise ConfigError(f"{error} Snakemake needs to write there to start.") from None
        atexit.register(self.release)
        for path, other in self._others():
            shared = sorted(set(self.outputs) & set(other["outputs"]))
            # Of two that start together, the earlier one continues.
            if shared and (other["since"], path.name) < (document["since"], self.path.name):
                self.release()
                raise ConfigError(
                    f"Another Snakemake makes {shared[0]}"
                    f"{f' and {len(shared) - 1} more' if len(shared) > 1 else ''} of this results folder: on "
                    f"{other['host']}, process {other['pid']}, in {other['folder']}. Wait until it has "
                    f"ended; if it has, remove {FOLDER}/{path.name}."
                )
        threading.Thread(target=self._beat, daemon=True).start()

    def release(self) -> None:
        """Give the outputs up; nothing happens the second time, or in a forked process."""
        if os.getpid() == self._owner:
            self._released.set()
            self.path.unlink(missing_ok=True)

    def _others(self) -> list[tuple[Path, dict[str, Any]]]:
        found = []
        for path in sorted(self.folder.glob("*.json")):
            if path == self.path:
                continue
            try:
                document = files.read_json(path)
                age = time.time() - path.stat().st_mtime
            except (FileError, OSError):
                continue  # released in the meantime
            if _is_dead(document, age):
                path.unlink(missing_ok=True)
            else:
                found.append((path, document))
        return found

    def _beat(self) -> None:
        while not self._released.wait(BEAT_SECONDS):
            try:
                os.utime(self.path)
            except OSError:
                return


def _is_dead(document: dict[str, Any], age_seconds: float) -> bool:
    """Whether the Snakemake of a claim has ended without giving it up."""
    if document.get("place") is not None and document["place"] == _place():
        return _process_start(int(document["pid"])) != document.get("process_start")
    return age_seconds > STALE_SECONDS


def _place() -> str | None:
    """What says where a process number means something: the boot and the namespace; None if not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def _process_start(pid: int) -> int | None:
    """When a process of this host was started, in clock ticks since boot; None where it is not there."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def claim(root: Path, outputs: Iterable[str]) -> ResultsLock:
    """Claim outputs for this process, until it ends.

    Raises:
        ConfigError: another Snakemake that lives makes one of them.
    """
    lock = ResultsLock(root, outputs)
    lock.acquire()
    return lock
