"""One writer at a time: a lock file with a heartbeat, also between machines that share a file system.

The lock is not in the folder that it protects, which the writer removes when it has finished.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from recheck import files
from recheck.errors import StateError

HEARTBEAT_SECONDS = 10.0
# The holder of a lock whose heartbeat is older is gone, or its file system is.
STALE_SECONDS = 120.0
POLL_SECONDS = 0.5


class Lock:
    """A lock file ``<host> <process> <random>``.

    Args:
        path: the file; its folder is made.
        purpose: what is protected, for messages.
    """

    def __init__(self, path: Path, purpose: str) -> None:
        self.path = path
        self.purpose = purpose
        self.text = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(8)}"
        self.waited = False

    @contextlib.contextmanager
    def held(self, patience_seconds: float | None = None) -> Iterator[Lock]:
        """Hold the lock, with a heartbeat, while the block runs.

        The lock of a dead process on this host is taken at once, another host's when its heartbeat has
        stopped. `waited` says afterwards whether another process held it first.

        Args:
            patience_seconds: how long to wait for a holder that is alive; None for as long as it is.

        Raises:
            StateError: another writer is still alive.
        """
        self._acquire(patience_seconds)
        stop = threading.Event()
        thread = threading.Thread(target=self._beat, args=(stop,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()
            with contextlib.suppress(OSError):
                if self._holder() == self.text:
                    self.path.unlink()

    def check(self) -> None:
        """Refuse to write when another process has taken the lock over, thinking this one dead.

        Raises:
            StateError: the lock is another's.
        """
        try:
            holder = self._holder()
        except OSError:
            holder = "nobody"
        if holder != self.text:
            raise StateError(
                f"{self.purpose} was taken over by another process ({_named(holder)}) while this one did not "
                f"answer for {STALE_SECONDS:.0f} s; this one stops without writing"
            )

    def _holder(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(OSError):
                if self._holder() == self.text:
                    os.utime(self.path)

    def _acquire(self, patience_seconds: float | None) -> None:
        started = time.monotonic()
        while True:
            with files.explained(self.path, StateError):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    self._create()
                except FileExistsError:
                    if self._take_abandoned():
                        continue
                except FileNotFoundError:
                    continue  # the folder was removed in between
                else:
                    return
            self._announce(time.monotonic() - started, patience_seconds)
            time.sleep(POLL_SECONDS)

    def _create(self) -> None:
        descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(self.text)
        except OSError:
            # A lock without a name would hold up the next start until it counts as abandoned.
            self.path.unlink(missing_ok=True)
            raise

    def _announce(self, seconds: float, patience_seconds: float | None) -> None:
        with contextlib.suppress(OSError):
            holder = _named(self._holder())
            if patience_seconds is not None and seconds > patience_seconds:
                raise StateError(
                    f"{self.purpose} is being written by another process ({holder}); wait for it, or stop "
                    f"it, and start again"
                )
            if not self.waited:
                print(
                    f"{self.purpose} is being written by another process ({holder}); waiting for it.",
                    file=sys.stderr,
                )
            self.waited = True

    def _take_abandoned(self) -> bool:
        """Remove the lock if its holder is gone; whether to try again at once."""
        try:
            holder, age = self._holder(), time.time() - self.path.stat().st_mtime
        except FileNotFoundError:
            return True  # just released
        if not _is_abandoned(holder, age):
            return False
        # Another waiter may have removed it and hold its own by now: look at what was moved away.
        grave = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        try:
            os.rename(self.path, grave)
        except FileNotFoundError:
            return True
        try:
            if grave.read_text(encoding="utf-8") != holder:
                with contextlib.suppress(FileExistsError):
                    os.link(grave, self.path)
        finally:
            grave.unlink(missing_ok=True)
        return True


def _named(holder: str) -> str:
    return " ".join(holder.split()[:2]) or "unknown"


def _is_abandoned(holder: str, age_seconds: float) -> bool:
    """Whether a lock's holder is gone: a dead process here, or no heartbeat."""
    if age_seconds > STALE_SECONDS:
        return True
    parts = holder.split()
    if len(parts) < 2 or not parts[1].isdigit():
        return age_seconds > HEARTBEAT_SECONDS  # its writer died between creating and filling it
    if parts[0] != socket.gethostname() or int(parts[1]) == os.getpid():
        return False
    try:
        os.kill(int(parts[1]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
