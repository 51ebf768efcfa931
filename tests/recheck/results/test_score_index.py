"""The index that the scores stage reads, and what it refuses to put together."""

import json

import pytest
from recheck import paths, records
from recheck.errors import ConfigError
from recheck.restarts import stages
from recheck.results import score_index

from tests.recheck.cells import finish

HOPPER = "hopper-medium-expert-recollected-v0"


def entry(**changes):
    return {"methods": ["iql"], "tasks": [HOPPER], "seeds": 2, "num_updates": 1000, **changes}


def test_the_index_names_each_block_and_the_seeds_asked_for(copy, mine, repository, monkeypatch):
    import jsonschema

    for cell in mine({"grid": [entry(seeds=5)]}, train_on="gpu").cells:
        finish(copy, cell)
    loaded = mine({"grid": [entry(seeds=[1, 2])]})
    content = score_index.content(loaded)
    schema = json.loads((repository / "paper_tables/schemas/scores_index.schema.json").read_text())
    jsonschema.validate(content, schema)
    (block,) = content["blocks"]
    assert block["seeds"] == [1, 2]
    assert block["run_dir"].endswith("/seeds0-4")
    assert block["episodes"].endswith("/seeds0-4.parquet")
    # The command line needs no word about the machine.
    monkeypatch.chdir(copy)
    output = copy / "out/index.json"
    assert score_index.main(["--config", loaded.identity(), "--output", str(output)]) == 0
    assert json.loads(output.read_text()) == content
    assert "machines" not in json.loads(loaded.identity())


@pytest.fixture
def finished(copy, write_experiment, load_plan):
    """A plan of one block that is trained and evaluated, with records, and its cell."""
    entry = {"methods": ["bc"], "tasks": [HOPPER], "seeds": 1, "num_updates": 10, "checkpoints": 1}
    write_experiment({"grid": [entry]})
    loaded = load_plan(copy, experiment="mine")
    (cell,) = loaded.cells
    for name in (*(f"{cell.run_folder}/{name}" for name in paths.RUN_FILES), cell.episodes):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("made")
    timing = copy / f"{cell.episodes.removesuffix('.parquet')}.timing.parquet"
    timing.write_text("made")
    manifest = copy / paths.dataset(HOPPER) / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"content_sha256": "first"}))
    records.write(copy, stages.train(cell.run, 0, 0))
    records.write(copy, stages.evaluate(loaded, cell.run, cell.sampling, 0, 0))
    return loaded, cell


def test_what_belongs_together_is_put_together(finished):
    loaded, cell = finished
    (block,) = score_index.content(loaded)["blocks"]
    assert block["episodes"] == cell.episodes


def test_a_run_of_other_rows_is_refused(finished):
    loaded, _ = finished
    manifest = loaded.root / paths.dataset(HOPPER) / "manifest.json"
    manifest.write_text(json.dumps({"content_sha256": "second"}))
    with pytest.raises(ConfigError, match=r"was trained on other rows.*again trains it on these"):
        score_index.content(loaded)
    manifest.unlink()  # what is gone is no other
    score_index.content(loaded)


def test_episodes_of_other_policies_are_refused(finished):
    """A run that was lost and made again in the same call, on another machine."""
    loaded, cell = finished
    (loaded.root / cell.run_folder / "policies.safetensors").write_text("others")
    with pytest.raises(ConfigError, match=r"\.parquet was played by other policies than .* again evaluates"):
        score_index.content(loaded)
