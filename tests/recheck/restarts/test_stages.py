"""Stages as units: what each result is made from, no more and no less."""

import json

import pytest
from recheck import paths
from recheck.restarts import stages

from tests.recheck.cells import finish

HOPPER = "hopper-medium-expert-recollected-v0"


def entry(**changes):
    return {"methods": ["iql", "bc"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


def by_stage(loaded):
    found = {}
    for unit in stages.units(loaded):
        found.setdefault(unit.stage, []).append(unit)
    return found


def wanted(unit):
    return json.loads(json.dumps(dict(unit.wanted)))


def test_each_unit_comes_after_what_it_is_made_from(mine):
    units = list(stages.units(mine({"grid": [entry()]})))
    made = set()
    everything = {output for unit in units for output in unit.outputs}
    for unit in units:
        for path in unit.inputs:
            name = path.partition("#")[0]
            assert name in made or name not in everything, (unit.stage, name)
        made |= set(unit.outputs)
    assert len({unit.record for unit in units}) == len(units)


def test_a_block_is_trained_once_whatever_is_evaluated(mine):
    samplings = {"few": {"sampler": "ddim", "steps": 2}}
    grid = [entry(methods=["diffusion_bc"], seeds=1, sampling=["default", "few"])]
    found = by_stage(mine({"grid": grid, "samplings": samplings}))
    (trained,) = found["train"]
    first, second = found["evaluate"]
    assert first.inputs == second.inputs == (f"{trained.record.rpartition('/')[0]}/policies.safetensors",)
    assert first.record != second.record
    assert first.former_formats == (1,)
    assert wanted(first)["format"] == 2


def test_a_blocks_evidence_is_in_its_own_files(mine):
    (unit, _) = by_stage(mine({"grid": [entry(seeds=1)]}))["train"]
    folder = unit.record.removesuffix("/record.json")
    assert set(unit.outputs) == {f"{folder}/{name}" for name in paths.RUN_FILES}
    assert unit.long
    assert unit.evidence[f"{folder}/config.json#seeds"] == [0]
    rows = f"{paths.dataset(HOPPER)}/manifest.json#content_sha256"
    assert unit.inputs == (rows,)
    assert unit.evidence[f"{folder}/provenance.json#dataset.content_sha256"] == f"value at {rows}"


def test_a_dataset_that_is_collected_depends_on_its_policies(mine):
    (unit,) = by_stage(mine({"grid": [entry()]}))["dataset"]
    rows = wanted(unit)["rows"]
    assert set(rows["behaviours"]) == set(mine({"grid": [entry()]}).behavior_files(HOPPER))
    assert len(rows["recollection"]) == 64
    # Reference scores are repeated for later stages and make no row.
    assert "reference_min_score" not in rows
    assert "reference_min_score" in wanted(unit)["description"]


def test_a_users_file_without_a_hash_is_a_source_with_its_content(copy, write_experiment, load_plan):
    folder = copy / "mine"
    folder.mkdir()
    (folder / "hopper-mixed-v0.hdf5").write_bytes(b"one")
    write_experiment({"grid": [entry(tasks=["hopper-mixed-v0"])]})

    def unit():
        return by_stage(load_plan(copy, experiment="mine", data_folder="mine"))["dataset"][0]

    row = load_plan(copy, experiment="mine", data_folder="mine").row("hopper-mixed-v0")
    first = unit()
    if row.get("sha256"):
        assert first.sources == ()
        assert "file" not in wanted(first)["rows"]
        assert first.evidence["results/datasets/hopper-mixed-v0/manifest.json#source_sha256"] == row["sha256"]
    else:
        assert first.sources == ("mine/hopper-mixed-v0.hdf5",)
        (folder / "hopper-mixed-v0.hdf5").write_bytes(b"two")
        assert wanted(unit())["rows"]["file"] != wanted(first)["rows"]["file"]


def test_scores_read_every_file_of_the_experiment(copy, mine):
    loaded = mine({"grid": [entry()]})
    (unit,) = by_stage(loaded)["scores"]
    for cell in loaded.cells:
        finish(copy, cell)
        assert cell.episodes in unit.inputs
        assert f"{cell.run_folder}/config.json" in unit.inputs
    assert f"{paths.dataset(HOPPER)}/manifest.json" in unit.inputs
    # Policies are not scores.
    assert not [path for path in unit.inputs if path.endswith("policies.safetensors")]


def test_only_what_an_experiment_asks_for_is_there(mine, load_plan):
    found = by_stage(mine({"grid": [entry()]}))
    assert "train_bandit" not in found
    assert "looks" not in found
    sequential = by_stage(mine({"grid": [entry(seeds="sequential")]}))
    assert [unit.outputs for unit in sequential["looks"]] == [(paths.looks("mine"),)]
    assert "sequential" in wanted(sequential["tables"][0])
    published = by_stage(load_plan(experiment="ci", scores="published"))
    assert {"scores", "train", "dataset", "evaluate"}.isdisjoint(published)
    assert "fixture" in by_stage(load_plan(experiment="ci", scores="d3rlpy"))


@pytest.fixture
def program(tmp_path, monkeypatch):
    monkeypatch.setitem(stages.PROGRAMS, "made_up", ("code", "one.csv"))
    (tmp_path / "code/deep").mkdir(parents=True)
    (tmp_path / "code/deep/a.py").write_text("1")
    (tmp_path / "one.csv").write_text("2")

    def digest():
        stages._digest_of.cache_clear()
        return stages.program_digest(tmp_path, "made_up")

    yield tmp_path, digest
    stages._digest_of.cache_clear()


def test_a_programs_digest_is_of_its_files_and_their_names(program):
    root, digest = program
    first = digest()
    assert len(first) == 16
    (root / "code/notes.txt").write_text("no part of a program")
    (root / "elsewhere.py").write_text("x")
    assert digest() == first
    (root / "code/deep/a.py").write_text("3")
    second = digest()
    (root / "code/deep/a.py").rename(root / "code/deep/b.py")
    third = digest()
    (root / "one.csv").write_text("4")
    assert len({first, second, third, digest()}) == 4


def test_every_stage_that_takes_seconds_names_programs_that_exist(repository):
    for places in stages.PROGRAMS.values():
        assert all((repository / place).exists() for place in places)
    assert set(stages.ON_REQUEST) <= set(stages.PROGRAMS)
