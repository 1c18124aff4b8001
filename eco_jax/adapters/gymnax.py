"""gymnax environments under the protocol of the training loop: one user, one head.

gymnax's own `step` resets by itself and hides the true last observation: the three methods below it are wrapped.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
from jax import Array
from jaxtyping import PRNGKeyArray

from eco_jax.env import Observation
from eco_jax.metrics import REWARD


@dataclass(frozen=True)
class GymnaxEnv:
    """A gymnax environment with discrete actions, by its name, e.g. `CartPole-v1`."""

    name: str

    @cached_property
    def _made(self) -> tuple[Any, Any]:
        import gymnax

        return gymnax.make(self.name)

    @property
    def default_params(self) -> Any:
        """Gymnax's parameters of the environment."""
        return self._made[1]

    @property
    def heads(self) -> tuple[int, ...]:
        """One head."""
        return (self._made[0].num_actions,)

    @property
    def gated(self) -> tuple[bool, ...]:
        """It always counts."""
        return (False,)

    @property
    def agents(self) -> int:
        """One."""
        return 1

    @property
    def fixed_horizon(self) -> int | None:
        """Episodes end at times of their own."""
        return None

    def _observation(self, features: Array) -> Observation:
        flat = jnp.reshape(features, (1, -1)).astype(jnp.float32)
        return Observation(flat, jnp.ones((1, self.heads[0]), bool))

    def reset(self, key: PRNGKeyArray, params: Any) -> tuple[Observation, Any]:
        """Gymnax's `reset_env`."""
        features, state = self._made[0].reset_env(key, params)
        return self._observation(features), state

    def step(
        self, key: PRNGKeyArray, state: Any, action: Array, params: Any
    ) -> tuple[Observation, Any, Array, Array, Array, dict[str, Any]]:
        """Gymnax's `step_env`: the observation is the true next one, never that of a new episode."""
        features, state, reward, terminated, *_ = self._made[0].step_env(key, state, action[0, 0], params)
        terminated = jnp.asarray(terminated)
        truncated = jnp.asarray(self._made[0].is_truncated(state, params)) & ~terminated
        reward = jnp.asarray(reward, jnp.float32)
        # Steps over ended episodes is their mean length: its inverse averages well over a batch.
        metrics = {REWARD: reward, "ended": (terminated | truncated).astype(jnp.float32)}
        info = {REWARD: reward, "metrics": metrics}
        return self._observation(features), state, reward[None], terminated, truncated, info
