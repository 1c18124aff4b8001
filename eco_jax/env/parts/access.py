"""Access: which server a user's radio reaches, and how a task gets from there to the server that executes it."""

import math
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Shaped

from eco_jax.model.types import Flag
from eco_jax.parts import Part, register
from eco_jax.settings import number


class Access(Part, kind="access"):
    """Which of the candidates a user sends to."""

    backhaul: ClassVar[Any] = math.inf
    """rate between servers, bit/s"""

    def links(self, servers: int) -> int:
        """Links of a user with a fading of their own, among so many servers."""
        raise NotImplementedError

    def towards(self, candidates: Shaped[Array, "users candidates"]) -> Shaped[Array, "users links"]:
        """Of something known of each candidate, what is known of those that the user may send to."""
        raise NotImplementedError

    def fading(
        self, fading: Float[Array, "users every"], candidates: Int[Array, "users candidates"]
    ) -> Float[Array, "users links"]:
        """Fading towards each server that the user may send to, from that of all links."""
        raise NotImplementedError

    def receiver(self, server: Int[Array, " users"], nearest: Int[Array, " users"]) -> Int[Array, " users"]:
        """The server that the user sends to, from the executing and the nearest one."""
        raise NotImplementedError

    def link(self, choice: Int[Array, " users"]) -> Int[Array, " users"]:
        """Number of the link (see `towards`) that is used for a choice of candidate."""
        raise NotImplementedError

    def relayed(self, elsewhere: Flag) -> Flag:
        """Whether the task takes the backhaul, where the executing server is not the nearest one."""
        raise NotImplementedError


@register("access", "nearest")
class Nearest(Access):
    """Radio to the nearest server, and the backhaul from there to the executing one."""

    backhaul: Any = number(1, "Gbit/s", 1e-6, 1e6, "", "assumed", "rate between servers")  # type: ignore[misc]

    def links(self, servers: int) -> int:
        """One, to the nearest."""
        return 1

    def towards(self, candidates: Shaped[Array, "users candidates"]) -> Shaped[Array, "users links"]:
        """Of the first candidate."""
        return candidates[:, :1]

    def fading(
        self, fading: Float[Array, "users every"], candidates: Int[Array, "users candidates"]
    ) -> Float[Array, "users links"]:
        """That of the one link."""
        return fading

    def receiver(self, server: Int[Array, " users"], nearest: Int[Array, " users"]) -> Int[Array, " users"]:
        """The nearest."""
        return nearest

    def link(self, choice: Int[Array, " users"]) -> Int[Array, " users"]:
        """The first, whatever the choice."""
        return jnp.zeros_like(choice)

    def relayed(self, elsewhere: Flag) -> Flag:
        """If it runs elsewhere."""
        return elsewhere


@register("access", "direct")
class Direct(Access):
    """Radio straight to the executing server."""

    def links(self, servers: int) -> int:
        """One to each server."""
        return servers

    def towards(self, candidates: Shaped[Array, "users candidates"]) -> Shaped[Array, "users links"]:
        """Of all candidates."""
        return candidates

    def fading(
        self, fading: Float[Array, "users every"], candidates: Int[Array, "users candidates"]
    ) -> Float[Array, "users links"]:
        """Those of the links to the candidates."""
        return jnp.take_along_axis(fading, candidates, axis=1)

    def receiver(self, server: Int[Array, " users"], nearest: Int[Array, " users"]) -> Int[Array, " users"]:
        """The executing one."""
        return server

    def link(self, choice: Int[Array, " users"]) -> Int[Array, " users"]:
        """The candidate's own."""
        return choice

    def relayed(self, elsewhere: Flag) -> Flag:
        """Never."""
        return False
