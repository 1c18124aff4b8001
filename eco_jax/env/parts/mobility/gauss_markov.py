"""Gauss-Markov: a speed that reverts to a set mean, a heading that drifts, reflection at the borders."""

import math
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import ndtri
from jaxtyping import Float

from eco_jax.env.parts.mobility.base import Synthetic
from eco_jax.parts import register
from eco_jax.settings import number


class Motion(NamedTuple):
    """Users under way."""

    position: Float[Array, "users 2"]
    """m"""
    speed: Float[Array, " users"]
    """m/s"""
    heading: Float[Array, " users"]
    """rad, anticlockwise from the x axis"""


def _normal(uniform: Float[Array, " users"]) -> Float[Array, " users"]:
    return ndtri(jnp.clip(uniform, 1e-6, 1.0 - 1e-6))


@register("mobility", "gauss-markov")
class GaussMarkov(Synthetic):
    """Gauss-Markov: speeds that revert to a mean, headings that drift, reflection at the borders."""

    draws: ClassVar[int] = 4
    speed: Any = number(30, "km/h", 0, 1000, "v", "assumed", "mean speed")
    speed_std: Any = number(5, "km/h", 0, 1000, "", "assumed", "standard deviation of a speed")
    turn_std: Any = number(0.3, "rad", 0, math.pi, "", "assumed", "standard deviation of the turn in a slot")
    memory: Any = number(0.9, "-", 0, 1, "", "assumed", "slot-to-slot correlation of a speed")

    def reset(self, uniform: Float[Array, "users draws"], params: Any) -> Motion:
        """Users at uniform positions and headings, their speeds drawn from the stationary distribution."""
        position = uniform[:, :2] * params.side
        speed = jnp.maximum(self.speed + self.speed_std * _normal(uniform[:, 2]), 0.0)
        return Motion(position, speed, uniform[:, 3] * 2.0 * jnp.pi)

    @jax.named_scope("mobility")
    def move(self, uniform: Float[Array, "users draws"], motion: Motion, params: Any) -> Motion:
        """One slot on: v' = a v + (1 - a) v_mean + sqrt(1 - a^2) sigma noise (not below 0), and a normal turn."""
        a = self.memory
        noise = self.speed_std * _normal(uniform[:, 2])
        speed = jnp.maximum(a * motion.speed + (1.0 - a) * self.speed + jnp.sqrt(1.0 - a**2) * noise, 0.0)
        heading = motion.heading + self.turn_std * _normal(uniform[:, 3])
        step = (speed * params.slot)[:, None] * jnp.stack([jnp.cos(heading), jnp.sin(heading)], axis=1)
        free = motion.position + step

        # Fold the path back into the square, and turn the heading with it.
        period = jnp.mod(free, 2.0 * params.side)
        beyond = period > params.side
        position = jnp.where(beyond, 2.0 * params.side - period, period)
        heading = jnp.where(beyond[:, 0], jnp.pi - heading, heading)
        heading = jnp.where(beyond[:, 1], -heading, heading)
        return Motion(position, speed, heading)
