"""Placing replicas of services: who asks, who is admitted."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int


@jax.named_scope("placement")
def admit(
    wanted: Bool[Array, " users"],
    server: Int[Array, " users"],
    bits: Float[Array, " users"],
    held: Int[Array, " servers"],
    capacity: Float[Array, ""] | Float[Array, " servers"],
) -> Bool[Array, " users"]:
    """Placements of a slot that are admitted: per server in order of falling T_ij (ties by index) while slots are free.

    Replicas held at the start of the slot occupy their slots until its end, those to be replaced too.

    Args:
        wanted: whether the user asks for a placement (and Eq. (5) holds).
        server: where.
        bits: T_ij, bit.
        held: replicas on each server.
        capacity: replicas that a server can hold, one number for all or each server's own.
    """
    index = jnp.arange(server.shape[0])
    # The others lead and the users follow: sums over a leading axis are vector instructions.
    others_bits, own_bits = bits[:, None], bits[None, :]
    before = (others_bits > own_bits) | ((others_bits == own_bits) & (index[:, None] < index[None, :]))
    ahead = wanted[:, None] & before & (server[:, None] == server[None, :])
    rank = jnp.sum(ahead, axis=0)
    there = capacity[server] if jnp.ndim(capacity) else capacity
    return wanted & (rank + held[server] < there)
