"""What may be wrong with rows that cannot be read, or that say what cannot be: one half-sentence, with what to do."""

import re
from collections.abc import Collection
from typing import Any

import numpy as np

from eco_jax.data.formats import times
from eco_jax.data.formats.base import Found
from eco_jax.data.formats.headers import split
from eco_jax.data.geo import METRES, Bounds, Frame
from eco_jax.data.read import Fixes
from eco_jax.errors import quoted

_CANDIDATES = {",": "','", ";": "';'", "\t": "tab", "|": "'|'", " ": "space"}
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")


def of_row(form: Any, text: str, columns: Collection[str]) -> str:
    """What may be wrong with a row that cannot be read.

    Args:
        form: a `Delimited`.
        text: the row.
        columns: what is expected in it; with its place, where that is known.
    """
    if text.startswith("PK\x03\x04") or text.startswith("\x1f\ufffd"):
        return "; looks like a packed or damaged file: a name ends in .zip or .gz where its content is"
    if "\0" in text:
        return "; looks like a binary file, or one in UTF-16: text in UTF-8 is read"
    if text.startswith("<"):
        return "; looks like XML: --format sumo?"
    sep = form.separator
    where = columns if isinstance(columns, dict) else {}
    wanted, fields = (
        max((len(columns), *(k + 1 for k in where.values()))),
        [field.strip(" \t\"'") for field in split(text, sep)],
    )
    if len(fields) < wanted:
        for other, name in _CANDIDATES.items():
            if other != sep and len(split(text, other)) >= wanted:
                return f"; separator looks like {name}: --sep {name}"
        return f"; has {len(fields)} columns, at least {wanted} are needed (--columns says which)"
    by_role = {role: fields[k] for role, k in where.items()}
    place = {role: field for role, field in by_role.items() if role in ("lat", "lon", "x", "y")}
    for role, field in place.items():
        if re.fullmatch(r"[-+]?\d+,\d+", field):
            return f"; {role} = {quoted(field)} has a decimal comma: write a point"
    for role, field in place.items():
        if not _NUMBER.fullmatch(field):
            return f"; {role} = {quoted(field)} is no number: --columns says which column is what"
    for role in ("latlon", "lonlat"):
        if role in by_role:
            return f"; {role} = {quoted(by_role[role])}: two numbers are needed, as POINT(41.9 12.5)"
    if "time" in by_role and "date" not in by_role:
        return times.hint(form.time, by_role["time"])
    return ""


def misread(form: Any, found: Found) -> str:
    """What may be wrong with the first good rows of a `Delimited`; nothing where they can be meant."""
    wrong = times.misread(form.time, found.time)
    if wrong:
        return wrong
    x, y = found.x, found.y
    if form.frame is METRES:
        small = max(np.ptp(x), np.ptp(y)) < 2 and np.abs(x).max() <= 180 and np.abs(y).max() <= 180
        return "; x and y look like degrees, not metres: --format gps" if small and _far(x, y) and len(x) > 1 else ""
    if (np.abs(y) > 90).all() and (np.abs(x) <= 90).all() and (np.abs(y) <= 180).all():
        return "; latitude and longitude look swapped: --columns says which is which"
    if (np.abs(x) > 180).all() or (np.abs(y) > 180).all():
        return "; looks like metres, not degrees: --format xy"
    return ""


def _far(x: Any, y: Any) -> bool:
    """Whether points that lie within two units of each other lie away from the origin, and differ at all."""
    return bool(np.hypot(x, y).min() > 2 and max(np.ptp(x), np.ptp(y)) > 0)


def nowhere(fixes: Fixes, bounds: Bounds, frame: Frame) -> str:
    """Why no fix may lie within bounds, beginning with "; "; nothing where nothing comes to mind."""
    west, south, east, north = bounds
    if not fixes.time.size:
        return ""
    x, y = fixes.longitude, fixes.latitude
    if ((west <= y) & (y <= east) & (south <= x) & (x <= north)).mean() > 0.5:
        what = "x and y" if frame is METRES else "latitude and longitude"
        return f"; {what} look swapped"
    if frame is not METRES and (np.abs(x) > 180).mean() > 0.5:
        return "; looks like metres, not degrees: --format xy"
    return ""
