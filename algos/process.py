"""How this process computes: threads, the form of the kernels, and memory that stays when it is freed."""

from __future__ import annotations

import ctypes

import torch

from algos import kernels

# Parameters of glibc's mallopt (malloc.h) and what they are set to. Blocks above the first size, and what is
# free above the second, go back to the system when they are freed and come again page by page, each page
# zeroed: some 3,000 faults in an update of IDQL, a seventh of its time.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
LARGEST_MMAP_THRESHOLD_BYTES = 32 << 20  # glibc refuses more
KEPT_BYTES = 1 << 30
TOP_PAD_BYTES = 64 << 20


def set_up_process(threads: int | None = None, kernel_form: str = "auto") -> str:
    """Prepare this process for training or acting.

    Args:
        threads: of the CPU; torch's own choice when None.
        kernel_form: of `algos.kernels`.

    Returns:
        The form of the kernels that was chosen.

    Raises:
        ValueError: a form that is unknown or not in this build of torch.
    """
    keep_freed_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    return kernels.use(kernel_form)


def keep_freed_memory() -> bool:
    """Let the allocator keep what is freed, up to `KEPT_BYTES`; whether it did (glibc alone can)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return False
    settings = {
        M_MMAP_THRESHOLD: LARGEST_MMAP_THRESHOLD_BYTES,
        M_TRIM_THRESHOLD: KEPT_BYTES,
        M_TOP_PAD: TOP_PAD_BYTES,
    }
    return all(mallopt(name, value) == 1 for name, value in settings.items())
