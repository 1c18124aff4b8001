"""What a decision leads to: the equations of `model` put together, in the reading that the parameters hold."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from eco_jax.env.params import EnvParams
from eco_jax.env.parts.cost import Spent
from eco_jax.env.state import Cpu, Decision, Outcome
from eco_jax.model import energy, latency, qoe, tasks, twin
from eco_jax.model.types import Count, Real

MIN_RATE = 1.0
"""Rate floor of a link, bit/s: over a worse one a task takes weeks either way, and its time must stay a number."""


def rates(params: EnvParams, distance: Real, power: Real, fading: Real, contenders: Count) -> tuple[Array, Array]:
    """Rates up and down (bit/s, at least `MIN_RATE`) of a link, the bandwidth shared among `contenders` users.

    Args:
        params: parameters.
        distance: m.
        power: transmit power of the user, W.
        fading: s, -.
        contenders: users on the link, this one included.
    """
    bandwidth = params.bandwidth / contenders
    path = params.equations.path(params.pathloss, distance)
    up, down = (
        params.equations.rate(bandwidth, watts, path, fading, params.noise, distance)
        for watts in (power, params.power_down)
    )
    return jnp.maximum(up, MIN_RATE), jnp.maximum(down, MIN_RATE)


@jax.named_scope("outcome")
def outcome_of(
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
    """Latency, energy, QoE, costs and reward of `decision`, for truth or belief alike (the CPUs say which).

    All arguments broadcast. `migration_time` is C_f, or C_f + C~_f in the twin's view, s/bit.
    """
    d, equations = decision, params.equations
    # The double `where`: edge terms of a local task are computed at a harmless rate, then zeroed, so that neither
    # the value nor the gradient of what is discarded can be NaN.
    up = jnp.where(d.offloaded, rate_up, 1.0)
    down = jnp.where(d.offloaded, rate_down, 1.0)
    alpha, beta = tasks.split(d.beta, d.offloaded)
    bits = tasks.offloaded_bits(beta, data)
    migration = tasks.migration_cost(d.migrates, bits, migration_time)

    local = latency.computing_latency(alpha, cycles, device.frequency) + latency.computing_gap(
        alpha, cycles, device.frequency, device.deviation
    )
    computing = latency.computing_latency(beta, cycles, server.frequency) + latency.computing_gap(
        beta, cycles, server.frequency, server.deviation
    )
    total = equations.latency(params, d, local, computing, bits, up, down, migration)

    edge, home = equations.computing_energy(params, alpha, beta, cycles, device, server)
    moving, placing = equations.service_energy(params, migration, d.placed)
    terms = energy.EnergyTerms(
        edge=edge,
        receive=energy.transmit_energy(bits, up, params.receive_power),
        local=home,
        uplink=energy.transmit_energy(bits, up, power),
        downlink=energy.transmit_energy(params.result_ratio * bits, down, params.power_down),
        migration=moving,
        placement=placing,
        prediction=energy.switched(params.knowledge.sync, params.twin_energy),
        synchronisation=energy.switched(d.synced, params.sync_energy),
    )
    spent = terms.total()

    price = qoe.consumption_cost(beta, d.migrates, params.edge_price, params.migration_price)
    satisfied = qoe.satisfaction(total, params.latency_full, deadline, params.baseline)
    saved = equations.savings(params.budget, price)
    experience = qoe.qoe(satisfied, saved, params.qoe_latency, 1.0 - params.qoe_latency)

    reward = equations.reward(params, total, spent, experience)
    costs: tuple[Array, ...] = ()
    if params.costs:
        known = Spent(
            d, alpha, beta, cycles, bits, deadline, device, server, up, down, total, spent, migration
        )  # fmt: skip
        costs = tuple(jnp.asarray(term.cost(known), params.dtype) for term in params.costs)
        for term, cost in zip(params.costs, costs, strict=True):
            reward = reward - term.weight * cost
    return Outcome(total, spent, terms, experience, reward, migration, costs)


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
