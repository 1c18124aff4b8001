"""Traces from arrays, without a file."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eco_jax.data.formats.base import Found, joined
from eco_jax.data.geo import DEGREES, METRES, Bounds
from eco_jax.data.prepare import assemble, checked
from eco_jax.data.read import Rows
from eco_jax.data.store import Traces
from eco_jax.errors import UserError, quoted


def from_tracks(
    ids: Any,
    t: Any,
    xy: Any,
    *,
    degrees: bool = False,
    slot_s: float = 5.0,
    side_m: float = 3000.0,
    bounds: Bounds | None = None,
    centre: tuple[float, float] | str | None = None,
    max_gap_s: float = 300.0,
    max_speed_kmh: float = 150.0,
    min_slots: int = 61,
    max_slots: int | None = None,
) -> Traces:
    """What `prepare` makes of a file, made of arrays: for `eco_jax.make(trace=...)`, or `eco_jax.data.save`.

    Args:
        ids: who moves, [fixes]: texts or whole numbers.
        t: time of each fix, [fixes]: s from any origin on (1970 for dates), or NumPy dates; cut to whole seconds.
        xy: its place, [fixes, 2]: m to the east and north, or longitude and latitude in degrees.
        degrees: whether the places are in degrees.
        slot_s: length of a slot, whole seconds.
        side_m: side of the square window, m.
        bounds: west, south, east, north in the unit of the places; what lies outside is dropped. None: their extent.
        centre: of the window, in the unit of the places; None: where the window holds most fixes.
        max_gap_s: a longer gap between two fixes cuts a track, s.
        max_speed_kmh: what could only be reached faster is dropped, km/h.
        min_slots: shortest segment kept: the slots of an episode and one more.
        max_slots: longer segments are cut, 4 * min_slots by default.

    Returns:
        The arrays of a prepared file. `report` says, as JSON, what was dropped, and why.

    Raises:
        UserError: arrays that do not fit together, a number out of range, or nothing usable.
    """
    frame = DEGREES if degrees else METRES
    settings = checked(
        frame, slot_s=slot_s, side_m=side_m, bounds=bounds, centre=centre, begin=None, hours=None, max_gap_s=max_gap_s,
        max_speed_kmh=max_speed_kmh, min_slots=min_slots, max_slots=max_slots,
    )  # fmt: skip
    names, times, places = np.asarray(ids), _times(t), _numbers("xy", xy)
    if not len(times):
        raise UserError("t: there is no fix")
    for name, array, shape in (("ids", names, (len(times),)), ("xy", places, (len(times), 2))):
        if array.shape != shape:
            raise UserError(f"{name}: is of shape {array.shape}, must be {shape}, as there are {len(times)} times")
    if names.dtype.kind not in "iuUSO":
        raise UserError(f"ids: are {names.dtype}, must be texts or whole numbers")
    good = np.isfinite(times) & np.isfinite(places).all(axis=1)
    named = [name.decode() if isinstance(name, bytes) else str(name) for name in names[good].tolist()]
    fixes = joined([Found(named, times[good], places[good, 0], places[good, 1])])
    garbled = int((~good).sum())
    if garbled == len(times):
        raise UserError("xy, t: none of the fixes is finite")
    rows = Rows(fixes, len(times), garbled, (), 0, 0, {}, {})
    return assemble(rows, settings, "the arrays", {"format": "arrays", "frame": frame.name})[0]


def _times(t: Any) -> NDArray[np.float64]:
    times = np.asarray(t)
    if times.dtype.kind == "M":
        whole = times.astype("datetime64[us]")
        return np.where(np.isnat(whole), np.nan, whole.astype(np.int64) / 1e6)
    times = _numbers("t", t)
    if times.ndim != 1:
        raise UserError(f"t: is of shape {times.shape}, must be one time for each fix")
    return times


def _numbers(name: str, values: Any) -> NDArray[np.float64]:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "iuf":
            raise ValueError
        return array.astype(np.float64)
    except (ValueError, TypeError):
        raise UserError(f"{name}: must be an array of numbers, not {quoted(values, 40)}") from None
