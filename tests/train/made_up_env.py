"""An environment made up for tests of the loop: small, and its best actions are known."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from eco_jax.env import Observation


@dataclass(frozen=True)
class Guess:
    """Two users see a number of three and gain by naming it; `t` counts the slots of an episode of four.

    Parameters: {"gain": reward of a right action}. Without a fixed horizon an episode may end after every slot.
    """

    fixed: bool = True
    heads = (3,)
    gated = (False,)
    agents = 2

    @property
    def fixed_horizon(self):
        return 4 if self.fixed else None

    def _observation(self, number):
        return Observation(jax.nn.one_hot(number, 3), jnp.ones((2, 3), bool))

    def reset(self, key, params):
        number = jax.random.randint(key, (2,), 0, 3)
        return self._observation(number), {"number": number, "t": jnp.int32(0)}

    def step(self, key, state, action, params):
        right = (action[:, 0] == state["number"]).astype(jnp.float32)
        reward = params["gain"] * right
        own, other = jax.random.split(key)
        new = {"number": jax.random.randint(own, (2,), 0, 3), "t": state["t"] + 1}
        chance = jax.random.uniform(other) < 0.3
        terminated = jnp.bool_(False) if self.fixed else chance
        truncated = (new["t"] == 4) & ~terminated
        metrics = {"reward": jnp.mean(reward), "right": jnp.mean(right), "slot": state["t"].astype(jnp.float32)}
        info = {"reward": jnp.mean(reward), "metrics": metrics}
        return self._observation(new["number"]), new, reward, terminated, truncated, info
