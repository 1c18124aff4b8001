"""What a controller may expect of each of its alternatives: local, and every candidate at every offloading factor."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from eco_jax.env.config import EnvConfig
from eco_jax.env.outcome import believed, cpu, outcome_of
from eco_jax.env.params import EnvParams
from eco_jax.env.state import Cpu, Decision, Outcome, View
from eco_jax.model import tasks, twin

Expected = tuple[Outcome, Outcome, Bool[Array, "users candidates"]]
"""(local [users, 1, 1], edge [users, candidates, levels], h [users, candidates])."""

NODES = 7
"""Of the quadrature over a belief, for the device and for the server each: E[1/(1 - delta)] at the prior to 1e-4 of it
(5 nodes: 6e-3)."""


def migrates(seen: View) -> Bool[Array, "users candidates"]:
    """Whether the service would have to move to each candidate, h of Eq. (4)."""
    return tasks.migrates(jnp.ones_like(seen.legal), seen.candidates, seen.last_server[:, None], seen.replica[:, None])


def outcomes_at(
    config: EnvConfig, seen: View, params: EnvParams, device: Cpu, server: Cpu, blind: bool = False
) -> Expected:
    """What every alternative leads to where the CPUs are these (device [users], server [users, candidates]).

    Load = the other users' tasks there in the last slot, and one's own. `blind` ignores migrations.
    """

    def wide(leaf: Array) -> Array:
        return leaf.reshape(leaf.shape + (1,) * (3 - leaf.ndim))

    h = migrates(seen)
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
        return outcome_of(
            params, data=wide(seen.data), cycles=wide(seen.cycles), deadline=wide(seen.deadline),
            power=wide(seen.power), rate_up=wide(seen.rate_up), rate_down=wide(seen.rate_down),
            device=Cpu(wide(device.frequency), wide(device.deviation)),
            server=Cpu(wide(server.frequency), wide(server.deviation)),
            decision=decision, migration_time=params.migration_time,
        )  # fmt: skip

    levels = jnp.asarray(config.beta_levels, params.dtype)
    home = expect(False, jnp.zeros(1, params.dtype))
    at_home = jax.tree.map(lambda leaf: leaf[:, :1] if leaf.ndim == 3 else leaf, home)
    return at_home, expect(True, levels), h


def expected_outcomes(config: EnvConfig, seen: View, params: EnvParams, blind: bool = False) -> Expected:
    """What the belief expects of every alternative, certainty-equivalent: at E[delta]. See `outcomes_at`."""
    device = believed(params, seen.device, seen.device_mean, seen.device_variance)
    server = believed(params, seen.server, seen.server_mean, seen.server_variance)
    return outcomes_at(config, seen, params, device, server, blind)


def posterior_outcomes(config: EnvConfig, seen: View, params: EnvParams, blind: bool = False) -> Expected:
    """What the belief expects of every alternative: the mean outcome over what device and server may be.

    Unlike the certainty-equivalent reading it knows that E[1/(1 - delta)] is above 1/(1 - E[delta]), and so that a CPU
    unheard of is worse than one of its mean.
    """

    def at(device: Cpu, server: Cpu) -> tuple[Outcome, Outcome]:
        return outcomes_at(config, seen, params, device, server, blind)[:2]

    return *over_belief(seen, params, at), migrates(seen)


def over_belief(seen: View, params: EnvParams, at: Callable[[Cpu, Cpu], Any]) -> Any:
    """The mean of `at(device [users], server [users, candidates])`, a pytree, over what the CPUs may be.

    Gauss-Hermite quadrature over the two independent fluctuations, `NODES` for each.
    """
    nodes, weights = (jnp.asarray(a, params.dtype) for a in np.polynomial.hermite_e.hermegauss(NODES))

    def running(frequency: Array, mean: Array, variance: Array, node: Array) -> Cpu:
        x = mean + jnp.sqrt(variance) * node
        return cpu(frequency, twin.slowdown(x, params.slowdown_mean, params.slowdown_spread))

    def both(own: Array, there: Array) -> Any:
        device = running(seen.device, seen.device_mean, seen.device_variance, own)
        return at(device, running(seen.server, seen.server_mean, seen.server_variance, there))

    found = jax.vmap(both)(jnp.repeat(nodes, NODES), jnp.tile(nodes, NODES))
    shares = jnp.outer(weights, weights).reshape(-1) / jnp.sum(weights) ** 2
    return jax.tree.map(lambda leaf: jnp.tensordot(shares, leaf, axes=1), found)


def best(
    home: Float[Array, "users 1 1"],
    edge: Float[Array, "users candidates levels"],
    allowed: Bool[Array, "users candidates"],
) -> tuple[Int[Array, " users"], Int[Array, " users"]]:
    """Target and factor level of the highest reward among running locally and the allowed candidates."""
    users, _, levels = edge.shape
    gain = jnp.where(allowed[:, :, None], edge, -jnp.inf).reshape(users, -1)
    choice = jnp.argmax(gain, axis=1)
    away = jnp.max(gain, axis=1) > home.reshape(users)
    return jnp.where(away, choice // levels + 1, 0), choice % levels


def best_expected(
    config: EnvConfig, seen: View, params: EnvParams, blind: bool = False
) -> tuple[Int[Array, " users"], Int[Array, " users"]]:
    """Target and factor level of the highest expected own reward, task by task, certainty-equivalent."""
    home, edge, _ = expected_outcomes(config, seen, params, blind)
    return best(home.reward, edge.reward, seen.legal)
