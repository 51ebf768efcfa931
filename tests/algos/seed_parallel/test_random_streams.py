"""Streams of random numbers: per seed, resumable, independent of the block."""

import torch

from algos.seed_parallel.random_streams import (
    CHUNK_UPDATES,
    ChunkedInputs,
    RandomInput,
    SeedStreams,
    derive_seed,
)

INPUTS = [
    RandomInput("index", "index", (7,)),
    RandomInput("noise", "normal", (4, 2)),
    RandomInput("step", "integer", (7,), high=5),
    RandomInput("coin", "bernoulli", (), probability=0.5),
]


def chunked(seeds, chunks=1):
    inputs = ChunkedInputs(INPUTS, SeedStreams(seeds, "train"), num_rows=100)
    for chunk in range(chunks):
        inputs.fill(chunk * CHUNK_UPDATES)
    return inputs


def test_a_seeds_numbers_do_not_depend_on_the_block():
    block, alone = chunked([2, 9, 4], chunks=2), chunked([9], chunks=2)
    for name in block.buffers:
        assert torch.equal(block.buffers[name][1:2], alone.buffers[name]), name


def test_seeds_and_purposes_differ():
    inputs = chunked([0, 1])
    for name in ("index", "noise", "coin"):  # a coin shared between seeds would be a bug of its own
        assert not torch.equal(inputs.buffers[name][0], inputs.buffers[name][1]), name
    first = SeedStreams([0], "train").normal(8)
    assert not torch.equal(first, SeedStreams([0], "initialise").normal(8))


def test_draws_have_the_right_ranges():
    inputs = chunked([0])
    assert inputs.at(0)["noise"].shape == (1, 4, 2)
    assert int(inputs.buffers["index"].min()) >= 0
    assert int(inputs.buffers["index"].max()) < 100
    assert set(inputs.buffers["step"].unique().tolist()) == set(range(5))
    assert set(inputs.buffers["coin"].unique().tolist()) == {0.0, 1.0}


def test_a_chunk_can_be_drawn_again_from_its_state():
    inputs = chunked([0, 3], chunks=3)
    before = {name: buffer.clone() for name, buffer in inputs.buffers.items()}
    again = ChunkedInputs(INPUTS, SeedStreams([0, 3], "train"), num_rows=100)
    again.streams.set_state(inputs.chunk_state)
    again.fill(inputs.chunk_start)
    for name, buffer in again.buffers.items():
        assert torch.equal(buffer, before[name]), name


def test_derived_seeds_are_fixed_for_ever():
    """Results depend on these numbers: another derivation would be another run under the same name."""
    assert derive_seed("recheck", "train", 0) == 6274868890968223805
