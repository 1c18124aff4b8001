"""Coverage: how far a server's radio reaches."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from eco_jax.parts import Part, numbers_of, register, with_numbers
from eco_jax.settings import number


class Coverage(Part, kind="coverage"):
    """Where offloading is possible at all."""

    per_server: ClassVar[tuple[str, ...]] = ()
    """numbers that may be each server's own, [servers]"""

    def towards(self, servers: Int[Array, "users links"]) -> "Coverage":
        """The same with the numbers of these servers [users, links] where each server has its own."""
        now = numbers_of(self)
        own = {name: now[name][servers] for name in self.per_server if jnp.ndim(now[name])}
        return with_numbers(self, own) if own else self

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

    per_server: ClassVar[tuple[str, ...]] = ("radius",)
    radius: Any = number(150, "m", 1, 1e6, "", "paper", "coverage radius of a server")

    def reaches(self, distance: Float[Array, "users links"]) -> Bool[Array, "users links"]:
        """Within the radius."""
        return distance <= self.radius
