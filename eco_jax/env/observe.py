"""What a controller sees: the `View` in SI units, and the features made of it."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Real

from eco_jax.env.config import EnvConfig
from eco_jax.env.forecast import LOWEST, forecast
from eco_jax.env.outcome import believed, rates
from eco_jax.env.params import EnvParams
from eco_jax.env.state import Observation, State, View
from eco_jax.model import latency, tasks

HIGHEST = 10.0
"""Largest absolute value of a feature."""


def legal_candidates(state: State, params: EnvParams) -> Bool[Array, "users candidates"]:
    """Candidates that a user may offload to: in coverage, and the task large enough, Eq. (12c)."""
    large = tasks.large_enough(state.task.data, params.task_min)[:, None]
    coverage = params.coverage.towards(params.access.towards(state.place.candidates))
    reached = coverage.reaches(params.access.towards(state.place.distance))
    return jnp.broadcast_to(large & reached, state.place.distance.shape)


def expected_rates(
    state: State, params: EnvParams
) -> tuple[Float[Array, "users candidates"], Float[Array, "users candidates"]]:
    """Rates (bit/s) towards each candidate, with the contenders of the last slot where the spectrum is shared.

    They are those of where the users are. A controller expects those of where it sees them (`Place.as_seen`).
    """
    place, access = state.place, params.access
    contenders = params.spectrum.expected(state.memory, access.towards(place.candidates))
    fading = access.fading(state.task.fading, place.candidates)
    up, down = rates(params, access.towards(place.distance), state.task.power[:, None], fading, contenders)
    shape = place.distance.shape
    return jnp.broadcast_to(up, shape), jnp.broadcast_to(down, shape)


@jax.named_scope("view")
def view(state: State, params: EnvParams) -> View:
    """All that a controller may see in this slot. The hidden fluctuations are not in it.

    Distances, predicted ones and rates are those from where a controller sees the users (`Mobility.seen_at`). Which
    servers are candidates, and which of them are legal, is what the physics allows: it comes from where they are.
    """
    place, memory, belief = state.place.as_seen(), state.memory, state.belief
    candidates = place.candidates
    up, down = expected_rates(state._replace(place=place), params)
    others = memory.load[candidates] - (memory.server[:, None] == candidates)
    return View(
        data=state.task.data,
        cycles=state.task.cycles,
        deadline=state.task.deadline,
        power=state.task.power,
        service=state.hardware.service,
        device=state.hardware.device,
        device_mean=belief.device_mean,
        device_variance=belief.device_variance,
        rate_up=up,
        rate_down=down,
        candidates=candidates,
        distance=place.distance,
        server=state.hardware.server[candidates],
        server_mean=belief.server_mean[candidates],
        server_variance=belief.server_variance[candidates],
        others=others.astype(params.dtype),
        served=state.last_server[:, None] == candidates,
        holds=state.replica[:, None] == candidates,
        legal=legal_candidates(state, params),
        predicted_distance=place.predicted_distance,
        predicted_server=place.predicted_server,
        fix_age=place.fix_age,
        last_server=state.last_server,
        replica=state.replica,
        # A measured latency gives the slowdown away, exactly where the task was local.
        latency=jnp.where(params.knowledge.telemetry, memory.latency, memory.twin_latency),
        twin_latency=memory.twin_latency,
        migration=memory.migration,
        twin_migration=memory.twin_migration,
        bits=memory.bits,
        twin_data=memory.data,
        twin_cycles=memory.cycles,
        can_sync=jnp.asarray(params.knowledge.sync),
        t=state.t,
    )


def mask(config: EnvConfig, seen: View) -> Bool[Array, "users choices"]:
    """Legal choices of all heads (target, offloading factor, cache, sync), concatenated.

    Local is always legal. The factor and the cache have no effect on a local task, so they need no mask; a sync
    needs a twin.
    """
    users = seen.legal.shape[0]
    always = jnp.ones((users, 1), bool)
    free = jnp.ones((users, len(config.beta_levels) + 2), bool)
    sync = jnp.broadcast_to(seen.can_sync, (users, 1))
    return jnp.concatenate([always, seen.legal, free, always, sync], axis=1)


def _squash(ratio: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """A time over a deadline, of whatever size, into [0, 1)."""
    return ratio / (1.0 + ratio)


def _centred(value: Float[Array, "*s"], low: Real[Array, ""], high: Real[Array, ""]) -> Float[Array, "*s"]:
    """A uniform quantity over its range, into [-1, 1] (0 where the range is a point)."""
    half = 0.5 * (high - low)
    return (value - 0.5 * (low + high)) / jnp.where(half > 0.0, half, 1.0)


def server_range(params: EnvParams) -> tuple[Real[Array, ""], Real[Array, ""]]:
    """Lowest and highest nominal CPU rate of a server, cycles/s: of all, where each has its own."""
    low, high = params.server_min, params.server_max
    return (low if jnp.ndim(low) == 0 else jnp.min(low)), (high if jnp.ndim(high) == 0 else jnp.max(high))


@jax.named_scope("features")
def features(config: EnvConfig, seen: View, params: EnvParams) -> Float[Array, "users features"]:
    """The view and the forecast made of it: user by user, candidate by candidate, then the gains.

    Scaled to O(1), and cut at +-`HIGHEST`, which only extreme parameters reach. Gains and harm are rewards, as bad as
    the worst link: cut where an alternative is out of question.
    """
    p = params
    ahead = forecast(config, seen, params)
    cycles_low = tasks.required_cycles(p.data_min, p.density_min, params.equations.density_unit)
    cycles_high = tasks.required_cycles(p.data_max, p.density_max, params.equations.density_unit)
    scale = p.migration_time * p.data_max  # seconds: the largest migration
    scale = jnp.where(scale > 0.0, scale, 1.0)

    local_time = seen.cycles / believed(p, seen.device, seen.device_mean, seen.device_variance).rate
    server = believed(p, seen.server, seen.server_mean, seen.server_variance)
    edge_time = latency.sharing_load(seen.others + 1.0, p.overlap) * seen.cycles[:, None] / server.rate
    upload_time = seen.data[:, None] / seen.rate_up
    deadline = seen.deadline[:, None]
    spacing = p.side / jnp.sqrt(1.0 * config.servers)

    user = [
        _centred(seen.data, p.data_min, p.data_max),
        _centred(seen.cycles, cycles_low, cycles_high),
        _centred(seen.deadline, p.deadline_min, p.deadline_max),
        _centred(seen.power, p.power_min, p.power_max),
        _centred(seen.service, p.service_min, p.service_max),
        _centred(seen.device, p.device_min, p.device_max),
        seen.device_mean,
        seen.device_variance,
        _squash(local_time / seen.deadline),
        _centred(seen.twin_data, p.data_min, p.data_max),
        _centred(seen.twin_cycles, cycles_low, cycles_high),
        _squash(seen.latency / p.deadline_max),
        _squash(seen.twin_latency / p.deadline_max),
        seen.migration / scale,
        seen.twin_migration / scale,
        seen.bits / p.data_max,
        _squash(seen.fix_age / (10.0 * p.slot)),
        (seen.last_server < 0) * 1.0,
        ((seen.last_server >= 0) & ~seen.served.any(axis=1)) * 1.0,
        (seen.replica < 0) * 1.0,
    ]
    candidate = [
        seen.distance / spacing,
        seen.predicted_distance / spacing,
        (seen.predicted_server[:, None] == seen.candidates) * 1.0,
        _centred(seen.server, *server_range(p)),
        seen.server_mean,
        seen.server_variance,
        jnp.log(1.0 + seen.others),
        jnp.log(1.0 + ahead.others),
        2.0 * jnp.minimum(ahead.harm, -LOWEST),
        seen.served * 1.0,
        seen.holds * 1.0,
        _squash(edge_time / deadline),
        _squash(upload_time / deadline),
        seen.legal * 1.0,
    ]
    users = seen.data.shape[0]
    parts = (
        jnp.stack(user, axis=1),
        jnp.stack(candidate, axis=2).reshape(users, -1),
        2.0 * jnp.maximum(ahead.gain, LOWEST).reshape(users, -1),
    )
    return jnp.clip(jnp.concatenate(parts, axis=1), -HIGHEST, HIGHEST)


def observe(config: EnvConfig, state: State, params: EnvParams) -> Observation:
    """The observation that a policy network gets in this state."""
    seen = view(state, params)
    return Observation(features(config, seen, params), mask(config, seen))
