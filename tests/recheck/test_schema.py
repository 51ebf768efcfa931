"""The one check against a JSON schema: every refusal says where, what is wrong, what is allowed."""

import math
from pathlib import Path

import pytest
from recheck import schema
from recheck.errors import ConfigError, TablesError

RULES = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$", "description": "lower-case letters"},
        "code": {"type": "string", "pattern": "^[0-9]{2}$"},
        "kind": {"enum": ["a", "b"]},
        "format": {"const": 1},
        "count": {"type": "integer", "minimum": 1},
        "share": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
        "most": {"type": "number", "maximum": 10},
        "seeds": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "uniqueItems": True},
        "either": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "array", "minItems": 1}]},
        "optional": {"type": ["string", "null"]},
    },
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "A"}, "x.yaml: name is 'A'; lower-case letters."),
        ({"code": "1"}, "x.yaml: code is '1'; it has to match ^[0-9]{2}$."),
        ({"kind": "c"}, "x.yaml: kind is 'c'; allowed are a, b."),
        ({"format": 2}, "x.yaml: format is 2; it has to be 1."),
        ({"count": 0}, "x.yaml: count is 0; it has to be at least 1."),
        ({"count": 2.0}, "x.yaml: count is 2.0; it has to be a whole number."),
        ({"count": True}, "x.yaml: count is True; it has to be a whole number."),
        ({"share": 1}, "x.yaml: share is 1; it has to be less than 1 and at least 0."),
        ({"share": -0.5}, "x.yaml: share is -0.5; it has to be at least 0 and less than 1."),
        ({"share": math.nan}, "x.yaml: share is nan; it has to be a finite number."),
        ({"most": 11}, "x.yaml: most is 11; it can be at most 10."),
        ({"seeds": []}, "x.yaml: seeds is empty; it needs at least 1 entry."),
        ({"seeds": [0, 0]}, "x.yaml: seeds names something twice: [0, 0]."),
        ({"seeds": [0, "1"]}, "x.yaml: seeds.1 is '1'; it has to be a whole number."),
        ({"seeds": [0, math.inf]}, "x.yaml: seeds.1 is inf; it has to be a finite number."),
        ({"either": 0}, "x.yaml: either is 0; it has to be at least 1."),
        ({"either": []}, "x.yaml: either is empty; it needs at least 1 entry."),
        ({"optional": []}, "x.yaml: optional is []; it has to be text or null."),
        (
            {"optional": 83},
            "x.yaml: optional is 83; it has to be text or null; put text that YAML reads as something else "
            "into quotes.",
        ),
        ({"typo": 1}, "x.yaml does not know typo; known are "),
    ],
)
def test_a_refusal_says_where_what_and_what_is_allowed(changes, message):
    with pytest.raises(ConfigError) as caught:
        schema.check({"name": "ok", **changes}, RULES, "x.yaml")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_named():
    with pytest.raises(ConfigError, match=r"^x\.yaml: name is missing\.$"):
        schema.check({}, RULES, "x.yaml")


def test_the_error_is_of_the_callers_class():
    with pytest.raises(TablesError):
        schema.check({"name": 1}, RULES, "x.yaml", TablesError)


def test_of_several_faults_the_first_by_place_is_reported():
    with pytest.raises(ConfigError, match="count is 0"):
        schema.check({"name": "A", "count": 0}, RULES, "x.yaml")


def test_what_is_allowed_passes():
    schema.check({"name": "ok", "count": 1, "either": [1], "optional": None, "share": 0.5}, RULES, "x.yaml")


# --- YAML ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", r"x\.yaml, line 3: 'a' appears twice; keep one"),
        ("a: {b: 1, b: 2}\n", r"x\.yaml, line 1: 'b' appears twice"),
        ("time: 12:30\n", r"x\.yaml, line 1: YAML reads 12:30 as the number 750"),
        ("code: 0123\n", r"x\.yaml, line 1: YAML reads 0123 as the number 83"),
        ("a: [\n", r"x\.yaml, line 2: this is not YAML"),
        (b"a: \xff\n", "not UTF-8 text"),
    ],
)
def test_yaml_that_could_be_misread_is_refused(text, words, tmp_path: Path):
    path = tmp_path / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TablesError, match=words):
        schema.read_yaml(path, TablesError)


def test_an_absent_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="There is no file"):
        schema.read_yaml(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="does not exist"):
        schema.read(tmp_path / "none.schema.json")


def test_plain_numbers_are_read(tmp_path: Path):
    path = tmp_path / "x.yaml"
    path.write_text("a: 0\nb: -12\nc: 1_000\nd: 0.5\ne: '007'\n")
    assert schema.read_yaml(path) == {"a": 0, "b": -12, "c": 1000, "d": 0.5, "e": "007"}


def test_what_is_there_more_than_once_is_named_once():
    assert schema.repeated(["b", "a", "b", "c", "a", "b"]) == ["a", "b"]
    assert schema.repeated(iter([3, 1, 2])) == []
