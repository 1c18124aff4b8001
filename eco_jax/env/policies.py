"""Rules to compare an agent with. Each is told what it may see, and no more: the `View` that the features come from."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int, PRNGKeyArray

from eco_jax.env.config import EnvConfig
from eco_jax.env.outcome import Cpu, Decision, believed, evaluate
from eco_jax.env.params import EnvParams
from eco_jax.env.state import Outcome, View
from eco_jax.model import tasks

Rule = Callable[[PRNGKeyArray, View, EnvParams], Int[Array, "users 4"]]
"""A rule: (key, what it sees, parameters) -> action."""


def _action(target: Array, level: Array, cache: Array, sync: Array) -> Int[Array, "users 4"]:
    columns = jnp.broadcast_arrays(target, level, cache, sync)
    return jnp.stack([column.astype(jnp.int32) for column in columns], axis=1)


def local(config: EnvConfig) -> Rule:
    """Every task on its device."""

    def rule(key: PRNGKeyArray, seen: View, params: EnvParams) -> Int[Array, "users 4"]:
        zero = jnp.zeros_like(seen.last_server)
        return _action(zero, zero, zero, zero)

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
        return _action(one, one * level, one * cache, one * 0)

    return rule


def expected_outcomes(
    config: EnvConfig, seen: View, params: EnvParams, blind: bool = False
) -> tuple[Outcome, Outcome, Bool[Array, "users candidates"]]:
    """What the belief expects of running locally [users, 1, 1] and of every candidate and factor.

    Certainty-equivalent at E[delta]; load = the other users' tasks there in the last slot, and one's own.

    Returns:
        (local, edge [users, candidates, levels], h [users, candidates]).
    """

    def wide(leaf: Array) -> Array:
        return leaf.reshape(leaf.shape + (1,) * (3 - leaf.ndim))

    device = believed(params, seen.device, seen.device_mean, seen.device_variance)
    server = believed(params, seen.server, seen.server_mean, seen.server_variance)
    h = tasks.migrates(jnp.ones_like(seen.legal), seen.candidates, seen.last_server[:, None], seen.replica[:, None])
    nothing = jnp.zeros((1, 1, 1), bool)

    def expect(offloaded: bool, levels: Array) -> Outcome:
        decision = Decision(
            offloaded=jnp.full((1, 1, 1), offloaded),
            beta=levels,
            elsewhere=(jnp.arange(config.candidates) > 0)[None, :, None],
            migrates=nothing if blind or not offloaded else wide(h),
            placed=nothing,
            synced=nothing,
            load=wide(seen.others + 1.0),
        )
        return evaluate(
            config, params, data=wide(seen.data), cycles=wide(seen.cycles), deadline=wide(seen.deadline),
            power=wide(seen.power), rate_up=wide(seen.rate_up), rate_down=wide(seen.rate_down),
            device=Cpu(wide(device.frequency), wide(device.deviation)),
            server=Cpu(wide(server.frequency), wide(server.deviation)),
            decision=decision, migration_time=params.migration_time,
        )  # fmt: skip

    levels = jnp.asarray(config.beta_levels)
    at_home = jax.tree.map(lambda leaf: leaf[:, :1] if leaf.ndim == 3 else leaf, expect(False, jnp.zeros(1)))
    return at_home, expect(True, levels), h


def best_expected(
    config: EnvConfig, seen: View, params: EnvParams, blind: bool = False
) -> tuple[Int[Array, " users"], Int[Array, " users"]]:
    """Target and factor level of the highest expected own reward, task by task."""
    home, edge, _ = expected_outcomes(config, seen, params, blind)
    users = seen.data.shape[0]
    gain = jnp.where(seen.legal[:, :, None], edge.reward, -jnp.inf).reshape(users, -1)
    best = jnp.argmax(gain, axis=1)
    away = jnp.max(gain, axis=1) > home.reward.reshape(users)
    levels = len(config.beta_levels)
    return jnp.where(away, best // levels + 1, 0), best % levels


def greedy(
    config: EnvConfig,
    *,
    cache: Literal["never", "always"] = "never",
    sync_every: int = 0,
    sync_above: float | None = None,
    blind: bool = False,
) -> Rule:
    """Per task the highest expected own reward, at whatever level of knowledge `params` carry.

    Args:
        config: static settings.
        cache: whether to ask for a replica at the predicted server with every offload (Eq. (5) refuses what does
            not pay).
        sync_every: synchronise every k-th slot, users staggered by index; 0 for never.
        sync_above: synchronise where the mean variance of the own device and candidates exceeds this; overrides
            the clock.
        blind: ignore migrations (an ablation).
    """

    def rule(key: PRNGKeyArray, seen: View, params: EnvParams) -> Int[Array, "users 4"]:
        target, level = best_expected(config, seen, params, blind)
        return _action(target, level, jnp.asarray(cache == "always"), _sync(seen))

    def _sync(seen: View) -> Bool[Array, "..."]:
        if sync_above is not None:
            known = jnp.concatenate([seen.device_variance[:, None], seen.server_variance], axis=1)
            return known.mean(axis=1) > sync_above
        if sync_every == 0:
            return jnp.asarray(False)
        return (seen.t + jnp.arange(seen.data.shape[0])) % sync_every == 0

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
    }


def one_of(rules: Sequence[Rule], env: Any, index: Array) -> Callable[[PRNGKeyArray, Any, Any, EnvParams], Array]:
    """The rule at a traced index as a policy: one program plays them all, and the environment is compiled once."""

    def policy(key: PRNGKeyArray, observation: Any, state: Any, params: EnvParams) -> Int[Array, "users 4"]:
        seen = env.view(state, params)
        return jnp.stack([rule(key, seen, params) for rule in rules])[index]

    return policy
