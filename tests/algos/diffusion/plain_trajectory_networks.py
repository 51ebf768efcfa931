"""The planner's networks of torch's own layers, with the parameters of one seed."""

import math

import torch
from torch import nn


def sinusoid(times, size):
    powers = [10000 ** (-j / (size // 2 - 1)) for j in range(size // 2)]
    return torch.stack([f(times * p) for f in (torch.sin, torch.cos) for p in powers], dim=1)


class PlainBlock(nn.Module):
    def __init__(self, before, after, embedding):
        super().__init__()
        self.first = nn.Sequential(nn.Conv1d(before, after, 5, padding=2), nn.GroupNorm(8, after), nn.Mish())
        self.second = nn.Sequential(nn.Conv1d(after, after, 5, padding=2), nn.GroupNorm(8, after), nn.Mish())
        self.added = nn.Linear(embedding, after)
        self.skip = nn.Conv1d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x, embedding):
        inner = self.first(x) + self.added(nn.functional.mish(embedding))[:, :, None]
        return self.second(inner) + self.skip(x)


class PlainUNet(nn.Module):
    """Two levels of 16 and 32 channels; modules in the order of our parameters."""

    def __init__(self):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(16, 64), nn.Mish(), nn.Linear(64, 16))
        self.of_return = nn.Sequential(
            nn.Linear(1, 16), nn.Mish(), nn.Linear(16, 64), nn.Mish(), nn.Linear(64, 16)
        )
        self.down = nn.ModuleList([PlainBlock(4, 16, 32), PlainBlock(16, 16, 32)])
        self.deep = nn.ModuleList([PlainBlock(16, 32, 32), *(PlainBlock(32, 32, 32) for _ in range(3))])
        self.up = nn.ModuleList([PlainBlock(64, 16, 32), PlainBlock(16, 16, 32)])
        self.halve = nn.Conv1d(16, 16, 3, stride=2, padding=1)
        self.double_ = nn.ConvTranspose1d(16, 16, 4, stride=2, padding=1)
        self.last = nn.Sequential(
            nn.Conv1d(16, 16, 5, padding=2), nn.GroupNorm(8, 16), nn.Mish(), nn.Conv1d(16, 4, 1)
        )

    def forward(self, x, times, returns, keep):
        embedding = torch.cat([self.time(sinusoid(times, 16)), keep * self.of_return(returns)], 1)
        x = x.transpose(1, 2)
        for block in self.down:
            x = block(x, embedding)
        x = self.halve(x)
        for block in self.deep[:2]:
            x = block(x, embedding)
        lowest = x
        for block in self.deep[2:]:
            x = block(x, embedding)
        x = torch.cat([x, lowest], 1)
        for block in self.up:
            x = block(x, embedding)
        return self.last(self.double_(x)).transpose(1, 2)


def unet_names():
    def normed(name):
        return [f"{name}.kernel", f"{name}.offset", f"{name}.norm.scale", f"{name}.norm.shift"]

    def block(name, skip):
        own = [*normed(f"{name}.conv0"), *normed(f"{name}.conv1")]
        own += [f"{name}.embedding.weight", f"{name}.embedding.bias"]
        return own + ([f"{name}.skip.kernel", f"{name}.skip.offset"] if skip else [])

    names = [f"{p}.layer{i}.{k}" for p, n in (("time", 2), ("return", 3)) for i in range(n) for k in KINDS]
    for name, skip in (
        ("down0.block0", True),
        ("down0.block1", False),
        ("down1.block0", True),
        ("down1.block1", False),
        ("middle.block0", False),
        ("middle.block1", False),
        ("up0.block0", True),
        ("up0.block1", False),
    ):
        names += block(name, skip)
    for name in ("down0.halve", "up0.double"):
        names += [f"{name}.kernel", f"{name}.offset"]
    return [*names, *normed("last.conv"), "last.out.kernel", "last.out.offset"]


KINDS = ("weight", "bias")


class PlainTransformerBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.modulation = nn.Linear(16, 96)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(16, 64), nn.GELU(approximate="tanh"), nn.Linear(64, 16))
        self.norm = nn.LayerNorm(16, elementwise_affine=False, eps=1e-6)

    def forward(self, x, embedding):
        a, b, c, d, e, f = self.modulation(nn.functional.silu(embedding))[:, None].chunk(6, dim=2)
        x = self.norm(x) * (1 + b) + a
        x = x + c * self.attention(x, x, x)[0]
        return x + f * self.mlp(self.norm(x) * (1 + e) + d)


class PlainTransformer(nn.Module):
    """Modules in the order of our parameters; the frequencies are set from outside."""

    def __init__(self):
        super().__init__()
        self.of_return = nn.Sequential(nn.Linear(1, 16), nn.SiLU(), nn.Linear(16, 16))
        self.time = nn.Sequential(nn.Linear(4, 16), nn.Mish(), nn.Linear(16, 16))
        self.input = nn.Linear(4, 16)
        self.embedding = nn.Sequential(nn.Linear(16, 16), nn.Mish(), nn.Linear(16, 16), nn.Mish())
        self.blocks = nn.ModuleList([PlainTransformerBlock(), PlainTransformerBlock()])
        self.modulation = nn.Linear(16, 32)
        self.last = nn.Linear(16, 4)
        self.frequencies = torch.zeros(2)

    def forward(self, x, times, returns, keep):
        angles = 2 * math.pi * times[:, None] * self.frequencies
        time = self.time(torch.cat([angles.cos(), angles.sin()], 1))
        embedding = self.embedding(time + keep * self.of_return(returns))
        x = self.input(x) + sinusoid(torch.arange(8.0), 16)
        for block in self.blocks:
            x = block(x, embedding)
        shift, scale = self.modulation(nn.functional.silu(embedding))[:, None].chunk(2, dim=2)
        return self.last(nn.functional.layer_norm(x, (16,), eps=1e-6) * (1 + scale) + shift)


def transformer_names():
    layers = ["return.layer0", "return.layer1", "time.layer0", "time.layer1", "input"]
    layers += ["embedding.layer0", "embedding.layer1"]
    for i in range(2):
        parts = ("modulation", "attention.input", "attention.output", "layer0", "layer1")
        layers += [f"block{i}.{part}" for part in parts]
    return [f"{layer}.{kind}" for layer in [*layers, "last.modulation", "last"] for kind in KINDS]


def pairs_of(module, group, names, row):
    """The plain module's parameters with ours of one seed; weights of affine maps are transposed."""
    parameters = list(module.parameters())
    assert len(parameters) == len(names) == len(group.frozen)
    ours = [(group.frozen[name][row], name.endswith(".weight")) for name in names]
    return [(p, tensor.T if turned else tensor) for p, (tensor, turned) in zip(parameters, ours)]
