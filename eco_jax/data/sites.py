"""Own servers: a table with their coordinates and, if one likes, with what each of them can do."""

import difflib
import math
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eco_jax.data.table import cell, header_of, number, read_text, rows_of, separator
from eco_jax.env.sites import OWN, PLACES, check_own
from eco_jax.errors import UserError, quoted

_NAMES = {
    "x": "x", "x_m": "x", "easting": "x", "y": "y", "y_m": "y", "northing": "y", "lat": "lat", "latitude": "lat",
    "lon": "lon", "lng": "lon", "long": "lon", "longitude": "lon", **{name: name for name in OWN},
}  # fmt: skip
"""Name of a column -> what it is; others count for nothing."""
WANTED = "x,y in m, or lat,lon in degrees"


def read_sites(path: Path) -> dict[str, NDArray[np.float64]]:
    """The columns of a file of servers, each [servers]: `x` and `y` in m or `lat` and `lon` in degrees, and of
    `env.sites.OWN` those that it has.

    Without a header, or with one of two columns that says nothing, a row is x, y in m, with a comma, a semicolon, a tab
    or spaces between them. Below a header that names them the columns may stand in any order, among others. Empty lines
    and what follows a `#` count for nothing, but that other columns may hold one.

    Raises:
        UserError: it cannot be read, holds no row, or one that is not what it must be; file and line are named.
    """
    lines = read_text(path, f"rows of {WANTED}")
    header = header_of(lines[0][1]) if lines else []
    header = [plain if (plain := name.partition("#")[0].strip("_")) in _NAMES else name for name in header]
    names: dict[str, int] = {}
    for k, name in enumerate(header):
        if name in _NAMES:
            names.setdefault(_NAMES[name], k)
    if header and (len(header) > 2 or names not in ({}, {"x": 0, "y": 1})):
        return _named(path, lines, header, names)
    rows: list[list[float]] = []
    for count, (line, text) in enumerate(lines):
        row = text.split("#")[0].strip()
        fields = re.split(r"\s*[,;]\s*|\s+", row)
        values = [number(field) for field in fields]
        if count == 0 and len(fields) == 2 and values == [None, None] and all(fields):
            continue
        if len(values) != 2 or any(value is None or not math.isfinite(value) for value in values):
            raise UserError(f"{path}: line {line}: {quoted(text)}: must be x,y, two numbers in m{_more(values)}")
        rows.append([value for value in values if value is not None])
    if not rows:
        raise UserError(f"{path}: holds no sites: rows of {WANTED} are needed")
    x, y = np.asarray(rows).T
    return {"x": x, "y": y}


def _more(values: list[float | None]) -> str:
    return "; more columns need a header that names them" if len(values) > 2 and None not in values else ""


def _named(
    path: Path, lines: list[tuple[int, str]], header: list[str], names: dict[str, int]
) -> dict[str, NDArray[np.float64]]:
    """The columns of a file with a header."""
    line, text = lines[0]
    for name in header:
        if name not in _NAMES and name.startswith(("cpu", "coverage", "cache", "radius")):
            close = difflib.get_close_matches(name, OWN, n=1, cutoff=0.3) or list(OWN)
            raise UserError(f"{path}: line {line}: unknown column {quoted(name)}; did you mean {close[0]}?")
    place = next((pair for pair in PLACES if set(pair) <= names.keys()), None)
    if place is None:
        there = ", ".join(map(repr, header))
        raise UserError(f"{path}: line {line}: needs columns {WANTED}; there are {there}"[:500])
    wanted = [*place, *(name for name in OWN if name in names)]
    found: dict[str, list[float]] = {name: [] for name in wanted}
    for row in rows_of(lines[1:], separator(text), [names[name] for name in wanted]):
        for name in wanted:
            value = cell(path, row, names, name)
            where = f"{path}: line {row.line}: {name} = {value:g}"
            if not math.isfinite(value):
                raise UserError(f"{where}: must be finite")
            if name in OWN:
                check_own(f"{path}: line {row.line}: {name}", name, value)
            elif name == "lat" and abs(value) > 90:
                swapped = abs(cell(path, row, names, "lon")) <= 90 and abs(value) <= 180
                hint = "latitude and longitude look swapped" if swapped else "looks like metres, not degrees"
                raise UserError(f"{where}: must lie in [-90, 90]; {hint}")
            elif name == "lon" and abs(value) > 180:
                raise UserError(f"{where}: must lie in [-180, 180]; looks like metres, not degrees")
            found[name].append(value)
    if not found[wanted[0]]:
        raise UserError(f"{path}: holds no sites: rows of {WANTED} are needed")
    return {name: np.asarray(values) for name, values in found.items()}
