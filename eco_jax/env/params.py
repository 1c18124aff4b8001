"""Traced parameters: every number of the model, and its exchangeable parts, in one pytree.

Users give numbers in the units that stand beside them; `EnvParams.of` and `EnvParams.set` convert once to SI.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from eco_jax.env.config import SIGHT, TWIN, Sight
from eco_jax.env.parts import COST, DEFAULTS, Cost
from eco_jax.errors import UserError
from eco_jax.parts import Part, check_held
from eco_jax.settings import Spec, changed, check, number, similar, specs, to_si

PER_SERVER = ("server_min", "server_max", "replica_slots")
"""Numbers that may be each server's own, [servers], where one for all stands otherwise (`env.sites`); a coverage has
such, too (`Coverage.per_server`)."""


class Knowledge(NamedTuple):
    """What is known beyond the prior: `config.Sight` as data, so that every level of knowledge is the same program."""

    telemetry: Any
    foresees: Any
    sync: Any
    truth: Any
    measures_all: Any

    @staticmethod
    def of(sight: Sight) -> "Knowledge":
        """The flags of what somebody has, a level of knowledge or not."""
        return Knowledge(*map(jnp.asarray, sight))

    @staticmethod
    def level(name: str) -> "Knowledge":
        """The flags of a level by name, one of `config.KNOWLEDGE`."""
        if not isinstance(name, str) or name not in SIGHT:
            raise UserError(f"knowledge = {name!r}: must be one of {', '.join(SIGHT)}")
        return Knowledge.of(SIGHT[name])


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EnvParams:
    """Traced parameters in SI units. Annotated `Any`: each leaf may be a float, an array or a tracer."""

    # The area and its users
    side: Any = number(3000, "m", 1, 1e6, "", "paper", "side of the square area")
    slot: Any = number(5, "s", 1e-3, 3600, "Δt", "assumed", "length of a slot")
    # Radio
    bandwidth: Any = number(20, "MHz", 1e-6, 1e6, "B", "paper", "channel bandwidth of a link")
    power_min: Any = number(0.2, "W", 0, 100, "p_j", "paper", "lowest transmit power of a user")
    power_max: Any = number(0.6, "W", 1e-6, 100, "p_j", "paper", "highest transmit power of a user")
    power_down: Any = number(1, "W", 1e-6, 1000, "p_down", "assumed", "transmit power of a server")
    noise: Any = number(2e-12, "W", 1e-30, 1, "σ²", "paper", "noise power")
    fading_floor: Any = number(
        0.05, "-", 0, 1, "s", "assumed", "smallest fading power; above it Exp(1), block Rayleigh"
    )
    # Tasks
    data_min: Any = number(600, "KB", 1e-3, 1e9, "D_j", "paper", "least data of a task")
    data_max: Any = number(800, "KB", 1e-3, 1e9, "D_j", "paper", "most data of a task")
    density_min: Any = number(
        200, "cycles/unit", 1e-6, 1e9, "c_j", "paper", "least CPU cycles per unit of data (`equations.cycles_per`)"
    )
    density_max: Any = number(
        400, "cycles/unit", 1e-6, 1e9, "c_j", "paper", "most CPU cycles per unit of data (`equations.cycles_per`)"
    )
    task_min: Any = number(0, "KB", 0, 1e9, "O_m", "paper", "least data of a task that may be offloaded, Eq. (12c)")
    deadline_min: Any = number(150, "ms", 1e-3, 1e9, "L_max", "paper", "shortest request latency of a task")
    deadline_max: Any = number(250, "ms", 1e-3, 1e9, "L_max", "paper", "longest request latency of a task")
    result_ratio: Any = number(0.05, "-", 0, 10, "", "assumed", "size of the result over the offloaded data")
    # CPUs and their hidden slowdowns
    device_min: Any = number(1.5, "GHz", 1e-6, 1e6, "f_j", "assumed", "lowest nominal CPU rate of a device")
    device_max: Any = number(2.5, "GHz", 1e-6, 1e6, "f_j", "assumed", "highest nominal CPU rate of a device")
    server_min: Any = number(8, "GHz", 1e-6, 1e6, "f_i", "assumed", "lowest nominal CPU rate of a server")
    server_max: Any = number(12, "GHz", 1e-6, 1e6, "f_i", "assumed", "highest nominal CPU rate of a server")
    slowdown_mean: Any = number(0.5, "-", 0, 0.999, "δ̄", "paper", "mean relative slowdown of a CPU")
    slowdown_spread: Any = number(0.8, "-", 0, 1, "", "assumed", "spread of a slowdown around its mean")
    correlation: Any = number(0.95, "-", 0, 1, "ρ", "assumed", "slot-to-slot correlation of a slowdown")
    # What is measured, and the twin
    telemetry_error: Any = number(0.1, "-", 0, 1e6, "σ_tel", "assumed", "error of an execution's telemetry, on x")
    sync_error: Any = number(0.3, "-", 0, 1e6, "σ_sync", "assumed", "error of a synchronisation, on x")
    twin_energy: Any = number(1, "mJ", 0, 1e6, "E_DT", "assumed", "twin prediction, per user and slot")
    sync_energy: Any = number(20, "mJ", 0, 1e6, "E_sync", "assumed", "one synchronisation")
    # Latency
    queuing: Any = number(2, "ms", 0, 1e6, "t_q", "paper", "router queuing latency, per hop")
    overlap: Any = number(
        1, "-", 0, 1, "", "assumed", "share of a slot in which the other tasks of a server run beside one's own"
    )
    # Services: migration and placement
    service_min: Any = number(1, "Mbit", 0, 1e9, "S_j", "assumed", "least size of a user's service")
    service_max: Any = number(8, "Mbit", 1e-9, 1e9, "S_j", "assumed", "largest size of a user's service")
    migration_time: Any = number(10, "ns/bit", 0, 1e9, "C_f", "assumed", "migration, per offloaded bit")
    migration_error: Any = number(1, "ns/bit", 0, 1e9, "C̃_f", "assumed", "the twin's error of the migration time")
    placement_time: Any = number(
        5, "ns/bit", 0, 1e9, "c_store", "assumed", "placement of a replica, per bit of service"
    )
    migration_power: Any = number(0.5, "W", 0, 1e6, "e_mig", "assumed", "power while migrating")
    placement_energy: Any = number(10, "mJ", 0, 1e6, "e_cache", "assumed", "one placement")
    replica_slots: Any = number(2, "replicas", 0, 1e6, "", "assumed", "replicas that a server can hold")
    # QoE
    latency_full: Any = number(50, "ms", 0, 1e9, "L_min", "assumed", "latency of full satisfaction")
    baseline: Any = number(0, "-", 0, 1, "W_b", "assumed", "satisfaction past the deadline")
    qoe_latency: Any = number(
        0.7, "-", 0, 1, "λ^w", "assumed", "QoE weight of satisfaction; that of savings is the rest"
    )
    budget: Any = number(1, "-", 1e-6, 1e9, "B_j", "assumed", "budget of a user and slot")
    edge_price: Any = number(0.4, "-", 0, 1e9, "", "assumed", "price of a task offloaded whole")
    migration_price: Any = number(0.2, "-", 0, 1e9, "", "assumed", "price of a migration")
    # Energy
    receive_power: Any = number(0.2, "W", 0, 1e6, "e_rx", "assumed", "power of a server while receiving")
    # Objective
    w1: Any = number(1, "1/s", 0, 1e6, "w1", "assumed", "weight of latency")
    w2: Any = number(1, "1/J", 0, 1e6, "w2", "assumed", "weight of energy")
    w3: Any = number(1, "-", 0, 1e6, "w3", "assumed", "weight of QoE")
    # Exchangeable parts
    equations: Any = field(default_factory=DEFAULTS["equations"])
    mobility: Any = field(default_factory=DEFAULTS["mobility"])
    pathloss: Any = field(default_factory=DEFAULTS["pathloss"])
    access: Any = field(default_factory=DEFAULTS["access"])
    coverage: Any = field(default_factory=DEFAULTS["coverage"])
    spectrum: Any = field(default_factory=DEFAULTS["spectrum"])
    energy: Any = field(default_factory=DEFAULTS["energy"])
    credit: Any = field(default_factory=DEFAULTS["credit"])
    tasks: Any = field(default_factory=DEFAULTS["tasks"])
    costs: tuple[Cost, ...] = ()
    """own cost terms, any number"""
    # Structured leaves
    knowledge: Any = field(default_factory=lambda: Knowledge.level(TWIN))
    sites: Any = None
    """own server coordinates [servers, 2], m; None: spread evenly over the area, whatever its side"""

    section: ClassVar[str] = "physics"

    @property
    def dtype(self) -> Any:
        """Of all real numbers of the environment: fp32, as `of` makes the parameters.

        A slot computes in the precision of its parameters: cast to double (where jax has it switched on) they make the
        same functions compute in double, which tests the equations to more digits than fp32 has.
        """
        return jnp.result_type(jnp.float32, self.side)

    @classmethod
    def specs(cls) -> dict[str, Spec]:
        """Name -> unit, range, symbol, source and meaning of every number that belongs to no part."""
        return specs(cls)

    @classmethod
    def of(cls, **values: Any) -> "EnvParams":
        """Parameters from numbers in the units of `specs` and parts (defaults for the rest), validated, in fp32 and SI.

        Raises:
            UserError: an unknown name, a value out of its range, or values that contradict each other.
        """
        known, others = specs(cls), {f.name for f in dataclasses.fields(cls)}
        parts = {name: value for name, value in values.items() if name in others and name not in known}
        full = check(cls, cls.section, {name: value for name, value in values.items() if name not in parts})
        params = cls(**{name: to_si(known[name], value) for name, value in full.items()}, **parts)
        params.check_parts()
        return params

    def set(self, **values: Any) -> "EnvParams":
        """The same with other numbers in their documented units, or other parts: `params.set(sync_energy=20)`.

        A part's own numbers by dotted names: `params.set(**{"mobility.speed_max": 30})`. A value may be an array, to be
        vmapped over.

        Raises:
            UserError: an unknown name, a value out of its range, or values that contradict each other.
        """
        known, others = specs(type(self)), {f.name for f in dataclasses.fields(self)}
        inner: dict[str, dict[str, Any]] = {}
        for name in [name for name in values if "." in name]:
            kind, own = name.split(".", 1)
            inner.setdefault(kind, {})[own] = values.pop(name)
        parts = {name: value for name, value in values.items() if name in others and name not in known}
        for kind, numbers in inner.items():
            if not isinstance(getattr(self, kind, None), Part):
                raise UserError(f"{kind}.{next(iter(numbers))}: unknown setting{similar(kind, DEFAULTS)}")
            parts[kind] = parts.get(kind, getattr(self, kind)).set(**numbers)
        plain = {name: value for name, value in values.items() if name not in parts}
        params = dataclasses.replace(self, **changed(type(self), self.section, plain), **parts)
        params.check_parts()
        check_held(type(self), self.section, vars(params))
        return params

    def check_parts(self) -> None:
        """Whether every part is of its kind, and the one that the equations prescribe.

        Raises:
            UserError: one is not.
        """
        for kind in DEFAULTS:
            part = getattr(self, kind)
            if not isinstance(part, Part) or part.kind != kind:
                raise UserError(
                    f"{kind}: must be a part of this kind, as {DEFAULTS[kind].__name__}(), not {part!r:.80}"
                )
        for kind, name in self.equations.decides.items():
            if (there := getattr(self, kind).name) != name:
                raise UserError(f"{kind} = {there!r}: equations = {self.equations.name!r} has {name!r}")
        for cost in self.costs:
            if not isinstance(cost, Cost):
                raise UserError(f"costs: must be a tuple of parts of kind {COST!r}, not of {cost!r:.80}")

    @classmethod
    def check_together(cls, v: Mapping[str, float], section: str) -> None:
        """Whether numbers agree with each other; see `settings.check`."""
        if np.float32(v["slowdown_mean"]) * (np.float32(1.0) + np.float32(v["slowdown_spread"])) >= 1.0:
            limit = 1.0 / v["slowdown_mean"] - 1.0
            raise UserError(
                f"physics.slowdown_spread = {v['slowdown_spread']:g}: must lie in [0, {limit:g}) at slowdown_mean = "
                f"{v['slowdown_mean']:g}, or a CPU would stand still"
            )
        if v["latency_full"] >= v["deadline_min"]:
            raise UserError(
                f"physics.latency_full = {v['latency_full']:g} ms: must be below physics.deadline_min = "
                f"{v['deadline_min']:g} ms"
            )

    def with_knowledge(self, level: str) -> "EnvParams":
        """The same parameters at another level of knowledge."""
        return dataclasses.replace(self, knowledge=Knowledge.level(level))

    def with_sight(self, sight: Sight) -> "EnvParams":
        """The same parameters with what is known in a world beside the ladder, as `config.FULL_MEASUREMENT`."""
        return dataclasses.replace(self, knowledge=Knowledge.of(sight))
