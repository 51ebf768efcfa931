"""CQL's variant `authors` against aviralkumar2907/CQL@d67dbe9, d4rl/rlkit/torch/sac/cql.py.

Two things of the release are not in ours, and the test makes them equal. Its log density of a tanh Gaussian
adds 1e-6 to the slope, which is given to both. It steps the critics before it takes the actor's gradient
through them; torch refuses that since 1.5, so that the critics' steps wait here until the actor's.
"""

import sys

import pytest
import torch

from algos.base import MethodSpec
from algos.cql import CQL
from algos.seed_parallel import tanh_gaussian

pytestmark = pytest.mark.released
UPDATES, WARM_UP = 25, 8


class Space:
    shape = (3,)


class Environment:
    """What the trainer asks of an environment."""

    action_space = Space()


def late_steps(theirs):
    """Let the critics step after the actor's gradient is taken, by the gradients that they had."""
    kept = []

    def keep(optimiser, step):
        def later():
            parameters = optimiser.param_groups[0]["params"]
            kept.append((step, parameters, [p.grad.clone() for p in parameters]))

        return later

    for optimiser in (theirs.qf1_optimizer, theirs.qf2_optimizer):
        optimiser.step = keep(optimiser, optimiser.step)
    actor_step = theirs.policy_optimizer.step

    def all_steps():
        actor_step()
        for step, parameters, gradients in kept:
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            step()
        kept.clear()

    theirs.policy_optimizer.step = all_steps


def tensors(method, theirs):
    """Their tensors with ours, networks and target critics."""
    actor = method.actor.group.frozen
    for i, layer in enumerate(theirs.policy.fcs):
        yield layer.weight.data, actor[f"layer{i}.weight"][0].T
        yield layer.bias.data, actor[f"layer{i}.bias"][0]
    last = f"layer{len(theirs.policy.fcs)}"
    for head, part in ((theirs.policy.last_fc, slice(0, 3)), (theirs.policy.last_fc_log_std, slice(3, 6))):
        yield head.weight.data, actor[f"{last}.weight"][0][:, part].T
        yield head.bias.data, actor[f"{last}.bias"][0][part]
    rows = [(theirs.qf1, theirs.target_qf1), (theirs.qf2, theirs.target_qf2)]
    groups = (method.critic.group.frozen, method.critic.target_group.frozen)
    for row, networks in enumerate(rows):
        for network, group in zip(networks, groups, strict=True):
            for i, layer in enumerate([*network.fcs, network.last_fc]):
                yield layer.weight.data, group[f"layer{i}.weight"][row].T
                yield layer.bias.data, group[f"layer{i}.bias"][row]


@pytest.mark.parametrize("task", ["hopper-medium-v2", "antmaze-umaze-v2"])
def test_updates_agree(released, data, random_inputs, paper_values, report, float32_rate, monkeypatch, task):
    """Locomotion: a fixed weight; antmaze: Lagrange form and, added here, the max-Q backup."""
    module = released("CQL/d4rl", "rlkit/torch/sac/cql.py")
    policies = released("CQL/d4rl", "rlkit/torch/sac/policies.py")
    networks = sys.modules["rlkit.torch.networks"]
    distributions = sys.modules["rlkit.torch.distributions"]
    lagrange = task.startswith("antmaze")
    changed = {"batch_size": 32, "warm_up_updates": WARM_UP, "max_q_backup": lagrange}
    values = {**paper_values("cql", "authors", task), **changed}
    method = CQL(MethodSpec(values, data.problem, UPDATES, 0, (3,)))
    slope = lambda raw: torch.log(1.0 - torch.tanh(raw).square() + 1e-6)  # noqa: E731
    monkeypatch.setattr(tanh_gaussian, "log_tanh_slope", slope)
    critics = [networks.FlattenMlp([256] * 3, 1, 14) for _ in range(4)]
    rates = {n: float32_rate(values[f"{n}_learning_rate"]) for n in ("actor", "critic")}
    theirs = module.CQLTrainer(
        Environment(),
        policies.TanhGaussianPolicy([256] * 3, 11, 3),
        *critics,
        policy_lr=rates["actor"],
        qf_lr=rates["critic"],
        soft_target_tau=0.005,
        policy_eval_start=WARM_UP,
        min_q_weight=values["conservative_weight"],
        max_q_backup=lagrange,
        with_lagrange=lagrange,
        lagrange_thresh=values["lagrange_threshold"] or 0.0,
    )
    theirs._need_to_update_eval_statistics = False
    late_steps(theirs)
    for module_tensor, ours in tensors(method, theirs):
        module_tensor.copy_(ours)
    for update, draw, given in random_inputs(method, data, UPDATES):
        batch = data.batch(draw["index"])
        unused = torch.zeros(32, 3)
        flat = {name: draw[name][0].reshape(-1, 3) for name in draw if name != "index"}
        queue = [flat["noise"], unused if lagrange else flat["next_noise"], unused]
        queue += [flat["next_noise"]] if lagrange else []
        queue += [flat["noise_now"], flat["noise_following"]]
        uniform = 2.0 * flat["uniform"] - 1.0

        def sample(self, *_, queue=queue):
            noise = queue.pop(0)
            assert noise.shape == self.loc.shape
            return noise.clone()

        with monkeypatch.context() as patch:
            patch.setattr(distributions.Normal, "sample", sample)
            patch.setattr(torch.Tensor, "uniform_", lambda self, *_, u=uniform: self.copy_(u))
            theirs.train_from_torch(
                {
                    "observations": batch.observations[0],
                    "actions": batch.actions[0],
                    "rewards": batch.rewards[0].unsqueeze(1),
                    "next_observations": batch.next_observations[0],
                    "terminals": 1.0 - batch.continues[0].unsqueeze(1),
                }
            )
        assert not queue
        method.update(data, given, method.update_variant(update))
    largest = max(float((x - y).abs().max()) for x, y in tensors(method, theirs))
    scalars = [(theirs.log_alpha, method.temperature.frozen["log_alpha"])]
    if lagrange:
        scalars.append((theirs.log_alpha_prime, method.lagrange.frozen["log_weight"]))
    largest = max([largest, *(abs(float(x.detach()) - float(y)) for x, y in scalars)])
    report(f"CQL, authors, {task}, {UPDATES} updates, all parameters", largest, 1e-9)
