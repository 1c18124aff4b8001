"""The same numbers however it is run, whatever is known; and no more in the observation than may be known."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import FAST, TINY, world
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from eco_jax.env import KNOWLEDGE, PRESETS
from eco_jax.env.observe import mask, observe, view

SLOTS = 5


SHORT = ("repaired", "printed")
"""Presets that are looked at in every run of the tests; the others are programs of their own."""


@pytest.fixture(scope="module")
def base():
    return world()


def actions(small, seed=0):
    return np.stack([small.random_action(seed + slot) for slot in range(SLOTS)])


def play(small, seed, choices):
    """Everything that an episode returns."""
    history = [small.reset(seed)]
    for slot in range(SLOTS):
        history.append(small.step(history[-1][1], choices[slot], seed=100 * seed + slot))
    return history


def assert_same_numbers(one, other):
    """Integers and flags exactly; floats to 1e-5 (and near zero to 1e-5 of O(1))."""
    left, right = jax.tree.leaves(one), jax.tree.leaves(other)
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype
        if np.issubdtype(a.dtype, np.floating):
            assert_allclose(a, b, rtol=1e-5, atol=1e-5)
        else:
            assert_array_equal(a, b)


def assert_same_bits(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert_array_equal(a, b)


def test_same_seed_same_bits(base):
    assert_same_bits(play(base, 3, actions(base)), play(base, 3, actions(base)))


def test_another_seed_another_episode(base):
    _, one = base.reset(1)
    _, other = base.reset(2)
    assert (one.place.position != other.place.position).all()
    assert (one.task.data != other.task.data).all()
    assert (one.x_server != other.x_server).all()


def test_nothing_is_drawn_twice(base):
    # Tasks, motion, fluctuations of successive slots, and columns of a slot, are unrelated.
    _, state = base.reset(0)
    _, new, *_ = base.step(state, base.random_action(0))
    for leaf in ("data", "cycles", "deadline", "power", "fading"):
        assert (getattr(state.task, leaf) != getattr(new.task, leaf)).all(), leaf
    draws = []
    for seed in range(300):
        _, s = base.reset(seed)
        t = s.task
        # User 0 and user 1 of the same episode, too.
        draws.append([*t.data[:2], t.cycles[0] / t.data[0], t.deadline[0], t.power[0], t.fading[0, 0], s.x_device[0],
                      s.x_server[0], s.x_server[1], *s.place.position[0], *s.place.position[1],
                      s.hardware.device[0], s.hardware.service[0], s.hardware.server[0], s.mobility.speed[0],
                      *s.mobility.target[0]])  # fmt: skip
    related = np.corrcoef(np.array(draws).T) - np.eye(len(draws[0]))
    assert np.abs(related).max() < 4.5 / 300**0.5


def test_vmapped_equals_looped(base):
    count = 3
    choices = np.stack([actions(base, 10 * e) for e in range(count)])
    looped = [play(base, e, choices[e]) for e in range(count)]
    start = jax.jit(jax.vmap(base.env.reset, (0, None)), compiler_options=FAST)
    step = jax.jit(jax.vmap(base.env.step, (0, 0, 0, None)), compiler_options=FAST)
    result = start(jax.vmap(jax.random.key)(jnp.arange(count)), base.params)
    for slot in range(SLOTS + 1):
        for e in range(count):
            assert_same_numbers(jax.tree.map(lambda leaf, e=e: leaf[e], result), looped[e][slot])
        if slot < SLOTS:
            keys = jax.vmap(jax.random.key)(100 * jnp.arange(count) + slot)
            result = step(keys, result[1], jnp.asarray(choices[:, slot], jnp.int32), base.params)


def test_called_by_themselves_they_are_compiled(base):
    """What `reset` and `step` give outside of a program is what they give in one."""
    choices = actions(base)
    jitted = play(base, 7, choices)
    result = base.env.reset(jax.random.key(7), base.params)
    assert_same_numbers(result, jitted[0])
    for slot in range(SLOTS):
        action = jnp.asarray(choices[slot], jnp.int32)
        result = base.env.step(jax.random.key(700 + slot), result[1], action, base.params)
        assert_same_numbers(result, jitted[slot + 1])


def test_the_world_is_the_same_at_every_level_of_knowledge(base):
    choices = actions(base)
    episodes = {level: play(world(knowledge=level), 11, choices) for level in KNOWLEDGE}

    def outside(result):
        s = result[1]
        return s.task, s.mobility.position, s.place.candidates, s.place.distance, s.x_device, s.x_server, s.hardware

    for episode in episodes.values():
        for slot in range(SLOTS + 1):
            assert_same_bits(outside(episode[slot]), outside(episodes["twin"][slot]))
            assert episode[slot][0].features.shape == episodes["twin"][slot][0].features.shape
    assert (episodes["none"][3][0].features != episodes["truth"][3][0].features).any()


def test_the_world_is_the_same_whatever_is_done(base):
    one, other = play(base, 11, actions(base)), play(base, 11, actions(base, 99))
    for slot in range(SLOTS + 1):
        a, b = one[slot][1], other[slot][1]
        assert_same_bits((a.task, a.mobility, a.x_device, a.x_server), (b.task, b.mobility, b.x_device, b.x_server))


# What is observed


@partial(jax.jit, static_argnums=0)
def shown(config, state, params):
    """All that anybody is shown of a state."""
    seen = view(state, params)
    return seen, mask(config, seen), observe(config, state, params)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(KNOWLEDGE))
def test_hidden_fluctuations_do_not_show(base, seed, level):
    small = world(knowledge=level)
    _, state, *_ = small.step(small.reset(seed)[1], small.random_action(seed))
    rng = np.random.default_rng(seed)
    other = state._replace(
        x_device=jnp.asarray(rng.normal(size=4), jnp.float32), x_server=jnp.asarray(rng.normal(size=9), jnp.float32)
    )

    config, params = small.env.config, small.params
    assert_same_bits(shown(config, state, params), shown(config, other, params))


def test_beliefs_do_show(base):
    _, state = base.reset()
    other = state._replace(belief=state.belief._replace(server_mean=state.belief.server_mean + 1.0))
    one, two = (shown(base.env.config, s, base.params)[2].features for s in (state, other))
    assert (one != two).any()


def test_none_and_prior_look_alike():
    # At `none` the belief is the prior, and stays: no column of means and variances ever moves.
    small = world(knowledge="none")
    for observation, state, *_ in play(small, 5, actions(small)):
        features = np.asarray(observation.features)
        assert_array_equal(features[:, 6], 0.0)  # belief about the own device: mean
        assert_allclose(features[:, 7], 1.0, rtol=1e-6)  # variance
        assert_array_equal(features[:, 11], features[:, 12])  # for the measured latency the predicted one
        assert_array_equal(state.belief.server_mean, 0.0)


OVERRIDES = {"sparse": {"servers": 100, "candidates": 4, "users": 4}, "tiny": TINY}


@pytest.mark.parametrize(
    "preset", [name if name in SHORT else pytest.param(name, marks=pytest.mark.long) for name in PRESETS]
)
def test_features_are_finite_and_of_order_one(preset):
    small = world(preset, **OVERRIDES.get(preset, {}))
    largest = 0.0
    for seed in range(8):
        observation, state = small.reset(seed)
        for slot in range(6):
            features = np.asarray(observation.features)
            assert np.isfinite(features).all(), (preset, seed, slot)
            assert np.abs(features).max() < 20, (preset, seed, slot)
            largest = max(largest, float(np.abs(features).max()))
            observation, state, reward, *_, info = small.step(state, small.random_action(seed + slot), seed=slot)
            assert np.isfinite(reward).all()
            assert all(np.isfinite(value).all() for value in jax.tree.leaves(info))
    assert largest > 1.0
