"""What the benchmark measures."""

import json

from recheck.methods import benchmark_configs, hyperparameters


def test_each_methods_first_variant_and_those_that_say_so(repository):
    found = [(entry["method"], entry["variant"]) for entry in benchmark_configs.configs(repository)]
    assert found == sorted(set(found))
    firsts = {
        (name, hyperparameters.read(repository, name).default_variant)
        for name in hyperparameters.known_methods(repository)
    }
    # IDQL's released settings are those of its paper's speed figures.
    assert set(found) == firsts | {("idql", "release")}


def test_the_values_are_hoppers(repository):
    (iql,) = [entry for entry in benchmark_configs.configs(repository) if entry["method"] == "iql"]
    assert iql["hyperparameters"]["expectile"] == 0.7
    assert iql["hyperparameters"]["beta"] == 3.0
    assert iql["num_updates"] == 1_000_000
    assert iql["diffusion_steps"] == 0


def test_the_command_writes_the_same(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(repository)
    path = tmp_path / "configs.json"
    assert benchmark_configs.main(["--output", str(path)]) == 0
    assert json.loads(path.read_text()) == benchmark_configs.configs(repository)
