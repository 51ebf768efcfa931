"""Seeds that are trained look by look: what each call plans, and what is refused."""

from __future__ import annotations

import json
import os

import pytest
from recheck import paths
from recheck.errors import ConfigError
from recheck.experiments import sequential

HOPPER = "hopper-medium-expert-recollected-v0"
DESIGN = sequential.DEFAULT_DESIGN


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": "sequential", "num_updates": 1000, **changes}


@pytest.fixture
def mine(copy, write_experiment, load_plan):
    """Plan an experiment written for the test."""

    def load(**content):
        write_experiment({"grid": [entry(methods=["iql", "bc"])], **content})
        return load_plan(copy, experiment="mine")

    return load


@pytest.fixture
def looked(copy):
    """Write what the last look decided: looked({digest: (state, seeds, next seeds)})."""

    def write(states, **changes):
        runs = {
            digest: {"state": state, "seeds": seeds, "next_seeds": following, "numbers": []}
            for digest, (state, seeds, following) in states.items()
        }
        path = copy / paths.looks("mine")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"format": 1, **DESIGN, "runs": runs, **changes}), encoding="utf-8")

    return write


def seeds_of(plan):
    return {run.config["method"]: run.seeds for run in plan.experiment.runs.values()}


def digests_of(plan):
    return {run.config["method"]: run.digest for run in plan.experiment.runs.values()}


def test_the_first_call_plans_the_first_look(mine):
    plan = mine()
    assert seeds_of(plan) == {"iql": [0, 1, 2], "bc": [0, 1, 2]}
    assert plan.looks.messages() == ["Sequential seeds: the first look is at 3 seeds."]
    design = json.loads(plan.sequential_design())
    assert design == {**DESIGN, "digests": sorted(digests_of(plan).values())}


def test_the_next_call_plans_only_what_can_still_be_decided(mine, looked):
    digests = digests_of(mine())
    looked({digests["iql"]: ("continue", 3, 5), digests["bc"]: ("claim", 3, None)})
    plan = mine()
    assert seeds_of(plan) == {"iql": [0, 1, 2, 3, 4], "bc": [0, 1, 2]}
    assert plan.looks.messages() == [
        "Sequential seeds: 1 of 2 runs have stopped.",
        "Sequential seeds: 1 runs continue to 5 seeds.",
    ]
    looked({digests["iql"]: ("continue", 5, 10), digests["bc"]: ("claim", 3, None)})
    assert seeds_of(mine())["iql"] == list(range(10))
    looked({digests["iql"]: ("last look", 10, None), digests["bc"]: ("claim", 3, None)})
    assert seeds_of(mine()) == {"iql": list(range(10)), "bc": [0, 1, 2]}
    # A run that no number is judged by stops at its first look.
    looked({digests["iql"]: ("no number", None, None), digests["bc"]: ("futile", 5, None)})
    assert seeds_of(mine()) == {"iql": [0, 1, 2], "bc": [0, 1, 2, 3, 4]}


def test_seeds_are_no_part_of_a_runs_identity(mine, looked):
    before = digests_of(mine())
    looked(dict.fromkeys(before.values(), ("continue", 3, 5)))
    assert digests_of(mine()) == before


def test_a_design_of_ones_own(mine):
    looks = [{"seeds": 2, "level": 0.01}, {"seeds": 4, "level": 0.04}]
    plan = mine(sequential={"looks": looks})
    assert seeds_of(plan)["iql"] == [0, 1]
    assert plan.looks.design == {"looks": looks, "futile_below": 0.1}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"sequential": {"looks": [{"seeds": 3, "level": 0.05}, {"seeds": 5, "level": 0.01}]}},
            "sum to 0.06",
        ),
        (
            {"sequential": {"looks": [{"seeds": 5, "level": 0.01}, {"seeds": 3, "level": 0.01}]}},
            "ascending",
        ),
        ({"sequential": {"looks": [{"seeds": 1, "level": 0.01}]}}, "at least 2"),
        ({"sequential": {"peek": True}}, "peek"),
        ({"grid": [entry(seeds=3)], "sequential": {}}, "no entry"),
        ({"grid": [entry(), entry(seeds=4)]}, "fixed number in another"),
        ({"grid": [entry(seeds="sequentially")]}, "seeds"),
    ],
)
def test_what_would_not_keep_its_error_is_refused(mine, content, words):
    with pytest.raises(ConfigError, match=words):
        mine(**content)


def test_a_design_cannot_be_changed_after_a_look(mine, looked):
    digests = digests_of(mine())
    looked({digests["iql"]: ("continue", 3, 5)})
    with pytest.raises(ConfigError, match="changed after a look"):
        mine(sequential={"futile_below": 0.0})
    with pytest.raises(ConfigError, match="fixed numbers of seeds"):
        mine(grid=[entry(seeds=4)])
    looked({digests["iql"]: ("continue", 3, "five")})
    with pytest.raises(ConfigError, match="next_seeds"):
        mine()


def test_the_command_keeps_what_the_tables_said(tmp_path):
    (tmp_path / "tables").mkdir()
    arguments = ["--tables", str(tmp_path / "tables"), "--output", str(tmp_path / "looks/mine.json")]
    assert sequential.main(arguments) == 2
    text = json.dumps({"format": 1, **DESIGN, "runs": {}})
    (tmp_path / "tables/looks.json").write_text(text, encoding="utf-8")
    assert sequential.main(arguments) == 0
    assert json.loads((tmp_path / "looks/mine.json").read_text(encoding="utf-8"))["runs"] == {}


def test_looks_that_are_not_what_was_kept_are_refused(mine, tmp_path, copy):
    """They say which seeds are trained next."""
    mine()
    (tmp_path / "tables").mkdir()
    looks = {"format": 1, **DESIGN, "runs": {}}
    (tmp_path / "tables/looks.json").write_text(json.dumps(looks))
    kept = copy / "results/looks/mine.json"
    assert sequential.main(["--tables", str(tmp_path / "tables"), "--output", str(kept)]) == 0
    mine()
    kept.write_text(kept.read_text() + " ")
    with pytest.raises(ConfigError, match=r"mine\.json is damaged"):
        mine()


def test_the_workflow_plans_the_look(copy, snakemake, write_experiment, looked, load_plan, repository):
    """A dry run of both calls: three seeds, then two more of the run that continues."""
    write_experiment({"grid": [entry(methods=["iql", "bc"])]})
    environment = {**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    first = snakemake("-n", "--config", "experiment=mine", env=environment)
    assert first.returncode == 0, first.stderr
    assert "the first look is at 3 seeds" in first.stdout + first.stderr
    assert "results/looks/mine.json" in first.stdout
    digests = digests_of(load_plan(copy, experiment="mine"))
    looked({digests["iql"]: ("continue", 3, 5), digests["bc"]: ("claim", 3, None)})
    second = snakemake("-n", "--config", "experiment=mine", env=environment)
    assert second.returncode == 0, second.stderr
    assert "1 runs continue to 5 seeds" in second.stdout + second.stderr
