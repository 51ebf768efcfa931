"""Paths of results: the strings of rules and the functions of the plan give the same ones."""

import pytest
from recheck import paths

GROUP = {"method": "iql", "task": "t-v0", "variant": "paper", "digest": "0123abcd", "diffusion_steps": 5}
BLOCK = {**GROUP, "first": 0, "last": 4}


def test_functions_fill_in_what_rules_have_as_wildcards():
    group = paths.run_group(**GROUP)
    assert group == "iql/t-v0/paper-0123abcd/N5"
    assert paths.RUN.format(**BLOCK) == paths.run_block(group, 0, 4) == f"results/runs/{group}/seeds0-4"
    episodes = paths.EPISODES.format(**BLOCK, sampling="default-89abcdef")
    assert episodes == paths.episodes_block(group, "default-89abcdef", 0, 4)
    assert episodes == f"results/episodes/{group}/default-89abcdef/seeds0-4.parquet"


def test_states_are_apart_from_results_and_from_each_other():
    places = [
        paths.STATE,
        paths.EPISODES_STATE,
        paths.RUN,
        paths.EPISODES,
        paths.CHECKPOINT,
        paths.REEVALUATION,
    ]
    filled = [place.format(**BLOCK, sampling="s") for place in places]
    assert len(set(filled)) == len(filled)
    assert [place for place in filled if place.startswith("results/state/")] == filled[:2]


def test_published_scores_are_the_ones_of_the_repository():
    assert paths.scores("published") == "results/published"
    assert paths.scores("d4rl") == "results/scores/d4rl"
    assert paths.stage("tables", "published") == "results/tables/published"


@pytest.mark.parametrize("missing", [None, *paths.RUN_FILES])
def test_a_run_is_finished_when_all_its_files_are_there(tmp_path, missing):
    for name in paths.RUN_FILES:
        if name == missing:
            (tmp_path / name).mkdir()  # a folder is not a file
        else:
            (tmp_path / name).write_bytes(b"")
    assert paths.is_finished(tmp_path) is (missing is None)
