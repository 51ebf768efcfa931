"""Small files in D4RL's format, and where the shared files lie."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from recheck.tasks import Task

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"

Rows = dict[str, np.ndarray]


@pytest.fixture
def shared_file() -> Callable[[str], Path]:
    """A shared data file by name; skips where there is none."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.is_file():
            pytest.skip(f"needs the shared file {name} beside the repository")
        return path

    return find


@pytest.fixture
def make_rows() -> Callable[..., Rows]:
    """Rows of Hopper's widths: episodes of the given lengths, the last row of each a time-out."""

    def make(
        lengths: tuple[int, ...] = (12, 8, 10), widths: tuple[int, int] = (11, 3), seed: int = 0
    ) -> Rows:
        rng = np.random.default_rng(seed)
        count = sum(lengths)
        timeouts = np.zeros(count, bool)
        timeouts[np.cumsum(lengths) - 1] = True
        return {
            "observations": rng.standard_normal((count, widths[0])).astype(np.float32),
            "actions": rng.uniform(-1, 1, (count, widths[1])).astype(np.float32),
            "rewards": rng.standard_normal(count).astype(np.float32),
            "terminals": np.zeros(count, bool),
            "timeouts": timeouts,
        }

    return make


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as an HDF5 file."""

    def write(rows: dict[str, Any], name: str = "file.hdf5") -> Path:
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            for key, values in rows.items():
                file.create_dataset(key, data=values)
        return path

    return write


@pytest.fixture
def hopper_task() -> Callable[..., Task]:
    """A task on Hopper-v4 for a local file."""

    def make(path: Path | None = None, **values: Any) -> Task:
        settings: dict[str, Any] = {
            "task": "tiny-v0",
            "source_kind": "hdf5",
            "suite": "locomotion",
            "path": None if path is None else str(path),
            "environment_id": "Hopper-v4",
            "environment_standing": "same",
            "horizon": 1000,
            "reference_min_score": -20.272305,
            "reference_max_score": 3234.3,
        }
        return Task(**{**settings, **values})

    return make
