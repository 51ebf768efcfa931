"""Policies that collect: their records, sizes, returns, refusals."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from recheck import checksums
from recheck.errors import DatasetError
from safetensors.numpy import load_file, save_file

from algos.recollect import catalogue
from algos.recollect.behaviour_policies import BEHAVIORS, Policy, load_policy
from algos.recollect.catalogue import (
    load_recollection,
    load_recollections,
    return_statistics,
)
from algos.recollect.collect import recollect, split_sizes
from tests.algos.recollect.recollections import RECOLLECTIONS, refusal

WITH_POLICIES = [name for name in RECOLLECTIONS if load_recollection(name).planner is None]


# --- Behaviours ---


@pytest.mark.parametrize("family", ["hopper", "halfcheetah", "walker2d"])
def test_expert_returns_lie_above_medium_and_medium_above_its_replay(family: str) -> None:
    def mean_return(kind: str, num_transitions: int, part: int | None = None) -> float:
        """Mean return of complete episodes of a set, or of one part of it."""
        spec = load_recollection(f"{family}-{kind}")
        rows = recollect(spec, num_transitions, seed=0)
        if part is not None:
            sizes = split_sizes(num_transitions, [p.share for p in spec.parts])
            first = sum(sizes[:part])
            rows = {key: values[first : first + sizes[part]] for key, values in rows.items()}
        mean = return_statistics(rows, spec.horizon)["mean"]
        assert mean is not None
        return mean

    medium, expert = mean_return("medium-expert", 8_000, part=0), mean_return("medium-expert", 8_000, part=1)
    assert mean_return("medium-replay", 8_000) < medium < 0.8 * expert


@pytest.mark.parametrize("path", sorted(BEHAVIORS.glob("*.safetensors")), ids=lambda path: path.stem)
def test_every_policy_has_its_record_and_serves_a_recollection(path: Path) -> None:
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    policy = load_policy(path.stem)
    assert (policy.observation_dim, policy.action_dim) == (record["observation_dim"], record["action_dim"])
    assert record["training_steps"] > 0
    assert record["num_episodes"] >= 20
    assert np.isfinite(record["return_stochastic"]["mean"])
    used = {(p.behavior, r.environment_id) for r in load_recollections().values() for p in r.parts}
    assert (path.stem, record["environment_id"]) in used


def test_a_policy_that_is_not_what_was_written_is_refused(tmp_path: Path) -> None:
    """One bit would be another dataset, and every run would be trained again on it."""
    path = tmp_path / "hopper-0220k.safetensors"
    for ending in ("", ".sha256"):
        shutil.copy(BEHAVIORS / f"{path.name}{ending}", tmp_path)
    load_policy(path.stem, tmp_path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"hopper-0220k.safetensors is damaged"):
        load_policy(path.stem, tmp_path)


def test_every_policy_has_its_checksum() -> None:
    for path in BEHAVIORS.glob("*.safetensors"):
        assert checksums.sidecar(path).is_file(), path


@pytest.mark.parametrize("name", [name for name in WITH_POLICIES if name.endswith("medium-expert")])
def test_a_medium_policy_is_medium_by_its_mode_too(name: str) -> None:
    # Else cloning it and playing the clone's mode would already give the expert's return.
    medium, expert = (
        json.loads((BEHAVIORS / f"{part.behavior}.json").read_text(encoding="utf-8"))
        for part in load_recollection(name).parts
    )
    for key in ("return_stochastic", "return_mode"):
        assert medium[key]["mean"] < 0.8 * expert[key]["mean"], key


def test_the_readme_shows_what_the_records_say() -> None:
    text = (BEHAVIORS / "README.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `") and "-v4 |" in line]
    expected = set()
    for path in BEHAVIORS.glob("*.safetensors"):
        record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        drawn, mode = (
            f"{record[key]['mean']:,.0f} ({record[key]['std']:,.0f})"
            for key in ("return_stochastic", "return_mode")
        )
        steps = f"{record['training_steps']:,}"
        expected.add(f"| `{path.stem}` | {record['environment_id']} | {steps} | {drawn} | {mode} |")
    assert {row.rsplit("|", 2)[0] + "|" for row in rows} == expected


def test_the_policies_are_small() -> None:
    assert sum(path.stat().st_size for path in BEHAVIORS.glob("*.safetensors")) < 1_000_000


def test_a_policy_is_evaluated_as_written() -> None:
    zero = np.zeros(1, np.float32)
    policy = Policy(
        {
            "layers.0.weight": np.array([[2.0]], np.float32),
            "layers.0.bias": zero,
            "layers.1.weight": np.array([[1.0]], np.float32),
            "layers.1.bias": np.array([-1.0], np.float32),
            "layers.2.weight": np.array([[1.0, 0.0]], np.float32),
            "layers.2.bias": np.array([0.5, np.log(2.0)], np.float32),
        },
        "by hand",
    )
    # relu(2 * 1) = 2, relu(2 - 1) = 1, mean 1.5, standard deviation 2.
    assert policy.act(np.array([[1.0]], np.float32), None) == pytest.approx(np.tanh(1.5))
    noisy = policy.act(np.array([[1.0]], np.float32), np.array([[-0.5]], np.float32))
    assert noisy == pytest.approx(np.tanh(0.5))


def test_an_unknown_behaviour_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    for path in BEHAVIORS.glob("hopper-*"):
        shutil.copy(path, tmp_path)
    spec = load_recollection("hopper-medium")
    broken = catalogue.Recollection(
        "broken", spec.environment_id, 1000, (catalogue.Part("hopper-best", 1, True),), None, "", (), tmp_path
    )
    assert spec.parts[0].behavior in refusal(broken, 100, 0)


def test_a_policy_of_another_environment_is_refused() -> None:
    spec = load_recollection("hopper-medium")
    mixed = catalogue.Recollection(
        "mixed", "HalfCheetah-v4", 1000, spec.parts, None, spec.imitates, (), spec.folder
    )
    assert "takes 11 observations" in refusal(mixed, 100, 0)


def test_a_damaged_policy_is_refused(tmp_path: Path) -> None:
    spec = load_recollection("hopper-medium")
    name = spec.parts[0].behavior
    moved = catalogue.Recollection("damaged", spec.environment_id, 1000, spec.parts, None, "", (), tmp_path)
    (tmp_path / f"{name}.safetensors").write_bytes(b"not a tensor file")
    assert "cannot be read" in refusal(moved, 100, 0)
    tensors = load_file(BEHAVIORS / f"{name}.safetensors")
    tensors["layers.1.weight"] = tensors["layers.1.weight"][:, :-1].copy()
    save_file(tensors, tmp_path / f"{name}.safetensors")
    assert "do not fit" in refusal(moved, 100, 0)
