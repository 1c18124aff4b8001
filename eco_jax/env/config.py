"""Static settings of the environment: what decides shapes, and so costs a new compilation."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, get_args

from eco_jax.errors import UserError
from eco_jax.settings import check, numbers, whole

Knowledge = Literal["none", "telemetry", "forecast", "twin", "truth"]
KNOWLEDGE: tuple[Knowledge, ...] = get_args(Knowledge)
"""The ladder of knowledge, from least to most: each level adds exactly one thing to the one before, but for the last,
an upper reference, which knows the slowdowns themselves."""
NONE, TELEMETRY, FORECAST, TWIN, TRUTH = KNOWLEDGE


class Sight(NamedTuple):
    """What a level of knowledge has."""

    telemetry: bool
    """memory: executions are measured and remembered, and positions predicted"""
    foresees: bool
    """prediction: who will run where in this slot, from all users' present tasks, links and beliefs"""
    sync: bool
    """synchronisation: a twin is there, can be refreshed, and is paid for"""
    truth: bool
    """the belief is the truth"""
    measures_all: bool = False
    """every CPU is measured every slot, by telemetry and by a synchronisation each, at no price: of no level"""


SIGHT: dict[str, Sight] = {
    NONE: Sight(telemetry=False, foresees=False, sync=False, truth=False),
    TELEMETRY: Sight(telemetry=True, foresees=False, sync=False, truth=False),
    FORECAST: Sight(telemetry=True, foresees=True, sync=False, truth=False),
    TWIN: Sight(telemetry=True, foresees=True, sync=True, truth=False),
    TRUTH: Sight(telemetry=True, foresees=True, sync=False, truth=True),
}
FULL_MEASUREMENT = Sight(telemetry=True, foresees=True, sync=False, truth=False, measures_all=True)
"""Of a world beside the ladder, which nobody can have: what is known there contains what any level up to `twin` knows.
"""
BENCHMARK = NONE
"""The paper's, which a twin is compared with."""
WITHOUT_TWIN = tuple(level for level in KNOWLEDGE if not (SIGHT[level].sync or SIGHT[level].truth))
"""What somebody without a twin can have."""
STEPS = {"memory": (TELEMETRY, NONE), "prediction": (FORECAST, TELEMETRY), "synchronisation": (TWIN, FORECAST)}
"""The three parts of a twin's worth -> the level that has it, and the one below."""


@dataclass(frozen=True)
class EnvConfig:
    """Static settings of the environment."""

    section: ClassVar[str] = "env"
    users: int = whole(30, 1, 100_000, "mobile users", "u", "assumed")
    servers: int = whole(45, 1, 100_000, "edge servers, spread evenly unless own coordinates are given", "n", "paper")
    candidates: int = whole(
        4, 1, 100_000, "nearest servers that a user may offload to, at most all servers", "K", "assumed"
    )
    slots: int = whole(60, 1, 1_000_000, "slots of an episode; it is truncated, never terminated", "T_max", "assumed")
    beta_levels: tuple[float, ...] = numbers(
        (0.25, 0.5, 0.75, 1.0), 0, 1, "offloading factors to choose from", "β", "assumed"
    )

    def __post_init__(self) -> None:
        for name, value in check(type(self), self.section, vars(self)).items():
            object.__setattr__(self, name, value)
        if len(set(self.beta_levels)) < len(self.beta_levels):
            raise UserError(f"env.beta_levels = {self.beta_levels}: each at most once")
        if self.candidates > self.servers:
            raise UserError(f"env.candidates = {self.candidates}: must lie in [1, {self.servers}], as env.servers says")

    @property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """Action head -> its choices by name, in their order.

        The target is where the task runs; the factor is the share of it that is offloaded; cache asks for a replica of
        the service at the server where the user is expected next; sync refreshes the twin. Factor and cache have no
        effect on a local task.
        """
        targets = ("local", *(f"candidate{k}" for k in range(1, self.candidates + 1)))
        asked = ("no", "yes")
        return {"target": targets, "factor": tuple(map(str, self.beta_levels)), "cache": asked, "sync": asked}

    @property
    def heads(self) -> tuple[int, int, int, int]:
        """Choices of each action head: target (0 = local), offloading factor, cache, sync."""
        return (self.candidates + 1, len(self.beta_levels), 2, 2)


STATIC = tuple(field.name for field in dataclasses.fields(EnvConfig))
"""Names of the static settings."""
