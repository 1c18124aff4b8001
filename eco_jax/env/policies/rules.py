"""Rules to compare an agent with. Each is told what it may see, and no more: the `View` that the features come from."""

import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int, PRNGKeyArray, Shaped

from eco_jax.env.config import EnvConfig
from eco_jax.env.expected import best, expected_outcomes, posterior_outcomes
from eco_jax.env.forecast import forecast
from eco_jax.env.params import EnvParams
from eco_jax.env.state import View

Rule = Callable[[PRNGKeyArray, View, EnvParams], Int[Array, "users 4"]]
"""A rule: (key, what it sees, parameters) -> action."""


def joint_action(
    target: Int[Array, " users"], level: Shaped[Array, "..."], cache: Shaped[Array, "..."], sync: Shaped[Array, "..."]
) -> Int[Array, "users 4"]:
    """The heads' choices, one for every user or one for all, as an action."""
    columns = jnp.broadcast_arrays(target, level, cache, sync)
    return jnp.stack([column.astype(jnp.int32) for column in columns], axis=1)


def local(config: EnvConfig) -> Rule:
    """Every task on its device."""

    def rule(key: PRNGKeyArray, seen: View, params: EnvParams) -> Int[Array, "users 4"]:
        zero = jnp.zeros_like(seen.last_server)
        return joint_action(zero, zero, zero, zero)

    return rule


def random(config: EnvConfig) -> Rule:
    """Uniform over all actions, head by head; an illegal target counts as local."""

    def rule(key: PRNGKeyArray, seen: View, params: EnvParams) -> Int[Array, "users 4"]:
        shape = (seen.data.shape[0], len(config.heads))
        return jax.random.randint(key, shape, 0, jnp.asarray(config.heads))

    return rule


def nearest(config: EnvConfig, beta: float = 1.0, cache: bool = False) -> Rule:
    """Always the nearest server, with the offloading factor closest to `beta`."""
    level = min(range(len(config.beta_levels)), key=lambda i: abs(config.beta_levels[i] - beta))

    def rule(key: PRNGKeyArray, seen: View, params: EnvParams) -> Int[Array, "users 4"]:
        one = jnp.ones_like(seen.last_server)
        return joint_action(one, one * level, one * cache, one * 0)

    return rule


def greedy(
    config: EnvConfig,
    *,
    cache: Literal["never", "always"] = "never",
    sync_every: int | Array = 0,
    sync_above: float | Array = math.inf,
    blind: bool = False,
    hysteresis: float | Array = 0.0,
    never_migrate: bool = False,
    posterior: bool = False,
    foresight: bool = False,
) -> Rule:
    """Per task the highest expected own reward, at whatever level of knowledge `params` carry.

    Args:
        config: static settings.
        cache: whether to ask for a replica at the predicted server with every offload (Eq. (5) refuses what does
            not pay).
        sync_every: synchronise every k-th slot, users staggered by index; 0 for never.
        sync_above: synchronise where the mean variance of the own device and candidates exceeds this, too.
        blind: ignore migrations (an ablation).
        hysteresis: reward by which another alternative, local included, must exceed the best at the server that
            served last for the user to leave it.
        never_migrate: run locally rather than where the service would have to move.
        posterior: the reward's mean over the belief, instead of the reward at the mean slowdown.
        foresight: with the loads of the forecast instead of the last slot's, and less the harm to others there.
    """
    outcomes = posterior_outcomes if posterior else expected_outcomes

    def rule(key: PRNGKeyArray, seen: View, params: EnvParams) -> Int[Array, "users 4"]:
        harm = jnp.zeros_like(seen.others)
        if foresight:
            ahead = forecast(config, seen, params)
            seen, harm = seen._replace(others=ahead.others), ahead.harm
        home, edge, h = outcomes(config, seen, params, blind)
        allowed = seen.legal & ~h if never_migrate else seen.legal
        loyal = jnp.where(seen.served, hysteresis, 0.0)
        target, level = best(home.reward, edge.reward + (loyal - harm)[:, :, None], allowed)
        return joint_action(target, level, jnp.asarray(cache == "always"), _sync(seen))

    def _sync(seen: View) -> Bool[Array, " users"]:
        known = jnp.concatenate([seen.device_variance[:, None], seen.server_variance], axis=1)
        turn = (seen.t + jnp.arange(seen.data.shape[0])) % jnp.maximum(sync_every, 1) == 0
        return ((jnp.asarray(sync_every) > 0) & turn) | (known.mean(axis=1) > sync_above)

    return rule


def named(config: EnvConfig) -> dict[str, Rule]:
    """Every rule by the name that results use, to be run at its own level of knowledge."""
    return {
        "local": local(config),
        "random": random(config),
        "nearest-full": nearest(config),
        "nearest-half": nearest(config, 0.5),
        "greedy": greedy(config),
        "greedy-caching": greedy(config, cache="always"),
        "greedy-sync": greedy(config, sync_every=4),
        "greedy-caching-sync": greedy(config, cache="always", sync_every=4),
        "greedy-blind": greedy(config, blind=True),
        "foresight": greedy(config, cache="always", foresight=True),
    }


def as_policy(env: Any, rule: Rule) -> Callable[[PRNGKeyArray, Any, Any, EnvParams], Array]:
    """A rule, which sees the `View`, as a policy that is given key, observation, state and parameters."""

    def policy(key: PRNGKeyArray, observation: Any, state: Any, params: EnvParams) -> Int[Array, "users 4"]:
        return rule(key, env.view(state, params), params)

    return policy
