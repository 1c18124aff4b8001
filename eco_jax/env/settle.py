"""What a joint action leads to in its slot, at the truth: who shares what, what moves, what is placed, what is paid."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from eco_jax.env.action import Act, pick
from eco_jax.env.config import EnvConfig
from eco_jax.env.observe import expected_rates
from eco_jax.env.outcome import cpu, outcome_of, rates
from eco_jax.env.params import EnvParams
from eco_jax.env.parts.spectrum import count
from eco_jax.env.placement import admit
from eco_jax.env.state import Cpu, Decision, Outcome, State, Task, View
from eco_jax.model import tasks, twin


class Settled(NamedTuple):
    """A joint action with all that follows from it but the price: see `paid`."""

    decision: Decision
    bits: Float[Array, " users"]
    """T_ij, bit"""
    asked: Bool[Array, " users"]
    """placements asked for that pay, Eq. (5)"""
    load: Int[Array, " servers"]
    """n_i, tasks on each server"""
    radio: Int[Array, " users"]
    """server that the user sends to, -1 for none"""
    radio_load: Int[Array, " servers"]
    """users that send to each server; the last slot's where nobody contends for the spectrum"""
    rate_up: Float[Array, " users"]
    """bit/s"""
    rate_down: Float[Array, " users"]
    lighter: Callable[[], tuple[Array, Array]]
    """gives the rates with one sender less beside each user"""
    device: Cpu
    """the user's, as it truly runs"""
    server: Cpu
    """the executing server's"""


def settle(config: EnvConfig, params: EnvParams, state: State, act: Act, seen: View) -> Settled:
    """What the action of all users together leads to in this slot, at the true slowdowns.

    A pure function of the slot's start: what is measured, moved on and drawn anew is left to `core.step`.

    Args:
        config: static settings.
        params: traced parameters.
        state: at the start of the slot.
        act: of every user, legal.
        seen: `observe.view` of the state.
    """
    hardware, place, task = state.hardware, state.place, state.task

    # Who shares what
    load = count(act.server, config.servers)
    receiver = params.access.receiver(act.server, place.candidates[:, 0])
    radio = jnp.where(act.offloaded, receiver, -1)
    link = params.access.link(act.choice)

    def among(senders: Array) -> tuple[Array, Array]:
        fading = params.access.fading(task.fading, place.candidates)
        contenders = jnp.maximum(senders[receiver], 1)
        return rates(params, pick(place.distance, link), task.power, pick(fading, link), contenders)

    seen_there = place.seen_distance is None
    rate_up, rate_down = (seen.rate_up, seen.rate_down) if seen_there else expected_rates(state, params)
    alone = pick(rate_up, act.choice), pick(rate_down, act.choice)
    radio_load, (up, down) = params.spectrum.settle(radio, state.memory, alone, among)

    # What becomes of the placements
    bits = tasks.offloaded_bits(act.beta, task.data)
    twin_time = params.migration_time + params.migration_error
    new_place = (place.predicted_server != act.server) & (place.predicted_server != state.replica)
    pays = tasks.placement_pays(hardware.service, new_place, bits, params.placement_time, twin_time)
    asked = params.equations.asks(act.cache, pays)
    capacity = params.equations.capacity(params)
    held = count(state.replica, config.servers)

    slow = twin.slowdown(state.x_server, params.slowdown_mean, params.slowdown_spread)
    return Settled(
        decision=Decision(
            offloaded=act.offloaded,
            beta=act.beta,
            elsewhere=act.server != place.candidates[:, 0],
            migrates=tasks.migrates(act.offloaded, act.server, state.last_server, state.replica),
            placed=admit(asked, place.predicted_server, bits, held, capacity),
            synced=act.sync,
            load=load[act.server].astype(params.dtype),
        ),
        bits=bits,
        asked=asked,
        load=load,
        radio=radio,
        radio_load=radio_load,
        rate_up=up,
        rate_down=down,
        lighter=lambda: among(jnp.maximum(radio_load - 1, 1)),
        device=cpu(hardware.device, twin.slowdown(state.x_device, params.slowdown_mean, params.slowdown_spread)),
        server=cpu(pick(seen.server, act.choice), slow[act.server]),
    )


def paid(
    params: EnvParams, task: Task, settled: Settled, load: Float[Array, " users"], sender: bool = False
) -> Outcome:
    """The true outcome of every user, with `load` tasks on its server (`settled.decision.load`, or one less).

    `sender`: with one sender less on its link.
    """
    up, down = settled.lighter() if sender else (settled.rate_up, settled.rate_down)
    return outcome_of(
        params, data=task.data, cycles=task.cycles, deadline=task.deadline, power=task.power, rate_up=up,
        rate_down=down, device=settled.device, server=settled.server,
        decision=settled.decision._replace(load=load), migration_time=params.migration_time,
    )  # fmt: skip
