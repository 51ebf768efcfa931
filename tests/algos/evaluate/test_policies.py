"""The kept policies of a run folder, read a part at a time."""

import json
import re

import numpy as np
import pytest
import torch
from recheck import checksums
from recheck.errors import EvaluationError
from safetensors.torch import load_file, save_file

from algos.evaluate.policies import Policies
from algos.training.config import RunConfig


def opened(folder):
    return Policies(folder, RunConfig.from_document(json.loads((folder / "config.json").read_text())))


def rewrite(folder, change):
    """Other tensors with a checksum of their own."""
    path = folder / "policies.safetensors"
    save_file(change(load_file(path)), path)
    checksums.write(path)


def test_each_seed_has_its_own_rows_and_its_own_update(untrained):
    folder = untrained(("diffusion_ql", "paper"), [0, 4, 7])
    whole = load_file(folder / "policies.safetensors")
    policies = opened(folder)
    assert policies.sha256 == checksums.check(folder / "policies.safetensors", "", EvaluationError)
    found = policies.load([2, 0], [10, 20])
    assert set(found) == {name.split("/", 1)[1] for name in whole if name.startswith("10/")}
    for name, tensor in found.items():
        copies = whole[f"10/{name}"].shape[0] // 3
        assert torch.equal(tensor[:copies], whole[f"10/{name}"][2 * copies :])
        assert torch.equal(tensor[copies:], whole[f"20/{name}"][:copies])
    # Two critics for each seed stay together.
    assert {whole[f"10/{name}"].shape[0] // 3 for name in found} == {1, 2}


def test_transforms_are_read_with_the_policies(untrained):
    folder = untrained(("iql", "paper"), [0])
    rewrite(
        folder,
        lambda tensors: {
            **tensors,
            "transforms/observation_mean": torch.ones(11),
            "transforms/observation_scale": torch.full((11,), 2.0),
        },
    )
    policies = opened(folder)
    assert all(not name.startswith("transforms") for name in policies.load([0], [10]))
    shown = policies.transform.observations(np.full(11, 5.0, dtype=np.float32))
    assert shown.tolist() == [2.0] * 11  # (5 - 1) / 2


def test_a_checkpoint_that_is_not_kept_is_refused(untrained):
    folder = untrained(("iql", "paper"), [0])
    with pytest.raises(EvaluationError, match=re.escape("the run keeps no checkpoint 15; it has [10, 20]")):
        opened(folder).load([0], [15])
    rewrite(folder, lambda tensors: {k: v for k, v in tensors.items() if not k.startswith("20/")})
    with pytest.raises(EvaluationError, match=r"keeps no checkpoint 20 of its configuration\. Remove"):
        opened(folder)


def test_policies_of_another_number_of_seeds_are_refused(untrained):
    folder = untrained(("iql", "paper"), [0, 4])
    rewrite(folder, lambda tensors: {k: v[:1].clone() for k, v in tensors.items()})
    with pytest.raises(EvaluationError, match=r"is of 1 networks, which 2 seeds cannot have"):
        opened(folder)


@pytest.mark.parametrize("damage", ["bytes", "gone", "no checksum of the content"])
def test_a_file_that_is_not_what_was_written_is_refused(untrained, damage):
    folder = untrained(("iql", "paper"), [0])
    path = folder / "policies.safetensors"
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:100])
        if damage == "no checksum of the content":
            checksums.write(path)
    with pytest.raises(EvaluationError, match=r"policies\.safetensors") as refusal:
        opened(folder)
    assert f"Remove the folder {folder} and train the run again." in str(refusal.value)
    assert "\n" not in str(refusal.value)
