"""RO-Crate metadata of a folder: what it names, what it leaves out, and that it is read back."""

import hashlib
import json
import sys

import pytest
from recheck import records
from recheck.errors import ConfigError, FileError
from recheck.records import Unit
from recheck.results import crate

pytest.importorskip("rocrate")


@pytest.fixture
def results(tmp_path):
    """Scores and tables made from them, with their record, logs and a hidden file."""
    for name in (
        "scores/x/scores.parquet",
        "tables/x/scores.csv",
        "logs/a.log",
        "tables/x/.hidden",
        "scores.csv",
    ):
        path = tmp_path / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    unit = Unit(
        "tables",
        "x",
        ("results/tables/x",),
        "results/tables/x/record.json",
        {},
        ("results/scores/x/scores.parquet",),
    )
    records.write(tmp_path, unit)
    return tmp_path / "results"


def graph(folder):
    document = json.loads((folder / crate.NAME).read_text())
    # Version 1.1 does not have the term sha256, and a key that no context defines makes a crate invalid.
    assert document["@context"] == [
        "https://w3id.org/ro/crate/1.1/context",
        {"sha256": "http://schema.org/sha256"},
    ]
    return {entity["@id"]: entity for entity in document["@graph"]}


def test_every_file_is_named_with_its_hash_and_what_is_no_result_is_left_out(results):
    described = crate.describe(results, "Ours", "A test.", "2026-11-27")
    found = graph(results)
    assert {name for name, entity in found.items() if entity["@type"] == "File"} == {
        "scores/x/scores.parquet", "tables/x/scores.csv", "tables/x/record.json", "scores.csv",
    }  # fmt: skip
    scores = found["scores/x/scores.parquet"]
    assert scores["sha256"] == hashlib.sha256(b"scores/x/scores.parquet").hexdigest()
    assert (scores["contentSize"], scores["encodingFormat"]) == ("23", "application/vnd.apache.parquet")
    assert (found["./"]["name"], found["./"]["datePublished"]) == ("Ours", "2026-11-27")
    assert found[found["./"]["license"]["@id"]]["name"] == "Apache License 2.0"
    assert (described.num_files, described.num_actions) == (4, 1)


@pytest.mark.parametrize("part", [".", "tables/x"])
def test_a_record_becomes_an_action_with_what_it_read_and_made(results, part):
    """From any folder above the record; a file of the same name elsewhere is not meant."""
    crate.describe(results / part, "Ours", "A test.", "2026-11-27")
    found = graph(results / part)
    [action] = [entity for entity in found.values() if entity["@type"] == "CreateAction"]
    made = action["result"] if isinstance(action["result"], list) else [action["result"]]
    whole = part == "."
    assert made == [{"@id": "tables/x/scores.csv" if whole else "scores.csv"}]
    # What is outside the folder is not part of the deposit.
    read = action.get("object", [])
    read = read if isinstance(read, list) else [read]
    assert read == [{"@id": "scores/x/scores.parquet"}] * whole
    assert action["instrument"] == {"@id": "#recheck"}


def test_written_twice_it_is_the_same(results):
    texts = []
    for _ in range(2):
        crate.describe(results, "Ours", "A test.", "2026-11-27")
        texts.append((results / crate.NAME).read_text())
    assert texts[0] == texts[1]


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_file_that_is_not_what_it_says_is_found(results, damage):
    crate.describe(results, "Ours", "A test.", "2026-11-27")
    path = results / "tables/x/scores.csv"
    if damage == "gone":
        path.unlink()
    else:
        path.write_text("other")
    with pytest.raises(FileError, match=r"scores\.csv"):
        crate.verify(results)


def test_no_folder_and_an_empty_one_are_one_message(tmp_path):
    with pytest.raises(FileError, match="There is no folder"):
        crate.describe(tmp_path / "none", "n", "d", "2026-11-27")
    with pytest.raises(FileError, match="holds no file of results"):
        crate.describe(tmp_path, "n", "d", "2026-11-27")


def test_without_the_library_it_says_how_to_get_it(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "rocrate.rocrate", None)
    with pytest.raises(ConfigError, match=r"pip install 'recheck\[crate\]'"):
        crate.describe(results, "n", "d", "2026-11-27")
    assert not (results / crate.NAME).exists()
