"""A mobility model of one's own: Lévy walks, whose legs have a heavy-tailed length.

eco-jax train --plugin levy.py --mobility levy --mobility.exponent 1.6 --out runs/levy
"""

from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from eco_jax.env.parts import Synthetic
from eco_jax.parts import register
from eco_jax.settings import number


class Motion(NamedTuple):
    """Users on their legs."""

    position: Float[Array, "users 2"]
    """m"""
    heading: Float[Array, " users"]
    """rad"""
    left: Float[Array, " users"]
    """of the leg, m"""


@register("mobility", "levy")
class Levy(Synthetic):
    """Lévy walk: straight legs in uniform directions, lengths of a truncated Pareto law, at one speed."""

    draws: ClassVar[int] = 4
    exponent: Any = number(1.6, "-", 0.1, 5, "α", "Rhee et al. 2011", "tail exponent of a leg's length")
    shortest: Any = number(20, "m", 0.1, 1e5, "", "assumed", "shortest leg")
    longest: Any = number(2000, "m", 1, 1e6, "", "assumed", "longest leg")
    speed: Any = number(20, "km/h", 0, 1000, "v", "assumed", "speed of every user")

    def _leg(self, uniform: Float[Array, "users draws"]) -> tuple[Array, Array]:
        """Heading and length of a new leg, by the inverse of the truncated Pareto distribution."""
        kept = 1.0 - (self.shortest / self.longest) ** self.exponent
        length = self.shortest * (1.0 - uniform[:, 1] * kept) ** (-1.0 / self.exponent)
        return uniform[:, 0] * 2.0 * jnp.pi, length

    def reset(self, uniform: Float[Array, "users draws"], params: Any) -> Motion:
        """Users at uniform positions, each at the start of a leg."""
        return Motion(uniform[:, 2:4] * params.side, *self._leg(uniform))

    def move(self, uniform: Float[Array, "users draws"], motion: Motion, params: Any) -> Motion:
        """One slot along the leg, reflected at the border; who comes to its end turns there."""
        way = jnp.minimum(self.speed * params.slot, motion.left)
        step = way[:, None] * jnp.stack([jnp.cos(motion.heading), jnp.sin(motion.heading)], axis=1)
        beyond = jnp.mod(motion.position + step, 2.0 * params.side)
        position = jnp.where(beyond > params.side, 2.0 * params.side - beyond, beyond)
        heading = jnp.where(beyond[:, 0] > params.side, jnp.pi - motion.heading, motion.heading)
        heading = jnp.where(beyond[:, 1] > params.side, -heading, heading)
        new_heading, new_length = self._leg(uniform)
        ends = motion.left <= way
        return Motion(
            position, jnp.where(ends, new_heading, heading), jnp.where(ends, new_length, motion.left - way)
        )  # fmt: skip
