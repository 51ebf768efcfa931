"""The two operations that cost the time, in a plain and in a fast form for the CPU.

On AMD processors torch's default library (MKL) multiplies float32 matrices at about half the rate that
oneDNN, which lies in the same wheel, reaches; and `F.mish` evaluates an exponential, a logarithm and a
hyperbolic tangent where one sigmoid is enough. Both forms give the same numbers up to rounding (tests:
1e-5 relative); which one is used is no part of a run's identity, but two machines or forms differ in the
last bits, so provenance names it. `plain` is torch's own and the only form on a GPU.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, library

FORMS = ("plain", "onednn")
_form = "plain"


def onednn_available() -> bool:
    """Whether this build of torch holds the oneDNN linear operator."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def use(form: str) -> str:
    """Choose the form from here on: `plain`, `onednn`, or `auto` for the fastest that there is.

    Returns:
        The form chosen.

    Raises:
        ValueError: an unknown form, or one that this build of torch does not have.
    """
    global _form
    if form == "auto":
        form = "onednn" if onednn_available() else "plain"
    if form not in FORMS:
        raise ValueError(f"unknown kernels {form!r}; known are auto, {', '.join(FORMS)}")
    if form == "onednn" and not onednn_available():
        raise ValueError(f"kernels onednn were asked for, but torch {torch.__version__} has no oneDNN here")
    _form = form
    return form


def in_use() -> str:
    """The form chosen last."""
    return _form


@contextlib.contextmanager
def using(form: str) -> Iterator[None]:
    """`use` within a block."""
    before = _form
    use(form)
    try:
        yield
    finally:
        use(before)


def _fast(tensor: Tensor) -> bool:
    return _form == "onednn" and tensor.device.type == "cpu" and tensor.dtype == torch.float32


# --- Affine maps ---


def affine(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``[M, B, in] x [M, in, out] + [M, out] -> [M, B, out]``."""
    if _fast(inputs):
        return _Affine.apply(inputs, weight, bias)
    return torch.baddbmm(bias.unsqueeze(1), inputs, weight)


def affine_relu(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """max(0, `affine`); the fast form cuts inside the product and needs no pass of its own."""
    if _fast(inputs):
        return _AffineRelu.apply(inputs, weight, bias)
    return torch.relu(affine(inputs, weight, bias))


def _products(left: Tensor, right: Tensor, bias: Tensor | None = None, then: str = "none") -> Tensor:
    if torch.compiler.is_compiling():
        return torch.ops.recheck.products(left, right, bias, then)
    return _products_now(left, right, bias, then)


def _products_now(left: Tensor, right: Tensor, bias: Tensor | None, then: str) -> Tensor:
    """``[M, B, in] x [M, in, out]`` through oneDNN's linear, one after the other: each alike for any M."""
    rows = [
        torch.ops.mkldnn._linear_pointwise(
            left[m], right[m].t(), None if bias is None else bias[m], then, [], ""
        )
        for m in range(left.shape[0])
    ]
    return rows[0].unsqueeze(0) if len(rows) == 1 else torch.stack(rows)


# The compiler takes the products as they are: it has a lowering of its own for the operator inside
# that does not fit strided weights.
library.define("recheck::products", "(Tensor left, Tensor right, Tensor? bias, str then) -> Tensor")
library.impl("recheck::products", "CPU", _products_now)


@library.register_fake("recheck::products")
def _products_fake(left: Tensor, right: Tensor, bias: Tensor | None, then: str) -> Tensor:
    return left.new_empty(left.shape[0], left.shape[1], right.shape[2])


def _affine_gradients(
    wanted: tuple[bool, ...], inputs: Tensor, weight: Tensor, gradient: Tensor
) -> tuple[Tensor | None, ...]:
    """Of inputs, weight and bias, where they are wanted."""
    return (
        _products(gradient, weight.transpose(1, 2)) if wanted[0] else None,
        _products(inputs.transpose(1, 2), gradient) if wanted[1] else None,
        gradient.sum(dim=1) if wanted[2] else None,
    )


class _Affine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        return _products(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        return _affine_gradients(ctx.needs_input_grad, inputs, weight, gradient.contiguous())


class _AffineRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        outputs = _products(inputs, weight, bias, "relu")
        ctx.save_for_backward(inputs, weight, outputs)
        return outputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight, outputs = ctx.saved_tensors
        gradient = torch.ops.aten.threshold_backward(gradient, outputs, 0.0)
        return _affine_gradients(ctx.needs_input_grad, inputs, weight, gradient)


# --- Mish ---


def mish(inputs: Tensor) -> Tensor:
    """Mish, x tanh(softplus(x)) (Misra 2019), elementwise.

    With s = sigmoid(-x) and q = s^2, tanh(softplus(x)) = (1 - q) / (1 + q).
    """
    if _fast(inputs):
        return _Mish.apply(inputs)
    return F.mish(inputs)


class _Mish(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        s = 1.0 - torch.sigmoid(inputs)
        ctx.save_for_backward(inputs, s)
        q = s * s
        return (1.0 - q) / (1.0 + q) * inputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """d/dx = t + x 4 q (1 - s) / (1 + q)^2 with t = (1 - q) / (1 + q)."""
        inputs, s = ctx.saved_tensors
        q = s * s
        scale = 1.0 / (1.0 + q)
        slope = 4.0 * inputs * (1.0 - s) * q * scale
        return gradient * scale * (1.0 - q + slope)
