"""From a source of raw rows to one prepared file: read, clean, window, resample, cut, write."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eco_jax.data.clean import Cleaned, clean
from eco_jax.data.geo import BUSY_CENTRE, TOWN, distance_m, in_town
from eco_jax.data.read import Fixes, Rows, read
from eco_jax.data.report import Report
from eco_jax.data.resample import Segments, Slots, Tracks, cut, join, pad, resample
from eco_jax.data.store import FORMAT_VERSION, Traces, check_writable, save
from eco_jax.data.window import densest
from eco_jax.errors import UserError


def prepare(
    source: str | Path,
    out: str | Path,
    *,
    slot_s: float = 5.0,
    side_m: float = 3000.0,
    centre: tuple[float, float] | str = BUSY_CENTRE,
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
        out: the `.npz` to write; see `Traces` for its arrays. It is replaced as a whole or left alone.
        slot_s: length of a slot, whole seconds (the rows' clock has no finer ones).
        side_m: side of the square window in metres.
        centre: its centre as longitude and latitude in degrees, or "densest": the busiest place in town.
        max_gap_s: a taxi that is silent for longer is not interpolated; its track is cut there.
        max_speed_kmh: a fix that could only be reached faster is dropped.
        min_slots: shortest segment to keep: an episode's slots and the state after the last.
        max_slots: longer segments are cut into equal parts, since all are padded to the longest; at least
            2 * min_slots, and 4 * min_slots by default.

    Raises:
        UserError: a number is out of range, the source is missing or holds nothing usable, or `out` cannot be
            written.
    """
    _check("slot_s", slot_s, 1, 300, "whole seconds", whole=True)
    _check("side_m", side_m, 100, 50_000, "metres")
    _check("max_gap_s", max_gap_s, slot_s, 86_400, "seconds, from slot_s")
    _check("max_speed_kmh", max_speed_kmh, 10, 1000, "km/h")
    _check("min_slots", min_slots, 1, 1_000_000, "whole slots", whole=True)
    max_slots = 4 * min_slots if max_slots is None else max_slots
    _check("max_slots", max_slots, 2 * min_slots, 10_000_000, "whole slots, from 2 * min_slots", whole=True)
    _check_centre(centre)
    check_writable(out)

    rows = read(source)
    cleaned = clean(rows.fixes, max_speed_kmh)
    if not cleaned.fixes.time.size:
        raise UserError(f"no row of {source} lies in town ({TOWN[0]}-{TOWN[2]} E, {TOWN[1]}-{TOWN[3]} N)")
    place = densest(cleaned.fixes, side_m) if isinstance(centre, str) else centre
    tracks = join(cleaned.fixes, place, side_m, max_gap_s)
    slots = resample(tracks, side_m, int(slot_s))
    start, length = cut(slots, min_slots, max_slots)
    if not length.size:
        longest = int(slots.run_length.max(initial=0))
        raise UserError(
            f"no segment of {min_slots} slots in {source}: {slots.run_length.size:,} tracks lie in the window, "
            f"the longest over {longest} slots of {slot_s:g} s; lower min_slots, or raise side_m or max_gap_s"
        )
    segments = pad(tracks, slots, start, length, int(slot_s))
    report = _report(rows, cleaned, tracks, slots, segments, place, side_m, slot_s, min_slots)
    save(out, _traces(segments, report))
    return report


def _check(
    name: str, value: float | int, low: float | int, high: float | int, unit: str, *, whole: bool = False
) -> None:
    if not low <= value <= high or (whole and value != int(value)):
        raise UserError(f"{name} is {value}: allowed are {low:g} to {high:,g} ({unit})")


def _check_centre(centre: tuple[float, float] | str) -> None:
    if isinstance(centre, str):
        if centre != "densest":
            raise UserError(f'centre is "{centre}": allowed are "densest", or longitude and latitude')
    elif not np.all(in_town(*np.array(centre, float)[:, None])):
        west, south, east, north = TOWN
        raise UserError(f"centre is {centre}: allowed are {west} to {east} E, {south} to {north} N, in this order")


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
    )


def _intervals_and_steps(fixes: Fixes) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Seconds and metres from each fix to the next of its taxi."""
    same = np.flatnonzero(np.diff(fixes.taxi) == 0)
    here, there = fixes.where(same), fixes.where(same + 1)
    metres = distance_m(here.longitude, here.latitude, there.longitude, there.latitude)
    return there.time - here.time, metres


def _rounded(value: float | np.floating) -> float:
    return round(float(value), 3)
