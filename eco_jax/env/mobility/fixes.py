"""Position fixes of synthetic users, and dead reckoning from raw fixes."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from eco_jax.env.params import EnvParams
from eco_jax.env.state import Fixes


def first(position: Float[Array, "users 2"]) -> Fixes:
    """One fix, at the present position."""
    users = position.shape[0]
    zero = jnp.zeros(users, jnp.float32)
    return Fixes(position, position, zero, zero, jnp.ones(users, jnp.int32))


def update(fixes: Fixes, position: Float[Array, "users 2"], t: Int[Array, ""], params: EnvParams) -> Fixes:
    """The fixes at slot t: a new one every `fix_every` slots, else the last one grows older."""
    age = fixes.age + params.slot
    due = t % jnp.int32(params.fix_every) == 0
    return Fixes(
        last=jnp.where(due, position, fixes.last),
        previous=jnp.where(due, fixes.last, fixes.previous),
        age=jnp.where(due, 0.0, age),
        gap=jnp.where(due, age, fixes.gap),
        known=jnp.where(due, jnp.minimum(fixes.known + 1, 2), fixes.known),
    )


def dead_reckoning(fixes: Fixes, position: Float[Array, "users 2"], params: EnvParams) -> Float[Array, "users 2"]:
    """Expected position in the next slot, m: last fix + velocity * (its age + slot), clipped to the area.

    The velocity comes from the last two raw fixes; where there are not two yet, the present position stands.
    """
    gap = jnp.where(fixes.gap > 0, fixes.gap, 1.0)[:, None]
    ahead = (fixes.age + params.slot)[:, None]
    reckoned = fixes.last + (fixes.last - fixes.previous) / gap * ahead
    known = (fixes.known == 2) & (fixes.gap > 0)
    return jnp.clip(jnp.where(known[:, None], reckoned, position), 0.0, params.side)
