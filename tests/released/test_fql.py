"""FQL against seohongpark/fql@719d044, agents/fql.py, which needs JAX."""

import numpy as np
import pytest

from algos.base import MethodSpec
from algos.fql import FQL
from tests.released.libraries import library

pytestmark = pytest.mark.released
UPDATES = 20


def tree_of(group, rows):
    """Our parameters of one or two networks under flax's names of the layers."""
    tree = {}
    weights = [name.removesuffix(".weight") for name in group.frozen if name.endswith(".weight")]
    for i, layer in enumerate(weights):
        parts = {f"Dense_{i}": {"kernel": "weight", "bias": "bias"}}
        if f"{layer}.norm.scale" in group.frozen:
            parts[f"LayerNorm_{i}"] = {"scale": "norm.scale", "bias": "norm.shift"}
        for name, names in parts.items():
            tensors = {
                theirs: group.frozen[f"{layer}.{ours}"][rows].numpy() for theirs, ours in names.items()
            }
            tree[name] = {n: np.array(t if len(rows) > 1 else t[0]) for n, t in tensors.items()}
    return tree


def test_twenty_updates_agree(
    released, data, random_inputs, jax_inputs, paper_values, report, float32_rate, monkeypatch
):
    jax = library("jax", "distrax")
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    module = released("fql", "agents/fql.py")
    values = {**paper_values("fql", "release"), "batch_size": 32}
    method = FQL(MethodSpec(values, data.problem, UPDATES, 10, (3,)))
    config = module.get_config()
    config.update({"lr": float32_rate(3e-4), "batch_size": 32, "alpha": 10.0})
    agent = module.FQLAgent.create(0, np.zeros((1, 11)), np.zeros((1, 3)), config)

    def ours():
        trees = {
            "critic": tree_of(method.critic.group, [0, 1]),
            "target_critic": tree_of(method.critic.target_group, [0, 1]),
            "actor_bc_flow": tree_of(method.flow_group, [0]),
            "actor_onestep_flow": tree_of(method.one_step_group, [0]),
        }

        def place(path, leaf):
            keys = [str(part.key) for part in path]
            found = trees[keys[0].removeprefix("modules_")][keys[-2]][keys[-1]]
            assert found.shape == leaf.shape, keys
            return jnp.asarray(found)

        return jax.tree_util.tree_map_with_path(place, agent.network.params)

    params = ours()
    network = agent.network.replace(params=params, opt_state=agent.network.tx.init(params))
    agent = agent.replace(network=network)

    def step(agent, batch, noises):
        """One update of the release; its random numbers are ours, in the order in which it asks."""
        queue = [noises[name] for name in ("next_noise", "flow_noise", "noise", "noise")]

        def times(key, shape=(), *rest, **options):
            """The flow's times; flax asks for the shapes of its initial weights by the same function."""
            if shape == noises["time"].shape:
                return noises["time"]
            return uniform(key, shape, *rest, **options)

        with monkeypatch.context() as patch:
            patch.setattr(module.jax.random, "normal", lambda *_, **__: queue.pop(0))
            patch.setattr(module.jax.random, "uniform", times)
            return type(agent).update.__wrapped__(agent, batch)[0]

    uniform = jax.random.uniform
    step = jax.jit(step)
    for update, draw, given in random_inputs(method, data, UPDATES):
        theirs, noises = jax_inputs(data.batch(draw["index"]), draw)
        agent = step(agent, theirs, noises)
        method.update(data, given, method.update_variant(update))
    differences = jax.tree_util.tree_map(
        lambda x, y: float(jnp.abs(x - y).max()), agent.network.params, ours()
    )
    largest = max(jax.tree_util.tree_leaves(differences))
    report("FQL, 20 updates, all parameters", largest, 1e-9)
