"""Own workloads: a table of tasks to draw from."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eco_jax.data.table import cell, header_of, read_text, rows_of, separator
from eco_jax.env.parts.tasks import DENSITIES, WORKLOAD, check_cell
from eco_jax.errors import UserError, quoted

WANTED = f"{', '.join(WORKLOAD)} and one of {', '.join(DENSITIES)}"


def read_workload(path: Path) -> dict[str, NDArray[np.float64]]:
    """The columns of a file of tasks, each [rows]: `data_kb`, `deadline_ms` and one of `env.parts.tasks.DENSITIES`.

    Below a header that names them they may stand in any order, among others. What follows a `#` in one counts for
    nothing.

    Raises:
        UserError: it cannot be read, holds no row, or one that is not what it must be; file and line are named.
    """
    lines = read_text(path, "rows of tasks")
    if not lines:
        raise UserError(f"{path}: holds no tasks: a header with {WANTED} is needed")
    line, text = lines[0]
    header = header_of(text)
    if not header:
        raise UserError(f"{path}: line {line}: {quoted(text)}: must be a header with {WANTED}")
    names = {name: k for k, name in reversed(list(enumerate(header)))}
    dense = [name for name in DENSITIES if name in names]
    missing = [name for name in WORKLOAD if name not in names]
    if missing or len(dense) != 1:
        there = ", ".join(map(repr, header))
        raise UserError(f"{path}: line {line}: needs columns {WANTED}; there are {there}"[:500])
    wanted = (*WORKLOAD, dense[0])
    found: dict[str, list[float]] = {name: [] for name in wanted}
    for row in rows_of(lines[1:], separator(text), [names[name] for name in wanted]):
        for name in wanted:
            value = cell(path, row, names, name)
            check_cell(f"{path}: line {row.line}: {name}", name, value)
            found[name].append(value)
    if not found[wanted[0]]:
        raise UserError(f"{path}: holds no tasks: rows below the header are needed")
    return {name: np.asarray(values) for name, values in found.items()}
