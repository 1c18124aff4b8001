"""What is optimised: Eqs. (12a), (13), (14), and the temporal difference of Algorithms 1 and 2."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from eco_jax.model.types import Real


def reward(latency: Real, energy: Real, qoe: Real, w1: Real, w2: Real, w3: Real) -> Real:
    """R of Eq. (13) for one user: -(w1 L_j + w2 E_j) + w3 QoE_j; the environment's is the mean over users.

    Departure: printed, the sign of the QoE is negative against Eq. (12a), so that bad service is rewarded
    (`reward_printed`).

    Args:
        latency: L_j, s.
        energy: E_j, J.
        qoe: U(QoE_j) with U the identity, -.
        w1: weight of latency, 1/s.
        w2: weight of energy, 1/J.
        w3: weight of QoE, -.
    """
    return -(w1 * latency + w2 * energy) + w3 * qoe


def reward_printed(latency: Real, energy: Real, qoe: Real, w1: Real, w2: Real, w3: Real) -> Real:
    """One user's part of R in Eq. (13) as printed: -(w1 L_j + w2 E_j) - w3 QoE_j; the users' parts are summed."""
    return -(w1 * latency + w2 * energy) - w3 * qoe


def cost(latency: Real, energy: Real, qoe: Real, w1: Real, w2: Real, w3: Real) -> Real:
    """Eq. (12a) for one user, to be minimised: (w1 L_j + w2 E_j) - w3 QoE_j. Printed without error."""
    return (w1 * latency + w2 * energy) - w3 * qoe


def expected_cost(
    latency: Float[Array, "*shape"],
    energy: Float[Array, "*shape"],
    qoe: Float[Array, "*shape"],
    w1: Real,
    w2: Real,
    w3: Real,
) -> Float[Array, ""]:
    """Eq. (14), to be minimised: the mean of Eq. (12a) over samples, which is minus the mean reward."""
    return jnp.mean(cost(latency, energy, qoe, w1, w2, w3))


def expected_cost_printed(
    latency: Float[Array, "*shape"],
    energy: Float[Array, "*shape"],
    qoe: Float[Array, "*shape"],
    w1: Real,
    w2: Real,
    w3: Real,
) -> Float[Array, ""]:
    """Eq. (14) as printed: with one minus too many, so that its minimum is Eq. (12a)'s maximum."""
    return jnp.mean(-cost(latency, energy, qoe, w1, w2, w3))


def temporal_difference(reward: Real, value: Real, next_value: Real, discount: Real) -> Real:
    """A^ of Algorithm 1, line 7 (delta_t of Algorithm 2): R + discount V(S') - V(S).

    Departure: the paper writes the reward weight w3 where the discount belongs; `printed` passes it as `discount`.
    """
    return reward + discount * next_value - value
