"""What a decision leads to: the equations of `model` put together, in either reading."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from eco_jax.env.config import EnvConfig
from eco_jax.env.params import EnvParams
from eco_jax.env.state import Outcome
from eco_jax.model import energy, latency, objective, qoe, radio, tasks, twin
from eco_jax.model.types import Count, Flag, Real

MIN_RATE = 1.0
"""Rate floor of a link, bit/s: over a worse one a task takes weeks either way, and its time must stay a number."""


class Cpu(NamedTuple):
    """A CPU as far as one knows it: nominal rate and deviation (what it lacks), cycles/s."""

    frequency: Real
    deviation: Real

    @property
    def rate(self) -> Real:
        """Actual rate f - f~, cycles/s."""
        return self.frequency - self.deviation


class Decision(NamedTuple):
    """A decision and what follows from it, for users, or for users and alternatives."""

    offloaded: Flag
    beta: Real
    """offloading factor if offloaded, -"""
    elsewhere: Flag
    """the executing server is not the access server"""
    migrates: Flag
    placed: Flag
    synced: Flag
    load: Count
    """tasks on the executing server, this one included"""


def gain(config: EnvConfig, params: EnvParams, distance: Real) -> Real:
    """Path gain at a distance (m) under the configured model, -. `printed`: distance (m) times gain, see `rates`."""
    if config.pathloss == "umi":
        at = 150.0 if config.printed else distance
        value = radio.path_gain_umi(at, params.carrier, params.height_bs, params.height_ut)
    else:
        at = params.gain_distance if config.printed else distance
        value = radio.path_gain(at, params.gain, params.gain_distance, params.exponent)
    # The printed rate divides by the distance itself: a constant that agrees with the repaired one at this distance.
    return value * at if config.printed else value


def rates(
    config: EnvConfig, params: EnvParams, distance: Real, power: Real, fading: Real, contenders: Count
) -> tuple[Array, Array]:
    """Rates up and down (bit/s, at least `MIN_RATE`) of a link, the bandwidth shared among `contenders` users.

    Printed, pi = 0 makes a local task's rate zero; its terms are zeroed by `evaluate` instead, as 0/0 is no number.
    """
    bandwidth = params.bandwidth / contenders
    path = gain(config, params, distance)
    if config.printed:
        up = radio.rate_printed(bandwidth, power, path, fading, params.noise, distance, 1.0)
        down = radio.rate_printed(bandwidth, params.power_down, path, fading, params.noise, distance, 1.0)
    else:
        up = radio.rate(bandwidth, power, path, fading, params.noise)
        down = radio.rate(bandwidth, params.power_down, path, fading, params.noise)
    return jnp.maximum(up, MIN_RATE), jnp.maximum(down, MIN_RATE)


@jax.named_scope("outcome")
def evaluate(
    config: EnvConfig,
    params: EnvParams,
    *,
    data: Real,
    cycles: Real,
    deadline: Real,
    power: Real,
    rate_up: Real,
    rate_down: Real,
    device: Cpu,
    server: Cpu,
    decision: Decision,
    migration_time: Real,
) -> Outcome:
    """Latency, energy, QoE and reward of `decision`, for truth or belief alike (the CPUs say which).

    All arguments broadcast. `migration_time` is C_f, or C_f + C~_f in the twin's view, s/bit.
    """
    d = decision
    # The double `where`: edge terms of a local task are computed at a harmless rate, then zeroed, so that neither
    # the value nor the gradient of what is discarded can be NaN.
    up = jnp.where(d.offloaded, rate_up, 1.0)
    down = jnp.where(d.offloaded, rate_down, 1.0)
    alpha, beta = tasks.split(d.beta, d.offloaded)
    bits = tasks.offloaded_bits(beta, data)
    result = params.result_ratio * bits
    migration = tasks.migration_cost(d.migrates, bits, migration_time)

    local = latency.computing_latency(alpha, cycles, device.frequency) + latency.computing_gap(
        alpha, cycles, device.frequency, device.deviation
    )
    computing = latency.computing_latency(beta, cycles, server.frequency) + latency.computing_gap(
        beta, cycles, server.frequency, server.deviation
    )
    if config.printed:
        edge = latency.edge_latency_printed(computing, up)
        total = latency.total_latency(local, jnp.where(d.offloaded, edge, 0.0), 0.0, "sum")
    else:
        if config.access == "direct":
            elsewhere: Flag = False
        else:
            elsewhere = d.elsewhere
        edge = latency.edge_latency(
            bits, computing, d.load, up, down, result, elsewhere, params.queuing, params.backhaul
        )
        total = latency.total_latency(local, jnp.where(d.offloaded, edge, 0.0), migration, config.combine)

    terms = _energy(config, params, d, alpha, beta, bits, cycles, power, up, down, device, server, migration)
    spent = terms.total()

    cost = qoe.consumption_cost(beta, d.migrates, params.edge_price, params.migration_price)
    saved = (qoe.savings_printed if config.printed else qoe.savings)(params.budget, cost)
    satisfied = qoe.satisfaction(total, params.latency_full, deadline, params.baseline)
    experience = qoe.qoe(satisfied, saved, params.qoe_latency, 1.0 - params.qoe_latency)

    rewarded = (objective.reward_printed if config.printed else objective.reward)(
        total, spent, experience, params.w1, params.w2, params.w3
    )
    return Outcome(total, spent, terms, experience, rewarded, migration)


def _energy(
    config: EnvConfig,
    params: EnvParams,
    d: Decision,
    alpha: Real,
    beta: Real,
    bits: Real,
    cycles: Real,
    power: Real,
    up: Real,
    down: Real,
    device: Cpu,
    server: Cpu,
    migration: Real,
) -> energy.EnergyTerms:
    if config.printed:
        edge = energy.computing_energy_printed(beta, cycles, *server, params.edge_power)
        local = energy.computing_energy_printed(alpha, cycles, *device, 1.0)
    elif config.cpu_energy == "cmos":
        edge = energy.computing_energy_cmos(beta, cycles, server.rate, params.kappa_edge)
        local = energy.computing_energy_cmos(alpha, cycles, device.rate, params.kappa_device)
    else:
        edge = energy.computing_energy(beta, cycles, server.rate, params.edge_power)
        local = energy.computing_energy(alpha, cycles, device.rate, params.device_power)
    nothing = jnp.zeros((), jnp.float32)
    return energy.EnergyTerms(
        edge=edge,
        receive=energy.transmit_energy(bits, up, params.receive_power),
        local=local,
        uplink=energy.transmit_energy(bits, up, power),
        downlink=energy.transmit_energy(params.result_ratio * bits, down, params.power_down),
        # Eq. (8) has no term for moving or placing a service.
        migration=nothing if config.printed else params.migration_power * migration,
        placement=nothing if config.printed else energy.switched(d.placed, params.placement_energy),
        prediction=energy.switched(params.knowledge.sync, params.twin_energy),
        synchronisation=energy.switched(d.synced, params.sync_energy),
    )


def cpu(frequency: Float[Array, "*#shape"], slowdown: Float[Array, "*#shape"]) -> Cpu:
    """A CPU from its nominal rate and its slowdown (true or expected): f~ = delta f."""
    return Cpu(frequency, slowdown * frequency)


def believed(
    params: EnvParams,
    frequency: Float[Array, "*#shape"],
    mean: Float[Array, "*#shape"],
    variance: Float[Array, "*#shape"],
) -> Cpu:
    """A CPU as a belief N(mean, variance) about its fluctuation expects it."""
    return cpu(frequency, twin.expected_slowdown(mean, variance, params.slowdown_mean, params.slowdown_spread))
