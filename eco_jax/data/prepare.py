"""From a source of raw rows to one prepared file: read, clean, window, resample, cut, write."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eco_jax.data.choose import at_times, checked_bounds, checked_centre, extent, from_the_first, moment
from eco_jax.data.clean import Cleaned, clean
from eco_jax.data.formats import Format, TDrive, as_format
from eco_jax.data.formats.hints import nowhere
from eco_jax.data.geo import BUSY_CENTRE, DEGREES, TOWN, Bounds, Frame
from eco_jax.data.read import Fixes, Rows
from eco_jax.data.report import Report
from eco_jax.data.resample import Segments, Slots, Tracks, cut, join, pad, resample
from eco_jax.data.sources import why_no_trace
from eco_jax.data.store import FORMAT_VERSION, Traces, check_out, is_prepared, save
from eco_jax.data.window import densest
from eco_jax.errors import UserError, shown
from eco_jax.settings import is_number


class Settings(NamedTuple):
    """How fixes become segments, checked."""

    slot_s: float
    side_m: float
    bounds: Bounds | None
    """of the town; None: the extent of the fixes"""
    centre: tuple[float, float] | str | None
    max_gap_s: float
    max_speed_kmh: float
    min_slots: int
    max_slots: int
    begin: float | None
    """s since 1970"""
    hours: float | None
    frame: Frame
    """what bounds and centre are in"""


def prepare(
    source: str | Path,
    out: str | Path,
    *,
    format: str | Format = TDrive.name,
    slot_s: float = 5.0,
    side_m: float = 3000.0,
    bounds: Bounds | None = None,
    centre: tuple[float, float] | str | None = None,
    begin: str | float | None = None,
    hours: float | None = None,
    max_gap_s: float = 300.0,
    max_speed_kmh: float = 150.0,
    min_slots: int = 61,
    max_slots: int | None = None,
    **of_format: Any,
) -> Report:
    """Prepare traces for the simulator, and say what was kept and what was dropped.

    The same rows give the same bytes, however they are packed into files (but for the hash of the files, which formats
    other than T-Drive's record).

    Args:
        source: a file, a folder or a zip of traces.
        out: the `.npz` to write; see `Traces` for its arrays. It is replaced as a whole or left alone; nothing but a
            prepared file is ever replaced.
        format: how the traces are written: a name that is registered, as tdrive or gps, or an object
            (`eco_jax.data.formats.Gps(sep=";")`).
        slot_s: length of a slot, whole seconds (the rows' clock has no finer ones).
        side_m: side of the square window in metres.
        bounds: of the town as west, south, east, north, in degrees, or in metres where the positions are; rows outside
            are dropped. By default Greater Beijing for T-Drive, and for all others the extent of the rows.
        centre: of the window, east and north, within `bounds`, or "densest": the busiest place in
            town. By default `geo.BUSY_CENTRE` in Beijing, and the densest in any other town.
        begin: earliest time kept: a date with a time of day, or s since 1970, on the rows' clock.
        hours: how long after `begin`, or after the first fix.
        max_gap_s: a taxi that is silent for longer is not interpolated; its track is cut there.
        max_speed_kmh: a fix that could only be reached faster is dropped.
        min_slots: shortest segment to keep: an episode's slots and the state after the last.
        max_slots: longer segments are cut into equal parts, since all are padded to the longest; at least
            2 * min_slots, and 4 * min_slots by default.
        of_format: settings of the format, as columns.

    Raises:
        UserError: a number is out of range, the source is missing or holds nothing usable, or `out` cannot be
            written, or is something else than a prepared file.
    """
    form = as_format(format, of_format)
    bounds = form.town if bounds is None else bounds
    settings = checked(
        form.frame, slot_s=slot_s, side_m=side_m, bounds=bounds, centre=centre, begin=begin, hours=hours,
        max_gap_s=max_gap_s, max_speed_kmh=max_speed_kmh, min_slots=min_slots, max_slots=max_slots,
    )  # fmt: skip
    _check_out(Path(out), Path(source), form)
    form, guessed = form.fitted(Path(source))
    rows = form.read(Path(source))
    traces, report = assemble(rows, settings, shown(source, 300), form.origin(rows))
    save(out, traces)
    return replace(report, guessed=guessed)


def checked(
    frame: Frame, *, slot_s: float, side_m: float, bounds: Any, centre: Any, begin: Any, hours: Any, max_gap_s: float,
    max_speed_kmh: float, min_slots: int, max_slots: int | None,
) -> Settings:  # fmt: skip
    """The settings of `prepare`, if they are allowed.

    Raises:
        UserError: one is not.
    """
    _check("slot_s", slot_s, 1, 300, "whole seconds", whole=True)
    _check("side_m", side_m, 100, 50_000, "metres")
    _check("max_gap_s", max_gap_s, slot_s, 86_400, "seconds, from slot_s")
    _check("max_speed_kmh", max_speed_kmh, 10, 1000, "km/h")
    _check("min_slots", min_slots, 1, 1_000_000, "whole slots", whole=True)
    max_slots = 4 * min_slots if max_slots is None else max_slots
    _check("max_slots", max_slots, 2 * min_slots, 10_000_000, "whole slots, from 2 * min_slots", whole=True)
    if hours is not None:
        _check("hours", hours, 1 / 3600, 1e6, "hours")
    if bounds is not None:
        bounds = checked_bounds(bounds, frame)
    if centre is None:
        centre = BUSY_CENTRE if bounds == TOWN and frame is DEGREES else "densest"
    centre = checked_centre(centre, bounds, frame)
    return Settings(
        slot_s, side_m, bounds, centre, max_gap_s, max_speed_kmh, int(min_slots), int(max_slots),
        None if begin is None else moment(begin), hours, frame,
    )  # fmt: skip


def assemble(rows: Rows, settings: Settings, place: str, origin: Mapping[str, Any]) -> tuple[Traces, Report]:
    """Segments from fixes: clean, window, resample, cut.

    Args:
        rows: what was read.
        settings: as `checked` gives them.
        place: names the source in a message.
        origin: what the file records of the source.

    Raises:
        UserError: nothing usable is left.
    """
    slot_s, side_m, bounds, centre, max_gap_s, max_speed_kmh, min_slots, max_slots, begin, hours, frame = settings
    own = bounds is None
    bounds = extent(rows.fixes, frame) if bounds is None else bounds
    cleaned = at_times(clean(rows.fixes, max_speed_kmh, bounds, frame), begin, hours)
    if not cleaned.fixes.time.size:
        dropped = {"garbled": rows.garbled, **cleaned.dropped}
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count)
        town = "lies in the extent of the rows" if own else "lies in town"
        raise UserError(
            f"no row of {place} {town} ({frame.show(bounds)}; set bounds for another): {reasons}"
            f"{nowhere(rows.fixes, bounds, frame)}"
        )
    there = densest(cleaned.fixes, side_m, bounds, frame) if centre is None or isinstance(centre, str) else centre
    tracks = join(cleaned.fixes, there, side_m, max_gap_s, frame)
    slots = resample(tracks, side_m, int(slot_s))
    start, length = cut(slots, min_slots, max_slots)
    if not length.size:
        longest, tracks_inside = int(slots.run_length.max(initial=0)), slots.run_length.size
        advice = from_the_first(cleaned, begin) or "lower min_slots, or raise side_m or max_gap_s"
        raise UserError(
            f"no segment of {min_slots} slots in {place}: {tracks_inside:,} tracks lie in the window, "
            f"the longest over {longest} slots of {slot_s:g} s; {advice}"
        )
    segments = pad(tracks, slots, start, length, int(slot_s))
    report = _report(rows, cleaned, tracks, slots, segments, bounds, there, settings, dict(origin))
    return _traces(segments, report), report


def _check(
    name: str, value: float | int, low: float | int, high: float | int, unit: str, *, whole: bool = False
) -> None:
    if not is_number(value) or not low <= value <= high or (whole and value != int(value)):
        raise UserError(f"{name} is {shown(value)}: allowed are {low:g} to {high:,g} ({unit})")


def _check_out(out: Path, source: Path, form: Format) -> None:
    check_out(out, is_prepared, [source])
    here, there = (Path(os.path.realpath(path)) for path in (source, out))
    if (
        here.is_dir()
        and there.is_relative_to(here)
        and not why_no_trace(there.relative_to(here).as_posix(), form.suffixes)
    ):
        raise UserError(
            f"{shown(out, 300)}: lies in the source and would be read as rows there; give it a name that ends in .npz"
        )


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
    settings: Settings,
    origin: dict[str, Any],
) -> Report:
    interval, step = _intervals_and_steps(cleaned.fixes, settings.frame)
    inside = np.all((tracks.position >= 0) & (tracks.position <= settings.side_m), axis=1)
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
        side_m=float(settings.side_m),
        slot_s=float(settings.slot_s),
        min_slots=settings.min_slots,
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
        origin=origin,
    )


def _intervals_and_steps(fixes: Fixes, frame: Frame) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Seconds and metres from each fix to the next of its taxi."""
    same = np.flatnonzero(np.diff(fixes.taxi) == 0)
    here, there = fixes.where(same), fixes.where(same + 1)
    metres = frame.distance_m(here.longitude, here.latitude, there.longitude, there.latitude)
    return there.time - here.time, metres


def _rounded(value: float | np.floating) -> float:
    return round(float(value), 3)
