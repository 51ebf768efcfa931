"""What the page of an experiment is made from, and the command that it shows."""

import json
import shlex

import pytest
import yaml
from recheck.configuration import score_file
from recheck.restarts import pages, stages


def sources(plan):
    return json.loads(pages.sources(plan))


def test_an_experiments_page_is_made_from_its_own_folders_and_the_bandit(load_plan):
    found = sources(load_plan(experiment="smoke"))
    assert found["scores"] == "results/scores/smoke"
    assert found["figures"] == ["results/figures/smoke", "results/figures/bandit-reduced"]
    assert found["reevaluated"] == "results/reevaluated"
    assert found["title"] == "Experiment smoke"
    assert found["description"].startswith("A first look")
    assert found["tables"] == "results/tables/smoke"
    assert found["command"] == "snakemake --cores 2 --config experiment=smoke"


def test_a_part_of_an_experiment_has_a_page_of_its_own_without_bandit_and_policies(load_plan):
    found = sources(load_plan(experiment="smoke", methods="bc", seeds="0,1"))
    assert found["name"].startswith("smoke-bc-")
    assert (found["figures"], found["reevaluated"]) == ([f"results/figures/{found['name']}"], "")
    assert found["command"] == "snakemake --cores 2 --config experiment=smoke seeds=0,1 methods=bc"


@pytest.mark.parametrize(
    "given",
    [
        {"experiment": "ablations", "methods": "iql", "vary": "expectile:0.5,0.7"},
        {"experiment": "learning", "seeds": [0, 2]},
        {"scores": "published"},
    ],
)
def test_the_command_gives_the_same_plan(load_plan, given):
    wanted = load_plan(**given)
    words = shlex.split(pages.command(wanted).partition(" --config ")[2])
    again = load_plan(**{key: yaml.safe_load(value) for key, value in (word.split("=", 1) for word in words)})
    assert again.name == wanted.name
    assert again.episodes() == wanted.episodes()


def test_values_with_signs_of_the_shell_are_quoted_and_lists_joined(load_plan):
    loaded = load_plan(experiment="ci", methods=["iql", "bc"])
    assert "methods=iql,bc" in shlex.split(pages.command(loaded))
    varied = load_plan(experiment="ci", methods="iql", vary="expectile:0.5,0.7")
    assert "vary=expectile:0.5,0.7" in shlex.split(pages.command(varied))


def test_given_scores_are_said_to_be_given(load_plan):
    found = sources(load_plan(scores="published"))
    assert (found["name"], found["title"], found["scores"]) == (
        "published",
        "Our published runs",
        "results/published",
    )
    assert "nothing was trained" in found["description"]
    assert found["command"] == "snakemake --cores 2 --config scores=published"


def test_a_page_is_made_again_where_its_words_change(load_plan, write_experiment, copy):
    grid = [
        {"methods": ["bc"], "tasks": ["hopper-medium-v2"], "seeds": 1, "num_updates": 10, "checkpoints": 1}
    ]
    wanted = []
    for description in ("one", "another"):
        write_experiment({"description": description, "grid": grid})
        (copy / "paper_tables").mkdir(exist_ok=True)
        unit = stages.page(load_plan(copy, experiment="mine"))
        wanted.append(unit.wanted)
    assert unit.outputs == ("results/reports/mine.html", "results/reports/mine.json")
    assert unit.record == "results/reports/mine.record.json"
    assert wanted[0] != wanted[1]


def test_without_published_policies_it_is_reported_and_none_is_played(load_plan, copy):
    loaded = load_plan(copy, experiment="smoke")
    assert loaded.reevaluation_files() == []
    assert loaded.missing == (
        "results/published/checkpoints holds no published policy: none is played again.",
    )


def test_scores_with_a_name_have_a_title_of_their_own():
    assert set(pages.NAMED) == set(score_file.NAMED)
