"""Advantages: n-step and generalised (GAE), correct at truncations."""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float

from eco_jax.model.objective import temporal_difference


def gae(
    rewards: Float[Array, "time *batch"],
    values: Float[Array, "time *batch"],
    next_values: Float[Array, "time *batch"],
    terminated: Bool[Array, "time *batch"],
    ended: Bool[Array, "time *batch"],
    discount: Float[Array, ""] | float,
    decay: Float[Array, ""] | float,
) -> Float[Array, "time *batch"]:
    """Generalised advantage estimates; value targets are these plus `values`.

    decay = 0 is the one-step temporal difference of the paper's algorithms, decay = 1 the n-step return to the end
    of the rollout.

    Args:
        rewards: R_{t+1}.
        values: V(S_t).
        next_values: V(S_{t+1}) of the true next observation, also where the episode ended and was reset.
        terminated: the episode ended in a terminal state, whose value is 0.
        ended: terminated or truncated: nothing flows back across it. A truncated step does bootstrap.
        discount: gamma.
        decay: lambda.
    """
    errors = temporal_difference(rewards, values, jnp.where(terminated, 0.0, next_values), discount)

    def back(later: Array, step: tuple[Array, Array]) -> tuple[Array, Array]:
        error, end = step
        advantage = error + discount * decay * jnp.where(end, 0.0, later)
        return advantage, advantage

    return lax.scan(back, jnp.zeros_like(errors[0]), (errors, ended), reverse=True)[1]
