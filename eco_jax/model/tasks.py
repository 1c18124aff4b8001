"""Tasks, service migration and placement: Eqs. (1) to (5), (12b), (12c).

Units: data in bit, workload in CPU cycles, service state in bit, migration costs in s.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from eco_jax.model.types import Flag, Real

BITS_PER = {"bit": 1.0, "byte": 8.0, "kilobyte": 8000.0}
"""Bits in the unit of data that a task density is quoted in (1 KB = 1000 bytes)."""


def split(beta: Real, offloaded: Flag) -> tuple[Real, Real]:
    """Shares of a task done at home and away: alpha + pi * beta = 1, from Eq. (1).

    Departure: a task goes to one server (the paper sums over servers).

    Args:
        beta: offloading factor in [0, 1] of the one server chosen, -.
        offloaded: pi, whether the task is offloaded at all.

    Returns:
        (alpha, pi * beta): local and offloaded shares, -.
    """
    away = jnp.where(offloaded, beta, 0.0)
    return 1.0 - away, away


def offloaded_bits(share: Real, data: Real) -> Real:
    """T_ij of Eq. (1): bits offloaded, from the offloaded share (-) and the task data D_j (bit)."""
    return share * data


def required_cycles(data: Real, density: Real, cycles_per: str = "byte") -> Real:
    """C_et,j of Eq. (2): CPU cycles that a task needs.

    Departure: the paper prints its density "per kilobyte", which makes 700 KB a matter of 0.2 ms at 1 GHz, so
    that offloading could never pay; we read it per byte. `printed` keeps the kilobyte.

    Args:
        data: D_j, bit.
        density: cycles per unit of data.
        cycles_per: that unit, a key of `BITS_PER`.
    """
    return density * data / BITS_PER[cycles_per]


def migrates(
    offloaded: Bool[Array, "*#shape"],
    server: Int[Array, "*#shape"],
    last_server: Int[Array, "*#shape"],
    replica: Int[Array, "*#shape"],
) -> Bool[Array, "..."]:
    """h_j of Eq. (4): whether the user's service has to move to `server` for this task.

    It moves when the task is offloaded to another server than the one that executed the user's last offloaded
    task, and no replica of the service waits there. The first offload never migrates.

    Args:
        offloaded: pi, whether the task is offloaded.
        server: executing server (index).
        last_server: server of the user's last offloaded task, -1 before the first.
        replica: server that holds the user's replica, -1 for none.
    """
    return offloaded & (last_server >= 0) & (server != last_server) & (server != replica)


def migration_cost(h: Flag, bits: Real, time_per_bit: Real) -> Real:
    """M_mig,j of Eq. (3), s: h_j T_ij C_f. The twin's view is the same with C_f + C~_f.

    Departure: the paper sums a per-user cost over all users (`migration_cost_printed`).

    Args:
        h: whether the service migrates.
        bits: T_ij, bit.
        time_per_bit: C_f, s/bit.
    """
    return jnp.where(h, bits * time_per_bit, 0.0)


def migration_cost_printed(
    h: Bool[Array, " users"], bits: Float[Array, " users"], time_per_bit: Real
) -> Float[Array, ""]:
    """M_mig of Eq. (3) as printed: one sum over all users, s."""
    return jnp.sum(migration_cost(h, bits, time_per_bit))


def placement_pays(service: Real, h_next: Flag, bits: Real, placing: Real, migrating: Real) -> Bool[Array, "..."]:
    """Eqs. (5), (12b): whether a replica may be placed: c_store S_j <= h^_j T_ij (C_f + C~_f).

    Shipping the service ahead must cost at most what the twin expects the migration to cost, with this slot's
    T_ij as forecast of the next. Where there is nothing to save (h^ or T is 0) nothing is placed, free or not.
    Departure: printed, the inequality compares bits with seconds (`placement_holds_printed`).

    Args:
        service: S_j, bit.
        h_next: h^_j, whether the predicted server is neither the executing one nor holds a replica.
        bits: T_ij, bit.
        placing: c_store, s/bit.
        migrating: C_f + C~_f, s/bit.
    """
    return h_next & (bits > 0.0) & (placing * service <= migration_cost(h_next, bits, migrating))


def placement_holds_printed(data: Real, twin_data: Real, migration: Real) -> Bool[Array, "..."]:
    """Eqs. (5), (12b) as printed: D_j <= M_mig,j and D^DT_j <= M_mig,j (bit against s; reported, never enforced)."""
    return (data <= migration) & (twin_data <= migration)


def large_enough(data: Real, minimum: Real) -> Bool[Array, "..."]:
    """Eq. (12c): O_m <= O_ij; a task with less data (bit) than the minimum (bit) is not offloaded."""
    return data >= minimum
