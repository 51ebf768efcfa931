"""Small files of time steps, a tiny dataset and tiny runs, and where the shared files are."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from recheck.tasks import Task

from algos.datasets.transitions import content_sha256
from algos.seed_parallel import kernels

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"

Rows = dict[str, np.ndarray]
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
    """One thread is fastest for tiny networks; a run's choice of kernels does not outlive its test."""
    threads, form = torch.get_num_threads(), kernels.in_use()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    kernels.use_precision("float32")
    kernels.use(form)


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
            "diffusion_steps": 0,
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


# --- Methods against plain, unstacked ones (test_iql_reference, test_diffusion_ql, test_idql, test_edp) ---


@pytest.fixture
def small_rows():
    """Fifty transitions of a task with 4 observations and 2 actions, in trajectories of seven."""
    from algos.seed_parallel.batches import Rows

    generator = np.random.default_rng(3)
    return Rows(
        observations=generator.standard_normal((50, 4)).astype(np.float32),
        actions=np.tanh(generator.standard_normal((50, 2))).astype(np.float32),
        rewards=3.0 * generator.standard_normal(50).astype(np.float32),
        next_observations=generator.standard_normal((50, 4)).astype(np.float32),
        terminals=(np.arange(50) % 7 == 0).astype(np.uint8),
        next_actions=np.tanh(generator.standard_normal((50, 2))).astype(np.float32),
        episodes=(np.arange(50) + 6) // 7,
    )


@pytest.fixture
def small_data(small_rows):
    """The same as a batch's source."""
    from algos.seed_parallel.batches import TrainingData

    return TrainingData(small_rows)


@pytest.fixture
def replay():
    """A function that trains a method and returns what each update was given and returned.

    The list holds, per update, the draws ``[K, ...]``, the schedules as floats and the losses.
    """
    from algos.seed_parallel.random_streams import ChunkedInputs, SeedStreams

    def run(method, data, num_updates):
        inputs = ChunkedInputs(method.random_inputs(), SeedStreams(method.seeds, "train"), data.num_rows)
        inputs.fill(0)
        record = []
        for update in range(num_updates):
            draw = {name: tensor.clone() for name, tensor in inputs.at(update).items()}
            rates = method.schedules(update)
            given = {**draw, **{name: torch.tensor(rate) for name, rate in rates.items()}}
            losses = method.update(data, given, method.update_variant(update))
            record.append((draw, rates, dict(zip(method.LOSSES, losses))))
        return record

    return run


@pytest.fixture
def assert_seed_equals_it_alone(replay):
    """A check that the second of three seeds is trained to the same bits as in a block of its own.

    Its arguments: a function from seeds to a method, and the data.
    """

    def check(build, data):
        block, alone = build((3, 7, 5)), build((7,))
        for method in (block, alone):
            replay(method, data, 20)
        states = block.state()
        for name, tensor in alone.state().items():
            if tensor.ndim:
                size = tensor.shape[0]
                assert torch.equal(states[name][size : 2 * size], tensor), name

    return check


@pytest.fixture
def plain_network():
    """A function that copies one network of a group into ordinary torch layers, in float64."""

    def build(group, row, names, activation):
        layers = []
        for name in names:
            weight = group.frozen[f"{name}.weight"][row].double()
            layer = torch.nn.Linear(*weight.shape, dtype=torch.float64)
            layer.weight.data.copy_(weight.T)
            layer.bias.data.copy_(group.frozen[f"{name}.bias"][row])
            layers += [layer, activation()]
        return torch.nn.Sequential(*layers[:-1])

    return build


@pytest.fixture
def assert_same_network():
    """A function that holds a plain network against one network of a group."""

    def check(plain, group, row, names, tolerance):
        linears = [layer for layer in plain if isinstance(layer, torch.nn.Linear)]
        assert len(linears) == len(names)
        for layer, name in zip(linears, names):
            for plain_tensor, ours in (
                (layer.weight.detach().T, group.frozen[f"{name}.weight"][row]),
                (layer.bias.detach(), group.frozen[f"{name}.bias"][row]),
            ):
                np.testing.assert_allclose(ours.numpy(), plain_tensor.numpy(), rtol=0, atol=tolerance)

    return check


@pytest.fixture
def shared_file() -> Callable[[str], Path]:
    """A shared data file by name; skips where there is none."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.is_file():
            pytest.skip(f"needs the shared file {name}, which is not in the repository")
        return path

    return find


@pytest.fixture
def make_rows() -> Callable[..., Rows]:
    """Rows of Hopper's widths: episodes of the given lengths, the last row of each a time-out."""

    def make(
        lengths: tuple[int, ...] = (12, 8, 10), widths: tuple[int, int] = (11, 3), seed: int = 0
    ) -> Rows:
        rng = np.random.default_rng(seed)
        count = sum(lengths)
        timeouts = np.zeros(count, bool)
        timeouts[np.cumsum(lengths) - 1] = True
        return {
            "observations": rng.standard_normal((count, widths[0])).astype(np.float32),
            "actions": rng.uniform(-1, 1, (count, widths[1])).astype(np.float32),
            "rewards": rng.standard_normal(count).astype(np.float32),
            "terminals": np.zeros(count, bool),
            "timeouts": timeouts,
        }

    return make


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as an HDF5 file."""

    def write(rows: dict[str, Any], name: str = "file.hdf5") -> Path:
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            for key, values in rows.items():
                file.create_dataset(key, data=values)
        return path

    return write


@pytest.fixture
def hopper_task() -> Callable[..., Task]:
    """A task on Hopper-v4 for a local file."""

    def make(path: Path | None = None, **values: Any) -> Task:
        settings: dict[str, Any] = {
            "task": "tiny-v0",
            "source_kind": "hdf5",
            "suite": "gym-locomotion",
            "path": None if path is None else str(path),
            "environment_id": "Hopper-v4",
            "environment_match": "same",
            "horizon": 1000,
            "reference_min_score": -20.272305,
            "reference_max_score": 3234.3,
        }
        return Task(**{**settings, **values})

    return make
