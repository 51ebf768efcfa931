"""The page of an experiment: the command that makes it again, and what it is made from."""

import json
import shlex

from recheck import pages


def test_the_command_plans_the_same_again(load_plan):
    first = load_plan(experiment="ci", methods="iql", seeds="0,1")
    words = shlex.split(pages.command(first))
    assert words[:4] == ["snakemake", "--cores", "2", "--config"]
    given = dict(word.split("=", 1) for word in words[4:])
    assert given == {"experiment": "ci", "methods": "iql", "seeds": "0,1"}
    assert load_plan(**given).name == first.name


def test_values_with_signs_of_the_shell_are_quoted_and_lists_joined(load_plan):
    loaded = load_plan(experiment="ci", methods=["iql", "bc"])
    assert "methods=iql,bc" in shlex.split(pages.command(loaded))
    varied = load_plan(experiment="ci", methods="iql", vary="expectile:0.5,0.7")
    assert "vary=expectile:0.5,0.7" in shlex.split(pages.command(varied))


def test_where_scores_are_read_they_are_named_and_not_the_experiment(load_plan):
    loaded = load_plan(experiment="ci", scores="published")
    assert pages.command(loaded) == "snakemake --cores 2 --config scores=published"
    found = json.loads(pages.sources(loaded))
    assert (found["title"], found["scores"]) == ("Scores published", "results/published")
    assert found["description"].startswith("Scores that were given as published; nothing was trained")


def test_a_page_is_made_from_the_experiments_own_folders(load_plan):
    loaded = load_plan(experiment="ci")
    found = json.loads(pages.sources(loaded))
    assert found["title"] == "Experiment ci"
    assert found["description"] == loaded.experiment.description
    assert found["command"] == pages.command(loaded)
    assert found["tables"] == "results/tables/ci"
    assert found["figures"][0] == "results/figures/ci"
    assert set(found["figures"][1:]) == set(loaded.bandit_files())
