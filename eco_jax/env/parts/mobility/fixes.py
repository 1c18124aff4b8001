"""Position fixes of synthetic users, and dead reckoning from raw fixes."""

from typing import Any

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from eco_jax.env.state import Fixes


def first(position: Float[Array, "users 2"]) -> Fixes:
    """One fix, at the present position."""
    users = position.shape[0]
    zero = jnp.zeros(users, position.dtype)
    return Fixes(position, position, zero, zero, jnp.ones(users, jnp.int32))


def update(fixes: Fixes, position: Float[Array, "users 2"], t: Int[Array, ""], slot: Any, every: Any) -> Fixes:
    """The fixes at slot t: a new one every `every` slots, else the last one grows older by `slot` (s)."""
    age = fixes.age + slot
    due = t % jnp.int32(every) == 0
    return Fixes(
        last=jnp.where(due, position, fixes.last),
        previous=jnp.where(due, fixes.last, fixes.previous),
        age=jnp.where(due, 0.0, age),
        gap=jnp.where(due, age, fixes.gap),
        known=jnp.where(due, jnp.minimum(fixes.known + 1, 2), fixes.known),
    )


def dead_reckoning(fixes: Fixes, params: Any) -> Float[Array, "users 2"]:
    """Expected position in the next slot, m: last fix + velocity * (its age + slot), clipped to the area.

    The velocity comes from the last two raw fixes; where there are not two yet, the last fix stands. The present
    position is no argument: between two fixes of a trace it is interpolated, and so knows the next one.
    """
    gap = jnp.where(fixes.gap > 0, fixes.gap, 1.0)[:, None]
    ahead = (fixes.age + params.slot)[:, None]
    reckoned = fixes.last + (fixes.last - fixes.previous) / gap * ahead
    known = (fixes.known == 2) & (fixes.gap > 0)
    return jnp.clip(jnp.where(known[:, None], reckoned, fixes.last), 0.0, params.side)
