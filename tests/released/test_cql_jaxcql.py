"""CQL's variant `jaxcql` against young-geng/JaxCQL@bac4299, JaxCQL/conservative_sac.py, which needs JAX."""

import sys
import types

import numpy as np
import pytest

from algos.base import MethodSpec
from algos.cql import CQL
from tests.released.libraries import library

pytestmark = [
    pytest.mark.released,
    pytest.mark.filterwarnings(
        "ignore:Passing arguments 'a':DeprecationWarning"
    ),  # the release, on a newer JAX
]
UPDATES, BATCH = 20, 32
LAGRANGE = {"lagrange_threshold": 0.8, "difference_min": -2.0, "max_q_backup": True}


def keys_module(jax):
    """The release's helper library of random keys; the numbers drawn by the keys are replaced anyway."""

    class KeyFactory:
        def __init__(self, key):
            self.key = key

        def __call__(self, names=None):
            return self.key if names is None else dict.fromkeys(names, self.key)

    module = types.ModuleType("mlxu.jax_utils")
    module.JaxRNG = KeyFactory
    module.wrap_function_with_rng = lambda key: lambda function: lambda *a, **k: function(key, *a, **k)
    module.init_rng = lambda seed: None
    module.next_rng = KeyFactory(jax.random.PRNGKey(0))
    module.collect_metrics = lambda *_, **__: {}
    return module


def finders(method, layers):
    """For each network of the release: our array for the keys of its tree."""

    def of_layers(group, row):
        return lambda keys: layers.array(group, [row], f"layer{keys[-2][-1]}", keys[-1])

    def policy(keys):
        scalars = {"log_std_multiplier_module": "log_std.scale", "log_std_offset_module": "log_std.shift"}
        if keys[1] in scalars:
            return method.actor.group.frozen[scalars[keys[1]]].numpy()[0, 0]
        return of_layers(method.actor.group, 0)(keys)

    online = {
        "policy": policy,
        "qf1": of_layers(method.critic.group, 0),
        "qf2": of_layers(method.critic.group, 1),
        "log_alpha": lambda _: method.temperature.frozen["log_alpha"].numpy()[0, 0],
    }
    if method.hyperparameters["lagrange_threshold"] is not None:
        online["log_alpha_prime"] = lambda _: method.lagrange.frozen["log_weight"].numpy()[0, 0]
    target = {f"qf{row + 1}": of_layers(method.critic.target_group, row) for row in range(2)}
    return online, target


def agent_of(module, model, values, rates):
    """The release's agent with the settings of `values`."""
    arch = "-".join(map(str, values["hidden_sizes"]))
    lagrange = values["lagrange_threshold"]
    config = {
        "policy_lr": rates(values["actor_learning_rate"]),
        "qf_lr": rates(values["critic_learning_rate"]),
        "target_entropy": -3.0,
        "cql_lagrange": lagrange is not None,
        "cql_target_action_gap": 1.0 if lagrange is None else lagrange,
        "cql_min_q_weight": values["conservative_weight"],
        "cql_max_target_backup": values["max_q_backup"],
        "cql_clip_diff_min": -np.inf if values["difference_min"] is None else values["difference_min"],
    }
    policy = model.TanhGaussianPolicy(11, 3, arch)
    return module.ConservativeSAC(config, policy, model.FullyConnectedQFunction(11, 3, arch))


@pytest.mark.parametrize("changed", [{}, LAGRANGE], ids=["default", "lagrange"])
def test_updates_agree(
    released,
    data,
    random_inputs,
    jax_inputs,
    paper_values,
    report,
    float32_rate,
    monkeypatch,
    flax_layers,
    changed,
):
    """The release's settings; Lagrange form, lower clip and maximum over ten next actions."""
    jax = library("jax", "distrax", "ml_collections")

    keys = keys_module(jax)
    monkeypatch.setitem(sys.modules, "mlxu", types.ModuleType("mlxu"))
    monkeypatch.setitem(sys.modules, "mlxu.jax_utils", keys)
    module = released("JaxCQL", "JaxCQL/conservative_sac.py")
    model = sys.modules["JaxCQL.model"]
    values = {**paper_values("cql", "jaxcql"), "batch_size": BATCH, **changed}
    method = CQL(MethodSpec(values, data.problem, UPDATES, 0, (3,)))
    agent = agent_of(module, model, values, float32_rate)
    online, target = finders(method, flax_layers)
    states = {}
    for name, state in agent.train_states.items():
        params = flax_layers.place(state.params, online[name])
        states[name] = state.replace(params=params, opt_state=state.tx.init(params))
    targets = {name: flax_layers.place(agent._target_qf_params[name], find) for name, find in target.items()}

    def step(states, targets, batch, noises):
        """One update of the release; its random numbers are ours, in the order in which each loss asks."""
        order = [noises[name] for name in ("noise", "next_noise", "noise_now", "noise_following")]
        queue = order * len(agent.model_keys)
        uniform = jax.random.uniform

        def actions(key, shape=(), *rest, **options):
            """Uniform actions; flax asks for the shapes of its initial weights by the same function."""
            ours = 2.0 * noises["uniform"] - 1.0
            return ours if shape == ours.shape else uniform(key, shape, *rest, **options)

        with monkeypatch.context() as patch:
            patch.setattr(jax.random, "normal", lambda _, shape=(), *__, **___: queue.pop(0).reshape(shape))
            patch.setattr(jax.random, "uniform", actions)
            train = type(agent)._train_step.__wrapped__
            states, targets, _ = train(agent, states, targets, jax.random.PRNGKey(0), batch)
        assert not queue
        return states, targets

    step = jax.jit(step)
    for update, draw, given in random_inputs(method, data, UPDATES):
        theirs, noises = jax_inputs(data.batch(draw["index"]), draw, "dones")
        states, targets = step(states, targets, theirs, noises)
        method.update(data, given, method.update_variant(update))
    found = [flax_layers.largest_difference(states[n].params, find) for n, find in online.items()]
    found += [flax_layers.largest_difference(targets[n], find) for n, find in target.items()]
    report(f"CQL, jaxcql, {UPDATES} updates, all parameters", max(found), 1e-9)
