"""One released program that trains when it is told to: a contender of `tools/speed_peers.py`.

    python tools/speed_peer_programs.py <program> <folder of the clones> <threads> <first processor>

The release's own update is called as its main program calls it, with its published settings, on random
transitions of Hopper's widths. Standard input gives seconds, a line each; for each line the program trains so
long and answers with updates and seconds. Programs: corl_iql, unifloral_iql, diffusion_ql, idql.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from released_programs import load_once  # type: ignore[import-not-found]  # next to this file

NUM_ROWS, OBSERVATION_DIM, ACTION_DIM = 100_000, 11, 3
# Trains so many updates and waits for the last one.
Updates = Callable[[int], None]


def rows() -> dict[str, np.ndarray]:
    """Random transitions, as `algos.benchmark.programs.synthetic_data` makes them."""
    generator = np.random.default_rng(0)
    terminals = np.zeros(NUM_ROWS, dtype=np.float32)
    terminals[999::1000] = 1
    return {
        "observations": generator.standard_normal((NUM_ROWS, OBSERVATION_DIM), dtype=np.float32),
        "actions": np.tanh(generator.standard_normal((NUM_ROWS, ACTION_DIM), dtype=np.float32)),
        "rewards": generator.standard_normal(NUM_ROWS, dtype=np.float32),
        "next_observations": generator.standard_normal((NUM_ROWS, OBSERVATION_DIM), dtype=np.float32),
        "terminals": terminals,
    }


def diffusion_ql(sources: Path, threads: int) -> Updates:
    """Zhendong-Wang/Diffusion-Policies-for-Offline-RL, torch: its settings of hopper-medium-v2, N = 5."""
    import torch

    torch.set_num_threads(threads)
    clone = sources / "Diffusion-Policies-for-Offline-RL"
    module = load_once(clone, "agents/ql_diffusion.py")
    sampler = load_once(clone, "utils/data_sampler.py").Data_Sampler(rows(), "cpu")
    agent = module.Diffusion_QL(
        OBSERVATION_DIM,
        ACTION_DIM,
        1.0,
        "cpu",
        0.99,
        0.005,
        beta_schedule="vp",
        n_timesteps=5,
        lr=3e-4,
        eta=1.0,
        grad_norm=9.0,
    )
    return lambda count: agent.train(sampler, count, 256)


def corl_iql(sources: Path, threads: int) -> Updates:
    """corl-team/CORL's IQL, torch: defaults of its `TrainConfig`, batch 256."""
    import torch

    torch.set_num_threads(threads)
    program = load_once(sources / "CORL", "algorithms/offline/iql.py")
    config = program.TrainConfig()
    actor, critic = program.GaussianPolicy(OBSERVATION_DIM, ACTION_DIM, 1.0), program.TwinQ(11, 3)
    value = program.ValueFunction(OBSERVATION_DIM)
    trainer = program.ImplicitQLearning(
        max_action=1.0,
        actor=actor,
        actor_optimizer=torch.optim.Adam(actor.parameters(), lr=config.actor_lr),
        q_network=critic,
        q_optimizer=torch.optim.Adam(critic.parameters(), lr=config.qf_lr),
        v_network=value,
        v_optimizer=torch.optim.Adam(value.parameters(), lr=config.vf_lr),
        iql_tau=config.iql_tau,
        beta=config.beta,
        discount=config.discount,
        tau=config.tau,
        max_steps=config.max_timesteps,
    )
    data = rows()
    buffer = program.ReplayBuffer(OBSERVATION_DIM, ACTION_DIM, NUM_ROWS)
    buffer.load_d4rl_dataset(data)

    def updates(count: int) -> None:
        for _ in range(count):
            trainer.train([part.to("cpu") for part in buffer.sample(config.batch_size)])

    return updates


def unifloral_iql(sources: Path, threads: int) -> Updates:
    """EmptyJackson/unifloral's IQL, JAX: its scan over updates and defaults of its `Args`, batch 256."""
    import jax
    import jax.numpy as jnp

    flags = os.environ.get("XLA_FLAGS")
    iql = load_once(sources / "unifloral", "algorithms/iql.py")
    # The file sets a flag of GPUs, which JAX for the CPU does not know.
    os.environ.pop("XLA_FLAGS", None)
    if flags is not None:
        os.environ["XLA_FLAGS"] = flags
    data, arguments = rows(), iql.Args()
    names = ("observations", "actions", "rewards", "next_observations", "terminals")
    dataset = iql.Transition(*(jnp.array(data[name]) for name in names))
    mean, deviation = dataset.obs.mean(axis=0), dataset.obs.std(axis=0)
    actor = iql.TanhGaussianActor(ACTION_DIM, mean, deviation)
    critic, value = iql.DualQNetwork(mean, deviation), iql.StateValueFunction(mean, deviation)
    observation, action = jnp.zeros(OBSERVATION_DIM), jnp.zeros(ACTION_DIM)
    keys = jax.random.split(jax.random.PRNGKey(0), 4)
    state = iql.AgentTrainState(
        actor=iql.create_train_state(arguments, keys[1], actor, [observation]),
        dual_q=iql.create_train_state(arguments, keys[2], critic, [observation, action]),
        dual_q_target=iql.create_train_state(arguments, keys[2], critic, [observation, action]),
        value=iql.create_train_state(arguments, keys[3], value, [observation]),
    )
    step = iql.make_train_step(arguments, actor.apply, critic.apply, value.apply, dataset)
    carried = [(keys[0], state)]

    def updates(count: int) -> None:
        carried[0], losses = jax.lax.scan(step, carried[0], None, count)
        jax.block_until_ready((carried[0], losses))

    return updates


class Space:
    """What IDQL's release asks of a gym space."""

    def __init__(self, width: int) -> None:
        self.shape = (width,)

    def sample(self) -> np.ndarray:
        """Any element."""
        return np.zeros(self.shape, dtype=np.float32)


def idql(sources: Path, threads: int) -> Updates:
    """philippe-eecs/IDQL's current learner, JAX: its launcher's settings, N = 5, batch 512."""
    import distrax  # noqa: F401  # loads what the release expects to find loaded
    import jax

    if not hasattr(jax, "tree_map"):  # the release's name; newer JAX has it elsewhere
        jax.tree_map = jax.tree_util.tree_map
    clone = sources / "IDQL"
    module = load_once(clone, "jaxrl5/agents/ddpm_iql_simple/ddpm_iql_learner.py")
    data = rows()
    data["dones"] = data.pop("terminals")
    data["masks"] = 1.0 - data["dones"]
    dataset = load_once(clone, "jaxrl5/data/dataset.py").Dataset(data)
    held = [
        module.DDPMIQLLearner.create(
            0,
            Space(OBSERVATION_DIM),
            Space(ACTION_DIM),
            actor_lr=3e-4,
            critic_lr=3e-4,
            value_lr=3e-4,
            T=5,
            N=64,
            M=0,
            actor_dropout_rate=0.1,
            actor_num_blocks=3,
            decay_steps=int(3e6),
            actor_layer_norm=True,
            value_layer_norm=True,
            actor_tau=0.001,
            beta_schedule="vp",
            critic_hyperparam=0.7,
        )
    ]

    def updates(count: int) -> None:
        for _ in range(count):
            held[0], info = held[0].update(dataset.sample_jax(512))
        jax.block_until_ready((held[0].critic.params, held[0].score_model.params, info))

    return updates


# Name: how it is built, and updates between two looks at the clock.
PROGRAMS: dict[str, tuple[Callable[[Path, int], Updates], int]] = {
    "diffusion_ql": (diffusion_ql, 8),
    "corl_iql": (corl_iql, 32),
    "unifloral_iql": (unifloral_iql, 64),
    "idql": (idql, 8),
}
# Those that need JAX in their interpreter.
IN_JAX = ("unifloral_iql", "idql")


def use_processors(place: int, threads: int) -> None:
    """Keep this process on so many processors, from the `place`-th: JAX takes all that it may use."""
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {allowed[(place + i) % len(allowed)] for i in range(threads)})


def serve(updates: Updates, count: int) -> None:
    """Train for the seconds of each line of standard input; answer with updates and seconds."""
    updates(count)
    updates(count)
    print("ready", flush=True)
    for line in sys.stdin:
        limit, done, start = float(line), 0, time.perf_counter()
        while time.perf_counter() - start < limit:
            updates(count)
            done += count
        print(done, time.perf_counter() - start, flush=True)


def main() -> int:
    """The command line; see the module's docstring."""
    if len(sys.argv) != 5 or sys.argv[1] not in PROGRAMS:
        print(
            f"usage: speed_peer_programs.py {{{','.join(PROGRAMS)}}} <clones> <threads> <place>",
            file=sys.stderr,
        )
        return 2
    build, count = PROGRAMS[sys.argv[1]]
    threads = int(sys.argv[3])
    use_processors(int(sys.argv[4]), threads)
    output = os.dup(1)
    os.dup2(2, 1)  # what a release prints is no answer
    try:
        updates = build(Path(sys.argv[2]), threads)
    except (ImportError, FileNotFoundError) as error:
        print(f"{sys.argv[1]} cannot be loaded: {error}", file=sys.stderr)
        return 2
    sys.stdout = os.fdopen(output, "w")
    serve(updates, count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
