"""The toy of Diffusion-QL's section 4 (arXiv 2208.06193): a bandit whose actions have four modes.

    python -m algos.bandit --size full --seed 0 --output results/bandit
    python -m algos.bandit --size reduced --seed 0 --output results/bandit

``--size full`` is the released setting, 100,000 updates; ``--size reduced`` is a small one for a
first look, and says so in everything it writes. ``--updates n`` replaces the size's number of updates,
``--policy-batch n`` its draws per update from a policy; ``--workers n`` trains in that many processes of
one thread each, to the same bytes. Written to the folder, each file atomically:

``samples.parquet``  method, diffusion_steps (N; 0 without diffusion), index, x, y, reward (of data rows)
``numbers.csv``      one row per method and N: where 1,000 samples are, and what they would earn
``config.json``      every constant, and in `reduced` what was cut (null for the released setting)

``python -m paper_tables.figures.bandit`` draws them. The state is always (0, 0), so a policy is one
distribution over actions in [-1, 1]^2. The first row of the paper's figure clones the data; the second
also climbs Q, which regresses on the reward: nothing is bootstrapped.

Constants are those of Zhendong-Wang/Diffusion-Policies-for-Offline-RL@d871f5c, `run_toy_bc.py`,
`run_toy_ql.py` and `toy_experiments/` ("released" below). Two departures, neither of which changes what
a method is: all methods see one stream of batches, and one critic and one CVAE serve all of them (each
released agent trains its own on the same data by the same losses, which no policy enters); and a head
that sees the state alone is computed once per update rather than once per row.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from recheck import cli
from recheck.errors import BanditError
from recheck.progress import Progress

from algos.bandit.data import make_data
from algos.bandit.networks import CVAE, Critic, Shared
from algos.bandit.policies import PolicyKey, build_policy, policy_keys
from algos.bandit.results import write_results
from algos.bandit.settings import KERNELS, Settings, resolve_settings
from algos.seed_parallel import kernels
from algos.seed_parallel.random_streams import CHUNK_UPDATES, ChunkedInputs, RandomInput, SeedStreams


def train(
    settings: Settings, keys: Sequence[PolicyKey], report: Callable[[int], None] = lambda done: None
) -> dict[PolicyKey, np.ndarray]:
    """Train some policies together and sample them.

    A policy's samples do not depend on which others are trained with it.

    Args:
        settings: every constant.
        keys: the policies.
        report: called with the number of finished updates.

    Returns:
        Per key, actions float32 ``[num_samples, 2]``.
    """
    data = make_data(settings)
    shared_inputs = [RandomInput("index", "index", (settings.batch_size,))]
    critic, cvae = Critic(settings), CVAE(settings)
    policies = [build_policy(settings, key) for key in keys]
    uses_critic = any(policy.uses_critic for policy in policies)
    uses_cvae = any(policy.uses_cvae for policy in policies)
    chunks = {"batch": _chunks(settings, shared_inputs, "bandit/batch")}
    chunks["cvae"] = _chunks(settings, cvae.random_inputs(), "bandit/cvae/train")
    policy_chunks = [
        ChunkedInputs(policy.random_inputs(), policy.streams("train"), settings.num_data)
        for policy in policies
    ]
    for update in range(settings.updates):
        offset = update % CHUNK_UPDATES
        if offset == 0:
            for chunk in (*chunks.values(), *policy_chunks):
                chunk.fill(update)
        index = chunks["batch"].at(offset)["index"]
        actions, rewards = data.actions[index], data.rewards[index]
        if uses_critic:
            critic.update(actions, rewards)
        if uses_cvae:
            cvae.update(actions, chunks["cvae"].at(offset))
        shared = Shared(actions, critic, cvae)
        for policy, chunk in zip(policies, policy_chunks):
            policy.update(shared, chunk.at(offset))
        report(update + 1)
    return {
        key: policy.sample(shared, settings.num_samples, policy.streams("sample"))[0].numpy()
        for key, policy in zip(keys, policies)
    }


def _chunks(settings: Settings, inputs: Sequence[RandomInput], purpose: str) -> ChunkedInputs:
    return ChunkedInputs(inputs, SeedStreams((settings.seed,), purpose), settings.num_data)


def share_work(keys: Sequence[PolicyKey], workers: int) -> list[list[PolicyKey]]:
    """Cut the policies into at most `workers` groups of similar cost, the costliest group first."""
    # In calls of the network per update; the methods without diffusion cost a few.
    costs = {key: 1.0 + (key[1] if key[0] == "diffusion_ql" else 1.0) for key in keys}
    groups: list[list[PolicyKey]] = [[] for _ in range(workers)]
    loads = [0.0] * workers
    for key in sorted(keys, key=lambda key: (-costs[key], keys.index(key))):
        lightest = loads.index(min(loads))
        groups[lightest].append(key)
        loads[lightest] += costs[key]
    order = sorted(range(workers), key=lambda i: -loads[i])
    return [groups[i] for i in order if groups[i]]


def _train_in_child(settings: Settings, keys: Sequence[PolicyKey]) -> dict[PolicyKey, np.ndarray]:
    torch.set_num_threads(1)
    with kernels.using(KERNELS):
        return train(settings, keys)


def train_all(settings: Settings, workers: int = 1) -> dict[PolicyKey, np.ndarray]:
    """Train and sample every policy, in `workers` processes of one thread each.

    Neither the number of workers nor of threads of the machine changes a byte of the samples. The
    costliest part is trained in this process, which reports progress on standard error.
    """
    keys = policy_keys(settings)
    mine, *others = share_work(keys, workers)
    progress = Progress(settings.updates, "bandit")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    samples: dict[PolicyKey, np.ndarray] = {}
    try:
        with kernels.using(KERNELS):
            if not others:
                samples.update(train(settings, mine, progress.update))
            else:
                context = multiprocessing.get_context("spawn")
                with ProcessPoolExecutor(len(others), mp_context=context) as pool:
                    futures = [pool.submit(_train_in_child, settings, group) for group in others]
                    samples.update(train(settings, mine, progress.update))
                    for future in futures:
                        samples.update(future.result())
    finally:
        torch.set_num_threads(threads)
    return {key: samples[key] for key in keys}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m algos.bandit", description="The toy of Diffusion-QL's section 4."
    )
    parser.add_argument(
        "--size", default="full", help="full, the released setting, or reduced, a minute's (default: full)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything drawn (default: 0)")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    parser.add_argument("--updates", type=int, help="in place of the size's number of updates")
    parser.add_argument("--policy-batch", type=int, help="in place of the size's draws from a policy")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each (default: 1)")
    options = parser.parse_args(arguments)

    def command() -> None:
        settings = resolve_settings(options.size, options.seed, options.updates, options.policy_batch)
        if options.workers < 1:
            raise BanditError(f"the number of workers is {options.workers}; allowed are integers from 1")
        if options.output.exists() and not options.output.is_dir():
            raise BanditError(f"the output {options.output} is a file; it has to be a folder")
        samples = train_all(settings, options.workers)
        write_results(settings, options.size, samples, options.output)

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
