"""Run folders of every method with small networks, as the trainer writes them, without training."""

import json

import pytest
from recheck.methods import benchmark_configs

from algos.methods import method_class
from algos.seed_parallel.batches import ProblemSpec
from algos.training.config import RunConfig
from algos.training.stored import save_json, save_tensors
from algos.training.trainer import build_method

CHECKPOINTS = (10, 20)
SMALL = {
    "candidates": 3,
    "actor_width": 16,
    "actor_blocks": 1,
    "time_features": 8,
    "time_hidden_sizes": [8, 8],
    "sampling_steps": 3,
    "horizon": 4,
    "network_width": 16,
    "attention_heads": 2,
    "embedding_size": 8,
}


def small(hyperparameters):
    """The same method with narrow layers and few candidates."""
    found = {}
    for name, value in hyperparameters.items():
        if name in SMALL and value is not None:
            found[name] = SMALL[name]
        elif name.endswith("hidden_sizes"):
            found[name] = [16] * len(value)
        else:
            found[name] = value
    return found


@pytest.fixture(scope="session")
def method_configs(tmp_path_factory):
    """(method, variant) to the configuration that the benchmark measures."""
    path = tmp_path_factory.mktemp("configs") / "configs.json"
    assert benchmark_configs.main(["--output", str(path)]) == 0
    return {(c["method"], c["variant"]): c for c in json.loads(path.read_text())}


@pytest.fixture
def untrained(method_configs, tmp_path):
    """A function that writes the run folder of some seeds of a method, as they are before training."""

    def make(key, seeds, name="run"):
        config = method_configs[key]
        method, variant = key
        document = {
            "format": 1,
            "method": method,
            "method_format": method_class(method).format_version,
            "task": "tiny-v0",
            "variant": variant,
            "diffusion_steps": 30 if config["diffusion_steps"] > 100 else config["diffusion_steps"],
            "num_updates": CHECKPOINTS[-1],
            "checkpoints": list(CHECKPOINTS),
            "hyperparameters": small(config["hyperparameters"]),
            "transforms": [],
            "train_fraction": 1.0,
            "digest": "0123abcd",
            "seeds": list(seeds),
        }
        run_config = RunConfig.from_document(document)
        policy = build_method(run_config, ProblemSpec(11, 3), "cpu").policy()
        tensors = {
            f"{update}/{part}": tensor * (1.0 + 0.1 * i)
            for i, update in enumerate(CHECKPOINTS)
            for part, tensor in policy.items()
        }
        folder = tmp_path / name
        folder.mkdir()
        save_json(folder / "config.json", document)
        save_tensors(folder / "policies.safetensors", tensors)
        return folder

    return make
