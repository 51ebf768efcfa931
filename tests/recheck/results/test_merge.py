"""Results of two clusters in one folder: what is taken, what is refused, what is planned then."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from recheck import checksums, files, paths, records
from recheck.errors import FileError
from recheck.restarts import stages
from recheck.results import merge

HOPPER = "hopper-medium-expert-recollected-v0"


def finish(root, loaded, rows="rows"):
    """Write what a plan's jobs would, in small, with records."""
    for unit in stages.units(loaded):
        if unit.stage not in merge.PLACES or unit.stage == "train_bandit":
            continue
        for output in unit.outputs:
            path = root / output
            if path.name == "minari":
                path = path / "data.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.name == "manifest.json":
                path.write_text(json.dumps({"content_sha256": rows}))
            else:
                path.write_text(f"{output}")
            if path.suffix in (".safetensors", ".parquet"):
                checksums.write(path)
        records.write(root, unit)


@pytest.fixture
def clusters(tmp_path, repository, write_experiment, copy, load_plan):
    """Two clones of one experiment: seed 0 is finished on the one, seed 1 on the other."""
    grid = [{"methods": ["iql", "bc"], "tasks": [HOPPER], "seeds": 2, "num_updates": 20}]
    write_experiment({"grid": grid})
    other = tmp_path / "other"
    other.mkdir()
    for name in ("Snakefile", "workflow", "profiles"):
        source = copy / name
        if source.is_dir():
            shutil.copytree(source, other / name, symlinks=True)
        else:
            shutil.copy(source, other / name)
    finish(copy, load_plan(copy, experiment="mine", seeds="0"))
    finish(other, load_plan(other, experiment="mine", seeds="1"))
    return copy, other


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted((folder / paths.RESULTS).rglob("*"))
        if path.is_file() and "locks" not in path.parts
    }


def test_after_a_merge_no_training_is_planned(clusters, load_plan, snakemake):
    here, other = clusters
    merged = merge.merge(here, other)
    assert [result.stage for result in merged.taken].count("train") == 2
    assert [result.stage for result in merged.taken].count("evaluate") == 2
    assert [result.stage for result in merged.present] == ["dataset"]
    loaded = load_plan(here, experiment="mine")
    compared = loaded.comparison()
    wanted = {
        output for unit in stages.units(loaded) if unit.stage in merge.PLACES for output in unit.outputs
    }
    assert wanted <= compared.kept
    assert not compared.adopted
    # A checkout gives everything a new date, the policies that collect the data (workflow/behaviors) too.
    behaviors = [here / path for path in loaded.behavior_files(HOPPER)]
    assert behaviors
    assert all(path.is_file() for path in behaviors)
    for path in (here / "workflow").rglob("*"):
        os.utime(path)
    process = snakemake("-n", "--config", "experiment=mine")
    text = process.stdout + process.stderr
    assert process.returncode == 0, text
    table = re.search(r"^job +count\n-[- ]*\n(.*?)\n\n", text, re.M | re.S)
    jobs = {name: int(count) for name, count in map(str.split, table[1].splitlines())}
    stages_after = ("scores", "statistics", "tables", "figures", "page", "all")
    assert jobs == {**dict.fromkeys(stages_after, 1), "total": 6}


def test_hashes_are_held_and_a_second_merge_does_nothing(clusters):
    here, other = clusters
    merge.merge(here, other / "results")
    for record in (here / "results/runs").rglob("record.json"):
        for path, known in records.load(record)["outputs"].items():
            assert files.sha256(here / path) == known["sha256"]
            assert not path.endswith(".safetensors") or checksums.sidecar(here / path).is_file()
    before = tree(here)
    assert merge.merge(here, other).taken == []
    assert tree(here) == before


def test_check_copies_nothing(clusters):
    here, other = clusters
    before = tree(here)
    assert len(merge.merge(here, other, only_check=True).taken) == 4
    assert tree(here) == before


def test_an_interrupted_merge_goes_on(clusters, monkeypatch):
    here, other = clusters
    copied = []

    def stop(source, target):
        if len(copied) == 3:
            raise KeyboardInterrupt
        copied.append(target)
        Path(target).write_bytes(Path(source).read_bytes())

    monkeypatch.setattr(merge.shutil, "copyfile", stop)
    with pytest.raises(KeyboardInterrupt):
        merge.merge(here, other)
    monkeypatch.undo()
    merge.merge(here, other)
    wanted = {name: content for name, content in tree(other).items() if "/datasets/" not in name}
    assert wanted.items() <= tree(here).items()


def one(folder, pattern):
    return sorted((folder / paths.RESULTS).rglob(pattern))[0]


def rewrite(folder, load_plan, seeds, pattern, text):
    """Another content with a record and checksum that belong to it."""
    path = one(folder, pattern)
    path.write_text(text)
    if checksums.sidecar(path).exists():
        checksums.write(path)
    for unit in stages.units(load_plan(folder, experiment="mine", seeds=seeds)):
        if unit.stage in merge.PLACES and (folder / unit.record).exists():
            records.write(folder, unit)


def damaged(here, other, load_plan):
    one(other, "policies.safetensors").write_text("damaged")


def other_policies(here, other, load_plan):
    shutil.copytree(here / "results", other / "results", dirs_exist_ok=True)
    rewrite(other, load_plan, "0", "policies.safetensors", "other policies")


def other_episodes(here, other, load_plan):
    shutil.copytree(here / "results", other / "results", dirs_exist_ok=True)
    rewrite(other, load_plan, "0", "seeds0-0.parquet", "other episodes")


def other_rows(here, other, load_plan):
    rewrite(other, load_plan, "1", "manifest.json", json.dumps({"content_sha256": "others"}))


def runs_of_other_rows(here, other, load_plan):
    other_rows(here, other, load_plan)
    shutil.rmtree(other / "results/datasets")


def path_outside(here, other, load_plan):
    path = one(other, "record.json")
    content = json.loads(path.read_text())
    content["outputs"]["results/../../x"] = {"sha256": "0" * 64, "bytes": 1}
    content.pop("sha256")
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (damaged, "is not what was written (its record is"),
        (other_policies, "holds other policies of the same seeds here than in"),
        (other_episodes, "holds other episodes of the same policies here than in"),
        (other_rows, "has other rows here than in"),
        (runs_of_other_rows, "was made from a different results/datasets"),
        (path_outside, "names results/../../x, which is not a file of results"),
    ],
)
def test_a_contradiction_is_refused_in_one_message_and_nothing_is_copied(clusters, load_plan, make, words):
    here, other = clusters
    make(here, other, load_plan)
    before = tree(here)
    with pytest.raises(FileError) as refusal:
        merge.merge(here, other)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert tree(here) == before


def test_folders_that_cannot_be_merged(clusters):
    here, other = clusters
    with pytest.raises(FileError, match="is this results folder itself"):
        merge.merge(here, here)
    with pytest.raises(FileError, match="there is no such folder"):
        merge.merge(here, other / "nothing")
    with pytest.raises(FileError, match="holds no dataset, run or episodes with a record"):
        merge.merge(here, other / "workflow")


def test_seeds_in_two_blocks_and_results_without_a_record_are_reported(clusters):
    here, other = clusters
    for path in (other / "results/runs").rglob("seeds1-1"):
        shutil.copytree(path, Path(here, path.relative_to(other)).with_name("seeds1-2"))
    one(other, "seeds1-1.record.json").unlink()
    merged = merge.merge(here, other)
    said = " ".join(merged.sentences())
    assert "Seeds that are in two blocks" in said
    assert "seeds1-1 and seeds1-2" in said
    assert "without a record: results/episodes/" in said
