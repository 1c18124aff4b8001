"""One whole episode, slot by slot: everything that a viewer shows, from the same functions that the slot is made of."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from eco_jax.env import EcoEnv, EnvConfig, EnvParams, State
from eco_jax.env.action import interpret
from eco_jax.env.observe import view
from eco_jax.env.outcome import believed, cpu
from eco_jax.env.settle import settle
from eco_jax.env.state import Decision, Hardware, Outcome, Task
from eco_jax.model import twin
from eco_jax.train.evaluate import Policy, Remembering, play_episode

SURER = 1.0 - 1e-5
"""A CPU was measured where its belief is surer than age alone leaves it: its variance is below this share."""


class Speeds(NamedTuple):
    """CPUs as they are and as the controller believes them to be, cycles/s."""

    true: Float[Array, "*slots cpus"]
    believed: Float[Array, "*slots cpus"]
    """at the expected slowdown"""
    low: Float[Array, "*slots cpus"]
    """one standard deviation of the belief below"""
    high: Float[Array, "*slots cpus"]
    measured: Bool[Array, "*slots cpus"]
    """a measurement of this slot made the belief surer: it counts from the next slot on"""


class Recording(NamedTuple):
    """An episode: every leaf [slots, ...]."""

    position: Float[Array, "slots users 2"]
    """m"""
    candidates: Int[Array, "slots users candidates"]
    """servers, the first is the nearest"""
    task: Task
    hardware: Hardware
    """the same in every slot"""
    server: Int[Array, "slots users"]
    """that executes the user's task, -1 where local"""
    radio: Int[Array, "slots users"]
    """server that the user sends to, -1 for none"""
    last_server: Int[Array, "slots users"]
    """of the last offloaded task before this slot, -1 before the first"""
    replica: Int[Array, "slots users"]
    """server that holds the user's replica in this slot, -1 for none"""
    expected_server: Int[Array, "slots users"]
    """where the user is expected next: where a replica would go"""
    decision: Decision
    rate_up: Float[Array, "slots users"]
    """bit/s"""
    rate_down: Float[Array, "slots users"]
    load: Int[Array, "slots servers"]
    """tasks on each server"""
    synced: Bool[Array, "slots servers"]
    """refreshed by somebody's synchronisation"""
    outcome: Outcome
    expected_latency: Float[Array, "slots users"]
    """that the belief expected of the action taken, s"""
    devices: Speeds
    servers: Speeds
    metrics: dict[str, Float[Array, " slots"]]
    """of the slot, as the step reports them"""


def record(
    env: EcoEnv, params: EnvParams, policy_of: Callable[[Any], Policy | Remembering], own: Any, key: PRNGKeyArray
) -> Recording:
    """The episode that `play_episodes` plays with the same policy and key (see `train.evaluate.episode_key`).

    Args:
        env: where.
        params: its parameters.
        policy_of: makes the policy of `own`.
        own: a rule, or an algorithm and an agent's parameters: a pytree.
        key: of the episode.
    """
    found: Recording = _program(env, policy_of)(own, params, key)
    return found


@lru_cache(maxsize=8)
def _program(env: EcoEnv, policy_of: Callable[[Any], Policy | Remembering]) -> Any:
    """Compiled once for a rule at all levels of knowledge."""

    @jax.jit
    def played(own: Any, params: EnvParams, key: PRNGKeyArray) -> Recording:
        def kept(before: State, action: Array, after: State, info: dict[str, Any]) -> Recording:
            return slot(env.config, params, before, action, after, info)

        return play_episode(env, params, policy_of(own), key, kept)

    return played


def slot(
    config: EnvConfig,
    params: EnvParams,
    before: State,
    action: Int[Array, "users 4"],
    after: State,
    info: dict[str, Any],
) -> Recording:
    """What is shown of one slot: of its states, of what the step reports, and of what the action means.

    Args:
        config: static settings.
        params: parameters.
        before: state at the start of the slot.
        action: of all users.
        after: state at the start of the next slot.
        info: of the step.
    """
    act = interpret(config, before, action, params)
    settled = settle(config, params, before, act, view(before, params))
    refreshed = jnp.where(act.sync[:, None], before.place.candidates, config.servers).reshape(-1)
    decision, outcome = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (config.users,)), (settled.decision, info["outcome"])
    )
    belief, learnt, hardware = before.belief, after.belief, before.hardware
    return Recording(
        position=before.place.position,
        candidates=before.place.candidates,
        task=before.task,
        hardware=hardware,
        server=act.server,
        radio=settled.radio,
        last_server=before.last_server,
        replica=before.replica,
        expected_server=before.place.predicted_server,
        decision=decision,
        rate_up=settled.rate_up,
        rate_down=settled.rate_down,
        load=settled.load,
        synced=jnp.zeros(config.servers, bool).at[refreshed].set(True, mode="drop"),
        outcome=outcome,
        expected_latency=after.memory.twin_latency,
        devices=_speeds(
            params, hardware.device, before.x_device, belief.device_mean, belief.device_variance,
            learnt.device_variance,
        ),
        servers=_speeds(
            params, hardware.server, before.x_server, belief.server_mean, belief.server_variance,
            learnt.server_variance,
        ),
        metrics=info["metrics"],
    )  # fmt: skip


def _speeds(
    params: EnvParams,
    nominal: Float[Array, " cpus"],
    x: Float[Array, " cpus"],
    mean: Float[Array, " cpus"],
    variance: Float[Array, " cpus"],
    later: Float[Array, " cpus"],
) -> Speeds:
    """CPUs at the start of a slot. `later`: variance of the belief about them one slot later."""

    def rate(x: Array) -> Array:
        return cpu(nominal, twin.slowdown(x, params.slowdown_mean, params.slowdown_spread)).rate

    deviation = jnp.sqrt(variance)
    _, aged = twin.age(mean, variance, params.correlation)
    return Speeds(
        true=rate(x),
        believed=believed(params, nominal, mean, variance).rate,
        low=rate(mean + deviation),  # a larger fluctuation is a slower CPU
        high=rate(mean - deviation),
        measured=later < aged * SURER,
    )


def age(measured: Bool[np.ndarray, "slots cpus"]) -> Int[np.ndarray, "slots cpus"]:
    """Slots since a CPU was last measured, as the controller has it in each slot; -1 where it never was."""
    found = np.full(measured.shape, -1)
    for t in range(1, len(found)):
        older = np.where(found[t - 1] >= 0, found[t - 1] + 1, -1)
        found[t] = np.where(measured[t - 1], 1, older)
    return found
