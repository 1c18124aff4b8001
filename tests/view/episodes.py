"""Small episodes that the viewer's tests share."""

import functools

import jax
import numpy as np

from eco_jax import make
from eco_jax.view.players import Played, play, player
from eco_jax.view.record import Recording, slot


@functools.cache
def world(**chosen):
    """A small world, and its parameters."""
    return make("tiny", **{"slots": 6, **chosen})


@functools.cache
def played(what="greedy-twin", **chosen):
    """An episode of somebody there."""
    env, params = world(**chosen)
    return play(player(what, env, params, None, None), env, params)


@functools.cache
def one_slot(users, servers, candidates=4):
    """The shapes of what is recorded, without a program: leaves of one slot."""
    env, params = make(users=users, servers=servers, candidates=candidates)
    _, state = jax.eval_shape(env.reset, jax.random.key(0), params)
    action = jax.ShapeDtypeStruct((users, 4), np.int32)

    def both(key, state, action):
        _, after, _, _, _, info = env.step(key, state, action, params)
        return slot(env.config, params, state, action, after, info)

    return jax.eval_shape(both, jax.random.key(0), state, action), env, params


def made_up(users=30, servers=45, slots=60, name="foresight-twin", level="twin"):
    """An episode of the right shapes, whose numbers are drawn: as large as a real one, and made at once."""
    shapes, env, params = one_slot(users, servers)
    rng = np.random.default_rng(0)

    def drawn(leaf):
        shape = (slots, *leaf.shape)
        if leaf.dtype == bool:
            return rng.random(shape) < 0.3
        if np.issubdtype(leaf.dtype, np.integer):
            return rng.integers(0, servers, shape)
        return rng.uniform(0.0, 1.0, shape).astype(np.float32)

    record: Recording = jax.tree.map(drawn, shapes)
    return Played(name, level, record), env, params
