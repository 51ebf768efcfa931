"""A tiny dataset and tiny runs for tests of what learns."""

import json

import numpy as np
import pytest
import torch

from algos.transitions import content_sha256

NUM_ROWS = 300
OBSERVATION_DIM = 11  # Hopper's widths, so that policies can be evaluated in the real environment
ACTION_DIM = 3

IQL_HYPERPARAMETERS = {
    "batch_size": 16,
    "discount": 0.99,
    "expectile": 0.7,
    "beta": 3.0,
    "advantage_clip": 100.0,
    "target_rate": 0.005,
    "actor_learning_rate": 3e-4,
    "critic_learning_rate": 3e-4,
    "value_learning_rate": 3e-4,
    "actor_decay": "cosine",
    "hidden_sizes": [32, 32],
    "dropout": 0.1,
    "initialiser": "orthogonal",
    "log_std_min": -5.0,
    "log_std_max": 2.0,
    "update_order": "paper",
    "critic_loss": "sum",
}


@pytest.fixture(autouse=True)
def one_thread():
    """Tests run beside each other; a thread each is fastest and keeps sums in order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_arrays(num_rows=NUM_ROWS, seed=0):
    generator = np.random.default_rng(seed)
    terminals = np.zeros(num_rows, dtype=np.uint8)
    terminals[29::30] = 1
    return {
        "observations": generator.standard_normal((num_rows, OBSERVATION_DIM)).astype(np.float32),
        "actions": np.tanh(generator.standard_normal((num_rows, ACTION_DIM))).astype(np.float32),
        "rewards": generator.standard_normal(num_rows).astype(np.float32),
        "next_observations": generator.standard_normal((num_rows, OBSERVATION_DIM)).astype(np.float32),
        "terminals": terminals,
        "episodes": np.repeat(np.arange(num_rows // 30), 30).astype(np.int64),
    }


@pytest.fixture
def arrays():
    return make_arrays()


@pytest.fixture
def dataset(tmp_path):
    """A prepared dataset folder, as results/datasets/<task> is."""
    from safetensors.numpy import save_file

    folder = tmp_path / "dataset"
    folder.mkdir()
    arrays = make_arrays()
    save_file(arrays, folder / "transitions.safetensors")
    manifest = {
        "format": 1,
        "task": "tiny-v0",
        "content_sha256": content_sha256(arrays),
        "source_sha256": None,
        "observation_dim": OBSERVATION_DIM,
        "action_dim": ACTION_DIM,
        "environment_id": "Hopper-v4",
        "adapter": None,
        "horizon": 1000,
        "reference_min_score": -20.272305,
        "reference_max_score": 3234.3,
        "comparability": "toy",
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def run_config():
    """A function that makes the configuration of a tiny IQL run."""

    def make(seeds=(0,), num_updates=150, checkpoints=(100, 150), **changes):
        return {
            "format": 1,
            "method": "iql",
            "method_format": 1,
            "task": "tiny-v0",
            "variant": "paper",
            "train_steps": 0,
            "num_updates": num_updates,
            "checkpoints": list(checkpoints),
            "hyperparameters": {**IQL_HYPERPARAMETERS, **changes.pop("hyperparameters", {})},
            "transforms": [{"name": "clip_actions", "limit": 0.99999}],
            "train_fraction": 1.0,
            "digest": "0123abcd",
            "seeds": list(seeds),
            **changes,
        }

    return make
