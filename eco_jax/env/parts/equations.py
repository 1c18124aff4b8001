"""The two readings of the paper's equations: as repaired (a real decision problem), and as printed (for audit)."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from eco_jax.env.state import Cpu, Decision
from eco_jax.model import energy, latency, objective, qoe, radio, tasks
from eco_jax.model.types import Flag, Real
from eco_jax.parts import Part, register
from eco_jax.settings import choice

AGREES_AT = 150.0
"""Distance at which the printed rate agrees with the repaired one, m: the paper's coverage radius."""


class Equations(Part, kind="equations"):
    """Which reading of the paper's equations holds; `env.outcome` puts it together."""

    decides: ClassVar[dict[str, str]] = {}
    """other kinds of parts -> the variant that the reading prescribes"""
    ignores: ClassVar[tuple[str, ...]] = ()
    """settings that have no effect under it, by their flags' names"""
    bounded: ClassVar[bool] = True
    """whether a server and a channel of one's own are never worse than shared ones"""

    @property
    def density_unit(self) -> str:
        """Unit of data of the task density, a key of `tasks.BITS_PER`."""
        raise NotImplementedError

    def path(self, pathloss: Any, distance: Real) -> Real:
        """Path gain at a distance (m), as `rate` takes it."""
        raise NotImplementedError

    def rate(self, bandwidth: Real, power: Real, path: Real, fading: Real, noise: Real, distance: Real) -> Real:
        """R_ij of Eq. (6), bit/s."""
        raise NotImplementedError

    def latency(
        self, params: Any, d: Decision, local: Real, computing: Real, bits: Real, up: Real, down: Real, migration: Real
    ) -> Real:
        """L_j of Eq. (7), s.

        Args:
            params: `EnvParams`.
            d: the decision.
            local: L_j^1 and its gap, s.
            computing: that of the edge with the server to itself, s.
            bits: T_ij, bit.
            up: rate up, bit/s.
            down: rate down, bit/s.
            migration: M_mig,j, s.
        """
        raise NotImplementedError

    def computing_energy(
        self, params: Any, alpha: Real, beta: Real, cycles: Real, device: Cpu, server: Cpu
    ) -> tuple[Real, Real]:
        """Energy of computing on (server, device), J."""
        raise NotImplementedError

    def service_energy(self, params: Any, migration: Real, placed: Flag) -> tuple[Real, Real]:
        """Energy of (moving, placing) a service, J."""
        raise NotImplementedError

    def savings(self, budget: Real, cost: Real) -> Real:
        """S_j of Eq. (10), -."""
        raise NotImplementedError

    def reward(self, params: Any, latency: Real, energy: Real, qoe: Real) -> Real:
        """One user's reward of Eq. (13), -."""
        raise NotImplementedError

    def team(self, own: Float[Array, " users"]) -> Float[Array, ""]:
        """The team's reward, from the users' own."""
        raise NotImplementedError

    def asks(self, cache: Bool[Array, " users"], pays: Bool[Array, " users"]) -> Bool[Array, " users"]:
        """Placements that are asked for, of those wanted and those that pay by Eq. (5)."""
        raise NotImplementedError

    def capacity(self, params: Any) -> Any:
        """Replicas that a server can hold."""
        raise NotImplementedError

    def migration(self, h: Bool[Array, " users"], bits: Real, own: Real, time_per_bit: Real) -> Real:
        """M_mig of Eq. (3), s, as Eq. (5) compares it."""
        raise NotImplementedError


@register("equations", "repaired")
class Repaired(Equations):
    """Dimensions and signs put right; each equation of `model` says where it departs from the printed one."""

    combine: str = choice("max", ("max", "sum"), "local and edge branch of a task in parallel or one after the other")
    cycles_per: str = choice("byte", ("byte", "kilobyte", "bit"), "unit of data of the task density")

    @property
    def density_unit(self) -> str:
        """As chosen."""
        return self.cycles_per

    def path(self, pathloss: Any, distance: Real) -> Real:
        """The path loss's own."""
        return pathloss.gain(distance)

    def rate(self, bandwidth: Real, power: Real, path: Real, fading: Real, noise: Real, distance: Real) -> Real:
        """See `model.radio.rate`."""
        return radio.rate(bandwidth, power, path, fading, noise)

    def latency(
        self, params: Any, d: Decision, local: Real, computing: Real, bits: Real, up: Real, down: Real, migration: Real
    ) -> Real:
        """See `model.latency`."""
        load = latency.sharing_load(d.load, params.overlap)
        edge = latency.edge_latency(
            bits, computing, load, up, down, params.result_ratio * bits, params.access.relayed(d.elsewhere),
            params.queuing, params.access.backhaul,
        )  # fmt: skip
        return latency.total_latency(local, jnp.where(d.offloaded, edge, 0.0), migration, self.combine)

    def computing_energy(
        self, params: Any, alpha: Real, beta: Real, cycles: Real, device: Cpu, server: Cpu
    ) -> tuple[Real, Real]:
        """By the world's CPU energy law."""
        return params.energy.edge(beta, cycles, server), params.energy.device(alpha, cycles, device)

    def service_energy(self, params: Any, migration: Real, placed: Flag) -> tuple[Real, Real]:
        """Power while migrating, and a price for each placement."""
        return params.migration_power * migration, energy.switched(placed, params.placement_energy)

    def savings(self, budget: Real, cost: Real) -> Real:
        """See `model.qoe.savings`."""
        return qoe.savings(budget, cost)

    def reward(self, params: Any, latency: Real, energy: Real, qoe: Real) -> Real:
        """See `model.objective.reward`."""
        return objective.reward(latency, energy, qoe, params.w1, params.w2, params.w3)

    def team(self, own: Float[Array, " users"]) -> Float[Array, ""]:
        """The mean."""
        return jnp.mean(own)

    def asks(self, cache: Bool[Array, " users"], pays: Bool[Array, " users"]) -> Bool[Array, " users"]:
        """Those wanted that pay."""
        return cache & pays

    def capacity(self, params: Any) -> Any:
        """As many as there are slots."""
        return params.replica_slots

    def migration(self, h: Bool[Array, " users"], bits: Real, own: Real, time_per_bit: Real) -> Real:
        """Each user's own."""
        return own


@register("equations", "printed")
class Printed(Equations):
    """The paper's equations exactly as printed: trivial optima, for audit."""

    decides: ClassVar[dict[str, str]] = {"credit": "team", "energy": "power_time"}
    ignores: ClassVar[tuple[str, ...]] = (
        "energy.device_power", "access.backhaul", "physics.queuing", "physics.migration_power",
        "physics.placement_energy", "physics.replica_slots",
    )  # fmt: skip
    bounded: ClassVar[bool] = False

    @property
    def density_unit(self) -> str:
        """As printed."""
        return "kilobyte"

    def path(self, pathloss: Any, distance: Real) -> Real:
        """Distance (m) times gain, a constant: the printed rate divides by the distance itself."""
        return pathloss.gain(AGREES_AT) * AGREES_AT

    def rate(self, bandwidth: Real, power: Real, path: Real, fading: Real, noise: Real, distance: Real) -> Real:
        """See `model.radio.rate_printed`. pi = 0 makes a local task's rate zero; its terms are zeroed instead."""
        return radio.rate_printed(bandwidth, power, path, fading, noise, distance, 1.0)

    def latency(
        self, params: Any, d: Decision, local: Real, computing: Real, bits: Real, up: Real, down: Real, migration: Real
    ) -> Real:
        """The sum of both branches, without a migration."""
        edge = latency.edge_latency_printed(computing, up)
        return latency.total_latency(local, jnp.where(d.offloaded, edge, 0.0), 0.0, "sum")

    def computing_energy(
        self, params: Any, alpha: Real, beta: Real, cycles: Real, device: Cpu, server: Cpu
    ) -> tuple[Real, Real]:
        """At f + f~, the local one in s."""
        return (
            energy.computing_energy_printed(beta, cycles, *server, params.energy.edge_power),
            energy.computing_energy_printed(alpha, cycles, *device, 1.0),
        )

    def service_energy(self, params: Any, migration: Real, placed: Flag) -> tuple[Real, Real]:
        """None: Eq. (8) has no term for moving or placing a service."""
        nothing = jnp.zeros((), params.dtype)
        return nothing, nothing

    def savings(self, budget: Real, cost: Real) -> Real:
        """See `model.qoe.savings_printed`."""
        return qoe.savings_printed(budget, cost)

    def reward(self, params: Any, latency: Real, energy: Real, qoe: Real) -> Real:
        """See `model.objective.reward_printed`."""
        return objective.reward_printed(latency, energy, qoe, params.w1, params.w2, params.w3)

    def team(self, own: Float[Array, " users"]) -> Float[Array, ""]:
        """The sum."""
        return jnp.sum(own)

    def asks(self, cache: Bool[Array, " users"], pays: Bool[Array, " users"]) -> Bool[Array, " users"]:
        """All that are wanted: Eq. (5) compares bits with seconds."""
        return cache

    def capacity(self, params: Any) -> Any:
        """Without end."""
        return jnp.asarray(jnp.inf)

    def migration(self, h: Bool[Array, " users"], bits: Real, own: Real, time_per_bit: Real) -> Real:
        """One sum over all users."""
        return tasks.migration_cost_printed(h, bits, time_per_bit)
