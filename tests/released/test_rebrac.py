"""ReBRAC against corl-team/CORL@eeeeef2 and its authors' tinkoff-ai/ReBRAC@694385b, which need JAX."""

import numpy as np
import pytest

from algos.base import MethodSpec
from algos.rebrac import ReBRAC
from tests.released.libraries import library

pytestmark = pytest.mark.released
UPDATES = 30


def tree_of(group, row):
    """Our parameters of one network in flax's names: Dense and LayerNorm layers in order."""
    tree = {}
    norms = 0
    dense = [name for name in group.frozen if name.endswith(".weight")]
    for i, name in enumerate(dense):
        layer = name.removesuffix(".weight")
        tree[f"Dense_{i}"] = {
            "kernel": group.frozen[f"{layer}.weight"][row].numpy().copy(),
            "bias": group.frozen[f"{layer}.bias"][row].numpy().copy(),
        }
        if f"{layer}.norm.scale" in group.frozen:
            tree[f"LayerNorm_{norms}"] = {
                "scale": group.frozen[f"{layer}.norm.scale"][row].numpy().copy(),
                "bias": group.frozen[f"{layer}.norm.shift"][row].numpy().copy(),
            }
            norms += 1
    return tree


@pytest.mark.parametrize(
    ("repository", "path", "variant"),
    [
        ("CORL", "algorithms/offline/rebrac.py", "release"),
        ("ReBRAC", "src/algorithms/rebrac.py", "paper"),
    ],
)
def test_thirty_updates_agree(
    released,
    data,
    random_inputs,
    paper_values,
    report,
    float32_rate,
    monkeypatch,
    repository,
    path,
    variant,
):
    jax = library("jax")
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)

    # JAX has renamed it; the release calls it in its buffer alone.
    monkeypatch.setitem(vars(jax), "tree_map", jax.tree_util.tree_map)
    module = released(repository, path)
    values = paper_values("rebrac", variant)
    method = ReBRAC(MethodSpec(values, data.problem, UPDATES, 0, (3,)))
    actor_net = module.DetActor(action_dim=3, hidden_dim=256, layernorm=False, n_hiddens=3)
    critic_net = module.EnsembleCritic(hidden_dim=256, num_critics=2, layernorm=True, n_hiddens=3)
    key = jax.random.PRNGKey(0)
    s, a = jnp.zeros((1, 11)), jnp.zeros((1, 3))
    actor_shape = jax.eval_shape(actor_net.init, key, s)
    critic_shape = jax.eval_shape(critic_net.init, key, s, a)

    def fill(shape, trees):
        """Our numbers in the release's tree, matched layer by layer in its own order."""
        flat, structure = jax.tree_util.tree_flatten_with_path(shape)
        leaves = []
        for path, leaf in flat:
            layer, part = str(path[-2].key), str(path[-1].key)
            found = [tree[rename(layer)][part] for tree in trees]
            leaves.append(jnp.asarray(found[0] if leaf.ndim == found[0].ndim else np.stack(found)))
            assert leaves[-1].shape == leaf.shape
        return jax.tree_util.tree_unflatten(structure, leaves)

    def rename(layer):
        """nn.Sequential numbers its layers with the activations: layers_0, layers_2 or layers_3, ..."""
        return names[layer]

    dense = {"actor": [0, 3, 6, 9], "critic": [0, 3, 6, 9]}
    names = {f"layers_{n}": f"Dense_{i}" for i, n in enumerate(dense["actor"])}
    names |= {f"layers_{n}": f"LayerNorm_{i}" for i, n in enumerate((2, 5, 8))}
    names |= {f"Dense_{i}": f"Dense_{i}" for i in range(4)}
    names |= {f"LayerNorm_{i}": f"LayerNorm_{i}" for i in range(3)}
    actor_params = fill(actor_shape, [tree_of(method.actor.group, 0)])
    critic_params = fill(critic_shape, [tree_of(method.critic.group, i) for i in range(2)])
    actor = module.ActorTrainState.create(
        apply_fn=actor_net.apply,
        params=actor_params,
        target_params=actor_params,
        tx=optax.adam(float32_rate(1e-3)),
    )
    critic = module.CriticTrainState.create(
        apply_fn=critic_net.apply,
        params=critic_params,
        target_params=critic_params,
        tx=optax.adam(float32_rate(1e-3)),
    )
    metrics = module.Metrics.create(
        ["critic_loss", "q_min", "actor_loss", "bc_mse_policy", "bc_mse_random", "action_mse"]
    )
    penalties = (values["actor_penalty"], values["critic_penalty"])

    def step(trained, key, actor, critic, batch, noise):
        """One update of the release; its noise is ours."""
        with monkeypatch.context() as patch:
            patch.setattr(module.jax.random, "normal", lambda *_: noise)
            if trained:
                results = module.update_td3(
                    key, actor, critic, batch, metrics, 0.99, *penalties, 0.005, 0.2, 0.5, True
                )
            else:
                results = module.update_td3_no_targets(
                    key, actor, critic, batch, 0.99, metrics, *penalties, 0.005, 0.2, 0.5
                )
        return results[:3]

    step = jax.jit(step, static_argnums=0)
    for update, draw, given in random_inputs(method, data, UPDATES):
        batch = data.batch(draw["index"])
        theirs = {
            "states": batch.observations,
            "actions": batch.actions,
            "rewards": batch.rewards,
            "next_states": batch.next_observations,
            "next_actions": batch.next_actions,
            "dones": 1.0 - batch.continues,
        }
        theirs = {name: jnp.asarray(tensor[0].numpy()) for name, tensor in theirs.items()}
        noise = jnp.asarray(draw["next_noise"][0].numpy())
        key, actor, critic = step(update % 2 == 0, key, actor, critic, theirs, noise)
        method.update(data, given, method.update_variant(update))

    def largest(params, groups):
        expected = fill(params, groups)
        differences = jax.tree_util.tree_map(lambda x, y: float(jnp.abs(x - y).max()), params, expected)
        return max(jax.tree_util.tree_leaves(differences))

    found = max(
        largest(actor.params, [tree_of(method.actor.group, 0)]),
        largest(actor.target_params, [tree_of(method.actor.target_group, 0)]),
        largest(critic.params, [tree_of(method.critic.group, i) for i in range(2)]),
        largest(critic.target_params, [tree_of(method.critic.target_group, i) for i in range(2)]),
    )
    report(f"ReBRAC, {variant}, 30 updates, all parameters", found, 1e-9)
