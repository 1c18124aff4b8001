"""Latency of a task: Eqs. (7), (7a) local, (7b) edge, and their gaps to the twin's estimate.

Throughout, the deviation f~ = delta f is what the CPU lacks against its nominal rate f, so that the actual rate is
f - f~ and `C/f + gap = C/(f - f~)` exactly.
"""

import jax.numpy as jnp

from eco_jax.model.types import Count, Flag, Real


def computing_latency(share: Real, cycles: Real, frequency: Real) -> Real:
    """L_j^1 of Eq. (7a), s: share * C / f at the nominal rate. For the edge, `load` times this (`edge_latency`).

    Args:
        share: alpha or beta, the part of the task done here, -.
        cycles: C, cycles.
        frequency: nominal CPU rate f, cycles/s.
    """
    return share * cycles / frequency


def computing_gap(share: Real, cycles: Real, frequency: Real, deviation: Real) -> Real:
    """Delta L of Eqs. (7a), (7b), s: share * C f~ / (f (f - f~)).

    Departure: the paper calls f~ the "estimated capability"; the formula holds only if it is the deviation (cycles/s).
    """
    # Two quotients, not one: the square of f (f - f~) overflows fp32, and with it the derivative.
    return share * cycles / frequency * (deviation / (frequency - deviation))


def sharing_load(tasks: Count, overlap: Real) -> Real:
    """n_i of Eq. (7b), -: 1 + overlap * (other tasks), the tasks that a server's CPU is shared among.

    Args:
        tasks: on the server in the slot, this one included.
        overlap: share of the slot in which the others run beside it, -: 1 where a slot's task stands for a stream.
    """
    return 1.0 + overlap * (tasks - 1.0)


def edge_latency(
    bits: Real,
    computing: Real,
    load: Count,
    rate_up: Real,
    rate_down: Real,
    result_bits: Real,
    elsewhere: Flag,
    queuing: Real,
    backhaul: Real,
) -> Real:
    """L_ij + Delta L_ij of Eq. (7b), s: upload, backhaul, routers, processor sharing, result.

    Departure: the paper divides cycles by rate times frequency (s^2/bit, about 1e-12), so that offloading is free.

    Args:
        bits: offloaded data beta D, bit.
        computing: beta C / f + gap with the server to itself, s.
        load: n_i, tasks that share the server's CPU equally (`sharing_load`), -.
        rate_up: R, bit/s.
        rate_down: rate of the way back, bit/s.
        result_bits: size of the result, bit.
        elsewhere: the executing server is not the access server: one more hop, and the backhaul.
        queuing: t_q, s per hop.
        backhaul: rate between servers, bit/s.
    """
    relay = jnp.where(elsewhere, queuing + bits / backhaul, 0.0)
    return bits / rate_up + relay + queuing + load * computing + result_bits / rate_down


def edge_latency_printed(computing: Real, rate_up: Real) -> Real:
    """L_ij, Delta L_ij of Eq. (7b) as printed: the computing term over the rate (s^2/bit, taken for s)."""
    return computing / rate_up


def total_latency(local: Real, edge: Real, migration: Real, combine: str = "max") -> Real:
    """L_j of Eq. (7), s: the branches run in parallel, so the slower one counts, plus the migration.

    Departure: the paper adds all terms, which makes partial offloading pointless (linear in beta): `combine="sum"`.

    Args:
        local: L_j^1 + Delta L_j^1, s.
        edge: L_ij + Delta L_ij, s.
        migration: M_mig,j, s (0 in the printed equation).
        combine: "max" or "sum".
    """
    return (jnp.maximum(local, edge) if combine == "max" else local + edge) + migration
