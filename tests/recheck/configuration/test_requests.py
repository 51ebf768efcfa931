"""What a configuration asks for, as one request."""

import pytest
import yaml
from recheck.configuration import requests
from recheck.errors import ConfigError
from recheck.experiments import runs

HOPPER = "hopper-medium-expert-recollected-v0"


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 1, "num_updates": 1000, **changes}


@pytest.fixture
def resolve(copy, write_experiment):
    """The request of an experiment written for the test: resolve(content, **settings)."""

    def found(content=None, **settings):
        if content is not None:
            write_experiment({"grid": [entry()], **content})
        return requests.resolve({"experiment": "mine", **settings}, copy)

    return found


def declare(copy, **datasets):
    """A file of declared datasets; each is an empty file of its own name."""
    entries = {}
    for alias, environment in datasets.items():
        (copy / f"{alias}.hdf5").write_bytes(alias.encode())
        entries[alias] = {"path": f"{alias}.hdf5", "environment": environment, "hyperparameters_like": HOPPER}
    (copy / "data.yaml").write_text(yaml.safe_dump(entries))
    return "data.yaml"


def test_an_experiment_as_it_is(resolve):
    found = resolve({})
    assert (found.experiment, found.name, found.partial, found.variation) == ("mine", "mine", False, None)
    assert found.notes == ()
    assert found.content["grid"] == [entry()]
    assert HOPPER in found.rows


def test_a_part_of_it_has_a_name_of_its_own_and_is_reported(resolve):
    found = resolve({"grid": [entry(methods=["iql", "bc"], seeds=2)]}, methods="bc")
    assert found.partial
    assert found.name.startswith("mine-")
    assert found.content["grid"][0]["methods"] == ["bc"]
    assert any("folders named " + found.name in note for note in found.notes)


def test_declared_datasets_take_the_place_of_their_names(copy, resolve):
    where = declare(copy, first="Hopper-v4", second="Hopper-v4")
    content = {
        "grid": [entry(tasks=["first", HOPPER]), entry(methods=["bc"], tasks=["second"])],
        "exclude": [{"method": "iql", "task": "first"}],
    }
    found = resolve(content, datasets=where)
    (first, _), (second,) = (item["tasks"] for item in found.content["grid"])
    assert found.rows[first]["path"] == "first.hdf5"
    assert found.rows[second]["path"] == "second.hdf5"
    assert found.content["exclude"] == [{"method": "iql", "task": first}]
    assert found.name == f"mine-data-{runs.digest(sorted([first, second]))}"


def test_a_dataset_that_nothing_names(copy, resolve):
    where = declare(copy, first="Hopper-v4", second="Hopper-v4")
    found = resolve({"grid": [entry(tasks=["first"])]}, datasets=where)
    assert "The dataset 'second' of data.yaml is used by nothing that is asked for." in found.notes
    with pytest.raises(ConfigError, match=r"data\.yaml declares first, second, but experiment 'mine' names"):
        resolve({}, datasets=where)


def test_other_data_have_other_folders(copy, resolve):
    where = declare(copy, first="Hopper-v4")
    before = resolve({"grid": [entry(tasks=["first"])]}, datasets=where).name
    assert resolve({"grid": [entry(tasks=["first"])]}, datasets=where).name == before
    (copy / "first.hdf5").write_bytes(b"other rows")
    assert resolve({"grid": [entry(tasks=["first"])]}, datasets=where).name != before


def test_own_needs_data_and_an_environment(copy, resolve):
    with pytest.raises(ConfigError, match="experiment=own needs dataset=, a file, a Minari folder or an"):
        resolve(experiment="own")
    with pytest.raises(ConfigError, match=r"dataset=none\.hdf5: there is no such file"):
        resolve(experiment="own", dataset="none.hdf5")
    where = declare(copy, first="Hopper-v4")
    with pytest.raises(ConfigError, match="gives dataset and datasets; keep one of them"):
        resolve(experiment="own", dataset="first.hdf5", env="Hopper-v4", datasets=where)
    with pytest.raises(ConfigError, match=r"needs env=, .*known are .*Hopper-v4"):
        resolve(experiment="own", dataset="https://a.example/x.hdf5")
    found = resolve(experiment="own", dataset="first.hdf5", env="Hopper-v4", hyperparameters_like=HOPPER)
    (task,) = found.content["grid"][0]["tasks"]
    assert found.name == f"{task}-like-{HOPPER}"
    # Its settings say the number of updates and the methods.
    found = resolve(
        experiment="own",
        dataset="first.hdf5",
        env="Hopper-v4",
        hyperparameters_like=HOPPER,
        num_updates="500",
        methods="bc",
    )
    assert found.content["grid"][0]["num_updates"] == 500
    assert found.content["grid"][0]["methods"] == ["bc"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_updates": 5}, "gives num_updates, which only experiment=own reads; add experiment=own"),
        ({"experiment": "table"}, "experiment=table needs table="),
        ({"table": "iql_table_1"}, "gives experiment=mine and table=iql_table_1: a table says itself"),
        (
            {"experiment": "table", "table": "iql_table_1", "datasets": "x"},
            "table and datasets; keep one",
        ),
        ({"experiment": "mein"}, "no experiment 'mein'; known are"),
    ],
)
def test_what_cannot_go_together_is_refused_in_one_message(resolve, settings, words):
    with pytest.raises(ConfigError, match=words) as refusal:
        resolve({}, **settings)
    assert "\n" not in str(refusal.value)


def test_a_table_has_the_papers_settings(repository):
    settings = {"experiment": "table", "table": "iql_table_1", "vary": "expectile:0.5,0.9"}
    with pytest.raises(
        ConfigError, match=r"gives table and vary=expectile:0\.5,0\.9; a table has the paper's"
    ):
        requests.resolve(settings, repository)


def test_a_table_names_its_results(repository):
    found = requests.resolve({"experiment": "table", "table": "iql_table_1"}, repository)
    assert found.name == "table-iql_table_1"
    assert found.notes[0].startswith("Table iql_table_1 needs ")


def test_a_varied_hyperparameter_is_reported_and_named(resolve):
    found = resolve({}, vary="expectile:0.5,0.9")
    assert found.partial
    assert found.variation.name == "expectile"
    assert found.name.startswith("mine-")
    assert any("its own value (0.7) is run too" in note for note in found.notes)


def test_existing_scores_are_read_and_nothing_is_chosen():
    requests.refuse_with_scores({"scores": "published", "tasks": "a"})
    requests.refuse_with_scores({"methods": "iql"})
    with pytest.raises(ConfigError, match="gives methods and scores=published: existing scores are read"):
        requests.refuse_with_scores({"scores": "published", "methods": "iql"})


@pytest.mark.parametrize("value", [None, ""])
def test_a_key_without_a_value_is_not_taken_for_one_that_is_not_given(value):
    requests.refuse_empty({"methods": "iql", "seeds": 0})
    with pytest.raises(
        ConfigError, match=r"^--config methods= gives no value; write one, or leave methods out\.$"
    ):
        requests.refuse_empty({"seeds": 3, "methods": value})


def test_no_core_at_all_is_refused():
    requests.refuse_no_cores(None)
    requests.refuse_no_cores(1)
    with pytest.raises(ConfigError, match="--cores 0: one core or more is needed"):
        requests.refuse_no_cores(0)
