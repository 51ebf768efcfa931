"""A part of an experiment, chosen on the command line: what is run, what is shared, what is refused."""

import json

import pytest
from recheck import plan
from recheck.errors import ConfigError

HOPPER = "hopper-medium-expert-recollected-v0"


def wanted(loaded):
    """(group, sampling) -> seeds."""
    return {
        (group, label): set(seeds)
        for group, run in loaded.experiment.runs.items()
        for label, (_, seeds) in run.samplings.items()
    }


@pytest.mark.parametrize("experiment", ["d4rl", "smoke", "lite", "steps", "ablations", "ci", "reference"])
def test_a_selection_is_a_part_of_every_experiment_and_shares_its_runs(load_plan, experiment):
    whole = load_plan(experiment=experiment)
    method = next(iter(whole.experiment.runs.values())).config["method"]
    task = whole.experiment.task_names[0]
    part = load_plan(experiment=experiment, seeds=1, methods=method, tasks=task)
    expected = {
        key: seeds & {0}
        for key, seeds in wanted(whole).items()
        if key[0].startswith(f"{method}/{task}/") and 0 in seeds
    }
    assert wanted(part) == expected
    assert part.name != whole.name
    assert part.name.startswith(f"{experiment}-{method}-1task-1seed-")
    assert {cell.episodes for cell in part.cells} <= {cell.episodes for cell in whole.cells}


def test_different_selections_have_different_folders_and_equal_ones_the_same(load_plan):
    def name(**chosen):
        return load_plan(experiment="d4rl", **chosen).name

    several = [
        name(),
        name(seeds=3),
        name(seeds="0,1,3"),
        name(methods="iql"),
        name(methods="iql,idql"),
        name(methods="iql", tasks="antmaze_v0"),
        name(methods="iql", tasks="kitchen_v0"),
    ]
    assert len(set(several)) == len(several)
    assert name(methods="iql,idql") == name(methods=["idql", "iql"])
    assert name(seeds=3) == name(seeds="2,1,0")
    group = plan.load({"experiment": "d4rl", "tasks": "kitchen_v0"}, plan.Path())
    assert group.name == name(tasks=",".join(group.experiment.task_names))


def test_choosing_all_is_the_experiment_itself(load_plan):
    whole = load_plan(experiment="ci")
    same = load_plan(experiment="ci", seeds=2, methods="bc,iql", tasks=",".join(whole.experiment.task_names))
    assert same.name == "ci"
    assert same.missing == ()
    assert same.request() == whole.request()


def test_a_selection_is_reported_and_reaches_the_commands_that_plan_again(load_plan):
    loaded = load_plan(experiment="d4rl", methods="iql,idql", tasks="kitchen_v0,hopper-medium-v2", seeds=2)
    assert any("methods iql, idql" in message and "seeds 0, 1" in message for message in loaded.missing)
    assert any(loaded.name in message for message in loaded.missing)
    again = plan.load(json.loads(loaded.identity()), plan.Path())
    assert again.name == loaded.name
    assert wanted(again) == wanted(loaded)


def test_a_method_without_any_of_the_tasks_is_reported(load_plan):
    loaded = load_plan(experiment="d4rl", methods="iql,idql", tasks="kitchen_v0")
    assert {run.config["method"] for run in loaded.experiment.runs.values()} == {"iql"}
    assert any("has no run of idql within this selection" in message for message in loaded.missing)


def test_an_exclusion_of_what_is_not_chosen_is_no_mistake(mine):
    grid = [{"methods": ["iql", "bc"], "tasks": ["hopper-mixed-v0", HOPPER], "seeds": 2}]
    content = {"grid": grid, "exclude": [{"method": "bc", "task": "hopper-mixed-v0"}]}
    assert len(mine(content, methods="iql", tasks=HOPPER).experiment.runs) == 1


def test_the_bandit_belongs_to_the_whole_experiment(load_plan):
    assert load_plan(experiment="smoke", seeds=1).bandit_files()
    assert not load_plan(experiment="smoke", methods="iql").bandit_files()


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"seeds": 0}, "seeds is 0; it has to be at least 1"),
        ({"seeds": -1}, "seeds is -1; it has to be at least 1"),
        ({"seeds": "0,x"}, "seeds=0,x: 'x' is not a seed; allowed are whole numbers from 0 to"),
        ({"seeds": 10**9}, "seeds is 1000000000; it has to be at most 10000"),
        ({"seeds": [0, 2**31]}, "seeds.1 is 2147483648; it has to be at most 2147483647"),
        (
            {"seeds": "0,2147483648"},
            "'2147483648' is not a seed; allowed are whole numbers from 0 to 2147483647",
        ),
        ({"seeds": "1,0,1"}, "seeds= names 1 twice; name each once"),
        ({"seeds": ["1", "1"]}, "seeds= names 1 twice; name each once"),
        ({"methods": "iql,idql, iql"}, "methods= names iql twice; name each once"),
        ({"tasks": "antmaze_v0,antmaze_v0"}, "tasks= names antmaze_v0 twice; name each once"),
        ({"tasks": "antmaze_v0,antmaze-umaze-v0"}, "tasks= names antmaze-umaze-v0 twice; name each once"),
        ({"seeds": ""}, "seeds= names nothing"),
        ({"methods": ""}, "methods= names nothing"),
        ({"tasks": ","}, "tasks= names nothing"),
        ({"methods": "iqll"}, "There is no method 'iqll'; known are awac, awr, bc"),
        ({"methods": "bc"}, "methods=bc: experiment 'd4rl' does not run it; it runs iql, diffusion_ql, idql"),
        ({"tasks": "hopper"}, "tasks=hopper: there is no such task or group; experiment 'd4rl' runs half"),
        ({"tasks": "hammer-human-v1"}, "tasks=hammer-human-v1: it is not a task of this experiment; exp"),
        ({"tasks": "adroit_v1,hammer-human-v1"}, "hammer-human-v1: it is not a task of this experiment"),
        ({"methods": "idql", "tasks": "kitchen_v0"}, "has no run with methods idql; tasks kitchen-complete"),
        ({"scores": "published", "seeds": 3}, "gives seeds and scores=published: existing scores are read"),
        ({"scores": "published", "methods": "iql"}, "gives methods and scores=published"),
        ({"scores": "published", "tasks": "x"}, "gives tasks, which say how a file of scores is read"),
    ],
)
def test_a_wrong_selection_is_refused_in_one_message(load_plan, chosen, words):
    with pytest.raises(ConfigError) as refusal:
        load_plan(experiment="d4rl", **chosen)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
