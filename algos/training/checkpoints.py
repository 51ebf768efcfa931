"""The resumable state of a run: checked before it is used, written aside and moved, one writer.

A state folder holds ``state-<update>.safetensors`` with ``state-<update>.json``, the last two of them,
one ``policy-<update>.safetensors`` per checkpoint that is done, and ``lock``. It is no output of a rule,
because a failed job's outputs are deleted; it is removed when the run has its results.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recheck.errors import StateError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

FORMAT = 1
KEPT_STATES = 2
HEARTBEAT_SECONDS = 10.0
# A lock whose heartbeat is older belongs to a process that is gone (or a file system that is).
STALE_SECONDS = 120.0


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` that replaces it when the block ends well, and is removed otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file whose bytes depend on its content alone, aside and moved."""
    with written_aside(path) as temporary:
        ordered = {name: tensors[name].contiguous() for name in sorted(tensors)}
        save_file(ordered, temporary, dict(metadata or {}))
        temporary.chmod(0o666 & ~_umask())  # safetensors writes files that only their owner can read


@functools.cache
def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def save_json(path: Path, document: Any) -> None:
    """Write JSON with sorted keys, aside and moved."""
    with written_aside(path) as temporary:
        temporary.write_text(json.dumps(document, sort_keys=True, indent=1) + "\n", encoding="utf-8")


class RunState:
    """The state folder of one run.

    Args:
        identity: what must agree before a state is resumed (digest, dataset hash, formats, seeds,
            kind of device).
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        self.identity = dict(identity)

    def save(self, update: int, tensors: Mapping[str, Tensor], details: Mapping[str, Any]) -> None:
        """Write the state after `update` updates; the JSON comes last and makes it valid."""
        save_tensors(self._tensors(update), tensors)
        document = {"identity": self.identity, "update": update, **details}
        save_json(self.folder / f"state-{update}.json", document)
        for old in self._updates()[:-KEPT_STATES]:
            (self.folder / f"state-{old}.json").unlink(missing_ok=True)
            self._tensors(old).unlink(missing_ok=True)

    def load(self) -> tuple[int, dict[str, Tensor], dict[str, Any]] | None:
        """The newest state that can be read and belongs to this run; None to start from the beginning.

        States of another run (or a torn file) are left aside with a sentence on standard error.
        """
        for update in reversed(self._updates()):
            path = self.folder / f"state-{update}.json"
            try:
                document = json.loads(path.read_text(encoding="utf-8"))
                tensors = load_file(self._tensors(update))
            except (OSError, ValueError, SafetensorError) as error:
                print(f"The state {path} cannot be read ({error}); an older one is tried.", file=sys.stderr)
                continue
            found = document.get("identity", {})
            differing = sorted(key for key in self.identity if found.get(key) != self.identity[key])
            if differing:
                self._set_aside(differing, found)
                return None
            return update, tensors, document
        return None

    def _set_aside(self, differing: list[str], found: Mapping[str, Any]) -> None:
        key = differing[0]
        aside = self.folder.with_name(f"{self.folder.name}.other-{int(time.time())}")
        aside.mkdir(parents=True)
        for path in self.folder.iterdir():
            if path.name != "lock":
                os.replace(path, aside / path.name)
        print(
            f"The state in {self.folder} belongs to another run ({key} is {found.get(key)!r}, here "
            f"{self.identity[key]!r}); it was left aside as {aside.name} and training "
            f"starts from the beginning.",
            file=sys.stderr,
        )

    def save_policy(self, update: int, tensors: Mapping[str, Tensor]) -> None:
        """Keep a checkpoint's policy until the run is done."""
        save_tensors(self.folder / f"policy-{update}.safetensors", tensors)

    def load_policy(self, update: int) -> dict[str, Tensor]:
        """A kept checkpoint's policy.

        Raises:
            StateError: the file is missing or torn.
        """
        path = self.folder / f"policy-{update}.safetensors"
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise StateError(
                f"checkpoint {path} cannot be read ({error}); remove {self.folder} to train anew"
            ) from error

    def has_policies(self, updates: list[int]) -> bool:
        """Whether every checkpoint of `updates` is kept."""
        return all((self.folder / f"policy-{update}.safetensors").is_file() for update in updates)

    def remove(self) -> None:
        """Remove the folder: the run has its results."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _tensors(self, update: int) -> Path:
        return self.folder / f"state-{update}.safetensors"

    def _updates(self) -> list[int]:
        found = (path.stem.removeprefix("state-") for path in self.folder.glob("state-*.json"))
        return sorted(int(number) for number in found if number.isdigit())

    # --- One writer ---

    @contextlib.contextmanager
    def locked(self, patience_seconds: float = STALE_SECONDS + HEARTBEAT_SECONDS) -> Iterator[None]:
        """Hold the folder's lock, with a heartbeat, while the block runs.

        A lock of a dead process on this host is taken at once; another host's when its heartbeat
        has stopped.

        Raises:
            StateError: another writer is alive.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "lock"
        mine = f"{socket.gethostname()} {os.getpid()}"
        self._acquire(path, mine, patience_seconds)
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(HEARTBEAT_SECONDS):
                with contextlib.suppress(OSError):
                    os.utime(path)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            with contextlib.suppress(OSError):
                if path.read_text(encoding="utf-8") == mine:
                    path.unlink()

    def _acquire(self, path: Path, mine: str, patience_seconds: float) -> None:
        deadline = time.monotonic() + patience_seconds
        while True:
            try:
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                if _is_abandoned(path):
                    path.unlink(missing_ok=True)
                    continue
                if time.monotonic() > deadline:
                    holder = path.read_text(encoding="utf-8")
                    raise StateError(
                        f"{self.folder} is being written by another process ({holder}); wait for it, or "
                        f"stop it, and start again"
                    ) from None
                time.sleep(0.5)
                continue
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(mine)
            return


def _is_abandoned(path: Path) -> bool:
    """Whether a lock's holder is gone: a dead process here, or no heartbeat."""
    try:
        holder, age = path.read_text(encoding="utf-8").split(), time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False  # just released: the next try takes it
    if age > STALE_SECONDS:
        return True
    if len(holder) != 2:
        return age > HEARTBEAT_SECONDS  # its writer died between creating and filling it
    if holder[0] != socket.gethostname() or int(holder[1]) == os.getpid():
        return False
    try:
        os.kill(int(holder[1]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
