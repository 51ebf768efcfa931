"""The atomic writer."""

from pathlib import Path

import pytest
from snakemake_executor_plugin_submitit.files import read_json, write_json


def test_json_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]
    path.write_text("[1")
    assert read_json(path) is None
