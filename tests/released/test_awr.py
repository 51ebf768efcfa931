"""AWR against rail-berkeley/d4rl_evaluations@c93b9d2, awr: whole iterations on equal weights and batches.

The release computes its networks in TensorFlow 1, which no longer installs. What is tested is the rest of
it: replay buffer, returns, advantages, weights and the order of the updates are its own; the forward passes
and the two losses that it hands to TensorFlow are torch's here, with torch's SGD as its `MomentumOptimizer`.
"""

import itertools

import numpy as np
import pytest
import torch

from algos.awr import AWR
from algos.base import MethodSpec
from algos.seed_parallel.batches import Rows

pytestmark = pytest.mark.released
LENGTHS = (30, 7, 45, 12, 26)
TERMINAL = (True, False, True, True, False)
CHANGES = {"critic_phase_updates": 5, "actor_phase_updates": 7, "batch_size": 16}
UPDATES = 2 * 12


def trajectories():
    generator = np.random.default_rng(5)
    for length, terminal in zip(LENGTHS, TERMINAL):
        states = generator.standard_normal((length + 1, 11))
        yield states, np.tanh(generator.standard_normal((length, 3))), generator.random(length), terminal


def network(outputs):
    """The release's layers, as torch's."""
    sizes = (11, 128, 64, outputs)
    layers = []
    for inputs, width in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(inputs, width), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def our_rows():
    parts = list(trajectories())
    terminals = [np.append(np.zeros(len(r) - 1), t) for _, _, r, t in parts]
    return Rows(
        observations=np.concatenate([s[:-1] for s, *_ in parts]).astype(np.float32),
        actions=np.concatenate([a for _, a, *_ in parts]).astype(np.float32),
        rewards=np.concatenate([r for _, _, r, _ in parts]).astype(np.float32),
        next_observations=np.concatenate([s[1:] for s, *_ in parts]).astype(np.float32),
        terminals=np.concatenate(terminals).astype(np.uint8),
        episodes=np.repeat(np.arange(len(parts)), LENGTHS),
    )


@pytest.fixture
def modules(released_package):
    learning = released_package("d4rl_evaluations/awr", "learning", ("d4rl", "gym", "tensorflow"))
    util = released_package("d4rl_evaluations/awr", "util", ("d4rl", "gym", "tensorflow"))
    return learning("awr_agent").AWRAgent, util("replay_buffer"), util("rl_path")


def test_two_iterations_agree(modules, paper_values, report, linear_layers):
    agent_class, replay_buffer, rl_path = modules
    values = {**paper_values("awr", "d4rl"), **CHANGES}
    data = AWR.training_data(values, our_rows())
    data.packed = data.packed.double()
    method = AWR(MethodSpec(values, data.problem, UPDATES, 0, (3,)))
    actor, critic = network(3), network(1)
    pairs = [
        (layer, group, 0, f"layer{i}")
        for theirs, group in ((actor, method.actor_group), (critic, method.critic_group))
        for i, layer in enumerate(theirs[::2])
    ]
    linear_layers.copy(pairs)
    used = []

    class Agent(agent_class):
        """The release's agent; what it computes in TensorFlow is computed in torch."""

        def __init__(self):
            self._discount, self._td_lambda = values["discount"], values["td_lambda"]
            self._temp, self._weight_clip = values["advantage_temperature"], values["advantage_clip"]
            self._critic_batch_size = self._actor_batch_size = values["batch_size"]
            self._critic_steps, self._actor_steps = 5, 7
            self._samples_per_iter = self._critic_step_count = self._actor_step_count = 1
            self._critic_step_count = 0
            self._replay_buffer = replay_buffer.ReplayBuffer(buffer_size=1000)
            self._logger = type("Logger", (), {"log_tabular": lambda *_: None})()
            rate, momentum = values["critic_learning_rate"], values["momentum"]
            self.critic_descent = torch.optim.SGD(critic.parameters(), rate, momentum)
            self.actor_descent = torch.optim.SGD(actor.parameters(), values["actor_learning_rate"], momentum)

        def eval_critic(self, s):
            with torch.no_grad():
                return critic(torch.from_numpy(s)).squeeze(1).numpy() * 100.0

        def _step_critic(self, s, tar_vals):
            difference = torch.from_numpy(tar_vals) / 100.0 - critic(torch.from_numpy(s)).squeeze(1)
            return self._step(0.5 * difference.square().mean(), self.critic_descent)

        def _step_actor(self, s, a, a_w):
            mean = actor(torch.from_numpy(s))
            density = torch.distributions.Normal(mean, values["action_std"])
            loss = -(torch.from_numpy(a_w) * density.log_prob(torch.from_numpy(a)).sum(1)).mean()
            low, high = torch.clamp(mean + 1, max=0), torch.clamp(mean - 1, min=0)
            bound = 0.5 * (low.square().sum(1) + high.square().sum(1)).mean()
            return self._step(loss + values["bound_weight"] * bound, self.actor_descent)

        @staticmethod
        def _step(loss, descent):
            descent.zero_grad()
            loss.backward()
            descent.step()
            return {"loss": loss.item()}

    agent = Agent()
    for states, actions, rewards, terminal in trajectories():
        path = rl_path.RLPath()
        path.states, path.actions = list(_single(states)), list(_single(actions))
        path.rewards, path.logps = list(_single(rewards)), [0.0] * len(rewards)
        path.terminate = rl_path.Terminate.Fail if terminal else rl_path.Terminate.Null
        agent._replay_buffer.store(path)
    places = _rows_of_places()
    given = agent._replay_buffer.get

    def get(key, idx):
        if key == "states" and len(idx) == values["batch_size"]:
            used.append([places[place] for place in idx])
        return given(key, idx)

    agent._replay_buffer.get = get
    for _ in range(2):
        agent._update(0, 1)
    assert len(used) == UPDATES
    for update, index in enumerate(used):
        method.update(data, {"index": torch.tensor([index])}, method.update_variant(update))
    report("AWR, 2 iterations of 12 updates, all parameters", linear_layers.largest_difference(pairs), 1e-9)


def _single(array):
    """Rounded to float32, as the data of both are."""
    return array.astype(np.float32).astype(np.float64)


def _rows_of_places():
    """Our row of each place of the buffer, which also holds the state after each trajectory."""
    places, place, row = {}, 0, 0
    for length in LENGTHS:
        places.update({place + step: row + step for step in range(length)})
        place, row = place + length + 1, row + length
    return places
