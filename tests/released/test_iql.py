"""IQL against corl-team/CORL@eeeeef2, algorithms/offline/iql.py: equal weights and batches."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from recheck.results import published_checkpoints
from safetensors.torch import load_file

from algos.base import MethodSpec
from algos.iql import IQL
from tools import compare_corl_iql as tool

pytestmark = pytest.mark.released
UPDATES = 40


@pytest.fixture
def both(released, data):
    """A function that gives both programs with equal weights; with changed hyperparameters of ours."""
    program = released("CORL", "algorithms/offline/iql.py")

    def make(**changes):
        values, _ = tool.settings("hopper-medium-v2")
        found = tool.Both(program, IQL(MethodSpec(values, data.problem, UPDATES, 0, (3,))), UPDATES)
        found.method.hyperparameters = {**found.method.hyperparameters, **changes}
        return found

    return make


def play(both, data, random_inputs):
    losses = []
    for update, draw, given in random_inputs(both.method, data, UPDATES):
        losses.append(both.update(data, data.batch(draw["index"]), given, update))
    return losses


def test_forty_updates_agree(both, data, random_inputs, report):
    """The last update is the end of the actor's schedule, so that its whole decay is compared."""
    compared = both()
    for theirs, ours in play(compared, data, random_inputs):
        assert theirs == pytest.approx(ours, rel=1e-9)
    report("IQL, 40 updates, all parameters", max(compared.differences().values()), 1e-12)


@pytest.mark.parametrize(
    "change", [{"beta": 3.001}, {"target_rate": 0.00501}, {"critic_loss": "sum"}, {"update_order": "paper"}]
)
def test_a_difference_of_the_programs_is_seen(both, data, random_inputs, change):
    compared = both(**change)
    play(compared, data, random_inputs)
    assert max(compared.differences().values()) > 1e-8


def test_initial_weights_have_the_same_distribution(both):
    """Uniform up to 1 / sqrt(inputs) in every layer of either program, weights and biases."""
    compared = both()
    torch.manual_seed(0)
    for pairs in compared.pairs.values():
        for pair in pairs:
            pair.layer.reset_parameters()  # torch's default, which CORL leaves as it is
            bound = pair.layer.in_features**-0.5
            group = pair.group.frozen
            for name, theirs in (("weight", pair.layer.weight), ("bias", pair.layer.bias)):
                values = {"theirs": theirs.detach(), "ours": group[f"{pair.name}.{name}"][pair.row]}
                for found in values.values():
                    assert float(found.abs().max()) <= bound
                    if found.numel() > 500:
                        assert float(found.std()) == pytest.approx(bound / 3**0.5, rel=0.05)
                        assert abs(float(found.mean())) < 5 * bound / (3 * found.numel()) ** 0.5


def test_the_same_policy_has_the_same_returns_in_both_evaluators(sources, repository):
    """CORL's `eval_actor` and its wrapper against the published episodes of a policy of ours."""
    if not (Path(sources) / "CORL").is_dir():
        pytest.skip(f"{sources} holds no CORL")
    block = next(b for b in published_checkpoints.blocks(repository) if "/corl_paper_settings-" in b)
    folder = repository / published_checkpoints.FOLDER / block
    tensors = load_file(folder / "policies.safetensors")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    runner = tool.load_runner()
    environment = runner.OldGym(manifest)
    program = runner.load_program(Path(sources) / "CORL", environment, {}, None)
    torch.set_default_dtype(torch.float32)
    actor = program.GaussianPolicy(manifest["observation_dim"], manifest["action_dim"], 1.0)
    update = published_checkpoints.describe(folder, repository)["update"]
    for number, layer in enumerate(tool.linear_layers(actor)):
        layer.weight.data.copy_(tensors[f"{update}/actor/layer{number}.weight"][0].T)
        layer.bias.data.copy_(tensors[f"{update}/actor/layer{number}.bias"][0])
    wrapped = program.wrap_env(
        environment,
        state_mean=tensors["transforms/observation_mean"].numpy(),
        state_std=tensors["transforms/observation_scale"].numpy(),
    )
    rows = pq.read_table(folder / "episodes.parquet").to_pandas().sort_values("episode")
    seed = int(rows["seed"].iloc[0])
    rows = rows[rows["seed"] == seed]
    returns = program.eval_actor(wrapped, actor, "cpu", len(rows), seed)
    differences = (returns - rows["raw_return"].to_numpy()) / rows["raw_return"].mean()
    # Their observations reach the policy in float64, ours in float32: a course of events differs at times.
    assert np.median(np.abs(differences)) < 1e-4
    assert abs(differences.mean()) < 0.02
