"""The forms in which `tools/speed_peers.py` trains a method of ours: what a run can choose, what was tried.

plain        as a run trains by default
losses       `compile: true`
update       `compile: update`
mkl          plain, all networks of a layer in one of torch's batched products: fewer and larger calls
first        plain, first layers of both critics and both targets as one product (IQL, IDQL; one seed)
bfloat16     plain, `precision: bfloat16`
torch        plain, each network's products by torch's own call in place of oneDNN's

The last two also exist with `losses_` or `update_` before the name, compiled so. No run can be trained in the
forms mkl, first and torch; they are for measuring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from algos.base import Method
from algos.iql import ImplicitCritic
from algos.seed_parallel import kernels

COMPILED = ("", "losses_", "update_")
FORMS = (
    *("plain", "losses", "update", "mkl", "first"),
    *(f"{compiled}{products}" for products in ("bfloat16", "torch") for compiled in COMPILED),
)


def kernel_form(form: str) -> str:
    """What `set_up_process` takes."""
    return "plain" if form == "mkl" else "auto"


def prepare(form: str, method: Method) -> None:
    """Change the method, before its program is built.

    Raises:
        SystemExit: this method cannot have the form.
        ValueError: this processor cannot.
    """
    if form.endswith("bfloat16"):
        kernels.use_precision("bfloat16")
    if form.endswith("torch"):
        kernels.SMALL_PRODUCT = 2**62
    if form == "first":
        join_first_layers(method)


def compiled_by(form: str) -> str | None:
    """What torch compiles, as `algos.training.execution.Execution` says it."""
    return next((part for part in ("losses", "update") if form.startswith(part)), None)


class _Given(torch.autograd.Function):
    """A first layer with a relu whose outputs are known already; gradients of weights and biases only."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor, inputs: Tensor, *outputs: Tensor) -> kernels.Members:
        ctx.save_for_backward(inputs, *outputs)
        return tuple(x.view_as(x) for x in outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, *outputs = ctx.saved_tensors
        cut = [torch.ops.aten.threshold_backward(g, y, 0.0) for g, y in zip(gradients, outputs)]
        wide = kernels._product_of_rows(inputs, torch.cat(cut, dim=1))
        weights = wide.view(inputs.shape[1], len(cut), -1).transpose(0, 1)
        return weights, torch.stack([g.sum(dim=0) for g in cut]), None, *(None for _ in outputs)


def join_first_layers(method: Method) -> None:
    """One product for the first layers of both critics and both targets at the batch's actions."""
    critic = getattr(method, "critic", None)
    if not isinstance(critic, ImplicitCritic) or method.num_seeds != 1:
        raise SystemExit("form first is for IQL and IDQL with one seed")
    network, first = critic.critic_network, critic.critic_network.names[0]
    known: list[Tensor] = []

    def rest(members: kernels.Members, parameters: Mapping[str, Tensor]) -> Tensor:
        for name in network.names[1:-1]:
            members = network._hidden(members, parameters, name)
        return network._last(members, parameters).squeeze(-1).unsqueeze(0)

    @torch.no_grad()
    def target_minimum(state_actions: Tensor) -> Tensor:
        groups = (critic.critic_group.frozen, critic.target_group.frozen)
        weights = torch.cat([group[f"{first}.weight"] for group in groups])
        biases = torch.cat([group[f"{first}.bias"] for group in groups])
        wide = weights.transpose(0, 1).reshape(weights.shape[1], -1)
        sums = kernels._product(state_actions[0], wide, biases.reshape(-1), True)
        outputs = sums.view(len(sums), len(weights), -1).unbind(1)
        known[:] = outputs[:2]
        return rest(outputs[2:], critic.target_group.frozen).amin(dim=1)

    def critics(parameters: Mapping[str, Tensor], state_actions: Tensor) -> Tensor:
        apply: Callable[..., kernels.Members] = _Given.apply
        weight, bias = parameters[f"{first}.weight"], parameters[f"{first}.bias"]
        return rest(apply(weight, bias, state_actions[0], *known), parameters)

    critic.target_minimum = target_minimum  # type: ignore[method-assign]
    critic.critics = critics  # type: ignore[method-assign]
