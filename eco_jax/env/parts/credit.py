"""Credit: the reward that each user learns from, made of all users' own rewards."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from eco_jax.parts import Part, register


class Earned(NamedTuple):
    """What all users together have earned in a slot."""

    own: Float[Array, " users"]
    """each user's own reward, r_j"""
    team: Float[Array, ""]
    """the team's reward"""
    offloaded: Bool[Array, " users"]
    server: Int[Array, " users"]
    """executing server, -1 where local"""
    servers: int
    """how many there are"""
    relieved: Callable[[], Float[Array, " users"]]
    """gives what each user's own reward would be with one task less on its server"""


class Credit(Part, kind="credit"):
    """What a user is rewarded for."""

    def reward(self, earned: Earned) -> Float[Array, " users"]:
        """The rewards that the users learn from."""
        raise NotImplementedError


@register("credit", "user")
class User(Credit):
    """A user's own reward alone."""

    def reward(self, earned: Earned) -> Float[Array, " users"]:
        """Its own."""
        return earned.own


@register("credit", "team")
class Team(Credit):
    """The team's reward, the same for all."""

    def reward(self, earned: Earned) -> Float[Array, " users"]:
        """The team's."""
        return jnp.full_like(earned.own, earned.team)


@register("credit", "difference")
class Difference(Credit):
    """A user's own reward, plus what its task changes for the others on its server (a difference reward)."""

    def reward(self, earned: Earned) -> Float[Array, " users"]:
        """Its own, less the harm to the others."""
        own, offloaded, server = earned.own, earned.offloaded, earned.server
        # What each user on a server would gain if one task less ran there; a user causes this to all but itself.
        harm = jnp.where(offloaded, own - earned.relieved(), 0.0)
        there = server[:, None] == jnp.arange(earned.servers)
        total = jnp.sum(jnp.where(there, harm[:, None], 0.0), axis=0)
        return own + jnp.where(offloaded, total[server] - harm, 0.0)
