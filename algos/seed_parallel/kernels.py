"""The operations that cost the time, in a plain and in a fast form for the CPU.

On AMD processors torch's default library (MKL) multiplies float32 matrices at about half the rate that
oneDNN, which is in the same wheel, reaches; `F.mish` evaluates an exponential, a logarithm and a
hyperbolic tangent where one sigmoid is enough, and `F.gelu` a hyperbolic tangent. Both forms give the same
numbers up to rounding (tests: 1e-5 relative); which one is used is not part of a run's identity, but two
machines or forms differ in the last bits, so provenance names it. `plain` is torch's own and the only form
on a GPU.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, library

FORMS = ("plain", "onednn")
_form = "plain"
# Of the factors of large products in training; sums are taken in float32 in both, and kept so in the first.
PRECISIONS = ("float32", "bfloat16")
_precision = "float32"


def onednn_available() -> bool:
    """Whether this build of torch holds the oneDNN linear operator."""
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call, unused-ignore]
    return bool(available) and hasattr(torch.ops.mkldnn, "_linear_pointwise")


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
    """The form chosen last, and the precision of products where it is not float32."""
    return _form if _precision == "float32" else f"{_form}, {_precision}"


def use_precision(precision: str) -> None:
    """Choose the precision of large products from here on.

    With `bfloat16` their factors are rounded to bfloat16, and so is each product after its sums were taken in
    float32. Weights, activations, gradients and optimiser stay float32, and so does what is small
    (`SMALLEST_ROUNDED`): first and last layers.

    Raises:
        ValueError: an unknown precision, or bfloat16 without oneDNN's products for it.
    """
    global _precision
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}; known are {', '.join(PRECISIONS)}")
    if precision == "bfloat16":
        if _form != "onednn":
            raise ValueError("precision bfloat16 needs the kernels onednn; allowed with plain is float32")
        if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            raise ValueError(
                "precision bfloat16 needs a processor with AVX-512, which this one is not; allowed is float32"
            )
    _precision = precision


@contextlib.contextmanager
def using(form: str) -> Iterator[None]:
    """`use` within a block."""
    before = _form
    use(form)
    try:
        yield
    finally:
        use(before)


_recording = False


@contextlib.contextmanager
def recording() -> Iterator[None]:
    """Within the block a program is recorded that will be compiled: operations as the compiler wants them."""
    global _recording
    before, _recording = _recording, True
    try:
        yield
    finally:
        _recording = before


def for_compiler() -> bool:
    """Whether what is called now goes to the compiler."""
    return _recording or torch.compiler.is_compiling()


def _fast(tensor: Tensor) -> bool:
    return _form == "onednn" and tensor.device.type == "cpu" and tensor.dtype == torch.float32


# --- Affine maps ---

# Multiplications in a product up to which torch's own call, which costs less, is faster than oneDNN's.
SMALL_PRODUCT = 2**17
# Columns up to which a matrix costs less to transpose than the wider one; numbers in a tensor up to
# which the compiler's transposed copy costs less than oneDNN's. Both measured, see docs/performance.md.
NARROW = 32
SMALL_COPY = 2**16
# Rows, columns and depth from which rounding the factors costs less than it saves.
SMALLEST_ROUNDED = 64

# What flows through a network: in the plain form one tensor ``[M, B, d]``, which batched kernels take
# whole; in the fast form M tensors ``[B, d]``, because oneDNN multiplies one pair of matrices at a time and
# joining what the next layer takes apart again costs a copy each time.
Members = tuple[Tensor, ...]


def split(inputs: Tensor) -> Members:
    """``[M, B, d]`` as the form in use has it flow through a network."""
    return inputs.unbind(0) if _fast(inputs) else (inputs,)


def join(members: Members) -> Tensor:
    """The reverse of `split`: ``[M, B, d]``."""
    if members[0].dim() == 3:
        return members[0]
    return members[0].unsqueeze(0) if len(members) == 1 else torch.stack(members)


def affine_each(members: Members, weight: Tensor, bias: Tensor, relu: bool = False) -> Members:
    """The affine map x W + b for every member, on request cut at 0.

    Weights are ``[M, in, out]``, biases ``[M, out]``. The fast form cuts inside the product, without another
    pass.
    """
    if weight.shape[-1] == 1:
        heads = _head_each(members, weight, bias)
        return tuple(torch.relu(x) for x in heads) if relu else heads
    if members[0].dim() == 2:
        if torch.is_grad_enabled():
            apply: Any = _Affine.apply
            outputs: Members = apply(weight, bias, relu, *members)
            return outputs
        return _affine_now(weight, bias, relu, members)
    stacked = torch.baddbmm(bias.unsqueeze(1), members[0], weight)
    return (torch.relu(stacked) if relu else stacked,)


def affine(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The affine map x W + b of one network, ``[..., in]`` to ``[..., out]``."""
    if not _fast(inputs):
        return F.linear(inputs, weight.t(), bias)
    (outputs,) = affine_each((inputs.reshape(-1, inputs.shape[-1]),), weight.unsqueeze(0), bias.unsqueeze(0))
    return outputs.view(*inputs.shape[:-1], -1)


def _head_each(members: Members, weight: Tensor, bias: Tensor) -> Members:
    """A layer of width 1, in a form that is the same for every number of members.

    As a batched product it takes one kernel for M = 1 and another for more, 3e-5 apart, and a seed must not
    depend on its block.
    """
    if members[0].dim() == 2:
        columns, shifts = weight.squeeze(2).unbind(0), bias.unbind(0)
        return tuple(torch.mv(x, w).unsqueeze(1) + b for x, w, b in zip(members, columns, shifts))
    return ((members[0] * weight.transpose(1, 2)).sum(dim=-1, keepdim=True) + bias.unsqueeze(1),)


def _product(left: Tensor, right: Tensor, bias: Tensor | None = None, relu: bool = False) -> Tensor:
    if left.shape[0] * left.shape[1] * right.shape[1] <= SMALL_PRODUCT:
        product = torch.mm(left, right) if bias is None else torch.addmm(bias, left, right)
        return torch.relu(product) if relu else product
    if _precision == "bfloat16" and min(*left.shape, right.shape[1]) >= SMALLEST_ROUNDED:
        shift = None if bias is None else bias.bfloat16()
        return _large_product(left.bfloat16(), right.bfloat16(), shift, relu).float()
    return _large_product(left, right, bias, relu)


def _large_product(left: Tensor, right: Tensor, bias: Tensor | None, relu: bool) -> Tensor:
    if for_compiler():
        compiled: Tensor = torch.ops.recheck.product(left, right, bias, relu)
        return compiled
    return _product_now(left, right, bias, relu)


def _product_of_rows(left: Tensor, right: Tensor) -> Tensor:
    """left^T right, ``[B, n]`` and ``[B, m]`` to ``[n, m]``."""
    if right.shape[1] <= NARROW < left.shape[1]:  # then transpose the right side, and the result
        return _product(right.t(), left).t()
    # oneDNN copies a transposed left side. The compiler makes a small copy while it writes the tensor.
    small = left.numel() <= SMALL_COPY and for_compiler()
    return _product(left.t().contiguous() if small else left.t(), right)


def _product_now(left: Tensor, right: Tensor, bias: Tensor | None, relu: bool) -> Tensor:
    """``[B, in] x [in, out]`` through oneDNN's linear."""
    form = "relu" if relu else "none"
    product: Tensor = torch.ops.mkldnn._linear_pointwise(left, right.t(), bias, form, [], "")
    return product


# The compiler takes the product as it is: it has a lowering of its own for the operator inside
# that does not fit strided weights.
library.define("recheck::product", "(Tensor left, Tensor right, Tensor? bias, bool relu) -> Tensor")
library.impl("recheck::product", "CPU", _product_now)


@library.register_fake("recheck::product")  # type: ignore[untyped-decorator, unused-ignore]
def _product_fake(left: Tensor, right: Tensor, bias: Tensor | None, relu: bool) -> Tensor:
    return left.new_empty(left.shape[0], right.shape[1])


@functools.cache
def prepare_compiler() -> None:
    """Let compiled programs call oneDNN's operator itself instead of the Python function around it.

    This is not a public part of torch: where it is missing, programs still call the function.
    """
    try:
        from torch._inductor import lowering

        permute = lowering.lowerings[torch.ops.aten.permute.default]
        linear = lowering.fallback_handler(  # type: ignore[no-untyped-call, unused-ignore]
            torch.ops.mkldnn._linear_pointwise.default, add_to_fallback_set=False
        )
        register = lowering.register_lowering(torch.ops.recheck.product.default, type_promotion_kind=None)
    except (ImportError, AttributeError, KeyError, TypeError):
        return

    @register
    def lower(left: Any, right: Any, bias: Any, relu: bool) -> Any:
        return linear(left, permute(right, [1, 0]), bias, "relu" if relu else "none", [], "")


def _affine_now(weight: Tensor, bias: Tensor, relu: bool, members: Members) -> Members:
    return tuple(_product(x, weight[m], bias[m], relu) for m, x in enumerate(members))


class _Affine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor, relu: bool, *members: Tensor) -> Members:
        outputs = _affine_now(weight, bias, relu, members)
        ctx.save_for_backward(weight, *members, *(outputs if relu else ()))
        ctx.relu = relu
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight, *saved = ctx.saved_tensors
        inputs, outputs = saved[: len(gradients)], saved[len(gradients) :]
        if ctx.relu:
            gradients = tuple(
                torch.ops.aten.threshold_backward(g, y, 0.0) for g, y in zip(gradients, outputs)
            )
        else:
            gradients = tuple(g.contiguous() for g in gradients)
        of_weight, of_bias, _, *of_members = ctx.needs_input_grad
        return (
            join(tuple(_product_of_rows(x, g) for x, g in zip(inputs, gradients))) if of_weight else None,
            torch.stack([g.sum(dim=0) for g in gradients]) if of_bias else None,
            None,
            *(
                _product(g, weight[m].t()) if wanted else None
                for m, (g, wanted) in enumerate(zip(gradients, of_members))
            ),
        )


# --- Mish ---


def mish(inputs: Tensor) -> Tensor:
    """Mish, x tanh(softplus(x)) (Misra 2019), elementwise.

    With s = sigmoid(-x) and d = 1 + s^2, t = tanh(softplus(x)) = 2 / d - 1.
    """
    if not _fast(inputs):
        return F.mish(inputs)
    if torch.is_grad_enabled():
        apply: Any = _Mish.apply
        outputs: Tensor = apply(inputs)
        return outputs
    negative, _, d = _mish_parts(inputs, keep=False)
    return negative.addcdiv_(inputs, d, value=2.0)


def _mish_parts(inputs: Tensor, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
    """-x, s and d; with `keep` false s is lost to d, which then needs no memory of its own."""
    negative = torch.neg(inputs)
    s = torch.sigmoid(negative)
    d = torch.addcmul(inputs.new_ones(()), s, s, out=None if keep else s)
    return negative, s, d


class _Mish(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        negative, s, d = _mish_parts(inputs, keep=True)
        ctx.save_for_backward(inputs, s, d)
        return negative.addcdiv_(inputs, d, value=2.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """d/dx = t + 4 x s^2 (1 - s) / d^2."""
        inputs, s, d = ctx.saved_tensors
        p = (s / d).square_()
        slope = torch.addcmul(p, p, s, value=-1.0).mul_(inputs)
        slope.addcdiv_(inputs.new_full((), 0.5), d)
        return torch.addcmul(-gradient, gradient, slope, value=4.0)


# --- GELU ---

# 2 sqrt(2 / pi), and 0.044715 times it.
_GELU_OF_X, _GELU_OF_CUBE = 1.5957691216057308, 1.5957691216057308 * 0.044715


def gelu(inputs: Tensor) -> Tensor:
    """GELU by its hyperbolic tangent (Hendrycks & Gimpel 2016; the form of flax), elementwise.

    0.5 x (1 + tanh(u)) = x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3).
    """
    if not _fast(inputs):
        return F.gelu(inputs, approximate="tanh")
    if torch.is_grad_enabled():
        apply: Any = _Gelu.apply
        outputs: Tensor = apply(inputs)
        return outputs
    return _gelu_gate(inputs).mul_(inputs)


def _gelu_gate(inputs: Tensor) -> Tensor:
    """sigmoid(2 u)."""
    slope = torch.addcmul(inputs.new_full((), _GELU_OF_X), inputs, inputs, value=_GELU_OF_CUBE)
    return slope.mul_(inputs).sigmoid_()


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        gate = _gelu_gate(inputs)
        ctx.save_for_backward(inputs, gate)
        return gate * inputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """d/dx = s + x s (1 - s) d(2 u)/dx, s the gate."""
        inputs, gate = ctx.saved_tensors
        rise = torch.addcmul(inputs.new_full((), _GELU_OF_X), inputs, inputs, value=3.0 * _GELU_OF_CUBE)
        rise.mul_(inputs)
        rise = torch.addcmul(rise, rise, gate, value=-1.0)
        gated = gradient * gate
        return torch.addcmul(gated, gated, rise)
