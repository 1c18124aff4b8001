"""Uniform numbers: jax's own bits, in the right range."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.random import uniform


@pytest.mark.parametrize("count", [1, 2, 7, 526])
def test_bits_are_those_of_jax(count):
    # jax pads an odd count before it splits the counters into halves: so do we, with another last number.
    even = count + count % 2
    key = jax.random.key(7)
    partitionable = jax.config.jax_threefry_partitionable
    jax.config.update("jax_threefry_partitionable", False)
    try:
        expected = jax.random.uniform(key, (even,))
    finally:
        jax.config.update("jax_threefry_partitionable", partitionable)
    np.testing.assert_array_equal(uniform(key, count), expected[:count])


def test_vmapped_is_looped():
    keys = jax.random.split(jax.random.key(1), 5)
    looped = jnp.stack([uniform(key, 9) for key in keys])
    np.testing.assert_array_equal(jax.vmap(lambda key: uniform(key, 9))(keys), looped)
    assert len(np.unique(looped)) == 45


def test_uniform_in_the_half_open_unit_interval():
    numbers = np.asarray(uniform(jax.random.key(3), 200_000), np.float64)
    assert numbers.min() >= 0.0
    assert numbers.max() < 1.0
    # Mean 1/2 and variance 1/12, within five standard errors; every tenth of the interval gets its share.
    assert abs(numbers.mean() - 0.5) < 5 * (1 / 12 / 200_000) ** 0.5
    assert abs(numbers.var() - 1 / 12) < 5 * (1 / 180 / 200_000) ** 0.5
    counts, _ = np.histogram(numbers, 10, (0, 1))
    assert np.abs(counts - 20_000).max() < 5 * (20_000 * 0.9) ** 0.5


def test_another_generator_is_jax_s():
    key = jax.random.key(0, impl="rbg")
    np.testing.assert_array_equal(uniform(key, 5), jax.random.uniform(key, (5,)))
