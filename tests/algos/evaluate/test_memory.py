"""Whether a call of the policy fits into memory, by hand."""

import pytest
from recheck.errors import EvaluationError

from algos.base import MethodSpec, Sampling
from algos.diffusion_ql import DiffusionQL
from algos.evaluate import memory
from algos.seed_parallel.batches import ProblemSpec
from tests.algos.diffusion_ql_values import HYPERPARAMETERS


@pytest.fixture
def method():
    """Two seeds, five diffusion steps, two actions; hidden layers of 64."""
    values = {**HYPERPARAMETERS, "hidden_sizes": [64, 64, 64]}
    return DiffusionQL(MethodSpec(values, ProblemSpec(4, 2), 50, 5, (0, 1)))


def test_the_batch_is_rows_times_live_tensors_and_the_chains_noise(method):
    # 2 seeds x 3 states x 50 candidates = 300 rows; each 6 x 64 numbers and (5 + 1) x 2 of noise, 4 bytes.
    assert memory.acting_mb(method, Sampling(candidates=50), 3) == pytest.approx(300 * (384 + 12) * 4 / 1e6)
    # The method's own six candidates.
    assert memory.acting_mb(method, Sampling(), 3) == pytest.approx(36 * 396 * 4 / 1e6)


def test_too_many_candidates_are_refused_with_how_many_fit(method):
    sampling = Sampling("wide", candidates=1_000_000)
    # Of a million in 2 x 10 rows of 396 x 4 bytes each, 31,680 MB, 1,000 MB hold 31,565.
    with pytest.raises(EvaluationError) as refusal:
        memory.check_memory(method, sampling, 10, 1000)
    assert str(refusal.value) == (
        "method diffusion_ql, sampling 'wide': 1000000 candidates per state take about 31,680 MB in a call "
        "of the policy, and there are 1,000 MB; at most 31565 fit"
    )
    memory.check_memory(method, Sampling(candidates=31_565), 10, 1000)
    with pytest.raises(EvaluationError):
        memory.check_memory(method, Sampling(candidates=31_566), 10, 1000)


def test_the_limit_of_the_control_group_counts_where_it_is_less(tmp_path, monkeypatch, method):
    machine = memory.available_mb()
    limits = [tmp_path / name for name in ("none", "unlimited", "small")]
    limits[1].write_text("max\n")
    limits[2].write_text("2000000\n")
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", tuple(map(str, limits)))
    assert memory.available_mb() == 2.0
    assert machine > 2.0
    with pytest.raises(EvaluationError, match="and there are 2 MB"):
        memory.check_memory(method, Sampling(candidates=1000), 10, None)
