"""From a source of raw rows to one prepared file: read, clean, window, resample, cut, write."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eco_jax.data.clean import Cleaned, clean
from eco_jax.data.geo import BUSY_CENTRE, TOWN, Bounds, distance_m, in_town, show_bounds
from eco_jax.data.read import Fixes, Rows, read
from eco_jax.data.report import Report
from eco_jax.data.resample import Segments, Slots, Tracks, cut, join, pad, resample
from eco_jax.data.sources import why_no_trace
from eco_jax.data.store import FORMAT_VERSION, Traces, check_out, is_prepared, save
from eco_jax.data.window import densest
from eco_jax.errors import UserError, shown

_WIDEST_TOWN = 5.0  # degrees: more is no town, and the grid of `densest` grows with it


def prepare(
    source: str | Path,
    out: str | Path,
    *,
    slot_s: float = 5.0,
    side_m: float = 3000.0,
    bounds: Bounds = TOWN,
    centre: tuple[float, float] | str | None = None,
    max_gap_s: float = 300.0,
    max_speed_kmh: float = 150.0,
    min_slots: int = 61,
    max_slots: int | None = None,
) -> Report:
    """Prepare taxi traces for the simulator, and say what was kept and what was dropped.

    The same rows give the same bytes, however they are packed into files.

    Args:
        source: rows `taxi id,YYYY-MM-DD HH:MM:SS,longitude,latitude` in a file, a folder of *.txt or
            *.csv, or a zip of those.
        out: the `.npz` to write; see `Traces` for its arrays. It is replaced as a whole or left alone; nothing but a
            prepared file is ever replaced.
        slot_s: length of a slot, whole seconds (the rows' clock has no finer ones).
        side_m: side of the square window in metres.
        bounds: of the town as west, south, east, north in degrees; rows outside are dropped. The default is Greater
            Beijing, T-Drive's town.
        centre: of the window as longitude and latitude in degrees, within `bounds`, or "densest": the busiest place in
            town. By default `geo.BUSY_CENTRE` in Beijing, and the densest in any other town.
        max_gap_s: a taxi that is silent for longer is not interpolated; its track is cut there.
        max_speed_kmh: a fix that could only be reached faster is dropped.
        min_slots: shortest segment to keep: an episode's slots and the state after the last.
        max_slots: longer segments are cut into equal parts, since all are padded to the longest; at least
            2 * min_slots, and 4 * min_slots by default.

    Raises:
        UserError: a number is out of range, the source is missing or holds nothing usable, or `out` cannot be
            written, or is something else than a prepared file.
    """
    _check("slot_s", slot_s, 1, 300, "whole seconds", whole=True)
    _check("side_m", side_m, 100, 50_000, "metres")
    _check("max_gap_s", max_gap_s, slot_s, 86_400, "seconds, from slot_s")
    _check("max_speed_kmh", max_speed_kmh, 10, 1000, "km/h")
    _check("min_slots", min_slots, 1, 1_000_000, "whole slots", whole=True)
    max_slots = 4 * min_slots if max_slots is None else max_slots
    _check("max_slots", max_slots, 2 * min_slots, 10_000_000, "whole slots, from 2 * min_slots", whole=True)
    min_slots, max_slots = int(min_slots), int(max_slots)
    bounds = _checked_bounds(bounds)
    if centre is None:
        centre = BUSY_CENTRE if bounds == TOWN else "densest"
    centre = _checked_centre(centre, bounds)
    _check_out(Path(out), Path(source))

    rows = read(source)
    cleaned = clean(rows.fixes, max_speed_kmh, bounds)
    if not cleaned.fixes.time.size:
        dropped = {"garbled": rows.garbled, **cleaned.dropped}
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count)
        raise UserError(
            f"no row of {shown(source, 300)} lies in town ({show_bounds(bounds)}; set bounds for another): {reasons}"
        )
    place = densest(cleaned.fixes, side_m, bounds) if isinstance(centre, str) else centre
    tracks = join(cleaned.fixes, place, side_m, max_gap_s)
    slots = resample(tracks, side_m, int(slot_s))
    start, length = cut(slots, min_slots, max_slots)
    if not length.size:
        longest, tracks_inside = int(slots.run_length.max(initial=0)), slots.run_length.size
        raise UserError(
            f"no segment of {min_slots} slots in {shown(source, 300)}: {tracks_inside:,} tracks lie in the window, "
            f"the longest over {longest} slots of {slot_s:g} s; lower min_slots, or raise side_m or max_gap_s"
        )
    segments = pad(tracks, slots, start, length, int(slot_s))
    report = _report(rows, cleaned, tracks, slots, segments, bounds, place, side_m, slot_s, min_slots)
    save(out, _traces(segments, report))
    return report


def _check(
    name: str, value: float | int, low: float | int, high: float | int, unit: str, *, whole: bool = False
) -> None:
    number = isinstance(value, int | float | np.integer | np.floating)
    if not number or not low <= value <= high or (whole and value != int(value)):
        raise UserError(f"{name} is {shown(value)}: allowed are {low:g} to {high:,g} ({unit})")


def _check_out(out: Path, source: Path) -> None:
    check_out(out, is_prepared, [source])
    here, there = (Path(os.path.realpath(path)) for path in (source, out))
    if here.is_dir() and there.is_relative_to(here) and not why_no_trace(there.relative_to(here).as_posix()):
        raise UserError(
            f"{shown(out, 300)}: lies in the source and would be read as rows there; give it a name that ends in .npz"
        )


def _numbers(name: str, value: object, expected: str, count: int) -> tuple[float, ...]:
    try:
        numbers = np.array(value, float)
    except (ValueError, TypeError, OverflowError):
        numbers = np.array([np.nan])
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise UserError(f"{name} is {shown(value)}: allowed are {expected}")
    return tuple(numbers.tolist())


def _checked_bounds(bounds: Bounds) -> Bounds:
    west, south, east, north = _numbers("bounds", bounds, "west, south, east, north in degrees", 4)
    if not (-180 <= west < east <= min(180, west + _WIDEST_TOWN)):
        raise UserError(f"bounds are {west:g} to {east:g} E: allowed are -180 to 180, rising, {_WIDEST_TOWN:g} at most")
    if not (-85 <= south < north <= min(85, south + _WIDEST_TOWN)):
        raise UserError(f"bounds are {south:g} to {north:g} N: allowed are -85 to 85, rising, {_WIDEST_TOWN:g} at most")
    return west, south, east, north


def _checked_centre(centre: tuple[float, float] | str, bounds: Bounds) -> tuple[float, float] | str:
    if isinstance(centre, str) and centre == "densest":
        return centre
    expected = f'"densest", or {show_bounds(bounds)} (bounds), in this order'
    longitude, latitude = _numbers("centre", centre, expected, 2)
    if not np.all(in_town(np.array([longitude]), np.array([latitude]), bounds)):
        raise UserError(f"centre is {longitude:g}, {latitude:g}: allowed are {expected}")
    return longitude, latitude


def _traces(segments: Segments, report: Report) -> Traces:
    return Traces(
        *segments,
        slot_s=np.array(report.slot_s),
        side_m=np.array(report.side_m),
        centre=np.array(report.centre),
        format_version=np.array(FORMAT_VERSION),
        report=np.array(report.to_json(packing=False)),
    )


def _report(
    rows: Rows,
    cleaned: Cleaned,
    tracks: Tracks,
    slots: Slots,
    segments: Segments,
    bounds: Bounds,
    centre: tuple[float, float],
    side_m: float,
    slot_s: float,
    min_slots: int,
) -> Report:
    interval, step = _intervals_and_steps(cleaned.fixes)
    inside = np.all((tracks.position >= 0) & (tracks.position <= side_m), axis=1)
    return Report(
        rows=rows.rows,
        dropped={"garbled": rows.garbled, **cleaned.dropped},
        reordered=cleaned.reordered,
        fast_steps=cleaned.fast_steps,
        taxis=np.unique(tracks.taxi).size,
        fixes=tracks.time.size,
        interval_mean_s=_rounded(interval.mean()) if interval.size else 0.0,
        interval_median_s=_rounded(np.median(interval)) if interval.size else 0.0,
        step_mean_m=_rounded(step.mean()) if step.size else 0.0,
        bounds=bounds,
        centre=(float(centre[0]), float(centre[1])),
        side_m=float(side_m),
        slot_s=float(slot_s),
        min_slots=int(min_slots),
        window_fixes=int(inside.sum()),
        window_taxis=np.unique(tracks.taxi[inside]).size,
        mean_taxis=_rounded(slots.number.size / np.unique(slots.number).size),
        segments=segments.length.size,
        slots=int(segments.length.sum()),
        longest=int(segments.length.max()),
        files=rows.files,
        empty_files=rows.empty_files,
        bad_rows=rows.bad_rows,
        skipped=rows.skipped,
        skipped_names=rows.skipped_names,
    )


def _intervals_and_steps(fixes: Fixes) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Seconds and metres from each fix to the next of its taxi."""
    same = np.flatnonzero(np.diff(fixes.taxi) == 0)
    here, there = fixes.where(same), fixes.where(same + 1)
    metres = distance_m(here.longitude, here.latitude, there.longitude, there.latitude)
    return there.time - here.time, metres


def _rounded(value: float | np.floating) -> float:
    return round(float(value), 3)
