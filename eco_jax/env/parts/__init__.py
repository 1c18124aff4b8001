"""The exchangeable pieces of the world, one file each. Importing this registers those that come with the package.

A kind's base class says what a variant must do. `EnvParams` holds one variant of each kind, and any number of costs.
"""

from typing import Any

from eco_jax.env.parts.access import Access, Direct, Nearest
from eco_jax.env.parts.cost import Cost
from eco_jax.env.parts.coverage import Coverage, Hard, Soft
from eco_jax.env.parts.credit import Credit, Difference, Team, User
from eco_jax.env.parts.energy import Cmos, CpuEnergy, PerCycle, PowerTime
from eco_jax.env.parts.equations import Equations, Printed, Repaired
from eco_jax.env.parts.mobility import GaussMarkov, Mobility, Replay, Synthetic, Waypoint
from eco_jax.env.parts.pathloss import PathLoss, PowerLaw, Umi
from eco_jax.env.parts.spectrum import Link, Shared, Spectrum
from eco_jax.env.parts.tasks import Rows, Tasks, Uniform

DEFAULTS: dict[str, Any] = {
    "equations": Repaired, "mobility": Waypoint, "pathloss": PowerLaw, "access": Nearest, "coverage": Soft,
    "spectrum": Link, "energy": PowerTime, "credit": Difference, "tasks": Uniform,
}  # fmt: skip
"""Kind -> the variant where none is chosen: one of each kind is in a world."""
COST = Cost.kind
"""The kind of which a world may have any number."""

__all__ = [
    "COST", "DEFAULTS", "Access", "Cmos", "Cost", "Coverage", "CpuEnergy", "Credit", "Difference", "Direct",
    "Equations", "GaussMarkov", "Hard", "Link", "Mobility", "Nearest", "PathLoss", "PerCycle", "PowerLaw", "PowerTime",
    "Printed", "Repaired", "Replay", "Rows", "Shared", "Soft", "Spectrum", "Synthetic", "Tasks", "Team", "Umi",
    "Uniform", "User", "Waypoint",
]  # fmt: skip
