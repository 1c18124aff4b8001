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

    def split(self, flat: Array) -> Iterator[Array]:
        """The heads' parts of concatenated choices, [..., choices]."""
        start = 0
        for size in self.sizes:
            yield flat[..., start : start + size]
            start += size


def _columns(logits: Float[Array, "*batch choices"]) -> list[Float[Array, "*batch"]]:
    """One head's logits choice by choice, less the highest.

    Sums over the few choices of a head are written out: XLA then fuses them with what is around them, and makes vector
    instructions of it all, which it does not of a reduction over a short axis.
    """
    return _relative(_choices_last(logits))


def _relative(columns: list[Float[Array, "*batch"]]) -> list[Float[Array, "*batch"]]:
    """Logits of each choice, less the highest."""
    highest = lax.stop_gradient(reduce(jnp.maximum, columns))
    return [column - highest for column in columns]


def _by_choice(logits: Float[Array, "*batch choices"]) -> list[Float[Array, "*batch"]]:
    """Logits of each choice."""
    found: list[Array] = lax.platform_dependent(logits, cuda=_choices_first, default=_choices_last)
    return found


def _choices_last(logits: Float[Array, "*batch choices"]) -> list[Float[Array, "*batch"]]:
    return [logits[..., choice] for choice in range(logits.shape[-1])]


def _choices_first(logits: Float[Array, "*batch choices"]) -> list[Float[Array, "*batch"]]:
    """Their gradient is put together choice by choice, too: neighbouring threads of a GPU then compute the same one, in
    place of all choices one after the other (a tenth of the time).
    """
    moved = lax.optimization_barrier(jnp.moveaxis(logits, -1, 0))
    return [row[0] for row in lax.split(moved, [1] * len(moved), axis=0)]


@jax.named_scope("sample")
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
    cumulative = list(accumulate(jnp.exp(column) for column in _columns(logits)))
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


def choose(
    heads: Heads,
    key: PRNGKeyArray,
    logits: Float[Array, "*batch choices"],
    mask: Bool[Array, "*batch choices"],
    greedy: bool | Bool[Array, ""] = False,
) -> Int[Array, "*batch heads"]:
    """The most likely action where `greedy`, which may be traced, else a sample."""
    if isinstance(greedy, bool):
        return mode(heads, logits, mask) if greedy else sample(heads, key, logits, mask)
    return jnp.where(greedy, mode(heads, logits, mask), sample(heads, key, logits, mask))


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
    effective = action[..., 0] != 0
    total = entropy = jnp.zeros(action.shape[:-1])
    every = _by_choice(jnp.where(mask, logits, ILLEGAL))
    for head, (size, last) in enumerate(zip(heads.sizes, accumulate(heads.sizes), strict=True)):
        columns = _relative(every[last - size : last])
        weights = [jnp.exp(column) for column in columns]
        norm = reduce(jnp.add, weights)
        mean = reduce(jnp.add, [weight * column for weight, column in zip(weights, columns, strict=True)]) / norm
        own = jnp.log(norm) - mean
        taken = columns[0]
        for choice, column in enumerate(columns[1:], start=1):
            taken = jnp.where(action[..., head] == choice, column, taken)
        log_prob = taken - jnp.log(norm)
        if head == 0:
            chance = 1.0 - weights[0] / norm
        gated = heads.gated[head]
        total = total + (jnp.where(effective, log_prob, 0.0) if gated else log_prob)
        entropy = entropy + (chance * own if gated else own)
    return total, entropy
