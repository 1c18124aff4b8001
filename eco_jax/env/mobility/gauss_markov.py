"""Gauss-Markov: a speed that reverts to a set mean, a heading that drifts, reflection at the borders."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import ndtri
from jaxtyping import Float, Int

from eco_jax.env.config import EnvConfig
from eco_jax.env.mobility import fixes
from eco_jax.env.params import EnvParams
from eco_jax.env.state import Fixes

DRAWS = 4


class Motion(NamedTuple):
    """Users under way."""

    position: Float[Array, "users 2"]
    """m"""
    speed: Float[Array, " users"]
    """m/s"""
    heading: Float[Array, " users"]
    """rad, anticlockwise from the x axis"""
    fixes: Fixes


def _normal(uniform: Float[Array, " users"]) -> Float[Array, " users"]:
    return ndtri(jnp.clip(uniform, 1e-6, 1.0 - 1e-6))


def reset(uniform: Float[Array, "users draws"], config: EnvConfig, params: EnvParams) -> Motion:
    """Users at uniform positions and headings, their speeds drawn from the stationary distribution."""
    position = uniform[:, :2] * params.side
    speed = jnp.maximum(params.gm_speed + params.gm_speed_std * _normal(uniform[:, 2]), 0.0)
    return Motion(position, speed, uniform[:, 3] * 2.0 * jnp.pi, fixes.first(position))


@jax.named_scope("mobility")
def move(
    uniform: Float[Array, "users draws"], motion: Motion, t: Int[Array, ""], config: EnvConfig, params: EnvParams
) -> Motion:
    """One slot on: v' = a v + (1 - a) v_mean + sqrt(1 - a^2) sigma noise (not below 0), and a normal turn."""
    a = params.gm_memory
    noise = params.gm_speed_std * _normal(uniform[:, 2])
    speed = jnp.maximum(a * motion.speed + (1.0 - a) * params.gm_speed + jnp.sqrt(1.0 - a**2) * noise, 0.0)
    heading = motion.heading + params.gm_turn_std * _normal(uniform[:, 3])
    step = (speed * params.slot)[:, None] * jnp.stack([jnp.cos(heading), jnp.sin(heading)], axis=1)
    free = motion.position + step

    # Fold the path back into the square, and turn the heading with it.
    period = jnp.mod(free, 2.0 * params.side)
    beyond = period > params.side
    position = jnp.where(beyond, 2.0 * params.side - period, period)
    heading = jnp.where(beyond[:, 0], jnp.pi - heading, heading)
    heading = jnp.where(beyond[:, 1], -heading, heading)
    return Motion(position, speed, heading, fixes.update(motion.fixes, position, t, params))
