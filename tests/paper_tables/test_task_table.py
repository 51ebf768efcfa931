"""Spellings of a task's name: a version among the words, abbreviations; what could be several is refused."""

from __future__ import annotations

import pytest
from recheck.errors import TablesError

from paper_tables import task_table


@pytest.mark.parametrize(
    ("text", "version", "name"),
    [
        ("HalfCheetah-v2 (Medium)", None, "halfcheetah-medium-v2"),
        ("Walker2d-v2 | Medium-Replay", None, "walker2d-medium-replay-v2"),
        ("hopper-m-r-v2", None, "hopper-medium-replay-v2"),
        ("Hopper-ME", "v2", "hopper-medium-expert-v2"),
        ("hopper-m", "v2", "hopper-medium-v2"),
        ("antmaze-ud", "v2,antmaze:v0", "antmaze-umaze-diverse-v0"),
        ("pen-h", "1", "pen-human-v1"),
        # Words that are cut.
        ("hopper-med-exp-v2", None, "hopper-medium-expert-v2"),
        ("HalfCheetah-MedRep", "v2", "halfcheetah-medium-replay-v2"),
        ("half-m-v2", None, "halfcheetah-medium-v2"),
        ("walker-mr", "v2", "walker2d-medium-replay-v2"),
        ("antmaze-med-play-v2", None, "antmaze-medium-play-v2"),
    ],
)
def test_a_spelling_is_its_task(text: str, version: str | None, name: str):
    assert task_table.resolve(text, version).name == name
    assert task_table.is_name(text)


@pytest.mark.parametrize(
    ("text", "version", "message"),
    [
        # In version 0 there is hopper-mixed too.
        ("hopper-m", "v0", "'hopper-m' could be hopper-medium-v0, .*hopper-mixed-v0; write the name in full"),
        ("pen-h", None, "Task 'pen-human' has no version; there are pen-human-v0, pen-human-v1"),
        ("minari-hopper-m-v0", None, "There is no Minari task"),
        ("hopper", None, "There is no task 'hopper'"),
    ],
)
def test_what_is_unclear_is_refused(text: str, version: str | None, message: str):
    with pytest.raises(TablesError, match=message):
        task_table.resolve(text, version)


def test_a_word_is_no_task():
    assert not any(map(task_table.is_name, ("hopper", "medium", "IQL", "average", "v2")))
    # No name of an environment is a shorter one with an initial behind it: hoppe-r, relocat-e.
    environments = {task_table.stem_of(name).split("-")[0] for name in task_table.tasks()}
    assert "relocate" in environments
    assert not [name for name in environments if task_table.is_name(name)]
