"""A T-maze (Bakker 2002) for tests of memory: what is right at its end was seen at its beginning only."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from eco_jax.env import Observation

LONGEST = 6
"""Slots of an episode, at most."""


@dataclass(frozen=True)
class TMaze:
    """Two users walk down a corridor and turn in the last slot: left (0) or right (1); the rewarded side earns `gain`.

    Each sees 1 in the first slot if right is rewarded. Else, and later, it sees nothing: neither that an episode has
    begun, so that a memory which outlives one misleads, nor that it ends. Without memory half of the turns are right.
    With a fixed horizon an episode has 6 slots, and is truncated; else 4 to 6, drawn at its start, and terminates.
    """

    fixed: bool = True
    heads = (2,)
    gated = (False,)
    agents = 2

    @property
    def fixed_horizon(self):
        return LONGEST if self.fixed else None

    def _observation(self, state):
        cue = state["side"][:, None] * (state["t"] == 0)
        return Observation(cue.astype(jnp.float32), jnp.ones((2, 2), bool))

    def reset(self, key, params):
        side, length = jax.random.split(key)
        last = LONGEST - 1 if self.fixed else jax.random.randint(length, (), LONGEST - 3, LONGEST)
        state = {"side": jax.random.randint(side, (2,), 0, 2), "t": jnp.int32(0), "last": jnp.int32(last)}
        return self._observation(state), state

    def step(self, key, state, action, params):
        ends = state["t"] == state["last"]
        right = ends * (action[:, 0] == state["side"])
        reward = params["gain"] * right
        # Means over all slots: of the users that turn to the rewarded side, and of the slots in which they turn.
        metrics = {"reward": jnp.mean(reward), "solved": jnp.mean(right), "turns": ends.astype(jnp.float32)}
        new, never = state | {"t": state["t"] + 1}, jnp.bool_(False)
        terminated, truncated = (never, ends) if self.fixed else (ends, never)
        info = {"reward": metrics["reward"], "metrics": metrics}
        return self._observation(new), new, reward, terminated, truncated, info
