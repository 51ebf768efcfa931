"""Wall time of jobs on given machines."""

import pytest
from recheck.cost.forecast import Job
from recheck.cost.schedule import Capacity, simulate
from recheck.errors import ConfigError


def job(name, seconds, after=(), gpus=0, cores=1, memory_mb=100):
    times = (seconds / 2, seconds, seconds * 2)
    return Job(name, "train", {}, times, times, times, gpus, cores, memory_mb, after=after)


def test_jobs_wait_for_machines_and_for_each_other():
    jobs = [job("a", 10, gpus=1), job("b", 10, gpus=1), job("c", 5, ("a",)), job("end", 1, ("b", "c"))]
    one = simulate(jobs, Capacity(1, 8))
    # a, which c waits for, goes first.
    assert (one.wall_seconds, one.critical_seconds) == (21, 16)
    assert simulate(jobs, Capacity(2, 8)).wall_seconds == 16
    assert simulate(jobs, Capacity(2, 8), end=2).wall_seconds == 32
    assert simulate(jobs, Capacity(2, 1)).wall_seconds == 26


def test_jobs_at_one_time_and_cores_bound():
    jobs = [job(str(i), 10, cores=2) for i in range(6)]
    assert simulate(jobs, Capacity(0, 4)).wall_seconds == 30
    assert simulate(jobs, Capacity(0, None, 3)).wall_seconds == 20
    assert simulate(jobs, Capacity(0)).wall_seconds == 10
    assert simulate(jobs, Capacity(0)).memory_mb == 600
    # A job that wants more cores than there are has those.
    assert simulate(jobs, Capacity(0, 1)).wall_seconds == 60


def test_what_costs_nothing_known_is_left_out_and_gpus_must_be_there():
    unknown = job("u", float("nan"))
    assert simulate([unknown, job("a", 3, ("u",))], Capacity(0, 1)).wall_seconds == 3
    assert simulate([], Capacity(0, 1)).wall_seconds == 0
    with pytest.raises(ConfigError, match=r"gpus=1: a job of this experiment needs 2\."):
        simulate([job("a", 1, gpus=2)], Capacity(1))
