"""Uniform numbers for the inner loops."""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, PRNGKeyArray, UInt32

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
"""Threefry-2x32, Salmon et al. 2011, Table 2."""


def threefry2x32(key: UInt32[Array, "2"], x: Array, y: Array) -> tuple[Array, Array]:
    """Threefry-2x32 with 20 rounds: two words of 32 random bits for every pair of counters."""
    schedule = key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(0x1BD11BDA)
    x, y = x + schedule[0], y + schedule[1]
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            x = x + y
            y = ((y << rotation) | (y >> (32 - rotation))) ^ x
        x, y = x + schedule[(group + 1) % 3], y + schedule[(group + 2) % 3] + jnp.uint32(group + 1)
    return x, y


def uniform(key: PRNGKeyArray, count: int) -> Float[Array, " count"]:
    """`count` uniforms in [0, 1), multiples of 2^-23.

    The generator is jax's own, and so are the bits (those of `jax_threefry_partitionable=False`), but for the middle
    number of an odd count, whose counter jax pairs with 0. It is spelled out because XLA then makes one loop of it:
    jax's version for CPUs passes over memory dozens of times, a quarter of an environment step.
    """
    if str(jax.random.key_impl(key)) != "threefry2x32":
        return jax.random.uniform(key, (count,))
    half = (count + 1) // 2
    counter = lax.iota(jnp.uint32, half)
    # The numbers have many users, and none shall compute them again: XLA's CPU compiler stops at the concatenation, and
    # drops the barrier, which is for the others.
    words = lax.optimization_barrier(threefry2x32(jax.random.key_data(key), counter, counter + jnp.uint32(half)))
    bits = jnp.concatenate(words)[:count]
    return lax.bitcast_convert_type((bits >> 9) | jnp.uint32(0x3F800000), jnp.float32) - 1.0
