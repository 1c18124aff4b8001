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
    relieved: Callable[[bool, bool], Float[Array, " users"]]
    """(task, sender): each user's own reward with one task less on its server, one sender less on its link, or both"""
    radio: Int[Array, " users"]
    """server that a user sends to, -1 where local"""
    contended: bool
    """whether senders share a server's bandwidth"""


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
    """A user's own reward, plus what its task changes for the others by their CPU and their spectrum (a difference
    reward).
    """

    def reward(self, earned: Earned) -> Float[Array, " users"]:
        """Its own, less the harm to the others."""
        own, offloaded, server = earned.own, earned.offloaded, earned.server

        def harm(task: bool, sender: bool) -> Float[Array, " users"]:
            return jnp.where(offloaded, own - earned.relieved(task, sender), 0.0)

        if earned.contended:
            # User k loses by user i what i takes of its CPU, of its link, or of both.
            cpu, link = (a[:, None] == a[None, :] for a in (server, earned.radio))
            one, other, both = harm(True, False), harm(False, True), harm(True, True)
            each = jnp.where(cpu & link, both, jnp.where(cpu, one, jnp.where(link, other, 0.0)))
            others = offloaded[:, None] & offloaded[None, :] & ~jnp.eye(len(own), dtype=bool)
            return own + jnp.sum(jnp.where(others, each, 0.0), axis=1)
        # What each user on a server would gain if one task less ran there; a user causes this to all but itself.
        lost = harm(True, False)
        there = server[:, None] == jnp.arange(earned.servers)
        total = jnp.sum(jnp.where(there, lost[:, None], 0.0), axis=0)
        return own + jnp.where(offloaded, total[server] - lost, 0.0)
