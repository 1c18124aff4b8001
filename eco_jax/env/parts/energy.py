"""CPU energy laws: what computing costs a server and a device, for Eq. (8)."""

from typing import Any

from eco_jax.env.state import Cpu
from eco_jax.model import energy
from eco_jax.model.types import Real
from eco_jax.parts import Part, register
from eco_jax.settings import number


class CpuEnergy(Part, kind="energy"):
    """Energy law of the CPUs: what a share of a task's cycles costs, J."""

    def edge(self, share: Real, cycles: Real, cpu: Cpu) -> Real:
        """On a server.

        Args:
            share: beta, the part of the task done there, -.
            cycles: C, cycles.
            cpu: `frequency` f, the nominal rate, and `rate` f - f~, the actual one, cycles/s.
        """
        raise NotImplementedError

    def device(self, share: Real, cycles: Real, cpu: Cpu) -> Real:
        """On the user's device; arguments as for `edge`, with alpha for beta."""
        raise NotImplementedError


class Powers(CpuEnergy):
    """A law that goes by the power of a CPU that computes."""

    edge_power: Any = number(5, "W", 0, 1e6, "e_unit", "assumed", "power of a server while computing")
    device_power: Any = number(1, "W", 0, 1e6, "e_loc", "assumed", "power of a device while computing")


@register("energy", "power_time")
class PowerTime(Powers):
    """Power times the CPU time of the task, at the actual rate: a slowdown costs energy."""

    def edge(self, share: Real, cycles: Real, cpu: Cpu) -> Real:
        """See `model.energy.computing_energy`."""
        return energy.computing_energy(share, cycles, cpu.rate, self.edge_power)

    def device(self, share: Real, cycles: Real, cpu: Cpu) -> Real:
        """See `model.energy.computing_energy`."""
        return energy.computing_energy(share, cycles, cpu.rate, self.device_power)


@register("energy", "per_cycle")
class PerCycle(Powers):
    """Power times the CPU time at the nominal rate: right where a slowdown is the load of others."""

    def edge(self, share: Real, cycles: Real, cpu: Cpu) -> Real:
        """See `model.energy.computing_energy`."""
        return energy.computing_energy(share, cycles, cpu.frequency, self.edge_power)

    def device(self, share: Real, cycles: Real, cpu: Cpu) -> Real:
        """See `model.energy.computing_energy`."""
        return energy.computing_energy(share, cycles, cpu.frequency, self.device_power)


@register("energy", "cmos")
class Cmos(CpuEnergy):
    """The dynamic energy of CMOS at the actual rate, kappa f^2 C: right where a slowdown is a lower clock."""

    kappa_edge: Any = number(
        4e-29, "J s^2/cycles^3", 0, 1, "κ_i", "assumed", "CMOS energy of a server, e_unit at 5 GHz"
    )
    kappa_device: Any = number(
        1e-27, "J s^2/cycles^3", 0, 1, "κ_j", "assumed", "CMOS energy of a device, e_loc at 1 GHz"
    )

    def edge(self, share: Real, cycles: Real, cpu: Cpu) -> Real:
        """See `model.energy.computing_energy_cmos`."""
        return energy.computing_energy_cmos(share, cycles, cpu.rate, self.kappa_edge)

    def device(self, share: Real, cycles: Real, cpu: Cpu) -> Real:
        """See `model.energy.computing_energy_cmos`."""
        return energy.computing_energy_cmos(share, cycles, cpu.rate, self.kappa_device)
