"""What a raw action means."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, Shaped

from eco_jax.env.config import EnvConfig
from eco_jax.env.observe import legal_candidates
from eco_jax.env.params import EnvParams
from eco_jax.env.state import State


def pick(leaf: Shaped[Array, "#users candidates"], choice: Int[Array, " users"]) -> Shaped[Array, " users"]:
    """Each user's entry of `leaf` at its choice. Selects instead of a gather: they fuse with what is around them."""
    taken = jnp.broadcast_to(leaf[:, 0], choice.shape)
    for k in range(1, leaf.shape[1]):
        taken = jnp.where(choice == k, leaf[:, k], taken)
    return taken


class Act(NamedTuple):
    """A legal action, with indices into servers."""

    offloaded: Bool[Array, " users"]
    choice: Int[Array, " users"]
    """candidate (0 to K-1; 0 where local)"""
    server: Int[Array, " users"]
    """executing server, -1 where local"""
    beta: Float[Array, " users"]
    cache: Bool[Array, " users"]
    sync: Bool[Array, " users"]


def interpret(config: EnvConfig, state: State, action: Int[Array, "users 4"], params: EnvParams) -> Act:
    """The action as legal decisions: an illegal target or factor counts as local, a sync without a twin as none."""
    target = action[:, 0]
    choice = jnp.clip(target - 1, 0, config.candidates - 1)
    legal = pick(legal_candidates(state, params), choice)
    offloaded = (target >= 1) & (target <= config.candidates) & legal
    level = action[:, 1]
    levels = jnp.asarray(config.beta_levels, params.dtype)[None]
    offloaded &= (level >= 0) & (level < levels.shape[1])
    server = pick(state.place.candidates, choice)
    return Act(
        offloaded=offloaded,
        choice=jnp.where(offloaded, choice, 0),
        server=jnp.where(offloaded, server, -1),
        beta=jnp.where(offloaded, pick(levels, level), 0.0),
        cache=offloaded & (action[:, 2] == 1),
        sync=(action[:, 3] == 1) & params.knowledge.sync,
    )
