"""Play whole episodes with a policy and report what came of them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, PRNGKeyArray

from eco_jax.env import Environment

Policy = Callable[[PRNGKeyArray, Any, Any, Any], Array]
"""policy(key, observation, state, params) -> action. Agents use the observation, rules the state's `View`."""


def evaluate(
    env: Environment, params: Any, policy: Policy, key: PRNGKeyArray, episodes: int = 64
) -> dict[str, Float[Array, " episodes"]]:
    """Every metric as its mean over the slots and users of an episode, for `episodes` parallel episodes.

    Episode e has the same tasks, motion and slowdowns for every policy that is evaluated with the same key: compare
    policies pairwise. Adds `latency_p50`, `latency_p95`, `latency_p99` (s, over the users and slots of an episode)
    where the environment reports outcomes.

    Args:
        env: with a fixed horizon.
        params: its parameters.
        policy: what decides.
        key: the episodes.
        episodes: how many.
    """
    horizon = env.fixed_horizon
    assert horizon is not None, "evaluation plays episodes of a fixed horizon"

    def episode(key: PRNGKeyArray) -> dict[str, Array]:
        world, choices = jax.random.split(key)
        start, steps = jax.random.split(world)
        first = env.reset(start, params)

        def slot(carry: tuple[Any, Any], keys: tuple[Array, Array]) -> tuple[tuple[Any, Any], Any]:
            observation, state = carry
            action = policy(keys[1], observation, state, params)
            observation, state, _, _, _, info = env.step(keys[0], state, action, params)
            detail = info["outcome"].latency if "outcome" in info else None
            return (observation, state), (info["metrics"], detail)

        keys = jax.random.split(steps, horizon), jax.random.split(choices, horizon)
        _, (metrics, latency) = lax.scan(slot, first, keys)
        means = {name: jnp.mean(value) for name, value in metrics.items()}
        if latency is not None:
            for q in (50, 95, 99):
                means[f"latency_p{q}"] = jnp.percentile(latency, q)
        return means

    return jax.vmap(episode)(jax.random.split(key, episodes))
