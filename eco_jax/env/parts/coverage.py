"""Coverage: how far a server's radio reaches."""

from typing import Any

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from eco_jax.parts import Part, register
from eco_jax.settings import number


class Coverage(Part, kind="coverage"):
    """Where offloading is possible at all."""

    def reaches(self, distance: Float[Array, "users links"]) -> Bool[Array, "users links"]:
        """Whether a server at this distance (m) can be sent to."""
        raise NotImplementedError


@register("coverage", "soft")
class Soft(Coverage):
    """Links degrade with distance, and none is forbidden."""

    def reaches(self, distance: Float[Array, "users links"]) -> Bool[Array, "users links"]:
        """Always."""
        return jnp.ones(distance.shape, bool)


@register("coverage", "hard")
class Hard(Coverage):
    """Offloading is impossible beyond the coverage radius."""

    radius: Any = number(150, "m", 1, 1e6, "", "paper", "coverage radius of a server")

    def reaches(self, distance: Float[Array, "users links"]) -> Bool[Array, "users links"]:
        """Within the radius."""
        return distance <= self.radius
