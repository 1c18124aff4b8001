"""Random waypoint: uniform start, no pause, a speed drawn for each leg."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from eco_jax.env.parts.mobility.base import Synthetic
from eco_jax.parts import register
from eco_jax.settings import choice, number, whole


class Motion(NamedTuple):
    """Users on their legs."""

    position: Float[Array, "users 2"]
    """m"""
    target: Float[Array, "users 2"]
    """m"""
    speed: Float[Array, " users"]
    """m/s"""


PROPOSALS = 32
"""Legs of which a stationary start takes one."""


@register("mobility", "waypoint")
class Waypoint(Synthetic):
    """Random waypoint: each user goes straight to a uniform target, then to the next, without a pause."""

    speed_min: Any = number(5, "km/h", 0, 1000, "v", "assumed", "lowest speed of a leg")
    speed_max: Any = number(60, "km/h", 0, 1000, "v", "assumed", "highest speed of a leg")
    start: str = choice(
        "uniform", ("uniform", "stationary"),
        "users at first at uniform positions on new legs, or as the walk spreads them in the long run: towards the "
        "middle, on long legs, at low speeds",
    )  # fmt: skip
    arrivals: int = whole(1, 1, 100, "targets that a user may reach in a slot; it waits at the last of them")

    @property
    def draws(self) -> int:  # type: ignore[override]
        """Target and speed of each leg that may begin, and a start."""
        return 5 + 3 * (self.arrivals - 1)

    @property
    def starts(self) -> int:  # type: ignore[override]
        """Of a stationary start: both ends of each proposal, which of them, how far along it, at what speed."""
        return 4 * PROPOSALS + 3 if self.start == "stationary" else 0

    def _leg(
        self, uniform: Float[Array, "users three"], params: Any
    ) -> tuple[Float[Array, "users 2"], Float[Array, " users"]]:
        speed = self.speed_min + uniform[:, 2] * (self.speed_max - self.speed_min)
        return uniform[:, :2] * params.side, speed

    def reset(
        self, uniform: Float[Array, "users draws"], params: Any, starts: Float[Array, "users starts"] | None = None
    ) -> Motion:
        """Users on their first legs."""
        if self.start == "stationary" and starts is not None:
            return self._stationary(starts, params)
        target, speed = self._leg(uniform, params)
        return Motion(uniform[:, 3:5] * params.side, target, speed)

    def _stationary(self, uniform: Float[Array, "users starts"], params: Any) -> Motion:
        """Users as the walk has them after a long time (Navidi and Camp 2004).

        A leg is met with a probability that grows with its length, at a uniform point of it, and a speed with one that
        falls as 1 / v. The leg is one of `PROPOSALS`, drawn by their lengths.
        """
        ends = uniform[:, : 4 * PROPOSALS].reshape(-1, PROPOSALS, 2, 2) * params.side
        way = ends[:, :, 1] - ends[:, :, 0]
        total = jnp.cumsum(jnp.sqrt(way[..., 0] ** 2 + way[..., 1] ** 2), axis=1)
        which, along, quick = (uniform[:, 4 * PROPOSALS + i] for i in range(3))
        taken = jnp.sum(total <= (which * total[:, -1])[:, None], axis=1)
        leg = jnp.take_along_axis(ends, taken[:, None, None, None], axis=1)[:, 0]
        position = leg[:, 0] + along[:, None] * (leg[:, 1] - leg[:, 0])
        low = jnp.maximum(self.speed_min, 1e-3 * self.speed_max)  # at a lowest speed of 0 all would stand in the end
        ratio = jnp.where(low > 0.0, self.speed_max / jnp.where(low > 0.0, low, 1.0), 1.0)
        return Motion(position, leg[:, 1], low * ratio**quick)

    @jax.named_scope("mobility")
    def move(self, uniform: Float[Array, "users draws"], motion: Motion, params: Any) -> Motion:
        """One slot on. On arrival the rest of the slot goes on along the next leg, at its own speed.

        A user that would reach more than `arrivals` targets waits at the last one's successor for the next slot.
        """
        position, target, speed = motion
        rest = params.slot
        for first in (0, *range(5, self.draws, 3)):
            new_target, new_speed = self._leg(uniform[:, first : first + 3], params)
            way = target - position
            length = jnp.sqrt(way[:, 0] ** 2 + way[:, 1] ** 2)
            reach = speed * rest
            arrives = length <= reach
            # Who is still under way stands where it is: the last lines move it.
            position = jnp.where(arrives[:, None], target, position)
            target = jnp.where(arrives[:, None], new_target, target)
            rest = rest - jnp.where(arrives, length / jnp.maximum(speed, 1e-6), 0.0)
            speed = jnp.where(arrives, new_speed, speed)

        way = target - position
        length = jnp.sqrt(way[:, 0] ** 2 + way[:, 1] ** 2)
        fraction = jnp.minimum(1.0, speed * rest / jnp.maximum(length, 1e-6))
        return Motion(position + way * fraction[:, None], target, speed)
