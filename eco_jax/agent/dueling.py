"""Q-values of joint actions from a network's logits and value (a dueling network, Wang et al. 2016, head by head).

Q(s, a) = V(s) + the sum over the heads h of A_h(a_h), A_h(c) = l_h(c) - the mean of l_h over the legal choices. V is
the network's value, l_h are its logits of head h. A gated head counts only where the first head's choice is not 0. So
the best joint action is found head by head.
"""

import math
from functools import reduce

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from eco_jax.agent.distribution import ILLEGAL, Heads, mode, sample
from eco_jax.random import uniform


def advantages(
    heads: Heads, logits: Float[Array, "*batch choices"], mask: Bool[Array, "*batch choices"]
) -> list[list[Float[Array, "*batch"]]]:
    """A_h(c) of each head's choices; of an illegal one `ILLEGAL`."""
    return [
        _centred(list(jnp.moveaxis(own, -1, 0)), list(jnp.moveaxis(legal, -1, 0)))
        for own, legal in zip(heads.split(logits), heads.split(mask), strict=True)
    ]


def _centred(columns: list[Array], legal: list[Array]) -> list[Array]:
    """Each choice's logit less the mean over the legal ones; sums over the few choices are written out (XLA fuses)."""
    count = reduce(jnp.add, [flag.astype(jnp.float32) for flag in legal])
    total = reduce(jnp.add, [jnp.where(flag, column, 0.0) for column, flag in zip(columns, legal, strict=True)])
    mean = total / jnp.maximum(count, 1.0)
    return [jnp.where(flag, column - mean, ILLEGAL) for column, flag in zip(columns, legal, strict=True)]


def taken(
    heads: Heads,
    logits: Float[Array, "*batch choices"],
    value: Float[Array, "*batch"],
    mask: Bool[Array, "*batch choices"],
    action: Int[Array, "*batch heads"],
) -> Float[Array, "*batch"]:
    """Q(s, action) of legal actions.

    Args:
        heads: layout of the action.
        logits: of all heads.
        value: of the state.
        mask: legal choices.
        action: a choice of each head.
    """
    effective = action[..., 0] != 0
    for head, columns in enumerate(advantages(heads, logits, mask)):
        own = columns[0]
        for choice, column in enumerate(columns[1:], start=1):
            own = jnp.where(action[..., head] == choice, column, own)
        value = value + (jnp.where(effective, own, 0.0) if heads.gated[head] else own)
    return value


def _first_head(
    heads: Heads, found: list[list[Float[Array, "*batch"]]]
) -> tuple[list[Float[Array, "*batch"]], Float[Array, "*batch"]]:
    """A of the first head's choices, with what the gated heads' best add where they count; and the others' best."""
    best = [reduce(jnp.maximum, columns) for columns in found[1:]]
    none = jnp.zeros_like(found[0][0])
    gated = reduce(jnp.add, [b for b, closed in zip(best, heads.gated[1:], strict=True) if closed], none)
    free = reduce(jnp.add, [b for b, closed in zip(best, heads.gated[1:], strict=True) if not closed], none)
    return [found[0][0], *(column + gated for column in found[0][1:])], free


def highest(
    heads: Heads,
    logits: Float[Array, "*batch choices"],
    value: Float[Array, "*batch"],
    mask: Bool[Array, "*batch choices"],
) -> Float[Array, "*batch"]:
    """The highest Q(s, a) of a legal joint action; arguments as of `taken`."""
    first, free = _first_head(heads, advantages(heads, logits, mask))
    return value + reduce(jnp.maximum, first) + free


def best(
    heads: Heads, logits: Float[Array, "*batch choices"], mask: Bool[Array, "*batch choices"]
) -> Int[Array, "*batch heads"]:
    """The legal joint action of the highest Q; without effect on it, a gated head has its own best choice."""
    first, _ = _first_head(heads, advantages(heads, logits, mask))
    action = mode(heads, logits, mask)
    return action.at[..., 0].set(jnp.argmax(jnp.stack(first, axis=-1), axis=-1))


def epsilon_greedy(
    heads: Heads,
    key: PRNGKeyArray,
    logits: Float[Array, "*batch choices"],
    mask: Bool[Array, "*batch choices"],
    epsilon: Float[Array, ""] | float,
) -> Int[Array, "*batch heads"]:
    """With probability epsilon any legal joint action, all as likely; else the best. Each user draws for itself.

    Args:
        heads: layout of the action.
        key: for the draws.
        logits: of all heads.
        mask: legal choices.
        epsilon: in [0, 1].
    """
    choice_key, coin_key = jax.random.split(key)
    batch = logits.shape[:-1]
    explores = uniform(coin_key, math.prod(batch)).reshape(batch) < epsilon
    return jnp.where(
        explores[..., None], sample(heads, choice_key, jnp.zeros_like(logits), mask), best(heads, logits, mask)
    )
