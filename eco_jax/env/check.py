"""What `reset` and `step` are given, checked while they are traced: shapes and types are known then, so it is free."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from eco_jax.env.config import EnvConfig
from eco_jax.env.params import PER_SERVER, EnvParams
from eco_jax.env.parts import DEFAULTS
from eco_jax.env.state import State
from eco_jax.errors import UserError
from eco_jax.parts import numbers_of


def check_params(config: EnvConfig, params: Any) -> None:
    """Whether these are parameters of one environment of this world.

    Raises:
        UserError: they are something else, are stacked and not vmapped over, or belong to a world of another shape.
    """
    if not isinstance(params, EnvParams):
        raise UserError(f"params: must be an EnvParams, not {type(params).__name__}")
    trees = {name: getattr(params, name) for name in (*EnvParams.specs(), "costs", "knowledge")}
    trees |= {kind: numbers_of(getattr(params, kind)) for kind in DEFAULTS}
    for name in PER_SERVER:
        if jnp.shape(trees[name]) == (config.servers,):
            del trees[name]
    kind = params.coverage.kind
    trees[kind] = {
        name: leaf for name, leaf in trees[kind].items()
        if name not in params.coverage.per_server or jnp.shape(leaf) != (config.servers,)
    }  # fmt: skip
    for name, tree in trees.items():
        for leaf in jax.tree.leaves(tree):
            if jnp.shape(leaf) != ():
                raise UserError(f"params.{name}: has shape {jnp.shape(leaf)}, must be a number: vmap over its axes")
    if params.sites is not None and jnp.shape(params.sites) != (config.servers, 2):
        raise UserError(f"params.sites: has shape {jnp.shape(params.sites)}, must be ({config.servers}, 2)")
    if getattr(params.mobility, "trace", ...) is None:
        raise UserError("params.mobility: has no trace to replay")
    if getattr(params.tasks, "table", ...) is None:
        raise UserError("params.tasks: has no rows to draw from")


def check_action(config: EnvConfig, action: Any) -> None:
    """Whether this is an action of all users: integers [users, 4].

    Raises:
        UserError: it has another shape or type.
    """
    shape, wanted = jnp.shape(action), (config.users, len(config.heads))
    if shape != wanted:
        raise UserError(
            f"action: has shape {shape}, must be {wanted}: target, offloading factor, cache, sync of each user"
        )
    if not jnp.issubdtype(jnp.result_type(action), jnp.integer):
        raise UserError(f"action: is {jnp.result_type(action)}, must be integers")


def check_state(config: EnvConfig, state: Any) -> None:
    """Whether this is a state of one environment of this world.

    Raises:
        UserError: it is something else, or of a world of another shape.
    """
    if not isinstance(state, State):
        raise UserError(f"state: must be a State, as `reset` gives it, not {type(state).__name__}")
    there = (jnp.shape(state.x_device), jnp.shape(state.x_server), jnp.shape(state.place.candidates))
    wanted = ((config.users,), (config.servers,), (config.users, config.candidates))
    for name, shape, want in zip(("users", "servers", "users and candidates"), there, wanted, strict=True):
        if shape != want:
            raise UserError(
                f"state: has {name} {shape}, must be {want}: it is of another world, or has to be vmapped over"
            )


def varying_like(tree: Any, key: PRNGKeyArray, *given: Any) -> Any:
    """The same tree; inside `jax.shard_map` its leaves vary over each mesh axis that one of the others varies over.

    What is carried through a scan must vary alike before and after a slot, and a constant varies over no axis. XLA
    removes all of this. Outside of `shard_map` the tree is given back as it is: it would be a tenth of a step's
    operations.
    """
    if not jax.sharding.get_abstract_mesh().manual_axes:
        return tree
    data = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    never = jnp.asarray(False)
    for leaf in jax.tree.leaves((data, given)):
        first = jnp.ravel(leaf)[0]
        never |= (first != first) & False
    return jax.tree.map(lambda leaf: jnp.where(never, leaf, leaf), tree)
