"""The fast forms of the CPU against torch's own, values and gradients."""

import functools

import pytest
import torch

from algos.seed_parallel import kernels
from algos.seed_parallel.networks import linear

pytestmark = pytest.mark.skipif(
    not kernels.onednn_available(), reason="this build of torch has no oneDNN linear operator"
)


def gradients(function, *inputs):
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    outputs = function(*leaves)
    weights = torch.linspace(-1.0, 1.0, outputs.numel()).view(outputs.shape)
    return outputs.detach(), torch.autograd.grad((outputs * weights).sum(), leaves)


def affine_relu(inputs, weight, bias):
    return kernels.join(kernels.affine_each(kernels.split(inputs), weight, bias, relu=True))


@pytest.mark.parametrize("function", [linear, affine_relu])
@pytest.mark.parametrize("shape", [(1, 7, 5, 3), (3, 64, 14, 256), (2, 33, 256, 6), (2, 33, 256, 1)])
@pytest.mark.parametrize("small_product", [0, kernels.SMALL_PRODUCT])
def test_affine_maps_agree(shape, function, monkeypatch, small_product):
    monkeypatch.setattr(kernels, "SMALL_PRODUCT", small_product)
    members, batch, fan_in, fan_out = shape
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(members, batch, fan_in, generator=generator)
    weight = torch.randn(members, fan_in, fan_out, generator=generator) / fan_in**0.5
    bias = torch.randn(members, fan_out, generator=generator)
    expected, expected_gradients = gradients(function, inputs, weight, bias)
    with kernels.using("onednn"):
        outputs, got = gradients(function, inputs, weight, bias)
    torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=1e-5)
    for one, other in zip(got, expected_gradients):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("small_product", [0, kernels.SMALL_PRODUCT])
@pytest.mark.parametrize("shape", [(9, 12), (6, 7, 12), (3, 2, 5, 12)])
def test_the_map_of_one_network_takes_any_leading_axes(shape, small_product, monkeypatch):
    monkeypatch.setattr(kernels, "SMALL_PRODUCT", small_product)
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(shape, generator=generator)
    weight = torch.randn(300, generator=generator)[16 : 16 + 240].view(12, 20)
    bias = torch.randn(20, generator=generator)
    expected, expected_gradients = gradients(lambda x, w, b: x @ w + b, inputs, weight, bias)
    for form in kernels.FORMS:
        with kernels.using(form):
            outputs, got = gradients(kernels.affine, inputs, weight, bias)
        torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=1e-5)
        for one, other in zip(got, expected_gradients):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)


def test_affine_maps_take_strided_weights_and_inputs():
    """Parameters are views into one flat buffer and batches are columns of one packed gather."""
    flat = torch.randn(2, 1000)
    weight, bias = flat[:, 16 : 16 + 24].view(2, 4, 6), flat[:, 64 : 64 + 6]
    inputs = torch.randn(2, 9, 11)[..., 3:7]
    with kernels.using("onednn"):
        outputs = linear(inputs, weight, bias)
    torch.testing.assert_close(outputs, inputs @ weight + bias.unsqueeze(1), rtol=1e-5, atol=1e-5)


def test_a_member_does_not_depend_on_its_neighbours():
    inputs, weight, bias = torch.randn(5, 256, 30), torch.randn(5, 30, 256), torch.randn(5, 256)
    with kernels.using("onednn"):
        block = linear(inputs, weight, bias)
        alone = linear(inputs[3:4], weight[3:4], bias[3:4])
    assert torch.equal(block[3:4], alone)


def test_mish_agrees_everywhere():
    inputs = torch.cat([torch.linspace(-30.0, 30.0, 4001), torch.tensor([-1e4, -88.0, 0.0, 88.0, 1e4])])
    expected, (expected_gradient,) = gradients(torch.nn.functional.mish, inputs)
    with kernels.using("onednn"):
        outputs, (gradient,) = gradients(kernels.mish, inputs)
    torch.testing.assert_close(outputs, expected, rtol=1e-6, atol=2e-6)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-6, atol=2e-6)


def test_gelu_agrees_everywhere():
    inputs = torch.cat([torch.linspace(-30.0, 30.0, 4001), torch.tensor([-1e4, -88.0, 0.0, 88.0, 1e4])])
    plain = functools.partial(torch.nn.functional.gelu, approximate="tanh")
    expected, (expected_gradient,) = gradients(plain, inputs)
    with kernels.using("onednn"):
        outputs, (gradient,) = gradients(kernels.gelu, inputs)
        with torch.no_grad():
            assert torch.equal(kernels.gelu(inputs), outputs)
    torch.testing.assert_close(outputs, expected, rtol=1e-6, atol=2e-6)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-6, atol=2e-6)


def test_unknown_kernels_are_refused_with_the_list():
    with pytest.raises(ValueError, match="known are auto, plain, onednn"):
        kernels.use("abacus")


@pytest.fixture
def rounded():
    """Products in bfloat16."""
    with kernels.using("onednn"):
        kernels.use_precision("bfloat16")
        yield
        kernels.use_precision("float32")


def test_large_products_take_bfloat16_and_give_float32(rounded):
    """Factors rounded, sums in float32, the product rounded once; gradients alike."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(2, 128, 256, generator=generator)
    weight = torch.randn(2, 256, 64, generator=generator) / 16
    bias = torch.randn(2, 64, generator=generator)
    outputs, got = gradients(linear, inputs, weight, bias)
    x, w, b = (tensor.bfloat16().float() for tensor in (inputs, weight, bias))
    exact = (x.double() @ w.double() + b.double().unsqueeze(1)).float()
    assert outputs.dtype == torch.float32
    torch.testing.assert_close(outputs, exact, rtol=2**-8, atol=1e-5)
    assert (outputs - (inputs @ weight + bias.unsqueeze(1))).abs().max() > 1e-3
    kernels.use_precision("float32")
    _, expected = gradients(linear, inputs, weight, bias)
    for one, other in zip(got, expected):
        assert one.dtype == torch.float32
        assert (one - other).norm() < 0.01 * other.norm()


def test_first_layers_and_heads_keep_float32(rounded):
    inputs, weight, bias = torch.randn(1, 256, 14), torch.randn(1, 14, 256), torch.randn(1, 256)
    hidden, head, shift = torch.randn(1, 256, 256), torch.randn(1, 256, 1), torch.randn(1, 1)
    before = linear(inputs, weight, bias), linear(hidden, head, shift)
    kernels.use_precision("float32")
    assert torch.equal(linear(inputs, weight, bias), before[0])
    assert torch.equal(linear(hidden, head, shift), before[1])


def test_precisions_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="known are float32, bfloat16"):
        kernels.use_precision("float16")
    with kernels.using("plain"), pytest.raises(ValueError, match="allowed with plain is float32"):
        kernels.use_precision("bfloat16")
    with kernels.using("onednn"):
        kernels.use_precision("bfloat16")
        assert kernels.in_use() == "onednn, bfloat16"


def test_the_form_is_restored():
    before = kernels.in_use()
    with kernels.using("onednn"):
        assert kernels.in_use() == "onednn"
    assert kernels.in_use() == before
