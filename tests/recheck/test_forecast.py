"""Jobs of a plan and what each takes."""

from recheck import cost_estimate
from recheck.forecast import EVALUATE, TRAIN

HOPPER = "hopper-medium-expert-recollected-v0"


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


def left(jobs, stage):
    return [job for job in jobs if job.stage == stage and not job.finished]


def test_candidates_count(mine):
    content = {"grid": [entry(methods=["idql"], variants=["paper", "release"], seeds=1, checkpoints=1)]}
    jobs = {job.cell["variant"]: job for job in left(cost_estimate.predict(mine(content)), EVALUATE)}
    assert (jobs["paper"].cell["candidates"], jobs["release"].cell["candidates"]) == (128, 64)
    assert jobs["paper"].work_seconds[1] > 1.5 * jobs["release"].work_seconds[1]


def test_stacked_seeds_are_not_linear_on_a_gpu(mine):
    def hours(seeds):
        content = {"grid": [entry(seeds=seeds, checkpoints=1)]}
        (job,) = left(cost_estimate.predict(mine(content, train_on="gpu")), TRAIN)
        return job.wall_seconds[1]

    assert hours(10) < 1.7 * hours(5)
