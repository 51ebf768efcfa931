"""Measurements: training, action latency and evaluation."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from recheck.errors import TrainingError

from algos.base import Sampling
from algos.benchmark.operators import count_launches, count_operators, product_seconds
from algos.benchmark.programs import (
    HOPPER,
    LATENCY_STATES,
    build,
    build_program,
    run_updates,
    synthetic_data,
    wait_for,
)
from algos.seed_parallel.random_streams import CHUNK_UPDATES, SeedStreams
from algos.training.cuda_graphs import CAPTURED_UPDATES
from algos.training.device import choose_device, peak_memory_bytes
from algos.training.process_setup import set_up_process


def train_windows(
    config: Mapping[str, Any], options: Mapping[str, Any], num_seeds: int, barrier: Any = None
) -> dict[str, Any]:
    """One process's share: seed-updates per second in each window.

    The seconds of compiling (and of capturing, and of whatever else warms up) are those of the first
    batch of updates over the second.
    """
    device = choose_device(options["device"])
    set_up_process(options["threads"], options["kernels"])
    data = synthetic_data(device, config)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    method = build(config, range(num_seeds), device)
    capture = options["capture"] and device.type == "cuda"
    program = build_program(method, data, capture, options["compile"])
    update, seconds = 0, []
    for _ in range(2):
        start = time.perf_counter()
        update = run_updates(program, update, CAPTURED_UPDATES)
        wait_for(device)
        seconds.append(time.perf_counter() - start)
    # A GPU is waited for as seldom as in training: once a chunk of randomness.
    count = CHUNK_UPDATES if device.type == "cuda" else CAPTURED_UPDATES
    rates = []
    for _ in range(options["windows"]):
        if barrier is not None:
            barrier.wait()
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < options["window_seconds"]:
            update = run_updates(program, update, count)
            wait_for(device)
            done += count
        rates.append(num_seeds * done / (time.perf_counter() - start))
    return {
        "rates": rates,
        "compile_seconds": max(0.0, seconds[0] - seconds[1]),
        "peak_memory_bytes": peak_memory_bytes(device),
        "launches": count_launches(build_program(method, data, capture=False), 0),
    }


def _train_worker(
    connection: Any, barrier: Any, config: Mapping[str, Any], options: Mapping[str, Any], num_seeds: int
) -> None:
    connection.send(train_windows(config, options, num_seeds, barrier))


def measure_training(config: Mapping[str, Any], options: Mapping[str, Any], num_seeds: int) -> dict[str, Any]:
    """Seed-updates per second of all processes together, median of windows, and what one update is."""
    processes = options["processes"]
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    pipes, workers = [], []
    for _ in range(processes):  # processes of their own also where there is one: peak memory is a process's
        ours, theirs = context.Pipe()
        worker = context.Process(
            target=_train_worker, args=(theirs, barrier, config, options, num_seeds), daemon=True
        )
        worker.start()
        theirs.close()
        pipes.append(ours)
        workers.append(worker)
    try:
        results = [pipe.recv() for pipe in pipes]
    except EOFError as error:
        raise TrainingError(
            f"a process of the benchmark ended early at {config['method']}, K = {num_seeds}; its message "
            f"is above"
        ) from error
    finally:
        barrier.abort()
        for worker in workers:
            worker.join()
    windows = [sum(rates) for rates in zip(*(result["rates"] for result in results))]
    device = choose_device(options["device"])
    set_up_process(options["threads"], options["kernels"])
    count = count_operators(config, num_seeds, synthetic_data(device, config))
    products = sum(n * product_seconds(shape, device) for shape, n in count.products.items())
    rate = statistics.median(windows)
    seconds_per_update = processes * num_seeds / rate
    return {
        "seed_updates_per_second": rate,
        "windows": windows,
        "flops_per_update": count.flops,
        "flops_per_second": count.flops * rate / num_seeds,
        "product_share": products / seconds_per_update,
        "bytes_per_update": count.num_bytes,
        "operator_calls_per_update": count.num_calls,
        "kernel_launches_per_update": results[0]["launches"],
        "compile_seconds": max(result["compile_seconds"] for result in results),
        "peak_memory_bytes": max(result["peak_memory_bytes"] for result in results),
    }


def measure_latency(config: Mapping[str, Any], device: torch.device, calls: int = 20) -> dict[str, float]:
    """Median milliseconds of one policy call for 1 and 10 states, one seed, the method's own candidates."""
    method = build(config, [0], device)
    streams = SeedStreams([0], "latency", device)
    latency = {}
    for num_states in LATENCY_STATES:
        states = torch.randn(1, num_states, HOPPER.observation_dim, device=device)
        seconds = []
        with torch.no_grad():
            for _ in range(calls + 3):
                start = time.perf_counter()
                method.act(states, Sampling(), streams).cpu()  # the copy waits for the device
                seconds.append(time.perf_counter() - start)
        latency[str(num_states)] = 1000.0 * statistics.median(seconds[3:])
    return latency


def measure_evaluation(
    config: Mapping[str, Any], device: torch.device, num_episodes: int = 10
) -> dict[str, float] | None:
    """Environment steps per second with the policy and without it; None where gymnasium is missing."""
    try:
        from algos.rollouts import EnvironmentPool, Episode, Player
    except ImportError:
        return None
    from algos.datasets.transforms import TransformState

    task = {"environment_id": "Hopper-v4", "horizon": 1000, "observation_dim": 11, "action_dim": 3}
    try:
        pool = EnvironmentPool(task, num_episodes)
    except ImportError:
        return None
    player = Player(build(config, [0], device), Sampling(), TransformState(), pool)
    episodes = [Episode(0, number, number, "benchmark") for number in range(num_episodes)]
    start = time.perf_counter()
    steps = sum(played.length for played in player.play(episodes))
    with_policy = steps / (time.perf_counter() - start)
    for place in range(num_episodes):
        pool.reset(place, place, 0)
    places, steps = list(range(num_episodes)), 0
    start = time.perf_counter()
    while places:
        steps += len(places)
        actions = np.zeros((len(places), HOPPER.action_dim), dtype=np.float32)
        _, _, ended = pool.step(places, actions)
        places = [place for place, over in zip(places, ended) if not over]
    alone = steps / (time.perf_counter() - start)
    pool.close()
    return {"steps_per_second": float(with_policy), "steps_per_second_without_policy": float(alone)}
