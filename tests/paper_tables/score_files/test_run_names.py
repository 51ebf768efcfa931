"""Method, task and seed out of run names, and the methods that documents know."""

from __future__ import annotations

import pytest

from paper_tables.score_files.run_names import RunName, method_key, parse


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("IQL-hopper-medium-v2-seed3", RunName("IQL", "hopper-medium-v2", 3)),
        ("CQL_halfcheetah-medium-expert-v2_0", RunName("CQL", "halfcheetah-medium-expert-v2", 0)),
        ("hopper-medium-v2/iql/seed_4", RunName("iql", "hopper-medium-v2", 4)),
        ("IQL-walker2d-medium-replay-v2-1a2b3c4d", RunName("IQL", "walker2d-medium-replay-v2", None)),
        ("td3bc-antmaze-umaze-v2-20230115123456", RunName("td3bc", "antmaze-umaze-v2", None)),
        ("my method hopper_medium-v2 s1", RunName("my method", "hopper-medium-v2", 1)),
        ("TD3+BC__hopper-medium-v2__2__1699999999", RunName("TD3+BC", "hopper-medium-v2", 2)),
        ("hopper-medium-v2|IQL|lr_decay|0", RunName("IQL|lr_decay", "hopper-medium-v2", 0)),
        ("IQL(hopper-medium-v2, seed=3)", RunName("IQL", "hopper-medium-v2", 3)),
        ("algo: IQL, env: hopper-medium-v2", RunName("IQL", "hopper-medium-v2", None)),
        ("nothing", RunName(None, None, None)),
        # A method that is called like a seed.
        ("S4-hopper-medium-v2-0", RunName("S4", "hopper-medium-v2", 0)),
        ("S4-hopper-medium-v2", RunName("S4", "hopper-medium-v2", None)),
        ("hopper-medium-v2-S4-1", RunName("S4", "hopper-medium-v2", 1)),
        ("IQL-S2-hopper-medium-v2-seed0", RunName("IQL-S2", "hopper-medium-v2", 0)),
        ("IQL-S2-hopper-medium-v2-7", RunName("IQL-S2", "hopper-medium-v2", 7)),
        ("s1-IQL-hopper-medium-v2", RunName("IQL", "hopper-medium-v2", 1)),
        # Dates and values of settings are no seeds.
        ("IQL-hopper-medium-v2-2024-05-01", RunName("IQL", "hopper-medium-v2", None)),
        ("IQL-hopper-medium-v2-2-2024-05-01_10-20-30", RunName("IQL", "hopper-medium-v2", 2)),
        ("IQL-hopper-medium-v2-lr3e-4", RunName("IQL", "hopper-medium-v2", None, "lr3e-4")),
        ("IQL-hopper-medium-v2-tau0.7", RunName("IQL", "hopper-medium-v2", None, "tau0.7")),
        ("IQL-hopper-medium-v2-bs256-seed0", RunName("IQL", "hopper-medium-v2", 0, "bs256")),
    ],
)
def test_run_names(name: str, wanted: RunName):
    assert parse(name) == wanted


def test_a_version_is_needed_or_given():
    assert parse("IQL-hopper-medium-seed3").task is None
    assert parse("IQL-hopper-medium-seed3", "v2").task == "hopper-medium-v2"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("IQL", "iql"),
        ("TD3+BC", "td3_bc"),
        ("td3_bc", "td3_bc"),
        ("Diffusion-QL", "diffusion_ql"),
        ("ours", None),
    ],
)
def test_methods_of_the_documents(name: str, key: str | None):
    assert method_key(name) == key
