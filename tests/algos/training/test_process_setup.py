import subprocess
import sys

import pytest
import torch

from algos.seed_parallel import kernels
from algos.training.process_setup import keep_freed_memory, set_up_process

FAULTS = """
import resource, sys, torch
from algos.training.process_setup import keep_freed_memory
assert keep_freed_memory(sys.argv[1] == "kept")
def use():
    held = [torch.ones(1 << 20) for _ in range(4)]
for _ in range(3):
    use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how):
    result = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(result.stdout)


@pytest.mark.skipif(not keep_freed_memory(), reason="only glibc's allocator can be set to keep memory")
def test_freed_memory_does_not_come_back_page_by_page():
    # Against glibc's own sizes fixed: left to itself it raises them while it runs, and may or may not fault.
    assert faults("kept") < 0.1 * faults("given back")


def test_a_process_is_set_up_as_asked():
    form, threads = kernels.in_use(), torch.get_num_threads()
    try:
        assert set_up_process(threads=1, kernel_form="plain") == "plain"
        assert kernels.in_use() == "plain"
        assert torch.get_num_threads() == 1
        with pytest.raises(ValueError, match="unknown kernels 'abacus'"):
            set_up_process(kernel_form="abacus")
    finally:
        torch.set_num_threads(threads)
        kernels.use(form)
