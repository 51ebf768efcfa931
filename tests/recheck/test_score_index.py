"""The index that the scores stage reads."""

import json

from recheck import score_index

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
