"""Traced parameters: every number of the model, in one pytree, with its unit, range and source.

Users give them in the units of the table below; `EnvParams.of` converts once to SI. The documentation's parameter
table is generated from the same fields.
"""

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from eco_jax.errors import UserError, quoted

UNITS: dict[str, Callable[[float], float]] = {
    "-": lambda x: x, "m": lambda x: x, "s": lambda x: x, "W": lambda x: x, "rad": lambda x: x,
    "1/s": lambda x: x, "1/J": lambda x: x, "slots": lambda x: x, "replicas": lambda x: x, "cycles/unit": lambda x: x,
    "J s^2/cycles^3": lambda x: x,
    "ms": lambda x: x * 1e-3,
    "km/h": lambda x: x / 3.6,
    "MHz": lambda x: x * 1e6,
    "GHz": lambda x: x * 1e9,
    "Gbit/s": lambda x: x * 1e9,
    "Mbit": lambda x: x * 1e6,
    "KB": lambda x: x * 8000.0,
    "mJ": lambda x: x * 1e-3,
    "ns/bit": lambda x: x * 1e-9,
    "dB": lambda x: 10.0 ** (x / 10.0),
}  # fmt: skip
"""Conversion of each unit that a user may give to the SI unit used inside (bit, s, Hz, W, J, m, cycles, linear)."""


class Spec(NamedTuple):
    """What is known about a parameter."""

    default: int | float
    unit: str
    low: int | float
    high: int | float
    symbol: str
    source: str
    doc: str


def _p(
    default: int | float, unit: str, low: int | float, high: int | float, symbol: str, source: str, doc: str
) -> Any:  # a dataclass field; Any so that the annotated type of the attribute stands
    spec = Spec(default, unit, low, high, symbol, source, doc)
    return field(default=float(UNITS[unit](default)), metadata={"spec": spec})


class Knowledge(NamedTuple):
    """Who updates the belief: flags as data, so that every level of knowledge is the same program."""

    telemetry: Any
    """executions are measured, and positions predicted"""
    sync: Any
    """a twin is there: it can be synchronised, and is paid for"""
    truth: Any
    """the belief is the truth"""

    @staticmethod
    def level(name: str) -> "Knowledge":
        """The flags of a level by name: none, telemetry, twin or truth."""
        table = {"none": (0, 0, 0), "telemetry": (1, 0, 0), "twin": (1, 1, 0), "truth": (1, 0, 1)}
        if not isinstance(name, str) or name not in table:
            raise UserError(f"knowledge = {name!r}: must be one of {', '.join(table)}")
        return Knowledge(*(jnp.asarray(bool(flag)) for flag in table[name]))


INF = math.inf


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EnvParams:
    """Traced parameters in SI units. Annotated `Any`: each leaf may be a float, an array or a tracer."""

    # The area and its users
    side: Any = _p(3000, "m", 1, 1e6, "", "paper", "side of the square area")
    radius: Any = _p(150, "m", 1, 1e6, "", "paper", "coverage radius of a server")
    slot: Any = _p(5, "s", 1e-3, 3600, "Δt", "assumed", "length of a slot")
    speed_min: Any = _p(5, "km/h", 0, 1000, "v", "assumed", "lowest speed of a random-waypoint leg")
    speed_max: Any = _p(60, "km/h", 0, 1000, "v", "assumed", "highest speed of a random-waypoint leg")
    gm_speed: Any = _p(30, "km/h", 0, 1000, "v", "assumed", "mean speed of a Gauss-Markov user")
    gm_speed_std: Any = _p(5, "km/h", 0, 1000, "", "assumed", "standard deviation of a Gauss-Markov user's speed")
    gm_turn_std: Any = _p(0.3, "rad", 0, math.pi, "", "assumed", "standard deviation of a Gauss-Markov turn in a slot")
    gm_memory: Any = _p(0.9, "-", 0, 1, "", "assumed", "slot-to-slot correlation of a Gauss-Markov user's speed")
    fix_every: Any = _p(1, "slots", 1, 1e6, "", "assumed", "slots between two position fixes of a synthetic user")
    # Radio
    bandwidth: Any = _p(20, "MHz", 1e-6, 1e6, "B", "paper", "channel bandwidth of a link")
    power_min: Any = _p(0.2, "W", 0, 100, "p_j", "paper", "lowest transmit power of a user")
    power_max: Any = _p(0.6, "W", 1e-6, 100, "p_j", "paper", "highest transmit power of a user")
    power_down: Any = _p(1, "W", 1e-6, 1000, "p_down", "assumed", "transmit power of a server")
    noise: Any = _p(2e-12, "W", 1e-30, 1, "σ²", "paper", "noise power")
    gain: Any = _p(-98, "dB", -300, 0, "γ", "assumed", "path gain at the reference distance (15 dB SNR with 0.4 W)")
    gain_distance: Any = _p(150, "m", 1, 1e6, "", "assumed", "reference distance of the path gain")
    exponent: Any = _p(3.5, "-", 1, 10, "", "assumed", "path loss exponent, between TR 38.901 UMi LoS and NLoS")
    fading_floor: Any = _p(0.05, "-", 0, 1, "s", "assumed", "smallest fading power; above it Exp(1), block Rayleigh")
    carrier: Any = _p(3.5, "GHz", 0.5, 100, "f_c", "assumed", "carrier frequency of the UMi path loss")
    height_bs: Any = _p(10, "m", 1.1, 1000, "h_BS", "TR 38.901", "antenna height of a server's site (UMi)")
    height_ut: Any = _p(1.5, "m", 1.1, 100, "h_UT", "TR 38.901", "antenna height of a user (UMi)")
    # Tasks
    data_min: Any = _p(600, "KB", 1e-3, 1e9, "D_j", "paper", "least data of a task")
    data_max: Any = _p(800, "KB", 1e-3, 1e9, "D_j", "paper", "most data of a task")
    density_min: Any = _p(200, "cycles/unit", 1e-6, 1e9, "c_j", "paper", "least CPU cycles per `cycles_per` of data")
    density_max: Any = _p(400, "cycles/unit", 1e-6, 1e9, "c_j", "paper", "most CPU cycles per `cycles_per` of data")
    task_min: Any = _p(0, "KB", 0, 1e9, "O_m", "paper", "least data of a task that may be offloaded, Eq. (12c)")
    deadline_min: Any = _p(150, "ms", 1e-3, 1e9, "L_max", "paper", "shortest request latency of a task")
    deadline_max: Any = _p(250, "ms", 1e-3, 1e9, "L_max", "paper", "longest request latency of a task")
    result_ratio: Any = _p(0.05, "-", 0, 10, "", "assumed", "size of the result over the offloaded data")
    # CPUs and their hidden slowdowns
    device_min: Any = _p(1.5, "GHz", 1e-6, 1e6, "f_j", "assumed", "lowest nominal CPU rate of a device")
    device_max: Any = _p(2.5, "GHz", 1e-6, 1e6, "f_j", "assumed", "highest nominal CPU rate of a device")
    server_min: Any = _p(8, "GHz", 1e-6, 1e6, "f_i", "assumed", "lowest nominal CPU rate of a server")
    server_max: Any = _p(12, "GHz", 1e-6, 1e6, "f_i", "assumed", "highest nominal CPU rate of a server")
    slowdown_mean: Any = _p(0.5, "-", 0, 0.999, "δ̄", "paper", "mean relative slowdown of a CPU")
    slowdown_spread: Any = _p(0.8, "-", 0, 1, "", "assumed", "spread of a slowdown around its mean")
    correlation: Any = _p(0.95, "-", 0, 1, "ρ", "assumed", "slot-to-slot correlation of a slowdown")
    # What is measured, and the twin
    telemetry_error: Any = _p(0.1, "-", 0, 1e6, "σ_tel", "assumed", "error of an execution's telemetry, on x")
    sync_error: Any = _p(0.3, "-", 0, 1e6, "σ_sync", "assumed", "error of a synchronisation, on x")
    twin_energy: Any = _p(1, "mJ", 0, 1e6, "E_DT", "assumed", "twin prediction, per user and slot")
    sync_energy: Any = _p(20, "mJ", 0, 1e6, "E_sync", "assumed", "one synchronisation")
    # Latency
    queuing: Any = _p(2, "ms", 0, 1e6, "t_q", "paper", "router queuing latency, per hop")
    backhaul: Any = _p(1, "Gbit/s", 1e-6, 1e6, "", "assumed", "rate between servers")
    # Services: migration and placement
    service_min: Any = _p(1, "Mbit", 0, 1e9, "S_j", "assumed", "least size of a user's service")
    service_max: Any = _p(8, "Mbit", 1e-9, 1e9, "S_j", "assumed", "largest size of a user's service")
    migration_time: Any = _p(10, "ns/bit", 0, 1e9, "C_f", "assumed", "migration, per offloaded bit")
    migration_error: Any = _p(1, "ns/bit", 0, 1e9, "C̃_f", "assumed", "the twin's error of the migration time")
    placement_time: Any = _p(5, "ns/bit", 0, 1e9, "c_store", "assumed", "placement of a replica, per bit of service")
    migration_power: Any = _p(0.5, "W", 0, 1e6, "e_mig", "assumed", "power while migrating")
    placement_energy: Any = _p(10, "mJ", 0, 1e6, "e_cache", "assumed", "one placement")
    replica_slots: Any = _p(2, "replicas", 0, 1e6, "", "assumed", "replicas that a server can hold")
    # QoE
    latency_full: Any = _p(50, "ms", 0, 1e9, "L_min", "assumed", "latency of full satisfaction")
    baseline: Any = _p(0, "-", 0, 1, "W_b", "assumed", "satisfaction past the deadline")
    qoe_latency: Any = _p(0.7, "-", 0, 1, "λ^w", "assumed", "QoE weight of satisfaction; that of savings is the rest")
    budget: Any = _p(1, "-", 1e-6, 1e9, "B_j", "assumed", "budget of a user and slot")
    edge_price: Any = _p(0.4, "-", 0, 1e9, "", "assumed", "price of a task offloaded whole")
    migration_price: Any = _p(0.2, "-", 0, 1e9, "", "assumed", "price of a migration")
    # Energy
    edge_power: Any = _p(5, "W", 0, 1e6, "e_unit", "assumed", "power of a server while computing")
    device_power: Any = _p(1, "W", 0, 1e6, "e_loc", "assumed", "power of a device while computing")
    receive_power: Any = _p(0.2, "W", 0, 1e6, "e_rx", "assumed", "power of a server while receiving")
    kappa_edge: Any = _p(4e-29, "J s^2/cycles^3", 0, 1, "κ_i", "assumed", "CMOS energy of a server, e_unit at 5 GHz")
    kappa_device: Any = _p(1e-27, "J s^2/cycles^3", 0, 1, "κ_j", "assumed", "CMOS energy of a device, e_loc at 1 GHz")
    # Objective
    w1: Any = _p(1, "1/s", 0, 1e6, "w1", "assumed", "weight of latency")
    w2: Any = _p(1, "1/J", 0, 1e6, "w2", "assumed", "weight of energy")
    w3: Any = _p(1, "-", 0, 1e6, "w3", "assumed", "weight of QoE")
    # Structured leaves
    knowledge: Any = field(default_factory=lambda: Knowledge.level("twin"))
    sites: Any = None
    """own server coordinates [servers, 2], m; None: spread evenly over the area, whatever its side"""
    trace: Any = None
    """`mobility.trace.Trace` to replay; None where users move by a model"""

    @classmethod
    def specs(cls) -> dict[str, Spec]:
        """Name -> unit, range, symbol, source and meaning of every numeric parameter."""
        return {f.name: f.metadata["spec"] for f in dataclasses.fields(cls) if "spec" in f.metadata}

    @classmethod
    def of(cls, **values: Any) -> "EnvParams":
        """Parameters from numbers in the units of `specs` (defaults for the rest), validated, as fp32 leaves in SI.

        Raises:
            UserError: an unknown name, a value out of its range, or values that contradict each other.
        """
        specs, full = cls.specs(), cls.checked(values)
        return cls(**{name: jnp.float32(UNITS[specs[name].unit](value)) for name, value in full.items()})

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> dict[str, float]:
        """All numbers in the units of `specs`, with the defaults of those that `values` leaves out.

        Raises:
            UserError: an unknown name, a value out of its range, or values that contradict each other.
        """
        specs = cls.specs()
        for name, value in values.items():
            if name not in specs:
                raise UserError(f"physics.{name}: unknown parameter{similar(name, specs)}")
            spec = specs[name]
            if not isinstance(value, int | float | np.number) or isinstance(value, bool):
                raise UserError(f"physics.{name} = {quoted(value)}: must be a number in {spec.unit}")
            if not spec.low <= value <= spec.high:
                raise UserError(f"physics.{name} = {value:g} {spec.unit}: must lie in [{spec.low:g}, {spec.high:g}]")
            if spec.unit in ("slots", "replicas") and value != int(value):
                raise UserError(f"physics.{name} = {value:g}: must be a whole number of {spec.unit}")
        full = {name: float(values.get(name, spec.default)) for name, spec in specs.items()}
        _check_together(full)
        return full

    def with_knowledge(self, level: str) -> "EnvParams":
        """The same parameters at another level of knowledge."""
        return dataclasses.replace(self, knowledge=Knowledge.level(level))


def _check_together(v: Mapping[str, float]) -> None:
    for low in [name for name in v if name.endswith("_min") and name.replace("_min", "_max") in v]:
        high = low.replace("_min", "_max")
        if v[low] > v[high]:
            raise UserError(f"physics.{low} = {v[low]:g}: must be at most physics.{high} = {v[high]:g}")
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


def similar(name: str, known: Iterable[str]) -> str:
    """A hint at the names that may have been meant."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=3)
    return f"; did you mean {' or '.join(close)}?" if close else f"; known are {', '.join(known)}"
