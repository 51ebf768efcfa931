"""Trials against released programs: `make test-released SOURCES=folder`.

The folder holds clones of the repositories by their names (TD3_BC, CORL, ...), at the commits that
docs/parity.md lists. Their imports of simulators and loggers are replaced by empty modules.
"""

import functools
import importlib
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.released.libraries import library
from tools.released_programs import StubFinder


@pytest.fixture(autouse=True)
def double_precision():
    """Both programs compute in float64.

    In float32 Adam turns a gradient that is 0 but for rounding into a whole step, so that equal programs
    drift apart by the learning rate. In float64 they agree to 1e-9, and a real difference is seen.
    """
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)


@pytest.fixture
def float32_rate():
    """A learning rate as our optimiser holds it, rounded to float32."""
    return lambda rate: float(np.float32(rate))


@pytest.fixture
def sources():
    """The folder of the clones."""
    folder = os.environ.get("RECHECK_SOURCES")
    if not folder:
        pytest.skip("the released programs are not here: make test-released SOURCES=folder")
    return folder


@pytest.fixture
def released(monkeypatch, sources):
    """A function that imports a released file by repository and path."""
    folder = sources

    def load(repository, path):
        file = Path(folder) / repository / path
        if not file.is_file():
            pytest.skip(f"{folder} holds no {repository}/{path}")
        for name in filter(stubs.holds, list(sys.modules)):
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(sys, "meta_path", [stubs, *sys.meta_path])
        monkeypatch.syspath_prepend(str(Path(folder) / repository))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what newer interpreters say of their code
            return importlib.import_module(".".join(Path(path).with_suffix("").parts))

    stubs = StubFinder()
    before = set(sys.modules)
    yield load
    _forget(before, folder, stubs)


@pytest.fixture
def released_package(monkeypatch, sources):
    """A function that gives what imports the modules of a released package, and its stubs by name."""
    before, found = set(sys.modules), []

    def package(folder, name, stubs):
        path = Path(sources) / folder
        if not (path / name).is_dir():
            pytest.skip(f"{sources} holds no {folder}/{name}")
        found.append(StubFinder(stubs))
        monkeypatch.setattr(sys, "meta_path", [*found, *sys.meta_path])
        monkeypatch.syspath_prepend(str(path))

        def load(module):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return importlib.import_module(f"{name}.{module}")

        return load

    yield package
    for stubs in found:
        _forget(before, sources, stubs)


def _forget(before, folder, stubs):
    """Two releases have packages of one name (agents, utils); the next test must not find the last one's."""
    root = str(Path(folder).resolve())
    new = set(sys.modules) - before
    origins = {name: getattr(getattr(sys.modules[name], "__spec__", None), "origin", None) for name in new}
    # By the package: a folder without `__init__.py` is one, and has no file.
    packages = {
        name.split(".")[0]
        for name, file in origins.items()
        if file and str(Path(file).resolve()).startswith(root)
    }
    for name in new:
        if stubs.holds(name) or name.split(".")[0] in packages:
            del sys.modules[name]


class OneBatch:
    """A replay buffer of a torch release that returns the batch it was given."""

    def hold(self, batch):
        """Take a batch of ours, of one seed."""
        self.batch = (
            batch.observations[0],
            batch.actions[0],
            batch.next_observations[0],
            batch.rewards[0].unsqueeze(1),
            batch.continues[0].unsqueeze(1),
        )

    def sample(self, _):
        return self.batch


@pytest.fixture
def one_batch():
    return OneBatch()


@pytest.fixture
def jax_inputs():
    """A function that gives a JAX release our batch and noise of one seed, in arrays of its own."""
    jax = library("jax")

    def make(batch, draw, ends="masks"):
        """`ends` is what the release calls the ends of episodes: `masks` are 0 there, `dones` 1."""
        theirs = {
            "observations": batch.observations,
            "actions": batch.actions,
            "rewards": batch.rewards,
            "next_observations": batch.next_observations,
            ends: {"masks": batch.continues, "dones": 1.0 - batch.continues}[ends],
        }
        noises = {name: tensor for name, tensor in draw.items() if name != "index"}
        # Copies: else they may be our memory, which changes.
        return tuple({n: jax.numpy.array(t[0].numpy()) for n, t in d.items()} for d in (theirs, noises))

    return make


@pytest.fixture
def linear_layers():
    """Copies our linear layers into torch's, and gives the largest difference; pairs as in the tests."""

    def tensors(linear, group, row, name):
        yield linear.weight.data, group.frozen[f"{name}.weight"][row].T
        yield linear.bias.data, group.frozen[f"{name}.bias"][row]

    class Layers:
        @staticmethod
        def copy(pairs):
            """Give `(their layer, our group, row, our layer's name)` our numbers."""
            for pair in pairs:
                for theirs, ours in tensors(*pair):
                    theirs.copy_(ours)

        @staticmethod
        def largest_difference(pairs):
            return max(float((x - y).abs().max()) for pair in pairs for x, y in tensors(*pair))

    return Layers


@pytest.fixture
def flax_layers():
    """Our numbers in a release's tree of flax parameters, layer by layer."""
    jax = library("jax")
    jax.config.update("jax_enable_x64", True)
    parts = {"kernel": "weight", "bias": "bias"}

    class Layers:
        @staticmethod
        def array(group, rows, layer, part):
            """Our tensor for flax's `part` of a layer; several rows are stacked."""
            name = f"{layer}.{parts[part]}" if f"{layer}.{parts[part]}" in group.frozen else layer
            tensor = group.frozen[name][rows].numpy()
            return np.array(tensor if len(rows) > 1 else tensor[0])

        @staticmethod
        def place(params, find):
            """The tree with `find(keys)` in place of each leaf, keys from the root to the leaf."""

            def one(path, leaf):
                found = find([str(getattr(part, "key", part)) for part in path])
                assert found.shape == np.shape(leaf), path
                return jax.numpy.array(found, copy=True)  # else it may be our memory, which changes

            return jax.tree_util.tree_map_with_path(one, params)

        @classmethod
        def largest_difference(cls, params, find):
            differences = jax.tree_util.tree_map(
                lambda x, y: float(jax.numpy.abs(x - y).max()), params, cls.place(params, find)
            )
            return max(jax.tree_util.tree_leaves(differences))

    return Layers


@pytest.fixture
def exact_rates():
    """A function that holds the forward process's rates in float64, as `double_precision` the rest."""

    def make(method):
        diffusion = method.diffusion
        diffusion.signal_rates = torch.tensor(np.sqrt(diffusion.alpha_bars))
        diffusion.noise_rates = torch.tensor(np.sqrt(1.0 - diffusion.alpha_bars))

    return make


@pytest.fixture
def exact_schedule(monkeypatch):
    """A function that has a release's `Diffusion` compute its variance-preserving schedule in float64."""

    def make(diffusion):
        names = diffusion.__init__.__globals__
        exact = functools.partial(names["vp_beta_schedule"], dtype=torch.float64)
        monkeypatch.setitem(names, "vp_beta_schedule", exact)

    return make


@pytest.fixture
def data():
    """Two hundred transitions of Hopper's widths, with ends of episodes among them."""
    from algos.seed_parallel.batches import Rows, TrainingData

    generator = np.random.default_rng(5)
    arrays = Rows(
        observations=generator.standard_normal((200, 11)).astype(np.float32),
        actions=np.tanh(generator.standard_normal((200, 3))).astype(np.float32),
        rewards=generator.standard_normal(200).astype(np.float32),
        next_observations=generator.standard_normal((200, 11)).astype(np.float32),
        terminals=(np.arange(200) % 23 == 0).astype(np.uint8),
        next_actions=np.tanh(generator.standard_normal((200, 3))).astype(np.float32),
    )
    made = TrainingData(arrays)
    made.packed = made.packed.double()
    return made


@pytest.fixture
def random_inputs():
    """A function that gives the random numbers of some updates of a method, and what `update` takes."""
    from algos.seed_parallel.random_streams import ChunkedInputs, SeedStreams

    def make(method, data, num_updates):
        chunk = ChunkedInputs(method.random_inputs(), SeedStreams(method.seeds, "train"), data.num_rows)
        chunk.fill(0)
        for update in range(num_updates):
            draw = {name: tensor.clone() for name, tensor in chunk.at(update).items()}
            draw = {n: t.double() if t.is_floating_point() else t for n, t in draw.items()}
            rates = {name: torch.tensor(rate) for name, rate in method.schedules(update).items()}
            yield update, draw, {**draw, **rates}

    return make


@pytest.fixture
def paper_values():
    """A function that gives a method's hyperparameters on hopper-medium-v2."""
    from recheck.methods import hyperparameters

    root = Path(__file__).resolve().parents[2]

    def values(method, variant, task="hopper-medium-v2"):
        resolved = hyperparameters.resolve(root, hyperparameters.read(root, method), variant, task, {})
        return dict(resolved.values)

    return values


@pytest.fixture
def report(record_property):
    """A function that notes a trial's largest difference and holds it below a bound."""

    def note(name, difference, bound):
        record_property(name, difference)
        print(f"{name}: largest difference {difference:.1e}")
        assert difference < bound

    return note
