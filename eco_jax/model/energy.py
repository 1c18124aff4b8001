"""Energy of a task: Eq. (8), every term by name, J."""

from typing import NamedTuple

import jax.numpy as jnp

from eco_jax.model.types import Flag, Real


class EnergyTerms(NamedTuple):
    """The terms of Eq. (8), each in J for one user and slot (`printed` counts the local one in s, as it stands).

    Departure: the equation has no term for migrations and placements, which are 0 in `printed`. Its D_E_DT, the energy
    of "operations and predictions made by the DT", is the sum of the last two: to synchronise is what a twin does
    beside predicting. For it, for E_comm, E_up and E_down the paper has no formula, so both readings take ours.
    """

    edge: Real
    """computing on the server: lambda e_unit / f"""
    receive: Real
    """E_comm: the server listens"""
    local: Real
    """computing on the device"""
    uplink: Real
    """E_up: the device transmits"""
    downlink: Real
    """E_down: the server transmits the result"""
    migration: Real
    """moving the service; not in print"""
    placement: Real
    """placing a replica; not in print"""
    prediction: Real
    """of D_E_DT: the twin predicts"""
    synchronisation: Real
    """of D_E_DT: the twin is refreshed"""

    def total(self) -> Real:
        """E of Eq. (8), J: the sum of the terms."""
        return sum(self[1:], start=self[0])


LABELS = {
    "edge": "computing, servers", "local": "computing, devices",
    "uplink": "radio", "receive": "radio", "downlink": "radio",
    "migration": "migration, replicas", "placement": "migration, replicas",
    "prediction": "twin (prediction, syncs)", "synchronisation": "twin (prediction, syncs)",
}  # fmt: skip
"""Terms in words, in the order of a figure: those with the same words are shown together, a term without under its
own name."""


def computing_energy(share: Real, cycles: Real, rate: Real, power: Real) -> Real:
    """Share * C * power / rate, J: power times the CPU time of the task itself, whatever the load beside it.

    The first and third terms of Eq. (8). Departure: at the actual rate f - f~, where the paper prints f + f~; and
    its local term is in seconds (no power).

    Args:
        share: alpha or beta, -.
        cycles: C, cycles.
        rate: actual CPU rate f - f~, cycles/s.
        power: power while computing, W.
    """
    return share * cycles * power / rate


def computing_energy_printed(share: Real, cycles: Real, frequency: Real, deviation: Real, power: Real) -> Real:
    """Share * C * e / (f + f~), as printed in Eq. (8): J with e_unit for the server, s with e = 1 for the device."""
    return share * cycles * power / (frequency + deviation)


def computing_energy_cmos(share: Real, cycles: Real, rate: Real, kappa: Real) -> Real:
    """The dynamic energy of CMOS, J: kappa f^2 C, at rate f (cycles/s), kappa in J s^2 / cycles^3."""
    return share * cycles * kappa * rate**2


def transmit_energy(bits: Real, rate: Real, power: Real) -> Real:
    """Power * bits / rate, J: E_up, E_down and E_comm (receiving) of Eq. (8), for which the paper has no formula."""
    return power * bits / rate


def switched(flag: Flag, energy: Real) -> Real:
    """An energy (J) that is spent only where `flag` holds: E_sync, e_cache, E_DT."""
    return jnp.where(flag, energy, 0.0)
