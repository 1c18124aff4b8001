"""The environment: reset, step, observe. Pure functions, no autoreset."""

from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from eco_jax.env import belief, topology
from eco_jax.env.action import Act, interpret, pick
from eco_jax.env.check import check_action, check_params, check_state, varying_like
from eco_jax.env.config import EnvConfig
from eco_jax.env.metrics import slot_metrics
from eco_jax.env.observe import observe, view
from eco_jax.env.outcome import believed, outcome_of
from eco_jax.env.params import EnvParams
from eco_jax.env.parts.credit import Earned
from eco_jax.env.parts.mobility.fixes import dead_reckoning
from eco_jax.env.parts.tasks import Drawn
from eco_jax.env.settle import paid, settle
from eco_jax.env.state import Decision, Fixes, Hardware, Memory, Observation, Outcome, Place, State, Task, View
from eco_jax.metrics import REWARD
from eco_jax.model import tasks, twin
from eco_jax.random import uniform


class Draws(NamedTuple):
    """All randomness of a slot: standard uniforms and normals."""

    task: Float[Array, "users columns"]
    """those of the tasks, and one for the transmit power"""
    fading: Float[Array, "draws users links"]
    """in (0, 1)"""
    mobility: Float[Array, "users draws"]
    fluctuation: Float[Array, " both"]
    """normal, for users, then servers"""
    measurement: Float[Array, "two both"]
    """normal, telemetry and sync, for users, then servers"""


@jax.named_scope("draw")
def _draw(config: EnvConfig, key: PRNGKeyArray, params: EnvParams) -> Draws:
    links = params.access.links(config.servers)
    fadings, moves = params.pathloss.draws * links, params.mobility.draws
    both = config.users + config.servers
    # One draw, split by slicing: many small ones cost more than the numbers themselves.
    own = params.tasks.draws + 1
    columns = own + fadings + moves
    flat = uniform(key, config.users * columns + 3 * both).astype(params.dtype)
    user = flat[: config.users * columns].reshape(config.users, columns)
    # The uniforms are multiples of 2^-23 in [0, 1): half a step up keeps normals finite and fading above 0.
    normal = 2.0**0.5 * lax.erf_inv(2.0 * flat[config.users * columns :] - (1.0 - 2.0**-23)).reshape(3, both)
    fading = jnp.stack([user[:, own + first : own + first + links] for first in range(0, fadings, links)]) + 2.0**-24
    return Draws(user[:, :own], fading, user[:, own + fadings :], normal[0], normal[1:])


def _between(uniform: Array, low: Any, high: Any) -> Array:
    return low + uniform * (high - low)


def _task(config: EnvConfig, draws: Draws, params: EnvParams) -> Task:
    drawn: Drawn = params.tasks.draw(draws.task[:, :-1], params)
    return Task(
        data=drawn.data,
        cycles=tasks.required_cycles(drawn.data, drawn.density, params.equations.density_unit),
        deadline=drawn.deadline,
        power=_between(draws.task[:, -1], params.power_min, params.power_max),
        fading=params.pathloss.fading(draws.fading, params.fading_floor),
    )


@jax.named_scope("nearest")
def _place(config: EnvConfig, motion: Any, fixes: Fixes, params: EnvParams) -> Place:
    sites = topology.sites(config, params)
    candidates, distance = topology.nearest(motion.position, sites, config.candidates)
    predicts, seen_at = params.knowledge.telemetry, params.mobility.seen_at(motion, fixes)
    here = motion.position if seen_at is None else seen_at
    ahead = dead_reckoning(fixes, params)
    return Place(
        position=motion.position,
        candidates=candidates,
        distance=distance,
        predicted_distance=topology.distances(jnp.where(predicts, ahead, here), sites, candidates),
        predicted_server=jnp.where(predicts, topology.nearest(ahead, sites, 1)[0][:, 0], candidates[:, 0]),
        fix_age=jnp.where(predicts, fixes.age, 0.0),
        seen_distance=None if seen_at is None else topology.distances(seen_at, sites, candidates),
    )


def reset(config: EnvConfig, key: PRNGKeyArray, params: EnvParams) -> tuple[Observation, State]:
    """A new episode: hardware, users, fluctuations in their stationary state, beliefs at the prior.

    Raises:
        UserError: parameters of another world.
    """
    check_params(config, params)
    hardware_key, draw_key = jax.random.split(key)
    u = uniform(hardware_key, 2 * config.users + config.servers)
    users, servers = config.users, config.servers
    hardware = Hardware(
        device=_between(u[:users], params.device_min, params.device_max),
        server=_between(u[2 * users :], params.server_min, params.server_max),
        service=_between(u[users : 2 * users], params.service_min, params.service_max),
    )
    draws = _draw(config, draw_key, params)
    more: dict[str, Array] = {}
    if params.mobility.starts:
        count = config.users * params.mobility.starts
        # To fold in 1 gives the key of the draws: the bits are others unless there are as many of both.
        alike = (count + 1) // 2 == (sum(leaf.size for leaf in draws) + 1) // 2
        numbers = uniform(jax.random.fold_in(key, 2 if alike else 1), count)
        more = {"starts": numbers.reshape(config.users, params.mobility.starts)}
    motion = params.mobility.reset(draws.mobility, params, **more)
    fixes = params.mobility.first_fixes(motion)
    x_device, x_server = draws.fluctuation[:users], draws.fluctuation[users:]
    task = _task(config, draws, params)

    zero, none = jnp.zeros(users, params.dtype), jnp.full(users, -1, jnp.int32)
    usual, density = params.tasks.expected(params)
    data = jnp.full(users, usual)
    cycles = tasks.required_cycles(data, density, params.equations.density_unit)
    idle = jnp.zeros(servers, jnp.int32)
    memory = Memory(
        latency=zero, twin_latency=zero, migration=zero, twin_migration=zero, bits=zero, data=data,
        cycles=cycles, server=none, radio=none, load=idle, radio_load=idle,
    )  # fmt: skip
    state = State(
        t=jnp.int32(0),
        mobility=motion,
        fixes=fixes,
        place=_place(config, motion, fixes, params),
        hardware=hardware,
        x_device=x_device,
        x_server=x_server,
        belief=belief.prior(x_device, x_server, params),
        task=task,
        memory=memory,
        last_server=none,
        replica=none,
    )
    state = varying_like(state, key, params)
    return observe(config, state, params), state


@jax.named_scope("prediction")
def _predicted_by_twin(
    seen: View, act: Act, decision: Decision, params: EnvParams
) -> tuple[Float[Array, " users"], Float[Array, " users"]]:
    """Latency and migration cost (s) that the belief expects of the action taken."""

    def own(leaf: Array) -> Array:
        return pick(leaf, act.choice)

    expected = outcome_of(
        params, data=seen.data, cycles=seen.cycles, deadline=seen.deadline, power=seen.power,
        rate_up=own(seen.rate_up), rate_down=own(seen.rate_down),
        device=believed(params, seen.device, seen.device_mean, seen.device_variance),
        server=believed(params, own(seen.server), own(seen.server_mean), own(seen.server_variance)),
        decision=decision._replace(load=own(seen.others) + 1.0),
        migration_time=params.migration_time + params.migration_error,
    )  # fmt: skip
    return expected.latency, expected.migration


def step(
    config: EnvConfig, key: PRNGKeyArray, state: State, action: Int[Array, "users 4"], params: EnvParams
) -> tuple[Observation, State, Float[Array, " users"], Bool[Array, ""], Bool[Array, ""], dict[str, Any]]:
    """One slot: act, pay, learn, place, move on.

    Args:
        config: static settings.
        key: for the next slot's tasks, fading, motion and fluctuations, and this slot's measurement errors.
        state: at the start of the slot.
        action: target (0 local, 1..K candidates), offloading factor level, cache, sync, for every user.
        params: traced parameters.

    Returns:
        (observation, state, reward, terminated, truncated, info). The reward is per user and carries the chosen
        credit. Never terminated; truncated after `config.slots`. The observation after the last slot is the true
        one. `info` holds `reward` (the team's), `metrics` (means over users) and `outcome` (per user).

    Raises:
        UserError: an action of another shape or type, or a state or parameters of another world.
    """
    check_params(config, params)
    check_state(config, state)
    check_action(config, action)
    draws = _draw(config, key, params)
    act = interpret(config, state, action, params)
    seen = view(state, params)
    settled = settle(config, params, state, act, seen)
    decision, place, task = settled.decision, state.place, state.task

    def relieved(task_less: bool, sender: bool) -> Array:
        load = jnp.maximum(decision.load - 1.0, 1.0) if task_less else decision.load
        return paid(params, task, settled, load, sender).reward

    outcome = paid(params, task, settled, decision.load)
    reward, team = _credit(config, act, outcome, settled.radio, params, relieved)
    twin_latency, twin_migration = _predicted_by_twin(seen, act, decision, params)
    metrics = slot_metrics(params, state, act, decision, outcome, seen, settled.asked, team, settled.server)

    # What is measured of this slot, one slot old when it is used
    everywhere = jnp.arange(config.servers)
    synced = [act.sync[:, None] & (there[:, None] == everywhere) for there in place.candidates.T]
    learnt = belief.learn(
        state.belief, state.x_device, state.x_server,
        executed_device=act.beta < 1.0,
        executed_server=settled.load > 0,
        synced_device=act.sync,
        synced_server=jnp.any(reduce(jnp.logical_or, synced), axis=0),
        noise=draws.measurement,
        params=params,
    )  # fmt: skip

    # The next slot
    x = twin.next_fluctuation(jnp.concatenate([state.x_device, state.x_server]), draws.fluctuation, params.correlation)
    x_device, x_server = x[: config.users], x[config.users :]
    t = state.t + 1
    motion = params.mobility.move(draws.mobility, state.mobility, params)
    fixes = params.mobility.next_fixes(state.fixes, motion, t, params)
    new = State(
        t=t,
        mobility=motion,
        fixes=fixes,
        place=_place(config, motion, fixes, params),
        hardware=state.hardware,
        x_device=x_device,
        x_server=x_server,
        belief=belief.age(learnt, x_device, x_server, params),
        task=_task(config, draws, params),
        memory=Memory(
            latency=outcome.latency, twin_latency=twin_latency, migration=outcome.migration,
            twin_migration=twin_migration, bits=settled.bits, data=task.data, cycles=task.cycles, server=act.server,
            radio=settled.radio, load=settled.load, radio_load=settled.radio_load,
        ),
        last_server=jnp.where(act.offloaded, act.server, state.last_server),
        replica=jnp.where(decision.placed, place.predicted_server, state.replica),
    )  # fmt: skip
    new = varying_like(new, key, params, state)
    info = {REWARD: team, "metrics": metrics, "outcome": outcome}
    return observe(config, new, params), new, reward, jnp.asarray(False), t >= config.slots, info


@jax.named_scope("credit")
def _credit(
    config: EnvConfig,
    act: Act,
    outcome: Outcome,
    radio: Int[Array, " users"],
    params: EnvParams,
    relieved: Callable[[bool, bool], Array],
) -> tuple[Float[Array, " users"], Float[Array, ""]]:
    """Each user's reward under the chosen credit, and the team's."""
    team = params.equations.team(outcome.reward)
    earned = Earned(
        own=outcome.reward, team=team, offloaded=act.offloaded, server=act.server, servers=config.servers,
        relieved=relieved, radio=radio, contended=params.spectrum.contended,
    )  # fmt: skip
    return params.credit.reward(earned), team
