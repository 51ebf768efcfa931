"""EDP against sail-sg/edp@b019648, diffusion/dql.py, which needs JAX.

The release holds its noise schedule and its time features in float32; here it computes them in float64, as
all the rest. Its copy of DPM-Solver calls a method of arrays, `tile`, that JAX has no longer: the tests give
arrays this method.
"""

import sys

import numpy as np
import pytest
import torch

from algos.base import MethodSpec
from algos.edp import EDP
from tests.released.libraries import library

pytestmark = pytest.mark.released
UPDATES, BATCH, TARGET_START = 20, 32, 1000
FIRST = TARGET_START - 10  # the release counts from here, so that its target actor moves


class InDouble:
    """jax.numpy whose float32 is float64."""

    def __init__(self, numpy):
        self._numpy = numpy
        self.float32 = numpy.float64

    def __getattr__(self, name):
        return getattr(self._numpy, name)


def finders(method, layers):
    """For each network of the release: our array for the keys of its tree."""
    rows = method.network.input_rows
    order = [rows[part] for part in ("state", "action", "time")]

    def actor(group):
        def find(keys):
            prefix = "time." if "TimeEmbedding_0" in keys else ""
            found = layers.array(group, [0], f"{prefix}layer{keys[-2][-1]}", keys[-1])
            first = not prefix and keys[-2:] == ["Dense_0", "kernel"]
            return np.concatenate([found[part] for part in order]) if first else found

        return find

    def of_layers(group, row):
        return lambda keys: layers.array(group, [row], f"layer{keys[-2][-1]}", keys[-1])

    critic = method.critic
    online = {"policy": actor(method.actor_group)}
    target = {"policy": actor(method.target_actor_group)}
    for row in range(2):
        online[f"qf{row + 1}"] = of_layers(critic.group, row)
        target[f"qf{row + 1}"] = of_layers(critic.target_group, row)
    if method.hyperparameters["head"] == "iql":
        online["vf"] = of_layers(method.value_group, 0)
    return online, target


def release_of(module, values, diffusion_steps, rates):
    """The release's agent with the settings of `values`."""
    nets, diffusion = module.nets, module.diffusion
    process = diffusion.GaussianDiffusion(
        num_timesteps=diffusion_steps,
        schedule_name=values["schedule"].removesuffix("_scaled"),
        model_mean_type=diffusion.ModelMeanType.EPSILON,
        model_var_type=diffusion.ModelVarType.FIXED_SMALL,
        loss_type=diffusion.LossType.MSE,
    )
    solver = {"sample_method": "dpm", "dpm_steps": values["sampling_steps"]}
    chosen = solver if values["sampler"] == "dpm_solver" else {}
    policy = nets.DiffusionPolicy(process, 11, 3, **chosen)
    config = module.dql.DiffusionQL.get_default_config()
    config.update(
        {
            "lr": rates(values["actor_learning_rate"]),
            "loss_type": values["head"].upper(),
            "alpha": values["alpha"],
            "max_grad_norm": values["gradient_clip"],
            "num_timesteps": diffusion_steps,
        }
    )
    return module.dql.DiffusionQL(config, policy, nets.Critic(11, 3), nets.Value(11), nets.GaussianPolicy(3))


class Modules:
    """The release's modules, in float64."""

    def __init__(self, released, jax, monkeypatch):
        # JAX has renamed it.
        monkeypatch.setitem(vars(jax), "tree_multimap", jax.tree_util.tree_map)
        self.dql = released("edp", "diffusion/dql.py")
        self.nets = released("edp", "diffusion/nets.py")
        self.diffusion = sys.modules["diffusion.diffusion"]
        sys.modules["utilities.jax_utils"].init_rng(0)
        double = InDouble(jax.numpy)
        monkeypatch.setattr(self.diffusion, "np", double)
        monkeypatch.setattr(self.nets, "jnp", double)
        monkeypatch.setattr(self.nets, "_extract_into_tensor", self.diffusion._extract_into_tensor)

    def clip_action(self, monkeypatch):
        """DPM-Solver's action is clipped, as ours is; the release does not clip it in the critic's target."""

        class Clipped(self.nets.DPM_Solver):
            def sample(self, *arguments, **options):
                return super().sample(*arguments, **options).clip(-1.0, 1.0)

        monkeypatch.setattr(self.nets, "DPM_Solver", Clipped)

    def exact_intervals(self, monkeypatch, jnp):
        """The interval of the noise is taken at the time of the call, as ours is.

        The release rounds the time down to a training step.
        """
        monkeypatch.setattr(self.nets.jnp, "int32", jnp.float64, raising=False)

        def at(rates, time, shape):
            # The one array is 1 / alpha_bar's root, the other the root of that less 1.
            less = jnp.where(rates[0] < 1.0, 1.0, 0.0)
            inverses = jnp.asarray(rates) ** 2 + less
            inverse = jnp.exp(jnp.interp(time, jnp.arange(len(rates)), jnp.log(inverses)))
            return jnp.sqrt(inverse - less)[..., None] + jnp.zeros(shape)

        monkeypatch.setattr(self.nets, "_extract_into_tensor", at)


@pytest.fixture
def arrays_that_tile(monkeypatch):
    """JAX's arrays with the method `tile`, which they had when EDP was released."""
    jax = library("jax")
    for kind in (type(jax.numpy.zeros(1)), jax.core.Tracer):
        monkeypatch.setattr(kind, "tile", jax.numpy.tile, raising=False)


@pytest.mark.parametrize(
    ("variant", "diffusion_steps", "schedule"),
    [("release_iql", 100, "linear_scaled"), ("release", 5, "vp"), ("paper", 1000, "linear_scaled")],
    ids=["iql", "td3", "dpm_solver"],
)
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
    exact_rates,
    arrays_that_tile,
    variant,
    diffusion_steps,
    schedule,
):
    """The IQL head; the TD3 head with DDPM (few steps, since JAX compiles each of them) and DPM-Solver."""
    jax = library("jax", "distrax", "ml_collections")
    import jax.numpy as jnp

    modules = Modules(released, jax, monkeypatch)
    values = {**paper_values("edp", variant), "batch_size": BATCH, "schedule": schedule}
    if values["sampler"] == "dpm_solver":
        modules.clip_action(monkeypatch)
        modules.exact_intervals(monkeypatch, jnp)
    method = EDP(MethodSpec(values, data.problem, UPDATES, diffusion_steps, (3,)))
    exact_rates(method)
    agent = release_of(modules, values, diffusion_steps, float32_rate)
    online, target = finders(method, flax_layers)
    states, targets = dict(agent.train_states), dict(agent._tgt_params)
    for name, find in online.items():
        params = flax_layers.place(states[name].params, find)
        states[name] = states[name].replace(params=params, opt_state=states[name].tx.init(params))
    targets |= {name: flax_layers.place(targets[name], find) for name, find in target.items()}

    def step(moved, states, targets, batch, noises):
        """One update of the release; its random numbers are ours, in the order in which each loss asks."""
        queue = [noises["noise"]] * 2
        if values["head"] == "td3":
            chain = list(noises["next_noise"])
            if values["sampler"] == "ddpm":
                chain.append(jnp.full_like(chain[0], 1e6))  # the last step's, which is multiplied by 0
            queue = chain * 2 + [noises["noise"]]

        def noise(key, shape=(), *rest, **options):
            found = queue.pop(0)
            assert found.shape == tuple(shape)
            return found

        with monkeypatch.context() as patch:
            patch.setattr(jax.random, "normal", noise)
            patch.setattr(jax.random, "randint", lambda *_, **__: noises["step"])
            patch.setattr(jax.random, "uniform", lambda *_, **__: noises["coin"])
            train = type(agent)._train_step.__wrapped__
            states, targets, _ = train(agent, states, targets, jax.random.PRNGKey(0), batch, moved)
        assert not queue
        return states, targets

    step = jax.jit(step, static_argnums=0)
    start = method.target_actor_group.flat.clone()
    for update, draw, given in random_inputs(method, data, UPDATES):
        theirs, noises = jax_inputs(data.batch(draw["index"]), draw, "dones")
        total = FIRST + update + 1
        states, targets = step(total > TARGET_START and total % 5 == 0, states, targets, theirs, noises)
        method.update(data, given, method.update_variant(FIRST + update))
    assert not bool((start == method.target_actor_group.flat).all())
    found = [flax_layers.largest_difference(states[n].params, find) for n, find in online.items()]
    found += [flax_layers.largest_difference(targets[n], find) for n, find in target.items()]
    report(f"EDP, {variant}, {UPDATES} updates, all parameters", max(found), 1e-9)


def test_dpm_solver_samples_agree(
    released,
    data,
    paper_values,
    report,
    float32_rate,
    monkeypatch,
    flax_layers,
    exact_rates,
    arrays_that_tile,
):
    """The release as it is, 15 calls of 1000 steps; our intervals of the noise are of its training steps."""
    jax = library("jax")
    modules = Modules(released, jax, monkeypatch)
    values = paper_values("edp", "paper")
    method = EDP(MethodSpec(values, data.problem, UPDATES, 1000, (3,)))
    exact_rates(method)
    agent = release_of(modules, values, 1000, float32_rate)
    policy, process = agent.policy, agent.policy.diffusion
    find = finders(method, flax_layers)[0]["policy"]
    params = flax_layers.place(agent.train_states["policy"].params, find)
    steps = []
    extract = modules.nets._extract_into_tensor

    def noted(rates, time, shape):
        steps.append(int(time[0]))
        return extract(rates, time, shape)

    noise = np.random.default_rng(13).standard_normal((BATCH, 3))
    states = data.packed[:BATCH, :11]
    with monkeypatch.context() as patch:
        patch.setattr(modules.nets, "_extract_into_tensor", noted)
        patch.setattr(jax.random, "normal", lambda *_, **__: jax.numpy.array(noise))
        theirs = policy.apply(params, jax.random.PRNGKey(0), jax.numpy.array(states.numpy()))
    sampler = method.sampler
    # Either program's times are the same; an exact step is at times rounded to the one below it.
    called = steps[::2]
    assert called == steps[1::2]
    assert np.abs(np.array(called) + 0.5 - sampler.times).max() < 0.5 + 1e-9
    roots = np.sqrt(1.0 / method.diffusion.alpha_bars - 1.0)
    sampler.intervals = [
        (float(process.sqrt_recip_alphas_cumprod[step] / roots[step]), float(1.0 / roots[step]))
        for step in called
    ]
    parameters = method.actor_group.frozen
    predict = method.network.chain(parameters, states[None], sampler.times, 1)
    ours = sampler(predict, torch.from_numpy(noise)[None, None])[0]
    difference = np.abs(np.clip(np.asarray(theirs), -1.0, 1.0) - ours.numpy()).max()
    assert float((ours.abs() < 1.0).double().mean()) > 0.05  # not the clip alone
    report("EDP, one sample of DPM-Solver", difference, 1e-9)
