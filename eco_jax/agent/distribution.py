"""A masked, factorised categorical policy over several action heads."""

import math
from collections.abc import Iterator
from functools import reduce
from itertools import accumulate
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from eco_jax.random import uniform

ILLEGAL = -1e9
"""Logit of a masked choice: its probability underflows to exactly 0, and nothing becomes infinite."""


class Heads(NamedTuple):
    """Layout of the action heads."""

    sizes: tuple[int, ...]
    """choices of each head"""
    gated: tuple[bool, ...]
    """heads without effect where the first head chose 0"""

    def split(self, flat: Array, axis: int = -1) -> Iterator[Array]:
        """The heads' parts of concatenated choices."""
        start = 0
        for size in self.sizes:
            yield lax.slice_in_dim(flat, start, start + size, axis=axis)
            start += size


def sample(
    heads: Heads, key: PRNGKeyArray, logits: Float[Array, "*batch choices"], mask: Bool[Array, "*batch choices"]
) -> Int[Array, "*batch heads"]:
    """One action from the policy: each head's cumulative probabilities against one uniform number."""
    *batch, _ = logits.shape
    numbers = uniform(key, math.prod(batch) * len(heads.sizes)).reshape(len(heads.sizes), *batch)
    masked = jnp.where(mask, logits, ILLEGAL)
    return jnp.stack(
        [_sample(part, number) for part, number in zip(heads.split(masked), numbers, strict=True)], axis=-1
    )


def _sample(logits: Float[Array, "*batch choices"], number: Float[Array, "*batch"]) -> Int[Array, "*batch"]:
    columns = [logits[..., choice] for choice in range(logits.shape[-1])]
    highest = reduce(jnp.maximum, columns)
    cumulative = list(accumulate(jnp.exp(column - highest) for column in columns))
    # The number is below 1, so the first sum above its share of the total belongs to a choice of probability above 0.
    threshold = number * cumulative[-1]
    passed = [(below <= threshold).astype(jnp.int32) for below in cumulative[:-1]]
    return reduce(jnp.add, passed, jnp.zeros(number.shape, jnp.int32))


def mode(
    heads: Heads, logits: Float[Array, "*batch choices"], mask: Bool[Array, "*batch choices"]
) -> Int[Array, "*batch heads"]:
    """The most likely choice of each head."""
    masked = jnp.where(mask, logits, ILLEGAL)
    return jnp.stack([jnp.argmax(part, axis=-1) for part in heads.split(masked)], axis=-1)


def log_prob_and_entropy(
    heads: Heads,
    logits: Float[Array, "*batch choices"],
    mask: Bool[Array, "*batch choices"],
    action: Int[Array, "*batch heads"],
) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
    """Log pi(action) and the entropy of the policy, nat.

    A gated head counts only where the first head's choice is not 0: in the log-probability by the action taken, in
    the entropy by the probability of that.
    """
    # The choices lead: sums over a leading axis are vector instructions, over a last one of few choices they are not.
    masked = jnp.moveaxis(jnp.where(mask, logits, ILLEGAL), -1, 0)
    parts = [jax.nn.log_softmax(part, axis=0) for part in heads.split(masked, axis=0)]
    effective = action[..., 0] != 0
    chance = 1.0 - jnp.exp(parts[0][0])
    total = entropy = jnp.zeros(action.shape[:-1])
    for head, (part, gated) in enumerate(zip(parts, heads.gated, strict=True)):
        # Comparing is cheaper than gathering, forwards and backwards.
        choices = jnp.arange(len(part)).reshape(-1, *(1,) * effective.ndim)
        log_prob = jnp.sum(jnp.where(action[..., head] == choices, part, 0.0), axis=0)
        own = -jnp.sum(jnp.exp(part) * part, axis=0)
        total = total + (jnp.where(effective, log_prob, 0.0) if gated else log_prob)
        entropy = entropy + (chance * own if gated else own)
    return total, entropy
