"""Trains the behaviour policies that workflow/behaviors/ ships: soft actor-critic on one CPU core.

    python -m algos.recollect.train_behaviours train --environment Hopper-v4 --work <folder>
    python -m algos.recollect.train_behaviours publish --work <folder> --step 260000

Soft actor-critic (Haarnoja et al. 2018, arXiv 1812.05905, with the learned temperature); its two critics
have layer normalisation (Ball et al. 2023, arXiv 2302.02948); one update per environment step. `train`
leaves a snapshot of the actor every `--snapshot-every` steps, its measured return in progress.jsonl, and a
state from which a stopped run resumes. `publish` measures one snapshot and puts it into workflow/behaviors/.
Nothing here is needed to use Recheck.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from recheck import checksums, cli
from recheck.files import atomic, explained, write_json
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import layer_norm, softplus

from algos.recollect.behaviour_policies import BEHAVIORS, LOG_STD_BOUNDS, Policy

# Seeds of measured episodes are apart from each other and from training's.
SNAPSHOT_SEED, SNAPSHOT_MODE_SEED = 10_000_000, 20_000_000
PUBLISHED_SEED, PUBLISHED_MODE_SEED = 30_000_000, 40_000_000
LAYERS = range(3)


class SoftActorCritic:
    """The learner: actor, two critics as one stack, their slow copies, temperature and optimisers.

    Weights are [in, out] (actor) and [2, in, out] (critics), named as `algos.recollect.Policy` reads them.
    """

    def __init__(self, observation_dim: int, action_dim: int, options: argparse.Namespace) -> None:
        self.observation_dim, self.action_dim, self.options = observation_dim, action_dim, options
        self.generator = torch.Generator().manual_seed(options.seed)
        both, width = observation_dim + action_dim, options.critic_width
        actor_sizes = [observation_dim, options.actor_width, options.actor_width, 2 * action_dim]
        self.actor = self._layers(actor_sizes, None)
        self.critic = self._layers([both, width, width, 1], 2)
        self.target = {name: value.clone() for name, value in self.critic.items()}
        self.log_alpha = torch.zeros(())
        self.optimisers = {}
        for name, tensors in (
            ("actor", list(self.actor.values())),
            ("critic", list(self.critic.values())),
            ("alpha", [self.log_alpha]),
        ):
            for tensor in tensors:
                tensor.requires_grad_(True)
            self.optimisers[name] = torch.optim.Adam(tensors, lr=options.learning_rate, fused=True)

    def _layers(self, sizes: list[int], stack: int | None) -> dict[str, Tensor]:
        """Uniform weights with PyTorch's default bound and zero biases."""
        tensors = {}
        for layer in LAYERS:
            shape, bias = (sizes[layer], sizes[layer + 1]), (sizes[layer + 1],)
            if stack is not None:
                shape, bias = (stack, *shape), (stack, 1, *bias)  # type: ignore[assignment]
            bound = sizes[layer] ** -0.5
            weight = (torch.rand(shape, generator=self.generator) * 2 - 1) * bound
            tensors[f"layers.{layer}.weight"], tensors[f"layers.{layer}.bias"] = weight, torch.zeros(bias)
        return tensors

    # --- Networks ---

    def sample(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Actions [B, a] in (-1, 1) and their log-probability [B] (appendix C) for observations [B, d]."""
        hidden = observations
        for layer in LAYERS:
            weight, bias = self.actor[f"layers.{layer}.weight"], self.actor[f"layers.{layer}.bias"]
            hidden = torch.addmm(bias, hidden, weight)
            if layer < 2:
                hidden = torch.relu(hidden)
        mean, log_std = hidden.chunk(2, dim=-1)
        log_std = log_std.clamp(*LOG_STD_BOUNDS)
        noise = torch.randn(mean.shape, generator=self.generator)
        raw = mean + log_std.exp() * noise
        normal = -0.5 * noise * noise - log_std - 0.5 * math.log(2 * math.pi)
        squashing = 2.0 * (math.log(2.0) - raw - softplus(-2.0 * raw))
        return torch.tanh(raw), (normal - squashing).sum(-1)

    def values(self, critic: dict[str, Tensor], observations: Tensor, actions: Tensor) -> Tensor:
        """Both critics' values [2, B]."""
        hidden = torch.cat([observations, actions], -1).unsqueeze(0).expand(2, -1, -1)
        for layer in LAYERS:
            weight, bias = critic[f"layers.{layer}.weight"], critic[f"layers.{layer}.bias"]
            hidden = torch.baddbmm(bias, hidden, weight)
            if layer < 2:
                hidden = torch.relu(layer_norm(hidden, hidden.shape[-1:]))
        return hidden.squeeze(-1)

    # --- Update ---

    def update(self, batch: Tensor, learning_rate: float, update_actor: bool) -> None:
        """One step of the critics, their slow copies and, if asked for, of actor and temperature.

        Args: batch [B, d + a + d + 2], the replay buffer's rows.
        """
        for optimiser in self.optimisers.values():
            optimiser.param_groups[0]["lr"] = learning_rate
        widths = [self.observation_dim, self.action_dim, self.observation_dim, 1, 1]
        observations, actions, following, rewards, terminals = torch.split(batch, widths, dim=-1)
        alpha = self.log_alpha.detach().exp()
        # Critics: the soft Bellman target with the smaller of the two slow copies' values.
        with torch.no_grad():
            next_actions, next_log_prob = self.sample(following)
            next_value = self.values(self.target, following, next_actions).min(0).values
            future = (1 - terminals[:, 0]) * (next_value - alpha * next_log_prob)
            target = rewards[:, 0] + self.options.discount * future
        loss = 0.5 * ((self.values(self.critic, observations, actions) - target) ** 2).sum(0).mean()
        self._descend("critic", self.critic, loss)
        with torch.no_grad():
            slow, fast = list(self.target.values()), list(self.critic.values())
            torch._foreach_lerp_(slow, fast, self.options.polyak)
        if not update_actor:
            return
        # Actor.
        own_actions, log_prob = self.sample(observations)
        value = self.values(self.critic, observations, own_actions).min(0).values
        self._descend("actor", self.actor, (alpha * log_prob - value).mean())
        # Temperature: towards an entropy of -entropy_scale per action dimension.
        missing = log_prob.detach().mean() - self.options.entropy_scale * self.action_dim
        self.log_alpha.grad = -missing * alpha
        self.optimisers["alpha"].step()

    def _descend(self, name: str, tensors: dict[str, Tensor], loss: Tensor) -> None:
        for tensor, gradient in zip(tensors.values(), torch.autograd.grad(loss, list(tensors.values()))):
            tensor.grad = gradient
        self.optimisers[name].step()

    # --- State ---

    def policy(self) -> Policy:
        """The actor as it is now; shares its memory."""
        return Policy({name: value.detach().numpy() for name, value in self.actor.items()}, "in training")

    def tensors(self) -> dict[str, Tensor]:
        """All that a stopped run needs of the learner, by name."""
        found: dict[str, Tensor] = {"log_alpha": self.log_alpha.detach()}
        for part in ("actor", "critic", "target"):
            found |= {f"{part}/{name}": value.detach() for name, value in getattr(self, part).items()}
        for name, optimiser in self.optimisers.items():
            for index, moments in optimiser.state_dict()["state"].items():
                found |= {f"{name}_adam/{index}/{key}": value for key, value in moments.items()}
        return {name: value.clone() for name, value in found.items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` gave."""
        self.log_alpha.data.copy_(tensors["log_alpha"])
        for part in ("actor", "critic", "target"):
            for name, value in getattr(self, part).items():
                value.data.copy_(tensors[f"{part}/{name}"])
        for name, optimiser in self.optimisers.items():
            content = optimiser.state_dict()
            for key, value in tensors.items():
                if key.startswith(f"{name}_adam/"):
                    _, index, moment = key.split("/")
                    content["state"].setdefault(int(index), {})[moment] = value
            optimiser.load_state_dict(content)


# --- Playing ---


def make_environment(environment: str) -> gymnasium.Env:
    """The environment by its id, without Gymnasium's checks and its note on old versions."""
    with warnings.catch_warnings():
        # The older version is the one that the papers' data come nearest to.
        warnings.filterwarnings("ignore", message=".*is out of date.*", category=DeprecationWarning)
        return gymnasium.make(environment, disable_env_checker=True)


def act(policy: Policy, observation: np.ndarray, noise: np.ndarray | None) -> np.ndarray:
    """The action [a] of a policy at one observation [d]; its mode where noise is None."""
    batch_noise = None if noise is None else noise[np.newaxis]
    result: np.ndarray = policy.act(observation[np.newaxis].astype(np.float32), batch_noise)[0]
    return result


def measure(
    env: gymnasium.Env, policy: Policy, episodes: int, seed: int, stochastic: bool
) -> dict[str, float]:
    """Mean and standard deviation (n) of the undiscounted return."""
    random = np.random.default_rng(seed)
    returns = []
    for episode in range(episodes):
        observation, _ = env.reset(seed=seed + episode)
        total, done = 0.0, False
        while not done:
            noise = random.standard_normal(policy.action_dim, dtype=np.float32) if stochastic else None
            observation, reward, terminated, truncated, _ = env.step(act(policy, observation, noise))
            total += float(reward)
            done = terminated or truncated
        returns.append(total)
    return {"mean": round(float(np.mean(returns)), 1), "std": round(float(np.std(returns)), 1)}


# --- Commands ---


def train(options: argparse.Namespace) -> None:
    """Train one actor, or resume from the work folder's state."""
    torch.set_num_threads(1)
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    write_json(work / "settings.json", {**training_settings(options), "versions": versions()})
    env, probe = make_environment(options.environment), make_environment(options.environment)
    d, a = env.observation_space.shape[0], env.action_space.shape[0]  # type: ignore[index]
    learner = SoftActorCritic(d, a, options)
    random = np.random.default_rng(options.seed)
    replay = torch.zeros(options.updates, 2 * d + a + 2)  # all that is ever seen is kept
    step, seconds_before = 0, 0.0
    state_file = work / "state.safetensors"
    if state_file.exists():
        state = load_file(state_file)
        learner.load(state)
        step, seconds_before = len(state["replay"]), float(state["wall_seconds"])
        replay[:step] = state["replay"]
        # The streams' positions are not kept: a run that was stopped continues with new numbers.
        learner.generator.manual_seed(options.seed + step)
        random = np.random.default_rng([options.seed, step])
    policy = learner.policy()
    observation, _ = env.reset(seed=options.seed + step)
    started = time.perf_counter()
    while step < options.updates:
        if step < options.random_steps:
            action = random.uniform(-1, 1, a).astype(np.float32)
        else:
            action = act(policy, observation, random.standard_normal(a, dtype=np.float32))
        following, reward, terminated, truncated, _ = env.step(action)
        row = np.concatenate([observation, action, following, [float(reward), float(terminated)]])
        replay[step] = torch.from_numpy(row.astype(np.float32))
        observation = env.reset()[0] if terminated or truncated else following
        step += 1
        if step >= options.random_steps:
            # The learning rate falls in a line over the last 30 %, to a tenth.
            left = (1 - step / options.updates) / 0.3
            index = torch.randint(step, (options.batch,), generator=learner.generator)
            rate = options.learning_rate * min(1.0, max(0.1, left))
            learner.update(replay[index], rate, step % options.actor_every == 0)
        if step % options.snapshot_every == 0:
            seconds = seconds_before + time.perf_counter() - started
            drawn = measure(probe, policy, options.episodes, SNAPSHOT_SEED + step, stochastic=True)
            mode = measure(probe, policy, 2, SNAPSHOT_MODE_SEED + step, stochastic=False)
            line = {"step": step, "wall_seconds": round(seconds, 1), "drawn": drawn, "mode": mode}
            tensors = {name: value.detach().clone() for name, value in learner.actor.items()}
            with atomic(snapshot_file(work, step)) as temporary:
                save_file(tensors, temporary)
            progress_file = work / "progress.jsonl"
            with explained(progress_file), progress_file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
        if step % options.state_every == 0:
            seconds = seconds_before + time.perf_counter() - started
            progress = {"wall_seconds": torch.tensor(seconds), "replay": replay[:step]}
            with atomic(state_file) as temporary:
                save_file({**learner.tensors(), **progress}, temporary)


def publish(options: argparse.Namespace) -> None:
    """Measure one snapshot and put it, with what is known of it, into the folder of behaviours."""
    settings = json.loads((options.work / "settings.json").read_text(encoding="utf-8"))
    used_versions = settings.pop("versions")
    tensors = load_file(snapshot_file(options.work, options.step))
    policy = Policy({name: value.numpy() for name, value in tensors.items()}, str(options.step))
    env = make_environment(settings["environment"])
    record = {
        "format": 1,
        "environment_id": settings["environment"],
        "observation_dim": policy.observation_dim,
        "action_dim": policy.action_dim,
        "hidden_units": [settings["actor_width"]] * 2,
        "training_steps": options.step,
        "algorithm": "soft actor-critic, learned temperature, two layer-normalised critics",
        "trained_by": "algos.recollect.train_behaviours train",
        "settings": settings,
        "versions": used_versions,
        "num_episodes": options.episodes,
        "return_stochastic": measure(env, policy, options.episodes, PUBLISHED_SEED, stochastic=True),
        "return_mode": measure(env, policy, options.episodes, PUBLISHED_MODE_SEED, stochastic=False),
    }
    name = f"{settings['environment'].split('-')[0].lower()}-{options.step // 1000:04d}k"
    with atomic(options.folder / f"{name}.safetensors") as temporary:
        save_file(tensors, temporary)
    checksums.write(options.folder / f"{name}.safetensors")
    write_json(options.folder / f"{name}.json", record)
    print(f"{name}: drawn {record['return_stochastic']}, mode {record['return_mode']}")


def training_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The options that decide the policy."""
    return {key: value for key, value in vars(options).items() if key not in ("run", "command", "work")}


def versions() -> dict[str, str]:
    """Installed versions of what the policy depends on."""
    return {name: version(name) for name in ("gymnasium", "mujoco", "torch")}


def snapshot_file(work: Path, step: int) -> Path:
    """The file of the policy after `step` environment steps."""
    return work / f"snapshot-{step:08d}.safetensors"


def main() -> int:
    """Train or publish."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", help="train one environment's actor, or resume where it stopped")
    training.set_defaults(run=train)
    training.add_argument("--environment", required=True, help="Gymnasium id, such as Hopper-v4")
    training.add_argument("--work", type=Path, required=True, help="folder of snapshots and state")
    for name, default, meaning in (
        ("--seed", 1, "of everything"),
        ("--updates", 1_000_000, "environment steps, one update each"),
        ("--batch", 128, "transitions per update"),
        ("--actor-width", 64, "units of each hidden layer of the actor"),
        ("--critic-width", 128, "units of each hidden layer of a critic"),
        ("--learning-rate", 7e-4, "Adam, all parts alike"),
        ("--discount", 0.99, "gamma"),
        ("--polyak", 0.005, "step of the slow critics towards the critics"),
        ("--entropy-scale", 1.0, "target entropy is minus this times the action dimension"),
        ("--actor-every", 2, "critic updates per update of the actor"),
        ("--random-steps", 5_000, "uniform actions, and no updates, at the beginning"),
        ("--snapshot-every", 20_000, "steps between snapshots"),
        ("--state-every", 100_000, "steps between states that a stopped run resumes from"),
        ("--episodes", 5, "episodes measured per snapshot"),
    ):
        training.add_argument(
            name, type=type(default), default=default, help=f"{meaning} (default {default:,})"
        )
    publishing = commands.add_parser("publish", help="measure a snapshot and put it into a folder")
    publishing.set_defaults(run=publish)
    publishing.add_argument("--work", type=Path, required=True, help="the folder given to train")
    publishing.add_argument("--step", type=int, required=True, help="which snapshot")
    publishing.add_argument("--episodes", type=int, default=20, help="episodes to measure (default 20)")
    publishing.add_argument("--folder", type=Path, default=BEHAVIORS, help="default workflow/behaviors")
    options = parser.parse_args()
    return cli.run(lambda: options.run(options))


if __name__ == "__main__":
    sys.exit(main())
