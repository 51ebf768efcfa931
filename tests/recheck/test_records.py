"""Records: what was made from what, and whether it is still that."""

import json

import pytest
from recheck import checksums, records
from recheck.errors import FileError
from recheck.records import Unit

SMALL = 64


@pytest.fixture
def unit(tmp_path, monkeypatch):
    """A unit of one file, a folder with a file, and one input, with its record."""
    monkeypatch.setattr(records, "SMALL_BYTES", SMALL)
    (tmp_path / "read.json").write_text('{"rows": "r1", "words": "w1"}')
    (tmp_path / "made").mkdir()
    (tmp_path / "made/one.csv").write_text("a,b\n1,2\n")
    (tmp_path / "file").write_bytes(b"x" * 10)
    found = Unit(
        "tables",
        "t",
        ("file", "made"),
        "record.json",
        {"level": 0.95},
        inputs=("read.json", "read.json#rows"),
    )
    records.write(tmp_path, found)
    return found


def long(unit):
    return Unit(unit.stage, unit.name, unit.outputs, unit.record, unit.wanted, unit.inputs, long=True)


def test_a_record_says_what_was_wanted_read_and_written(tmp_path, unit):
    content = records.read(tmp_path, unit)
    assert content["wanted"] == {"level": 0.95}
    assert content["inputs"]["read.json#rows"] == "r1"
    assert set(content["outputs"]) == {"file", "made/one.csv"}
    assert content["outputs"]["file"]["bytes"] == 10
    assert records.damaged(tmp_path, content, unit) is None


@pytest.mark.parametrize("content", [b"x" * 9 + b"y", b"x" * 9, b""])
def test_another_content_is_found(tmp_path, unit, content):
    known = records.read(tmp_path, unit)
    (tmp_path / "file").write_bytes(content)
    assert records.damaged(tmp_path, known, unit) == "file"


def test_a_file_that_nobody_wrote_is_found(tmp_path, unit):
    """Of a table that an earlier version made: the report would show it."""
    known = records.read(tmp_path, unit)
    (tmp_path / "made/two.csv").write_text("old")
    assert records.damaged(tmp_path, known, unit) == "made/two.csv"


def test_a_large_file_of_what_takes_seconds_is_hashed_whole(tmp_path, unit):
    large = tmp_path / "file"
    large.write_bytes(b"x" * 2 * SMALL)
    records.write(tmp_path, unit)
    records.write(tmp_path, long(unit))
    known = records.read(tmp_path, unit)
    large.write_bytes(b"x" * (2 * SMALL - 1) + b"y")
    assert records.damaged(tmp_path, known, unit) == "file"
    # What takes hours and has a stored hash is compared by its reader: its size counts here.
    assert records.damaged(tmp_path, known, long(unit)) == "file"
    checksums.sidecar(large).write_text("compared by the reader")
    assert records.damaged(tmp_path, known, long(unit)) is None
    large.write_bytes(b"x" * (2 * SMALL - 1))
    assert records.damaged(tmp_path, known, long(unit)) == "file"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("0.95", "0.96"),
        lambda text: text.replace("file", "fike"),
        lambda text: text[:-20],
        lambda text: "",
        lambda text: "[]",
        lambda text: '{"format": 1}',
        lambda text: json.dumps({**json.loads(text), "outputs": {"file": 1}}),
        lambda text: json.dumps({**json.loads(text), "format": 2}),
    ],
)
def test_a_damaged_record_is_no_record(tmp_path, unit, damage):
    path = tmp_path / unit.record
    path.write_text(damage(path.read_text()))
    assert records.read(tmp_path, unit) is None
    assert records.is_unusable(tmp_path, unit)
    path.unlink()
    assert not records.is_unusable(tmp_path, unit)


def test_one_flipped_bit_anywhere_makes_a_record_unusable(tmp_path, unit):
    path = tmp_path / unit.record
    before = path.read_bytes()
    for place in range(len(before)):
        damaged = bytearray(before)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        assert records.read(tmp_path, unit) is None, before[max(0, place - 20) : place + 20]


def test_a_record_of_an_earlier_version_has_no_hash_of_its_own(tmp_path, unit):
    path = tmp_path / unit.record
    content = json.loads(path.read_text())
    del content["sha256"]
    path.write_text(json.dumps(content))
    assert records.read(tmp_path, unit) == content


def test_what_has_no_record_is_compared_with_its_checksums(tmp_path, unit):
    checksums.write(tmp_path / "file")
    assert records.contradicting(tmp_path, unit) is None
    (tmp_path / "file").write_bytes(b"y" * 10)
    assert records.contradicting(tmp_path, unit) == "file"


def test_taking_a_large_file_in_compares_it_or_writes_its_checksum(tmp_path, unit):
    large = tmp_path / "file"
    large.write_bytes(b"x" * 2 * SMALL)
    assert records.adopt(tmp_path, unit) is None
    assert checksums.sidecar(large).is_file()
    large.write_bytes(b"y" * 2 * SMALL)
    problem = records.adopt(tmp_path, unit)
    assert isinstance(problem, FileError)
    assert "file is damaged" in str(problem)


def test_a_unit_as_text_and_back(unit):
    assert records.unit_from_json(unit.as_json()) == unit
    with pytest.raises(FileError, match="The unit cannot be read"):
        records.unit_from_json('{"stage": 1}')
