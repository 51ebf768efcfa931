"""The table of tasks: rows checked and typed, one task as JSON, files that have to be brought."""

import json

import pytest
from recheck import paths, tasks
from recheck.errors import ConfigError, DatasetError
from recheck.tasks import task_from_json, task_from_mapping

BASE = {"task": "mine-v0", "source_kind": "hdf5"}


def test_texts_are_typed_as_the_schema_says():
    found = task_from_mapping(
        BASE
        | {
            "horizon": "1000",
            "reference_min_score": "-20",
            "fix_timeouts": "true",
            "urls": "https://a.example/x https://b.example/x",
            "sha256": "AB" * 32,
            "notes": "",
        }
    )
    assert (found.horizon, found.fix_timeouts, found.notes) == (1000, True, None)
    assert found.reference_min_score == -20.0
    assert isinstance(found.reference_min_score, float)
    assert found.urls == ("https://a.example/x", "https://b.example/x")
    assert found.sha256 == "ab" * 32


def test_json_has_typed_values_lists_and_short_names():
    found = task_from_json(
        json.dumps(BASE | {"horizon": 1000.0, "url": ["https://a.example/x"], "environment": "Hopper-v4"})
    )
    assert (found.horizon, found.urls, found.environment_id) == (1000, ("https://a.example/x",), "Hopper-v4")
    assert isinstance(found.horizon, int)
    assert task_from_mapping(BASE | {"adapter": "kitchen:sparse=true"}).adapter_name == "kitchen"


def test_a_file_with_the_object_is_read(tmp_path):
    path = tmp_path / "task.json"
    path.write_text(json.dumps(BASE))
    assert task_from_json(str(path)).task == "mine-v0"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BASE | {"colour": "red"}, "the task has no column 'colour'; it has task, "),
        ({"task": "mine-v0"}, "the task needs a value for source_kind"),
        (BASE | {"horizon": "many"}, "horizon is 'many'; it has to be a whole number"),
        (BASE | {"horizon": "2.5"}, "horizon is '2.5'"),
        (BASE | {"reference_min_score": "nan"}, "reference_min_score is nan; it has to be a finite number"),
        (BASE | {"fix_timeouts": "yes"}, "fix_timeouts is 'yes'"),
        (BASE | {"source_kind": "floppy"}, "source_kind is 'floppy'; allowed are"),
        (BASE | {"sha256": "abc"}, "sha256 is 'abc'"),
    ],
)
def test_a_wrong_value_is_refused_with_its_column(content, words):
    with pytest.raises(DatasetError, match=words) as refusal:
        task_from_mapping(content)
    assert "\n" not in str(refusal.value)


def test_what_is_no_object_is_refused():
    with pytest.raises(DatasetError, match=r"The task is not valid JSON \(.*\); give one row"):
        task_from_json("{")
    with pytest.raises(DatasetError, match="The task is not a JSON object; give a row of tasks"):
        task_from_json("[1]")


@pytest.fixture
def table(tmp_path, repository):
    """Write a table with the header of tasks.csv; table(*rows) is the file's path."""
    text = (repository / tasks.FILE).read_text(encoding="utf-8")
    header, first = text.splitlines()[:2]

    def write(*rows):
        path = tmp_path / "tasks.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return write, first


def test_a_table_is_refused_with_the_line(table):
    write, row = table
    name = row.split(",")[0]
    assert list(tasks.load_tasks(write(row))) == [name]
    with pytest.raises(DatasetError, match=rf"tasks\.csv, line 3: the task {name} appears twice; keep one"):
        tasks.load_tasks(write(row, row))
    with pytest.raises(DatasetError, match=r"tasks\.csv, line 3 has more or fewer cells than the header"):
        tasks.load_tasks(write(row, row + ",more"))
    with pytest.raises(DatasetError, match="does not exist"):
        tasks.load_tasks(write(row).with_name("none.csv"))


def test_both_ways_to_read_the_table_agree(repository):
    rows, typed = tasks.read(repository), tasks.load_tasks()
    assert list(rows) == list(typed)
    for name, row in rows.items():
        task = typed[name]
        assert (row["environment_id"] or None) == task.environment_id
        assert row["horizon"] == task.horizon
        assert row["reference_max_score"] == task.reference_max_score
    likes = tasks.likes(rows)
    assert all(like is None or like in rows for like in likes.values())
    assert any(likes.values())


def test_a_like_that_is_no_task_is_refused(copy):
    path = copy / tasks.FILE
    text = path.read_text()
    assert ",hopper-medium-expert-v2,,false" in text
    path.write_text(text.replace(",hopper-medium-expert-v2,,false", ",hopper-v9,,false", 1))
    tasks.read.cache_clear()
    try:
        with pytest.raises(ConfigError, match="takes hyperparameters like 'hopper-v9', which is not a task"):
            tasks.read(copy)
    finally:
        tasks.read.cache_clear()


def row(**changes):
    return {"task": "mine-v0", "source_kind": "hdf5", "path": "data/mine.hdf5", "urls": "", **changes}


def test_a_file_in_the_users_folder_goes_before_the_rows_path(tmp_path):
    assert tasks.local_file(row(), tmp_path, None) == "data/mine.hdf5"
    assert tasks.local_file(row(), tmp_path, "own") == "data/mine.hdf5"
    (tmp_path / "own").mkdir()
    (tmp_path / "own/mine.hdf5").write_bytes(b"")
    assert tasks.local_file(row(), tmp_path, "own") == "own/mine.hdf5"
    # Without a path the name is that of the address.
    address = row(path=None, urls="https://a.example/data/mine.hdf5")
    assert tasks.local_file(address, tmp_path, "own") == "own/mine.hdf5"
    assert tasks.local_file(row(path=None), tmp_path, None) is None


def test_own_data_are_looked_for_by_name_only_with_their_hash(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/mine.hdf5").write_bytes(b"")
    mine = {"source": tasks.OWN_SOURCE}
    address = {"path": None, "urls": "https://a.example/data/mine.hdf5"}
    assert tasks.local_file(row(**mine), tmp_path, "own") == "data/mine.hdf5"
    assert tasks.local_file(row(**mine, **address), tmp_path, "own") is None
    assert tasks.local_file(row(**mine, **address, sha256="0" * 64), tmp_path, "own") == "own/mine.hdf5"


def test_the_address_of_a_server_names_no_file(tmp_path):
    """Else the folder itself would pass for the data."""
    (tmp_path / "own/small-v0").mkdir(parents=True)
    for address, found in (
        ("http://a.example/", None),
        ("http://a.example/minari/small-v0/", "own/small-v0"),
        ("http://a.example/ http://b.example/small-v0", "own/small-v0"),
    ):
        assert tasks.local_file(row(path=None, urls=address), tmp_path, "own") == found


def test_a_file_is_missing_where_it_is_nowhere(tmp_path):
    message = tasks.missing_file(row(), tmp_path, None)
    assert message == (
        "Task 'mine-v0' is left out: its file data/mine.hdf5 is not there; put it there, or give the folder "
        "that holds it as data_folder=."
    )
    assert tasks.missing_file(row(urls="https://a.example/x"), tmp_path, None) is None
    assert tasks.missing_file(row(source_kind="minari"), tmp_path, None) is None
    prepared = tmp_path / paths.dataset("mine-v0")
    prepared.mkdir(parents=True)
    (prepared / paths.DATASET_FILES[0]).write_bytes(b"")
    assert tasks.missing_file(row(), tmp_path, None)
    for name in paths.DATASET_FILES:
        (prepared / name).write_bytes(b"")
    assert tasks.missing_file(row(), tmp_path, None) is None
