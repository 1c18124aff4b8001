"""What is expected of the slot ahead: who will run where, if everybody chose by the beliefs at hand.

Loads are the one thing that nobody can remember or measure in time: they come from what all users decide at once.
"""

from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int

from eco_jax.env.config import EnvConfig
from eco_jax.env.expected import expected_outcomes
from eco_jax.env.params import EnvParams
from eco_jax.env.state import View

PARTIES = 3
"""Users choose in so many parties, one after the other."""


class Forecast(NamedTuple):
    """What each user may expect of its alternatives, were it to choose last."""

    others: Float[Array, "users candidates"]
    """other users' tasks on the candidate, -"""
    harm: Float[Array, "users candidates"]
    """reward that those of them who have chosen lose together by one task more, -"""
    gain: Float[Array, "users candidates levels"]
    """own reward over that of running locally, -; lowest where not allowed"""


LOWEST = -1.0
"""Gain of what is not allowed: below what any sensible choice loses."""


def _some(seen: View, users: slice) -> View:
    """The view of some users (what is no scalar has them as its first axis)."""
    return jax.tree.map(lambda leaf: leaf[users] if leaf.ndim else leaf, seen)


def gains(
    config: EnvConfig, seen: View, params: EnvParams, others: Float[Array, "users candidates"]
) -> Float[Array, "users candidates levels"]:
    """Expected own reward of every alternative over that of running locally, with `others` tasks beside it."""
    home, edge, _ = expected_outcomes(config, seen._replace(others=others), params)
    return jnp.where(seen.legal[:, :, None], edge.reward - home.reward, LOWEST)


Highest = tuple[Int[Array, " users"], Bool[Array, " users"]]
"""(candidate * levels + level of the highest value, the first of equals; whether it is above 0)."""


def _highest(value: Float[Array, "users candidates levels"]) -> Highest:
    """In one reduction over all alternatives."""
    flat = value.reshape(len(value), -1)
    return jnp.argmax(flat, axis=1).astype(jnp.int32), jnp.max(flat, axis=1) > 0.0


def _highest_by_axes(value: Float[Array, "users candidates levels"]) -> Highest:
    """Over the candidates, then over the levels.

    XLA's CPU compiler makes the values part of a reduction over the last axis, where they are no vector instructions,
    and not part of one over another axis.
    """
    candidate, level = (lax.broadcasted_iota(jnp.int32, value.shape, axis) for axis in (1, 2))

    def better(one: tuple[Array, Array], other: tuple[Array, Array]) -> tuple[Array, Array]:
        first = (one[0] > other[0]) | ((one[0] == other[0]) & (one[1] < other[1]))
        return jnp.where(first, one[0], other[0]), jnp.where(first, one[1], other[1])

    found = value, candidate * value.shape[2] + level
    none = jnp.asarray(-jnp.inf, value.dtype), jnp.int32(value[0].size)
    for _ in range(2):
        found = lax.reduce(found, none, better, (1,))
    return found[1], found[0] > 0.0


@jax.named_scope("forecast")
def forecast(config: EnvConfig, seen: View, params: EnvParams) -> Forecast:
    """Loads of this slot, and what they make of everybody's alternatives; where nothing is foreseen the last slot's
    loads, no harm, and what those loads make of the alternatives.

    At first everybody is assumed where its last offloaded task ran, if that is still allowed, else at home. Then party
    after party (users by index) moves to what is best for the team as its users expect it, certainty-equivalent: their
    own gain less the harm to those who have chosen to be there. The harm is taken at the load that each of them chose
    at: a second look would cost as much again.
    """
    users, levels = seen.data.shape[0], len(config.beta_levels)
    everywhere = jnp.arange(config.servers)
    cuts = [users * i // PARTIES for i in range(PARTIES + 1)]

    def looks(
        party: slice, assumed: Int[Array, " users"], hurt: Float[Array, " users"]
    ) -> tuple[Float[Array, "party candidates"], Float[Array, "party candidates"]]:
        """Others and harm on the candidates of a party."""
        there = assumed[:, None] == everywhere
        count, harm = jnp.sum(there, axis=0), jnp.sum(jnp.where(there, hurt[:, None], 0.0), axis=0)
        candidates = seen.candidates[party]
        own = assumed[party, None] == candidates
        return (count[candidates] - own).astype(params.dtype), harm[candidates] - jnp.where(own, hurt[party, None], 0.0)

    stays = ((seen.last_server[:, None] == seen.candidates) & seen.legal).any(axis=1)
    assumed = jnp.where(stays, seen.last_server, -1)
    hurt = jnp.zeros(users, params.dtype)
    for party in (slice(a, b) for a, b in pairwise(cuts) if b > a):
        some = _some(seen, party)
        others, harm = looks(party, assumed, hurt)
        gain = gains(config, some, params, others)
        for_team = jnp.where(some.legal[:, :, None], gain - harm[:, :, None], -jnp.inf)
        choice, away = lax.platform_dependent(lax.stop_gradient(for_team), cuda=_highest, default=_highest_by_axes)
        server = jnp.take_along_axis(some.candidates, (choice // levels)[:, None], axis=1)[:, 0]
        loss = (gain - gains(config, some, params, others + 1.0)).reshape(len(gain), -1)
        own_loss = jnp.take_along_axis(loss, choice[:, None], axis=1)[:, 0]
        assumed = assumed.at[party].set(jnp.where(away, server, -1))
        hurt = hurt.at[party].set(jnp.where(away, own_loss, 0.0))
    others, harm = looks(slice(None), assumed, hurt)
    foresees = params.knowledge.foresees
    others, harm = jnp.where(foresees, others, seen.others), jnp.where(foresees, harm, 0.0)
    return Forecast(others, harm, gains(config, seen, params, others))
