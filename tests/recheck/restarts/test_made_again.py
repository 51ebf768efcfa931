"""Restarts: which units are made again, kept, taken in or refused, and what is said."""

import dataclasses
import json
import os

import pytest
from recheck import checksums, records
from recheck.errors import ConfigError
from recheck.records import Unit
from recheck.restarts import made_again

MANIFEST, RUN, EPISODES = "results/datasets/d/manifest.json", "results/runs/t/p", "results/episodes/e"
ROWS = {"ends": None, "sha256": None, "file": ["f1"], "urls": None}


def dataset(**changes):
    wanted = {
        "rows": {**ROWS, **changes.pop("rows", {})},
        "description": changes.pop("description", {"low": 1}),
    }
    return Unit("dataset", "d", (MANIFEST,), "results/datasets/d/record.json", wanted, long=True, **changes)


def train(**changes):
    return Unit(
        "train",
        "t",
        (RUN,),
        "results/runs/t/record.json",
        {"digest": "d", **changes},
        (f"{MANIFEST}#content",),
        long=True,
    )


def evaluate():
    return Unit("evaluate", "e", (EPISODES,), "results/episodes/record.json", {}, (RUN,), long=True)


def scores(**changes):
    wanted = {"request": "r", "program": "p", **changes}
    return Unit("scores", "s", ("scores/a", "scores/b"), "scores/record.json", wanted, (EPISODES, MANIFEST))


def tables():
    return Unit("tables", "s", ("tables",), "tables/record.json", {"program": "p"}, ("scores/a",))


ALL = [dataset(), train(), evaluate(), scores(), tables()]


@pytest.fixture
def made(tmp_path):
    """Everything made, with records."""
    for unit in ALL:
        for output in unit.outputs:
            path = tmp_path / output
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(output)
    (tmp_path / MANIFEST).write_text(json.dumps({"content": "c1", "source_sha256": "f1"}))
    (tmp_path / "tables").unlink()
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/a.csv").write_text("1")
    for unit in ALL:
        records.write(tmp_path, unit)
    return tmp_path


def again(root, units=ALL, forced=()):
    """The stages that are made again."""
    return [text.split(" ")[0] for text in made_again.compare(root, units, forced).again.values()]


def test_what_is_there_and_fits_stays(made):
    found = made_again.compare(made, ALL)
    assert (found.again, found.adopted, found.lost, found.forced) == ({}, [], [], set())
    assert found.kept == found.known == {output for unit in ALL for output in unit.outputs}


def test_what_is_made_from_a_file_of_a_folder_follows_the_folder(made):
    """What the last look decided, of a file of the tables: it is of the new tables, in the same call."""
    looks = Unit("looks", "s", ("looks.json",), "looks.record.json", {"program": "p"}, ("tables/a.csv",))
    (made / "looks.json").write_text("{}")
    records.write(made, looks)
    assert again(made, [*ALL, looks]) == []
    assert again(made, [*ALL[:3], scores(request="other"), tables(), looks]) == ["scores", "tables", "looks"]
    found = made_again.compare(made, [*ALL[:3], scores(request="other"), tables(), looks])
    assert found.again["looks.record.json"] == "looks s: tables is made again"


@pytest.mark.parametrize("damage", ["other", "shorter", "record gone", "record damaged"])
def test_a_damaged_dataset_is_prepared_again_and_trains_nothing(made, damage):
    """The same source gives the same rows."""
    manifest, record = made / MANIFEST, made / "results/datasets/d/record.json"
    if damage in ("other", "shorter"):
        text = manifest.read_text()
        manifest.write_text(text.replace("c1", "c2") if damage == "other" else text[:-3])
        assert again(made) == ["dataset", "scores", "tables"]
        assert f"{MANIFEST} is not what was written" in " ".join(
            made_again.messages(made_again.compare(made, ALL))
        )
    else:
        record.write_text("{}") if damage == "record damaged" else record.unlink()
        found = made_again.compare(made, ALL)
        assert not found.again
        assert [unit.stage for unit in found.adopted] == ["dataset"]
        said = " ".join(made_again.messages(found))
        assert "1 finished results have no record" in said
        assert ("results/datasets/d/record.json is damaged or of another version" in said) is (
            damage == "record damaged"
        )


def test_a_file_that_is_no_longer_there_makes_nothing_again(made):
    assert again(made, [dataset(rows={"file": []}), *ALL[1:]]) == []
    assert again(made, [dataset(rows={"file": [], "sha256": "f1"}), *ALL[1:]]) == []


def test_rows_that_have_to_be_prepared_again_without_their_file_are_refused(made):
    changed = dataset(rows={"ends": "terminal", "file": []}, sources=("gone.hdf5",))
    with pytest.raises(ConfigError, match=r"\(ends was empty, now terminal\), but gone\.hdf5 is not there"):
        made_again.compare(made, [changed, *ALL[1:]])
    assert again(made, [dataset(sources=("gone.hdf5",)), *ALL[1:]]) == []


def test_other_rows_train_again_and_other_words_do_not(made):
    assert again(made, [dataset(rows={"ends": "terminal"}), *ALL[1:]]) == [unit.stage for unit in ALL]
    assert again(made, [dataset(description={"low": 2}), *ALL[1:]]) == ["dataset", "scores", "tables"]


def test_rows_that_turned_out_to_be_others_train_again(made):
    (made / MANIFEST).write_text(json.dumps({"content": "c2", "source_sha256": "f1"}))
    records.write(made, dataset())
    assert again(made) == ["train", "evaluate", "scores", "tables"]


def test_a_forced_dataset_is_followed_by_what_reads_all_of_it(made):
    found = made_again.compare(made, ALL, ["file_dataset"])
    assert found.forced == {MANIFEST, "scores/a", "scores/b", "tables"}
    with pytest.raises(ConfigError, match="it is forced"):
        made_again.compare(made, [dataset(sources=("gone.hdf5",)), *ALL[1:]], ["file_dataset"])


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_part_of_the_scores_that_is_gone_makes_them_again(made, name):
    (made / "scores" / name).unlink()
    found = made_again.compare(made, ALL)
    assert {"scores/a", "scores/b", "tables"} == found.forced
    assert not found.lost


def test_a_lost_run_or_dataset_is_reported_and_what_was_made_from_it_stays(made):
    (made / RUN).unlink()
    (made / MANIFEST).unlink()
    found = made_again.compare(made, ALL)
    assert not found.again
    assert {unit.stage for unit in found.lost} == {"dataset", "train"}
    assert made_again.messages(found)[0].startswith("No longer there: train t, dataset d. ")


def test_a_damaged_run_is_refused_with_or_without_its_record(made):
    checksums.write(made / RUN)
    (made / RUN).write_text("other")
    for _ in range(2):
        with pytest.raises(
            ConfigError, match=r"runs/t/p is not what was written.*Remove the folder results/runs/t "
        ):
            made_again.compare(made, ALL)
        (made / "results/runs/t/record.json").unlink(missing_ok=True)


def test_a_run_without_a_record_that_shows_another_configuration_or_other_rows_is_trained_again(made):
    """A folder that was copied to another place, or one of data that have been prepared again since."""
    (made / "results/runs/t/record.json").unlink()
    (made / "shown.json").write_text(json.dumps({"seeds": [0], "data": {"content": "c1"}}))

    def shown(seeds, content):
        evidence = {"shown.json#seeds": seeds, "shown.json#data.content": content}
        return again(made, [dataset(), dataclasses.replace(train(), evidence=evidence), *ALL[2:]])

    rows = f"{records.VALUE_AT}{MANIFEST}#content"
    assert shown([0], rows) == []
    assert shown([1], rows) == shown([0], "c2") == ["train", "evaluate", "scores", "tables"]
    (made / "shown.json").write_text(json.dumps({"seeds": [0], "data": {"content": "c9"}}))
    assert shown([0], rows) == ["train", "evaluate", "scores", "tables"]


def test_damaged_episodes_are_evaluated_again(made):
    (made / EPISODES).write_text("other")
    assert again(made) == ["evaluate", "scores", "tables"]


def test_episodes_of_other_policies_are_evaluated_again(made):
    (made / RUN).write_text("other")
    records.write(made, train())
    assert again(made) == ["evaluate", "scores", "tables"]


def test_what_takes_seconds_has_to_have_a_record_that_can_be_used(made):
    (made / "tables/record.json").write_text('{"format": 1, "stage": "tables"}')
    assert made_again.compare(made, ALL).again["tables/record.json"].endswith("its record cannot be used")
    (made / "tables/record.json").unlink()
    assert (
        made_again.compare(made, ALL)
        .again["tables/record.json"]
        .endswith("nothing says what it was made from")
    )


def test_records_are_written_once(made):
    (made / "results/runs/t/record.json").unlink()
    found = made_again.compare(made, ALL)
    assert made_again.adopt(made, found) == [
        "1 records were written: the hashes were computed now and are compared from now on."
    ]
    assert made_again.adopt(made, found) == []
    assert not made_again.compare(made, ALL).adopted


def test_what_is_made_on_request_is_not_said_to_be_made(made):
    audit = Unit("audit", "", ("audit",), "audit.json", {"program": "old"})
    (made / "audit").write_text("x")
    records.write(made, audit)
    newer = Unit("audit", "", ("audit",), "audit.json", {"program": "new"})
    assert made_again.messages(made_again.compare(made, [newer])) == [
        "Not up to date, made again when it is asked for: audit: the program has changed."
    ]


def test_a_link_to_nowhere_and_a_file_are_no_results_folder(tmp_path, monkeypatch):
    assert made_again.check_folder(tmp_path) == []
    (tmp_path / "results").symlink_to(tmp_path / "scratch")
    with pytest.raises(ConfigError, match="scratch, which is not there"):
        made_again.check_folder(tmp_path)
    (tmp_path / "scratch").mkdir()
    assert made_again.check_folder(tmp_path) == []
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK)  # as on a disk that is mounted so
    assert made_again.check_folder(tmp_path) == [
        "results cannot be written: nothing can be made, and the report stays as it is."
    ]
    (tmp_path / "results").unlink()
    (tmp_path / "results").write_text("")
    with pytest.raises(ConfigError, match="results is a file"):
        made_again.check_folder(tmp_path)


# --- Former formats that are as good ---


def former(**changes):
    made = Unit(
        stage="evaluate",
        name="x",
        outputs=("episodes.parquet",),
        record="record.json",
        wanted={"evaluation": 10, "format": 3},
        long=True,
        former_formats=(1, 2),
    )
    return dataclasses.replace(made, **changes)


@pytest.fixture
def of_former_format(tmp_path):
    (tmp_path / "episodes.parquet").write_text("rows")
    return tmp_path


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_former_format_stays(of_former_format, number):
    records.write(of_former_format, former(wanted={"evaluation": 10, "format": number}))
    found = made_again.compare(of_former_format, [former()])
    assert found.again == {}
    assert found.kept == {"episodes.parquet"}


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"evaluation": 10, "format": 0}, "format was 0, now 3"),
        ({"evaluation": 20, "format": 1}, "evaluation was 20, now 10"),
    ],
)
def test_another_format_and_another_configuration_are_made_again(of_former_format, wanted, reason):
    records.write(of_former_format, former(wanted=wanted))
    assert list(made_again.compare(of_former_format, [former()]).again.values()) == [f"evaluate x: {reason}"]


def test_a_result_without_a_record_is_taken_in_as_of_the_first_format(of_former_format):
    comparison = made_again.compare(of_former_format, [former()])
    assert made_again.adopt(of_former_format, comparison)
    assert records.read(of_former_format, former())["wanted"] == {"evaluation": 10, "format": 1}
    assert made_again.compare(of_former_format, [former()]).kept == {"episodes.parquet"}


def test_a_unit_survives_being_text():
    assert records.unit_from_json(former().as_json()) == former()
