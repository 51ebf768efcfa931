"""Jobs of a plan and what each takes."""

import pytest
from recheck import paths
from recheck.cost import estimate, forecast, step_costs
from recheck.cost.forecast import BANDIT, DATASET, EVALUATE, REEVALUATE, RESULTS, TRAIN, Cut, Forecaster

from tests.recheck.cells import finish

HOPPER = "hopper-medium-expert-recollected-v0"
OTHER = "hopper-medium-recollected-v0"


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


def left(jobs, stage):
    return [job for job in jobs if job.stage == stage and not job.finished]


def test_candidates_count(mine):
    content = {"grid": [entry(methods=["idql"], variants=["paper", "release"], seeds=1, checkpoints=1)]}
    jobs = {job.cell["variant"]: job for job in left(estimate.predict(mine(content)), EVALUATE)}
    assert (jobs["paper"].cell["candidates"], jobs["release"].cell["candidates"]) == (128, 64)
    assert jobs["paper"].work_seconds[1] > 1.5 * jobs["release"].work_seconds[1]


def test_idqls_evaluation_is_its_steps_times_its_own_action(load_plan, recorded_rates):
    """Of d4rl's nine locomotion tasks: each variant's candidates, 5 diffusion steps, 50 episodes a time."""
    loaded = load_plan(experiment="d4rl", methods="idql", train_on="cpu")
    jobs = [
        job
        for job in Forecaster(loaded, step_costs.StepCosts(recorded_rates)).jobs()
        if job.stage == EVALUATE and job.cell["family"] == "gym-locomotion"
    ]
    each = recorded_rates["acting"]["idql"]["seconds_per_candidate_step"]
    bodies = [recorded_rates["environments"][name] for name in ("HalfCheetah", "Hopper", "Walker2d")]
    # 50 episodes at each of six checkpoints (IDQL-1: four), and 50 new ones.
    for variant, candidates, episodes in (("paper", 128, (6 + 1) * 50), ("paper_one", 64, (4 + 1) * 50)):
        own = [job for job in jobs if job.cell["variant"] == variant]
        assert len(own) == 9 * 10
        by_hand = sum(
            3
            * 10
            * episodes
            * 1000
            * body["length_share"][1]
            * (body["step_seconds"][1] + 5 * candidates * each[1])
            for body in bodies
        )
        assert sum(job.step_seconds[1] for job in own) == pytest.approx(by_hand)
    # Measured: an action of 128 candidates takes 12.6 ms with ten states in a call, 14.1 ms with one
    # (docs/performance.md); nine tasks of ten seeds have 22 million steps.
    paper = [job for job in jobs if job.cell["variant"] == "paper"]
    steps = sum(job.amount for job in paper)
    assert steps == pytest.approx(22.05e6)
    low, high = (sum(job.step_seconds[end] for job in paper) for end in (0, 2))
    assert low < steps * 0.0126 < steps * 0.0141 < high
    assert low > 22 * 3600


def test_stacked_seeds_are_not_linear_on_a_gpu(mine):
    def hours(seeds):
        content = {"grid": [entry(seeds=seeds, checkpoints=1)]}
        (job,) = left(estimate.predict(mine(content, train_on="gpu")), TRAIN)
        return job.wall_seconds[1]

    assert hours(10) < 1.7 * hours(5)


EVALUATION = {"episodes": 4, "episodes_last": 10, "episodes_reevaluated": 2}


@pytest.fixture
def forecaster(mine):
    grid = [entry(seeds=4, checkpoints=3), entry(methods=["bc"], tasks=[OTHER], seeds=2, checkpoints=1)]
    loaded = mine({"grid": grid, "evaluation": EVALUATION})
    return Forecaster(loaded, step_costs.read(loaded.root, "cpu"))


def by_method(jobs, stage):
    found = {}
    for job in jobs:
        if job.stage == stage:
            found.setdefault(job.cell["method"], []).append(job)
    return found


def test_each_job_waits_for_what_it_is_made_from(forecaster):
    jobs = forecaster.jobs()
    places = {job.name: place for place, job in enumerate(jobs)}
    assert len(places) == len(jobs)
    for place, job in enumerate(jobs):
        assert all(places[name] < place for name in job.after)
    evaluated = [job for job in jobs if job.stage == EVALUATE]
    assert {job.after for job in evaluated} == {(job.name,) for job in jobs if job.stage == TRAIN}
    assert jobs[-1].stage == RESULTS
    assert set(jobs[-1].after) == {job.name for job in evaluated}
    assert {job.cell["task"] for job in jobs if job.stage == DATASET} == {HOPPER, OTHER}


def test_amounts_are_updates_and_steps_of_all_seeds(forecaster):
    jobs = forecaster.jobs()
    assert sum(job.amount for job in by_method(jobs, TRAIN)["iql"]) == 4 * 1000
    # Two checkpoints of 4 episodes, the last of 10, 2 new ones: 20 of up to 1,000 steps, of each seed.
    played = by_method(jobs, EVALUATE)["iql"]
    assert sum(job.most for job in played) == 4 * 20_000
    assert sum(job.amount for job in played) == pytest.approx(4 * lasting(forecaster, 4, 4, 12), abs=4)


def lasting(forecaster, *episodes):
    """Steps of one seed: episodes of policies of 333, 667 and 1,000 updates, or of the last of them."""
    updates = [333, 667, 1000][-len(episodes) :]
    shares = [forecaster.costs.length_share("Hopper-v4", at)[1] for at in updates]
    return sum(1000 * number * share for number, share in zip(episodes, shares, strict=True))


def test_a_prepared_datasets_episodes_say_how_long_trained_policies_last(mine):
    grid = [entry(methods=["bc"], seeds=1, checkpoints=1, num_updates=100_000)]
    loaded = mine({"grid": grid, "evaluation": EVALUATION})
    costs = step_costs.read(loaded.root, "cpu")
    (before,) = by_method(Forecaster(loaded, costs).jobs(), EVALUATE)["bc"]
    assert before.amount == 12_000 * costs.length_share("Hopper-v4")[1]
    manifest = loaded.root / paths.dataset(HOPPER) / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text('{"num_transitions": 99949, "num_episodes": 170}')
    forecast._mean_length.cache_clear()
    (after,) = by_method(Forecaster(loaded, costs).jobs(), EVALUATE)["bc"]
    assert after.amount == pytest.approx(12_000 * 99949 / 170 / 1000, abs=1)


def test_a_cut_leaves_the_first_seeds_the_last_checkpoints_and_fewer_episodes(forecaster):
    def steps(cut):
        return sum(job.amount for job in by_method(forecaster.jobs(cut), EVALUATE).get("iql", ()))

    assert steps(Cut(seeds=2)) == pytest.approx(2 * lasting(forecaster, 4, 4, 12), abs=2)
    # The last checkpoint alone has 10 episodes and the new ones 2.
    assert steps(Cut(checkpoints=1)) == pytest.approx(4 * lasting(forecaster, 12), abs=4)
    assert steps(Cut(episodes=3)) == pytest.approx(4 * lasting(forecaster, 3, 3, 5), abs=4)
    assert steps(Cut(tasks=frozenset({HOPPER}))) == 0
    kept = forecaster.jobs(Cut(tasks=frozenset({HOPPER})))
    assert {job.cell["task"] for job in kept if job.stage == DATASET} == {OTHER}
    trained = by_method(forecaster.jobs(Cut(seeds=1)), TRAIN)
    assert {method: sum(job.amount for job in jobs) for method, jobs in trained.items()} == {
        "iql": 1000,
        "bc": 1000,
    }


def test_what_is_there_is_finished(copy, forecaster):
    before = forecaster.jobs()
    assert not any(job.finished for job in before)
    cell = forecaster.plan.cells[0]
    finish(copy, cell)
    (copy / cell.episodes).parent.mkdir(parents=True)
    (copy / cell.episodes).write_text("x")
    finished = {job.name for job in forecaster.jobs() if job.finished}
    assert finished == {cell.run_folder, cell.episodes}


def test_published_policies_and_the_bandit_are_jobs_too(load_plan, repository, recorded_rates):
    loaded = load_plan(experiment="smoke", train_on="cpu")
    costs = step_costs.StepCosts(recorded_rates)
    jobs = Forecaster(loaded, costs).jobs()
    played = {job.name: job for job in jobs if job.stage == REEVALUATE}
    folder = repository / paths.CHECKPOINTS
    blocks = [path.parent.relative_to(folder) for path in folder.rglob("checkpoint.json")]
    assert set(played) == {f"{paths.REEVALUATIONS}/{block}.parquet" for block in blocks}
    (bandit,) = [job for job in jobs if job.stage == BANDIT]
    assert bandit.work_seconds == tuple(recorded_rates["bandit_seconds"]["reduced"]["seconds"])
    assert {bandit.name, *played} < set(jobs[-1].after)
    # Ten episodes of IQL's policy of 50,000 updates; that task has no dataset here.
    block = next(block for block in blocks if "hopper-sac-tqc-v0" in block.parts)
    steps = 10 * 1000 * costs.length_share("Hopper-v4", 50_000)[1]
    # Ten of twenty places in a call.
    step = costs.step("Hopper-v4")[1] + 2 * costs.act({"method": "iql", "variant": "paper"}, 1, 0)[1]
    likely = played[f"{paths.REEVALUATIONS}/{block}.parquet"].work_seconds[1]
    assert likely == pytest.approx(steps * step + costs.start(EVALUATE)[1])
    others = Forecaster(load_plan(experiment="study", train_on="cpu"), costs).jobs()
    assert not [job for job in others if job.stage in (BANDIT, REEVALUATE)]


def test_more_cores_than_a_job_can_have_make_it_no_faster(forecaster):
    one = Forecaster(forecaster.plan, forecaster.costs, most_cores=1)
    start = forecaster.costs.start(EVALUATE)[1]
    for whole, single in zip(forecaster.jobs(), one.jobs(), strict=True):
        if single.stage != EVALUATE:
            assert single.wall_seconds == whole.wall_seconds
            continue
        assert single.cores == 1
        assert single.wall_seconds[1] == pytest.approx(single.work_seconds[1])
        # One process for each checkpoint: three of IQL's share the steps, and another one starts them.
        shared = (single.wall_seconds[1] - start) / 3 + 2 * start
        several = single.cell["method"] == "iql"
        assert whole.wall_seconds[1] == pytest.approx(shared if several else single.wall_seconds[1])
        assert single.recorded_seconds == single.step_seconds
