"""Random waypoint: uniform start, no pause, a speed drawn for each leg."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from eco_jax.env.config import EnvConfig
from eco_jax.env.mobility import fixes
from eco_jax.env.params import EnvParams
from eco_jax.env.state import Fixes

DRAWS = 5


class Motion(NamedTuple):
    """Users on their legs."""

    position: Float[Array, "users 2"]
    """m"""
    target: Float[Array, "users 2"]
    """m"""
    speed: Float[Array, " users"]
    """m/s"""
    fixes: Fixes


def _leg(
    uniform: Float[Array, "users draws"], params: EnvParams
) -> tuple[Float[Array, "users 2"], Float[Array, " users"]]:
    speed = params.speed_min + uniform[:, 2] * (params.speed_max - params.speed_min)
    return uniform[:, :2] * params.side, speed


def reset(uniform: Float[Array, "users draws"], config: EnvConfig, params: EnvParams) -> Motion:
    """Users at uniform positions, each on its first leg."""
    target, speed = _leg(uniform, params)
    position = uniform[:, 3:5] * params.side
    return Motion(position, target, speed, fixes.first(position))


@jax.named_scope("mobility")
def move(
    uniform: Float[Array, "users draws"], motion: Motion, t: Int[Array, ""], config: EnvConfig, params: EnvParams
) -> Motion:
    """One slot on. On arrival the rest of the slot goes on along the next leg, at its own speed.

    At most one arrival a slot: a user that would finish the next leg too waits at its end for the next slot.
    """
    new_target, new_speed = _leg(uniform, params)
    way = motion.target - motion.position
    length = jnp.sqrt(way[:, 0] ** 2 + way[:, 1] ** 2)
    reach = motion.speed * params.slot
    arrives = length <= reach

    start = jnp.where(arrives[:, None], motion.target, motion.position)
    target = jnp.where(arrives[:, None], new_target, motion.target)
    speed = jnp.where(arrives, new_speed, motion.speed)
    rest = params.slot - jnp.where(arrives, length / jnp.maximum(motion.speed, 1e-6), 0.0)

    way = target - start
    length = jnp.sqrt(way[:, 0] ** 2 + way[:, 1] ** 2)
    fraction = jnp.minimum(1.0, speed * rest / jnp.maximum(length, 1e-6))
    position = start + way * fraction[:, None]
    return Motion(position, target, speed, fixes.update(motion.fixes, position, t, params))
