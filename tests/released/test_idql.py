"""IDQL against philippe-eecs/IDQL@7582571, which needs JAX.

The method is jaxrl5/agents/ddpm_iql_simple; weighted by the advantage it is jaxrl5/agents/ddpm_iql.
"""

import numpy as np
import pytest

from algos.base import MethodSpec
from algos.idql import IDQL, IDQLWeighted
from tests.released.libraries import library

pytestmark = pytest.mark.released
UPDATES, BATCH = 25, 64


class Space:
    """What the release asks of a gym space."""

    def __init__(self, width):
        self.shape = (width,)

    def sample(self):
        return np.zeros(self.shape)


def finders(method, layers):
    """For each network of the release: our array for the keys of its tree."""

    def array(group, rows, layer, part):
        """Layer norms have their own names of the two parts."""
        name = {"scale": f"{layer}.scale", "shift": f"{layer}.shift"}.get(part)
        return layers.array(group, rows, name or layer, "bias" if name else part)

    def actor(group):
        def find(keys):
            part = keys[-1]
            if keys[0] == "FourierFeatures_0":
                return group.frozen["time.frequencies"].numpy()[0][:, None]
            if keys[0] == "MLP_0":
                return array(group, [0], f"time.layer{keys[1][-1]}", part)
            if keys[1] in ("Dense_0", "Dense_1"):
                return array(group, [0], {"0": "first", "1": "last"}[keys[1][-1]], part)
            block = f"block{keys[1][-1]}"
            if keys[2].startswith("LayerNorm"):
                return array(group, [0], f"{block}.norm", {"bias": "shift"}.get(part, part))
            return array(group, [0], f"{block}.{('expand', 'contract')[int(keys[2][-1])]}", part)

        return find

    def mlp(group, rows):
        def find(keys):
            if keys[-2].startswith("LayerNorm"):
                return array(group, rows, "norm", {"bias": "shift"}.get(keys[-1], keys[-1]))
            layer = keys[-2][-1] if "MLP_0" in keys else "2"
            return array(group, rows, f"layer{layer}", keys[-1])

        return find

    critic = method.critic
    return {
        "score_model": actor(method.actor_group),
        "target_score_model": actor(method.target_actor_group),
        "critic": mlp(critic.critic_group, [0, 1]),
        "target_critic": mlp(critic.target_group, [0, 1]),
        "value": mlp(critic.value_group, [0]),
    }


# Method; module of the release; what its learner is asked for; where it differs from our variant.
LEARNERS = [
    (IDQL, "ddpm_iql_simple", {}, {}),
    (
        IDQLWeighted,
        "ddpm_iql",
        {
            "actor_architecture": "ln_resnet",
            "actor_num_blocks": 3,
            "actor_layer_norm": True,
            "actor_objective": "exp_adv",
        },
        {
            "value_layer_norm": False,
            "activation": "mish",
            "time_features": 64,
            "time_hidden_sizes": [128, 128],
        },
    ),
]


@pytest.mark.parametrize(("kind", "folder", "asked", "other"), LEARNERS, ids=["idql", "weighted"])
def test_updates_agree(
    kind,
    folder,
    asked,
    other,
    released,
    data,
    random_inputs,
    jax_inputs,
    paper_values,
    report,
    float32_rate,
    monkeypatch,
    flax_layers,
    exact_rates,
):
    """The current head with dropout, AdamW and the whole decay of the actor's rate."""
    jax = library("jax", "distrax")

    module = released("IDQL", f"jaxrl5/agents/{folder}/ddpm_iql_learner.py")
    changed = {"actor_batch_size": BATCH, "critic_batch_size": BATCH, "actor_decay_updates": UPDATES}
    values = {**paper_values(kind.name, "release"), **changed, **other}
    method = kind(MethodSpec(values, data.problem, UPDATES, 5, (3,)))
    exact_rates(method)
    # The decaying rate is not rounded in ours.
    method.actor_optimiser.learning_rate = method.actor_optimiser.learning_rate.double()
    agent = module.DDPMIQLLearner.create(
        0,
        Space(11),
        Space(3),
        critic_lr=float32_rate(3e-4),
        value_lr=float32_rate(3e-4),
        actor_dropout_rate=0.1,
        decay_steps=UPDATES,
        **asked,
    )
    found = finders(method, flax_layers)
    placed = {}
    for name, find in found.items():
        state = getattr(agent, name)
        params = flax_layers.place(state.params, find)
        placed[name] = state.replace(params=params, opt_state=state.tx.init(params))
    agent = agent.replace(**placed)

    def step(agent, batch, noises):
        """One update of the release; its random numbers are ours, in the order in which it asks."""
        masks = [noises[f"dropout{i}_actor0"] for i in range(3)]
        normal = jax.random.normal

        def noise(key, shape=(), *rest, **options):
            """The action's noise; flax asks for the shapes of its initial weights by the same function."""
            ours = noises["noise_actor0"]
            return ours if shape == ours.shape else normal(key, shape, *rest, **options)

        with monkeypatch.context() as patch:
            patch.setattr(jax.random, "randint", lambda *_, **__: noises["step_actor0"])
            patch.setattr(jax.random, "normal", noise)
            patch.setattr(jax.random, "bernoulli", lambda *_, **__: masks.pop(0) > 0.5)
            updated = type(agent).update.__wrapped__(agent, batch)[0]
        assert not masks
        return updated

    step = jax.jit(step)
    for update, draw, given in random_inputs(method, data, UPDATES):
        theirs, noises = jax_inputs(data.batch(draw["index"]), draw)
        agent = step(agent, theirs, noises)
        method.update(data, given, method.update_variant(update))
    largest = max(
        flax_layers.largest_difference(getattr(agent, name).params, find) for name, find in found.items()
    )
    report(f"{kind.name}, {UPDATES} updates, all parameters", largest, 1e-9)
