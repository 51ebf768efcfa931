"""IQL and BC, variants `paper`, against ikostrikov/implicit_q_learning@09d7002, which needs JAX."""

import inspect

import numpy as np
import pytest

from algos.base import MethodSpec
from algos.bc import BC
from algos.iql import IQL
from tests.released.libraries import library

pytestmark = pytest.mark.released
UPDATES, BATCH = 40, 64


def finder_of_actor(method, layers):
    """Our array for the keys of the tree of the release's actor."""

    def actor(keys):
        group = method.actor.group
        if keys == ["log_stds"]:
            return layers.array(group, [0], "log_std", "bias")
        layer = keys[1][-1] if keys[0] == "MLP_0" else len(method.hyperparameters["hidden_sizes"])
        return layers.array(group, [0], f"layer{layer}", keys[-1])

    return actor


def finders(method, layers):
    """For each network of the release: our array for the keys of its tree."""

    def critic(group):
        return lambda keys: layers.array(group, [int(keys[0][-1])], f"layer{keys[2][-1]}", keys[-1])

    def value(keys):
        return layers.array(method.critic.value_group, [0], f"layer{keys[1][-1]}", keys[-1])

    return {
        "actor": finder_of_actor(method, layers),
        "critic": critic(method.critic.critic_group),
        "target_critic": critic(method.critic.target_group),
        "value": value,
    }


@pytest.fixture
def learner(released, monkeypatch):
    """The release's module, in a JAX that has renamed a function and whose modules give plain dicts."""
    jax = library("jax", "tensorflow_probability")
    flax = library("flax")
    jax.config.update("jax_enable_x64", True)
    monkeypatch.setitem(vars(jax), "tree_multimap", jax.tree_util.tree_map)
    before = flax.config.flax_return_frozendict
    flax.config.update("flax_return_frozendict", True)
    jit = jax.jit

    def lenient(function, static_argnames=(), **options):
        """The release calls an argument static that its function does not have, which JAX now refuses."""
        names = [name for name in static_argnames if name in inspect.signature(function).parameters]
        return jit(function, static_argnames=names, **options)

    with monkeypatch.context() as patch:
        patch.setattr(jax, "jit", lenient)
        module = released("implicit_q_learning", "learner.py")
    yield module
    flax.config.update("flax_return_frozendict", before)


def place(agent, found, layers):
    """Give the release's networks our numbers, and new states of their optimisers."""
    for name, find in found.items():
        model = getattr(agent, name)
        params = layers.place(model.params, find)
        state = model.tx.init(params) if model.tx else None
        setattr(agent, name, model.replace(params=params, opt_state=state))


def agent_of(learner, values, **changed):
    """The release's agent; the decaying rate of the actor is not rounded in ours."""
    settings = {
        "actor_lr": values["actor_learning_rate"],
        "hidden_dims": tuple(values["hidden_sizes"]),
        "dropout_rate": values["dropout"],
        "max_steps": UPDATES,
    }
    return learner.Learner(0, np.zeros((1, 11)), np.zeros((1, 3)), **settings, **changed)


def masked(function, monkeypatch):
    """`function` of the release, whose dropout masks are ours, in the order of its layers."""
    import jax

    def step(masks, *inputs):
        queue = list(masks)
        with monkeypatch.context() as patch:
            patch.setattr(jax.random, "bernoulli", lambda *_, **__: queue.pop(0) > 0.5)
            found = function(*inputs)
        assert not queue
        return found

    return jax.jit(step)


def masks_of(noises, values):
    masks = [noises[name] for name in sorted(noises) if name.startswith("dropout")]
    assert len(masks) == (len(values["hidden_sizes"]) if values["dropout"] else 0)
    return masks


TASKS = ("hopper-medium-v2", "antmaze-umaze-v0", "pen-human-v0")


@pytest.mark.parametrize("task", TASKS)
def test_forty_updates_agree(
    learner,
    data,
    random_inputs,
    jax_inputs,
    paper_values,
    report,
    float32_rate,
    monkeypatch,
    flax_layers,
    task,
):
    """The three settings of the paper, the last of them with dropout; the whole decay of the actor's rate."""
    import jax

    values = {**paper_values("iql", "paper", task), "batch_size": BATCH}
    method = IQL(MethodSpec(values, data.problem, UPDATES, 0, (3,)))
    method.actor_optimiser.learning_rate = method.actor_optimiser.learning_rate.double()
    agent = agent_of(
        learner,
        values,
        value_lr=float32_rate(values["value_learning_rate"]),
        critic_lr=float32_rate(values["critic_learning_rate"]),
    )
    found = finders(method, flax_layers)
    place(agent, found, flax_layers)
    names = ("actor", "critic", "value", "target_critic")
    models = [getattr(agent, name) for name in names]
    scalars = [values[name] for name in ("discount", "target_rate", "expectile", "beta")]

    def update_all(models, batch):
        function = learner._update_jit.__wrapped__
        _, *moved, _ = function(jax.random.PRNGKey(0), *models, learner.Batch(**batch), *scalars)
        return moved

    step = masked(update_all, monkeypatch)
    start = method.actor.group.flat.clone()
    for update, draw, given in random_inputs(method, data, UPDATES):
        theirs, noises = jax_inputs(data.batch(draw["index"]), draw)
        models = step(masks_of(noises, values), models, theirs)
        method.update(data, given, method.update_variant(update))
    assert not bool((start == method.actor.group.flat).all())
    largest = max(
        flax_layers.largest_difference(model.params, found[name]) for name, model in zip(names, models)
    )
    report(f"IQL, paper, {task}, {UPDATES} updates, all parameters", largest, 1e-12)


@pytest.mark.parametrize("task", ["hopper-medium-v2", "pen-human-v0"])
def test_behaviour_cloning_is_the_released_actor_with_temperature_zero(
    learner, data, random_inputs, jax_inputs, paper_values, report, monkeypatch, flax_layers, task
):
    """exp(0 u) = 1, so that every weight is 1; with and without dropout."""
    import jax

    values = {**paper_values("bc", "paper", task), "batch_size": BATCH}
    method = BC(MethodSpec(values, data.problem, UPDATES, 0, (3,)))
    method.actor_optimiser.learning_rate = method.actor_optimiser.learning_rate.double()
    agent = agent_of(learner, values)
    found = finder_of_actor(method, flax_layers)
    place(agent, {"actor": found}, flax_layers)
    model = agent.actor

    def update_actor(model, batch):
        batch = learner.Batch(**batch)
        key = jax.random.PRNGKey(0)
        return learner.awr_update_actor(key, model, agent.target_critic, agent.value, batch, 0.0)[0]

    step = masked(update_actor, monkeypatch)
    start = method.actor.group.flat.clone()
    for update, draw, given in random_inputs(method, data, UPDATES):
        theirs, noises = jax_inputs(data.batch(draw["index"]), draw)
        model = step(masks_of(noises, values), model, theirs)
        method.update(data, given, method.update_variant(update))
    assert not bool((start == method.actor.group.flat).all())
    largest = flax_layers.largest_difference(model.params, found)
    report(f"BC, paper, {task}, {UPDATES} updates", largest, 1e-12)
