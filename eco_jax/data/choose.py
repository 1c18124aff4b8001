"""Which part of the fixes is wanted: bounds of the town, centre of the window, time."""

import math
import re
from typing import Any

import numpy as np

from eco_jax.data.clean import Cleaned
from eco_jax.data.geo import DEGREES, Bounds, Frame, in_town
from eco_jax.data.read import Fixes
from eco_jax.errors import UserError, quoted, shown

_LIKE_A_DATE = re.compile(r"(19[7-9]|20\d)\d((0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01]))?")
_YEAR_S = 366 * 86_400


def checked_bounds(bounds: Bounds, frame: Frame = DEGREES) -> Bounds:
    """Bounds of a town, if they can be some.

    Raises:
        UserError: they cannot.
    """
    west, south, east, north = _numbers("bounds", bounds, f"west, south, east, north in {frame.name}", 4)
    for low, high, limit, axis in ((west, east, frame.limits[0], "E"), (south, north, frame.limits[1], "N")):
        if not (-limit <= low < high <= min(limit, low + frame.widest)):
            raise UserError(
                f"bounds are {low:g} to {high:g} {axis}: allowed are {-limit:g} to {limit:g}, rising, {frame.widest:g} "
                f"at most"
            )
    return west, south, east, north


def checked_centre(
    centre: tuple[float, float] | str, bounds: Bounds | None, frame: Frame = DEGREES
) -> tuple[float, float] | str:
    """Centre of a window, if it can be one.

    Raises:
        UserError: it cannot.
    """
    if isinstance(centre, str) and centre == "densest":
        return centre
    (widest_east, widest_north), of_bounds = frame.limits, "" if bounds is None else " (bounds)"
    bounds = (-widest_east, -widest_north, widest_east, widest_north) if bounds is None else bounds
    expected = f'"densest", or {frame.show(bounds)}{of_bounds}, in this order'
    east, north = _numbers("centre", centre, expected, 2)
    if not np.all(in_town(np.array([east]), np.array([north]), bounds)):
        raise UserError(f"centre is {east:g}, {north:g}: allowed are {expected}")
    return east, north


def _numbers(name: str, value: object, expected: str, count: int) -> tuple[float, ...]:
    try:
        numbers = np.array(value, float)
    except (ValueError, TypeError, OverflowError):
        numbers = np.array([np.nan])
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise UserError(f"{name} is {shown(value)}: allowed are {expected}")
    return tuple(numbers.tolist())


def extent(fixes: Fixes, frame: Frame) -> Bounds:
    """Bounds of all fixes: what is farther than half the widest town from their median is none of it.

    Of degrees, a coordinate that is exactly 0 is a receiver without a fix.
    """
    east, north = fixes.longitude, fixes.latitude
    sane = (np.abs(east) <= frame.limits[0]) & (np.abs(north) <= frame.limits[1])
    if frame is DEGREES:
        sane &= (east != 0) & (north != 0)
    if not sane.any():
        return -frame.widest / 2, -frame.widest / 2, frame.widest / 2, frame.widest / 2
    found: list[tuple[float, float]] = []
    for values, limit in ((east[sane], frame.limits[0]), (north[sane], frame.limits[1])):
        middle, half = float(np.median(values)), frame.widest / 2
        low, high = max(float(values.min()), middle - half), min(float(values.max()), middle + half)
        grain = frame.widest * 1e-6  # a point has an extent, too
        found.append((max(low - grain * (low == high), -limit), min(high + grain * (low == high), limit)))
    return found[0][0], found[1][0], found[0][1], found[1][1]


def moment(given: str | float) -> float:
    """Seconds since 1970 of a date with a time of day, or of seconds.

    Raises:
        UserError: it is neither.
    """
    allowed = f"begin = {quoted(given)}: must be as 2014-02-03 08:00:00, or s since 1970"
    text = str(given).strip().replace(" ", "T")
    if re.search(r"T.*[Zz+-]", text):
        raise UserError(f"{allowed}; without an offset: it is on the rows' clock")
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = np.datetime64(text, "s")
        except ValueError:
            raise UserError(allowed) from None
        seconds = math.nan if np.isnat(date) else float(date.astype(np.int64))
    if not math.isfinite(seconds):
        raise UserError(allowed)
    return seconds


def at_times(cleaned: Cleaned, begin: float | None, hours: float | None) -> Cleaned:
    """The fixes of a stretch of time; all, where none is chosen.

    Raises:
        UserError: `begin` looks like a year, or a date in digits, which are s since 1970; or no fix is of that time.
    """
    fixes = cleaned.fixes
    if (begin is None and hours is None) or not fixes.time.size:
        return cleaned
    if begin is not None and _LIKE_A_DATE.fullmatch(f"{begin:.0f}") and np.median(fixes.time) > begin + _YEAR_S:
        raise UserError(f"begin = {begin:.0f}: is in s since 1970, long before the rows; write a date as 2014-02-03")
    first = float(fixes.time.min()) if begin is None else begin
    last = np.inf if hours is None else first + 3600 * hours
    inside = (fixes.time >= first) & (fixes.time <= last)
    if not inside.any():
        raise UserError(
            f"begin, hours: choose a time without rows; the rows are of {_date(fixes.time.min())} to "
            f"{_date(fixes.time.max())}"
        )
    dropped = {**cleaned.dropped, "other_time": int(inside.size - inside.sum())}
    return cleaned._replace(fixes=fixes.where(inside), dropped=dropped)


def from_the_first(cleaned: Cleaned, begin: float | None) -> str:
    """What to do about a stretch of time that begins at the first fix; empty where it does not, or holds all fixes."""
    held, others = cleaned.fixes.time.size, cleaned.dropped.get("other_time", 0)
    if begin is not None or not others:
        return ""
    first = _date(cleaned.fixes.time.min())
    return f"hours count from the first fix, {first}, and hold {held:,} of {held + others:,} fixes: set begin"


def _date(seconds: float | np.signedinteger[Any]) -> str:
    return str(np.datetime64(int(seconds), "s")).replace("T", " ")
