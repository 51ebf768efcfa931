"""How this process computes: threads, the form of the kernels, and memory that stays when it is freed."""

from __future__ import annotations

import ctypes

import torch

from algos.seed_parallel import kernels

# Parameters of glibc's mallopt (malloc.h). By its own settings blocks above the first size, and what is
# free above the second, go back to the system when freed and come again page by page, each page zeroed: some
# 3,000 faults in an update of IDQL, a seventh of its time. glibc refuses a larger first size than ours.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT = {M_MMAP_THRESHOLD: 32 << 20, M_TRIM_THRESHOLD: 1 << 30, M_TOP_PAD: 64 << 20}
GIVEN_BACK = {M_MMAP_THRESHOLD: 128 << 10, M_TRIM_THRESHOLD: 128 << 10, M_TOP_PAD: 0}


def set_up_process(threads: int | None = None, kernel_form: str = "auto", precision: str = "float32") -> str:
    """Prepare this process for training or acting.

    Args:
        threads: of the CPU; torch's own choice when None.
        kernel_form: of `algos.seed_parallel.kernels`.
        precision: of large products, of `algos.seed_parallel.kernels`.

    Returns:
        The form of the kernels that was chosen.

    Raises:
        ValueError: a form or precision that is unknown or that this build of torch or processor has not.
    """
    keep_freed_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    form = kernels.use(kernel_form)
    kernels.use_precision(precision)
    return form


def keep_freed_memory(keep: bool = True) -> bool:
    """Let the allocator keep what is freed, or (False) give it back as it does by itself.

    Returns:
        Whether it took the settings; glibc's alone can.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return False
    return all(mallopt(name, size_bytes) == 1 for name, size_bytes in (KEPT if keep else GIVEN_BACK).items())
