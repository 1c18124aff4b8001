"""Tasks: where their data, density and deadline come from, slot by slot."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from numpy.typing import NDArray

from eco_jax.errors import UserError, quoted
from eco_jax.model.tasks import BITS_PER
from eco_jax.parts import Part, register
from eco_jax.settings import UNITS

WORKLOAD: dict[str, tuple[str, str, float, float]] = {
    "data_kb": ("data", "KB", 1e-3, 1e9), "deadline_ms": ("deadline", "ms", 1e-3, 1e9),
}  # fmt: skip
"""Column of a workload -> settings that it decides (less their `_min`, `_max`), unit, and range."""
DENSITIES = {f"cycles_per_{unit}": unit for unit in BITS_PER}
"""Columns for the CPU cycles of a task per unit of its data, of which a workload has one -> that unit."""
DENSITY = ("density", 1e-6, 1e9)
"""Settings that it decides, and its range in whatever unit of data."""
RANGES = (*(setting for setting, *_ in WORKLOAD.values()), DENSITY[0])
"""All of them."""
_PER_BIT = "per_bit"
MOST = 1_000_000
"""Rows of a workload."""


class Drawn(NamedTuple):
    """What is drawn of a task."""

    data: Float[Array, " users"]
    """D_j, bit"""
    density: Float[Array, " users"]
    """c_j, cycles per unit of data (`equations.density_unit`)"""
    deadline: Float[Array, " users"]
    """L_max,j, s"""


class Tasks(Part, kind="tasks"):
    """Where the tasks come from. What a controller expects of them stands in `physics`: the ranges of all three."""

    draws: ClassVar[int] = 3
    """standard uniforms that it needs, per user and slot"""

    def draw(self, uniform: Float[Array, "users draws"], params: Any) -> Drawn:
        """The tasks of a slot.

        Args:
            uniform: standard uniforms in [0, 1).
            params: `EnvParams`.
        """
        raise NotImplementedError

    def expected(self, params: Any) -> tuple[Any, Any]:
        """Mean data (bit), and the density at which data of this size needs the mean cycles (cycles per unit of data).

        Here the means of the ranges.
        """
        return 0.5 * (params.data_min + params.data_max), 0.5 * (params.density_min + params.density_max)


@register("tasks", "uniform")
class Uniform(Tasks):
    """Uniform in the ranges of `physics`, all three independently."""

    def draw(self, uniform: Float[Array, "users draws"], params: Any) -> Drawn:
        """See the class."""

        def between(uniform: Array, low: Any, high: Any) -> Array:
            return low + uniform * (high - low)

        return Drawn(
            between(uniform[:, 0], params.data_min, params.data_max),
            between(uniform[:, 1], params.density_min, params.density_max),
            between(uniform[:, 2], params.deadline_min, params.deadline_max),
        )


class Table(NamedTuple):
    """The rows of a workload; leaves of `Rows.table`."""

    data: Float[Array, " rows"]
    """bit"""
    per_bit: Float[Array, " rows"]
    """cycles/bit"""
    deadline: Float[Array, " rows"]
    """s"""


@register("tasks", "rows")
class Rows(Tasks):
    """A row of a workload (`--workload FILE`), each with the same probability."""

    draws: ClassVar[int] = 1
    table: Any = None
    """`Table`"""

    def draw(self, uniform: Float[Array, "users draws"], params: Any) -> Drawn:
        """See the class."""
        count = self.table.data.shape[0]
        row = jnp.minimum(jnp.int32(uniform[:, 0] * count), count - 1)
        scale = BITS_PER[params.equations.density_unit]
        return Drawn(self.table.data[row], self.table.per_bit[row] * scale, self.table.deadline[row])

    def expected(self, params: Any) -> tuple[Any, Any]:
        """The means of the rows."""
        data = jnp.mean(self.table.data)
        cycles = jnp.mean(self.table.data * self.table.per_bit)
        return data, BITS_PER[params.equations.density_unit] * cycles / data


def check_cell(where: str, name: str, value: float) -> None:
    """Whether a number can stand in a column of a workload.

    Raises:
        UserError: it cannot; `where` begins the message.
    """
    unit, low, high = WORKLOAD[name][1:] if name in WORKLOAD else ("cycles", *DENSITY[1:])
    if not low <= value <= high:
        raise UserError(f"{where} = {value:g}: must lie in [{low:g}, {high:g}] {unit}")


def as_workload(given: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
    """The columns of a workload, each [rows]: those of `WORKLOAD`, and `per_bit`, cycles/bit.

    Args:
        given: column -> numbers; of `DENSITIES` one.

    Raises:
        UserError: a column is missing, there are too many rows, or a number is not allowed.
    """
    if given.keys() == {*WORKLOAD, _PER_BIT}:
        return dict(given)
    dense = [name for name in DENSITIES if name in given]
    if any(name not in given for name in WORKLOAD) or len(dense) != 1:
        raise UserError(
            f"workload: needs {', '.join(WORKLOAD)} and one of {', '.join(DENSITIES)}, not {', '.join(map(str, given))}"
        )
    found: dict[str, NDArray[np.float64]] = {}
    for name in (*WORKLOAD, dense[0]):
        try:
            values = np.asarray(given[name], np.float64)
        except (ValueError, TypeError):
            raise UserError(f"workload: {name} = {quoted(given[name], 40)}: must be numbers") from None
        if values.ndim != 1 or not 1 <= len(values) <= MOST or (found and values.shape != found["data_kb"].shape):
            raise UserError(
                f"workload: {name} is of shape {values.shape}: must be [rows], 1 to {MOST:,}, for all alike"
            )
        for value in (values.min(), values.max()):  # NaN is among them, if there is one
            check_cell(f"workload: {name}", name, float(value))
        found[name] = values
    found[_PER_BIT] = found.pop(dense[0]) / BITS_PER[DENSITIES[dense[0]]]
    return found


def decided(workload: Mapping[str, NDArray[np.float64]], unit: str) -> dict[str, Any]:
    """Setting of `eco_jax.make` -> what a workload makes of it.

    Args:
        workload: as `as_workload` gives it.
        unit: of data, of the task density.
    """
    found: dict[str, Any] = {Tasks.kind: Rows.name}
    columns = {setting: workload[name] for name, (setting, *_) in WORKLOAD.items()}
    columns[DENSITY[0]] = workload[_PER_BIT] * BITS_PER[unit]
    for setting, values in columns.items():
        found |= {f"{setting}_min": float(values.min()), f"{setting}_max": float(values.max())}
    return found


def table_of(workload: Mapping[str, NDArray[np.float64]]) -> Table:
    """The leaves of `Rows.table`, in SI, from what `as_workload` gives."""
    data, deadline = (UNITS[unit](workload[name]) for name, (_, unit, *_) in WORKLOAD.items())
    return Table(*(jnp.asarray(values, jnp.float32) for values in (data, workload[_PER_BIT], deadline)))
