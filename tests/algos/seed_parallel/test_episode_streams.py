"""Noise of (seed, episode, step): the same wherever and whenever it is drawn."""

from functools import partial

import numpy as np
import pytest
import torch

from algos.seed_parallel.episode_streams import EpisodeStreams, Moment, purpose_key


def moment(row, place, episode, step, seed=3):
    return Moment(row, place, purpose_key("evaluate/x", seed), episode, step)


def test_a_draw_depends_on_seed_episode_and_step_alone():
    crowded, lonely = EpisodeStreams(2, 4), EpisodeStreams(1, 3)
    crowded.at(lambda: [moment(0, 1, 5, 7, seed=9), moment(1, 2, 6, 7), moment(1, 3, 8, 100)])
    first, second = crowded.normal(4, 2, 3), crowded.uniform(4, 1)
    lonely.at(lambda: [moment(0, 0, 6, 7)])
    assert torch.equal(lonely.normal(3, 2, 3)[0, 0], first[1, 2])
    assert torch.equal(lonely.uniform(3, 1)[0, 0], second[1, 2])
    assert not first[0, 0].any()  # nobody is there


def test_every_coordinate_gives_other_numbers():
    drawn = set()
    for seed in (0, 1):
        for episode in (0, 1):
            for step in (0, 1):
                streams = EpisodeStreams(1, 1)
                now = [moment(0, 0, episode, step, seed=seed)]
                streams.at(partial(list, now))
                drawn |= {tuple(streams.normal(1, 4).flatten().tolist()) for _ in range(2)}
    assert len(drawn) == 2 * 2 * 2 * 2


def test_numbers_are_numpys_philox_at_the_stated_key_and_counter():
    streams = EpisodeStreams(1, 1)
    streams.at(lambda: [moment(0, 0, 11, 4)])
    streams.uniform(1, 2)
    key = np.array([purpose_key("evaluate/x", 3), 11], dtype=np.uint64)
    philox = np.random.Philox(key=key, counter=np.array([0, 0, 1, 4], dtype=np.uint64))
    expected = np.random.Generator(philox).standard_normal(6, dtype=np.float32)
    assert streams.normal(1, 6).flatten().tolist() == expected.tolist()


def test_numbers_are_standard_normal_and_uniform():
    streams = EpisodeStreams(1, 1)
    normal, uniform = [], []
    for step in range(2000):
        streams.at(partial(list, [moment(0, 0, 0, step)]))
        normal.append(streams.normal(1, 3).flatten())
        uniform.append(streams.uniform(1, 3).flatten())
    normal, uniform = torch.cat(normal), torch.cat(uniform)
    assert abs(float(normal.mean())) < 0.05
    assert abs(float(normal.std()) - 1.0) < 0.03
    assert abs(float(uniform.mean()) - 0.5) < 0.02
    assert float(uniform.min()) >= 0.0
    assert float(uniform.max()) < 1.0


def test_a_shape_that_does_not_begin_with_the_places_is_refused():
    with pytest.raises(ValueError, match="begins with the 4 places"):
        EpisodeStreams(1, 4).normal(3, 2)
