"""What a controller sees: the `View` in SI units, and the features made of it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Real

from eco_jax.env.config import EnvConfig
from eco_jax.env.forecast import LOWEST, Forecast, forecast
from eco_jax.env.joined import joined
from eco_jax.env.outcome import believed, rates
from eco_jax.env.params import EnvParams
from eco_jax.env.protocol import Inputs
from eco_jax.env.state import Observation, State, View
from eco_jax.model import latency, tasks


def legal_candidates(state: State, params: EnvParams) -> Bool[Array, "users candidates"]:
    """Candidates that a user may offload to: in coverage, and the task large enough, Eq. (12c)."""
    large = tasks.large_enough(state.task.data, params.task_min)[:, None]
    place = state.place
    coverage = params.coverage.towards(params.access.towards(place.candidates))
    distance = place.distance if place.legal_distance is None else place.legal_distance
    return jnp.broadcast_to(large & coverage.reaches(params.access.towards(distance)), distance.shape)


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


class Seen(NamedTuple):
    """What the features are made of."""

    view: View
    ahead: Forecast
    params: EnvParams
    spacing: Float[Array, ""]
    """side of the area that one server has to itself, m"""
    cycles: tuple[Float[Array, ""], Float[Array, ""]]
    """fewest and most of a task"""
    migration: Float[Array, ""]
    """the longest, s"""
    local_time: Float[Array, " users"]
    """expected on the device, s"""
    edge_time: Float[Array, "users candidates"]
    """expected on the candidate with the last slot's load, s"""
    upload_time: Float[Array, "users candidates"]
    """s"""


class Feature(NamedTuple):
    """One number of an observation."""

    name: str
    scale: str
    """its unit, or how it is scaled"""
    meaning: str
    of: Callable[[Seen], Array]
    """its value: [users], or [users, candidates]"""


_RANGE = "-1 to 1 over its range"
_FLAG = "0 or 1"
_DEADLINE = "time t over the task's deadline L as t / (L + t)"
_LONGEST = "time t over the longest deadline L as t / (L + t)"
USER_FEATURES = (
    Feature("data", _RANGE, "data of the task", lambda s: _ranged(s, s.view.data, "data")),
    Feature("cycles", _RANGE, "CPU cycles of the task", lambda s: _centred(s.view.cycles, *s.cycles)),
    Feature("deadline", _RANGE, "deadline of the task", lambda s: _ranged(s, s.view.deadline, "deadline")),
    Feature("power", _RANGE, "transmit power", lambda s: _ranged(s, s.view.power, "power")),
    Feature("service", _RANGE, "size of the service", lambda s: _ranged(s, s.view.service, "service")),
    Feature("device", _RANGE, "nominal CPU rate of the device", lambda s: _ranged(s, s.view.device, "device")),
    Feature("device_mean", "-", "mean of the belief about the device's x", lambda s: s.view.device_mean),
    Feature("device_variance", "-", "variance of that belief, 1 for the prior", lambda s: s.view.device_variance),
    Feature(
        "local_time", _DEADLINE, "expected time on the device", lambda s: _squash(s.local_time / s.view.deadline)
    ),
    Feature("twin_data", _RANGE, "data of the task, as forecast", lambda s: _ranged(s, s.view.twin_data, "data")),
    Feature("twin_cycles", _RANGE, "its CPU cycles, as forecast", lambda s: _centred(s.view.twin_cycles, *s.cycles)),
    Feature(
        "last_latency", _LONGEST, "latency of the last task, as predicted where nothing is measured",
        lambda s: _squash(s.view.latency / s.params.deadline_max),
    ),
    Feature(
        "twin_latency", _LONGEST, "latency of the last task, as the belief predicted it",
        lambda s: _squash(s.view.twin_latency / s.params.deadline_max),
    ),
    Feature("migration", "over the longest", "time of the last migration", lambda s: s.view.migration / s.migration),
    Feature(
        "twin_migration", "over the longest", "the same as the twin has it",
        lambda s: s.view.twin_migration / s.migration,
    ),
    Feature("bits", "over the most data", "data offloaded last", lambda s: s.view.bits / s.params.data_max),
    Feature(
        "fix_age", "age a over 10 slots S as a / (S + a)", "age of the last position fix",
        lambda s: _squash(s.view.fix_age / (10.0 * s.params.slot)),
    ),
    Feature("never_served", _FLAG, "no task was offloaded yet", lambda s: (s.view.last_server < 0) * 1.0),
    Feature(
        "served_elsewhere", _FLAG, "the last offloaded task ran on a server that is no candidate now",
        lambda s: ((s.view.last_server >= 0) & ~s.view.served.any(axis=1)) * 1.0,
    ),
    Feature("no_replica", _FLAG, "no server holds a replica of the service", lambda s: (s.view.replica < 0) * 1.0),
)  # fmt: skip
"""Of a user."""
CANDIDATE_FEATURES = (
    Feature("distance", "over the servers' spacing", "distance", lambda s: s.view.distance / s.spacing),
    Feature(
        "predicted_distance", "over the servers' spacing", "distance from the predicted point",
        lambda s: s.view.predicted_distance / s.spacing,
    ),
    Feature(
        "predicted", _FLAG, "nearest to the predicted point",
        lambda s: (s.view.predicted_server[:, None] == s.view.candidates) * 1.0,
    ),
    Feature("server", _RANGE, "nominal CPU rate", lambda s: _centred(s.view.server, *server_range(s.params))),
    Feature("server_mean", "-", "mean of the belief about the server's x", lambda s: s.view.server_mean),
    Feature("server_variance", "-", "variance of that belief, 1 for the prior", lambda s: s.view.server_variance),
    Feature("others", "log(1 + tasks)", "tasks of others in the last slot", lambda s: jnp.log(1.0 + s.view.others)),
    Feature(
        "others_ahead", "log(1 + tasks)", "the same as forecast of this slot, below `forecast` of the last one",
        lambda s: jnp.log(1.0 + s.ahead.others),
    ),
    Feature(
        "harm", "reward, times 2", "what others there lose by one task more, 0 below `forecast`",
        lambda s: 2.0 * jnp.minimum(s.ahead.harm, -LOWEST),
    ),
    Feature("served", _FLAG, "ran the last offloaded task", lambda s: s.view.served * 1.0),
    Feature("holds", _FLAG, "holds the replica of the service", lambda s: s.view.holds * 1.0),
    Feature(
        "edge_time", _DEADLINE, "expected time there with the last slot's load",
        lambda s: _squash(s.edge_time / s.view.deadline[:, None]),
    ),
    Feature(
        "upload_time", _DEADLINE, "time of the upload of all data",
        lambda s: _squash(s.upload_time / s.view.deadline[:, None]),
    ),
    Feature("legal", _FLAG, "offloading to it is allowed", lambda s: s.view.legal * 1.0),
)  # fmt: skip
"""Of each candidate server of a user."""
GAIN = Feature(
    "gain", "reward, times 2, at least -2", "expected own reward over running locally, at the loads ahead",
    lambda s: 2.0 * jnp.maximum(s.ahead.gain, LOWEST),
)  # fmt: skip
"""Of each candidate and offloading factor: [users, candidates, levels]."""


def feature_docs(config: EnvConfig) -> dict[str, str]:
    """Name of every feature of an observation, in its order -> what it is, and its unit or scale.

    Candidates are counted from 1, as the choices of a target are: `candidate1/distance` is that of the nearest server.
    A gain is of a candidate and an offloading factor: `candidate1/gain/0.25`.
    """
    names = config.choices["target"][1:]
    every: list[tuple[str, Feature]] = [(feature.name, feature) for feature in USER_FEATURES]
    every += [(f"{name}/{feature.name}", feature) for name in names for feature in CANDIDATE_FEATURES]
    every += [(f"{name}/{GAIN.name}/{beta}", GAIN) for name in names for beta in config.choices["factor"]]
    return {name: f"{feature.meaning} ({feature.scale})" for name, feature in every}


def feature_names(config: EnvConfig) -> tuple[str, ...]:
    """Names of the features of an observation, in its order: see `feature_docs`."""
    return tuple(feature_docs(config))


def _ranged(seen: Seen, value: Float[Array, "*s"], name: str) -> Float[Array, "*s"]:
    """A uniform quantity over the range that the parameters have of it."""
    return _centred(value, getattr(seen.params, f"{name}_min"), getattr(seen.params, f"{name}_max"))


def inputs(config: EnvConfig) -> Inputs:
    """Layout of the features of an observation."""
    return Inputs(len(USER_FEATURES), (len(CANDIDATE_FEATURES), len(config.beta_levels)), config.candidates)


@jax.named_scope("features")
def features(config: EnvConfig, seen: View, params: EnvParams) -> Float[Array, "users features"]:
    """The view and the forecast made of it: user by user, candidate by candidate, then the gains (`feature_docs`).

    Scaled to O(1), and cut at +-`joined.HIGHEST`, which only extreme parameters reach. Gains and harm are rewards, as
    bad as the worst link: cut where an alternative is out of question.
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
    spacing = p.side / jnp.sqrt(1.0 * config.servers)

    of = Seen(seen, ahead, p, spacing, (cycles_low, cycles_high), scale, local_time, edge_time, upload_time)
    own, there = ([feature.of(of) for feature in every] for every in (USER_FEATURES, CANDIDATE_FEATURES))
    return joined(own, there, GAIN.of(of))


def observe(config: EnvConfig, state: State, params: EnvParams) -> Observation:
    """The observation that a policy network gets in this state."""
    seen = view(state, params)
    return Observation(features(config, seen, params), mask(config, seen))
