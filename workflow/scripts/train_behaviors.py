"""Trains the behaviour policies that workflow/behaviors/ ships (soft actor-critic, one CPU core).

    python workflow/scripts/train_behaviors.py train --environment Hopper-v4 --work <folder>

Soft actor-critic (Haarnoja et al. 2018, arXiv 1812.05905: the version with a learned temperature) with two
critics that carry layer normalisation (Ball et al. 2023, arXiv 2302.02948), one update per environment step.
The work folder holds a snapshot of the actor every `--snapshot-every` steps with its measured return, and a
state from which a stopped run goes on. Nothing here is needed to use Recheck.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import gymnasium
import numpy as np
import torch
from safetensors.torch import load_file, save_file

LOG_STD_MIN, LOG_STD_MAX = -5.0, 2.0
Params = dict[str, torch.Tensor]


def linear(
    inputs: int, outputs: int, stack: int | None, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [stack?, inputs, outputs] and zero biases, uniform with PyTorch's default bound."""
    shape = (inputs, outputs) if stack is None else (stack, inputs, outputs)
    bias = (outputs,) if stack is None else (stack, 1, outputs)
    bound = inputs**-0.5
    return (torch.rand(shape, generator=generator) * 2 - 1) * bound, torch.zeros(bias)


def make_actor(observation_dim: int, action_dim: int, width: int, generator: torch.Generator) -> Params:
    params: Params = {}
    sizes = [observation_dim, width, width, 2 * action_dim]
    for layer in range(3):
        params[f"w{layer}"], params[f"b{layer}"] = linear(sizes[layer], sizes[layer + 1], None, generator)
    return params


def make_critic(inputs: int, width: int, generator: torch.Generator) -> Params:
    params: Params = {}
    sizes = [inputs, width, width, 1]
    for layer in range(3):
        params[f"w{layer}"], params[f"b{layer}"] = linear(sizes[layer], sizes[layer + 1], 2, generator)
    return params


def actor_head(params: Params, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean [B, a] and log-standard deviation [B, a] before the tanh."""
    hidden = torch.relu(torch.addmm(params["b0"], observations, params["w0"]))
    hidden = torch.relu(torch.addmm(params["b1"], hidden, params["w1"]))
    mean, log_std = torch.addmm(params["b2"], hidden, params["w2"]).chunk(2, dim=-1)
    return mean, log_std.clamp(LOG_STD_MIN, LOG_STD_MAX)


def actor_sample(
    params: Params, observations: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Actions [B, a] in (-1, 1) and their log-probability [B] (SAC, appendix C)."""
    mean, log_std = actor_head(params, observations)
    noise = torch.randn(mean.shape, generator=generator)
    raw = mean + log_std.exp() * noise
    actions = torch.tanh(raw)
    log_prob = (
        -0.5 * noise * noise
        - log_std
        - 0.9189385332046727
        - 2.0 * (0.6931471805599453 - raw - torch.nn.functional.softplus(-2.0 * raw))
    ).sum(-1)
    return actions, log_prob


def critic_values(params: Params, inputs: torch.Tensor) -> torch.Tensor:
    """Both critics' values [2, B] of observations beside actions, [B, d + a]."""
    width = params["w1"].shape[1]
    hidden = inputs.unsqueeze(0).expand(2, -1, -1)
    for layer in range(2):
        hidden = torch.baddbmm(params[f"b{layer}"], hidden, params[f"w{layer}"])
        hidden = torch.relu(torch.nn.functional.layer_norm(hidden, (width,)))
    return torch.baddbmm(params["b2"], hidden, params["w2"]).squeeze(-1)


class Replay:
    """The last `capacity` transitions, in two float32 tables."""

    def __init__(self, observation_dim: int, action_dim: int, capacity: int) -> None:
        self.d, self.a, self.size, self.capacity = observation_dim, action_dim, 0, capacity
        self.rows = torch.zeros(capacity, 2 * observation_dim + action_dim + 2)

    def add(self, index: int, row: np.ndarray) -> None:
        self.rows[index % self.capacity] = torch.from_numpy(row)
        self.size = min(self.size + 1, self.capacity)


def evaluate(
    env: gymnasium.Env, actor: Params, episodes: int, seed: int, stochastic: bool = True
) -> list[float]:
    params = {key: value.detach().numpy() for key, value in actor.items()}
    rng = np.random.default_rng(seed)
    returns = []
    for episode in range(episodes):
        observation, _ = env.reset(seed=seed + episode)
        total, done = 0.0, False
        while not done:
            observation, reward, terminated, truncated, _ = env.step(
                act(params, observation, rng, stochastic)
            )
            total += float(reward)
            done = terminated or truncated
        returns.append(total)
    return returns


def act(
    params: dict[str, np.ndarray], observation: np.ndarray, rng: np.random.Generator, stochastic: bool
) -> np.ndarray:
    hidden = np.maximum(observation.astype(np.float32) @ params["w0"] + params["b0"], 0)
    hidden = np.maximum(hidden @ params["w1"] + params["b1"], 0)
    mean, log_std = np.split(hidden @ params["w2"] + params["b2"], 2)
    if stochastic:
        mean = mean + np.exp(np.clip(log_std, LOG_STD_MIN, LOG_STD_MAX)) * rng.standard_normal(
            len(mean), dtype=np.float32
        )
    return np.tanh(mean)


def train(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    settings = {key: value for key, value in vars(options).items() if key not in ("run", "command", "work")}
    settings["versions"] = {
        "gymnasium": gymnasium.__version__,
        "mujoco": version("mujoco"),
        "torch": torch.__version__,
    }
    (work / "settings.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    env, probe = make_environment(options.environment), make_environment(options.environment)
    d, a = env.observation_space.shape[0], env.action_space.shape[0]
    generator = torch.Generator().manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    actor = make_actor(d, a, options.actor_width, generator)
    critic = make_critic(d + a, options.critic_width, generator)
    target = {key: value.clone() for key, value in critic.items()}
    log_alpha = torch.zeros(())
    for tensor in [*actor.values(), *critic.values(), log_alpha]:
        tensor.requires_grad_(True)
    optimisers = {
        "actor": torch.optim.Adam(actor.values(), lr=options.learning_rate, fused=True),
        "critic": torch.optim.Adam(critic.values(), lr=options.learning_rate, fused=True),
        "alpha": torch.optim.Adam([log_alpha], lr=options.learning_rate, fused=True),
    }
    replay = Replay(d, a, options.capacity)
    step, wall_before = 0, 0.0
    state_file = work / "state.pt"
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        for mine, stored in ((actor, state["actor"]), (critic, state["critic"]), (target, state["target"])):
            for key, value in mine.items():
                value.data.copy_(stored[key])
        log_alpha.data.copy_(state["log_alpha"])
        for name, optimiser in optimisers.items():
            optimiser.load_state_dict(state[name + "_adam"])
        step, wall_before = state["step"], state["wall_seconds"]
        replay.size = min(step, options.capacity)
        replay.rows[: replay.size] = state["rows"]
        generator.manual_seed(options.seed + step)
        rng = np.random.default_rng([options.seed, step])
    numpy_actor = {key: value.detach().numpy() for key, value in actor.items()}  # shares memory
    actor_list, critic_list, target_list = list(actor.values()), list(critic.values()), list(target.values())
    target_entropy = -float(a) * options.entropy_scale
    observation, _ = env.reset(seed=options.seed + step)
    start = time.perf_counter()
    while step < options.updates:
        if step < options.random_steps:
            action = rng.uniform(-1, 1, a).astype(np.float32)
        else:
            action = act(numpy_actor, observation, rng, stochastic=True)
        following, reward, terminated, truncated, _ = env.step(action)
        row = np.concatenate([observation, action, following, [reward, float(terminated)]]).astype(np.float32)
        replay.add(step, row)
        observation = env.reset()[0] if terminated or truncated else following
        step += 1
        if step >= options.random_steps:
            progress = step / options.updates
            rate = options.learning_rate * min(1.0, max(0.1, (1 - progress) / 0.3))  # linear end, as for PPO
            for optimiser in optimisers.values():
                optimiser.param_groups[0]["lr"] = rate
            index = torch.randint(replay.size, (options.batch,), generator=generator)
            batch = replay.rows[index]
            before, after = batch[:, : d + a], batch[:, d + a : 2 * d + a]
            alpha = log_alpha.detach().exp()
            # --- Critics: soft Bellman target with the smaller target value ---
            with torch.no_grad():
                next_actions, next_log_prob = actor_sample(actor, after, generator)
                next_value = critic_values(target, torch.cat([after, next_actions], -1)).min(0).values
                y = batch[:, -2] + options.discount * (1 - batch[:, -1]) * (
                    next_value - alpha * next_log_prob
                )
            loss = 0.5 * ((critic_values(critic, before) - y) ** 2).sum(0).mean()
            for tensor, gradient in zip(critic_list, torch.autograd.grad(loss, critic_list)):
                tensor.grad = gradient
            optimisers["critic"].step()
            with torch.no_grad():
                torch._foreach_lerp_(target_list, critic_list, options.polyak)
            # --- Actor and temperature, every second update ---
            if step % options.actor_every == 0:
                actions, log_prob = actor_sample(actor, batch[:, :d], generator)
                value = critic_values(critic, torch.cat([batch[:, :d], actions], -1)).min(0).values
                actor_loss = (alpha * log_prob - value).mean()
                for tensor, gradient in zip(actor_list, torch.autograd.grad(actor_loss, actor_list)):
                    tensor.grad = gradient
                optimisers["actor"].step()
                log_alpha.grad = -(log_prob.detach().mean() + target_entropy) * log_alpha.detach().exp()
                optimisers["alpha"].step()
        if step % options.snapshot_every == 0:
            wall = wall_before + time.perf_counter() - start
            returns = evaluate(probe, actor, options.episodes, 10_000_000 + step)
            mean_returns = evaluate(probe, actor, 2, 20_000_000 + step, stochastic=False)
            line = {
                "step": step,
                "wall_seconds": round(wall, 1),
                "return_mean": round(float(np.mean(returns)), 1),
                "return_std": round(float(np.std(returns)), 1),
                "mean_action_return": round(float(np.mean(mean_returns)), 1),
                "alpha": round(float(log_alpha.detach().exp()), 4),
            }
            save_file(
                {k: v.detach().clone() for k, v in actor.items()}, work / f"snapshot-{step:08d}.safetensors"
            )
            with open(work / "progress.jsonl", "a") as stream:
                stream.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
        if step % options.state_every == 0:
            partial = state_file.with_suffix(".tmp")
            torch.save(
                {
                    "actor": {k: v.detach() for k, v in actor.items()},
                    "critic": {k: v.detach() for k, v in critic.items()},
                    "target": target,
                    "log_alpha": log_alpha.detach(),
                    "step": step,
                    "wall_seconds": wall_before + time.perf_counter() - start,
                    **{name + "_adam": optimiser.state_dict() for name, optimiser in optimisers.items()},
                    "rows": replay.rows[: replay.size],
                },
                partial,
            )
            os.replace(partial, state_file)


def publish(options: argparse.Namespace) -> None:
    """Measure one snapshot and put it, with what is known of it, into the folder of behaviours."""
    work = Path(options.work)
    settings = json.loads((work / "settings.json").read_text(encoding="utf-8"))
    environment = settings["environment"]
    snapshot = load_file(work / f"snapshot-{options.step:08d}.safetensors")
    env = make_environment(environment)
    stochastic = evaluate(env, snapshot, options.episodes, 30_000_000)
    mode = evaluate(env, snapshot, options.episodes, 40_000_000, stochastic=False)
    options.folder.mkdir(parents=True, exist_ok=True)
    name = f"{environment.split('-')[0].lower()}-{options.step // 1000:04d}k"
    save_file(
        {
            f"layers.{i}.{long}": snapshot[f"{short}{i}"]
            for i in range(3)
            for short, long in (("w", "weight"), ("b", "bias"))
        },
        options.folder / f"{name}.safetensors",
    )
    content = {
        "format": 1,
        "environment_id": environment,
        "observation_dim": snapshot["w0"].shape[0],
        "action_dim": snapshot["w2"].shape[1] // 2,
        "hidden_units": [snapshot["w0"].shape[1], snapshot["w1"].shape[1]],
        "training_steps": options.step,
        "algorithm": "soft actor-critic, learned temperature, two layer-normalised critics",
        "trained_by": "workflow/scripts/train_behaviors.py train",
        "settings": {key: value for key, value in settings.items() if key != "versions"},
        "versions": settings["versions"],
        "num_episodes": options.episodes,
        "return_stochastic": {
            "mean": round(float(np.mean(stochastic)), 1),
            "std": round(float(np.std(stochastic)), 1),
        },
        "return_mode": {"mean": round(float(np.mean(mode)), 1), "std": round(float(np.std(mode)), 1)},
    }
    (options.folder / f"{name}.json").write_text(
        json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    print(name, content["return_stochastic"], content["return_mode"])


def make_environment(environment: str) -> gymnasium.Env:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is out of date.*", category=DeprecationWarning)
        return gymnasium.make(environment, disable_env_checker=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", help="train one environment's actor, or go on where it stopped")
    training.add_argument("--environment", required=True, help="Gymnasium id, such as Hopper-v4")
    training.add_argument("--work", required=True, help="folder of snapshots and state")
    training.add_argument("--seed", type=int, default=1)
    training.add_argument("--updates", type=int, default=1_000_000, help="environment steps, one update each")
    training.add_argument("--batch", type=int, default=128)
    training.add_argument("--actor-width", type=int, default=64)
    training.add_argument("--critic-width", type=int, default=128)
    training.add_argument("--learning-rate", type=float, default=7e-4)
    training.add_argument("--discount", type=float, default=0.99)
    training.add_argument("--polyak", type=float, default=0.005)
    training.add_argument(
        "--entropy-scale", type=float, default=1.0, help="target entropy is minus this times a"
    )
    training.add_argument("--actor-every", type=int, default=2, help="critic updates per actor update")
    training.add_argument("--random-steps", type=int, default=5_000, help="uniform actions at the beginning")
    training.add_argument("--capacity", type=int, default=1_000_000, help="transitions kept")
    training.add_argument("--snapshot-every", type=int, default=20_000)
    training.add_argument("--state-every", type=int, default=100_000)
    training.add_argument("--episodes", type=int, default=5, help="episodes measured per snapshot")
    training.set_defaults(run=train)
    publishing = commands.add_parser("publish", help="put a snapshot into workflow/behaviors")
    publishing.add_argument("--work", required=True)
    publishing.add_argument("--step", type=int, required=True)
    publishing.add_argument("--episodes", type=int, default=20)
    publishing.add_argument("--folder", type=Path, default=Path(__file__).resolve().parents[1] / "behaviors")
    publishing.set_defaults(run=publish)
    options = parser.parse_args()
    options.run(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
