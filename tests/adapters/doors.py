"""The world of the doors' tests, and what the environment itself gives there."""

import functools
from typing import Any

import jax
import numpy as np

from eco_jax.adapters.common import slot_key
from eco_jax.env import make

WORLD: dict[str, Any] = {"slots": 3}
"""of the preset `tiny`: 3 users, 6 servers"""
SEED = 5


@functools.cache
def made(**settings):
    """(environment, parameters, compiled reset and step)."""
    env, params = make("tiny", **{**WORLD, **settings})
    return env, params, jax.jit(env.reset), jax.jit(env.step)


def actions(seed, count, envs=1, users=3):
    """Random choices of the heads, legal or not: [count, envs, users, 4]."""
    return np.random.default_rng(seed).integers(0, (5, 4, 2, 2), (count, envs, users, 4))


def played(seed, joint, episode=0):
    """An episode of the environment itself: (observations, credits, team rewards, flags that it was truncated)."""
    _, params, reset, step = made()
    key = jax.random.key(seed)
    observation, state = reset(slot_key(key, episode, 0), params)
    found = [observation], [], [], []
    for slot, action in enumerate(joint, start=1):
        observation, state, credit, _, truncated, info = step(slot_key(key, episode, slot), state, action, params)
        for column, value in zip(found, (observation, credit, info["reward"], truncated), strict=True):
            column.append(jax.device_get(value))
    return found
