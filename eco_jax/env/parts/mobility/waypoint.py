"""Random waypoint: uniform start, no pause, a speed drawn for each leg."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from eco_jax.env.parts.mobility.base import Synthetic
from eco_jax.parts import register
from eco_jax.settings import number


class Motion(NamedTuple):
    """Users on their legs."""

    position: Float[Array, "users 2"]
    """m"""
    target: Float[Array, "users 2"]
    """m"""
    speed: Float[Array, " users"]
    """m/s"""


@register("mobility", "waypoint")
class Waypoint(Synthetic):
    """Random waypoint: each user goes straight to a uniform target, then to the next, without a pause."""

    draws: ClassVar[int] = 5
    speed_min: Any = number(5, "km/h", 0, 1000, "v", "assumed", "lowest speed of a leg")
    speed_max: Any = number(60, "km/h", 0, 1000, "v", "assumed", "highest speed of a leg")

    def _leg(
        self, uniform: Float[Array, "users draws"], params: Any
    ) -> tuple[Float[Array, "users 2"], Float[Array, " users"]]:
        speed = self.speed_min + uniform[:, 2] * (self.speed_max - self.speed_min)
        return uniform[:, :2] * params.side, speed

    def reset(self, uniform: Float[Array, "users draws"], params: Any) -> Motion:
        """Users at uniform positions, each on its first leg."""
        target, speed = self._leg(uniform, params)
        return Motion(uniform[:, 3:5] * params.side, target, speed)

    @jax.named_scope("mobility")
    def move(self, uniform: Float[Array, "users draws"], motion: Motion, params: Any) -> Motion:
        """One slot on. On arrival the rest of the slot goes on along the next leg, at its own speed.

        At most one arrival a slot: a user that would finish the next leg too waits at its end for the next slot.
        """
        new_target, new_speed = self._leg(uniform, params)
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
        return Motion(start + way * fraction[:, None], target, speed)
