"""Which results stay: those of the plan, and those of former formats that are as good."""

import dataclasses

import pytest
from recheck import records, restarts
from recheck.records import Unit


def unit(**changes):
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
def root(tmp_path):
    (tmp_path / "episodes.parquet").write_text("rows")
    return tmp_path


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_former_format_stays(root, number):
    records.write(root, unit(wanted={"evaluation": 10, "format": number}))
    found = restarts.compare(root, [unit()])
    assert found.again == {}
    assert found.kept == {"episodes.parquet"}


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"evaluation": 10, "format": 0}, "format was 0, now 3"),
        ({"evaluation": 20, "format": 1}, "evaluation was 20, now 10"),
    ],
)
def test_another_format_and_another_configuration_are_made_again(root, wanted, reason):
    records.write(root, unit(wanted=wanted))
    assert list(restarts.compare(root, [unit()]).again.values()) == [f"evaluate x: {reason}"]


def test_a_result_without_a_record_is_taken_in_as_of_the_first_format(root):
    comparison = restarts.compare(root, [unit()])
    assert restarts.adopt(root, comparison)
    assert records.read(root, unit())["wanted"] == {"evaluation": 10, "format": 1}
    assert restarts.compare(root, [unit()]).kept == {"episodes.parquet"}


def test_a_unit_survives_being_text():
    assert records.unit_from_json(unit().as_json()) == unit()
