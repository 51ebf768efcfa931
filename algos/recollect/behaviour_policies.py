"""The behaviour policies: small networks of workflow/behaviors."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from recheck import checksums, shipped
from recheck.errors import DatasetError
from safetensors import SafetensorError
from safetensors.numpy import load_file

BEHAVIORS = shipped.ROOT / "workflow" / "behaviors"
# Bounds of a policy's log standard deviation, as in training (train_behaviours.py).
LOG_STD_BOUNDS = (-5.0, 2.0)


class Policy:
    """A two-hidden-layer Gaussian policy with a tanh, as soft actor-critic trains it.

    Its file holds `layers.{0,1,2}.weight` [in, out] and `layers.{0,1,2}.bias` [out], float32; the last
    layer gives the mean and the log standard deviation, [2 a].
    """

    def __init__(self, tensors: Mapping[str, np.ndarray], name: str) -> None:
        expected = [f"layers.{layer}.{kind}" for layer in range(3) for kind in ("bias", "weight")]
        if sorted(tensors) != expected:
            raise DatasetError(f"The policy {name} holds {sorted(tensors)}, but {expected} are expected.")
        self.layers = [(tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"]) for i in range(3)]
        widths = [weight.shape for weight, _ in self.layers]
        chained = all(left[-1] == right[0] for left, right in pairwise(widths))
        if not chained or any(weight.shape[1:] != bias.shape for weight, bias in self.layers):
            raise DatasetError(f"The policy {name} has layers that do not fit each other: {widths}.")
        self.name = name
        self.observation_dim = int(widths[0][0])
        self.action_dim = int(widths[-1][1]) // 2

    def act(self, observations: np.ndarray, noise: np.ndarray | None) -> np.ndarray:
        """Actions [E, a] in [-1, 1] for observations [E, d]; `noise` [E, a] is normal, None is the mode."""
        # One product per row: a row's bits must not depend on how many others there are.
        hidden = observations[:, np.newaxis, :]
        for weight, bias in self.layers[:-1]:
            hidden = np.maximum(hidden @ weight + bias, 0.0)
        weight, bias = self.layers[-1]
        mean, log_std = np.split((hidden @ weight + bias)[:, 0], 2, axis=-1)
        if noise is not None:
            mean = mean + np.exp(np.clip(log_std, *LOG_STD_BOUNDS)) * noise
        result: np.ndarray = np.tanh(mean)
        return result


def load_policy(name: str, folder: Path = BEHAVIORS) -> Policy:
    """The policy `name` of a folder, compared with its checksum.

    Raises:
        DatasetError: there is none (with those that there are), or it is not what was written.
    """
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.safetensors"))) or "none"
        raise DatasetError(f"There is no policy {name!r} in {folder.name}; known policies: {known}.")
    checksums.compare(path, "Bring the file back (`git checkout`).", DatasetError)
    try:
        return Policy(load_file(path), name)
    except SafetensorError as error:
        raise DatasetError(f"The policy {path.name} cannot be read: {error}.") from None
