"""tasks.csv against its schema, D4RL's table and the published statistics; the overview."""

import csv
import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from recheck.errors import DatasetError
from recheck.methods import hyperparameters
from recheck.tasks import TASKS_FILE, Task, load_tasks, task_from_json, task_from_mapping

from algos.datasets.__main__ import main
from algos.datasets.overview import format_overview, overview, state_of
from algos.datasets.prepare import prepare
from algos.datasets.sources import Places, download_places

ROOT = TASKS_FILE.parents[2]
FACTS = ROOT.parent / "shared" / "facts"
SCHEMA = json.loads((ROOT / "workflow" / "schemas" / "tasks.schema.json").read_text())
TASKS = load_tasks()

LOCOMOTION = [
    f"{robot}-{kind}-v2"
    for robot in ("hopper", "halfcheetah", "walker2d")
    for kind in ("medium", "medium-replay", "medium-expert")
]
ANTMAZE = [
    f"antmaze-{maze}-{version}"
    for maze in ("umaze", "umaze-diverse", "medium-play", "medium-diverse", "large-play", "large-diverse")
    for version in ("v0", "v2")
]
PAPERS = [
    *LOCOMOTION,
    *ANTMAZE,
    *(f"kitchen-{kind}-v0" for kind in ("complete", "partial", "mixed")),
    *(f"pen-{kind}-{version}" for kind in ("human", "cloned") for version in ("v0", "v1")),
]


def facts(name: str) -> Any:
    path = FACTS / name
    if not path.is_file():
        pytest.skip(f"needs the shared file {name}, which is not in the repository")
    return json.loads(path.read_text())


def typed(row: dict[str, str]) -> dict[str, Any]:
    """A CSV row with the schema's types."""
    result: dict[str, Any] = {}
    for key, text in row.items():
        kinds = SCHEMA["properties"][key]["type"]
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if text == "" and "null" in kinds:
            result[key] = None
        elif "integer" in kinds:
            result[key] = int(text)
        elif "number" in kinds:
            result[key] = float(text)
        elif "boolean" in kinds:
            result[key] = {"true": True, "false": False}[text]
        else:
            result[key] = text
    return result


def test_every_row_fulfils_the_schema() -> None:
    with TASKS_FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(TASKS)
    for row in rows:
        jsonschema.validate(typed(row), SCHEMA)


def test_schema_and_code_know_the_same_columns() -> None:
    assert set(SCHEMA["properties"]) == {field.name for field in fields(Task)}
    assert all("description" in rule for rule in SCHEMA["properties"].values())


def test_all_tasks_of_the_papers_are_there() -> None:
    assert len(PAPERS) == 28
    others = [
        *(f"{hand}-{kind}-{v}" for hand in ("door", "hammer", "relocate") for kind in ("human", "cloned")
          for v in ("v0", "v1")),
        *(f"maze2d-{maze}-v1" for maze in ("umaze", "medium", "large")),
        "hopper-mixed-v0", "hopper-sac-tqc-v0", "halfcheetah-mixed-v0", "door-human-demos-v0",
        *(task.removesuffix("-v2") + "-recollected-v0" for task in LOCOMOTION),
        "pointmaze-umaze-recollected-v0",
    ]  # fmt: skip
    assert [name for name in PAPERS + others if name not in TASKS] == []


def test_only_d4rl_files_are_called_by_a_d4rl_name() -> None:
    known = set(facts("d4rl_infos.json")["envs"])
    for task in TASKS.values():
        assert (task.task in known) == (task.source == "D4RL"), task.task
        assert (task.comparability == "original") == (task.source == "D4RL"), task.task


def test_reference_scores_and_addresses_are_those_of_d4rl() -> None:
    infos = facts("d4rl_infos.json")["envs"]
    for task in TASKS.values():
        if task.source == "D4RL":
            info = infos[task.task]
            assert (task.reference_min_score, task.reference_max_score) == (
                info["ref_min_score"],
                info["ref_max_score"],
            )
            assert task.urls[0] == info["url"]


def test_published_counts_statistics_and_hashes() -> None:
    published = facts("d4rl_v2_reference_stats.json")
    for name in LOCOMOTION:
        task = TASKS[name]
        assert task.expected_transitions == published["probing_csv"][name][0] + 1
        statistics = published["full_episode_stats"].get(name)
        if statistics is not None and "expert" not in name:
            for kind in ("mean", "std", "min", "max"):
                assert getattr(task, f"expected_return_{kind}") == statistics[f"ret_{kind}"]
    by_file = {task.urls[0].rsplit("/", 1)[1]: task for task in TASKS.values() if task.urls}
    for file_name, entry in published["file_hashes"].items():
        assert by_file[file_name].sha256 == entry["sha256"]
        assert by_file[file_name].size_bytes == entry.get("bytes", by_file[file_name].size_bytes)


def test_a_hash_has_its_source_and_belongs_to_one_file() -> None:
    hashes = [task.sha256 for task in TASKS.values() if task.sha256]
    assert len(set(hashes)) == len(hashes) > 30
    assert all((task.sha256 is None) == (task.sha256_source is None) for task in TASKS.values())


def test_other_tasks_hyperparameters_belong_to_tasks() -> None:
    """Each task of the papers either has values of IQL's or names a task that has."""
    covered = hyperparameters.covered(hyperparameters.read(ROOT, "iql"))
    for task in TASKS.values():
        if task.hyperparameters_like is not None:
            assert task.hyperparameters_like in TASKS, task.task
    for name in PAPERS:
        assert name in covered or TASKS[name].hyperparameters_like in covered, name


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    lines = TASKS_FILE.read_text().splitlines()
    path = tmp_path / "tasks.csv"
    path.write_text("\n".join([lines[0], lines[1], lines[2], lines[1]]) + "\n")
    with pytest.raises(DatasetError, match=r"line 4: the task hopper-medium-v2 appears twice"):
        load_tasks(path)
    path.write_text("\n".join([lines[0], lines[1] + ",more"]) + "\n")
    with pytest.raises(DatasetError, match="more or fewer cells"):
        load_tasks(path)


def test_a_row_survives_json() -> None:
    with TASKS_FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert task_from_json(json.dumps(typed(row))) == TASKS[row["task"]]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"horizon": "long"}, "horizon is 'long'; it has to be a whole number"),
        ({"horizon": 0.5}, "horizon is 0.5; it has to be"),
        ({"color": "red"}, "no column 'color'"),
        ({"source_kind": "ftp"}, "source_kind is 'ftp'; allowed are recollected, hdf5, minari"),
        ({"comparability": "best"}, "allowed are original"),
        ({"task": ""}, "needs a value for task"),
        ({"fix_timeouts": "maybe"}, "fix_timeouts is 'maybe'; it has to be true or false"),
        ({"sha256": 3}, "sha256 is 3; it has to be text"),
    ],
)
def test_bad_tasks_are_refused(change: dict[str, Any], word: str) -> None:
    with pytest.raises(DatasetError, match=word):
        task_from_mapping({"task": "x", "source_kind": "hdf5", **change})


def test_short_names_are_understood() -> None:
    task = task_from_json(
        '{"task": "x", "source_kind": "hdf5", "url": "http://a/b", "environment": "Hopper-v4"}'
    )
    assert (task.urls, task.environment_id) == (("http://a/b",), "Hopper-v4")


def test_a_hash_in_capitals_is_the_same_hash() -> None:
    task = task_from_mapping({"task": "x-v0", "source_kind": "hdf5", "sha256": "AB" * 32})
    assert task.sha256 == "ab" * 32


def test_what_is_no_json_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("{", "[1]", '"x"'):
        assert main(["prepare", "--task-json", text, "--output", "nowhere"]) == 2
    assert capsys.readouterr().err.count("\n") == 3
    assert not Path("nowhere").exists()


def test_states(tmp_path: Path, hopper_task: Any, make_rows: Any, write_rows: Any) -> None:
    folder = tmp_path / "datasets"
    present = hopper_task(write_rows(make_rows()))
    assert state_of(present, folder) == "present"
    assert state_of(hopper_task(tmp_path / "none.hdf5"), folder) == "needs a path"
    assert state_of(hopper_task(tmp_path / "none.hdf5"), folder, tmp_path) == "needs a path"
    assert state_of(hopper_task(tmp_path / "elsewhere" / "file.hdf5"), folder, tmp_path) == "present"
    remote = hopper_task(None, urls=("http://host/file2.hdf5",))
    assert state_of(remote, folder) == "downloadable"
    # A file of this name may be another address's; a hash would show it.
    (folder / "downloads").mkdir(parents=True)
    (folder / "downloads" / "file2.hdf5").touch()
    assert state_of(remote, folder) == "downloadable"
    assert state_of(replace(remote, sha256="0" * 64), folder) == "present"
    (place,) = download_places(remote, Places(folder / "downloads", folder / "hashes"))
    place.parent.mkdir()
    place.touch()
    assert state_of(remote, folder) == "present"
    assert state_of(hopper_task(None, source_kind="minari", source="a/b-v0"), folder) == "downloadable"
    assert state_of(hopper_task(None, source_kind="recollected"), folder) == "present"


def test_the_overview_shows_measured_statistics_where_prepared(
    tmp_path: Path, hopper_task: Any, make_rows: Any, write_rows: Any
) -> None:
    task = hopper_task(write_rows(make_rows()))
    claimed = replace(TASKS["hopper-medium-v2"])
    manifest = prepare(task, tmp_path / "datasets" / task.task)
    rows = overview({task.task: task, claimed.task: claimed}, tmp_path / "datasets")
    assert rows[0]["state"] == "present, prepared"
    assert rows[0]["statistics"] == "measured"
    assert rows[0]["comparability"] == "unverified"
    assert f"{manifest['return_statistics']['mean']:,.2f} +-" in rows[0]["return mean +- std [min, max]"]
    assert rows[1]["state"] == "downloadable"
    assert rows[1]["statistics"] == "published"
    assert rows[1]["comparability"] == "original, if it holds"
    assert rows[1]["transitions"] == "999,998"


def test_the_list_names_every_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--datasets", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in TASKS)
    for word in ("source", "state", "comparability", "transitions", "downloadable"):
        assert word in shown
    assert "1,422 +- 379 [316, 3,222]" in shown
    assert "rail.eecs.berkeley.edu" in shown
    assert max(len(line) for line in shown.splitlines()) <= 120
    assert main(["list", "--datasets", str(tmp_path), "--sources"]) == 0
    sources = capsys.readouterr().out
    for task in TASKS.values():
        line = next(line for line in sources.splitlines() if line.startswith(f"{task.task} "))
        assert (task.urls[0].rsplit("/", 1)[1] if task.urls else task.source) in line
        assert task.environment_match in line
    assert main(["list", "--datasets", str(tmp_path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(TASKS)


def test_the_widest_line_of_the_list_fits_a_terminal() -> None:
    """A prepared dataset with the longest name among the tasks and returns of thousands."""
    row = {"comparability": "recollected", "transitions": "1,998,966", "state": "present, prepared"}
    name = max(TASKS, key=len)
    row |= {"task": name, "return mean +- std [min, max]": "11,506 +- 3,456 [-310, 12,135]"}
    shown = format_overview(TASKS, [row])
    assert max(len(line) for line in shown.splitlines()) <= 120


# --- The user's page ---

PAGE = ROOT / "docs" / "data.md"


def test_the_page_names_every_file() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for task in TASKS.values():
        if task.source == "D4RL":
            row = next((line for line in page.splitlines() if line.startswith(f"| {task.task} |")), None)
            assert row is not None, f"docs/data.md lacks the row | {task.task} | file, hash, transitions"
            assert f"`{task.urls[0].rsplit('/', 1)[1]}`" in row
            assert ("published" in row) == (task.sha256 is not None)
            assert task.expected_transitions is None or f"{task.expected_transitions:,}" in row


def test_the_page_says_for_each_reported_table_which_files_it_needs() -> None:
    """Each (paper, table) of the reported numbers that has D4RL tasks is a row of the first table."""
    folder = ROOT / "paper_tables" / "reported"
    names = {
        "iql": "IQL",
        "diffusion_ql": "Diffusion-QL",
        "idql": "IDQL",
        "edp": "EDP",
        "cleandiffuser": "CleanDiffuser",
        "corl": "CORL",
        "fql": "FQL",
        "flowrl": "FlowRL",
        "ofql": "OFQL",
        "diffcps": "DiffCPS",
    }
    page = PAGE.read_text(encoding="utf-8")
    first = page[page.index("| reported table |") : page.index("### Locomotion")]
    covered = 0
    for stem, name in names.items():
        path = folder / f"{stem}.csv"
        if not path.is_file():
            continue
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["task"] in TASKS]
        for table in {row["table"] for row in rows}:
            lines = [line for line in first.splitlines() if name in line]
            words = [
                word for word in table.replace("/", " ").split() if word.lower() not in ("table", "tables")
            ]
            assert any(all(word.lower() in line.lower() for word in words) for line in lines), (name, table)
            covered += 1
    assert covered >= 10
