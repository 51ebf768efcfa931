"""The resumable state of a run and its kept checkpoints, each checked before it is used.

A state folder holds ``state-<update>.safetensors`` with ``state-<update>.json``, the last two of them, and
one ``policy-<update>.safetensors`` per checkpoint that is done, each with its checksum. It is not an output
of a rule, because a failed job's outputs are deleted; it is removed when the run has its results. Its lock is
the file ``<folder>.lock`` next to it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from recheck import checksums
from recheck.errors import StateError
from torch import Tensor

from algos.training.lock import Lock
from algos.training.stored import load_tensors, save_json, save_tensors

FORMAT = 1
KEPT_STATES = 2


class RunState:
    """The state folder of one run.

    Args:
        folder: the state folder; it need not exist.
        identity: what must agree before a state is resumed (digest, dataset hash, formats, seeds,
            kind of device, threads).
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        self.identity = dict(identity)
        self.lock = Lock(folder.with_name(f"{folder.name}.lock"), str(folder))
        self._locked = False

    # --- States ---

    def save(self, update: int, tensors: Mapping[str, Tensor], details: Mapping[str, Any]) -> None:
        """Write the state after `update` updates; the JSON comes last and makes it valid.

        Raises:
            StateError: it cannot be written, or another process has taken the run over.
        """
        self.check_lock()
        save_tensors(self._tensors(update), tensors, StateError)
        document = {"identity": self.identity, "update": update, **details}
        save_json(self._document(update), document, StateError)
        for old in self._updates()[:-KEPT_STATES]:
            for path in (self._document(old), self._tensors(old)):
                path.unlink(missing_ok=True)
                checksums.sidecar(path).unlink(missing_ok=True)

    def load(self, checkpoints: Iterable[int] = ()) -> tuple[int, dict[str, Tensor], dict[str, Any]] | None:
        """The newest state that can be used; None to start from the beginning.

        A state can be used if it is what was written, belongs to this run, and every checkpoint up to its
        update is kept and is what was written. What cannot be used is named on standard error.

        Args:
            checkpoints: update counts at which the run keeps a policy.
        """
        found = list(reversed(self._updates()))
        for update in found:
            try:
                document = self._read_document(update)
                differing = self._differing(document)
                if differing:
                    self._move_away(differing, document.get("identity", {}))
                    return None
                tensors = load_tensors(self._tensors(update), "An older one is tried.", StateError)
                for checkpoint in checkpoints:
                    if checkpoint <= update:
                        self.load_policy(checkpoint)
            except StateError as error:
                print(f"The state after {update} updates is not used: {error}", file=sys.stderr)
                continue
            return update, tensors, document
        if found:
            print(
                f"No state in {self.folder} can be used: training starts from the beginning.", file=sys.stderr
            )
        return None

    def _read_document(self, update: int) -> dict[str, Any]:
        path = self._document(update)
        advice = "An older one is tried."
        checksums.check(path, advice, StateError)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StateError(f"{path} cannot be read ({error}). {advice}") from None
        if not isinstance(document, dict):
            raise StateError(f"{path} is not a state of a run. {advice}")
        return document

    def _differing(self, document: Mapping[str, Any]) -> list[str]:
        """The keys of the identity in which a state differs."""
        found = document.get("identity", {})
        # States of earlier versions do not say their threads.
        unsaid = {"threads"} - set(found)
        return sorted(
            key for key, value in self.identity.items() if key not in unsaid and found.get(key) != value
        )

    def _move_away(self, differing: list[str], found: Mapping[str, Any]) -> None:
        key = differing[0]
        other = self.folder.with_name(f"{self.folder.name}.other-{int(time.time())}")
        other.mkdir(parents=True)
        for path in self.folder.iterdir():
            os.replace(path, other / path.name)
        print(
            f"The state in {self.folder} belongs to another run ({key} is {found.get(key)!r}, here "
            f"{self.identity[key]!r}); it was renamed to {other.name}, and training starts from the "
            f"beginning.",
            file=sys.stderr,
        )

    # --- Kept checkpoints ---

    def save_policy(self, update: int, tensors: Mapping[str, Tensor]) -> None:
        """Keep a checkpoint's policy until the run is done.

        Raises:
            StateError: it cannot be written, or another process has taken the run over.
        """
        self.check_lock()
        save_tensors(self._policy(update), tensors, StateError)

    def load_policy(self, update: int) -> dict[str, Tensor]:
        """A kept checkpoint's policy.

        Raises:
            StateError: the file is missing or not what was written.
        """
        advice = f"Start the same command again: it resumes before the checkpoint of update {update}."
        return load_tensors(self._policy(update), advice, StateError)

    def remove(self) -> None:
        """Remove the folder: the run has its results."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _tensors(self, update: int) -> Path:
        return self.folder / f"state-{update}.safetensors"

    def _document(self, update: int) -> Path:
        return self.folder / f"state-{update}.json"

    def _policy(self, update: int) -> Path:
        return self.folder / f"policy-{update}.safetensors"

    def _updates(self) -> list[int]:
        found = (path.stem.removeprefix("state-") for path in self.folder.glob("state-*.json"))
        return sorted(int(number) for number in found if number.isdigit())

    # --- One writer ---

    @contextlib.contextmanager
    def locked(self, patience_seconds: float | None = None) -> Iterator[Lock]:
        """Hold the run's lock while the block runs; see `algos.training.lock`.

        Raises:
            StateError: another writer is alive after `patience_seconds`.
        """
        with self.lock.held(patience_seconds) as lock:
            self._locked = True
            try:
                yield lock
            finally:
                self._locked = False

    def check_lock(self) -> None:
        """Refuse to write if the run was locked by this process and is another's now.

        Raises:
            StateError: it was taken over.
        """
        if self._locked:
            self.lock.check()
