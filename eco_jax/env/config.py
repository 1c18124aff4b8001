"""Static settings: what changes shapes or control flow, and so costs a new compilation."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from eco_jax.errors import UserError, quoted

Equations = Literal["repaired", "printed"]
Mobility = Literal["waypoint", "gauss-markov", "trace"]
Credit = Literal["user", "team", "difference"]
Knowledge = Literal["none", "telemetry", "twin", "truth"]
KNOWLEDGE: tuple[Knowledge, ...] = get_args(Knowledge)

PRINTED = {"combine": "sum", "cycles_per": "kilobyte", "credit": "team"}
"""What the printed equations settle by themselves; `team` is the sum of the users' rewards there."""


@dataclass(frozen=True)
class EnvConfig:
    """Static settings of the environment."""

    equations: Equations = "repaired"
    """The paper's equations as repaired (a real decision problem) or as printed (trivial optima; for audit)."""
    users: int = 30
    """Mobile users u, - (at least 1)."""
    servers: int = 45
    """Edge servers n, - (at least 1), spread evenly unless own coordinates are given."""
    candidates: int = 4
    """Nearest servers K that a user may offload to, - (1 to servers)."""
    slots: int = 60
    """Slots T_max in an episode, - (at least 1); the episode is truncated, never terminated."""
    beta_levels: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """Offloading factors to choose from, - (each in (0, 1])."""
    mobility: Mobility = "waypoint"
    """Random waypoint, Gauss-Markov, or replay of a prepared trace."""
    access: Literal["nearest", "direct"] = "nearest"
    """Radio to the nearest server and backhaul to the executing one, or radio straight to the executing one."""
    coverage: Literal["soft", "hard"] = "soft"
    """Links degrade with distance, or offloading is impossible beyond the coverage radius."""
    spectrum: Literal["link", "shared"] = "link"
    """The whole bandwidth for every link, or equal shares among a server's users of the slot."""
    pathloss: Literal["power", "umi"] = "power"
    """Power-law path gain, or 3GPP TR 38.901 UMi."""
    cpu_energy: Literal["power_time", "cmos"] = "power_time"
    """CPU energy as power times time, or as kappa f^2 C."""
    combine: Literal["max", "sum"] = "max"
    """The local and the edge branch of a task in parallel or one after the other (`printed`: sum)."""
    cycles_per: Literal["byte", "kilobyte", "bit"] = "byte"
    """Unit of data of the task density (`printed`: kilobyte)."""
    credit: Credit = "difference"
    """Reward that a user learns from: its own, the team's mean, or its own plus its effect on the others' load
    (`printed`: team)."""

    def __post_init__(self) -> None:
        levels = self.beta_levels
        numbers = isinstance(levels, list | tuple) and all(isinstance(b, int | float) for b in levels)
        if not numbers or any(isinstance(b, bool) for b in levels):
            raise UserError(f"env.beta_levels = {quoted(levels)}: must be a list of numbers in (0, 1]")
        if not levels or not all(0.0 < b <= 1.0 for b in levels):
            raise UserError(f"env.beta_levels = {quoted(levels)}: every level must lie in (0, 1], at least one")
        object.__setattr__(self, "beta_levels", tuple(float(b) for b in levels))
        check_types(self)
        for name, printed in PRINTED.items() if self.printed else ():
            if getattr(self, name) not in (printed, _default(name)):
                raise UserError(f"env.{name} = {getattr(self, name)!r}: env.equations = 'printed' has {printed!r}")
            object.__setattr__(self, name, printed)  # what is recorded is what runs
        _within("env.users", self.users, 1, 100_000)
        _within("env.servers", self.servers, 1, 100_000)
        _within("env.candidates", self.candidates, 1, self.servers)
        _within("env.slots", self.slots, 1, 1_000_000)

    @property
    def printed(self) -> bool:
        """Whether the equations are those printed in the paper."""
        return self.equations == "printed"

    @property
    def density_unit(self) -> str:
        """Unit of data of the task density; `printed` implies the kilobyte."""
        return "kilobyte" if self.printed else self.cycles_per

    @property
    def heads(self) -> tuple[int, int, int, int]:
        """Choices of each action head: target (0 = local), offloading factor, cache, sync."""
        return (self.candidates + 1, len(self.beta_levels), 2, 2)


def _default(name: str) -> Any:
    return EnvConfig.__dataclass_fields__[name].default


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UserError(f"{name} = {quoted(value)}: must lie in [{low}, {high}]")


def check_types(config: Any, prefix: str = "env") -> None:
    """Raise `UserError` where a field of a dataclass of static settings is not what its annotation says."""
    for field in dataclasses.fields(config):
        check_type(f"{prefix}.{field.name}", field.type, getattr(config, field.name))


def check_type(name: str, kind: Any, value: Any) -> None:
    """Raise `UserError` where `value` is not of `kind`: a choice of words, int, bool or str."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UserError(f"{name} = {quoted(value)}: must be one of {', '.join(map(str, get_args(kind)))}")
    elif kind in (int, bool, str) and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise UserError(f"{name} = {quoted(value)}: must be {'an' if kind is int else 'a'} {kind.__name__}")
