"""Small worlds for the tests, each compiled once, and a slot whose numbers are worked by hand."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from eco_jax.env import PRESETS, EcoEnv, EnvParams, State, make

SMALL: dict[str, Any] = {"users": 4, "servers": 9, "candidates": 3, "slots": 5}
"""Servers stand at 500, 1500, 2500 m in both directions: index = 3 row + column."""

TINY: dict[str, Any] = {**PRESETS["tiny"], "candidates": 6}
"""As many candidates as servers: K = n."""

WANDERERS: dict[str, Any] = {"mobility": "gauss-markov", "credit": "team"}
"""Two settings that have nothing to do with each other, in one compilation."""

FAST = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""Compilation dominates the run time of these tests."""

QUARTILE = 0.67448975  # Phi(x) = 0.75


@functools.cache
def programs(env: EcoEnv) -> tuple[Any, Any]:
    """Compiled (reset, step) of a configuration; the parameters and the level of knowledge are data."""
    return jax.jit(env.reset, compiler_options=FAST), jax.jit(env.step, compiler_options=FAST)


class World(NamedTuple):
    """An environment with its compiled functions."""

    env: EcoEnv
    params: EnvParams

    def reset(self, seed: int = 0) -> tuple[Any, State]:
        return programs(self.env)[0](jax.random.key(seed), self.params)

    def step(self, state: State, action: Any, seed: int = 1) -> tuple[Any, ...]:
        return programs(self.env)[1](jax.random.key(seed), state, jnp.asarray(action, jnp.int32), self.params)

    def random_action(self, seed: int) -> np.ndarray:
        """Uniform over all actions, legal or not."""
        heads = self.env.heads
        return np.random.default_rng(seed).integers(0, heads, (self.env.agents, len(heads)))


def world(preset: str = "repaired", **settings: Any) -> World:
    """A world as small as `SMALL`, but for what is set."""
    return World(*make(preset, **{**SMALL, **settings}))


HAND = {
    "reference_gain": -100.0, "exponent": 3.0, "power_down": 0.5, "noise": 2e-12,
    "slowdown_mean": 0.5, "slowdown_spread": 0.8,
}  # fmt: skip
"""SNR of 50 p s at 150 m, one eighth of it at 300 m: p s = 0.3 there gives SNR 15 and 20 MHz * log2(16) = 80 Mbit/s."""


def hand_state(state: State) -> State:
    """Four users, three candidates: two share server 0, one goes to server 2, one is at home.

    All rates are 80 Mbit/s both ways (p = p_down = 0.5; s = 0.6 at 150 m, 4.8 at 300 m). Devices run at 1e9 cycles/s
    (2e9 nominal, x = 0), device 3 at 0.6e9 (Phi(x) = 3/4, slowdown 0.7); servers at 5e9 (10e9 nominal), server 2 at
    3e9.
    """
    users, servers = 4, 9
    place = state.place._replace(
        candidates=jnp.array([[0, 1, 2], [1, 0, 2], [5, 4, 2], [3, 0, 4]], jnp.int32),
        distance=jnp.array([[150.0, 900, 950], [150, 900, 950], [300, 900, 950], [150, 900, 950]]),
        predicted_server=jnp.array([1, 1, 4, 3], jnp.int32),
    )
    hardware = state.hardware._replace(
        device=jnp.full(users, 2e9), server=jnp.full(servers, 10e9), service=jnp.full(users, 4e6)
    )
    task = state.task._replace(
        data=jnp.full(users, 6.4e6),
        cycles=jnp.array([2e8, 3e8, 2e8, 2e8]),
        deadline=jnp.array([0.25, 0.25, 0.2, 0.25]),
        power=jnp.full(users, 0.5),
        fading=jnp.array([[0.6], [0.6], [4.8], [0.6]]),
    )
    memory = state.memory._replace(
        server=jnp.array([0, -1, -1, -1], jnp.int32), load=jnp.zeros(servers, jnp.int32).at[0].set(3)
    )
    changed = state._replace(
        place=place,
        hardware=hardware,
        x_device=jnp.array([0.0, 0.0, 0.0, QUARTILE]),
        x_server=jnp.zeros(servers).at[2].set(QUARTILE),
        task=task,
        memory=memory,
        last_server=jnp.array([0, -1, 5, 7], jnp.int32),
        replica=jnp.array([-1, -1, 4, -1], jnp.int32),
    )
    # Weakly typed leaves would compile the step a second time.
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype), changed)


HAND_ACTION = np.array([[1, 3, 1, 1], [2, 1, 0, 0], [3, 2, 1, 0], [0, 3, 1, 0]])
"""User 0: server 0 whole, cache, sync; 1: server 0, beta 1/2; 2: server 2, beta 3/4, cache; 3: local (cache idle)."""
