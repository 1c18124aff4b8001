"""A masked, factorised categorical policy over several action heads."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

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


def _log_probabilities(heads: Heads, logits: Array, mask: Array) -> list[Array]:
    masked = jnp.where(mask, logits, ILLEGAL)
    return [jax.nn.log_softmax(part) for part in heads.split(masked)]


def sample(
    heads: Heads, key: PRNGKeyArray, logits: Float[Array, "*batch choices"], mask: Bool[Array, "*batch choices"]
) -> Int[Array, "*batch heads"]:
    """One action from the policy: the Gumbel-max trick on all heads at once."""
    noisy = jnp.where(mask, logits + jax.random.gumbel(key, logits.shape), ILLEGAL)
    return jnp.stack([jnp.argmax(part, axis=-1) for part in heads.split(noisy)], axis=-1)


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
    parts = _log_probabilities(heads, logits, mask)
    effective = action[..., 0] != 0
    chance = 1.0 - jnp.exp(parts[0][..., 0])
    total = entropy = jnp.zeros(action.shape[:-1])
    for head, (part, gated) in enumerate(zip(parts, heads.gated, strict=True)):
        # Comparing is cheaper than gathering, forwards and backwards.
        chosen = action[..., head, None] == jnp.arange(part.shape[-1])
        log_prob = jnp.sum(jnp.where(chosen, part, 0.0), axis=-1)
        own = -jnp.sum(jnp.exp(part) * part, axis=-1)
        total = total + (jnp.where(effective, log_prob, 0.0) if gated else log_prob)
        entropy = entropy + (chance * own if gated else own)
    return total, entropy
