"""Play whole episodes with a policy and report what came of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, PRNGKeyArray

from eco_jax.agent.algorithms.base import check_memory
from eco_jax.env import Environment
from eco_jax.metrics import FAIRNESS, LATENCY_P50, LATENCY_P95, LATENCY_P99, LATENCY_QUANTILES

Policy = Callable[[PRNGKeyArray, Any, Any, Any], Array]
"""policy(key, observation, state, params) -> action. Agents use the observation, rules the state's `View`."""


class Remembering(NamedTuple):
    """A policy with a memory, which each episode begins anew."""

    start: Any
    """memory at the beginning of an episode: a pytree of arrays"""
    act: Callable[[Any, PRNGKeyArray, Any, Any, Any], tuple[Array, Any]]
    """(memory, key, observation, state, params) -> (action, memory after it)"""


Kept = Callable[[Any, Array, Any, dict[str, Any]], Any]
"""kept(state before, action, state after, info) -> what is kept of a slot."""
QUANTILES = tuple(q / 100.0 for q in range(1, 100))
"""Probabilities at which the distribution of latencies is reported."""
SHOWN = {50: LATENCY_P50, 95: LATENCY_P95, 99: LATENCY_P99}
"""Per cent of those that are metrics of their own."""


def jain(values: Float[Array, " users"]) -> Float[Array, ""]:
    """Jain's fairness index, -: (sum x)^2 / (n sum x^2), in [1/n, 1]."""
    return jnp.sum(values) ** 2 / (len(values) * jnp.maximum(jnp.sum(values**2), 1e-12))


def play_episodes(
    env: Environment, params: Any, policy: Policy | Remembering, key: PRNGKeyArray, episodes: int = 64
) -> dict[str, Float[Array, "episodes *more"]]:
    """Every metric as its mean over the slots and users of an episode, for `episodes` parallel episodes.

    Episode e has the same tasks, motion and slowdowns for every policy that is evaluated with the same key: compare
    policies pairwise. Where the environment reports outcomes, adds `latency_quantiles` (s, over the users and slots
    of an episode, at `QUANTILES`), three of them as `latency_p50`, `latency_p95`, `latency_p99`, and `fairness`
    (Jain's index of the users' mean QoE: 1 where all have the same, 1/users where one has all).

    Args:
        env: with a fixed horizon.
        params: its parameters.
        policy: what decides.
        key: the episodes.
        episodes: how many.
    """

    def kept(before: Any, action: Array, after: Any, info: dict[str, Any]) -> Any:
        detail = (info["outcome"].latency, info["outcome"].qoe) if "outcome" in info else None
        return info["metrics"], detail

    def episode(key: PRNGKeyArray) -> dict[str, Array]:
        metrics, detail = play_episode(env, params, policy, key, kept)
        means = {name: jnp.mean(value) for name, value in metrics.items()}
        if detail is not None:
            latency, qoe = detail
            quantiles = jnp.quantile(latency, jnp.asarray(QUANTILES))
            means |= {LATENCY_QUANTILES: quantiles, FAIRNESS: jain(jnp.mean(qoe, axis=0))}
            means |= {metric: quantiles[q - 1] for q, metric in SHOWN.items()}
        return means

    return jax.vmap(lambda e: episode(episode_key(key, e)))(jnp.arange(episodes))


def play_episode(env: Environment, params: Any, policy: Policy | Remembering, key: PRNGKeyArray, kept: Kept) -> Any:
    """One whole episode: what `kept` takes of each slot, every leaf [slots, ...].

    Args:
        env: with a fixed horizon.
        params: its parameters.
        policy: what decides.
        key: of the episode, as `episode_key` gives it.
        kept: given the state before the slot, the joint action, the state after it and `info` of the step.

    Raises:
        UserError: the policy has a memory where two positions give the next one away.
    """
    horizon = env.fixed_horizon
    assert horizon is not None, "evaluation plays episodes of a fixed horizon"
    memory, act = policy if isinstance(policy, Remembering) else _without_memory(policy)
    check_memory(memory, params, "the policy has a memory")
    world, choices = jax.random.split(key)
    start, steps = jax.random.split(world)
    first = env.reset(start, params)

    def slot(carry: tuple[Any, Any, Any], keys: tuple[Array, Array]) -> tuple[tuple[Any, Any, Any], Any]:
        memory, observation, state = carry
        action, memory = act(memory, keys[1], observation, state, params)
        observation, after, _, _, _, info = env.step(keys[0], state, action, params)
        return (memory, observation, after), kept(state, action, after, info)

    keys = jax.random.split(steps, horizon), jax.random.split(choices, horizon)
    return lax.scan(slot, (memory, *first), keys)[1]


def episode_key(key: PRNGKeyArray, episode: Any) -> PRNGKeyArray:
    """The key of one of the episodes that `play_episodes` plays with `key`. It is the same however many there are."""
    return jax.random.fold_in(key, episode)


def _without_memory(policy: Policy) -> Remembering:
    return Remembering((), lambda memory, *given: (policy(*given), memory))
